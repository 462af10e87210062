"""The registry of one store: runs and adapters are taken in, evaluated, promoted, rolled back, and found again.

    registry = Registry(app.store, app.paths)
    adapter = registry.add_adapter(NewAdapter(file, "chat", base.sha256, base.id, run_id=run.id))
    registry.record_evaluation(adapter, suite="style", suite_sha256=..., passed=True, report={...})
    registry.promote(adapter.name)

Every method that writes is one transaction and is on the disk when it returns: a kill leaves one state or the other.
Nothing is loaded here. An engine takes adapters with each request, so a promotion holds from the next one on.
"""

import json
import os
import time
from collections.abc import Sequence
from typing import Any

from rushlight import Error
from rushlight.assistant.chat.ids import new_id
from rushlight.assistant.paths import Paths
from rushlight.assistant.registry import rows
from rushlight.assistant.registry.adapter_files import digest_of, free_name, remove_file, take_in
from rushlight.assistant.registry.scopes import check_scope
from rushlight.assistant.registry.values import (
    Adapter,
    AdapterState,
    Change,
    Evaluation,
    Lineage,
    NewAdapter,
    NewRun,
    Promotion,
    Run,
)
from rushlight.assistant.store.database import Store, Value

_MIN_FRAGMENT = 4
_NEWEST_FIRST = "ORDER BY a.number DESC"


class Registry:
    """See the module."""

    def __init__(self, store: Store, paths: Paths) -> None:
        self._store = store
        self._folder = paths.adapters

    # --- taking in ----------------------------------------------------------------------------------------------
    def add_run(self, new: NewRun) -> Run:
        """Keep a training with what it learned from. One that is known already stays as it is; where its lessons were
        not known yet, they are added; one that began anew in another folder is what it is there."""
        folder = b"" if new.folder is None else os.fsencode(new.folder.absolute())
        with self._store.writing():
            known = rows.read_runs(self._store, "WHERE r.id = ?", (new.id,))
            if not known:
                self._store.execute(
                    "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (new.id, new.name, new.base_sha256, new.base, folder, json.dumps(new.manifest), time.time()),
                )
            elif new.folder is not None and known[0].folder not in (None, new.folder.absolute()):
                self._store.execute(
                    "UPDATE runs SET name = ?, folder = ?, manifest = ? WHERE id = ?",
                    (new.name, folder, json.dumps(new.manifest), new.id),
                )
                self._store.execute("DELETE FROM run_lessons WHERE run_id = ?", (new.id,))
                known = []
            elif new.lessons and not known[0].lessons:
                self._store.execute(
                    "UPDATE runs SET name = ?, manifest = ? WHERE id = ?",
                    (new.name, json.dumps({**known[0].manifest, **new.manifest}), new.id),
                )
            if not known or not known[0].lessons:
                self._add_lessons(new)
        return self.run(new.id)

    def add_adapter(self, new: NewAdapter) -> Adapter:
        """Take a GGUF adapter in as a candidate: its file and its proof are copied. The same file under the same name
        again is the adapter that is there already, and so is a candidate of the same run where no name is given. Raises
        `Error` for a file that is no adapter of a llama.cpp model, whose proof failed, or whose name is taken."""
        check_scope(new.scope)
        digest = digest_of(new.file)
        if new.run_id and not new.name:
            for one in rows.read_adapters(self._store, self._folder, "WHERE a.run_id = ?", (new.run_id,)):
                is_whole = one.state == "candidate" and one.path.is_file() and digest_of(one.path) == digest
                if is_whole and one.scope == new.scope:
                    return one
        name = new.name or free_name(self._folder, new.scope, self._taken_names())
        known = rows.read_adapters(self._store, self._folder, "WHERE a.name = ?", (name,))
        if known and (known[0].sha256, known[0].scope) == (digest, new.scope):
            if not known[0].path.is_file():  # it was deleted behind our back, and is given anew
                take_in(new.file, self._folder, name, digest)
            return known[0]
        if known:
            raise Error(f"There is an adapter {name} already.", "Choose another name.", kind="name-taken")
        file = take_in(new.file, self._folder, name, digest)
        adapter_id = new_id()
        with self._store.writing():
            self._store.execute(
                "INSERT INTO adapters (id, name, scope, base_sha256, base, form, state, file, sha256, size_bytes, "
                "licence, run_id, created_at) VALUES (?, ?, ?, ?, ?, ?, 'candidate', ?, ?, ?, ?, ?, ?)",
                (
                    adapter_id,
                    name,
                    new.scope,
                    new.base_sha256,
                    new.base,
                    new.form,
                    file.name,
                    digest,
                    file.stat().st_size,
                    new.licence,
                    new.run_id or None,
                    time.time(),
                ),
            )
        return self._by_id(adapter_id)

    def record_evaluation(
        self, adapter: Adapter, *, suite: str, suite_sha256: str, passed: bool, report: dict[str, Any]
    ) -> Evaluation:
        """Keep how the adapter did, and whether the gate lets it through."""
        evaluation_id = new_id()
        with self._store.writing():
            self._store.execute(
                "INSERT INTO evaluations (id, adapter_id, adapter_sha256, scope, suite, suite_sha256, passed, report, "
                "created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    evaluation_id,
                    adapter.id,
                    adapter.sha256,
                    adapter.scope,
                    suite,
                    suite_sha256,
                    int(passed),
                    json.dumps(report),
                    time.time(),
                ),
            )
        return rows.read_evaluations(self._store, "WHERE id = ?", (evaluation_id,))[0]

    # --- changing states ----------------------------------------------------------------------------------------
    def promote(self, name: str) -> Change:
        """Let the adapter serve its scope from now on, in the place of the one that did. Raises `Error(kind="gate")`
        unless its newest evaluation let it through."""
        adapter = self.find(name)
        if adapter.state == "promoted":
            return Change(adapter.scope, adapter, None)
        evaluation = self.evaluation(adapter)
        _refuse_unproven(adapter, evaluation)
        assert evaluation is not None
        if not adapter.path.is_file() or digest_of(adapter.path) != adapter.sha256:
            raise Error(
                f"The file of {adapter.name} is gone or was changed since it was evaluated ({adapter.path}).",
                "Train it again, or take the file in anew and evaluate it.",
                kind="bad-adapter",
            )
        with self._store.writing():
            before = self.promoted(adapter.scope, adapter.base_sha256)
            if before is not None and before.id == adapter.id:  # another process did it meanwhile
                return Change(adapter.scope, before, None)
            if before is not None:
                self._set_state(before, "retired")
            self._set_state(adapter, "promoted")
            self._store.execute(
                "INSERT INTO promotions (scope, base_sha256, adapter_id, before_id, evaluation_id, promoted_at) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (
                    adapter.scope,
                    adapter.base_sha256,
                    adapter.id,
                    None if before is None else before.id,
                    evaluation.id,
                    time.time(),
                ),
            )
        return Change(adapter.scope, self._by_id(adapter.id), None if before is None else self._by_id(before.id))

    def rollback(self, scope: str, base_sha256: str = "") -> Change:
        """Take the last promotion of the scope back: what served before it serves again, the base alone at last.
        With a `base_sha256`, only of that base model."""
        check_scope(scope)
        with self._store.writing():
            found: Sequence[Sequence[Any]] = self._store.rows(
                "SELECT number, adapter_id, before_id FROM promotions WHERE scope = ?1 AND undone_at IS NULL "
                "AND (?2 = '' OR base_sha256 = ?2) ORDER BY number DESC LIMIT 1",
                (scope, base_sha256),
            )
            if not found:
                raise Error(
                    f"Nothing is promoted for {scope}.",
                    "See: rushlight registry list",
                    kind="nothing-promoted",
                )
            number, adapter_id, before_id = found[0]
            retired, before = self._by_id(adapter_id), None
            self._store.execute("UPDATE promotions SET undone_at = ? WHERE number = ?", (time.time(), number))
            self._set_state(retired, "retired")
            if before_id is not None:
                before = self._by_id(before_id)
                if before.path.is_file():
                    self._set_state(before, "promoted")
                else:
                    before = None
        return Change(scope, None if before is None else self._by_id(before.id), self._by_id(retired.id))

    def retire(self, name: str) -> Adapter:
        """Put a candidate away. A promoted one is rolled back instead."""
        adapter = self.find(name)
        self._refuse_promoted(adapter, "retired")
        with self._store.writing():
            self._set_state(adapter, "retired")
        return self._by_id(adapter.id)

    def remove(self, name: str) -> Adapter:
        """Forget an adapter that is not promoted, with its evaluations and votes, and delete its file."""
        adapter = self.find(name)
        self._refuse_promoted(adapter, "removed")
        with self._store.writing():
            self._store.execute("DELETE FROM adapters WHERE id = ?", (adapter.id,))
        remove_file(adapter.path)
        return adapter

    # --- finding ------------------------------------------------------------------------------------------------
    def find(self, name: str) -> Adapter:
        """By name, by id, or by a beginning or end of an id (4 characters or more)."""
        found = self._read("WHERE a.name = ?1 OR a.id = ?1 LIMIT 1", (name,))
        if not found and len(name) >= _MIN_FRAGMENT:
            found = self._read(
                "WHERE substr(a.id, 1, ?2) = ?1 OR substr(a.id, -?2) = ?1 LIMIT 2", (name.lower(), len(name))
            )
        if len(found) != 1:
            import difflib

            near = difflib.get_close_matches(name, self._taken_names(), 1)
            raise Error(
                f"There is no adapter {name[:80]!r}." if not found else f"Several adapters match {name[:80]!r}.",
                f"Did you mean {near[0]}?" if near else "See: rushlight registry list",
                kind="adapter-not-found",
            )
        return found[0]

    def adapters(self, scope: str = "", states: Sequence[AdapterState] = ()) -> list[Adapter]:
        """The newest first; of one scope, and in these states, where they are given."""
        where, bindings = "WHERE (?1 = '' OR a.scope = ?1)", [scope]
        if states:
            where += f" AND a.state IN ({', '.join('?' * len(states))})"
            bindings += states
        return self._read(f"{where} {_NEWEST_FIRST}", bindings)

    def promoted(self, scope: str, base_sha256: str = "") -> Adapter | None:
        """What serves the scope over this base model; without one, what was added last of those that do."""
        found = self._read(
            f"WHERE a.state = 'promoted' AND a.scope = ?1 AND (?2 = '' OR a.base_sha256 = ?2) {_NEWEST_FIRST} LIMIT 1",
            (scope, base_sha256),
        )
        return found[0] if found else None

    def candidate(self, scope: str, base_sha256: str = "") -> Adapter | None:
        """The newest candidate of the scope."""
        found = self._read(
            f"WHERE a.state = 'candidate' AND a.scope = ?1 AND (?2 = '' OR a.base_sha256 = ?2) {_NEWEST_FIRST} LIMIT 1",
            (scope, base_sha256),
        )
        return found[0] if found else None

    def run(self, run_id: str) -> Run:
        """Raises `Error(kind="run-not-found")`."""
        found = rows.read_runs(self._store, "WHERE r.id = ?", (run_id,))
        if not found:
            raise Error(f"There is no run {run_id[:80]!r}.", "See: rushlight registry runs", kind="run-not-found")
        return found[0]

    def runs(self) -> list[Run]:
        """The newest first."""
        return rows.read_runs(self._store, "ORDER BY r.created_at DESC, r.id DESC")

    def run_that_made(self, sha256: str) -> Run | None:
        """The training that made the file with these bytes, an adapter or a whole model, as its manifest says."""
        found = rows.read_runs(
            self._store,
            "WHERE EXISTS (SELECT 1 FROM json_each(r.manifest, '$.made') m WHERE m.value ->> 'sha256' = ?) "
            "ORDER BY r.created_at DESC LIMIT 1",
            (sha256,),
        )
        return found[0] if found else None

    def evaluation(self, adapter: Adapter) -> Evaluation | None:
        """The newest one of these very bytes in this scope."""
        found = rows.read_evaluations(
            self._store,
            "WHERE adapter_id = ? AND adapter_sha256 = ? AND scope = ? ORDER BY number DESC LIMIT 1",
            (adapter.id, adapter.sha256, adapter.scope),
        )
        return found[0] if found else None

    def lineage(self, name: str) -> Lineage:
        """Which run made it, which lessons and chats the run learned from, how it did, when it served."""
        adapter = self.find(name)
        return Lineage(
            adapter,
            self.run(adapter.run_id) if adapter.run_id else None,
            tuple(rows.read_evaluations(self._store, "WHERE adapter_id = ? ORDER BY number", (adapter.id,))),
            tuple(rows.read_promotions(self._store, "WHERE p.adapter_id = ? ORDER BY p.number", (adapter.id,))),
        )

    def trained_on(self, kind: str, source: str) -> list[Adapter]:
        """The adapters that learned from this conversation, file, database or accepted pair."""
        return self._read(
            "WHERE a.run_id IN (SELECT run_id FROM run_sources WHERE kind = ? AND source = ?) " + _NEWEST_FIRST,
            (kind, source),
        )

    def history(self, scope: str = "") -> list[Promotion]:
        """Promotions, the newest first."""
        return rows.read_promotions(self._store, "WHERE (?1 = '' OR p.scope = ?1) ORDER BY p.number DESC", (scope,))

    # --- inside -------------------------------------------------------------------------------------------------
    def _add_lessons(self, new: NewRun) -> None:
        for one in new.lessons:
            self._store.execute(
                "INSERT INTO run_lessons VALUES (?, ?, ?, ?, ?, ?, ?)",
                (new.id, one.lesson_id, one.version, one.name, one.kind, one.sha256, one.n_examples),
            )
            for source in one.sources:
                self._store.execute(
                    "INSERT INTO run_sources VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT "
                    "DO UPDATE SET n_examples = n_examples + ?5",
                    (new.id, one.lesson_id, source.kind, source.source, source.n_examples),
                )

    def _read(self, rest: str, bindings: Sequence[Value]) -> list[Adapter]:
        return rows.read_adapters(self._store, self._folder, rest, bindings)

    def _by_id(self, adapter_id: str) -> Adapter:
        return self._read("WHERE a.id = ?", (adapter_id,))[0]

    def _set_state(self, adapter: Adapter, state: AdapterState) -> None:
        self._store.execute("UPDATE adapters SET state = ? WHERE id = ?", (state, adapter.id))

    def _taken_names(self) -> list[str]:
        return [str(row[0]) for row in self._store.rows("SELECT name FROM adapters")]

    def _refuse_promoted(self, adapter: Adapter, what: str) -> None:
        if adapter.state == "promoted":
            raise Error(
                f"{adapter.name} serves {adapter.scope} and cannot be {what}.",
                f"Take it back first: rushlight registry rollback {adapter.scope}",
                kind="adapter-in-use",
            )


def _refuse_unproven(adapter: Adapter, evaluation: Evaluation | None) -> None:
    if evaluation is None:
        raise Error(
            f"{adapter.name} was not evaluated, so nobody knows whether it is better than {adapter.base}.",
            f"Evaluate it: rushlight evaluate {adapter.name}",
            kind="gate",
        )
    if not evaluation.passed:
        reasons = evaluation.report.get("reasons")
        said = " ".join(str(one) for one in reasons[:3]) if isinstance(reasons, list) else ""
        raise Error(
            f"The gate does not let {adapter.name} through. {said}".strip(),
            f"What was measured: rushlight registry show {adapter.name}",
            kind="gate",
        )
