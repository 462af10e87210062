"""Kinds of jobs for tests, as an installed package would bring them: what a puppet does is in its arguments.

Lies on the path of the tests and of the processes that they start; see `install` of conftest.py.
"""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from rushlight import Error, Progress
from rushlight.assistant.events import Notice
from rushlight.assistant.jobs.kind import FakeKind, JobContext, JobEvent, JobResult, PauseBy


class Puppet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    does: str = "count"  # count, sleep, die, fail, bug, print, exit, tell
    steps: int = 3
    step_s: float = 0.0
    die_at: tuple[int, ...] = ()  # after these steps, once each
    need_mib: int = 0  # memory it asks for before it begins
    file: str = ""  # written while at work, removed by `clean`
    kept: str = ""  # where `clean` writes how far a cancelled one had come
    gives_back: bool = False  # its memory, after the first step


class PuppetKind:
    arguments = Puppet
    makes_way = False
    patience_s = 0.0

    def __init__(self, name: str, pause: PauseBy, may_freeze: bool) -> None:
        self.name, self.pause, self.may_freeze = name, pause, may_freeze

    def title(self, arguments: Puppet) -> str:
        return f"Puppet: {arguments.does}"

    def memory_bytes(self, arguments: Puppet) -> int:
        return arguments.need_mib * 1024 * 1024

    def run(self, context: JobContext, arguments: Puppet) -> Iterator[JobEvent]:
        if arguments.file:
            Path(arguments.file).write_text("half made")
        match arguments.does:
            case "sleep":  # without looking at anything
                yield Progress("Sleeping", 0, arguments.steps, "naps")
                for _ in range(arguments.steps):
                    time.sleep(arguments.step_s)
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "exit":
                print("the last words", flush=True)
                os._exit(3)
            case "tell":  # more than anybody keeps
                yield JobResult({"words": "x" * 2_000_000})
                return
            case "fail":
                raise Error("It cannot be done.", hint="Do something else.", kind="puppet")
            case "bug":
                raise ValueError("an odd value")
            case _:
                yield from self._count(context, arguments)
        if arguments.file:
            Path(arguments.file).unlink()
        yield JobResult({"does": arguments.does})

    def _count(self, context: JobContext, arguments: Puppet) -> Iterator[JobEvent]:
        yield Notice("began", f"Began at {context.checkpoint or 0}.")
        for step in range(context.checkpoint or 0, arguments.steps):
            time.sleep(arguments.step_s)
            context.make_way()
            yield Progress("Counting", step + 1, arguments.steps, "steps")
            if self.pause == "exit":
                context.save_checkpoint(step + 1)
            if arguments.gives_back and step == 0:
                context.need_memory(0)
            if step + 1 in arguments.die_at and not (context.folder / f"died{step}").exists():
                (context.folder / f"died{step}").touch()
                os.kill(os.getpid(), signal.SIGKILL)

    def clean(self, context: JobContext, arguments: Puppet, *, for_good: bool) -> None:
        if arguments.file:
            Path(arguments.file).unlink(missing_ok=True)
        if arguments.kept and for_good:
            Path(arguments.kept).write_text(str(context.checkpoint))


EXIT = PuppetKind("puppet-exit", "exit", True)
HOLD = PuppetKind("puppet-hold", "hold", True)
STIFF = PuppetKind("puppet-stiff", "exit", False)
WAY = PuppetKind("puppet-way", "exit", False)
WAY.makes_way, WAY.patience_s = True, 5.0
FAKE: Any = FakeKind()
