"""A query and a text as a cross-encoder reads them together: tokens of both, with the marks between.

llama.cpp gives every token the first token type, so a BERT that was trained with types for query and text (type 0 and
type 1) is a little off; XLM-RoBERTa and its kin have one type and are exact.
"""

import re

from rushlight import Error
from rushlight.assistant.engine.llama import Model

_FIELDS = re.compile(r"\{(query|document)\}")
_QUERY_SHARE = 0.75  # of the room; a text must have some too


class PairMaker:
    """maker = PairMaker(model, "what is a panda?", n_max=512); maker.tokens("A bear.") -> (ids, was it cut?)"""

    def __init__(self, model: Model, query: str, *, n_max: int) -> None:
        self._model = model
        self._n_max = n_max
        template = model.c.llama_model_chat_template(model.handle, b"rerank")
        self._before, self._after = self._around(template.decode("utf-8", "replace") if template else "", query)
        if len(self._before) + len(self._after) > n_max * _QUERY_SHARE:
            raise Error(
                f"The query is too long: {len(self._before) + len(self._after)} tokens, of {n_max} that the model "
                "reads with the text.",
                hint="Shorten the query.",
                kind="context-full",
            )

    def tokens(self, text: str) -> tuple[list[int], bool]:
        """The tokens of query and text; a text that is too long loses its end."""
        token_ids = self._plain(text)
        room = self._n_max - len(self._before) - len(self._after)
        return [*self._before, *token_ids[:room], *self._after], len(token_ids) > room

    def _around(self, template: str, query: str) -> tuple[list[int], list[int]]:
        """What comes before a text and behind it."""
        if template:  # the file says it: {query} and {document} among marks of its own
            before: list[int] = []
            after: list[int] = []
            seen_text = False
            for i, part in enumerate(_FIELDS.split(template)):
                if i % 2 and part == "document":
                    seen_text = True
                    continue
                piece = self._plain(query) if i % 2 else self._model.tokenize(part, parse_special=True)
                (after if seen_text else before).extend(piece)
            if seen_text:
                return before, after
        # The marks that this tokenizer puts around one text.
        letters = self._plain("a")
        whole = self._model.tokenize("a", parse_special=False, add_special=True)
        start = next((i for i in range(len(whole)) if whole[i : i + len(letters)] == letters), 0)
        opening, closing = whole[:start], whole[start + len(letters) :]
        # RoBERTa's kin close the query, and open the text with the same mark; BERT has one between them.
        is_word_piece = self._model.metadata("tokenizer.ggml.model") == "bert"
        between = closing if is_word_piece else [*closing, *closing]
        return [*opening, *self._plain(query), *between], closing

    def _plain(self, text: str) -> list[int]:
        """A stranger's text: no control token comes out of it."""
        return self._model.tokenize(text, parse_special=False) if text else []
