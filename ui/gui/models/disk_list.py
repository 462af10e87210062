"""Model files found on this disk: what each is, whether it should fit, and Use."""

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QPushButton, QWidget

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.figures import size_text
from rushlight.ui.desk.model_values import OnDisk
from rushlight.ui.gui.models.row_table import RowTable, TableRow
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import button, label
from rushlight.ui.words import text

_FIT_ROLES = {"yes": "chip-good", "no": "chip-bad", "unknown": "chip"}
_MOST = 200  # more are found by the command line


class DiskList(RowTable):
    """list.show_found(rows); `on_use` gets the row. `recommended` is the place of the one to begin with, or -1.

    `only_fitting`: what is too large for this machine is shown, and not offered.
    """

    def __init__(
        self,
        theme: Theme,
        on_use: Callable[[OnDisk], None],
        *,
        only_fitting: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(theme, ("", "", "", "", ""), parent)
        self._on_use = on_use
        self._only_fitting = only_fitting
        self.buttons: list[QPushButton] = []
        self.first: QPushButton | None = None  # the recommended one

    def show_found(self, rows: Sequence[OnDisk], recommended: int = -1) -> None:
        self.buttons = []
        self.first = None
        self.set_rows([self._row(row, at == recommended) for at, row in enumerate(rows[:_MOST])])

    def _row(self, row: OnDisk, is_recommended: bool) -> TableRow:
        name = plain_line(row.name)
        named = label(name, "strong" if is_recommended else "", wrap=True, parent=self)
        named.setToolTip(plain_line(str(row.path)).replace("<", "‹"))
        if row.is_known:
            fit = label(text("in the catalogue"), "chip", parent=self)
        elif row.problem:
            fit = label(plain_line(row.problem), "chip-bad", parent=self)
        else:
            fit = label(row.fit_text, _FIT_ROLES[row.fits], parent=self)
        words = text("Start with this") if is_recommended else text("Use")
        use = button(words, lambda: self._on_use(row), "primary" if is_recommended else "", parent=self)
        use.setAccessibleName(text("Use {name}", name=name))
        use.setAccessibleDescription(f"{row.origin}, {size_text(row.size_bytes)}, {fit.text()}")
        can_use = row.is_complete and not row.is_known and not (self._only_fitting and row.fits == "no")
        use.setVisible(can_use)
        if can_use:
            self.buttons.append(use)
            if is_recommended:
                self.first = use
        origin = label(plain_line(row.origin), "muted", parent=self)
        return TableRow([named, origin, label(size_text(row.size_bytes), "muted", parent=self), fit, use])
