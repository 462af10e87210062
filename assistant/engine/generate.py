"""One answer by itself, as an iterator: what a test or a measurement uses in the engine's own process.

The worker answers many at once through the same scheduler.
"""

import time
from collections import deque
from collections.abc import Iterator

from rushlight.assistant.engine.load import Loaded
from rushlight.assistant.engine.prepare import prepare
from rushlight.assistant.engine.request import GenerateRequest
from rushlight.assistant.engine.scheduler import Scheduler
from rushlight.assistant.events import Beams, Event, Scores


class _Ticket:
    """Collects the events of one answer; one at a time, so that they can be handed out at once."""

    def __init__(self, received_at: float) -> None:
        self.received_at = received_at
        self.is_cancelled = False
        self.is_done = False
        self.events: deque[Event] = deque()
        self.error: Exception | None = None

    def send(self, event: Event | Scores | Beams) -> None:
        assert not isinstance(event, Scores | Beams)  # an answer was asked for
        self.events.append(event)

    def can_send(self) -> bool:
        return not self.events

    def fail(self, err: Exception) -> None:
        self.error = err

    def done(self) -> None:
        self.is_done = True


def generate(loaded: Loaded, request: GenerateRequest, *, queue_s: float = 0.0) -> Iterator[Event]:
    """The events of one answer, ending with `Usage` and `Finished`. Raises `Error`; the engine stays usable."""
    began = time.monotonic()
    ticket = _Ticket(began - queue_s)
    prepared = prepare(loaded, request)
    scheduler = Scheduler(loaded)
    scheduler.submit(ticket, prepared, time.monotonic() - began)
    try:
        while not ticket.is_done:
            scheduler.step()
            while ticket.events:
                yield ticket.events.popleft()
    finally:
        if not ticket.is_done:  # closed early
            scheduler.cancel(ticket)
            scheduler.step()
    if ticket.error is not None:
        raise ticket.error
