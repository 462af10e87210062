"""What front processes and the host say to each other. Frames as on the engine's sockets, another closed set.

`Hello`, `Welcome` and `Refused` are the same in every version, so that versions can refuse each other in words.
A front sends requests with sequence numbers of its own; the host answers with the same number.
"""

from dataclasses import dataclass

from rushlight import Progress
from rushlight.assistant.engine.frames import Cancel, Codec, Ready
from rushlight.assistant.engine.request import LoadSettings
from rushlight.assistant.events import Failed

MAX_FRAME_BYTES = 4 * 1024 * 1024  # a chat template may be set by the user and comes with LoadSettings
MAX_GREETING_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Hello:
    """Front to host, first of all and within the greeting's time."""

    token: str
    version: str
    pid: int


@dataclass(frozen=True, slots=True)
class Welcome:
    """Host to front: go on. `instance` differs between two hosts, whatever their process ids."""

    version: str
    pid: int
    instance: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Host to front: no. `ending` means that this host makes room and a new one may be started at once."""

    message: str
    hint: str
    kind: str
    ending: bool = False


@dataclass(frozen=True, slots=True)
class OpenEngine:
    """Front to host: a socket to an engine with this model, please. Answered by Progress*, then Opened or Failed."""

    load: LoadSettings
    keep_alive_s: float  # unload this long after the last use; < 0 = never
    n_waiting: int = 8  # requests that a newly started engine lets wait


@dataclass(frozen=True, slots=True)
class Opened:
    """Host to front, with the engine's socket as a descriptor."""

    engine_id: int
    pid: int
    ready: Ready


@dataclass(frozen=True, slots=True)
class AskStatus:
    """Front to host; answered by HostStatus."""


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """One engine as the host sees it."""

    engine_id: int
    pid: int
    load: LoadSettings
    state: str  # starting, loading, ready, ending
    in_use: bool
    n_fronts: int  # attached
    need_bytes: int  # estimated before loading; 0 = not known yet
    resident_bytes: int
    unused_s: float
    keep_alive_s: float
    ready: Ready | None = None

    @property
    def path(self) -> str:
        """The model file."""
        return self.load.path


@dataclass(frozen=True, slots=True)
class HostStatus:
    """The host, its engines and the memory it decides with."""

    pid: int
    version: str
    running_s: float
    n_fronts: int
    free_bytes: int | None  # for further engines, the reserve taken off; None = this system does not say
    engines: tuple[EngineStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class Unload:
    """Front to host: end the engines of this file ("" = all). Answered by Unloaded, or Failed while one works."""

    path: str = ""


@dataclass(frozen=True, slots=True)
class Unloaded:
    """Host to front: that many engines have ended."""

    n_engines: int


@dataclass(frozen=True, slots=True)
class Shutdown:
    """Front to host: end, with all engines. Answered by Ending."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Host to front: the end has begun; the connection closes when it is complete."""


@dataclass(frozen=True, slots=True)
class ExplainEngine:
    """Front to host: its socket closed, why? Answered by Explained."""

    engine_id: int


@dataclass(frozen=True, slots=True)
class Explained:
    """Host to front: the fields of the `Error` that says why an engine ended."""

    message: str
    hint: str
    kind: str


HOST_CODEC = Codec(
    (
        Hello, Welcome, Refused, OpenEngine, Cancel, Opened, AskStatus, HostStatus, Unload, Unloaded, Shutdown, Ending,
        ExplainEngine, Explained, Progress, Failed,
    ),
    MAX_FRAME_BYTES,
)  # fmt: skip
GREETING_CODEC = Codec((Hello,), MAX_GREETING_BYTES)  # all that a stranger may say
