"""What the desks call where the widget that draws may not be there yet: views that hand on. Know no desk."""

from collections.abc import Callable
from typing import Any


class Later:
    """A view whose widget is made after its desk: `show` gives the state to whoever draws by then."""

    def __init__(self, show: Callable[[Any], None]) -> None:
        self._show = show

    def show(self, state: Any) -> None:
        """The state of the desk."""
        self._show(state)
