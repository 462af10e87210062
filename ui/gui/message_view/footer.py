"""What stands below a message: rating, correcting, again, copying, versions, figures; and the line about its state.

Real buttons with names, used again for other messages while one scrolls. They say what was pressed, and do nothing.
"""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QWidget

from rushlight.ui.desk.turn import Statistics, Turn
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets.icon_button import IconButton
from rushlight.ui.gui.widgets.labels import button, label
from rushlight.ui.words import plural
from rushlight.ui.words import text as words

OnAction = Callable[[str], None]
_ICON = 16


class Footer(QWidget):
    """The buttons of one message. `show_turn` takes another one; `fit` hides words where room is short."""

    def __init__(self, theme: Theme, role: str, on_action: OnAction, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._is_user = role == "user"
        self._on_action = on_action
        self._turn: Turn | None = None
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(2)
        self._worded: list[tuple[QToolButton, str]] = []
        if self._is_user:
            self._build_user()
        else:
            self._build_reply()

    def _build_reply(self) -> None:
        self.up = self._add("rate-up", "thumbs-up", words("Good reply"), checkable=True)
        self.down = self._add("rate-down", "thumbs-down", words("Bad reply"), checkable=True)
        self.correct = self._add("correct", "pencil", words("Correct this reply"), text=words("Correct this reply"))
        self.again = self._add("regenerate", "rotate-cw", words("Answer again"), text=words("Again"))
        self.copy = self._add("copy", "copy", words("Copy this reply"), text=words("Copy"))
        self._add_versions()
        self.keep = self._add("keep", "bookmark", words("Keep this version rather than the others"), checkable=True)
        self.branch = self._add("branch", "git-branch", words("New conversation from here"))
        self._layout.addStretch(1)
        self.figures = label("", "faint", parent=self)
        self.figures.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
        self._layout.addWidget(self.figures)

    def _build_user(self) -> None:
        self._layout.addStretch(1)
        self._add_versions()
        self.edit = self._add("edit", "pencil", words("Edit this message and ask again"))
        self.copy = self._add("copy", "copy", words("Copy this message"))
        self.branch = self._add("branch", "git-branch", words("New conversation from here"))

    def _add_versions(self) -> None:
        self.previous = self._add("previous", "chevron-left", words("Version before"))
        self.version = label("", "small", parent=self)
        self._layout.addWidget(self.version)
        self.next = self._add("next", "chevron-right", words("Version after"))

    def _add(self, action: str, icon: str, name: str, *, text: str = "", checkable: bool = False) -> IconButton:
        made = IconButton(self._theme, icon, name, text=text, size=_ICON, checkable=checkable, parent=self)
        # The view itself walks with Tab, since messages come and go; see `MessageView.focusNextPrevChild`.
        made.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        made.clicked.connect(lambda _checked=False, action=action: self._press(action))
        self._layout.addWidget(made)
        if text:
            self._worded.append((made, text))
        return made

    def _press(self, action: str) -> None:
        self._show_checks()  # what is checked is what is stored, not what was pressed
        self._on_action(action)

    def show_turn(self, turn: Turn) -> None:
        """The buttons are about this message now."""
        self._turn = turn
        has_versions = turn.n_versions > 1
        for one in (self.previous, self.version, self.next):
            one.setVisible(has_versions)
        if has_versions:
            self.version.setText(words("{version} / {count}", version=turn.version, count=turn.n_versions))
            self.version.setAccessibleName(
                words("Version {version} of {count}", version=turn.version, count=turn.n_versions)
            )
            self.previous.setEnabled(turn.version > 1)
            self.next.setEnabled(turn.version < turn.n_versions)
        if self._is_user:
            return
        is_reply = turn.role == "assistant"
        for one in (self.up, self.down, self.correct, self.again, self.branch):
            one.setVisible(is_reply)
        self.keep.setVisible(is_reply and has_versions)
        self._show_checks()
        corrected = turn.correction is not None
        self.correct.set_name(words("Change your correction") if corrected else words("Correct this reply"))
        self._worded[0] = (self.correct, words("Corrected") if corrected else words("Correct this reply"))
        self.figures.setText(figures_of(turn.statistics) if is_reply else "")
        self.figures.setToolTip(details_of(turn))

    def _show_checks(self) -> None:
        if self._turn is not None and not self._is_user:
            self.up.setChecked(self._turn.thumb == "up")
            self.down.setChecked(self._turn.thumb == "down")
            self.keep.setChecked(self._turn.is_kept)

    def fit(self, width: int) -> None:
        """Words beside the icons where there is room for them, figures where there is room for those."""
        if self._is_user:
            return
        for one, text in self._worded:
            _set_words(one, text)
        self.figures.setVisible(bool(self.figures.text()))
        if self.sizeHint().width() > width:
            self.figures.setVisible(False)
        if self.sizeHint().width() > width:
            for one, _text in self._worded:
                _set_words(one, "")
            self.figures.setVisible(bool(self.figures.text()))
            if self.sizeHint().width() > width:
                self.figures.setVisible(False)

    def stops(self) -> list[QWidget]:
        """What Tab reaches, from the left."""
        items = [self._layout.itemAt(number) for number in range(self._layout.count())]
        found = [item.widget() for item in items if item is not None]
        return [one for one in found if isinstance(one, QToolButton) and not one.isHidden() and one.isEnabled()]


def _set_words(one: QToolButton, text: str) -> None:
    beside = Qt.ToolButtonStyle.ToolButtonTextBesideIcon
    one.setToolButtonStyle(beside if text else Qt.ToolButtonStyle.ToolButtonIconOnly)
    if text:
        one.setText(text.replace("&", "&&"))


class StateRow(QWidget):
    """Why a reply is not whole, and the button that goes on with it."""

    def __init__(self, theme: Theme, on_continue: Callable[[], None], parent: QWidget) -> None:
        super().__init__(parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.px(8))
        self._text: QLabel = label("", "small", parent=self)
        layout.addWidget(self._text)
        self.go_on = button(words("Continue"), on_continue, "chip", parent=self)
        self.go_on.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        layout.addWidget(self.go_on)
        layout.addStretch(1)

    def show_state(self, text: str, can_continue: bool) -> None:
        self._text.setText(text)
        self.go_on.setVisible(can_continue)

    def stops(self) -> list[QWidget]:
        return [] if self.go_on.isHidden() else [self.go_on]


def figures_of(known: Statistics) -> str:
    """The faint line at the right: what is known of speed and size."""
    parts = []
    if known.tokens_per_s > 0:
        speed = round(known.tokens_per_s) if known.tokens_per_s >= 10 else round(known.tokens_per_s, 1)
        parts.append(words("{speed} tok/s", speed=speed))
    if known.first_token_s > 0:
        parts.append(words("first word {seconds} s", seconds=f"{known.first_token_s:.2f}"))
    if known.n_tokens > 0:
        parts.append(plural("{count} token", "{count} tokens", known.n_tokens))
    return " · ".join(parts)


def details_of(turn: Turn) -> str:
    """Which model wrote it and what it read, for the tool tip."""
    from rushlight.assistant.safety.plain import plain_line

    parts = []
    if turn.model:
        parts.append(words("Model: {model}", model=plain_line(turn.model)))
    if turn.adapter:
        parts.append(words("Adapter: {adapter}", adapter=plain_line(turn.adapter)))
    known = turn.statistics
    if known.n_prompt_tokens > 0:
        parts.append(
            words(
                "Read {count} tokens, {cached} of them kept from before",
                count=known.n_prompt_tokens,
                cached=known.n_cached_tokens,
            )
        )
    # A tool tip that begins like markup is read as markup.
    return "\n".join(parts).replace("<", "‹")
