from collections.abc import Callable
from typing import Any

import pytest

from teachkit.punish.criterion import Criterion
from tests.learn.tiny import Recorded, make_batches, tiny_detector


@pytest.fixture
def make_trainer() -> Callable[..., Recorded]:
    def make(training_data: Any = None, validation_data: Any = None, **settings: Any) -> Recorded:
        data = make_batches() if training_data is None else training_data
        model = settings.pop("model", None) or tiny_detector()
        criterion = settings.pop("criterion", None) or Criterion()
        return Recorded(model, criterion, data, validation_data, **({"threads": 1} | settings))

    return make
