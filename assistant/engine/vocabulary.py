"""A model's tokens: which are control tokens, which end a turn, what bytes each stands for.

Knows the vocabulary only. What is costly for 100,000 tokens is computed once, when first asked for.
"""

from collections.abc import Sequence
from functools import cached_property

from rushlight.assistant.engine.control_text import is_markup
from rushlight.assistant.engine.llama import ATTR_CONTROL, ATTR_UNKNOWN, ATTR_USER_DEFINED, Model


class Vocabulary:
    """Satisfies `prompt.Vocabulary`."""

    def __init__(self, model: Model) -> None:
        self.model = model
        c, vocab = model.c, model.vocab
        self.bos_id = int(c.llama_vocab_bos(vocab))
        self.eos_id = int(c.llama_vocab_eos(vocab))
        self.add_bos = bool(c.llama_vocab_get_add_bos(vocab)) and self.bos_id >= 0
        self.bos_text = model.token_text(self.bos_id)
        self.eos_text = model.token_text(self.eos_id)
        self.suppressed = model.suppressed_tokens()
        self._pieces: dict[int, bytes] = {}

    @cached_property
    def _special(self) -> dict[int, str]:
        """Texts that become one token when control tokens are parsed: what content must never turn into."""
        special = {}
        for token_id, bits in enumerate(self.model.token_attributes()):
            if bits & (ATTR_CONTROL | ATTR_UNKNOWN):
                special[token_id] = self.model.token_text(token_id)
            elif bits & ATTR_USER_DEFINED:
                text = self.model.token_text(token_id)
                if is_markup(text):
                    special[token_id] = text
        return special

    @cached_property
    def special_ids(self) -> frozenset[int]:
        return frozenset(self._special)

    @cached_property
    def special_texts(self) -> frozenset[str]:
        return frozenset(text for text in self._special.values() if text)

    @cached_property
    def eog_ids(self) -> frozenset[int]:
        """Tokens that end a generation."""
        is_eog = self.model.is_eog
        found = {token_id for token_id in self._special if is_eog(token_id)}
        c, vocab = self.model.c, self.model.vocab
        others = {self.eos_id, int(c.llama_vocab_eot(vocab))}  # whatever their attributes say
        return frozenset(found | {token_id for token_id in others if token_id >= 0 and is_eog(token_id)})

    def piece(self, token_id: int) -> bytes:
        """The bytes of a token in an answer; b"" for control tokens."""
        piece = self._pieces.get(token_id)
        if piece is None:
            piece = self._pieces[token_id] = self.model.piece(token_id)
        return piece

    @cached_property
    def all_pieces(self) -> list[bytes]:
        """The bytes of every token, control tokens as they are written."""
        return [self.model.piece(token_id, special=True) for token_id in range(self.model.n_vocab)]

    def tokenize(self, segments: Sequence[str], *, parse_special: bool, add_special: bool) -> list[int]:
        """Segments one by one; with `add_special` the beginning-of-text token, where the vocabulary wants one and
        the text has none yet (templates often write it themselves, and two of them make models worse).
        """
        token_ids: list[int] = []
        for segment in segments:
            token_ids += self.model.tokenize(segment, parse_special=parse_special)
        if add_special and self.add_bos and token_ids[:1] != [self.bos_id]:
            token_ids.insert(0, self.bos_id)
        return token_ids
