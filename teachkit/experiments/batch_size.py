"""The small training with batch sizes 1 to 64: the same images in every epoch, in fewer and fewer steps."""

from teachkit.errors import UserError
from teachkit.experiments.data_faults import CLIP, clean_validation_batch
from teachkit.experiments.small import BATCH_SIZE, COUNTS, for_exam, small_trainer, usual_rate
from teachkit.learn.log import Record
from teachkit.scoring import f1_score

SIZES = (1, 2, 4, 8, 16, 32, 64)  # images per step; COUNTS["train"] is a multiple of each
EPOCHS = 12


def train_with_batch_size(size: int, seed: int = 0, *, grown: bool = False, epochs: int = EPOCHS) -> Record:
    """Trains a new detector on the same 128 scenes with AdamW at a constant rate, and validates after each epoch.

    grown: the rate grows in proportion to the batch size, from the usual rate at size 8 (Goyal et al. 2017,
    arXiv 1706.02677, section 2, for SGD). → {"kind": "run", "size", "seed", "grown", "lr", "steps" (per epoch), "f1"
    (after each epoch, see `for_exam` and `f1_score`), "diverged"}. UserError for a size that is not in SIZES.
    """
    if size not in SIZES:
        raise UserError(f"a batch has {', '.join(map(str, SIZES))} pictures here, not {size!r}")
    rate = usual_rate("adamw") * (size / BATCH_SIZE if grown else 1)
    validation = clean_validation_batch()
    trainer = small_trainer(rate, seed=seed, clip=CLIP, batch_size=size)
    steps = COUNTS["train"] // size
    run: Record = {"kind": "run", "size": size, "seed": seed, "grown": grown, "lr": rate, "steps": steps, "f1": []}
    for _ in range(epochs):
        for _ in range(steps):
            if trainer.diverged is None:
                trainer.step()
        model = for_exam(trainer.model)
        detections = [] if trainer.diverged else model.detect(validation.images)  # type: ignore[operator]
        run["f1"].append(f1_score(detections, validation.ground_truth) if detections else 0.0)
    return run | {"diverged": trainer.diverged is not None}
