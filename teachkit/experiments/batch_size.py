"""The small training in batches of 1 to 64: as many pictures are seen each time, in fewer and fewer steps."""

from teachkit.errors import UserError
from teachkit.experiments.data_faults import CLIP, exam
from teachkit.experiments.small import BATCH_SIZE, COUNTS, small_trainer, usual_rate
from teachkit.learn.records import Record
from teachkit.scoring import objects_found

SIZES = (1, 2, 4, 8, 16, 32, 64)  # pictures a step; COUNTS["train"] is a multiple of each
PASSES = 12


def learn_in_batches(size: int, seed: int = 0, *, grown: bool = False, passes: int = PASSES) -> Record:
    """Trains anew on the same 128 scenes, with AdamW at a constant rate; the exam is sat after each pass.

    grown: the rate grows along with the batch, as it is where `size` is 8 (Goyal et al. 2017, arXiv 1706.02677,
    section 2, for SGD). → {"kind": "run", "size", "seed", "grown", "lr", "steps" (of a pass), "objects", "found"
    (after each pass), "diverged"}. UserError for a size that is not in SIZES.
    """
    if size not in SIZES:
        raise UserError(f"a batch has {', '.join(map(str, SIZES))} pictures here, not {size!r}")
    rate = usual_rate("adamw") * (size / BATCH_SIZE if grown else 1)
    marks = exam()
    trainer = small_trainer(rate, seed=seed, clip=CLIP, batch_size=size)
    steps = COUNTS["train"] // size
    run: Record = {"kind": "run", "size": size, "seed": seed, "grown": grown, "lr": rate, "steps": steps, "found": []}
    for _ in range(passes):
        for _ in range(steps):
            if trainer.diverged is None:
                trainer.step()
        found, run["objects"] = objects_found([trainer.model.detect(marks.images)], [marks.ground_truth])  # type: ignore[operator]
        run["found"].append(found if trainer.diverged is None else 0)
    return run | {"diverged": trainer.diverged is not None}
