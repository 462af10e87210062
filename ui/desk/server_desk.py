"""The server as a page shows it: begin and end one, where it is reached, its token, its requests and figures.

The server is a process of its own, begun here or in a shell; either way it is found by its note. One that was begun
here and ends is told, with the reason, also while the page is not shown. Knows no widget.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from rushlight import Error, Stop
from rushlight.assistant.safety.plain import plain_line
from rushlight.assistant.server.running import RunningServer, end
from rushlight.assistant.server.token import VARIABLE, renew_token
from rushlight.ui.desk.background import Background, Running
from rushlight.ui.desk.remembered import Remembered
from rushlight.ui.desk.server_process import ServerProcess, begin, held
from rushlight.ui.desk.server_reading import Look, base_url, example, found_server, look, token_for
from rushlight.ui.desk.server_values import Phase, ServerPlan, ServerState
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.app import App

_LOOPBACK = "127.0.0.1"


class ServerView(Protocol):
    """Whatever draws the server."""

    def show(self, state: ServerState) -> None: ...


class ServerDesk:
    """One per page. Call `refresh` when the page is shown, and every second while it is."""

    def __init__(self, background: Background, remembered: Remembered, view: ServerView) -> None:
        self.on_ended: Callable[[Error], None] = lambda _err: None  # one that was begun here, and nobody asked it to
        self._background = background
        self._remembered = remembered
        self._view = view
        self._look = Look((), ServerPlan().port)
        self._phase: Phase | None = None  # what goes on here; None: what the notes say holds
        self._chosen = ""
        self._problem: Error | None = None
        self._beginning: Running | None = None
        self._is_reading = self._is_stale = self._is_closed = False
        self._has_looked = False
        self.state = ServerState(plan=self._plan())

    def close(self) -> None:
        """The page is gone. What was begun goes on until the face ends, or longer where that was asked for."""
        self._is_closed = True
        if self._beginning is not None:
            self._beginning.drop()

    # --- what is shown ------------------------------------------------------------------------------------------
    def refresh(self) -> None:
        """Look again; while one look goes on, one more follows."""
        if self._is_closed:
            return
        if self._is_reading:
            self._is_stale = True
            return
        self._is_reading = True
        chosen = self._chosen
        self._background.task(lambda app, _stop: look(app, chosen), self._show_look, self._failed_look)

    def choose(self, key: str) -> None:
        """Another of those that run."""
        if key != self._chosen:
            self._chosen = key
            self.refresh()

    def token(self, then: Callable[[str], None]) -> None:
        """The token itself: of the server that is shown, or of the next one."""
        server = self._look.server
        self._background.read(lambda app: token_for(server, app.paths), then, self._refused)

    def example(self, then: Callable[[str], None]) -> None:
        """A line for a shell that asks the server that is shown."""
        found = self.state.server
        if found is None:
            return
        model = next((one.id for one in self.state.models if one.purpose == "chat"), "")
        self._background.read(lambda app: example(found.url, app.paths, model, found.token_is_given), then)

    # --- what is done -------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Begin one as planned."""
        if self.state.phase == "stopped" and self._beginning is None:
            self._begin()

    def stop(self) -> None:
        """End the one that is shown, or break off the start."""
        server = self._look.server
        if self.state.phase == "starting" and self._beginning is not None:
            self._beginning.stop()
        elif server is not None and self._phase is None:
            self._end(server, lambda: None)

    def restart(self) -> None:
        """End the one that is shown and begin one as planned."""
        server = self._look.server
        if server is not None and self._phase is None:
            self._end(server, self._begin)

    def set_port(self, port: int) -> None:
        """Of the next one; it is the setting server.port."""

        def write(app: "App") -> None:
            from rushlight.assistant.settings_file import set_setting

            set_setting(app.paths, "server.port", str(port))

        self._background.read(write, lambda _done: self.refresh(), self._refused)

    def set_host(self, host: str) -> None:
        """The address of the next one; others than loopback are refused by the server without a token of one's own."""
        self._remember("server_host", host.strip() or _LOOPBACK)

    def set_socket(self, path: str) -> None:
        """The UNIX socket of the next one."""
        self._remember("server_socket", path.strip())

    def use_socket(self, uses_socket: bool) -> None:
        """A UNIX socket instead of a port."""
        self._remember("server_uses_socket", uses_socket)

    def set_stays(self, stays: bool) -> None:
        """Whether the server goes on when this face is closed; holds for one that runs here too."""
        self._remember("server_stays", stays)
        for one in self._look.running:
            child = held(one.pid)
            if child is not None:
                self._background.read(lambda _app, child=child: child.set_stays(stays))  # type: ignore[misc]

    def renew_token(self) -> None:
        """Another token; a server that was begun here is begun again, so that it holds."""

        def renewed(_token: str) -> None:
            found = self.state.server
            if found is not None and found.is_own:
                self.restart()
            self.refresh()

        self._background.read(lambda app: renew_token(app.paths).text, renewed, self._refused)

    def dismiss(self) -> None:
        """The problem was read."""
        self._problem = None
        self._show()

    # --- inside -------------------------------------------------------------------------------------------------
    def _begin(self) -> None:
        self._problem = None
        self._phase = "starting"
        plan = self.state.plan
        self._show()

        def begun(made: tuple[ServerProcess, RunningServer]) -> None:
            child, server = made
            self._phase = self._beginning = None
            self._chosen = server.key
            self._background.task(lambda _app, stop: child.wait(stop), self._ended)
            self.refresh()

        def failed(err: Error) -> None:
            self._phase = self._beginning = None
            if err.kind != "stopped":
                self._problem = err
            self.refresh()

        self._beginning = self._background.task(lambda app, stop: begin(app.paths, plan, stop), begun, failed)

    def _end(self, server: RunningServer, then: Callable[[], None]) -> None:
        child = held(server.pid)
        if child is not None:
            child.is_asked_to_end = True
        self._problem = None
        self._phase = "ending"
        self._show()

        def work(app: "App", _stop: Stop) -> bool:
            return end(server, app.paths)

        def ended(is_over: bool) -> None:
            self._phase = None
            if is_over:
                self._look = replace(self._look, running=tuple(o for o in self._look.running if o.key != server.key),
                                     server=None)  # fmt: skip
                self._chosen = ""
            else:
                self._problem = Error(
                    text("The server (process {pid}) does not end.", pid=server.pid), kind="does-not-end"
                )
            self._show()
            if is_over:
                then()
            self.refresh()

        def failed(err: Error) -> None:
            self._phase = None
            self._refused(err)

        self._background.task(work, ended, failed)

    def _ended(self, why: Error | None) -> None:
        if why is not None and not self._is_closed:
            self._problem = why
            self.on_ended(why)
        self.refresh()

    def _remember(self, key: str, value: object) -> None:
        self._remembered.set(key, value)
        self._show()

    def _plan(self) -> ServerPlan:
        get = self._remembered.get
        return ServerPlan(
            host=get("server_host", _LOOPBACK),
            port=self._look.port,
            socket_path=get("server_socket", "") or "rushlight.sock",
            uses_socket=get("server_uses_socket", False) and os.name != "nt",
            stays=get("server_stays", False),
        )

    def _show_look(self, found: Look) -> None:
        self._is_reading = False
        self._has_looked = True
        self._look = found
        if found.server is not None:
            self._chosen = found.server.key
        self._show()
        if self._is_stale:
            self._is_stale = False
            self.refresh()

    def _failed_look(self, err: Error) -> None:
        self._is_reading = self._is_stale = False
        self._has_looked = True
        self._refused(err)

    def _refused(self, err: Error) -> None:
        self._problem = err
        self._show()

    def _show(self) -> None:
        seen = self._look
        problem = self._problem or seen.problem
        given = VARIABLE in os.environ if seen.server is None else seen.server.token_is_given
        state = ServerState(
            phase=self._phase or ("running" if seen.running else "stopped"),
            plan=self._plan(),
            servers=tuple(found_server(one) for one in seen.running),
            chosen=seen.server.key if seen.server is not None else "",
            base_url=base_url(seen.server.url) if seen.server is not None else "",
            models=seen.models,
            requests=seen.requests,
            figures=seen.figures,
            token_text=text("The token is that of {variable}.", variable=VARIABLE)
            if given
            else text("The token is in a file that only you can read."),
            can_renew=not given,
            problem=plain_line(problem.message) if problem is not None else "",
            hint=plain_line(problem.hint or "") if problem is not None else "",
            is_loading=not self._has_looked,
        )
        if state != self.state and not self._is_closed:
            self.state = state
            self._view.show(state)
