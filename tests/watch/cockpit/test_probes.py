import math

import pytest
import torch

from teachkit.errors import UserError


def test_a_look_by_weights_that_are_nan_finds_nothing_in_each_picture_and_raises_nothing(make_lab):
    gauges = make_lab().gauges
    with torch.no_grad():
        for parameter in gauges.model.parameters():
            parameter.fill_(math.nan)
    with pytest.raises(UserError, match="NaN"):  # else the guard below is not needed
        gauges.model.detect(gauges.pictures.images)
    assert gauges.look() == [[], []]
    assert gauges.found == [[], []]
    assert not gauges.look_wanted


def test_shares_by_weights_that_are_nan_are_nan_and_not_a_wrong_number(make_lab):
    gauges = make_lab().gauges
    with torch.no_grad():
        for parameter in gauges.model.parameters():
            parameter.fill_(math.nan)
    assert all(map(math.isnan, gauges.measure_share().values()))
