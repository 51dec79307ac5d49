"""Trainings that are killed, ended and left alone by who reads them, at random moments: python -m tests.soak 200.

Each of them is gone on with until it is done. Bad is whatever differs from a training that nobody disturbed: weights,
log, exit code, pictures, a temporary file that stays, or a byte of a file of others. Forks, so that torch loads once.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

import psutil
import torch
from tqdm import tqdm

import teachkit.commands.train as command
from teachkit import files
from teachkit.__main__ import main
from teachkit.errors import one_line
from teachkit.feed.formats import write_folder
from teachkit.feed.scenes import SceneSettings, make_scenes
from teachkit.learn import checkpoint, saving
from teachkit.learn.checkpoint import load_run
from teachkit.learn.log import read_log
from teachkit.watch.figures import plots  # noqa: F401 — loaded once, for all forks

EPOCHS = 3
PATIENCE = 120  # s of work, or of doing nothing at all
SMALL = ["--batch-size", "8", "--image-size", "64", "--threads", "1", "--epochs", str(EPOCHS)]
VOLATILE = {"seconds", "train_seconds", "rss_mb", "gpu_mb", "gpu_percent"}
# A quarter dies in a save, a twentieth in the last one or while drawing; see `ways`.
WAYS = ["kill"] * 6 + ["in a save"] * 5 + ["in the last save"] + ["INT", "TERM", "HUP"] * 2 + ["gone reader", "full"]


def fork(words, prepare=lambda: None):
    """A command in a process of its own → its number. prepare: called in it before."""
    number, heard = os.fork(), os.dup(2)
    if number == 0:
        code = 70
        try:
            prepare()
            # Those that it inherits think that they still write to where the parent writes.
            sys.stdout, sys.stderr = (open(place, "w", closefd=False) for place in (1, 2))  # noqa: SIM115
            code = main([str(word) for word in words])
            sys.stderr.flush()
        except SystemExit as end:
            code = end.code
        except BaseException:
            os.write(heard, traceback.format_exc().encode())
        finally:
            os._exit(code if isinstance(code, int) else 71)
    os.close(heard)
    return number


def end_of(number):
    """Exit code, or minus the signal. None: it hung, and was killed: a busy machine only makes it slow."""
    worked, since = 0.0, time.monotonic()
    while worked < PATIENCE and time.monotonic() < since + PATIENCE:
        ended, status = os.waitpid(number, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if (used := sum(psutil.Process(number).cpu_times()[:2])) > worked:
            worked, since = used, time.monotonic()
        time.sleep(0.005)
    os.kill(number, signal.SIGKILL)
    os.waitpid(number, 0)
    return None


def quiet(path=os.devnull):
    place = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(place, 1), os.dup2(place, 2)


def die_at(count):
    """In this process, at the count-th flush or renaming from here on."""
    left = [count]

    def dying(real):
        def call(*given):
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*given)

        return call

    for module in (files.os, checkpoint.os):
        module.fsync, module.replace = dying(module.fsync), dying(module.replace)


def die_in_the_last_save(dice):
    """From the last save on: within it, in the end record, or while the pictures are drawn."""
    real, count = saving.Checkpointer.save, dice.randrange(16)

    def save(self, state, *given):
        if state["progress"]["closed_epochs"] == EPOCHS:
            die_at(count)
        return real(self, state, *given)

    saving.Checkpointer.save = save
    if dice.random() < 0.3:
        command._draw = lambda *_: os.kill(os.getpid(), signal.SIGKILL)


def disturb(way, words, dice, length):
    """Runs the command and disturbs it → exit code, or minus the signal. length: s that it takes undisturbed."""
    if way == "gone reader":
        reading, writing = os.pipe()
        number = fork(words, lambda: (os.close(reading), os.dup2(writing, 1), os.dup2(writing, 2), os.close(writing)))
        os.close(writing)
        time.sleep(dice.uniform(0, length))
        os.close(reading)
        return end_of(number)
    if way == "full":
        return end_of(fork(words, lambda: quiet("/dev/full")))
    if way == "in a save":
        count = dice.randrange(45)
        return end_of(fork(words, lambda: (quiet(), die_at(count))))
    if way == "in the last save":
        return end_of(fork(words, lambda: (quiet(), die_in_the_last_save(dice))))
    number = fork(words, quiet)
    time.sleep(dice.uniform(0, length))
    os.kill(number, signal.SIGKILL if way == "kill" else getattr(signal, f"SIG{way}"))
    return end_of(number)


def steady(records):
    kept = [record for record in records if record.get("what") not in ("resumed", "unheard")]
    return json.dumps([{name: value for name, value in one.items() if name not in VOLATILE} for one in kept])


def faults_of(folder, whole):
    """What differs from the undisturbed run."""
    state, log = load_run(folder).state, read_log(folder / "log.jsonl")
    for part in ("model", "ema"):
        mine, theirs = state["train_step"][part], whole["state"]["train_step"][part]
        if part == "ema":
            mine, theirs = mine["model"], theirs["model"]
        if any(not torch.equal(mine[name], theirs[name]) for name in theirs):
            yield f"other weights in {part}"
    if steady(log) != whole["log"]:
        yield f"another log, of {len(log)} records"
    for name in ("best.pt", "curves.png", "detections.png"):
        if not (folder / name).is_file() or not (folder / name).stat().st_size:
            yield f"no {name}"
    if (folder / "film.mkv.part").read_bytes() != b"mine" or (folder / "notes.txt").read_bytes() != b"mine":
        yield "a file of others was touched"
    yield from (f"{path.name} is left" for path in folder.glob(".teachkit-*.part"))


def trial(way, home, whole, dice):
    """One training in a folder of others, disturbed once, then gone on with → what is bad."""
    folder, said = home / "run", home / "said.txt"  # what was said when it was gone on with
    said.write_bytes(b"")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in ("film.mkv.part", "notes.txt"):
        (folder / name).write_bytes(b"mine")
    begin = ["train", "--data", home / "data", "--save", folder, *SMALL]
    code = disturb(way, begin, dice, whole["length"])
    expected = {"gone reader": {0}, "full": {0}, "kill": {0, -9}, "in a save": {0, -9}, "in the last save": {0, -9}}
    # until torch is asked for its first step nothing is there to be saved, and the signal simply ends the process
    if code not in expected.get(way, {0, 130, -signal.SIGTERM, -signal.SIGHUP, -signal.SIGINT}):
        yield f"exit code {code}"
    if way in ("INT", "TERM", "HUP") and code == 130 and (folder / "log.jsonl").is_file():
        log = read_log(folder / "log.jsonl")
        if any(record["kind"] == "step" for record in log) and log[-1]["kind"] != "end":
            yield "interrupted, and the log does not end"
    if code != 0:
        saved = any((folder / name).exists() for name in checkpoint.TO_RESUME)
        again = end_of(fork(["train", "--resume", folder] if saved else begin, lambda: quiet(said)))
        finished = again == 2 and read_log(folder / "log.jsonl")[-1]["kind"] == "end"  # killed when all was done
        if again != 0 and not finished:
            yield f"exit code {again} when it was gone on with"
    for fault in faults_of(folder, whole):
        yield f"{fault}; {one_line(said.read_text()[-500:])}"


def soak(count, seed):
    dice, tried, bad = random.Random(seed), Counter(), Counter()
    with tempfile.TemporaryDirectory() as scratch:
        home, whole = Path(scratch), {}
        look = SceneSettings(image_size=64, objects=(1, 3), size=(1 / 4, 1 / 2))
        examples = {split: make_scenes(size, 0, look, split=split) for split, size in (("train", 24), ("val", 8))}
        write_folder(examples, home / "data", "yolo")
        began = time.monotonic()
        assert end_of(fork(["train", "--data", home / "data", "--save", home / "whole", *SMALL], quiet)) == 0
        whole["length"], whole["state"] = time.monotonic() - began, load_run(home / "whole").state
        whole["log"] = steady(read_log(home / "whole" / "log.jsonl"))
        for number in tqdm(range(count)):
            way = WAYS[number % len(WAYS)] if count >= len(WAYS) else WAYS[number * len(WAYS) // count]
            tried[way] += 1
            for fault in trial(way, home, whole, dice):
                bad[way] += 1
                print(f"{number} ({way}): {fault}", flush=True)
    for way in dict.fromkeys(WAYS):
        print(f"{way:18} {tried[way]:4} tried {bad[way]:4} bad")
    print(f"{'all':18} {tried.total():4} tried {bad.total():4} bad")
    return int(bad.total() > 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    sys.exit(soak(asked.count, asked.seed))
