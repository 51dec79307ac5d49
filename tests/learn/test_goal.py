"""Where a run would have been stopped, by its scores alone."""

import pytest

from teachkit.learn.goal import stopped_early


@pytest.mark.parametrize(("scores", "patience", "wanted"), [
    ([0.1, 0.2, 0.3], 1, (3, 3)),  # never stopped
    ([0.1, 0.1, 0.9], 1, (2, 1)),  # equal is not better
    ([0.1, 0.1, 0.9], 2, (3, 3)),
    ([0.2, 0.41, 0.44, 0.43, 0.45, 0.44, 0.43, 0.45, 0.43, 0.44], 3, (8, 5)),
    ([0.5, 0.4, 0.3, 0.2, 0.6], 3, (4, 1)),
])  # fmt: skip
def test_it_ends_after_that_many_epochs_without_a_better_score_and_keeps_the_best(scores, patience, wanted):
    assert stopped_early(scores, patience) == wanted
