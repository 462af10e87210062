"""The flag by which running work is asked to stop."""

from collections.abc import Callable

from rushlight._error import Error


class Stop:
    """Passed into work, looked at per token, step or tensor. Safe to set from another thread or a signal handler.

    Work that waits elsewhere (on a socket, say) registers `on_set` to be woken; the callback must be short.
    """

    __slots__ = ("_callbacks", "_set")

    def __init__(self) -> None:
        self._set = False
        self._callbacks: list[Callable[[], None]] = []

    def set(self) -> None:
        """Ask the work to stop. Callbacks run once, in the caller's thread."""
        if self._set:
            return
        self._set = True
        for callback in list(self._callbacks):
            callback()

    def is_set(self) -> bool:
        return self._set

    def on_set(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` when the flag is set (at once if it is). Returns a function that takes it back."""
        self._callbacks.append(callback)
        if self._set:
            callback()

        def forget() -> None:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

        return forget

    def check(self) -> None:
        """Raise `Error(kind="stopped")` once the flag is set."""
        if self._set:
            raise Error("Stopped.", kind="stopped")
