"""The closed union of everything that running work can say. Plain values: printable, comparable, storable.

Work is a generator of these; blocking calls join the stream. Each front end renders them with `match` and
`assert_never`, so mypy lists every face that forgot a new one.
"""

from typing import TypeAlias

from msgspec import Struct

from rushlight import Progress


class TokenLogprob(Struct, frozen=True):
    """One sampled token: its natural-log probability under the model, and the likeliest alternatives."""

    token_id: int
    text: str
    logprob: float
    top: tuple[tuple[int, str, float], ...] = ()  # (token id, text, logprob), likeliest first


class TextDelta(Struct, frozen=True):
    """A piece of the answer, in order. Always whole code points, never a part of a stop string."""

    text: str
    logprobs: tuple[TokenLogprob, ...] = ()


class ReasoningDelta(Struct, frozen=True):
    """A piece of what the model thinks before it answers; shown apart, never sent back as content."""

    text: str


class Notice(Struct, frozen=True):
    """Something the user should know that does not stop the work. `kind` is a short stable word."""

    kind: str
    text: str


class Usage(Struct, frozen=True):
    """What a generation cost. Token counts include the template's own tokens; seconds are wall time."""

    n_prompt_tokens: int
    n_cached_tokens: int  # of the prompt, taken from the KV cache
    n_completion_tokens: int
    queue_s: float = 0.0  # waiting for another request of the same engine
    prompt_s: float = 0.0  # from the start of the work to the first token
    decode_s: float = 0.0  # from the first token to the last
    n_draft_tokens: int = 0
    n_draft_accepted: int = 0

    @property
    def tokens_per_second(self) -> float:
        """Decode speed; the first token belongs to the prompt's time."""
        return max(0, self.n_completion_tokens - 1) / self.decode_s if self.decode_s > 0 else 0.0


class Finished(Struct, frozen=True):
    """The end of a generation. `reason`: "stop" (end of turn or stop string), "length", "cancelled"."""

    reason: str
    stop_string: str = ""


class Failed(Struct, frozen=True):
    """The end of work that could not be done: the fields of a `rushlight.Error`."""

    message: str
    hint: str = ""
    kind: str = "error"


Event: TypeAlias = TextDelta | ReasoningDelta | Notice | Progress | Usage | Finished | Failed


class Scores(Struct, frozen=True):
    """The tokens of a prompt with their log-probabilities; that of the first, which follows nothing, is 0."""

    tokens: tuple[TokenLogprob, ...]


class Beam(Struct, frozen=True):
    """One whole answer of a beam search, with its end."""

    text: str
    # Natural, under the model, grammar or not: of all tokens but those that had to come behind others that had to.
    logprob: float
    n_tokens: int
    n_lacking: int = 0  # of what its grammar says that it must hold


class Beams(Struct, frozen=True):
    """The likeliest answers that were found: those that lack least first, then the likelier ones."""

    beams: tuple[Beam, ...]


class Embeddings(Struct, frozen=True):
    """Vectors of one request, in its order. Shape (n_texts, n_embd), L2-normalised where asked for."""

    vectors: tuple[tuple[float, ...], ...]
    n_tokens: int = 0
    truncated: tuple[int, ...] = ()  # indices of texts that were longer than the context
