"""What a model says already is learned beside a lesson for chats: whose answers, to which prompts, asked how often."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rushlight import Stop
from rushlight.assistant.jobs.kind import JobContext
from rushlight.trainer.evaluate.answerer import Answer
from rushlight.trainer.evaluate.guards import guard_suite
from rushlight.ui.work import answerers, teach
from rushlight.ui.work.rehearsal import prompts, rehearsed, whole_sentences

MODEL: Any = SimpleNamespace(sha256="a" * 64, id="me/m")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the model is asked; it answers with the prompt turned round."""
    heard: list[str] = []

    def answer(_self: Any, item: Any, _stop: Stop) -> Answer:
        heard.append(item.prompt)
        return Answer(item.prompt[::-1], 5, 0.1)

    monkeypatch.setattr(answerers.ChatAnswerer, "answer", answer)
    return heard


@pytest.fixture
def context(tmp_path: Path) -> JobContext:
    app: Any = SimpleNamespace(paths=SimpleNamespace(cache=tmp_path / "cache"))
    nothing: Any = lambda *_: None  # noqa: E731
    return JobContext(app, "job1", tmp_path, Stop(), checkpoint=None, tell=nothing, save=nothing, further=nothing)


def test_no_prompt_stands_in_a_guard() -> None:
    guarded = {turn.content.lower() for name in ("instructions", "refusals") for item in guard_suite(name).items
               for turn in item.turns}  # fmt: skip
    found = prompts()
    assert len(found) == len(set(found)) > 80 and not guarded & {one.lower() for one in found}
    some = found[:40]  # a first part is of all kinds
    assert any("list" in one.lower() for one in some) and any("?" in one for one in some)


def test_its_own_answers_are_learned_and_asked_for_once(asked: list[str], context: JobContext) -> None:
    lines = rehearsed(context, MODEL, 10)
    turns = [[turn["content"] for turn in json.loads(line)["messages"]] for line in lines]
    assert len(lines) == 10 and all(answer == prompt[::-1] for prompt, answer in turns)
    assert rehearsed(context, MODEL, 10) == lines and len(asked) == 10
    assert len(rehearsed(context, MODEL, 12)) == 12 and len(asked) == 12
    assert len(rehearsed(context, MODEL, 5_000)) == len(prompts())


def test_a_damaged_cache_is_made_again(asked: list[str], context: JobContext) -> None:
    lines = rehearsed(context, MODEL, 3)
    (file,) = (context.app.paths.cache / "rehearsal").iterdir()
    for damage in ("", "[1]", '{"x": 3}', "{"):
        file.write_text(damage)
        assert rehearsed(context, MODEL, 3) == lines


@pytest.mark.parametrize(
    ("cut", "whole"),
    [("One. Two. Thr", "One. Two."), ("Is it? Yes, and", "Is it?"), ("- a\n- b\n- c", "- a\n- b"), ("endless", "")],
)
def test_what_was_cut_ends_with_a_sentence(cut: str, whole: str) -> None:
    assert whole_sentences(cut) == whole


def test_only_lessons_for_chats_rehearse(asked: list[str], context: JobContext) -> None:
    example: Any = object()

    def beside(scope: str, *, rehearse: bool = True, n: int = 4) -> int:
        given = teach.TeachArguments(kind="feedback", model="m", rehearse=rehearse)
        return len(teach.beside_lesson(context, MODEL, given, scope, [example] * n))

    assert beside("chat") == 4
    assert beside("sql:clinic") == beside("chat", rehearse=False) == beside("chat", n=0) == 0
