"""The jobs of some kinds, in the page where they were begun: imports, downloads. The jobs page has all others too."""

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QVBoxLayout, QWidget

from rushlight.ui.desk.background import Background
from rushlight.ui.desk.jobs_desk import JobRow, JobsDesk, JobsState
from rushlight.ui.gui.jobs.job_card import JobCard
from rushlight.ui.gui.pages.parts import View
from rushlight.ui.gui.theme import Theme
from rushlight.ui.words import text

KINDS = ("model-import", "model-download")


class JobsStrip(QWidget):
    """What is under way, and what has ended since the page was made, until it is put away."""

    def __init__(
        self,
        theme: Theme,
        background: Background,
        on_model: Callable[[str], None],
        *,
        kinds: Sequence[str] = KINDS,
        name: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._kinds = frozenset(kinds)
        self._theme = theme
        self._on_model = on_model
        self._seen: set[str] = set()
        self.cards: dict[str, JobCard] = {}
        self.setAccessibleName(name or text("Imports and downloads"))
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(theme.px(12))
        self.hide()
        self.desk = JobsDesk(background, View(self.show_state))
        self.desk.refresh()

    def show_state(self, state: JobsState) -> None:
        rows = [row for row in state.rows if self._is_shown(row)]
        wanted = {row.id for row in rows}
        for job_id in [job_id for job_id in self.cards if job_id not in wanted]:
            card = self.cards.pop(job_id)
            self._column.removeWidget(card)
            card.hide()
            card.deleteLater()
        for row in rows:
            known = self.cards.get(row.id)
            if known is None:
                self.cards[row.id] = JobCard(self._theme, row, self.desk, on_model=self._on_model, parent=self)
                self._column.addWidget(self.cards[row.id])
            elif known.row != row:
                known.show_row(row)
        self.setVisible(bool(rows))

    def _is_shown(self, row: JobRow) -> bool:
        if row.job.kind not in self._kinds:
            return False
        if not row.job.is_over:
            self._seen.add(row.id)
        return row.id in self._seen

    def expect(self, job_id: str) -> None:
        """A job that was begun here: shown also if it has ended before anybody looked."""
        self._seen.add(job_id)
        self.desk.refresh()
