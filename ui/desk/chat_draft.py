"""What stands in the composer and is not sent: kept in the store half a second after it was typed.

Knows the background and the store's drafts; knows no widget.
"""

from collections.abc import Callable

from rushlight import Error
from rushlight.ui.desk.background import Background, Running

SAVE_S = 0.5


class Draft:
    """The draft of the conversation that is shown (None: of the one that is not begun)."""

    def __init__(self, background: Background, on_failure: Callable[[Error], None]) -> None:
        self.text = ""
        self._background = background
        self._on_failure = on_failure
        self._conversation_id: str | None = None
        self._stored = ""
        self._timer: Running | None = None

    def belongs_to(self, conversation_id: str | None, stored: str) -> None:
        """Another conversation is shown, with this draft."""
        self._conversation_id = conversation_id
        self.text = self._stored = stored

    def move_to(self, conversation_id: str) -> None:
        """The conversation has begun: what is typed since belongs to it."""
        self._conversation_id = conversation_id

    def type(self, text: str) -> None:
        """It is this now."""
        self.text = text
        if self._timer is None:
            self._timer = self._background.later(SAVE_S, self.save)

    def forget(self) -> None:
        """It was sent; the store forgets it together with keeping the message."""
        self._end_timer()
        self.text = self._stored = ""

    def clear(self) -> None:
        """It waits in the queue: the store forgets it now, since nothing is stored in its place yet."""
        self.text = ""
        self.save()

    def save(self) -> None:
        """Now."""
        self._end_timer()
        if self.text == self._stored:
            return
        conversation_id, text = self._conversation_id, self.text
        self._stored = text

        def failed(err: Error) -> None:
            if err.kind != "conversation-not-found":
                self._on_failure(err)

        self._background.read(lambda app: app.conversations.save_draft(conversation_id, text), failed=failed)

    def _end_timer(self) -> None:
        if self._timer is not None:
            self._timer.drop()
            self._timer = None
