"""Waiting on a background thread, for a desk that wants to act again in a while. Ends at once when it is stopped."""

import threading

from rushlight import Stop


def wait(stop: Stop, seconds: float) -> bool:
    """Whether the time has passed; False: it was stopped before."""
    woken = threading.Event()
    forget = stop.on_set(woken.set)
    try:
        return not woken.wait(seconds)
    finally:
        forget()
