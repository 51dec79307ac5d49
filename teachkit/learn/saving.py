"""Saves a run in a folder. A full disk or a missing folder does not stop the training."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from teachkit.errors import UserError
from teachkit.files import FULL, clean_stale, why_not_written
from teachkit.learn.checkpoint import Content, pack, put_aside, save_best, save_last
from teachkit.learn.log import Event
from teachkit.learn.run_folder import FolderLock, claim, files_of_others


class Checkpointer:
    """Saves states and the best weights. settings: plain values that are saved with them.

    The folder is made, locked and marked at once: UserError if that cannot be, or if files of others are in the way. An
    earlier run in it is put aside before the first state of this one is saved. continues: whether this run is the one
    saved there already; before_save: is called before each state, and puts on the disk what the state counts on;
    unsaved: why the latest state is not saved; saved_step: of the latest state that is.
    """

    def __init__(self, folder: Path, settings: dict[str, Any] | None = None) -> None:
        self.folder, self.settings = folder, settings or {}
        self.continues = False
        self.before_save: Callable[[], None] = lambda: None
        self.unsaved: str | None = None
        self.saved_step: int | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            files_of_others(folder)  # before anything is written there
            self.lock = FolderLock(folder)
            clean_stale(folder)
            claim(folder)
        except OSError as error:
            if error.errno in FULL and folder.is_dir():  # the first state will tell that
                return
            reason = error.strerror or error
            raise UserError(f"{folder}: cannot be used to save in ({reason}): choose another folder") from None

    def put_aside(self) -> None:
        """Moves an earlier run out of the way, once. OSError if that fails."""
        if not self.continues:
            put_aside(self.folder)
            self.continues = True

    def save(self, state: Content, detector: Content, best: dict[str, float] | None) -> list[Event]:
        """Saves the state and, with the scores `best`, the averaged weights → an event if writing fails.

        detector: model, classes and image_size, from which it can be rebuilt.
        """
        self.before_save()
        kept = {"rebuilds": detector, "settings": self.settings}
        steps: list[tuple[Callable[[Path, bytes], None], Content]] = [(save_last, {"state": state, **kept})]
        if best is not None:
            weights = state["train_step"]["ema"]["model"]
            steps.insert(0, (save_best, {"weights": weights, "scores": best, **kept}))
        for write, content in steps:
            packed = b""
            try:
                packed = pack(content)
                claim(self.folder)  # somebody may have removed it in the meantime, or put a file into it
                self.lock.renew()
                self.put_aside()
                write(self.folder, packed)
            except (OSError, UserError) as error:
                why = error if isinstance(error, UserError) else why_not_written(error, self.folder, len(packed))
                self.unsaved = str(why)
                return [Event("unsaved", f"{why}; the training goes on")]
        self.unsaved, self.saved_step = None, state["progress"]["step"]
        return []
