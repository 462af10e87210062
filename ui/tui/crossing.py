"""The one way from background threads to the terminal app's thread: a Textual message that carries a call.

Knows nothing of what is called. Messages of one thread arrive in their order.
"""

from collections.abc import Callable

from textual.app import App
from textual.message import Message


class Delivered(Message, bubble=False, verbose=True):
    """`call` is to be run on the app's thread."""

    def __init__(self, call: Callable[[], None]) -> None:
        super().__init__()
        self.call = call


class Crossing:
    """`deliver` for `Background`. What comes before the app runs waits; what comes after its end is dropped."""

    def __init__(self, app: App[None]) -> None:
        self._app = app

    def deliver(self, call: Callable[[], None]) -> None:
        """From any thread: run this on the app's thread, soon and in order."""
        try:
            self._app.post_message(Delivered(call))
        except RuntimeError:  # the loop was closed between the look and the post
            pass
