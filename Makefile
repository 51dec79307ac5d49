# make lab     opens the first notebook in JupyterLab
# make test    style, types, unit tests, notebooks
# make train   the main job without a browser: a detector learns the built-in set
# make bench   side by side with other tools, as ratios
# make demo    the instructor's cockpit as a page of its own; bench-live and compat measure it
# make store    runs notebooks and stores their outputs: make store NOTEBOOKS=notebooks/03_punish_box.ipynb
# make offline  the notebooks' tests with the network cut (Linux)
# make read     runs every notebook in JupyterLab and tells what a student would trip over: errors, dead widgets, broken pictures
# make recordings   makes the recorded runs in teachkit/experiments/runs anew
# make pictures     takes the README's pictures anew, one of them in a real browser
# make site    the lessons as pages to read without a kernel or a network: build/site; site-test looks at them in a browser
# Each makes .venv and installs requirements.txt when that is needed, and only then.

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# The first Python that is new enough; `make lab PYTHON=python3.12` overrules it.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

.PHONY: lab test lint units notebooks offline store read recordings pictures train bench demo bench-live compat site site-test clean

# What the kernel answers goes to the browser at once.
PROMPT := kernel_websocket_connection_class=teachkit.watch.connection.PromptConnection

# On localhost behind a random token, as Jupyter comes; root is only ever met in a container.
lab: $(INSTALLED)
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) --ServerApp.$(PROMPT) notebooks/00_start_here.ipynb

test: lint units notebooks

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@if node -e 'process.exit(parseInt(process.versions.node) < 20)' 2>/dev/null && command -v npm >/dev/null; then \
		{ [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund; } && npm run --silent lint; \
	else echo "no node 20 or later here: the front ends' JavaScript was not checked"; fi

# Two workers fill two cores, so one thread each. A file stays on one worker: its fixtures, or its kernel, start once.
units notebooks: export OMP_NUM_THREADS := 1

units: $(INSTALLED)
	$(BIN)/pytest -n 2 --dist loadfile tests

notebooks: $(INSTALLED)
	$(BIN)/pytest --nbval --nbval-current-env -n 2 --dist loadfile notebooks

# In a network of its own, which reaches nothing but itself.
offline: $(INSTALLED)
	unshare --net --map-root-user sh -c 'ip link set lo up && $(MAKE) notebooks'

# Neither times of day nor the state of widgets: a page would show a dead widget instead of its still picture.
NOTEBOOKS ?= $(wildcard notebooks/*.ipynb notebooks/solutions/*.ipynb)
store: export OMP_NUM_THREADS := 1
store: export TEACHKIT_PROGRESS := $(CURDIR)/build/progress.json
store: $(INSTALLED)
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace --ExecutePreprocessor.store_widget_state=False \
		--ExecutePreprocessor.record_timing=False $(NOTEBOOKS)

read: $(INSTALLED)
	$(BIN)/pytest -m whole --durations=0 tests/browser/test_whole_notebooks.py

recordings: $(INSTALLED)
	$(BIN)/python data/record_runs.py

pictures: $(INSTALLED)
	$(BIN)/python site/take_pictures.py

train: $(INSTALLED)
	$(BIN)/python -m teachkit train --data shapes --log runs/shapes/log.jsonl --save runs/shapes

bench: $(INSTALLED)
	$(BIN)/python -m benchmarks

# A random token, as Jupyter has; voila prints the address.
demo: $(INSTALLED)
	$(BIN)/voila --token --Voila.ip=127.0.0.1 --Voila.$(PROMPT) \
		--TagRemovePreprocessor.remove_cell_tags=script notebooks/live_demo.ipynb

bench-live: $(INSTALLED)
	$(BIN)/python benchmarks/bench_live.py

compat: $(INSTALLED)
	$(BIN)/python benchmarks/compat/compat.py

# A copy, so that the front page stands among the lessons. A link that finds nothing stops the build.
site: $(INSTALLED)
	rm -rf build/site build/site-source
	mkdir -p build/site-source
	cp -R notebooks/. site/index.md build/site-source/
	$(BIN)/sphinx-build -q -W --keep-going -E -b html -c site -d build/site-doctrees build/site-source build/site

site-test: $(INSTALLED)
	$(BIN)/pytest tests/browser/test_site.py

# pip's own messages say what went wrong; only a missing Python and a missing ensurepip need words of ours.
$(INSTALLED): requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "teachkit needs Python 3.11 or later: install it, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "no venv here: on Debian and Ubuntu, 'apt install python3-venv' mends it" >&2; exit 1; }
	$(BIN)/python -m pip install --disable-pip-version-check --requirement requirements.txt
	@# JupyterLab would greet with a question about its own news, over the first lesson.
	@$(BIN)/jupyter labextension disable --level=sys_prefix --log-level=ERROR @jupyterlab/apputils-extension:announcements
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
