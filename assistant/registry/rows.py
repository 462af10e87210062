"""How adapters, runs and evaluations are read out of their tables, and what of their sources is gone.

A source is gone while its conversation lies in the trash or is removed, or its accepted pair was taken back. That is
looked up and never written down: what is restored is fresh again, whichever process did it.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rushlight.assistant.registry.values import Adapter, Evaluation, LessonUse, Promotion, Run, Source
from rushlight.assistant.store.database import Store, Value

GONE = """(s.kind = 'conversation' AND NOT EXISTS (
        SELECT 1 FROM conversations c WHERE c.id = s.source AND c.deleted_at IS NULL)
    OR s.kind = 'query' AND NOT EXISTS (SELECT 1 FROM sql_examples e WHERE e.id = s.source))"""
"""Whether the source in the row `s` of run_sources is gone."""

_ADAPTER = f"""SELECT a.id, a.name, a.scope, a.base_sha256, a.base, a.form, a.state, a.file, a.sha256, a.size_bytes,
    a.licence, ifnull(a.run_id, ''), a.created_at,
    EXISTS (SELECT 1 FROM run_sources s WHERE s.run_id = a.run_id AND {GONE}) FROM adapters a """


def read_adapters(store: Store, folder: Path, rest: str, bindings: Sequence[Value] = ()) -> list[Adapter]:
    """`rest` follows the table `a`; `folder` is where the files lie."""
    rows: Sequence[Sequence[Any]] = store.rows(_ADAPTER + rest, bindings)
    return [_adapter(row, folder) for row in rows]


def _adapter(row: Sequence[Any], folder: Path) -> Adapter:
    (
        adapter_id,
        name,
        scope,
        base_sha256,
        base,
        form,
        state,
        file,
        sha256,
        size_bytes,
        licence,
        run_id,
        created_at,
        is_stale,
    ) = row
    return Adapter(
        id=adapter_id,
        name=name,
        scope=scope,
        base_sha256=base_sha256,
        base=base,
        form=form,
        state=state,
        path=folder / file,
        sha256=sha256,
        size_bytes=size_bytes,
        licence=licence,
        run_id=run_id,
        created_at=created_at,
        is_stale=bool(is_stale),
    )


def read_runs(store: Store, rest: str, bindings: Sequence[Value] = ()) -> list[Run]:
    """`rest` follows the table `r`."""
    rows: Sequence[Sequence[Any]] = store.rows(
        "SELECT r.id, r.name, r.base_sha256, r.base, r.folder, r.manifest, r.created_at FROM runs r " + rest, bindings
    )
    return [
        Run(run_id, name, sha256, base, Path(os.fsdecode(folder)) if folder else None, json.loads(manifest), created_at,
            _lessons(store, run_id))
        for run_id, name, sha256, base, folder, manifest, created_at in rows
    ]  # fmt: skip


def _lessons(store: Store, run_id: str) -> tuple[LessonUse, ...]:
    rows: Sequence[Sequence[Any]] = store.rows(
        "SELECT lesson_id, version, name, kind, sha256, n_examples FROM run_lessons WHERE run_id = ? "
        "ORDER BY name, lesson_id",
        (run_id,),
    )
    return tuple(
        LessonUse(lesson_id, version, name, kind, sha256, n_examples, _sources(store, run_id, lesson_id))
        for lesson_id, version, name, kind, sha256, n_examples in rows
    )


def _sources(store: Store, run_id: str, lesson_id: str) -> tuple[Source, ...]:
    rows: Sequence[Sequence[Any]] = store.rows(
        f"SELECT s.kind, s.source, s.n_examples, {GONE} FROM run_sources s WHERE s.run_id = ? AND s.lesson_id = ? "
        "ORDER BY s.kind, s.source",
        (run_id, lesson_id),
    )
    return tuple(Source(kind, source, n, bool(gone)) for kind, source, n, gone in rows)


def read_evaluations(store: Store, rest: str, bindings: Sequence[Value] = ()) -> list[Evaluation]:
    rows: Sequence[Sequence[Any]] = store.rows(
        "SELECT id, adapter_id, adapter_sha256, scope, suite, suite_sha256, passed, report, created_at "
        "FROM evaluations " + rest,
        bindings,
    )
    return [
        Evaluation(one, adapter_id, sha256, scope, suite, suite_sha256, bool(passed), json.loads(report), created_at)
        for one, adapter_id, sha256, scope, suite, suite_sha256, passed, report, created_at in rows
    ]


def read_promotions(store: Store, rest: str, bindings: Sequence[Value] = ()) -> list[Promotion]:
    rows: Sequence[Sequence[Any]] = store.rows(
        "SELECT p.scope, a.name, ifnull(b.name, ''), p.promoted_at, p.undone_at FROM promotions p "
        "JOIN adapters a ON a.id = p.adapter_id LEFT JOIN adapters b ON b.id = p.before_id " + rest,
        bindings,
    )
    return [Promotion(*row) for row in rows]
