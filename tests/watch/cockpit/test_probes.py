import math

import pytest
import torch

from teachkit.errors import UserError


def test_detecting_by_weights_that_are_nan_finds_nothing_in_each_picture_and_raises_nothing(make_session):
    probes = make_session().probes
    with torch.no_grad():
        for parameter in probes.model.parameters():
            parameter.fill_(math.nan)
    with pytest.raises(UserError, match="NaN"):  # else the guard below is not needed
        probes.model.detect(probes.pictures.images)
    assert probes.detect() == [[], []]
    assert probes.found == [[], []]
    assert not probes.detection_wanted


def test_shares_by_weights_that_are_nan_are_nan_and_not_a_wrong_number(make_session):
    probes = make_session().probes
    with torch.no_grad():
        for parameter in probes.model.parameters():
            parameter.fill_(math.nan)
    assert all(map(math.isnan, probes.measure_share().values()))
