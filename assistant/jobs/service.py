"""The runner in a thread of its own, as the host's server sees it: it asks, and is called back in its own loop.

Apart from the server, since writing the store may wait for the disk, and an answer must not. Nothing is imported or
started before somebody asks for jobs.
"""

import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from rushlight import Error
from rushlight.assistant.host.loop import Loop
from rushlight.assistant.paths import Paths

if TYPE_CHECKING:
    from rushlight.assistant.jobs.job import Order
    from rushlight.assistant.jobs.memory import Lender
    from rushlight.assistant.jobs.runner import Runner

Log = Callable[[str, str], None]


class JobService:
    """Everything but `_in_thread` belongs to the server's thread. `on_change` is called in the server's loop."""

    def __init__(self, server_loop: Loop, paths: Paths, *, log: Log, on_change: Callable[[], None]) -> None:
        self._server_loop = server_loop
        self._paths = paths
        self._log = log
        self._on_change = on_change
        self._loop: Loop | None = None
        self._thread: threading.Thread | None = None
        self._runner: Runner | None = None
        self._user_is_answered = False
        self._n_asked = 0
        self._n_answered = 0
        self._runner_is_busy = False
        self.lender: Callable[[], Lender] | None = None  # whom jobs ask for memory; None: they may have it
        self.n_running = 0
        self.has_looked = False
        self.has_ended = False

    @property
    def busy(self) -> bool:
        """A reason for the host to stay."""
        return self._runner_is_busy or self._n_asked > self._n_answered

    def look_ahead(self) -> None:
        """Nobody asked: see whether an earlier host left something. Who never had a job pays nothing for it."""
        try:
            has_any = any(self._paths.jobs.iterdir())  # each job has a folder from its start to its removal
        except OSError:
            has_any = False
        if has_any:
            self.look()
        self.has_looked = True

    def look(self) -> None:
        """Something may be to do."""
        self.has_looked = True
        self._ask(lambda runner: runner.look())

    def order(
        self, job_id: str, order: "Order", on_done: Callable[[str], None], on_failed: Callable[[Error], None]
    ) -> None:
        """Pause, resume or cancel; answered with the state that follows."""

        def give(runner: "Runner") -> None:
            try:
                state = runner.order(job_id, order)
            except Error as err:
                self._server_loop.call_soon(partial(on_failed, err))
            else:
                self._server_loop.call_soon(partial(on_done, state))

        self._ask(give)

    def make_way(self, busy: bool) -> None:
        """An engine is at work, or none any more."""
        if busy != self._user_is_answered:
            self._user_is_answered = busy
            if self._loop is not None:
                self._loop.call_soon(lambda: self._runner.make_way(busy) if self._runner is not None else None)

    def end(self) -> None:
        """Begin the end; `has_ended` follows."""
        if self._loop is None:
            self.has_ended = True
        else:
            self._ask(lambda runner: runner.end(self._ended))

    def _ask(self, question: "Callable[[Runner], None]") -> None:
        if self.has_ended:
            return
        self._n_asked += 1
        if self._loop is None:
            self._loop = Loop(on_bug=self._report_bug)
            # The jobs' processes ask the kernel to end them with the thread that started them.
            self._thread = threading.Thread(
                target=self._in_thread, args=(self._loop,), name="rushlight-jobs", daemon=True
            )
            self._thread.start()

        def answer() -> None:
            try:
                if self._runner is not None:
                    question(self._runner)
            finally:
                self._server_loop.call_soon(self._answered)

        self._loop.call_soon(answer)

    def _answered(self) -> None:
        self._n_answered += 1
        self._on_change()

    def _in_thread(self, loop: Loop) -> None:
        try:
            from rushlight.assistant.host.need import limits_of
            from rushlight.assistant.jobs.memory import JobMemory
            from rushlight.assistant.jobs.runner import Runner
            from rushlight.assistant.settings import Settings, read_settings

            def settings() -> Settings:
                return read_settings(self._paths)[0]

            memory = None
            if self.lender is not None:
                memory = JobMemory(self.lender, self._server_loop, loop, lambda: limits_of(settings()))
            self._runner = Runner(
                loop,
                self._paths,
                log=self._log,
                at_once=lambda: settings().number("jobs.at_once"),
                on_change=self._changed,
                job_memory=memory,
            )
            self._runner.make_way(self._user_is_answered)
        except Exception as err:
            self._report_bug(err)
        loop.run()

    def _changed(self) -> None:
        """In the runner's thread."""
        runner = self._runner
        if runner is not None:
            self._server_loop.call_soon(partial(self._set_busy, runner.busy, runner.n_running))

    def _set_busy(self, busy: bool, n_running: int) -> None:
        self._runner_is_busy, self.n_running = busy, n_running
        self._on_change()

    def _ended(self) -> None:
        """In the runner's thread."""
        if self._loop is not None:
            self._loop.stop()

        def tell() -> None:
            if self._thread is not None and self._loop is not None:
                self._thread.join()  # it is on its way out
                self._loop.close()
            self.has_ended = True
            self._on_change()

        self._server_loop.call_soon(tell)

    def _report_bug(self, err: BaseException) -> None:
        import traceback

        self._log("jobs", "".join(traceback.format_exception(err)))
