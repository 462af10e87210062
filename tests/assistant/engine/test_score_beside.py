"""Scoring a prompt in the worker: the model's own numbers, also beside an answer that is being written."""

import math
import threading
from typing import Any

import pytest

from rushlight import Error, Stop
from rushlight.assistant.engine.request import GenerateRequest, Sampling, ScoreRequest, TokenizeRequest
from rushlight.assistant.events import Finished, TextDelta

TEXT = "The capital of France is Paris, and the capital of Italy is Rome. " * 6
pytestmark = pytest.mark.model


def test_the_likeliest_token_is_the_one_that_is_said(worker: Any) -> None:
    with worker.client() as client:
        token_ids = client.tokenize(TokenizeRequest(text=TEXT, add_special=True))
        tokens = client.score(ScoreRequest(token_ids=token_ids, logprobs=2), Stop()).tokens
        assert tuple(one.token_id for one in tokens) == token_ids and len(tokens) > 64  # more than one piece
        assert "".join(one.text for one in tokens).endswith("is Rome. ")
        assert tokens[0].logprob == 0.0 and all(one.logprob < 0 and math.isfinite(one.logprob) for one in tokens[1:])
        for place in (5, 63, 64, 65, len(tokens) - 1):
            request = GenerateRequest(token_ids=token_ids[:place], max_tokens=1, logprobs=2, cache_prompt=False)
            said = [e for e in client.generate(request, Stop()) if isinstance(e, TextDelta) and e.logprobs]
            likeliest_id, _text, logprob = tokens[place].top[0]
            assert said[0].logprobs[0].top[0][0] == likeliest_id
            assert math.isclose(said[0].logprobs[0].top[0][2], logprob, abs_tol=0.05)


def test_text_and_token_ids_give_the_same(worker: Any) -> None:
    with worker.client() as client:
        token_ids = client.tokenize(TokenizeRequest(text="A short one.", add_special=True))
        by_ids = client.score(ScoreRequest(token_ids=token_ids), Stop())
        assert client.score(ScoreRequest(prompt="A short one."), Stop()) == by_ids


def test_beside_an_answer_both_are_right(worker: Any) -> None:
    asked = GenerateRequest(
        prompt="Once upon a time", max_tokens=200, sampling=Sampling(logit_bias=((0, -100.0), (2, -100.0)))
    )
    with worker.client() as writing, worker.client() as scoring:
        alone = "".join(e.text for e in writing.generate(asked, Stop()) if isinstance(e, TextDelta))
        wanted = [one.logprob for one in scoring.score(ScoreRequest(prompt=TEXT), Stop()).tokens]
        said: list[str] = []
        thread = threading.Thread(
            target=lambda: said.extend(e.text for e in writing.generate(asked, Stop()) if isinstance(e, TextDelta))
        )
        thread.start()
        for _ in range(4):
            found = [one.logprob for one in scoring.score(ScoreRequest(prompt=TEXT), Stop()).tokens]
            # Sums in another order, as other cells hold the sequence: up to 0.2 were seen, of 11.
            assert max(abs(a - b) for a, b in zip(found, wanted, strict=True)) < 0.6
        thread.join(60)
        assert "".join(said)[:10] == alone[:10]  # later a near tie may go the other way


def test_a_score_is_stopped_and_the_worker_goes_on(worker: Any) -> None:
    with worker.client() as client:
        stop = Stop()
        threading.Timer(0.05, stop.set).start()
        with pytest.raises(Error) as caught:
            for _ in range(50):
                client.score(ScoreRequest(prompt=TEXT * 12), stop)
        assert caught.value.kind == "stopped"
        request = GenerateRequest(prompt="The capital of France is", max_tokens=3)
        events = list(client.generate(request, Stop()))
        assert any("Paris" in e.text for e in events if isinstance(e, TextDelta)) and isinstance(events[-1], Finished)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (ScoreRequest(prompt="word " * 9000), "context holds"),
        (ScoreRequest(token_ids=(10**6,)), "vocabulary"),
        (ScoreRequest(), ""),
    ],
)
def test_what_cannot_be_scored_is_said(worker: Any, request_: ScoreRequest, words: str) -> None:
    with worker.client() as client, pytest.raises(Error) as caught:
        client.score(request_, Stop())
    assert words in caught.value.message
