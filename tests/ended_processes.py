"""When a process that shares the tests ends by itself: whose fault it was is said, and nothing counts as tested that
was not.

xdist would start another process, lose its way when files are handed out whole (`--dist loadfile`, 3.8), and wait for
ever or end without a word about the test. So `make test` forbids the other process (`--max-worker-restart=0`), the rest
is left, and all that was not run is put beside the failed ones for its second run, by one process.
"""

from typing import Any

import pytest

_FAILED = "cache/lastfailed"  # where pytest's own --last-failed looks


class EndedProcesses:
    """For the process that reports."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._collected: set[str] = set()
        self._done: set[str] = set()
        self.blamed: list[str] = []  # the tests in which processes ended

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        self._collected.update(ids)

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str) -> None:
        self.blamed.append(crashitem)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "teardown":
            self._done.add(report.nodeid)

    @property
    def left(self) -> set[str]:
        """The tests that nobody has run to their end."""
        return self._collected - self._done

    @pytest.hookimpl(trylast=True)  # behind pytest's own, which writes down what failed
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not self.blamed:
            return
        cache: Any = self._config.cache
        cache.set(_FAILED, {**cache.get(_FAILED, {}), **dict.fromkeys(sorted(self.left), True)})
        session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for test in self.blamed:
            terminalreporter.write_line(f"A process of the tests ended by itself in {test}.", red=True)
        if self.blamed:
            terminalreporter.write_line(f"{len(self.left)} tests were not run; make's second run does.", red=True)
