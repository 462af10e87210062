"""What the model says to a few held-out examples while it is trained: greedy, token by token, in the time allowed.

Answers are for people to look at. They take no part in the training: no gradient, no random number, no state.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch

from rushlight.trainer.data.masks import TextTokenizer, Tokens

SHARE: Final = 0.015  # of the time that was trained so far, at most, for each look
LEAST_S: Final = 0.5  # each look may take, however little was trained
_MOST_TOKENS: Final = 96  # of an answer
_CHARS: Final = 600  # of a text that is kept
_ROLES: Final = re.compile(r"\s*(?:user|human|instruction|assistant|model)\s*:?\s*\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class HeldOutAnswers:
    """A few held-out examples that are asked again and again. `examples` are whole ones, with their answers."""

    examples: Sequence[Tokens]
    tokenizer: TextTokenizer

    def look(self, model: Any, seconds: float) -> list[dict[str, Any]]:
        """For each: what was asked, what is wanted and what is said; fewer where the time is over."""
        end = time.monotonic() + seconds
        found = []
        for one in self.examples:
            first = int(np.argmax(one.trained))
            n_begin = int(self.tokenizer.begin_id is not None)  # a token that asks nothing
            if not one.trained.any() or first <= n_begin:
                continue
            said, is_whole = greedy(model, one.ids[:first], self.tokenizer.end_ids, end)
            if not said and not is_whole:
                break
            wanted = one.ids[first:][one.trained[first:]]
            found.append({
                "asked": self._asked(one.ids[:first]), "wanted": self._text(wanted), "said": self._text(said),
                "whole": is_whole,
            })  # fmt: skip
        return found

    def _text(self, ids: Any) -> str:
        decoded: str = self.tokenizer.model.decode([int(one) for one in ids], skip_special_tokens=True)
        return decoded.strip()[:_CHARS]

    def _asked(self, ids: Any) -> str:
        """The last turn of a prompt, without what the template puts around it."""
        whole: str = self.tokenizer.model.decode([int(one) for one in ids], skip_special_tokens=False)
        marks = sorted((*self.tokenizer.control, *self.tokenizer.markup), key=len, reverse=True)
        turns = re.split("|".join(map(re.escape, marks)), whole) if marks else [whole]
        turns = [turn for turn in turns if turn.strip()]
        if len(turns) > 1 and len(turns[-1].split()) <= 1:  # the head of the answer to come
            turns.pop()
        return _ROLES.sub("", turns[-1], count=1).strip()[-_CHARS:] if turns else ""


def greedy(model: Any, prompt: Any, end_ids: frozenset[int], end: float) -> tuple[list[int], bool]:
    """(token ids, whether the model came to an end): at most `_MOST_TOKENS`, and none begun after the moment `end`.

    `prompt` (T,) are token ids. To be called without gradients.
    """
    device = next(model.parameters()).device
    said: list[int] = []
    ids, cache = torch.as_tensor(np.asarray(prompt, np.int64), device=device)[None], None
    while len(said) < _MOST_TOKENS and time.monotonic() < end:
        made = model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache = made.past_key_values
        token = int(made.logits[0, -1].argmax())
        if token in end_ids:
            return said, True
        said.append(token)
        ids = torch.tensor([[token]], device=device)
    return said, False
