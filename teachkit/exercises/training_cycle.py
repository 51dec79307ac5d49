"""Lesson 09: steps of a run, early stopping, what a resume needs, and average precision by hand."""

from typing import Any

from teachkit.exercises.answers import check_claims, check_numbers
from teachkit.exercises.lesson import Verdict, exercise
from teachkit.exercises.parts import check_parts, number

# the exercises' own runs: mAP after each epoch, and the five answers of a detector, best first
SCORES = (0.20, 0.41, 0.44, 0.43, 0.45, 0.44, 0.43, 0.45, 0.43, 0.44)
PATIENCE = 3
ANSWERS = ("found", "nothing there", "found", "found already", "found")
TRUTHS = 4

KEPT = {
    "a": (True, "without them there is no student to go on"),
    "b": (
        True,
        "Adam's two running means decide the next steps: a fresh optimizer starts them at zero and steps elsewhere",
    ),
    "c": (True, "the learning rate follows from it: at step 0 the schedule would warm up once more"),
    "d": (
        True,
        "else some pictures would be seen twice in this epoch, others not at all, and the next batch would be another",
    ),
    "e": (True, "they are what is validated, and hold a memory of many steps that the newest weights do not tell"),
    "f": (
        False,
        "they are in their files; a saved run only says which data set it was, and the same one has to be given again",
    ),
    "g": (False, "`zero_grad` wipes them before the next backward pass anyway"),
    "h": (False, "you will want them, and the log keeps them, but no later step depends on what was drawn"),
}
STEP_SLIPS: dict[float, str] = {
    500: "500 is 8 × 62.5, but there is no half step: the 8 pictures left over make a smaller batch, so one step more",
    496: "496 drops the last 8 pictures of each epoch: here they make a smaller batch, and with it a step",
    63: "63 steps are one epoch; the run has 8",
    62: "62 are the full batches of one epoch: a smaller one comes after them, and there are 8 epochs",
    62.5: "there is no half step, and this would be one epoch only",
    8000: "8,000 pictures are shown, but a step is taken for each batch, not for each picture",
    128000: "the batch size divides: pictures in one batch share a step",
    8: "8 is the number of epochs; each has many steps",
    16: "16 pictures make one step; how many such batches does an epoch have, and how many epochs are there?",
}
STOP_SLIPS: dict[float, str] = {
    5: "nobody knows after epoch 5 that it will be the best: only three epochs without a better one tell",
    6: "one epoch without a better score is not three yet",
    7: "an epoch with a better score starts the count anew: after epoch 5 the bad epoch 4 is forgiven",
    10: "0.45 in epoch 8 equals the best and is not better, so the count goes on there",
    3: "after epoch 3 everything has gone up so far",
}
KEEP_SLIPS: dict[float, str] = {
    8: "epoch 8 has the score of an earlier one, and equal is not better: what is kept is the best, not the last",
    4: "counted from 1: the fourth score is 0.43. From 0 it would be the best one",
    10: "epoch 10 is never reached",
}
AP_SLIPS = {
    0.60: "0.60 is the precision of all five answers, 3 of 5. AP asks for the precision at every recall",
    0.756: "0.756 averages the three recalls that were reached. The fourth object is never found: beyond .75 it is 0",
    0.85: "0.85 takes the second box on a found object for a hit. A truth can be found once; a duplicate is wrong",
    0.75: "0.75 is the recall, 3 of 4 objects. How wrong the rest of the answers is does not enter it",
    0.533: "0.533 joins the points by slanted lines. AP is a staircase: the best precision still to be had further "
    "right",
    0.653: "0.653 averages the precision over the answers, not over the recalls",
}


@exercise("09", "how many steps")
def check_steps(answer: Any = None) -> Verdict:
    """Steps of 8 epochs of 1,000 pictures in batches of 16."""
    return check_numbers(
        answer,
        (504,),
        STEP_SLIPS,
        open_="a whole number of steps",
        praise="62 full batches and one of 8 pictures make 63 steps an epoch, and 8 epochs 504.",
        hint="count the batches of one epoch first, the last smaller one included; then times 8",
    )


@exercise("09", "early stopping")
def check_early_stop(stops_after: Any = None, keeps: Any = None) -> Verdict:
    """After which epoch of SCORES a patience of 3 ends the run, and the weights of which epoch are kept, from 1."""
    stop = "count on from the last epoch that was better than all before it"
    keep = "the weights that are kept are those of the best score so far"
    return check_parts(
        {"stops_after": stops_after, "keeps": keeps},
        {"stops_after": number(8, STOP_SLIPS, stop), "keeps": number(5, KEEP_SLIPS, keep)},
        open_="two epochs, counted from 1",
        praise="epochs 6, 7 and 8 bring nothing better, so it ends after 8, and the weights of epoch 5 are kept.",
    )


@exercise("09", "what a resume needs")
def check_saved(answers: Any = None) -> Verdict:
    """answers: letter of a thing → True if a run cannot go on bit for bit without its being saved."""
    praise = "with these five a run goes on exactly where it stopped; the rest is comfort."
    return check_claims({} if answers is None else answers, KEPT, praise)


@exercise("09", "average precision")
def check_ap(answer: Any = None) -> Verdict:
    """AP of ANSWERS for 4 true objects; .571 at COCO's 101 recalls, .567 as the exact area."""
    return check_numbers(
        answer,
        (0.571,),
        AP_SLIPS,
        open_="a number from 0 to 1, with at least two decimals",
        praise="26 recalls have precision 1, 25 have 2/3, 25 have 3/5, and 25 are never reached: 57.67 / 101.",
        hint="write precision and recall beside each answer first, then read from the right",
        within=0.0015,
        also={
            0.5667: "that is the area under the staircase, as VOC takes it since 2010; COCO's 101 recalls give 0.571."
        },
        looks=[((1,), 1 + 1e-9, None, "AP lies between 0 and 1: 57.1 % is 0.571")],
    )
