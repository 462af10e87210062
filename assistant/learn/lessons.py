"""The lessons of a store: made, listed, found, edited, split, exported. No version of an example is ever overwritten.

A change of examples makes a new version of the lesson; what stood in an earlier one can be read back.
"""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

import msgspec

from rushlight import Error
from rushlight.assistant.chat.ids import new_id
from rushlight.assistant.chat.text_rules import one_line, storable
from rushlight.assistant.learn.example import Draft, Example, Lesson, Origin, Part, Turn
from rushlight.assistant.learn.split import clusters_of, held_out_clusters
from rushlight.assistant.registry.rows import GONE
from rushlight.assistant.store.database import Store, Value

MAX_NAME_CHARS = 80
_MIN_FRAGMENT = 4
_LESSON = f"""SELECT l.id, l.name, l.kind, l.scope, l.form, l.source, l.version, l.created_at, l.updated_at, l.split_at,
    (SELECT count(*) FROM lesson_examples e WHERE e.lesson = l.number AND e.until IS NULL),
    (SELECT count(*) FROM lesson_examples e WHERE e.lesson = l.number AND e.until IS NULL AND e.part = 'held_out'),
    (SELECT count(*) FROM lesson_examples e WHERE e.lesson = l.number AND e.until IS NULL AND e.left_out = 1),
    (SELECT count(*) FROM lesson_examples e WHERE e.lesson = l.number AND e.until IS NULL AND e.left_out = 0
        AND EXISTS (SELECT 1 FROM lesson_origins s WHERE s.example = e.number AND {GONE}))
    FROM lessons l """
_EXAMPLE = """SELECT e.number, e.id, e.shape, e.prompt, e.answer, e.rejected, e.good, e.meaning, e.more, e.cluster,
    e.part, e.left_out, e.since FROM lesson_examples e """
_ADD = """INSERT INTO lesson_examples (lesson, id, shape, prompt, answer, rejected, good, meaning, cluster, part,
    left_out, more, since) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_Examples: TypeAlias = list[Example]  # inside the class, `list` is its method
_prompt = msgspec.json.Decoder(tuple[Turn, ...])


class LessonBook:
    """Every method that writes is one transaction and is on the disk when it returns. Unknown names are an `Error`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # --- lessons ------------------------------------------------------------------------------------------------------
    def create(
        self, name: str, kind: str, *, scope: str, form: str = "", source: Mapping[str, Any] | None = None
    ) -> Lesson:
        """An empty lesson. A name that is taken is an `Error(kind="lesson-exists")`."""
        name = one_line(name, MAX_NAME_CHARS)
        if not name:
            raise Error("A lesson needs a name.", kind="bad-lesson")
        with self._store.writing():
            if self._store.rows("SELECT 1 FROM lessons WHERE name = ?", (name,)):
                raise Error(
                    f"There is a lesson named {name!r} already.",
                    hint=f"Choose another name, or remove it: rushlight teach remove {name!r}",
                    kind="lesson-exists",
                )
            now, lesson_id = time.time(), new_id()
            self._store.execute(
                "INSERT INTO lessons (id, name, kind, scope, form, source, version, created_at, updated_at) "
                "VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?7)",
                (lesson_id, name, kind, scope, form, json.dumps(dict(source or {})), now),
            )
        return self.find(lesson_id)

    def together(self) -> AbstractContextManager[None]:
        """Several changes as one: all of them, or none."""
        return self._store.writing()

    def free_name(self, wanted: str) -> str:
        """`wanted`, or with a number where it is taken."""
        wanted = one_line(wanted, MAX_NAME_CHARS - 6) or "lesson"
        taken = {str(name) for (name,) in self._store.rows("SELECT name FROM lessons")}
        name, n = wanted, 2
        while name in taken:
            name, n = f"{wanted} {n}", n + 1
        return name

    def list(self, *, kind: str | None = None, scope: str | None = None) -> tuple[Lesson, ...]:
        """The newest first."""
        rows = self._store.rows(
            _LESSON + "WHERE (?1 IS NULL OR l.kind = ?1) AND (?2 IS NULL OR l.scope = ?2) ORDER BY l.number DESC",
            (kind, scope),
        )
        return tuple(map(_lesson, rows))

    def find(self, name: str) -> Lesson:
        """By name or id, or by a beginning or end of an id (4 characters or more) that only one has."""
        rows = self._store.rows(_LESSON + "WHERE l.name = ?1 OR l.id = ?1", (name,))
        if not rows and len(name) >= _MIN_FRAGMENT:
            rows = self._store.rows(
                _LESSON + "WHERE substr(l.id, 1, ?2) = ?1 OR substr(l.id, -?2) = ?1 LIMIT 2", (name.lower(), len(name))
            )
        if len(rows) > 1:
            raise Error(
                f"Several lessons match {name[:60]!r}.",
                hint="Give the whole name; see: rushlight teach list",
                kind="lesson-ambiguous",
            )
        if not rows:
            import difflib

            names = [one.name for one in self.list()]
            near = difflib.get_close_matches(name, names, n=1)
            raise Error(
                f"There is no lesson {name[:60]!r}." + (f" Did you mean {near[0]}?" if near else ""),
                hint="See: rushlight teach list",
                kind="lesson-not-found",
            )
        return _lesson(rows[0])

    def remove(self, lesson: Lesson) -> None:
        """With all versions of its examples. What was trained on it stays."""
        with self._store.writing():
            self._number(lesson)
            self._store.execute("DELETE FROM lessons WHERE id = ?", (lesson.id,))

    def using(self, kind: str, source: str) -> tuple[Lesson, ...]:
        """The lessons that have an example, in whatever version, that was made of this: a conversation, a file."""
        rows = self._store.rows(
            _LESSON + "WHERE l.number IN (SELECT e.lesson FROM lesson_origins o JOIN lesson_examples e "
            "ON e.number = o.example WHERE o.kind = ? AND o.source = ?) ORDER BY l.number",
            (kind, source),
        )
        return tuple(map(_lesson, rows))

    def sources(self, lesson: Lesson, kind: str) -> tuple[str, ...]:
        """The conversations, files, ... that the examples of the lesson were made of."""
        rows = self._store.rows(
            "SELECT DISTINCT o.source FROM lesson_origins o JOIN lesson_examples e ON e.number = o.example "
            "WHERE e.lesson = ? AND o.kind = ? ORDER BY 1",
            (self._number(lesson), kind),
        )
        return tuple(str(source) for (source,) in rows)

    # --- examples -----------------------------------------------------------------------------------------------------
    def examples(
        self, lesson: Lesson, *, version: int | None = None, part: Part | None = None, limit: int = -1, offset: int = 0
    ) -> _Examples:
        """Those that stand now, or stood in `version`; in the order in which they came."""
        rows: Sequence[Sequence[Any]] = self._store.rows(
            _EXAMPLE + "WHERE e.lesson = ?1 AND e.since <= ?2 AND (e.until IS NULL OR e.until > ?2) "
            "AND (?3 IS NULL OR e.part = ?3) ORDER BY e.id, e.number LIMIT ?4 OFFSET ?5",
            (self._number(lesson), lesson.version if version is None else version, part, limit, offset),
        )
        if not rows:
            return []
        origins = self._origins(lesson) if len(rows) > 50 else None
        return [self._example(row, origins) for row in rows]

    def add(self, lesson: Lesson, drafts: Iterable[Draft]) -> tuple[Lesson, int]:
        """Add what was never in it, as one new version; how many came in. A split lesson keeps its held-out part:
        what means the same as something held out is set aside, the rest is trained on. What was edited away does not
        come back."""
        known = self._keys(lesson)
        fresh: dict[str, Draft] = {}
        for draft in drafts:
            kept = as_stored(draft)
            if kept.key not in known:
                fresh.setdefault(kept.key, kept)
        if not fresh:
            return lesson, 0
        with self._store.writing():
            number, version = self._next(lesson)
            for draft in fresh.values():
                self._insert(number, new_id(), draft, version)
            if lesson.is_split:
                self._place(self.find(lesson.id))
        return self.find(lesson.id), len(fresh)

    def edit(self, lesson: Lesson, example_id: str, draft: Draft) -> Lesson:
        """The example as it should be. Its earlier version stays readable; its part of the split stays."""
        with self._store.writing():
            old = self.example(lesson, example_id)
            number, version = self._next(lesson)
            self._end(number, old.id, version)
            origins = draft.origins or old.draft.origins
            kept = msgspec.structs.replace(as_stored(draft), origins=origins)
            self._insert(number, old.id, kept, version, old.cluster, old.part, old.left_out)
        return self.find(lesson.id)

    def leave_out(self, lesson: Lesson, ids: Iterable[str], left_out: bool = True) -> Lesson:
        """Not to be learned, or to be learned again."""
        with self._store.writing():
            number, version = self._next(lesson)
            for one in [self.example(lesson, example_id) for example_id in ids]:
                if one.left_out != left_out:
                    self._end(number, one.id, version)
                    self._insert(number, one.id, one.draft, version, one.cluster, one.part, left_out)
        return self.find(lesson.id)

    def note(self, lesson: Lesson, examples: Iterable[Example]) -> Lesson:
        """These examples with what is known of them and whether they are left out, as it is given here."""
        with self._store.writing():
            number, version = self._next(lesson)
            for one in examples:
                old = self.example(lesson, one.id)
                draft = msgspec.structs.replace(old.draft, more=one.draft.more)
                self._end(number, old.id, version)
                self._insert(number, old.id, draft, version, old.cluster, old.part, one.left_out)
        return self.find(lesson.id)

    def example(self, lesson: Lesson, name: str) -> Example:
        """One that stands now, by its id or a beginning or end of it."""
        rows: Sequence[Sequence[Any]] = self._store.rows(
            _EXAMPLE + "WHERE e.lesson = ?1 AND e.until IS NULL AND "
            "(e.id = ?2 OR (length(?2) >= 4 AND (substr(e.id, 1, length(?2)) = ?2 OR substr(e.id, -length(?2)) = ?2))) "
            "LIMIT 2",
            (self._number(lesson), name.lower()),
        )
        if len(rows) != 1:
            raise Error(
                f"{'Several examples' if rows else 'No example'} of {lesson.name} "
                f"{'match' if rows else 'matches'} {name[:60]!r}.",
                hint=f"See: rushlight teach show {lesson.name!r}",
                kind="example-not-found",
            )
        return self._example(rows[0], None)

    # --- the split ----------------------------------------------------------------------------------------------------
    def split(self, lesson: Lesson, *, share: float = 0.1, most: int = 200, seed: int = 0) -> Lesson:
        """Set a part apart by meaning, once: alike examples never lie on both sides. A split lesson stays as it is, but
        for examples that were left out then and are learned again: they get their place now."""
        if lesson.is_split:
            if any(not one.part and not one.left_out for one in self.examples(lesson)):
                with self._store.writing():
                    self._next(lesson)  # a run of before did not learn them
                    self._place(self.find(lesson.id))
            return self.find(lesson.id)
        examples = [one for one in self.examples(lesson) if not one.left_out]
        clusters = clusters_of([one.draft for one in examples])
        # Of a bad answer alone nothing is asked, so nothing can be proven by it.
        asked = [cluster for one, cluster in zip(examples, clusters, strict=True) if one.draft.good is not False]
        held_out = held_out_clusters(asked, share=share, most=most, seed=seed)
        if not held_out or len(held_out) == len(set(asked)):
            raise Error(
                f"{lesson.name} cannot be split: its {len(asked):,} examples have "
                f"{len(set(asked)):,} different meanings.",
                hint="Give more examples that differ; some are needed to see afterwards whether it was learned.",
                kind="lesson-too-small",
            )
        with self._store.writing():
            number = self._number(lesson)
            for one, cluster in zip(examples, clusters, strict=True):
                self._store.execute(
                    "UPDATE lesson_examples SET cluster = ?, part = ? WHERE lesson = ? AND id = ? AND until IS NULL",
                    (cluster, "held_out" if cluster in held_out else "train", number, one.id),
                )
            self._store.execute("UPDATE lessons SET split_at = ? WHERE number = ?", (time.time(), number))
        return self.find(lesson.id)

    def _place(self, lesson: Lesson) -> None:
        """Parts for examples that came after the split."""
        examples = self.examples(lesson)
        clusters = clusters_of([one.draft for one in examples])
        by_cluster: dict[str, set[str]] = {}
        for one, cluster in zip(examples, clusters, strict=True):
            if one.part:
                by_cluster.setdefault(cluster, set()).add(one.part)
        number = self._number(lesson)
        for one, cluster in zip(examples, clusters, strict=True):
            if not one.part:
                near = by_cluster.get(cluster, set())
                part = "set_aside" if "held_out" in near else "train"
                self._store.execute(
                    "UPDATE lesson_examples SET cluster = ?, part = ? WHERE lesson = ? AND id = ? AND until IS NULL",
                    (cluster, part, number, one.id),
                )

    def _keys(self, lesson: Lesson) -> set[str]:
        """Of all versions of all examples."""
        rows: Sequence[Sequence[Any]] = self._store.rows(_EXAMPLE + "WHERE e.lesson = ?", (self._number(lesson),))
        return {self._example(row, {}).draft.key for row in rows}

    # --- rows ---------------------------------------------------------------------------------------------------------
    def _number(self, lesson: Lesson) -> int:
        rows: Sequence[Sequence[Any]] = self._store.rows("SELECT number FROM lessons WHERE id = ?", (lesson.id,))
        if not rows:
            raise Error(f"The lesson {lesson.name!r} is not there any more.", kind="lesson-not-found")
        return int(rows[0][0])

    def _next(self, lesson: Lesson) -> tuple[int, int]:
        number = self._number(lesson)
        self._store.execute(
            "UPDATE lessons SET version = version + 1, updated_at = ? WHERE number = ?", (time.time(), number)
        )
        rows: Sequence[Sequence[Any]] = self._store.rows("SELECT version FROM lessons WHERE number = ?", (number,))
        return number, int(rows[0][0])

    def _end(self, number: int, example_id: str, version: int) -> None:
        self._store.execute(
            "UPDATE lesson_examples SET until = ? WHERE lesson = ? AND id = ? AND until IS NULL",
            (version, number, example_id),
        )

    def _insert(
        self, number: int, example_id: str, draft: Draft, version: int, cluster: str = "", part: str = "",
        left_out: bool = False,
    ) -> None:  # fmt: skip
        prompt = msgspec.json.encode(draft.prompt).decode()
        good = None if draft.good is None else int(draft.good)
        self._store.execute(
            _ADD,
            (
                number, example_id, draft.shape, prompt, draft.answer, draft.rejected, good, draft.meaning, cluster,
                part, int(left_out), json.dumps(draft.more), version,
            ),
        )  # fmt: skip
        (row,) = self._store.rows("SELECT last_insert_rowid()")
        for origin in draft.origins:
            self._store.execute(
                "INSERT OR IGNORE INTO lesson_origins VALUES (?, ?, ?, ?)",
                (row[0], origin.kind, origin.source, origin.place),
            )

    def _example(self, row: Sequence[Any], origins: Mapping[int, tuple[Origin, ...]] | None) -> Example:
        number, example_id, shape, prompt, answer, rejected, good, meaning, more, cluster, part, left_out, since = row
        draft = Draft(
            prompt=_prompt.decode(prompt), answer=answer, shape=shape, rejected=rejected,
            good=None if good is None else bool(good), meaning=meaning, more=json.loads(more),
            origins=origins.get(number, ()) if origins is not None else _origins_of(
                self._store.rows("SELECT kind, source, place FROM lesson_origins WHERE example = ?", (number,))),
        )  # fmt: skip
        return Example(id=example_id, draft=draft, cluster=cluster, part=part, left_out=bool(left_out), since=since)

    def _origins(self, lesson: Lesson) -> dict[int, tuple[Origin, ...]]:
        found: dict[int, list[tuple[Value, ...]]] = {}
        for number, *rest in self._store.rows(
            "SELECT o.example, o.kind, o.source, o.place FROM lesson_origins o JOIN lesson_examples e "
            "ON e.number = o.example WHERE e.lesson = ?",
            (self._number(lesson),),
        ):
            assert isinstance(number, int)
            found.setdefault(number, []).append(tuple(rest))
        return {number: _origins_of(rows) for number, rows in found.items()}


def training_lines(examples: Iterable[Example]) -> Iterator[str]:
    """Examples as the trainer reads them, a chat a line: of pairs the better answer, of ratings those that are good.

    Where one answer was judged, that one alone is learned: an earlier reply of the same chat, which the user may have
    thought bad, is read and not trained. Of chats that were brought from a file every answer is learned.
    """
    for one in examples:
        if one.left_out or one.draft.good is False:
            continue
        turns = [{"role": turn.role, "content": turn.content} for turn in one.draft.prompt]
        answer = [{"role": "assistant", "content": one.draft.answer}]
        if _is_judged(one.draft):
            yield json.dumps({"prompt": turns, "completion": answer}, ensure_ascii=False)
        else:
            yield json.dumps({"messages": turns + answer}, ensure_ascii=False)


def _is_judged(draft: Draft) -> bool:
    return draft.shape != "answer" or any(origin.kind == "conversation" for origin in draft.origins)


def _lesson(row: Sequence[Any]) -> Lesson:
    lesson_id, name, kind, scope, form, source, version, created_at, updated_at, split_at, n, n_held, n_left, gone = row
    return Lesson(
        id=lesson_id, name=name, kind=kind, scope=scope, form=form, source=json.loads(source), version=version,
        created_at=created_at, updated_at=updated_at, split_at=split_at, n_examples=n, n_held_out=n_held,
        n_left_out=n_left, n_gone=gone,
    )  # fmt: skip


def _origins_of(rows: Iterable[Sequence[Any]]) -> tuple[Origin, ...]:
    return tuple(Origin(*row) for row in rows)


def as_stored(draft: Draft) -> Draft:
    """The draft with texts that can be stored, and something to learn; an `Error` where there is nothing."""
    if not draft.answer.strip():
        raise Error("An example has no answer, so there is nothing to learn from it.", kind="bad-example")
    if not draft.prompt:
        raise Error("An example has nothing before its answer.", kind="bad-example")
    if draft.shape == "pair" and not draft.rejected.strip():
        raise Error("A pair needs the answer that is worse.", kind="bad-example")
    turns = tuple(Turn(turn.role, storable(turn.content, "A message of an example")) for turn in draft.prompt)
    return msgspec.structs.replace(
        draft, prompt=turns, answer=storable(draft.answer, "An answer"), rejected=storable(draft.rejected, "An answer"),
        meaning=storable(draft.meaning),
    )  # fmt: skip
