"""Heights one below the other: the tree against plain sums."""

from hypothesis import given
from hypothesis import strategies as st

from rushlight.ui.gui.message_view.heights import Heights

heights = st.lists(st.integers(min_value=1, max_value=500), max_size=70)


@given(heights, heights, st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 900)), max_size=20))
def test_sums_are_sums(first: list[int], added: list[int], changes: list[tuple[int, int]]) -> None:
    tree, plain = Heights(first), list(first)
    for one in added:
        tree.append(one)
        plain.append(one)
    for at, height in changes:
        if plain:
            tree[at % len(plain)] = height
            plain[at % len(plain)] = height
    assert len(tree) == len(plain) and tree.total == sum(plain)
    for index in range(len(plain) + 1):
        assert tree.offset(index) == sum(plain[:index])
    for y in range(0, tree.total + 50, 37):
        expected = max((index for index in range(len(plain)) if sum(plain[:index]) <= y), default=0)
        assert tree.index_at(y) == expected
