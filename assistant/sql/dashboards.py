"""Dashboards: saved questions side by side, all run again at once, with parameters given for all of them."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from rushlight import Error, Stop
from rushlight.assistant.paths import Paths
from rushlight.assistant.sql import limits
from rushlight.assistant.sql.database import Database, open_database
from rushlight.assistant.sql.parameters import bound
from rushlight.assistant.sql.saved import Rerun, Saved, SqlSaved, plain_name, rerun, unknown_name
from rushlight.assistant.store.database import Store

MAX_ITEMS = 50
_MAX_LISTED = 500


class Item(Struct, frozen=True):
    """One saved question on a dashboard, with the parameters that are not its defaults."""

    saved: Saved
    given: dict[str, str] = {}


class Dashboard(Struct, frozen=True):
    name: str
    items: tuple[Item, ...] = ()


class SqlDashboards:
    """Every method that writes is one transaction and is on the disk when it returns."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._saved = SqlSaved(store)

    def names(self) -> tuple[str, ...]:
        rows = self._store.rows(f"SELECT name FROM sql_dashboards ORDER BY name LIMIT {_MAX_LISTED}")
        return tuple(str(name) for (name,) in rows)

    def find(self, wanted: str) -> Dashboard:
        """The one of this name. An unknown one is an `Error` with the nearest name."""
        rows = self._store.rows("SELECT name FROM sql_dashboards WHERE name = ?", (wanted.strip(),))
        if not rows:
            raise unknown_name("dashboard", wanted, self.names(), "dashboard")
        items: list[Any] = self._store.rows(
            "SELECT saved, given FROM sql_dashboard_items WHERE dashboard = ? ORDER BY position", (rows[0][0],)
        )
        return Dashboard(
            str(rows[0][0]),
            tuple(
                Item(self._saved.find(saved), msgspec.json.decode(given, type=dict[str, str])) for saved, given in items
            ),
        )

    def add(self, name: str, saved: Saved, given: Mapping[str, str] | None = None) -> Dashboard:
        """One more question at its end; a new dashboard where there is none of this name."""
        name = plain_name(name)
        values = dict(given or {})
        _check(saved, values)
        with self._store.writing():
            self._store.execute(
                "INSERT INTO sql_dashboards (name, created_at) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
                (name, time.time()),
            )
            items = list(self.find(name).items)
            if len(items) >= MAX_ITEMS:
                raise Error(f"A dashboard holds {MAX_ITEMS} questions.", hint="Begin another one.", kind="too-many")
            self._write(name, [*items, Item(saved, values)])
        return self.find(name)

    def arrange(self, name: str, items: Sequence[Item]) -> Dashboard:
        """These questions in this order, in place of what it holds."""
        found = self.find(name)
        for one in items:
            _check(one.saved, one.given)
        if len(items) > MAX_ITEMS:
            raise Error(f"A dashboard holds {MAX_ITEMS} questions.", hint="Begin another one.", kind="too-many")
        with self._store.writing():
            self._write(found.name, items)
        return self.find(found.name)

    def drop(self, name: str, saved: Saved) -> Dashboard:
        """Without this question."""
        found = self.find(name)
        left = [one for one in found.items if one.saved.id != saved.id]
        if len(left) == len(found.items):
            raise Error(f"{saved.name} is not on the dashboard {found.name}.", kind="no-saved")
        return self.arrange(found.name, left)

    def rename(self, wanted: str, name: str) -> Dashboard:
        found, name = self.find(wanted), plain_name(name)
        with self._store.writing():
            if name.lower() != found.name.lower() and name.lower() in map(str.lower, self.names()):
                raise Error(f"There is a dashboard {name} already.", hint="Choose another name.", kind="name-taken")
            self._store.execute("UPDATE sql_dashboards SET name = ? WHERE name = ?", (name, found.name))
        return self.find(name)

    def remove(self, wanted: str) -> Dashboard:
        """Forget it; its questions stay saved."""
        found = self.find(wanted)
        with self._store.writing():
            self._store.execute("DELETE FROM sql_dashboards WHERE name = ?", (found.name,))
        return found

    def _write(self, name: str, items: Sequence[Item]) -> None:
        self._store.execute("DELETE FROM sql_dashboard_items WHERE dashboard = ?", (name,))
        for position, one in enumerate(items):
            self._store.execute(
                "INSERT INTO sql_dashboard_items (dashboard, position, saved, given) VALUES (?, ?, ?, ?)",
                (name, position, one.saved.id, json.dumps(one.given)),
            )


def run_dashboard(
    store: Store,
    paths: Paths,
    dashboard: Dashboard,
    given: Mapping[str, str] | None = None,
    *,
    seconds: float = limits.STATEMENT_S,
    stop: Stop | None = None,
) -> Iterator[Rerun]:
    """Run all of it, one answer after the other. `given` goes to every question that has a parameter of this name."""
    values = dict(given or {})
    known = {parameter.name for one in dashboard.items for parameter in one.saved.parameters}
    unknown = [name for name in values if name not in known]
    if unknown:
        raise Error(
            f"No question on {dashboard.name} has a parameter :{unknown[0][:60]}.",
            hint=f"There are {', '.join(f':{name}' for name in sorted(known))}." if known else "",
            kind="bad-parameter",
        )
    kept = SqlSaved(store)
    opened: dict[tuple[str, ...], Database | Error] = {}
    try:
        for one in dashboard.items:
            if stop is not None and stop.is_set():
                return
            own = {parameter.name for parameter in one.saved.parameters}
            asked = {**one.given, **{name: value for name, value in values.items() if name in own}}
            if one.saved.files not in opened:
                opened[one.saved.files] = _opened(one.saved.files, paths)
            database = opened[one.saved.files]
            if isinstance(database, Error):
                yield Rerun(one.saved, asked, None, database)
            else:
                # The one that runs ends when it is stopped; what comes next opens the files anew.
                forget = stop.on_set(database.close) if stop is not None else lambda: None
                try:
                    ran = rerun(kept, paths, one.saved, asked, database=database, seconds=seconds)
                finally:
                    forget()
                if stop is not None and stop.is_set():
                    return
                yield ran
    finally:
        for database in opened.values():
            if isinstance(database, Database):
                database.close()


def _opened(files: tuple[str, ...], paths: Paths) -> Database | Error:
    try:
        return open_database(files, paths)
    except Error as err:
        return err


def _check(saved: Saved, given: Mapping[str, str]) -> None:
    """What is given fits; what is missing may be given when it is run."""
    filled = {one.name: one.default or "" for one in saved.parameters if one.name not in given and one.default}
    wanted = [one for one in saved.parameters if one.name in given or one.name in filled]
    bound(wanted, given)
