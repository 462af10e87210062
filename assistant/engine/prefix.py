"""What one sequence of the context holds, so that the next prompt computes only what is new.

Knows tokens and positions. The rule: `token_ids` says exactly what is in llama.cpp's memory, also after an abort.
"""

from collections.abc import Hashable, Sequence

from rushlight.assistant.engine.context import Context


def common_length(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens two lists share from the start."""
    n = min(len(first), len(second))
    if first[:n] == second[:n]:
        return n
    low, high = 0, n  # equal up to low, not equal up to high; slices compare in C
    while high - low > 1:
        middle = (low + high) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle
    return low


class Prefix:
    """The tokens of one sequence in memory and the adapters they were computed with."""

    def __init__(self, context: Context, *, is_recurrent: bool, sequence: int = 0) -> None:
        self._context = context
        self._is_recurrent = is_recurrent
        self.sequence = sequence
        self.token_ids: list[int] = []
        self.computed_with: Hashable = ()

    def reuse(self, prompt: Sequence[int], computed_with: Hashable) -> int:
        """Keep what `prompt` shares with memory, forget the rest; the number of tokens kept.

        At least the last token of the prompt is always computed again, because its logits are wanted.
        """
        if computed_with != self.computed_with:
            self.clear()
            self.computed_with = computed_with
        n_kept = min(common_length(self.token_ids, list(prompt)), len(prompt) - 1)
        return n_kept if self.cut(n_kept) else 0

    def cut(self, n_kept: int) -> bool:
        """Keep the first tokens. False: this memory cannot go back, and all is forgotten."""
        if n_kept <= 0:
            self.clear()
        elif n_kept < len(self.token_ids):
            # A sliding window or a recurrent state cannot always go back: then everything is computed again.
            context, sequence = self._context, self.sequence
            if (
                not context.cut(n_kept, sequence)
                or context.first_position(sequence) > 0
                or context.n_positions(sequence) != n_kept
            ):
                self.clear()
                return False
            del self.token_ids[n_kept:]
        return True

    def extend(self, token_ids: Sequence[int]) -> None:
        """These were decoded."""
        self.token_ids.extend(token_ids)

    def repair(self, pending: Sequence[int]) -> None:
        """After a decode of `pending` that did not succeed: agree with what llama.cpp really kept of it."""
        n_kept = self._context.n_positions(self.sequence)
        known = [*self.token_ids, *pending]
        # A recurrent state that was half updated is worthless, and so is one whose length we cannot explain.
        if self._is_recurrent or n_kept > len(known):
            self.clear()
            return
        self.token_ids = known[:n_kept]

    def clear(self) -> None:
        """Forget everything."""
        self._context.remove(self.sequence)
        self.token_ids = []
