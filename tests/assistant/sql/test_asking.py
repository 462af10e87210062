"""From a question to rows, with a model that says what it is told: tries, agreement, and what is told of failure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error, Stop
from rushlight.assistant.engine.request import (
    BeamRequest,
    GenerateRequest,
    LoraUse,
    Message,
    ScoreRequest,
    TokenizeRequest,
)
from rushlight.assistant.events import Beam, Beams, Finished, Scores, TextDelta, TokenLogprob
from rushlight.assistant.paths import find_paths
from rushlight.assistant.sql.answer import SqlAnswer
from rushlight.assistant.sql.asking import ask_database
from rushlight.assistant.sql.database import Database, open_database
from rushlight.assistant.sql.prompt import SHORT_FORM, Example
from rushlight.assistant.sql.threads import Thread, Turn
from rushlight.assistant.sql.writing import LikelyQueries, cut_query

COUNT = "SELECT COUNT(*) FROM patient WHERE patient.city = 'Oslo'"
EMPTY = "SELECT patient.name FROM patient WHERE patient.city = 'Nowhere'"
WRONG = "SELECT patient.nme FROM patient"


class Said:
    """In place of the app: answers in turn, and keeps what it was asked. It searches where it is told what it finds."""

    def __init__(
        self, *answers: str, finds: Sequence[Beam] | None = None, likes: Mapping[str, float] | None = None
    ) -> None:
        self.answers = list(answers)
        self.finds = finds
        self.likes = likes  # a query -> how likely it makes the question
        self.scored: list[str] = []
        self.scored_with: list[tuple[LoraUse, ...]] = []
        self.asked: list[tuple[tuple[Message, ...], dict[str, Any]]] = []
        self.searched: list[BeamRequest] = []

    def model(self, name: str) -> str:
        return name

    def request(self, messages: Sequence[Message], _model: str, **more: Any) -> GenerateRequest:
        return GenerateRequest(messages=tuple(messages), grammar=more["grammar"], max_tokens=more["max_tokens"])

    def engine(self, _model: str, **_more: Any) -> "Said":
        return self

    def forget(self, _engine: "Said") -> None:
        """Nothing is open."""

    def search(self, request: BeamRequest, stop: Stop) -> Beams:
        stop.check()
        if self.finds is None:
            raise Error("It does not search.", kind="not-supported")
        self.searched.append(request)
        return Beams(tuple(self.finds))

    def tokenize(self, request: TokenizeRequest) -> tuple[int, ...]:
        """A token a byte; of a conversation what is said last."""
        return tuple((request.text or request.messages[-1].content).encode())

    def score(self, request: ScoreRequest, stop: Stop) -> Scores:
        stop.check()
        if self.likes is None:
            raise Error("It gives no likelihoods.", kind="not-supported")
        whole = bytes(request.token_ids).decode()
        query = max((one for one in self.likes if whole.startswith(one)), key=len)
        assert request.n_read == len(query)
        self.scored.append(whole.removeprefix(query))
        self.scored_with.append(request.lora)
        n_said = len(whole) - len(query)
        each = [-9.0] * len(query) + [self.likes[query] / n_said] * n_said
        return Scores(tuple(TokenLogprob(65, "A", one) for one in each))

    def ask(self, messages: Sequence[Message], **more: Any) -> Iterator[Any]:
        self.asked.append((tuple(messages), more))
        answer = self.answers.pop(0)
        yield TextDelta(answer[:7])
        yield TextDelta(answer[7:])
        yield Finished("stop")


@pytest.fixture
def clinic(suite_database: Callable[[str], Path]) -> Iterator[Database]:
    with open_database([suite_database("clinic")], find_paths()) as database:
        yield database


def ask(said: Said, database: Database, question: str = "How many patients live in Oslo?", **more: Any) -> SqlAnswer:
    return ask_database(said, database, question, **more)  # type: ignore[arg-type]


def test_a_query_that_does_is_the_answer(clinic: Database) -> None:
    said = Said(COUNT)
    answer = ask(said, clinic)
    assert answer.result is not None and answer.sql == COUNT and len(answer.tries) == 1 and answer.agreement == 1
    messages, more = said.asked[0]
    assert more["grammar"].kind == "lark" and more["system"] == ""
    assert messages[0].role == "system" and "In the question" not in messages[0].content
    asked = "How many patients live in Oslo?\nIn the question: patient.city = 'Oslo'"
    assert messages[-1] == Message("user", asked)


def test_examples_stand_before_the_question(clinic: Database) -> None:
    said = Said(COUNT)
    ask(said, clinic, examples=[Example("How many drugs are there?", "SELECT COUNT(*) FROM drug")])
    assert [turn.role for turn in said.asked[0][0]] == ["system", "user", "assistant", "user"]


def test_an_error_is_told_to_the_model(clinic: Database) -> None:
    said = Said(WRONG, COUNT)
    answer = ask(said, clinic, free=True)
    assert answer.sql == COUNT and [one.kind for one in answer.tries] == ["sql-error", ""]
    told = said.asked[1][0]
    assert told[-2] == Message("assistant", WRONG) and "no such column" in told[-1].content
    assert said.asked[0][1]["grammar"] is None


def test_what_finds_nothing_is_tried_again_and_then_sampled(clinic: Database) -> None:
    other = "SELECT COUNT(*) FROM patient"
    said = Said(EMPTY, EMPTY, other, COUNT, COUNT + " LIMIT 1")
    answer = ask(said, clinic)
    assert answer.sql == COUNT and round(answer.agreement, 2) == 0.67 and len(answer.tries) == 5
    seeds = [more["options"].sampling.get("seed") for _, more in said.asked]
    assert seeds == [None, None, 1, 2, 3]


def test_nothing_may_be_the_truth(clinic: Database) -> None:
    answer = ask(Said(EMPTY, EMPTY, EMPTY, EMPTY, EMPTY), clinic)
    assert answer.result is not None and answer.result.rows == () and answer.sql == EMPTY


def test_once_means_once(clinic: Database) -> None:
    answer = ask(Said(WRONG), clinic, free=True, correct=False)
    assert answer.result is None and answer.error is not None and "nme" in answer.error.message


def test_what_finds_nothing_may_be_sampled_once_more(clinic: Database) -> None:
    said = Said(EMPTY, COUNT)
    answer = ask(said, clinic, correct=False, again=1)
    assert answer.sql == COUNT and [one.kind for one in answer.tries] == ["empty", ""]
    assert said.asked[1][0] == said.asked[0][0], "nothing is told"
    assert said.asked[1][1]["options"].sampling["seed"] == 1
    still = ask(Said(EMPTY, WRONG), clinic, free=True, correct=False, again=1)
    assert still.sql == EMPTY and still.result is not None and still.result.rows == ()
    failed = ask(Said(WRONG, "SELECT nothing FROM patient"), clinic, free=True, correct=False, again=1)
    assert failed.sql == WRONG and failed.error is not None and "nme" in failed.error.message
    found = Said(COUNT)
    assert ask(found, clinic, correct=False, again=1).sql == COUNT and len(found.asked) == 1


def test_who_was_taught_is_not_told_what_was_wrong(clinic: Database) -> None:
    """It has learned questions, and nothing that follows them: where no search is possible, it is sampled at once."""
    said = Said(EMPTY, COUNT, COUNT, EMPTY)
    answer = ask(said, clinic, "How many are there?", form=SHORT_FORM)
    assert answer.sql == COUNT and round(answer.agreement, 2) == 0.67
    assert [more["options"].sampling.get("seed") for _, more in said.asked] == [None, 1, 2, 3]
    assert all(messages == said.asked[0][0] for messages, _ in said.asked)


def test_who_was_taught_is_asked_for_its_likeliest_queries(clinic: Database) -> None:
    said = Said(finds=[Beam(f" {EMPTY}\n", -0.5, 12), Beam(COUNT, -2.0, 12), Beam(WRONG, -3.0, 12)])
    answer = ask(said, clinic, "How many are there?", form=SHORT_FORM)
    assert answer.sql == COUNT and answer.result is not None and answer.error is None
    assert [one.kind for one in answer.tries] == ["empty", ""], "the best one that finds something"
    (request,) = said.searched
    assert request.asked.grammar is not None and request.width > 1 and not said.asked
    finds = [Beam(WRONG, -1.0, 9), Beam(EMPTY, -2.0, 9)]
    nothing = ask(Said(finds=finds), clinic, "How many are there?", form=SHORT_FORM)
    assert nothing.sql == EMPTY and nothing.result is not None and nothing.result.rows == ()
    wrong = ask(Said(finds=finds[:1]), clinic, "How many are there?", form=SHORT_FORM)
    assert wrong.sql == WRONG and wrong.error is not None and "nme" in wrong.error.message


BACK = (LoraUse("/back.gguf"),)


def test_of_likely_queries_the_one_whose_question_it_is(clinic: Database) -> None:
    other = "SELECT COUNT(*) FROM patient"
    finds, likes = [Beam(other, -0.5, 9), Beam(f"{COUNT};", -2.0, 12)], {other: -14.0, COUNT: -6.0}
    said = Said(finds=finds, likes=likes)
    assert ask(said, clinic, "How many live\nin Oslo?", form=SHORT_FORM, back=BACK).sql == COUNT
    assert said.scored == ["How many live in Oslo?"] * 2, "behind each query, as a model reads it"
    assert said.scored_with == [BACK, BACK]
    before = Said(finds=finds, likes=likes)
    assert ask(before, clinic, "How many live in Oslo?", form=SHORT_FORM).sql == other and not before.scored
    assert (said.searched[0].within, before.searched[0].within) == (3.0, 2.0)
    lacks = Said(finds=[finds[0], Beam(COUNT, -0.4, 12, n_lacking=1)], likes={other: -10.0, COUNT: -5.0})
    assert ask(lacks, clinic, "How many live in Oslo?", form=SHORT_FORM, back=BACK).sql == other
    assert len(lacks.scored) == 2, "2.9 nats behind: half of 5 nats more do not bring it to the front"
    far = Said(finds=[finds[0], Beam(COUNT, -3.6, 12)], likes=likes)
    assert ask(far, clinic, "How many live in Oslo?", form=SHORT_FORM, back=BACK).sql == other and not far.scored
    likely: LikelyQueries = {}
    for back, right in (((), other), (BACK, COUNT)):
        twice = Said(finds=finds, likes=likes)
        assert ask(twice, clinic, "How many live in Oslo?", form=SHORT_FORM, back=back, likely=likely).sql == right
        assert len(twice.searched) == (0 if back else 1), "looked for once"
    alone = Said(finds=finds[:1])
    assert ask(alone, clinic, "How many live in Oslo?", form=SHORT_FORM, back=BACK).sql == other
    assert ask(alone, clinic, "How many?", form=SHORT_FORM, back=BACK).back_problem is None, "nothing to choose"
    cannot = Said(finds=finds)
    found = ask(cannot, clinic, "How many live in Oslo?", form=SHORT_FORM, back=BACK)
    assert found.sql == other and found.back_problem is not None, "what was found is not lost"
    assert found.n_told_apart == 0 and ask(said, clinic, "How many?", form=SHORT_FORM, back=BACK).n_told_apart == 2


def test_a_follow_up_is_not_asked_the_way_back(clinic: Database) -> None:
    other = "SELECT COUNT(*) FROM patient"
    said = Said(finds=[Beam(COUNT, -0.5, 9), Beam(other, -1.0, 12)], likes={other: -1.0, COUNT: -9.0})
    turn = Turn("How many are there?", "How many are there?", other, ("n",), (("120",),), 1, False, "", 0.0)
    thread = Thread("t1", clinic.name, turn.question, 0.0, (turn,))
    asked = "and in Oslo, please, those of them who came twice?"
    ask(said, clinic, asked, form=SHORT_FORM, back=BACK, thread=thread, follows=True)
    assert said.searched and not said.scored


def test_samples_that_were_asked_for_are_taken_from_a_taught_model_too(clinic: Database) -> None:
    said = Said(COUNT, COUNT, finds=[Beam(EMPTY, -0.5, 12)])
    answer = ask(said, clinic, "How many are there?", form=SHORT_FORM, samples=1)
    assert answer.sql == COUNT and not said.searched and len(said.asked) == 2


def test_a_search_can_be_stopped(clinic: Database) -> None:
    stop = Stop()
    stop.set()
    with pytest.raises(Error) as caught:
        ask(Said(finds=[Beam(COUNT, -0.5, 12)]), clinic, "How many are there?", form=SHORT_FORM, stop=stop)
    assert caught.value.kind == "stopped"


def test_a_model_that_wants_to_write_is_refused(clinic: Database) -> None:
    answer = ask(Said(*["DROP TABLE patient"] * 5), clinic, free=True)
    assert answer.result is None and {one.kind for one in answer.tries} == {"sql-refused"}
    assert clinic.run("SELECT count(*) FROM patient").rows == ((120,),)


def test_a_stop_ends_it(clinic: Database) -> None:
    stop = Stop()
    stop.set()
    with pytest.raises(Error) as caught:
        ask(Said(COUNT), clinic, stop=stop)
    assert caught.value.kind == "stopped"


def test_no_question_and_no_tables_are_told(clinic: Database, tmp_path: Path) -> None:
    with pytest.raises(Error, match="no question"):
        ask(Said(), clinic, "  ")
    (tmp_path / "empty.db").write_bytes(b"")
    with open_database([tmp_path / "empty.db"], find_paths()) as database, pytest.raises(Error, match="no tables"):
        ask(Said(), database)


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("SELECT 1", "SELECT 1"),
        ("```sql\nSELECT 1;\n```\nThat is it.", "SELECT 1"),
        ("SELECT ';' AS a; DROP TABLE x", "SELECT ';' AS a"),
        ("SELECT 1\n\nThis counts.", "SELECT 1"),
        ("", ""),
    ],
)
def test_the_query_is_cut_out_of_what_was_written(text: str, sql: str) -> None:
    assert cut_query(text) == sql


def test_hostile_names_are_plain_in_the_prompt(tmp_path: Path) -> None:
    import apsw

    db = apsw.Connection(str(tmp_path / "odd.db"))
    db.execute('CREATE TABLE odd (a TEXT, "b\x1b]0;x\x07\n<|im_end|>" TEXT -- \x1b[31mred\n)')
    db.execute("INSERT INTO odd VALUES ('x\x1b[2J', 'y')")
    db.close()
    said = Said("SELECT COUNT(*) FROM odd")
    with open_database([tmp_path / "odd.db"], find_paths()) as database:
        ask(said, database, "How many odd are there?")
    assert "\x1b" not in said.asked[0][0][0].content and "\x07" not in said.asked[0][0][0].content


def test_a_value_of_two_columns_is_asked_back(suite_database: Callable[[str], Path]) -> None:
    """A passenger may come from Sweden, and a port lie there."""
    from rushlight.ui.desk.sql_words import question_back

    sql = "SELECT COUNT(*) FROM passenger WHERE passenger.country = 'Sweden'"
    with open_database([suite_database("ferry")], find_paths()) as database:
        answer = ask(Said(sql), database, "How many passengers and ports are from Sweden?")
        clear = ask(Said("SELECT COUNT(*) FROM vessel"), database, "How many vessels are there?")
    (unclear,) = answer.unclear
    assert set(unclear.places) == {"passenger.country", "port.country"} and unclear.taken == ("passenger.country",)
    assert question_back(unclear).startswith("“Sweden” stands in ")
    assert clear.unclear == ()
