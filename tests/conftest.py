"""What every test shares: one thread, a real data set where there is one, no GPU unless asked for."""

import gc
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LONGEST = {  # more than 15 s of a processor
    *("test_commands.py", "test_make.py", "test_live.py", "test_site.py", "test_demo.py", "test_ranks.py"),
    *("test_every_width.py", "test_cockpit.py", "test_next_day.py", "test_chart_playgrounds.py", "test_training.py"),
    *("test_error_and_label_browsers.py", "test_sweep.py", "test_pretended_gpu.py", "test_iou_playground.py"),
    *("test_live_session.py", "test_presets_show.py"),
}


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Two threads on two cores are slower than one as soon as anything else runs, and less repeatable."""
    import torch  # not in the process that only hands the tests out

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def nobody(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nobody") / "progress.json"


@pytest.fixture(autouse=True)
def progress_of_nobody(nobody: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test writes into the progress of whoever runs it, nor reads that of another test."""
    monkeypatch.setenv("TEACHKIT_PROGRESS", str(nobody))
    yield
    if nobody.exists():
        nobody.unlink()


@pytest.fixture
def heard() -> Callable[[int], None]:
    """Skips a test of a signal that is ignored here, as by nohup or in a shell's background, and so by every child."""

    def check(number: int) -> None:
        if signal.getsignal(number) is signal.SIG_IGN:
            pytest.skip(f"{signal.Signals(number).name} is ignored in this process")

    return check


@pytest.fixture
def sketches(monkeypatch: pytest.MonkeyPatch) -> None:
    """`train` draws sketches."""
    from tests.sketches import draw_sketches  # brings torch

    draw_sketches(monkeypatch.setattr)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder that holds real data sets: TEACHKIT_DATA, else data/."""
    return Path(os.environ.get("TEACHKIT_DATA", ROOT / "data"))


@pytest.fixture(scope="session")
def bccd(real_data: Path) -> Path:
    folder = real_data / "bccd"
    if not (folder / "Annotations").is_dir():
        reason = f"no BCCD pictures in {folder}: run `python -m teachkit data get bccd` or set TEACHKIT_DATA"
        if os.environ.get("TEACHKIT_REQUIRE_DATA") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is loaded stays to the end: the garbage collector need not look through it again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(10_000)  # hypothesis looks on at each of its rounds, which takes longer than the round
        gc.enable()


def pytest_unconfigure() -> None:
    gc.unfreeze()  # some libraries complain of what is left over


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # Here and not by a `-m` in pyproject.toml, which a `-m` given by hand would replace.
    for mark in {"whole", "install"} - set(config.option.markexpr.split()):
        left_out = [item for item in items if mark in item.keywords]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    # What takes longest begins first: a long file that one worker meets last keeps the other waiting.
    items.sort(key=lambda item: item.path.name not in LONGEST)
    if for_a_gpu := [item for item in items if "gpu" in item.keywords]:
        import torch

        if not torch.cuda.is_available():
            for item in for_a_gpu:
                item.add_marker(pytest.mark.skip(reason="no CUDA device here"))
