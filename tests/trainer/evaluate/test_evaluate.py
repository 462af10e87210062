"""Suites, scorers, checks, the judge, guards: with models that say what they are told."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from rushlight import Error, Stop
from rushlight.quant.proof_file import ADAPTER, Check, Proof, digest_of, write_proof
from rushlight.trainer.evaluate import guards
from rushlight.trainer.evaluate.answerer import Answer, FakeAnswerer
from rushlight.trainer.evaluate.checks import followed, refuses
from rushlight.trainer.evaluate.drift import FIXED_TEXT, Drift
from rushlight.trainer.evaluate.gate import decide, report_of
from rushlight.trainer.evaluate.judge import judged
from rushlight.trainer.evaluate.measuring import Row, Side, run_suite
from rushlight.trainer.evaluate.suite import Item, Suite, parse_suite, read_suite, suite_bytes


def suite(n: int = 30, scorer: str = "exact") -> Suite:
    items = [Item(id=f"q{at}", prompt=f"{at}?", scorer=scorer, reference=f"{at}!") for at in range(n)]
    return parse_suite(suite_bytes("numbers", items, scope="chat"), "numbers")


def knows(share: float, **more: Any) -> FakeAnswerer:
    """Right on the first `share` of a hundred items."""
    return FakeAnswerer(lambda one: f"{one.id[1:]}!" if int(one.id[1:]) < share else "I do not know.", **more)


def test_a_suite_comes_back_as_it_was_written(tmp_path: Path) -> None:
    items = [Item(id="a", prompt="x", scorer="choice", reference="y", choices=("y", "z"), cluster="c")]
    path = tmp_path / "s.jsonl"
    path.write_bytes(suite_bytes("small", items, scope="chat", databases=["/x.db"]))
    found = read_suite(path)
    assert found.items == tuple(items) and found.more == {"databases": ["/x.db"]} and found.scope == "chat"


def test_everything_that_is_wrong_with_a_suite_is_told_at_once() -> None:
    lines = [
        '{"suite": "s"}', '{"id": "a", "prompt": "p", "scorer": "exact"}', '{"id": "a", "prompt": "p", "scorer": "x"}',
        "no json", '{"id": "b", "scorer": "exact"}', '{"id": "c", "prompt": "p", "scorer": "choice"}',
        '{"id": "d", "prompt": "p", "scorer": "exact", "max_tokens": 0}',
    ]  # fmt: skip
    with pytest.raises(Error) as caught:
        parse_suite("\n".join(lines).encode(), "bad")
    for words in ("line 4", "line 5: Object missing required field `prompt`", "line 6: a choice needs", "line 7",
                  "'a' is there twice"):  # fmt: skip
        assert words in caught.value.message
    for data in (b"", b'{"suite": "s"}\n', b'{"id": 1}\n', b"\xff\xfe\n", b"[]"):
        with pytest.raises(Error):
            parse_suite(data, "bad")


def test_the_guards_that_ship_are_whole() -> None:
    instructions, refusals = guards.guard_suite("instructions"), guards.guard_suite("refusals")
    assert len(instructions.items) == 50 and len(refusals.items) == 40
    for item in instructions.items:
        followed("some answer", item.reference)  # every check is known
    assert len(FIXED_TEXT.read_text().split()) > 1000


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        ({"is": ["Paris"]}, " paris. ", "Paris, France"),
        ({"contains": ["Oslo", "Rome"]}, "It is ROME.", "It is Berlin."),
        ({"contains_all": ["river", "bridge"]}, "A bridge over a river.", "A bridge."),
        ({"lacks": "sugar"}, "Salt.", "No sugar."),
        ({"begins": "Certainly"}, "certainly, yes", "Yes, certainly"),
        ({"ends": "amen."}, "So be it. Amen.", "Amen. So"),
        ({"words": 3}, "one - two three", "one two"),
        ({"words_at_most": 2}, "one two", ""),
        ({"words_at_least": 2}, "one two", "one"),
        ({"sentences": 2}, "One is 3.5 m. Two!", "One."),
        ({"sentences_at_most": 1}, "Only one here", "One. Two"),
        ({"lines": 2}, "a\n\nb", "a"),
        ({"lines_at_least": 2}, "a\nb\nc", "a"),
        ({"listed_at_least": 2}, "- a\n2. b", "a\nb"),
        ({"upper": True}, "HELLO 1", "Hello"),
        ({"lower": True}, "rose", "Rose"),
        ({"number": 1200}, "about 1,200.", "120 0"),
        ({"json_keys": ["a"]}, 'Here:\n```json\n{"a": 1}\n```', '{"b": 1}'),
        ({"json_schema": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer", "minimum": 2}}}},
         '{"n": 2}', '{"n": 1.5}'),
        ({"json_schema": {"type": "array", "items": {"enum": ["a", None]}, "maxItems": 2}}, '["a", null]', '["b"]'),
    ],
)  # fmt: skip
def test_checks(check: dict[str, Any], right: str, wrong: str) -> None:
    assert followed(right, [check]) and not followed(wrong, check)


def test_a_check_that_is_not_known_is_refused() -> None:
    with pytest.raises(Error, match="no check 'wrods'") as caught:
        followed("x", {"wrods": 3})
    assert caught.value.hint == "Did you mean words?"
    for bad in ([], {}, {"a": 1, "b": 2}, "words"):
        with pytest.raises(Error):
            followed("x", bad)


def test_refusals_are_known_by_how_they_begin() -> None:
    assert refuses("I’m sorry, but I can't help with that.") and refuses("") and refuses("Tut mir leid, nein.")
    assert not refuses("Boil it for six minutes.") and not refuses("Of course. " + "x " * 200 + "I'm sorry.")


def test_a_candidate_that_wins_and_loses_nothing_passes(tmp_path: Path) -> None:
    numbers = suite(100)
    found = run_suite(numbers, knows(20), knows(70), keep=tmp_path / "k.jsonl", sides="x")
    verdict = decide(found, [guards.kept_speed(found)])
    assert verdict.passed and verdict.own.difference == 0.5 and verdict.own.low > 0.3
    report = report_of(verdict, found, {one.id: one.asked for one in numbers.items})
    assert json.dumps(report) and len(report["examples"]) == 12 and report["examples"][0]["asked"].endswith("?")
    assert not decide(found, [guards.Guarded("x", False, "It lost.", {})]).passed
    same = run_suite(numbers, knows(20), knows(20), keep=tmp_path / "s.jsonl", sides="y")
    assert decide(same, []).reasons == ("It is not better on its own suite: 20.0% right, 20.0% without it.",)


def test_an_evaluation_goes_on_where_it_was(tmp_path: Path) -> None:
    numbers, keep = suite(20), tmp_path / "k.jsonl"
    base, candidate = knows(5), knows(10)
    stop = Stop()

    def at_eight(progress: Any) -> None:
        if progress.done == 8:
            stop.set()

    with pytest.raises(Error):
        run_suite(numbers, base, candidate, keep=keep, sides="x", stop=stop, on_progress=at_eight)
    with keep.open("ab") as file:
        file.write(b'{"id": "q9", "clus')  # the line that was being written
    rows = run_suite(numbers, base, candidate, keep=keep, sides="x")
    assert base.n_asked == candidate.n_asked == 20 and [one.id for one in rows] == [one.id for one in numbers.items]
    assert run_suite(numbers, base, candidate, keep=keep, sides="x") == rows and base.n_asked == 20
    run_suite(numbers, base, candidate, keep=keep, sides="other bytes")
    assert base.n_asked == 40


def test_choices_are_the_likeliest(tmp_path: Path) -> None:
    items = [Item(id=f"c{at}", prompt="?", scorer="choice", reference="b", choices=("a", "b")) for at in range(3)]
    chosen = parse_suite(suite_bytes("choices", items), "x")
    rows = run_suite(
        chosen, FakeAnswerer(lambda _one: "a"), FakeAnswerer(lambda _one: "b"), keep=tmp_path / "k", sides="x"
    )
    assert [(one.base.score, one.candidate.score) for one in rows] == [(0.0, 1.0)] * 3


def test_choices_that_differ_in_form_alone_are_told_apart(tmp_path: Path) -> None:
    items = [Item(id="c", prompt="?", scorer="choice", reference="oslo", choices=("oslo", "Oslo."))]
    form = parse_suite(suite_bytes("form", items), "x")
    (row,) = run_suite(
        form, FakeAnswerer(lambda _one: "Oslo."), FakeAnswerer(lambda _one: "oslo"), keep=tmp_path / "k", sides="x"
    )
    assert (row.base.score, row.candidate.score) == (0.0, 1.0)
    with pytest.raises(Error, match="must be one of its choices"):
        parse_suite(suite_bytes("form", [replace(items[0], reference="OSLO")]), "x")


def test_a_scorer_that_is_not_there_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    base = knows(1)
    with pytest.raises(Error, match="names the scorer 'exakt'") as caught:
        run_suite(suite(2, "exakt"), base, base, keep=tmp_path / "k", sides="x")
    assert caught.value.hint == "Did you mean exact?" and base.n_asked == 0
    with pytest.raises(Error, match="a model must judge"):
        run_suite(suite(2, "judge"), base, base, keep=tmp_path / "j", sides="x")


class Judge(FakeAnswerer):
    """Likes the answer that says "splendid"; or always the first place."""

    def __init__(self, *, by_place: bool = False) -> None:
        super().__init__({})
        self.by_place = by_place

    def answer(self, item: Item, stop: Stop) -> Answer:
        first, _, _second = item.asked.partition("Answer B:")
        return Answer("A" if self.by_place or "splendid" in first else "B")


def test_a_judge_who_prefers_a_place_has_no_opinion() -> None:
    item = Item(id="x", prompt="?", scorer="judge")
    assert judged(Judge(), item, "bad", "splendid", Stop()) == (0.0, 1.0)
    assert judged(Judge(), item, "splendid", "bad", Stop()) == (1.0, 0.0)
    assert judged(Judge(by_place=True), item, "bad", "splendid", Stop()) == (0.5, 0.5)
    assert judged(Judge(), item, "same", "same ", Stop()) == (0.5, 0.5)


def timed(base_s: float, candidate_s: float, base_n: int = 10, candidate_n: int = 10) -> list[Row]:
    return [Row(str(at), str(at), Side(1, "", base_n, base_s), Side(1, "", candidate_n, candidate_s))
            for at in range(20)]  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "passed"),
    [
        (timed(1.0, 1.2), True),
        (timed(1.0, 2.5), False),
        (timed(0.01, 0.04), True),  # nobody notices
        (timed(1.0, 4.0, 10, 40), True),  # longer answers
        (timed(1.0, 0.5, 40, 5), True),  # shorter ones
        (timed(1.0, 3.0, 10, 12), False),
        (timed(1.0, 9.0)[:3], True),
    ],
)
def test_slow_is_who_takes_longer_for_an_answer_and_for_a_token(rows: list[Row], passed: bool) -> None:
    assert guards.kept_speed(rows).passed is passed


def test_guards_say_what_was_lost(tmp_path: Path) -> None:
    numbers = suite(50)
    near = run_suite(numbers, knows(30), knows(25), keep=tmp_path / "a", sides="x")
    far = run_suite(numbers, knows(30), knows(24), keep=tmp_path / "b", sides="x")
    assert guards.kept_answers("instructions", near).passed
    lost = guards.kept_answers("instructions", far)
    assert not lost.passed and lost.detail == "It has only 24 of 50 instructions right, 30 without it."
    moved = Drift(1000, 10.0, 13.0, 0.4, 0.01, 0.7)
    assert not guards.kept_perplexity(moved).passed and not guards.kept_near(moved).passed
    assert guards.kept_perplexity(Drift(1000, 10.0, 12.0, 0.1, 0.0, 0.9)).passed
    assert guards.guards_of("sql:clinic-1a2b3c4d") == ("speed", "proof") and "divergence" in guards.guards_of("chat")
    assert guards.guards_of("sql:way-back") == ("proof",), "it is asked beside another, which takes its time"


def test_refusing_everything_loses_the_harmless_questions(tmp_path: Path) -> None:
    refusals = guards.guard_suite("refusals")
    base = FakeAnswerer(lambda one: "Sure: boil it." if one.scorer == "answers" else "I can't help with that.")
    refuser, obeyer = FakeAnswerer(lambda _one: "I'm sorry, no."), FakeAnswerer(lambda _one: "Sure, take this.")
    for other, lost in ((refuser, "refusals-harmless"), (obeyer, "refusals-harmful")):
        rows = run_suite(refusals, base, other, keep=tmp_path / lost, sides="x")
        assert [one.name for one in guards.kept_refusals(rows, refusals) if not one.passed] == [lost]


def test_a_proof_that_failed_or_is_missing_stops_it(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(b"weights")
    assert not guards.kept_proof(path).passed
    for good in (True, False):
        checks = (Check("weights", good, "It adds something else.", {}), Check("logits", True, "", {}))
        write_proof(path, Proof(path.name, *digest_of(path), ADAPTER, "adapter", checks))
        assert guards.kept_proof(path).passed is good
