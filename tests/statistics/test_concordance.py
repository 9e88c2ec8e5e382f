import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape.statistics.concordance import concordance

small = st.integers(-3, 3)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(small, small, st.integers(0, 3)), min_size=0, max_size=40))
def test_it_counts_what_looking_at_every_pair_counts(rows):
    x, y = (np.array([row[i] for row in rows], dtype=float) for i in (0, 1))
    clusters = np.array([row[2] for row in rows], dtype=np.intp)
    found = concordance(x, y, clusters, 4)
    sign_x, sign_y = np.sign(x[:, None] - x), np.sign(y[:, None] - y)
    member = np.eye(4)[clusters]
    for mine, pairs in (
        (found.agreement, sign_x * sign_y),
        (found.untied_x, np.abs(sign_x)),
        (found.untied_y, np.abs(sign_y)),
    ):
        assert np.array_equal(mine, member.T @ pairs @ member)


def test_sizes_that_are_no_power_of_two():
    rng = np.random.default_rng(0)
    for n in (1, 2, 3, 63, 64, 65, 1000):
        x, y = rng.normal(size=(2, n))
        agreement = concordance(x, y, np.zeros(n, dtype=np.intp), 1).agreement
        assert agreement[0, 0] == (np.sign(x[:, None] - x) * np.sign(y[:, None] - y)).sum()
