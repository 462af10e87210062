"""The first start: models that lie on this disk, the way to get one, and the import under way. Draws `FirstRun`."""

from pathlib import Path
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from rushlight.assistant.safety.plain import plain, plain_line
from rushlight.ui.desk.first_run import FirstRun, FirstRunState
from rushlight.ui.tui.bars import meter
from rushlight.ui.tui.model_rows import found_rows
from rushlight.ui.tui.panel import path_panel
from rushlight.ui.tui.row_list import ListRow, RowList, heading, row
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.ui.tui.frame import Frame


class FirstRunPage(Vertical):
    """A `FirstRunView` with its own desk."""

    DEFAULT_CSS = """
    FirstRunPage { padding: 1 2; background: $background; }
    FirstRunPage > #welcome { height: auto; color: $muted; }
    FirstRunPage > #first-doing { height: auto; color: $accent; padding: 0 0 1 0; }
    """

    def __init__(self, frame: "Frame") -> None:
        super().__init__(id="first-run")
        self.frame = frame
        self.desk = FirstRun(frame.background, self)
        self._welcome = Static(id="welcome")
        self._list = RowList(id="first-list")
        self._doing = Static(id="first-doing")

    def compose(self) -> ComposeResult:
        yield self._welcome
        yield self._doing
        yield self._list

    def take_focus(self) -> None:
        self._list.focus()

    def do(self, action_id: str) -> None:
        """An action of the models page, which serves here too."""
        match action_id:
            case "models.import":
                self._ask_file()
            case "models.get":
                self.frame.show_page("models")
                self.frame.do("models.get")
            case "models.find":
                self.desk.look()

    def show(self, state: FirstRunState) -> None:
        welcome = [
            (text("Welcome to Rushlight.") + "\n", "bold $accent"),
            (
                text("An assistant that runs on this machine and learns there. Nothing leaves this machine.") + "\n",
                "$foreground",
            ),
        ]
        if state.machine:
            welcome.append((plain_line(state.machine) + "\n", "$muted"))
        self._welcome.update(Content.assemble(*welcome))
        rows: list[ListRow] = []
        if state.step in ("found", "none", "looking"):
            if state.found:
                rows += [heading(text("Models on this disk: choose one to begin with"))]
                rows += found_rows(state.found, state.recommended)
            rows += [
                heading(""),
                row("file", text("Take in a GGUF file of your own"), right="Ctrl+A"),
                row("get", text("Get a model from Hugging Face"), right="Ctrl+G"),
                row("look", text("Look again"), right="Ctrl+D"),
            ]
        elif state.step == "importing":
            rows = [row("cancel", text("Cancel, and choose another"))]
        elif state.step == "done":
            rows = [row("chat", text("Begin to chat"))]
        self._list.show_rows(rows, choose=str(state.found[state.recommended].path) if state.recommended >= 0 else "")
        self._doing.update(_doing(state))

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        match event.key:
            case "file":
                self._ask_file()
            case "get":
                self.do("models.get")
            case "look":
                self.desk.look()
            case "cancel":
                self.desk.cancel()
            case "chat":
                self.frame.show_page("chat")
            case _:
                self.desk.choose(Path(event.key))

    @on(RowList.Highlighted)
    def _highlighted(self, event: RowList.Highlighted) -> None:
        event.stop()

    def _ask_file(self) -> None:
        self.frame.ask(path_panel(text("Take in which GGUF file?"), lambda path: self.desk.choose(path)))


def _doing(state: FirstRunState) -> Content:
    if state.problem:
        return Content.assemble((f"✗ {plain(state.problem)}", "bold $bad"), (f"\n{plain(state.hint)}", "$foreground"))
    if state.step == "looking":
        return Content(text("Looking for models on this disk …"))
    if state.step == "importing":
        bar = f"{meter(state.job_fraction, 28)} {state.job_fraction:.0%} " if state.job_fraction is not None else ""
        return Content(f"{plain_line(state.job_title)}\n{bar}{plain_line(state.job_text)}")
    if state.step == "done":
        return Content(text("{model} is ready.", model=plain_line(state.model_id)))
    return Content(plain(state.advice))
