from teachkit.exercises.lesson import about


def test_a_number_that_varies_is_rounded_and_carries_its_mark():
    assert about(0.8271) == "≈ 0.83"
    assert about(22, 27.6, 0) == "≈ 22, ≈ 28, ≈ 0"
    assert about(123.4) == "≈ 120"
    assert about(-1 / 3, digits=3) == "≈ -0.333"
    assert about(1.23e-7) == "≈ 1.2e-07"
