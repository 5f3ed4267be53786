"""The order in which two sides are compared: drawn, balanced, and the same again."""

import pytest

from deploylab.measure import order


@pytest.mark.parametrize("n", [1, 2, 5, 8, 21])
def test_either_side_is_first_in_half_of_the_pairs(n):
    for seed in map(str, range(50)):
        assert sum(order.drawn(n, seed)) in (n // 2, n - n // 2)


def test_the_order_is_drawn_and_the_same_again_from_its_seed():
    orders = [tuple(order.drawn(8, str(seed))) for seed in range(200)]
    assert orders == [tuple(order.drawn(8, str(seed))) for seed in range(200)]
    assert len(set(orders)) > 50  # of 70 that there are
    assert 0.4 < sum(first[0] for first in orders) / 200 < 0.6
