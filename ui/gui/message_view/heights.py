"""Heights of many things one below the other: changed one by one, summed up to any of them, in logarithmic time.

A Fenwick tree (Fenwick 1994). Knows numbers only.
"""

from collections.abc import Iterable


class Heights:
    """`offset(i)` is the sum of the heights before i; `index_at(y)` the inverse."""

    def __init__(self, heights: Iterable[int] = ()) -> None:
        self._heights = list(heights)
        self._build()

    def _build(self) -> None:
        n = len(self._heights)
        self._tree = [0, *self._heights]
        for number in range(1, n + 1):
            parent = number + (number & -number)
            if parent <= n:
                self._tree[parent] += self._tree[number]
        self.total = sum(self._heights)

    def __len__(self) -> int:
        return len(self._heights)

    def __getitem__(self, index: int) -> int:
        return self._heights[index]

    def __setitem__(self, index: int, height: int) -> None:
        difference = height - self._heights[index]
        if difference:
            self._heights[index] = height
            self.total += difference
            number = index + 1
            while number < len(self._tree):
                self._tree[number] += difference
                number += number & -number

    def append(self, height: int) -> None:
        """One more at the end."""
        number = len(self._tree)
        self._heights.append(height)
        self.total += height
        value, step = height, 1
        while step < number & -number:
            value += self._tree[number - step]
            step *= 2
        self._tree.append(value)

    def offset(self, index: int) -> int:
        """The sum of all before `index`."""
        found = 0
        while index > 0:
            found += self._tree[index]
            index -= index & -index
        return found

    def index_at(self, y: float) -> int:
        """The last one that begins at or above y; 0 where there is none."""
        index, step = 0, 1
        while step * 2 < len(self._tree):
            step *= 2
        left = y
        while step:
            ahead = index + step
            if ahead < len(self._tree) and self._tree[ahead] <= left:
                index = ahead
                left -= self._tree[ahead]
            step //= 2
        return min(index, max(0, len(self._heights) - 1))
