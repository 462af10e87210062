"""One window to take pictures of: opened without a screen, brought where it should be, kept when nothing moves.

Scenes register themselves here, in the order in which docs/pictures/README.md lists them.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from PySide6.QtWidgets import QApplication, QWidget

from rushlight.assistant.paths import find_paths
from rushlight.ui.desk.chat_desk import ChatDesk
from rushlight.ui.gui.application import Application
from rushlight.ui.gui.main_window import MainWindow

SIZE = (1360, 860)
_PATIENCE_S = 60.0


class Stage:
    """One open window."""

    def __init__(self, theme: str = "light", size: tuple[int, int] = SIZE, scale: float = 1.0) -> None:
        self.application = Application(find_paths(), theme_choice=theme)
        self.application.theme.set_scale(scale)
        self.window: MainWindow = self.application.open_window()
        self.window.resize(*size)
        self.window.show()

    def wait(self, condition: Callable[[], object], what: str) -> None:
        limit_s = time.monotonic() + _PATIENCE_S
        while not condition():
            if time.monotonic() > limit_s:
                raise SystemExit(f"This did not come about: {what}")
            QApplication.processEvents()
            time.sleep(0.005)

    def rest(self, seconds: float = 0.7) -> None:
        """Until whatever was begun is drawn."""
        limit_s = time.monotonic() + seconds
        while time.monotonic() < limit_s:
            QApplication.processEvents()
            time.sleep(0.005)

    def open(self, conversation_id: str | None) -> "Stage":
        self.window.open_conversation(conversation_id)
        self.wait(lambda: self.window.conversation_id == conversation_id, "the conversation is shown")
        self.rest()
        return self

    @property
    def desk(self) -> ChatDesk:
        """The chat page's desk."""
        self.wait(lambda: self._desks(), "the chat page is made")
        return self._desks()[0]

    def _desks(self) -> list[ChatDesk]:
        held = [getattr(one, "desk", None) for one in self.window.findChildren(QWidget)]
        return [one for one in held if isinstance(one, ChatDesk)]

    def keep(self, path: Path) -> None:
        self.rest()
        self.window.grab().save(str(path))
        self.application.close()
        self.rest(0.1)


Scene = Callable[[dict[str, str]], Stage]
SCENES: dict[str, tuple[str, Scene]] = {}


def scene(name: str, line: str) -> Callable[[Scene], Scene]:
    """Register a scene under the name of its file; `line` stands beside it in docs/pictures/README.md."""

    def register(function: Scene) -> Scene:
        SCENES[name] = (line, function)
        return function

    return register
