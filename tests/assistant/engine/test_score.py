"""How likely a prompt is, token by token, on the demo model in a worker."""

import pytest

from rushlight import Error, Stop
from rushlight.assistant.engine.client import EngineClient
from rushlight.assistant.engine.request import GenerateRequest, ScoreRequest, TokenizeRequest
from rushlight.assistant.events import TextDelta, TokenLogprob

pytestmark = pytest.mark.model
PROMPT = "The capital of France is"


def test_what_is_written_has_the_likelihood_with_which_it_was_written(client: EngineClient) -> None:
    written: list[TokenLogprob] = []
    ids = client.tokenize(TokenizeRequest(PROMPT, add_special=True))
    for event in client.generate(GenerateRequest(token_ids=ids, max_tokens=6, logprobs=2), Stop()):
        if isinstance(event, TextDelta):
            written += event.logprobs
    whole = (*ids, *(token.token_id for token in written))
    scored = client.score(ScoreRequest(token_ids=whole, logprobs=2), Stop()).tokens
    assert [token.token_id for token in scored] == list(whole)
    tail = scored[-len(written) :]
    # What llama.cpp computes at once differs, and with it the figures: by 0.24 at most (log.md, 2026-11-28, second).
    assert [token.logprob for token in tail] == pytest.approx([token.logprob for token in written], abs=0.3)
    assert all(token.token_id in [one[0] for one in token.top] for token in tail), "greedy: the likeliest, or nearly"
    assert "".join(token.text for token in scored) == PROMPT + "".join(token.text for token in written)


def test_long_prompts_go_in_pieces_and_do_not_disturb_what_follows(client: EngineClient) -> None:
    text = "One two three four five six seven eight nine ten. " * 12
    scored = client.score(ScoreRequest(text), Stop()).tokens
    assert len(scored) > 120
    assert all(token.logprob <= 0 for token in scored)
    assert sum(token.logprob for token in scored[-40:]) > sum(token.logprob for token in scored[1:41]), (
        "what has been said twelve times is no surprise"
    )
    request = GenerateRequest(prompt=PROMPT, max_tokens=8)
    fresh = [event for event in client.generate(request, Stop()) if isinstance(event, TextDelta)]
    assert "Paris" in "".join(event.text for event in fresh)


@pytest.mark.parametrize("n_read", [1, 2, 7, 70, 130])
def test_what_is_only_read_has_no_likelihood_and_the_rest_the_same(client: EngineClient, n_read: int) -> None:
    ids = client.tokenize(TokenizeRequest("One two three four five six seven eight nine ten. " * 12, add_special=True))
    whole = client.score(ScoreRequest(token_ids=ids), Stop()).tokens
    rest = client.score(ScoreRequest(token_ids=ids, n_read=n_read), Stop()).tokens
    assert [one.token_id for one in rest] == list(ids) and [one.text for one in rest] == [one.text for one in whole]
    assert all(one.logprob == 0.0 for one in rest[:n_read])
    differ = [abs(one.logprob - other.logprob) for one, other in zip(rest[n_read:], whole[n_read:], strict=True)]
    assert sum(differ) / len(differ) < 0.05, "what is computed at once changes figures a little, in llama.cpp"


@pytest.mark.parametrize(
    "request_",
    [
        ScoreRequest(),
        ScoreRequest(PROMPT, n_read=1),
        ScoreRequest(token_ids=(1, 2), n_read=2),
        ScoreRequest(token_ids=(1, 2), n_read=-1),
        ScoreRequest("a", (1,)),
        ScoreRequest(token_ids=(10**6,)),
        ScoreRequest("a", logprobs=21),
        ScoreRequest("word " * 5000),
    ],
)
def test_what_cannot_be_scored(client: EngineClient, request_: ScoreRequest) -> None:
    with pytest.raises(Error) as refused:
        client.score(request_, Stop())
    assert refused.value.kind in ("bad-request", "context-full")


def test_it_stops(client: EngineClient) -> None:
    stop = Stop()
    stop.set()
    with pytest.raises(Error) as stopped:
        client.score(ScoreRequest("word " * 2000), stop)
    assert stopped.value.kind == "stopped"
