"""The grammar: whatever it lets through is a query that runs, over names that are there."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import llguidance
import pytest

from rushlight import Error
from rushlight.assistant.app import open_app
from rushlight.assistant.engine.grammar import MAX_LARK_BYTES, MAX_LARK_DEFINITIONS
from rushlight.assistant.events import TextDelta
from rushlight.assistant.paths import find_paths
from rushlight.assistant.sql.database import Database, open_database
from rushlight.assistant.sql.grammar import SqlGrammar, sql_grammar
from rushlight.assistant.sql.linking import link
from rushlight.assistant.sql.prompt import sql_messages

SCHEMAS = ("bakery", "clinic", "energy", "ferry", "football", "hotel", "library", "museum", "school", "workshop")
# Slow is not wrong: joins without an index over chance conditions may take their time.
ALLOWED = {"sql-timeout"}
ByChance = Callable[[Any, random.Random], str | None]


def matcher(grammar: SqlGrammar) -> Any:
    """Over single bytes: any text of the grammar can be made."""
    source = llguidance.LLMatcher.grammar_from_lark('%llguidance {"no_forcing": true}\n' + grammar.grammar.text)
    made = llguidance.LLMatcher(llguidance.LLTokenizer("byte"), source, log_level=0)
    assert not made.is_error(), made.get_error()
    return made


def accepts(grammar: SqlGrammar, sql: str) -> bool:
    made = matcher(grammar)
    return bool(made.consume_tokens(list(sql.encode())) and made.is_accepting())


def run_chance(database: Database, questions: list[str], n: int, seed: int, by_chance: ByChance) -> int:
    dice = random.Random(seed)
    grammars = [
        sql_grammar(link(database.known(), question)) for question in dice.sample(questions, min(n, len(questions)))
    ]
    n_run = 0
    while n_run < n:
        sql = by_chance(matcher(dice.choice(grammars)), dice)
        if sql is None:
            continue
        n_run += 1
        try:
            database.run(sql, seconds=0.5, max_rows=10)
        except Error as err:
            assert err.kind in ALLOWED, (err, sql)
    return n_run


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("n", [5, pytest.param(200, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])])
def test_whatever_it_lets_through_can_be_run(
    n: int, schema: str, suite_database: Callable[[str], Path], suite_questions: list[dict[str, Any]],
    by_chance: ByChance,
) -> None:  # fmt: skip
    questions = [one["question"] for one in suite_questions if one["schema"] == schema]
    with open_database([suite_database(schema)], find_paths()) as database:
        assert run_chance(database, questions, n, 11, by_chance) == n


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_model_at_temperature_one_names_only_what_is_there(
    demo_model: Path, suite_database: Callable[[str], Path], suite_questions: list[dict[str, Any]]
) -> None:
    """2,000 queries of the demo model, none of which names a table or column that is missing or not in its FROM."""
    from rushlight.assistant.ask_options import AskOptions
    from rushlight.assistant.models.importing import import_model

    n_run = 0
    with open_app(host="in-process") as app:
        import_model(app.catalogue, demo_model)
        for schema in SCHEMAS:
            with open_database([suite_database(schema)], find_paths()) as database:
                questions = [one["question"] for one in suite_questions if one["schema"] == schema]
                for i in range(200):
                    question = questions[i % len(questions)]
                    linked = link(database.known(), question)
                    events = app.ask(
                        sql_messages(linked, question),
                        system="",
                        options=AskOptions(sampling={"temperature": 1.0, "seed": i}),
                        max_tokens=400,
                        grammar=sql_grammar(linked).grammar,
                    )
                    sql = "".join(event.text for event in events if isinstance(event, TextDelta))
                    n_run += 1
                    try:
                        database.run(sql, max_rows=10)
                    except Error as err:
                        cut_off = "incomplete input" in err.message or "unrecognized token" in err.message
                        assert err.kind in ALLOWED or cut_off, (err, sql)
    assert n_run == 2_000


def test_it_fits_the_engine(suite_known: Callable[[str], Any], suite_questions: list[dict[str, Any]]) -> None:
    for one in suite_questions[::2]:
        made = sql_grammar(link(suite_known(one["schema"]), one["question"]))
        assert made.n_rules <= MAX_LARK_DEFINITIONS and made.n_bytes <= MAX_LARK_BYTES
        assert made.n_trees >= 1


@pytest.fixture
def clinic(suite_known: Callable[[str], Any]) -> Any:
    return suite_known("clinic")


@pytest.mark.parametrize(
    ("question", "sql"),
    [
        ("How many patients live in Oslo?", "SELECT COUNT(*) FROM patient WHERE patient.city = 'Oslo'"),
        ("How many patients have no insurer?", "SELECT COUNT(*) FROM patient WHERE patient.insurer IS NULL"),
        (
            "Mean fee per specialty of visits in 2024, highest first?",
            "SELECT doctor.specialty, ROUND(AVG(visit.fee_eur), 2) FROM visit JOIN doctor ON visit.doctor_id = "
            "doctor.doctor_id WHERE visit.day BETWEEN '2024-01-01' AND '2024-12-31' GROUP BY doctor.specialty "
            "ORDER BY ROUND(AVG(visit.fee_eur), 2) DESC",
        ),
        (
            "Which patients never had a visit?",
            "SELECT patient.name FROM patient WHERE patient.patient_id NOT IN (SELECT visit.patient_id FROM visit)",
        ),
        (
            "Which drug costs more than the average drug?",
            "SELECT drug.name FROM drug WHERE drug.price_eur > (SELECT AVG(drug.price_eur) FROM drug)",
        ),
        (
            "Which doctors had more than 80 visits?",
            "SELECT doctor.name FROM doctor JOIN visit ON visit.doctor_id = doctor.doctor_id GROUP BY doctor.doctor_id "
            "HAVING COUNT(*) > 80",
        ),
        (
            "Rank the specialties of doctors by the fees of visits.",
            "SELECT doctor.specialty, RANK() OVER (ORDER BY SUM(visit.fee_eur) DESC) FROM doctor JOIN visit ON "
            "visit.doctor_id = doctor.doctor_id GROUP BY doctor.specialty",
        ),
        (
            "How many visits were there in each month of 2024?",
            "SELECT strftime('%m', visit.day), COUNT(*) FROM visit WHERE visit.day LIKE '2024-%' "
            "GROUP BY strftime('%m', visit.day) ORDER BY strftime('%m', visit.day)",
        ),
    ],
)
def test_right_queries_are_in_it(question: str, sql: str, clinic: Any) -> None:
    assert accepts(sql_grammar(link(clinic, question)), sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT patient.name FROM visit",  # a column without its table
        "SELECT patient.nme FROM patient",  # no such column
        "SELECT patient.name FROM patients",  # no such table
        "SELECT COUNT(*) FROM patient WHERE patient.city = 'Paris'",  # a text that it does not hold
        "SELECT COUNT(*) FROM patient WHERE patient.insurer = 'Oslo'",  # a text of another column
        "SELECT COUNT(*) FROM patient JOIN visit ON visit.visit_id = patient.patient_id",  # not along a key
        "SELECT COUNT(*) FROM patient; SELECT 1",
        "DELETE FROM patient",
        "SELECT load_extension('x') FROM patient",
        "SELECT patient.name FROM patient WHERE patient.city = 'Oslo' OR 1=1 --",
        "SELECT patient.name FROM patient LIMIT 1000000000",
    ],
)
def test_wrong_queries_are_not(sql: str, clinic: Any) -> None:
    assert not accepts(sql_grammar(link(clinic, "Which patients from Oslo had a visit?")), sql)


def test_hostile_names_and_values_stay_inside_their_quotes(tmp_path: Path, by_chance: ByChance) -> None:
    db = apsw.Connection(str(tmp_path / "odd.db"))
    db.execute("""CREATE TABLE "a""b"" DROP; --" ("x y" TEXT, "select" REAL, "größe\n2" TEXT)""")
    for value in ("it's", "'; DROP TABLE x; --", '"', "%llguidance {}", "/.*/", "a\\nb", "<|im_end|>"):
        db.execute("""INSERT INTO "a""b"" DROP; --" VALUES (?, 1.5, 'x')""", (value,))
    db.close()
    with open_database([tmp_path / "odd.db"], find_paths()) as database:
        question = "How many x y are it's or '; DROP TABLE x; --?"
        grammar = sql_grammar(link(database.known(), question))
        place = '"a""b"" DROP; --"'
        assert accepts(grammar, f"""SELECT COUNT(*) FROM {place} WHERE {place}."x y" = 'it''s'""")
        assert run_chance(database, [question], 10, 3, by_chance) == 10


@pytest.mark.parametrize(
    ("question", "inside", "outside"),
    [
        ("Which drugs cost more than 12.5?", "drug.price_eur > 12.5", "drug.price_eur > 12"),
        ("Which drugs cost more than 12.5?", "drug.price_eur > 0", "drug.price_eur > 99"),
        ("Which visits in 2023 cost more than twice 1,000?", "visit.day >= '2024-01-01'", "visit.day >= '2025-01-01'"),
        ("Which visits in 2023 cost more than twice 1,000?", "visit.fee_eur > 1000", "visit.fee_eur > 1001"),
        ("Which visits were before May?", "visit.day < '2031-05-01'", "visit.day < '3031-05-01'"),
    ],
)
def test_numbers_are_those_of_the_question(question: str, inside: str, outside: str, clinic: Any) -> None:
    grammar, table = sql_grammar(link(clinic, question)), inside.partition(".")[0]
    assert accepts(grammar, f"SELECT COUNT(*) FROM {table} WHERE {inside}")
    assert not accepts(grammar, f"SELECT COUNT(*) FROM {table} WHERE {outside}")


def test_no_date_or_key_is_made_up(clinic: Any) -> None:
    plain = sql_grammar(link(clinic, "How many visits were there?"))
    assert accepts(plain, "SELECT COUNT(*) FROM visit WHERE visit.diagnosis IS NULL")
    for made_up in ("visit.day >= '2024-01-01'", "strftime('%Y', visit.day) = '2024'", "visit.visit_id = 1"):
        assert not accepts(plain, f"SELECT COUNT(*) FROM visit WHERE {made_up}")
    dated = sql_grammar(link(clinic, "How many visits were there in March, and what is visit 7?"))
    assert accepts(dated, "SELECT COUNT(*) FROM visit WHERE strftime('%m', visit.day) = '03'")
    assert accepts(dated, "SELECT COUNT(*) FROM visit WHERE visit.visit_id = 7")


def test_the_most_comes_with_a_falling_order_where_rows_are_cut(clinic: Any) -> None:
    most = sql_grammar(link(clinic, "Which drug has the highest price?"))
    base = "SELECT drug.name FROM drug"
    assert accepts(most, f"{base} ORDER BY drug.price_eur DESC LIMIT 1") and accepts(most, base)
    assert not accepts(most, f"{base} ORDER BY drug.price_eur LIMIT 1") and accepts(most, f"{base} ORDER BY drug.name")
    least = sql_grammar(link(clinic, "Which two drugs have the lowest price?"))
    assert accepts(least, f"{base} ORDER BY drug.price_eur LIMIT 2")
    assert not accepts(least, f"{base} ORDER BY drug.price_eur DESC LIMIT 2")
    both = sql_grammar(link(clinic, "List drugs from the highest to the lowest price, first 3."))
    assert accepts(both, f"{base} ORDER BY drug.price_eur LIMIT 3")
    at_least = sql_grammar(link(clinic, "Which first 3 drugs cost at least 8?"))
    assert accepts(at_least, f"{base} WHERE drug.price_eur >= 8 ORDER BY drug.price_eur DESC LIMIT 3")
