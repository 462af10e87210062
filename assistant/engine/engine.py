"""The seam: what the rest of Rushlight may ask of a loaded model, and the fake that ships for tests and users."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from rushlight import Stop
from rushlight.assistant.engine.request import BeamRequest, EmbedRequest, GenerateRequest, ScoreRequest, TokenizeRequest
from rushlight.assistant.events import Beam, Beams, Embeddings, Event, Finished, Scores, TextDelta, TokenLogprob, Usage


class Engine(Protocol):
    """A loaded model. Streams end with `Finished`, or raise `rushlight.Error`."""

    def generate(self, request: GenerateRequest, stop: Stop) -> Iterator[Event]: ...

    def embed(self, request: EmbedRequest, stop: Stop) -> Embeddings: ...

    def score(self, request: ScoreRequest, stop: Stop) -> Scores: ...

    def search(self, request: BeamRequest, stop: Stop) -> Beams: ...

    def tokenize(self, request: TokenizeRequest) -> tuple[int, ...]: ...


class FakeEngine:
    """Says what it was told to say, one piece an event. `requests` records what it was asked.

    engine = FakeEngine(["Hello", " there"])
    """

    def __init__(self, pieces: Sequence[str]) -> None:
        self.pieces = tuple(pieces)
        self.requests: list[GenerateRequest] = []

    def generate(self, request: GenerateRequest, stop: Stop) -> Iterator[Event]:
        self.requests.append(request)
        n_said = 0
        for piece in self.pieces:
            if stop.is_set():
                yield Usage(n_prompt_tokens=1, n_cached_tokens=0, n_completion_tokens=n_said)
                yield Finished("cancelled")
                return
            n_said += 1
            yield TextDelta(piece)
        yield Usage(n_prompt_tokens=1, n_cached_tokens=0, n_completion_tokens=n_said)
        yield Finished("stop")

    def embed(self, request: EmbedRequest, stop: Stop) -> Embeddings:
        """Three numbers a text (length, vowels, 1), so that equal texts are equal and others mostly differ."""
        vectors = tuple((float(len(t)), float(sum(t.count(v) for v in "aeiou")), 1.0) for t in request.texts)
        return Embeddings(vectors, n_tokens=sum(len(t.split()) for t in request.texts))

    def score(self, request: ScoreRequest, stop: Stop) -> Scores:
        """A token a byte, each with log-probability -1."""
        ids = request.token_ids or tuple(request.prompt.encode())
        return Scores(tuple(TokenLogprob(i, chr(i), -1.0 if at else 0.0) for at, i in enumerate(ids)))

    def search(self, request: BeamRequest, stop: Stop) -> Beams:
        """What it says to the request, which it finds certain."""
        stop.check()
        said = [event.text for event in self.generate(request.asked, stop) if isinstance(event, TextDelta)]
        return Beams((Beam("".join(said), 0.0, len(said)),))

    def tokenize(self, request: TokenizeRequest) -> tuple[int, ...]:
        """UTF-8 bytes as ids."""
        return tuple(request.text.encode())
