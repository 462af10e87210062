"""A link in a message was pressed: the whole address is shown, and opened only when the user says so.

Knows an address; nothing is fetched here, the user's browser or mail program is asked.
"""

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QWidget

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.gui.chat.panel import Panel
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import button, label
from rushlight.ui.words import text

SCHEMES = ("http", "https", "mailto")
_MAX_CHARS = 2000


class LinkPanel(Panel):
    """`ask` about an address; another scheme than those of `SCHEMES` is refused by saying nothing."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, text("Open this address outside of Rushlight?"), parent)
        self.url = QUrl()
        self.address = label("", wrap=True)
        self.address.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        meaning = label(
            text("It comes from the text of the message. Your browser would go onto the network."), "muted", wrap=True
        )
        self.open_button = button(text("Open"), self._open)
        self.copy_button = button(text("Copy address"), self._copy)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(button(text("Cancel"), self.close_panel, "ghost"))
        row.addWidget(self.copy_button)
        row.addWidget(self.open_button)
        self.body.addWidget(self.address)
        self.body.addWidget(meaning)
        self.body.addLayout(row)

    def ask(self, address: str) -> bool:
        """Show it. False where it is no address that may be opened."""
        url = QUrl(address[:_MAX_CHARS], QUrl.ParsingMode.StrictMode)
        if not url.isValid() or url.scheme().lower() not in SCHEMES:
            return False
        self.url = url
        # Letters of other scripts that look like others are shown as the network would see them.
        shown = plain_line(bytes(url.toEncoded().data()).decode("ascii", "replace"))
        self.address.setText(_breakable(shown))
        self.address.setAccessibleName(shown)
        self.show()
        self.copy_button.setFocus(Qt.FocusReason.OtherFocusReason)
        return True

    def _open(self) -> None:
        QDesktopServices.openUrl(self.url)
        self.close_panel()

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(bytes(self.url.toEncoded().data()).decode("ascii", "replace"))
        self.close_panel()


def _breakable(address: str) -> str:
    """With places where the line may break."""
    for sign in "/?&=":
        address = address.replace(sign, f"{sign}\u200b")
    return address
