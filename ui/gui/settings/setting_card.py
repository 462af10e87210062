"""One setting: what it is for, its input, what holds without it, where its value comes from, what is wrong with it."""

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from rushlight.assistant.safety.plain import plain, plain_line
from rushlight.ui.desk.settings_desk import SettingRow, shown
from rushlight.ui.gui.announce import announce
from rushlight.ui.gui.settings.editors import Editor, make_editor
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import button, label
from rushlight.ui.words import text

_SAVED_MS = 4000
_WIDE = 640  # unscaled; below, the input stands under the words


class SettingCard(QWidget):
    """card.show_row(row) as often as it changes; `on_set` gets text, `on_reset` nothing."""

    def __init__(
        self,
        theme: Theme,
        row: SettingRow,
        on_set: Callable[[str], None],
        on_reset: Callable[[], None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self.row = row
        self._title = label(row.title, "strong", wrap=True)
        self._name = label(row.name, "small")
        self._text = label(row.text, "small", wrap=True)
        self.editor: Editor = make_editor(row, theme, on_set)
        self.editor.focus.setAccessibleName(row.title)
        for inner in self.editor.focus.findChildren(QLineEdit):  # of a spin box
            inner.setAccessibleName(row.title)
        self._source = label("", "small", wrap=True)
        self.reset = button(text("Reset"), on_reset, "link")
        self.reset.setAccessibleName(text("Reset: {name}", name=row.title))
        self._saved = label(text("Saved."), "good")
        self._saved.hide()
        self.problem = label("", "bad", wrap=True)
        self._hint = label("", "small", wrap=True)
        below = QHBoxLayout()
        below.addWidget(self._source, 1)
        below.addWidget(self._saved)
        below.addWidget(self.reset)
        words = QVBoxLayout()
        words.addWidget(self._title)
        words.addWidget(self._text)
        words.addWidget(self._name)
        words.addStretch(1)
        inputs = QVBoxLayout()
        inputs.addWidget(self.editor.widget)
        inputs.addLayout(below)
        inputs.addWidget(self.problem)
        inputs.addWidget(self._hint)
        inputs.addStretch(1)
        self._columns = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._columns.addLayout(words, 1)
        self._columns.addLayout(inputs, 1)
        self._parts = (words, inputs, below)
        self._hide_saved = QTimer(self)
        self._hide_saved.setSingleShot(True)
        self._hide_saved.setInterval(_SAVED_MS)
        self._hide_saved.timeout.connect(self._saved.hide)
        self._dress()
        theme.changed.connect(self._dress)
        self.show_row(row)

    def show_row(self, row: SettingRow) -> None:
        self.row = row
        self.editor.show_text(row.value_text)
        default = shown(row.default)
        parts = [text("Default: {value}", value=plain_line(default)[:120] if default else text("empty"))]
        if row.source != "default":
            parts.append(text("from {source}", source=plain_line(row.source_text)))
        _say(self._source, " · ".join(parts))
        self.reset.setVisible(row.is_changed)
        _say(self.problem, plain(row.problem))
        _say(self._hint, plain(row.hint))
        if self.editor.focus.property("invalid") != bool(row.problem):
            self.editor.focus.setProperty("invalid", bool(row.problem))
            style = self.editor.focus.style()
            style.unpolish(self.editor.focus)
            style.polish(self.editor.focus)
        if row.problem:
            self._saved.hide()
            announce(self.editor.focus, f"{row.problem} {row.hint}")
        self.editor.focus.setAccessibleDescription(
            " ".join(plain_line(one) for one in (row.text, parts[0], row.problem, row.hint) if one)
        )

    def show_saved(self) -> None:
        """The value was written."""
        self._saved.show()
        self._hide_saved.start()
        announce(self.editor.focus, text("Saved."))

    def take_focus(self) -> None:
        self.editor.focus.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def show_name(self, is_shown: bool) -> None:
        """The name under which the command line knows it."""
        self._name.setVisible(is_shown)

    def minimumSizeHint(self) -> QSize:
        """What the two parts need below each other."""
        words, inputs, _ = self._parts
        across = max(words.minimumSize().width(), inputs.minimumSize().width())
        return QSize(across, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._turn()

    def _turn(self) -> None:
        is_wide = self.width() >= self._theme.px(_WIDE)
        across, down = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom
        wanted = across if is_wide else down
        if self._columns.direction() != wanted:
            self._columns.setDirection(wanted)

    def _dress(self) -> None:
        px = self._theme.px
        self._columns.setContentsMargins(0, px(8), 0, px(8))
        self._columns.setSpacing(px(12))
        for part in self._parts:
            part.setSpacing(px(4))
        self._title.setFont(self._theme.font("text", bold=True))
        self._name.setFont(self._theme.font("code"))
        self._turn()


def _say(words: QLabel, sentence: str) -> None:
    words.setText(sentence)
    words.setVisible(bool(sentence))
