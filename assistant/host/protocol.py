"""What front processes and the host say to each other. Frames as on the engine's sockets, another closed set.

`Hello`, `Welcome` and `Refused` are the same in every version, so that versions can refuse each other in words.
A front sends requests with sequence numbers of its own; the host answers with the same number.
"""

from msgspec import Struct

from rushlight import Progress
from rushlight.assistant.engine.frames import Cancel, Codec, Ready
from rushlight.assistant.engine.request import LoadSettings
from rushlight.assistant.events import Failed
from rushlight.assistant.host.need import Limits

MAX_FRAME_BYTES = 4 * 1024 * 1024  # a chat template may be set by the user and comes with LoadSettings
MAX_GREETING_BYTES = 4096
LOADED, FITS, UNLOADS, TOO_LARGE = "loaded", "fits", "unloads", "does-not-fit"  # states of a LoadPlan


class Hello(Struct, frozen=True):
    """Front to host, first of all and within the greeting's time."""

    token: str
    version: str
    pid: int


class Welcome(Struct, frozen=True):
    """Host to front: go on. `instance` differs between two hosts, whatever their process ids."""

    version: str
    pid: int
    instance: str


class Refused(Struct, frozen=True):
    """Host to front: no. `ending` means that this host makes room and a new one may be started at once."""

    message: str
    hint: str
    kind: str
    ending: bool = False


class OpenEngine(Struct, frozen=True):
    """Front to host: a socket to an engine with this model, please. Answered by Progress*, then Opened or Failed."""

    load: LoadSettings
    keep_alive_s: float  # unload this long after the last use; < 0 = never
    n_waiting: int = 8  # requests that a newly started engine lets wait
    limits: Limits | None = None  # None: those of whoever asked last


class AskPlan(Struct, frozen=True):
    """Front to host: what would loading this take, and who would have to go? Answered by LoadPlan or Failed."""

    load: LoadSettings
    limits: Limits


class Holder(Struct, frozen=True):
    """Somebody who holds memory now."""

    name: str
    main_bytes: int
    card_bytes: int
    in_use: bool
    unused_s: float
    goes: bool  # would be unloaded


class LoadPlan(Struct, frozen=True):
    """Host to front: the answer to AskPlan. `state`: loaded (it is), fits, unloads (then it fits), does-not-fit."""

    name: str
    state: str
    main_bytes: int
    parked_bytes: int  # more, for parked conversations, where there is room
    card_bytes: int
    weights_bytes: int
    context_bytes: int
    compute_bytes: int
    n_ctx: int
    gpu_layers: int
    n_layers: int  # that could be on the card; 0: no card is used
    free_bytes: int
    free_card_bytes: int
    reserve_bytes: int
    budget_bytes: int  # 0: none
    holders: tuple[Holder, ...] = ()
    message: str = ""  # of the refusal
    hint: str = ""


class AskMemory(Struct, frozen=True):
    """Front to host: memory for work of this process that is no engine. Answered by MemoryWaits*, then MemoryGranted
    or Failed. Cancel gives it back, and so does the end of the connection."""

    name: str  # as people read it: "Whisper", "CLIP"
    main_bytes: int
    card_bytes: int = 0
    pid: int = 0  # whose memory it will be; 0 = of the front
    limits: Limits | None = None


class MemoryWaits(Struct, frozen=True):
    """Host to front: not yet."""

    why: str


class MemoryGranted(Struct, frozen=True):
    """Host to front: it is promised."""


class Opened(Struct, frozen=True):
    """Host to front, with the engine's socket as a descriptor."""

    engine_id: int
    pid: int
    ready: Ready


class AskStatus(Struct, frozen=True):
    """Front to host; answered by HostStatus."""


class EngineStatus(Struct, frozen=True):
    """One engine as the host sees it."""

    engine_id: int
    pid: int
    load: LoadSettings
    state: str  # starting, loading, ready, ending
    in_use: bool
    n_fronts: int  # attached
    need_bytes: int  # of main memory, estimated before loading; 0 = not known yet
    resident_bytes: int
    unused_s: float
    keep_alive_s: float
    ready: Ready | None = None
    parked_bytes: int = 0  # granted beside that for parked conversations
    card_bytes: int = 0
    prompt_per_s: float = 0.0  # tokens, in its last answer; 0 = none yet
    decode_per_s: float = 0.0

    @property
    def path(self) -> str:
        """The model file."""
        return self.load.path


class HostStatus(Struct, frozen=True):
    """The host, its engines and the memory it decides with."""

    pid: int
    version: str
    running_s: float
    n_fronts: int
    free_bytes: int | None  # for further engines, the reserve taken off; None = this system does not say
    engines: tuple[EngineStatus, ...] = ()
    n_jobs: int = 0  # with a process
    budget_bytes: int = 0  # the most that all together may hold; 0 = no limit but what is free


class Unload(Struct, frozen=True):
    """Front to host: end the engines of this file ("" = all). Answered by Unloaded, or Failed while one works."""

    path: str = ""


class Unloaded(Struct, frozen=True):
    """Host to front: that many engines have ended."""

    n_engines: int


class Shutdown(Struct, frozen=True):
    """Front to host: end, with all engines. Answered by Ending."""


class Ending(Struct, frozen=True):
    """Host to front: the end has begun; the connection closes when it is complete."""


class JobOrder(Struct, frozen=True):
    """Front to host: see to this job. `order`: pause, resume, cancel, or look ("something may be to do", for no job in
    particular). Answered by JobOrdered or Failed."""

    order: str
    job_id: str = ""


class JobOrdered(Struct, frozen=True):
    """Host to front: the order was given; the state that follows at once, "" after a look."""

    state: str = ""


class ExplainEngine(Struct, frozen=True):
    """Front to host: its socket closed, why? Answered by Explained."""

    engine_id: int


class Explained(Struct, frozen=True):
    """Host to front: the fields of the `Error` that says why an engine ended."""

    message: str
    hint: str
    kind: str


HOST_CODEC = Codec(
    (
        Hello, Welcome, Refused, OpenEngine, Cancel, Opened, AskStatus, HostStatus, Unload, Unloaded, Shutdown, Ending,
        ExplainEngine, Explained, JobOrder, JobOrdered, AskPlan, LoadPlan, AskMemory, MemoryWaits, MemoryGranted,
        Progress, Failed,
    ),
    MAX_FRAME_BYTES,
)  # fmt: skip
GREETING_CODEC = Codec((Hello,), MAX_GREETING_BYTES)  # all that a stranger may say
