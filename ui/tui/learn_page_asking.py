"""What the page of learning of the terminal app asks for: a column's field, a setting, an export, a run.

Knows the desk; draws nothing.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.learn_desk import LearnDesk
from rushlight.ui.desk.learn_settings import parameters, usual_text
from rushlight.ui.desk.learn_values import Choice, ExportForm
from rushlight.ui.desk.learn_words import fields, forms
from rushlight.ui.tui.panel import ChoicePanel, LinePanel
from rushlight.ui.tui.row_list import row
from rushlight.ui.words import text
from rushlight.ui.work.teach_export import TYPES

if TYPE_CHECKING:
    from rushlight.ui.tui.frame import Frame


class AskingPart:
    """`take` does what a row with that key is for. `look_at` shows something else on the page."""

    def __init__(self, frame: "Frame", desk: LearnDesk, look_at: Callable[[Choice], None]) -> None:
        self._frame, self._desk, self._look_at = frame, desk, look_at

    def take(self, kind: str, rest: str) -> bool:
        """Whether the row was one of these."""
        deeds: dict[str, Callable[[], None]] = {
            "column": lambda: self._ask_field(rest), "setting": lambda: self._ask_setting(rest),
            "expert": lambda: self._desk.want(is_expert=not self._desk.state.wish.is_expert),
            "plan": self._desk.plan, "files-again": lambda: self._desk.want(lesson=""),
            "export": self.ask_form, "stop-export": lambda: self._stop(int(rest)), "run": lambda: self._ask_run(rest),
        }  # fmt: skip
        if kind in deeds:
            deeds[kind]()
        return kind in deeds

    # --- the wizard ---------------------------------------------------------------------------------------------
    def _ask_field(self, column: str) -> None:
        look = self._desk.state.look
        now = next((one.field for one in look.columns if one.name == column), "") if look is not None else ""
        rows = [row(f"={field}", words, is_current=field == now) for field, words in fields()]
        self._frame.ask(
            ChoicePanel(text("What is {column}?", column=plain_line(column)[:60]), rows,
                        lambda key: self._desk.map_column(column, key[1:]), choose=f"={now}")
        )  # fmt: skip

    def _ask_setting(self, key: str) -> None:
        one = next((each for each in parameters() if each.key == key), None)
        if one is None:
            return
        state = self._desk.state
        now = dict(state.wish.settings).get(key, "")
        usual = usual_text(state.wish.kind, key)
        title = f"{one.title}: {one.hint}"
        as_usual = text("as usual: {value}", value=dict(one.choices).get(usual, usual) or text("follows from the time"))
        if one.choices:
            rows = [row("=", as_usual, is_current=not now)]
            rows += [row(f"={value}", words, is_current=value == now) for value, words in one.choices]
            self._frame.ask(ChoicePanel(title, rows, lambda said: self._desk.set(key, said[1:]), choose=f"={now}"))
            return
        hint = text("Enter: keep it · nothing typed is {usual} · Esc: leave", usual=as_usual)
        self._frame.ask(
            LinePanel(title, lambda said: self._desk.set(key, said), value=now, placeholder=usual, hint=hint)
        )

    # --- exports ------------------------------------------------------------------------------------------------
    def ask_form(self) -> None:
        """As what, in which type, and where to."""
        if self._desk.state.adapter is None:
            self._frame.tell(text("Choose an adapter first."))
            return

        def taken(form: str) -> None:
            if form == "gguf":
                types = [row(f"={one}", one) for one in TYPES]
                self._frame.ask(ChoicePanel(text("Which type?"), types, lambda key: self._ask_target("gguf", key[1:])))
            else:
                self._ask_target(cast("ExportForm", form), "")

        self._frame.ask(ChoicePanel(text("What is written?"), [row(*one) for one in forms()], taken))

    def _ask_target(self, form: ExportForm, type_name: str) -> None:
        adapter = self._desk.state.adapter
        if adapter is None:
            return
        end = {"adapter": ".gguf", "gguf": f"-{type_name}.gguf", "folder": "-merged", "peft": "-peft"}[form]
        value = str(Path.home() / f"{adapter.name}{end}")

        def done(typed: str) -> None:
            typed = typed.strip().strip("'\"")
            if typed:
                self._desk.export(adapter.name, form, Path(typed), type_name)

        what = text("Which file?") if form in ("adapter", "gguf") else text("Which new folder?")
        self._frame.ask(LinePanel(what, done, value=value))

    def _stop(self, at: int) -> None:
        exports = self._desk.state.exports
        if at < len(exports):
            self._desk.cancel(exports[at].job_id)

    # --- the history --------------------------------------------------------------------------------------------
    def _ask_run(self, run_id: str) -> None:
        run = next((one for one in self._desk.state.runs if one.id == run_id), None)
        if run is None:
            return
        rows = [row("curve", text("Take its curve away") if run.is_chosen else text("Show its curve beside others"))]
        if run.wish is not None:
            rows.append(row("again", text("Again with a change…")))
        if run.may_go_on:
            rows.append(row("go-on", text("Go on")))
        if run.adapter:
            rows.append(row("see", text("See the proof")))
        deeds: dict[str, Callable[[], None]] = {
            "curve": lambda: self._desk.toggle_run(run_id), "again": lambda: self._desk.again(run_id),
            "go-on": lambda: self._desk.go_on(run_id), "see": lambda: self._look_at(Choice("adapter", run.adapter)),
        }  # fmt: skip
        self._frame.ask(ChoicePanel(run.title, rows, lambda key: deeds[key]()))

    def toggle(self, key: str) -> None:
        """Space on a run."""
        kind, _, rest = key.partition(":")
        if kind == "run":
            self._desk.toggle_run(rest)
