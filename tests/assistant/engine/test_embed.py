"""Embedding requests on the demo model, pooled."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rushlight import Error, Stop
from rushlight.assistant.engine.client import EngineClient
from rushlight.assistant.engine.embed import MAX_SEQUENCES, _batches, batch_size
from rushlight.assistant.engine.frames import Ready
from rushlight.assistant.engine.request import EmbedRequest, GenerateRequest, LoadSettings


def test_neighbours_share_a_batch_while_they_fit() -> None:
    texts = [[1] * 60, [2] * 40, [3] * 1, [4] * 100]
    assert [[len(t) for t in batch] for batch in _batches(texts, 100)] == [[60, 40], [1], [100]]
    assert [len(batch) for batch in _batches([[1]] * (MAX_SEQUENCES + 1), 10_000)] == [MAX_SEQUENCES, 1]


def test_a_batch_holds_a_whole_text() -> None:
    assert batch_size(512, 512) == 512
    assert batch_size(512, 8192) == 2048
    assert batch_size(4096, 8192) == 4096


@pytest.fixture(scope="module")
def embedder(start_worker: Callable[..., object], demo_model: Path) -> Iterator[EngineClient]:
    worker = start_worker(LoadSettings(path=str(demo_model), n_ctx=256, n_batch=256, embeddings=True, pooling="mean"))
    ready = worker.first_word()  # type: ignore[attr-defined]
    assert isinstance(ready, Ready)
    with worker.client() as client:  # type: ignore[attr-defined]
        yield client


def _dot(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


@pytest.mark.model
def test_vectors(embedder: EngineClient) -> None:
    texts = (
        "The cat sleeps on the sofa.",
        "A cat is sleeping on the couch.",
        "Quarterly tax law of 1987",
        "The cat sleeps on the sofa.",
    )
    result = embedder.embed(EmbedRequest(texts), Stop())
    assert len(result.vectors) == 4 and len(result.vectors[0]) == 576
    assert result.truncated == () and result.n_tokens > 20
    for vector in result.vectors:
        assert _dot(vector, vector) == pytest.approx(1.0, abs=1e-5)
    assert _dot(result.vectors[0], result.vectors[3]) == pytest.approx(1.0, abs=1e-3)
    assert _dot(result.vectors[0], result.vectors[1]) > _dot(result.vectors[0], result.vectors[2])


@pytest.mark.model
def test_many_texts_in_one_batch_equal_one_by_one(embedder: EngineClient) -> None:
    texts = tuple(f"Candle number {i} burns for {i * 3} minutes." for i in range(40))
    together = embedder.embed(EmbedRequest(texts), Stop()).vectors
    for i in (0, 17, 39):
        (alone,) = embedder.embed(EmbedRequest((texts[i],)), Stop()).vectors
        assert _dot(alone, together[i]) == pytest.approx(1.0, abs=1e-2)


@pytest.mark.model
def test_long_texts_are_cut_and_said_to_be(embedder: EngineClient) -> None:
    result = embedder.embed(EmbedRequest(("short", "word " * 2000)), Stop())
    assert result.truncated == (1,) and len(result.vectors) == 2


@pytest.mark.model
def test_without_normalising(embedder: EngineClient) -> None:
    (vector,) = embedder.embed(EmbedRequest(("candle",), normalize=False), Stop()).vectors
    assert abs(_dot(vector, vector) - 1.0) > 0.01


@pytest.mark.model
def test_wrong_requests(embedder: EngineClient) -> None:
    with pytest.raises(Error, match="no text is given"):
        embedder.embed(EmbedRequest(()), Stop())
    with pytest.raises(Error, match="loaded for embeddings"):
        list(embedder.generate(GenerateRequest(prompt="x"), Stop()))
    stop = Stop()
    stop.set()
    with pytest.raises(Error) as caught:
        embedder.embed(EmbedRequest(("word " * 200,) * 50), stop)
    assert caught.value.kind == "stopped"
    assert len(embedder.embed(EmbedRequest(("still here",)), Stop()).vectors) == 1
