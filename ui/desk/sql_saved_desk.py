"""Saved questions and dashboards without a widget: shown with what they gave, run again, arranged, renamed, removed.

Follows the store while it is shown. Nothing here waits. Knows no widget.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from rushlight import Error, Stop
from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.background import Background, Running
from rushlight.ui.desk.sql_held import Held
from rushlight.ui.desk.sql_saved_values import SavedCard, SavedState
from rushlight.ui.desk.sql_values import Answer, ParameterRow
from rushlight.ui.desk.sql_words import result_line, statement
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.sql.dashboards import Dashboard
    from rushlight.assistant.sql.saved import Rerun, Saved

_KEY = "sql_dashboard"


class SavedView(Protocol):
    """Whatever draws it."""

    def show(self, state: SavedState) -> None: ...


class SavedDesk:
    """One per page. `refresh` when it is shown, `rest` when it is not, `close` at its end."""

    def __init__(self, background: Background, remembered: Any, view: SavedView) -> None:
        self._background = background
        self._remembered = remembered
        self._view = view
        self._running: Running | None = None
        self._saving: Running | None = None
        self._values: dict[str, str] = {}  # what was filled in for all cards
        self._follows = self._is_closed = False
        self._end_watch = background.watch(self._follow)
        self.state = SavedState(dashboard=remembered.get(_KEY, ""))

    def close(self) -> None:
        self._is_closed = True
        self._end_watch()
        for one in (self._running, self._saving):
            if one is not None:
                one.drop()

    def rest(self) -> None:
        """It is not shown."""
        self._follows = False

    def refresh(self) -> None:
        """Look again at what is saved; what was run stays."""
        self._follows = True
        self._read()

    # --- what is shown ------------------------------------------------------------------------------------------
    def choose(self, dashboard: str) -> None:
        """Another dashboard; "" = all that was saved. It is run when that is wanted."""
        self.stop()
        self._values = {}
        self._remembered.set(_KEY, dashboard)
        self._change(dashboard=dashboard, cards=(), parameters=(), is_loading=True, **_NO_PROBLEM)
        self._read()

    def give(self, name: str, value: str) -> None:
        """The value of a parameter, for every card that has it."""
        self._values[name] = value
        rows = tuple(replace(one, value=value) if one.name == name else one for one in self.state.parameters)
        self._change(parameters=rows)

    # --- what is done -------------------------------------------------------------------------------------------
    def run(self) -> None:
        """All cards, one after the other, on their own files."""
        if self._running is not None or not self.state.cards or self._is_closed:
            return
        name, values = self.state.dashboard, {key: value for key, value in self._values.items() if value}
        waiting = tuple(replace(card, phase="waiting", problem="", hint="") for card in self.state.cards)
        self._change(cards=waiting, is_running=True, **_NO_PROBLEM)

        def work(app: "App", stop: Stop, _add: Callable[[SavedCard], None]) -> "Iterator[SavedCard]":
            from rushlight.assistant.sql.dashboards import run_dashboard
            from rushlight.assistant.sql.limits import TRIED_S

            dashboard = _dashboard(app, name)
            known = {one.name for item in dashboard.items for one in item.saved.parameters}
            given = {key: value for key, value in values.items() if key in known}
            for found in run_dashboard(app.store, app.paths, dashboard, given, seconds=TRIED_S, stop=stop):
                yield _ran(found)

        def came(items: list[SavedCard]) -> None:
            by_id = {card.id: card for card in items}
            self._change(cards=tuple(_merged(card, by_id.get(card.id)) for card in self.state.cards))

        def over(err: Error | None) -> None:
            self._running = None
            left = tuple(replace(one, phase="") if one.phase == "waiting" else one for one in self.state.cards)
            self._change(cards=left, is_running=False)
            if err is not None:
                self._refused(err)

        self._running = self._background.stream(work, came, lambda: over(None), over)

    def stop(self) -> None:
        """After the card that runs now."""
        if self._running is not None:
            self._running.stop()

    def save(
        self, held: Held, answer: Answer, name: str, *, dashboard: str = "", replace_it: bool = False,
        then: Callable[[Error | None], None] = lambda _err: None,
    ) -> None:  # fmt: skip
        """Keep the statement of an answer under a name, with what was filled in as defaults; perhaps on a dashboard."""

        def work(app: "App", stop: Stop) -> str:
            from rushlight.assistant.sql.dashboards import SqlDashboards
            from rushlight.assistant.sql.limits import TRIED_S
            from rushlight.assistant.sql.parameters import parameters_of
            from rushlight.assistant.sql.saved import SqlSaved

            given = dict(answer.given)
            with held.use(stop) as database:
                found = parameters_of(answer.sql, database.known().schema)
                wanted = [_with_default(one, given) for one in found]
                chart = "auto" if answer.chart == (answer.charts[0] if answer.charts else None) else "none"
                chart = answer.chart.kind if answer.chart is not None and chart == "none" else chart
                saved = SqlSaved(app.store).save(
                    database, name, answer.sql, question=answer.question, parameters=wanted, chart=chart,
                    replace=replace_it, seconds=TRIED_S,
                )  # fmt: skip
            if dashboard.strip():
                SqlDashboards(app.store).add(dashboard, saved)
            return saved.name

        def done(saved_name: str) -> None:
            self._change(notice=text("Saved as “{name}”.", name=plain_line(saved_name)))
            then(None)

        self._saving = self._background.task(work, done, then)

    def rename(self, card_id: str, name: str) -> None:
        def work(app: "App") -> None:
            from rushlight.assistant.sql.saved import SqlSaved

            SqlSaved(app.store).rename(card_id, name)

        self._store(work)

    def remove(self, card_id: str) -> None:
        """Forget the question, also on dashboards."""

        def work(app: "App") -> None:
            from rushlight.assistant.sql.saved import SqlSaved

            SqlSaved(app.store).remove(card_id)

        self._store(work, text("It is forgotten."))

    def put_on(self, card_id: str, dashboard: str) -> None:
        """On that dashboard, which is made where there is none of that name."""

        def work(app: "App") -> None:
            from rushlight.assistant.sql.dashboards import SqlDashboards
            from rushlight.assistant.sql.saved import SqlSaved

            SqlDashboards(app.store).add(dashboard, SqlSaved(app.store).find(card_id))

        self._store(work, text("It stands on {dashboard} now.", dashboard=plain_line(dashboard)))

    def take_off(self, card_id: str) -> None:
        """Off the shown dashboard; it stays saved."""
        name = self.state.dashboard

        def work(app: "App") -> None:
            from rushlight.assistant.sql.dashboards import SqlDashboards
            from rushlight.assistant.sql.saved import SqlSaved

            SqlDashboards(app.store).drop(name, SqlSaved(app.store).find(card_id))

        self._store(work)

    def move(self, card_id: str, step: int) -> None:
        """Earlier (-1) or later (1) on the shown dashboard."""
        name = self.state.dashboard

        def work(app: "App") -> None:
            from rushlight.assistant.sql.dashboards import SqlDashboards

            dashboards = SqlDashboards(app.store)
            items = list(dashboards.find(name).items)
            at = next((place for place, one in enumerate(items) if one.saved.id == card_id), -1)
            if 0 <= at < len(items) and 0 <= at + step < len(items):
                items.insert(at + step, items.pop(at))
                dashboards.arrange(name, items)

        self._store(work)

    def remove_dashboard(self) -> None:
        """The shown one; its questions stay saved."""
        name = self.state.dashboard

        def work(app: "App") -> None:
            from rushlight.assistant.sql.dashboards import SqlDashboards

            SqlDashboards(app.store).remove(name)

        def done() -> None:
            self.choose("")

        self._store(work, text("The dashboard is gone; its questions are saved still."), done)

    def dismiss(self) -> None:
        """The problem or the notice was read."""
        self._change(notice="", **_NO_PROBLEM)

    # --- inside -------------------------------------------------------------------------------------------------
    def _store(self, work: "Callable[[App], None]", notice: str = "", then: Callable[[], None] | None = None) -> None:
        def done(_done: object) -> None:
            self._change(notice=notice, **_NO_PROBLEM)
            if then is not None:
                then()
            else:
                self._read()

        self._background.read(work, done, self._refused)

    def _follow(self) -> None:
        if self._follows and self._running is None:
            self._read()

    def _read(self) -> None:
        name = self.state.dashboard

        def read(app: "App") -> tuple[tuple[str, ...], str, tuple[SavedCard, ...]]:
            from rushlight.assistant.sql.dashboards import SqlDashboards

            names = SqlDashboards(app.store).names()
            shown = name if name in names else ""
            cards = tuple(_card(one.saved, one.given) for one in _dashboard(app, shown).items)
            return names, shown, cards

        def found(read: tuple[tuple[str, ...], str, tuple[SavedCard, ...]]) -> None:
            if self.state.dashboard != name:
                return  # another one was chosen meanwhile
            names, shown, cards = read
            before = {card.id: card for card in self.state.cards}
            kept = tuple(_merged(card, before.get(card.id), keeps=True) for card in cards)
            self._change(dashboards=names, dashboard=shown, cards=kept, parameters=self._together(cards),
                         is_loading=False)  # fmt: skip

        def failed(err: Error) -> None:
            self._change(is_loading=False)
            self._refused(err)

        self._background.read(read, found, failed)

    def _together(self, cards: tuple[SavedCard, ...]) -> tuple[ParameterRow, ...]:
        """The parameters of all cards, each once; their defaults where all agree."""
        rows: dict[str, ParameterRow] = {}
        for card in cards:
            for one in card.parameters:
                known = rows.get(one.name)
                value = one.value if known is None or known.value == one.value else ""
                rows[one.name] = replace(one, value=value)
        return tuple(replace(one, value=self._values.get(one.name, one.value)) for one in rows.values())

    def _refused(self, err: Error) -> None:
        self._change(problem=plain_line(err.message), hint=plain_line(err.hint or ""))

    def _change(self, **changed: Any) -> None:
        state = replace(self.state, **changed)
        if state != self.state and not self._is_closed:
            self.state = state
            self._view.show(state)


_NO_PROBLEM = {"problem": "", "hint": ""}


def _dashboard(app: "App", name: str) -> "Dashboard":
    """That one; without a name all that was saved, as one."""
    from rushlight.assistant.sql.dashboards import Dashboard, Item, SqlDashboards
    from rushlight.assistant.sql.saved import SqlSaved

    if name:
        return SqlDashboards(app.store).find(name)
    return Dashboard("", tuple(Item(one) for one in SqlSaved(app.store).all()))


def _card(saved: "Saved", given: Mapping[str, str]) -> SavedCard:
    parameters = tuple(
        ParameterRow(one.name, one.kind, given.get(one.name, one.default or "")) for one in saved.parameters
    )
    return SavedCard(saved.id, saved.name, saved.question, saved.sql, saved.files, tuple(given.items()), parameters)


def _ran(found: "Rerun") -> SavedCard:
    """The card of a question that was run just now."""
    from rushlight.assistant.sql.charts import charts_for

    card = replace(_card(found.saved, found.given), phase="done")
    if found.result is None:
        err = found.error or Error(text("It gave nothing."))
        hint = text("Fill in what is asked for above.") if err.kind == "bad-parameter" else err.hint or ""
        return replace(card, problem=plain_line(err.message), hint=plain_line(hint))
    wanted = found.saved.chart
    charts = () if wanted == "none" else charts_for(found.result)
    chart = next((one for one in charts if wanted in ("auto", one.kind)), None)
    return replace(card, result=found.result, chart=chart, sentence=statement(found.result),
                   way=result_line(found.result), is_changed=bool(found.is_changed))  # fmt: skip


def _merged(card: SavedCard, other: SavedCard | None, *, keeps: bool = False) -> SavedCard:
    """The card with what the other one gave; `keeps`: the other one is older, and the same statement."""
    if other is None or (keeps and (other.sql, other.files, other.given) != (card.sql, card.files, card.given)):
        return card
    source = other
    if not keeps:
        return replace(source, given=card.given, parameters=card.parameters)
    return replace(card, phase=source.phase, result=source.result, chart=source.chart, sentence=source.sentence,
                   way=source.way, is_changed=source.is_changed, problem=source.problem, hint=source.hint)  # fmt: skip


def _with_default(parameter: Any, given: Mapping[str, str]) -> Any:
    import msgspec

    return msgspec.structs.replace(parameter, default=given.get(parameter.name))
