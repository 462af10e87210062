"""The wizard of the page of learning of the terminal app: asks what is learned from, by which model, how long.

Knows the desk; draws nothing.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.figures import duration_text
from rushlight.ui.desk.learn_desk import LearnDesk
from rushlight.ui.desk.learn_wish import MINUTES
from rushlight.ui.desk.learn_words import kinds
from rushlight.ui.tui.learn_page_files import FilePanel
from rushlight.ui.tui.panel import ChoicePanel
from rushlight.ui.tui.row_list import row
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.ui.tui.frame import Frame


class WishPart:
    """What is answered goes to the desk as its wish."""

    def __init__(self, frame: "Frame", desk: LearnDesk) -> None:
        self._frame = frame
        self._desk = desk

    def ask_kind(self) -> None:
        now = self._desk.state.wish.kind
        rows = [row(kind, words, is_current=kind == now) for kind, words in kinds()]

        def taken(kind: str) -> None:
            if kind != now:
                self._desk.want(kind=kind, files=())  # files of one kind are none of another

        self._frame.ask(ChoicePanel(text("What is to be learned from?"), rows, taken, choose=now))

    def ask_model(self) -> None:
        now = f"={self._desk.state.wish.model}"
        rows = [
            row(f"={value}", plain_line(words), is_current=f"={value}" == now)
            for value, words in self._desk.state.models
        ]
        self._frame.ask(
            ChoicePanel(text("Which model is taught?"), rows, lambda key: self._desk.want(model=key[1:]), choose=now)
        )

    def ask_minutes(self) -> None:
        now = str(self._desk.state.wish.minutes)
        rows = [row(str(n), duration_text(60 * n), is_current=str(n) == now) for n in MINUTES]
        title = text("How long may it take, from quick to thorough?")
        self._frame.ask(ChoicePanel(title, rows, lambda n: self._desk.want(minutes=int(n)), choose=now))

    def change_minutes(self, step: int) -> None:
        """The next longer or shorter time."""
        state = self._desk.state
        at = (MINUTES.index(state.wish.minutes) if state.wish.minutes in MINUTES else 3) + step
        if state.choice.kind == "new" and 0 <= at < len(MINUTES):
            self._desk.want(minutes=MINUTES[at])

    def ask_file(self) -> None:
        """One more."""
        state = self._desk.state
        if state.choice.kind != "new" or state.wish.kind == "feedback":
            self._frame.tell(text("Nothing is chosen here that is learned from files."))
            return
        if state.wish.kind == "database":
            title = text("Which database? A spreadsheet or a CSV file will do.")
        else:
            title = text("Which file of examples?")
        folder = f"{Path(state.wish.files[-1]).parent}/" if state.wish.files else ""
        self._frame.ask(FilePanel(title, self._frame.background, self._take_in, folder))

    def take_out(self, at: int) -> None:
        """A chosen file is not wanted."""
        files = self._desk.state.wish.files
        self._desk.want(files=(*files[:at], *files[at + 1 :]))

    def _take_in(self, path: Path) -> None:
        files = self._desk.state.wish.files
        if str(path) not in files:
            self._desk.want(files=(*files, str(path)))
