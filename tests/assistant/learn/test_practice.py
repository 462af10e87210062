"""Practice: databases that are made up from worlds, sound and different, and the questions to them."""

from pathlib import Path

import apsw
import pytest

from rushlight import Error
from rushlight.assistant.learn.database.names import words_of
from rushlight.assistant.learn.kinds.kind import Watch
from rushlight.assistant.learn.kinds.practice import PracticeLesson, practice_for
from rushlight.assistant.learn.practice.drawing import draw_database
from rushlight.assistant.learn.practice.naming import short_of
from rushlight.assistant.learn.practice.worlds import HOLDS, SIZES, worlds
from rushlight.assistant.paths import find_paths
from rushlight.assistant.registry.scopes import PRACTICE, check_scope, sql_scope
from rushlight.assistant.sql.database import open_database

BLIND = ("cinema", "film", "screening", "listing", "broker", "apartment", "policy", "claim", "premium", "deductible")


def dump(path: Path) -> list[object]:
    db = apsw.Connection(str(path))
    tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    found = [(name, list(db.execute(f'SELECT * FROM "{name}"'))) for name in tables]
    schema = list(db.execute("SELECT sql FROM sqlite_master ORDER BY name"))
    db.close()
    return [schema, found]


def test_worlds_hold_together() -> None:
    assert len(worlds()) >= 15 and len({world.name for world in worlds()}) == len(worlds())
    for world in worlds():
        names = {kind.name for kind in world.kinds}
        for kind in world.kinds:
            assert kind.size in SIZES and {one.table for one in kind.belongs} <= names, kind.name
            assert len(kind.things) >= 2 and len({thing.words for thing in kind.things}) == len(kind.things)
            for thing in kind.things:
                assert thing.holds in HOLDS and thing.low <= thing.high, (kind.name, thing)
                assert bool(thing.values) == (thing.holds in ("group", "labels")), (kind.name, thing)
                assert bool(thing.start) == (thing.holds == "code"), (kind.name, thing)


def test_worlds_have_no_table_of_the_blind_databases() -> None:
    """Those measure what a lesson brings; practice must not know them."""
    words = {word for world in worlds() for kind in world.kinds for word in kind.name.split("_")}
    assert not words & set(BLIND)


@pytest.mark.parametrize("seed", range(0, 60, 7))
def test_a_drawn_database_is_sound_and_the_same_again(seed: int, tmp_path: Path) -> None:
    draw_database(tmp_path / "one.db", seed)
    draw_database(tmp_path / "two.db", seed)
    draw_database(tmp_path / "other.db", seed + len(worlds()))
    assert dump(tmp_path / "one.db") == dump(tmp_path / "two.db") != dump(tmp_path / "other.db")
    db = apsw.Connection(str(tmp_path / "one.db"))
    assert list(db.execute("PRAGMA foreign_key_check")) == []
    tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    assert tables
    for name in tables:
        (n_rows,) = next(iter(db.execute(f'SELECT COUNT(*) FROM "{name}"')))
        assert n_rows >= 4, name
    db.close()


def test_databases_differ_in_how_they_are_spelt(tmp_path: Path) -> None:
    found = set()
    for seed in range(40):
        path = tmp_path / f"{seed}.db"
        draw_database(path, seed)
        db = apsw.Connection(str(path))
        sql = " ".join(row[0] for row in db.execute("SELECT sql FROM sqlite_master"))
        db.close()
        found |= {habit for habit, sign in (("yes", "Y for yes"), ("comments", "--")) if sign in sql}
        names = [word.strip('"') for word in sql.split() if word.startswith('"')]
        found |= {"upper" if name.isupper() else "lower" if name.islower() else "camel" for name in names}
    assert found == {"yes", "comments", "upper", "lower", "camel"}


def test_abbreviations_are_read_back() -> None:
    words = {word for world in worlds() for kind in world.kinds for thing in kind.things for word in thing.words}
    shorter = {word: short_of(word) for word in words if short_of(word) != word}
    assert len(shorter) > 30
    for word, short in shorter.items():
        assert words_of(short) == [word], (word, short)


def test_its_questions_are_many_and_the_held_out_ones_of_other_databases(own_home: Path) -> None:
    lesson = PracticeLesson(find_paths(), n=200, seed=4)
    drafts, held_out = list(lesson.drafts(Watch())), list(lesson.held_out(Watch()))
    assert len(drafts) == 200 and len(held_out) == 18
    sources = {one.origins[0].place for one in drafts}
    assert len(sources) == 5 and not sources & {one.origins[0].place for one in held_out}
    again = [one.key for one in PracticeLesson(find_paths(), n=200, seed=4).drafts(Watch())]
    assert again == [one.key for one in drafts]
    other = {one.key for one in PracticeLesson(find_paths(), n=200, seed=5).drafts(Watch())}
    assert not other & set(again)


def test_the_proof_is_the_same_for_every_practice(own_home: Path, tmp_path: Path) -> None:
    """Its databases are none that is practised on, and its questions by hand neither."""
    first, second = (list(PracticeLesson(find_paths(), n=1, seed=seed).proof(tmp_path / str(seed), Watch()))
                     for seed in (0, 7))  # fmt: skip
    assert len(first) == 80 and [draft.key for _, draft in first] == [draft.key for _, draft in second]
    paths = list(dict.fromkeys(path for path, _ in first))
    assert len(paths) == 10 and all(path.parent == tmp_path / "0" and path.is_file() for path in paths)
    learned = {one.key for one in PracticeLesson(find_paths(), n=270, seed=0).drafts(Watch())}
    assert not learned & {draft.key for _, draft in first}
    for path, draft in first[::9]:
        with open_database([path], find_paths()) as database:
            database.run(draft.answer)


def test_every_query_answers_in_its_database(own_home: Path, tmp_path: Path) -> None:
    """The lesson's own check is not trusted: each is run once more."""
    from rushlight.assistant.learn.kinds.database import DatabaseLesson

    path = tmp_path / "drawn.db"
    draw_database(path, 1_003)
    with open_database([path], find_paths()) as database:
        drafts = list(DatabaseLesson(database, n=60, seed=1_003).drafts(Watch()))
        assert len(drafts) == 60
        for draft in drafts:
            database.run(draft.answer)


def test_how_many_are_made() -> None:
    assert practice_for(30) == 9_000 and practice_for(30, 160) == 160 and practice_for(10_000) == 20_000
    with pytest.raises(Error, match="examples can be made"):
        PracticeLesson(find_paths(), n=0)


def test_no_database_has_its_scope() -> None:
    assert check_scope(PRACTICE) == PRACTICE != sql_scope("practice", "12345678")
