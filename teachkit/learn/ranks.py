"""The ranks of a training: the processes that torchrun has started, each with its share of every batch.

What each of them counts is added up, so that all of them take the step that one process would take on the whole batch.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from teachkit.errors import UserError
from teachkit.learn.batch_norm import use_whole_batch
from teachkit.learn.control import Asked

ALL_THERE = 25.0  # s, for all ranks to start; torchrun has waited for all machines before it starts any

T = TypeVar("T")


class LostRankError(UserError):
    """Another rank has ended in the midst of the work."""


class TogetherError(UserError):
    """All ranks know of it, and end."""


class Failure(str):
    """What one rank tells the others instead of a value: why it cannot go on."""


class Ranks:
    """rank: of this process, from 0; count: of all. Where there is only one, nothing is sent and nothing is waited for.

    Joins the others where torchrun has set RANK and WORLD_SIZE, by gloo on CPUs and by NCCL between GPUs. UserError if
    there are more of them on this machine than GPUs, or if they cannot be reached.
    """

    def __init__(self) -> None:
        self.rank, self.count = (int(os.environ.get(name) or usual) for name, usual in (("RANK", 0), ("WORLD_SIZE", 1)))
        if self.count > 1 and not dist.is_initialized():
            self._join()

    def _join(self) -> None:
        has_gpus, local = torch.cuda.is_available(), int(os.environ.get("LOCAL_RANK") or 0)
        if has_gpus:  # so that "cuda" is another GPU in each process
            torch.cuda.set_device(local % torch.cuda.device_count())
        try:
            store, rank, count = next(dist.rendezvous("env://", timeout=timedelta(seconds=ALL_THERE)))
            # torchrun may keep the store when it starts the ranks anew, and with it the addresses of those that ended
            store = dist.PrefixStore(f"start {os.environ.get('TORCHELASTIC_RESTART_COUNT')}", store)
            backend = "cpu:gloo,cuda:nccl" if has_gpus else "gloo"
            dist.init_process_group(backend, store=store, rank=rank, world_size=count)
        except (RuntimeError, ValueError) as error:
            reason = str(error).strip().splitlines()[0][:160]
            raise UserError(
                f"this is rank {self.rank} of {self.count}, but it cannot reach the others ({reason}): "
                "start it with torchrun, or unset WORLD_SIZE"
            ) from None

    @property
    def first(self) -> bool:
        """Whether this is the one that writes, logs and draws."""
        return self.rank == 0

    @property
    def share(self) -> tuple[int, int]:
        return self.rank, self.count

    # one step

    def ready(self, model: nn.Module, sync_batch_norm: bool = True) -> nn.Module:
        """What is called in place of the model, so that gradients are means over the ranks. First weights: rank 0's.

        sync_batch_norm: normalise by the statistics of the whole batch; else of each share, and rank 0's are kept.
        """
        if self.count == 1:
            return model
        device = next(model.parameters()).device
        use_whole_batch(model, sync_batch_norm)
        called = DistributedDataParallel(model, device_ids=[device] if device.type == "cuda" else None)
        called.broadcast_buffers = not sync_batch_norm  # later torch names the argument of the constructor otherwise
        return called

    @contextmanager
    def sharing(self, criterion: Any) -> Iterator[None]:
        """Meanwhile the criterion divides by the target scores of all ranks. LostRankError if one of them ends."""
        if self.count == 1:
            yield
            return
        before = getattr(criterion, "normaliser", None)
        if before is not None:
            criterion.normaliser = self._normaliser
        try:
            with self.watched():
                yield
        finally:
            if before is not None:
                criterion.normaliser = before

    def _normaliser(self, scores: Tensor) -> Tensor:
        """The gradients' mean over the ranks is then their sum, divided by the target scores of the whole batch."""
        return self.sum(scores).clamp(min=1) / self.count

    def sum(self, values: Tensor) -> Tensor:
        """In place, over all ranks."""
        if self.count > 1:
            dist.all_reduce(values)
        return values

    def mean(self, values: Tensor) -> Tensor:
        return values if self.count == 1 else self.sum(values) / self.count

    @contextmanager
    def watched(self) -> Iterator[None]:
        """LostRankError where torch says that a connection has ended."""
        try:
            yield
        except RuntimeError as error:
            if self.count == 1 or not (isinstance(error, dist.DistError) or "gloo" in str(error)):
                raise
            reason = str(error).strip().splitlines()[0].rsplit("] ", 1)[-1].split(". ")[0]
            raise LostRankError(f"another of the {self.count} ranks is gone ({reason}; torchrun names it)") from None

    # what they agree on

    def agreed(self, asked: Asked) -> Asked:
        """What rank 0 is asked for; stopped if any of them is."""
        if self.count == 1:
            return asked
        numbers = asked.as_numbers()
        if not self.first:
            numbers[:-1] = [0.0] * (len(numbers) - 1)
        with self.watched():
            return Asked.from_numbers(self.sum(torch.tensor(numbers, dtype=torch.float64)).tolist())

    def told(self, value: T) -> T:
        """Rank 0's value, on every rank."""
        if self.count == 1:
            return value
        with self.watched():
            values = [value]
            dist.broadcast_object_list(values, device=torch.device("cpu"))
            return values[0]

    def collected(self, value: T) -> list[T]:
        """The values of all ranks; empty on any but rank 0."""
        if self.count == 1:
            return [value]
        with self.watched():
            values: list[Any] | None = [None] * self.count if self.first else None
            dist.gather_object(value, values)
            return values or []

    def gathered(self, value: T) -> list[T]:
        """The values of all ranks, on every rank. TogetherError on rank 0 if one is a Failure; the other ranks end."""
        if self.count == 1:
            if isinstance(value, Failure):
                raise UserError(value)
            return [value]
        values: list[Any] = [None] * self.count
        with self.watched():
            dist.all_gather_object(values, value)
        for rank, one in enumerate(values):
            if isinstance(one, Failure):
                self._end(one if rank == 0 else f"rank {rank}: {one}")
        return values

    def _end(self, reason: str) -> None:
        if self.first:
            raise TogetherError(reason)
        self._await_all()  # until rank 0 has told it, and is gone
        raise SystemExit(2)

    def _await_all(self) -> None:
        with suppress(RuntimeError):  # one of them has ended
            dist.barrier()

    def together(self, action: Callable[[], T]) -> T:
        """What the action returns here. TogetherError on rank 0 if it fails on any rank."""
        if self.count == 1:
            return action()
        try:
            result: T | None = action()
            failure = None
        except (LostRankError, TogetherError):
            raise
        except (UserError, OSError) as error:
            failure = Failure(error)
        self.gathered(failure)
        return result  # type: ignore[return-value]

    def of_first(self, action: Callable[[], T]) -> T:
        """What the action returns on rank 0, on every rank."""
        if self.count == 1:
            return action()
        try:
            result: Any = action() if self.first else None
        except (UserError, OSError) as error:
            result = Failure(error)
        return self.gathered(result)[0]

    def compare(self, what: dict[str, Any]) -> None:
        """TogetherError on rank 0 if one of these values, or the code, is another one on another rank."""
        if self.count == 1:
            return
        described = self.gathered({**what, "version of torch": torch.__version__, "code of teachkit": code_sum()})
        for rank, theirs in enumerate(described):
            for name, value in theirs.items():
                if value != described[0][name]:
                    shown = f" ({value} and {described[0][name]})" if len(str(value)) < 40 else ""
                    self._end(f"rank {rank} and rank 0 differ in the {name}{shown}: give all ranks the same")

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """Meanwhile what any rank but the first prints is lost."""
        if self.first:
            yield
            return
        with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
            yield

    def leave(self) -> None:
        """Once all are done: torchrun ends the others with the first that does not end well."""
        if self.count > 1 and dist.is_initialized():
            self._await_all()
            dist.destroy_process_group()


ALONE = Ranks.__new__(Ranks)
ALONE.rank, ALONE.count = 0, 1


def code_sum() -> str:
    """SHA-256 of all Python files of the package."""
    total, folder = hashlib.sha256(), Path(__file__).resolve().parent.parent
    for file in sorted(folder.rglob("*.py")):
        total.update(file.relative_to(folder).as_posix().encode() + b"\0" + file.read_bytes())
    return total.hexdigest()
