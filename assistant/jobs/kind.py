"""The seam: what a kind of job is, and what it is given to work with. The fake of it ships for tests and users.

A kind is one module with a `KIND`. It knows its own work and this context; it knows neither hosts nor faces.
"""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import msgspec

from rushlight import Error, Progress, Stop
from rushlight.assistant.events import Notice

if TYPE_CHECKING:
    from rushlight.assistant.app import App

PauseBy: TypeAlias = Literal["exit", "hold"]
_FURTHER_S = 1.0


class JobResult(msgspec.Struct, frozen=True):
    """What came out: the last event of a job that got through. `value` is JSON."""

    value: dict[str, Any]


JobEvent: TypeAlias = Progress | Notice | JobResult


class JobContext:
    """What a job has beside its arguments. `folder` is its own, kept until the job is removed from the history.

    Pause points are `stop.check()`, `tell` and `save_checkpoint`: there the job may be made to wait, or to end with
    `Error(kind="stopped")`. No transaction of the store may be open at one, unless the kind pauses by "exit".
    """

    def __init__(
        self,
        app: "App",
        job_id: str,
        folder: Path,
        stop: Stop,
        *,
        checkpoint: str | None,
        tell: Callable[[JobEvent], None],
        save: Callable[[str], None],
        further: Callable[[], None],
        ask_memory: Callable[[int, int], None] = lambda _main_bytes, _card_bytes: None,
    ) -> None:
        self.app = app
        self.job_id = job_id
        self.folder = folder
        self.stop = stop
        self.checkpoint: Any = None if checkpoint is None else json.loads(checkpoint)
        self._tell, self._save, self._further, self._ask_memory = tell, save, further, ask_memory
        self._further_s = -_FURTHER_S

    def tell(self, event: JobEvent) -> None:
        """Report now, for work that reports by callback; the others yield."""
        self._tell(event)
        self.stop.check()

    def save_checkpoint(self, checkpoint: Any) -> None:
        """From here the job goes on, whatever happens. JSON; on the disk when this returns."""
        self._save(json.dumps(checkpoint))
        self.checkpoint = checkpoint
        self._further()
        self.stop.check()

    def need_memory(self, main_bytes: int, card_bytes: int = 0) -> None:
        """Ask the host before taking much memory; returns when it is granted. Idle models are unloaded for it, what is
        in use is waited for. It is given back when the process ends, or asked for anew with another amount (0: none).

        A kind that knows beforehand has `memory_bytes(arguments)` instead. Raises `Error(kind="out-of-memory")`.
        """
        self._ask_memory(main_bytes, card_bytes)
        self.stop.check()

    def make_way(self) -> None:
        """Wait while the user is answered; a kind that `MakesWay` calls this between two pieces of its work. Returns
        at once when the job is to stop."""
        make_way = getattr(self.stop, "make_way", None)
        if make_way is not None:
            make_way()

    def got_further(self) -> None:
        """Say that a restart would not begin before this point. For work whose checkpoint is what it has written."""
        if time.monotonic() - self._further_s >= _FURTHER_S:
            self._further_s = time.monotonic()
            self._further()


class NeedsMemory(Protocol):
    """A kind whose runs are started only when the host has granted them memory."""

    def memory_bytes(self, arguments: Any) -> int:
        """Main memory that a run with these arguments takes, beside that of any process. Asked in the job's process,
        so it may look at files; raises `Error`."""


class MakesWay(Protocol):
    """A kind whose work waits, at places of its own choice, while the user is answered: see `JobContext.make_way`."""

    makes_way: bool


class Patient(Protocol):
    """A kind that may need longer than a second to a pause point, and would lose work if it were killed before."""

    patience_s: float


class JobKind(Protocol):
    """One kind of background work. It may be a `NeedsMemory`, too."""

    name: str
    arguments: type[msgspec.Struct]  # what it is told, checked before the job is stored
    pause: PauseBy
    """ "exit": its process ends at a pause point, for it can go on from its checkpoint (memory is given back).
    "hold": its process waits there, for it would have to begin anew."""
    may_freeze: bool
    """Whether a process that reaches no pause point in time may be halted where it is. Otherwise it is killed, and
    goes on from its checkpoint when it is resumed."""

    def title(self, arguments: Any) -> str:
        """What people see in the list of jobs."""

    def run(self, context: JobContext, arguments: Any) -> Iterator[JobEvent]:
        """Do the work from `context.checkpoint` on. Raises `Error` for what people can do something about.

        May be called again after a kill at any moment, the last one included.
        """

    def clean(self, context: JobContext, arguments: Any, *, for_good: bool) -> None:
        """Remove what a run that was broken off has left. `for_good`: cancelled, so also what it could go on from."""


def checked_arguments(kind: JobKind, arguments: Any) -> Any:
    """The arguments in the kind's own type. Raises `Error(kind="bad-arguments")` naming the field."""
    try:
        return msgspec.convert(arguments, kind.arguments)
    except msgspec.ValidationError as failure:
        raise Error(
            f"The job {kind.name} cannot be started like this: {failure}.",
            hint=f"It takes: {', '.join(kind.arguments.__struct_fields__)}.",
            kind="bad-arguments",
        ) from failure


class FakeKind:
    """Counts to `steps`, a checkpoint at each; for tests and as an example."""

    class Arguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        steps: int = 3
        pause_s: float = 0.0  # between steps

    name = "fake"
    arguments = Arguments
    pause: PauseBy = "exit"
    may_freeze = True

    def title(self, arguments: Arguments) -> str:
        return f"Count to {arguments.steps}"

    def run(self, context: JobContext, arguments: Arguments) -> Iterator[JobEvent]:
        done = context.checkpoint or 0
        while done < arguments.steps:
            time.sleep(arguments.pause_s)
            done += 1
            context.save_checkpoint(done)
            yield Progress("Counting", done, arguments.steps, "steps")
        yield JobResult({"counted": done})

    def clean(self, context: JobContext, arguments: Arguments, *, for_good: bool) -> None:
        """It leaves nothing."""
