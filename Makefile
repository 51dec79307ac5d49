# make lab     opens the first notebook in JupyterLab
# make test    style, types, unit tests, notebooks
# make train   the main job without a browser: a detector learns the built-in set
# make bench   side by side with other tools, as ratios
# make bench-scale, bench-gpu   the same for more processes, and on a GPU
# make demo    the instructor's cockpit as a page of its own; bench-live and compat measure it
# make store    runs notebooks and stores their outputs: make store NOTEBOOKS=notebooks/03_punish_box.ipynb
# make offline  the notebooks' tests with the network cut (Linux)
# make elsewhere   the same with other instruction sets, threads and seeds, in an hour; a part: ELSEWHERE="--variant avx2-1 notebooks/08*"
# make read     runs every notebook in JupyterLab and tells what a student would trip over: errors, dead widgets, broken pictures
# make soak     kills, ends and leaves alone 200 trainings at random moments, and goes on with each: half an hour or more
# make recordings   makes the recorded runs in teachkit/experiments/runs anew
# make pictures     takes the README's pictures anew, one of them in a real browser
# make site    the lessons as pages to read without a kernel or a network: build/site; site-test looks at them in a browser
# make install-test  installs anew in a folder of its own, opens the first lesson, and says how long that took
# make lock     requirements.lock and requirements.txt anew from pyproject.toml: make lock UPGRADE="--upgrade-package torch"
# make licences the licence of every package that is installed: build/licences.md
# Each installs into .venv what it needs when that is needed, and only then: make.py does, which works without make, too.

BIN := .venv/bin

# What starts make.py, which finds or brings the Python of .venv; `make lab PYTHON=python3.12` overrules it.
PYTHON ?= $(shell for p in python3 python python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null && echo $$p && exit; done; \
	command -v uv >/dev/null && echo uv run --no-project --script)
MAKE_PY = $(or $(PYTHON),$(error teachkit needs Python 3.8 or later, or uv, to begin with: install one)) make.py

.PHONY: lab test lint lint-python lint-scripts units notebooks offline elsewhere store read soak recordings pictures train bench bench-scale bench-gpu demo bench-live compat
.PHONY: site site-test install-test lock licences clean installed-lab installed-site installed-test

# On localhost behind a random token, as Jupyter comes.
lab units notebooks train:
	@$(MAKE_PY) $@

test: lint units notebooks

# The two side by side: each takes one core.
lint:
	@$(MAKE) --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,--jobs=2) lint-python lint-scripts

lint-python:
	@$(MAKE_PY) lint

lint-scripts:
	@if node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null && command -v npm >/dev/null; then \
		{ [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund; } && npm run --silent lint; \
	else echo "no node 20 or later here: the front ends' JavaScript was not checked"; fi

installed-lab installed-site installed-test:
	@$(MAKE_PY) install $(@:installed-%=%)

# In a network of its own, which reaches nothing but itself.
offline: installed-test
	unshare --net --map-root-user sh -c 'ip link set lo up && $(MAKE) notebooks'

# As on other processors, and with other seeds: what is stored must hold in each.
elsewhere: installed-test
	$(BIN)/python tests/notebooks/elsewhere.py $(ELSEWHERE)

# Neither times of day nor the state of widgets: a page would show a dead widget instead of its still picture.
NOTEBOOKS ?= $(wildcard notebooks/*.ipynb notebooks/solutions/*.ipynb)
store: export OMP_NUM_THREADS := 1
store: export TQDM_DISABLE := 1
store: export TEACHKIT_PROGRESS := $(CURDIR)/build/progress.json
store: installed-lab
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace --ExecutePreprocessor.store_widget_state=False \
		--ExecutePreprocessor.record_timing=False \
		--NotebookExporter.preprocessors=teachkit.watch.connection.PicturesOnly $(NOTEBOOKS)

read: installed-test
	$(BIN)/pytest -m whole --durations=0 tests/browser/test_whole_notebooks.py

soak: installed-test
	OMP_NUM_THREADS=1 nice $(BIN)/python -m tests.soak 200

recordings: installed-lab
	$(BIN)/python data/record_runs.py

pictures: installed-test
	$(BIN)/python site/take_pictures.py

bench: installed-test
	$(BIN)/python -m benchmarks

bench-scale: installed-test
	$(BIN)/python -m benchmarks.bench_scale

# Where there is no GPU it says so, and that is no fault.
bench-gpu: installed-test
	@$(BIN)/python -m benchmarks.bench_gpu || [ $$? -eq 3 ]

# Opens the browser, on localhost behind a random token in the address.
demo: installed-lab
	@$(BIN)/python -m teachkit demo

bench-live: installed-test
	$(BIN)/python benchmarks/bench_live.py

compat: installed-test
	$(BIN)/python benchmarks/compat/compat.py

# A copy, so that the front page stands among the lessons. A link that finds nothing stops the build.
# EXPORTED: a folder that `python -m teachkit.page` has written before.
EXPORTED ?= build/live
site: installed-site
	rm -rf build/site build/site-source
	mkdir -p build/site-source
	cp -R notebooks/. site/index.md build/site-source/
	$(BIN)/sphinx-build -q -W --keep-going -E -b html -c site -d build/site-doctrees build/site-source build/site
	@if node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null && command -v npm >/dev/null; then \
		{ [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund; } && \
		{ [ "$(EXPORTED)" != build/live ] || $(BIN)/python -m teachkit.page build/live; } && node site/build_live.mjs $(EXPORTED) build/site; \
	else for page in live playgrounds photo; do cp site/no_live.html build/site/$$page.html; done; echo "no node 20 or later here: the site is built without its live pages"; fi

site-test: installed-test
	$(BIN)/pytest tests/browser/test_site.py

install-test: installed-test
	$(BIN)/pytest -m install -s tests/test_make.py

lock:
	@$(MAKE_PY) lock $(UPGRADE)

licences: installed-test
	mkdir -p build
	$(BIN)/python -m piplicenses --format=markdown --with-urls --order=license --output-file=build/licences.md

clean:
	rm -rf .venv .uv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
