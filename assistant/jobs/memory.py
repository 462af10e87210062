"""What jobs ask of the host's memory: a lease for each run that wants one, from the loop of the engines.

Lives in the runner's thread; the lender lives in the server's.
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from rushlight import Error
from rushlight.assistant.host.lease import Lease
from rushlight.assistant.host.loop import Loop
from rushlight.assistant.host.need import Limits, Need
from rushlight.assistant.jobs import wire
from rushlight.assistant.jobs.run import Run


class Lender(Protocol):
    """The engines of a host."""

    def lend(self, lease: Lease, limits: Limits | None = None) -> None: ...

    def give_back(self, lease: Lease) -> None: ...


class JobMemory:
    """`lender` is called in the lender's loop."""

    def __init__(
        self, lender: Callable[[], Lender], lender_loop: Loop, loop: Loop, limits: Callable[[], Limits]
    ) -> None:
        self._lender = lender
        self._lender_loop = lender_loop
        self._loop = loop
        self._limits = limits
        self._leases: dict[Run, Lease] = {}

    def ask(self, run: Run, asked: wire.MemoryAsked) -> None:
        """For this run, instead of what it had."""
        self.give_back(run)
        if asked.main_bytes <= 0 and asked.card_bytes <= 0:
            run.grant_memory()  # nothing more is needed, which nobody can refuse
            return
        lease = Lease(
            f"the job “{run.job.title}”",
            Need(max(0, asked.main_bytes), card_bytes=max(0, asked.card_bytes)),
            run.pid,
            on_granted=lambda: self._loop.call_soon(run.grant_memory),
            on_refused=lambda err: self._loop.call_soon(partial(self._refused, run, err)),
            on_waiting=lambda why: self._loop.call_soon(partial(run.waits_for_memory, why)),
            on_needed=(lambda: self._loop.call_soon(run.make_room)) if run.makes_way else None,
        )
        self._leases[run] = lease
        limits = self._limits()
        self._lender_loop.call_soon(lambda: self._lender().lend(lease, limits))

    def give_back(self, run: Run) -> None:
        """It has ended, or wants another amount."""
        lease = self._leases.pop(run, None)
        if lease is not None:
            self._lender_loop.call_soon(lambda: self._lender().give_back(lease))

    def _refused(self, run: Run, err: Error) -> None:
        self._leases.pop(run, None)
        run.refuse_memory(err)
