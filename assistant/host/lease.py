"""Memory asked for by something that is no engine: a job, Whisper, CLIP. Held until it is given back or its owner ends.

Knows who asked and whom to tell; decides nothing (`admission.py` does).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from rushlight import Error
from rushlight.assistant.host.need import Need


@dataclass(eq=False, slots=True)
class Lease:
    """One request. Exactly one of `on_granted` and `on_refused` is called, unless it is given back before."""

    name: str  # as people read it
    need: Need
    pid: int  # whose memory it is; 0: not known
    on_granted: Callable[[], None]
    on_refused: Callable[[Error], None]
    on_waiting: Callable[[str], None] = field(default=lambda _why: None)
    on_needed: Callable[[], None] | None = None  # an engine needs it; None: it is kept until its owner is done
    lease_id: int = 0
    granted: bool = False
    is_asked_back: bool = False
    told_s: float = -1e9  # when it was last told why it waits
