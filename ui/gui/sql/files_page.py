"""A page that files can be dropped on: the dialogs that ask for files, and what becomes of those that are dropped."""

from collections.abc import Callable, Sequence

from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QWidget

from rushlight.ui.desk.sql_desk import SqlDesk
from rushlight.ui.gui.chat.composer_text import local_files
from rushlight.ui.gui.sql.opening_card import OpeningCard
from rushlight.ui.words import text

_FILES = (
    "*.duckdb *.ddb *.db *.sqlite *.sqlite3 *.db3 *.csv *.tsv *.txt *.parquet *.pq *.xlsx *.xlsm *.xlsb *.xls *.ods"
)


class FilesPage(QWidget):
    """The part of the SQL page that opens files. `ask_files` and `ask_target` are for tests."""

    desk: SqlDesk
    opening: OpeningCard

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.ask_files: Callable[[], Sequence[str]] = self._ask_files
        self.ask_target: Callable[[str, str], str] = self._ask_target
        self.setAcceptDrops(True)

    def open_files(self) -> None:
        names = list(self.ask_files())
        if names:
            self.desk.open(names)

    def add_files(self) -> None:
        names = list(self.ask_files())
        if names:
            self.desk.add(names)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if local_files(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        files = [str(one) for one in local_files(event.mimeData())]
        if files:
            event.acceptProposedAction()
            if self.desk.state.is_open:
                self.opening.offer(files)
            else:
                self.desk.open(files)

    def _ask_files(self) -> Sequence[str]:
        kinds = f"{text('Databases and tables')} ({_FILES});;{text('All files')} (*)"
        names, _ = QFileDialog.getOpenFileNames(self, text("Open databases, spreadsheets, CSV files"), "", kinds)
        return names

    def _ask_target(self, name: str, ending: str) -> str:
        target, _ = QFileDialog.getSaveFileName(self, text("Export the rows"), name, f"*{ending}")
        return target
