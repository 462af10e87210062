"""One engine as the host keeps it: its worker, its state, who waits for it and who uses it.

Knows when an engine counts as used; decides nothing (`engines.py` does).
"""

import collections
import os
import socket
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path

from rushlight import Error, Progress
from rushlight.assistant.engine.frames import Ready, Speed
from rushlight.assistant.engine.request import LoadSettings
from rushlight.assistant.host.estimate import FileIdentity
from rushlight.assistant.host.need import Limits, Need
from rushlight.assistant.host.worker import Worker

GRACE_S = 5.0  # from handing out an engine to its first request


@dataclass(eq=False, slots=True)
class Opening:
    """A front that waits for an engine. Exactly one of `on_opened` and `on_failed` is called, unless it gives up."""

    front: Hashable
    load: LoadSettings
    keep_alive_s: float
    n_waiting: int
    on_progress: Callable[[Progress], None]
    on_opened: Callable[[int, int, Ready, socket.socket], None]  # engine id, process id, figures, its socket
    on_failed: Callable[[Error], None]
    limits: Limits | None = None  # None: those of whoever asked last


@dataclass(eq=False, slots=True)
class Engine:
    """One worker from its start to its end."""

    engine_id: int
    load: LoadSettings
    identity: FileIdentity
    worker: Worker
    keep_alive_s: float
    state: str = "starting"  # starting (memory not granted yet), loading, ready, ending
    needs: tuple[Need, ...] = ()  # ways to load it, the best first; () = not known yet
    build: str = ""  # the kind of graphics card that llama.cpp was built for
    granted: Need | None = None  # the one for which memory is promised to it
    parked_bytes: int = 0  # granted for parked conversations
    openings: list[Opening] = field(default_factory=list)
    fronts: collections.Counter[Hashable] = field(default_factory=collections.Counter)
    progress: Progress | None = None
    ready: Ready | None = None
    speed: Speed | None = None  # of its last answer
    busy: bool = False
    reports_use: bool = False  # the worker says when it works; else attached fronts count as use
    last_used_s: float = 0.0
    expected_s: float = -GRACE_S  # handed out then, and nothing asked since
    asked_s: float = field(default_factory=time.monotonic)
    last_heard_s: float = 0.0
    reason: Error | None = None  # why it is ending, if that is known
    explain: list[Callable[[Error], None]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return Path(self.load.path).name

    @property
    def need(self) -> Need | None:
        """What it was granted, else what it would like best."""
        return self.granted or (self.needs[0] if self.needs else None)

    @property
    def granted_bytes(self) -> int:
        """Main memory that is promised to it."""
        return self.granted.main_bytes + self.parked_bytes if self.granted is not None else 0

    @property
    def in_use(self) -> bool:
        """Whether somebody would miss it now."""
        if self.state in ("starting", "loading"):
            return True
        if self.state == "ending" or not self.fronts:
            return self.busy
        return self.busy or not self.reports_use or time.monotonic() - self.expected_s < GRACE_S


def same_file(one: str, other: str) -> bool:
    """Whether two paths lead to one file."""
    return one == other or os.path.realpath(one) == os.path.realpath(other)
