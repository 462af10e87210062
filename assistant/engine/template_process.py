"""Renders chat templates from strangers under limits of time, memory and output: the worker's end.

Three processes deep: the worker forks a renderer before it loads llama.cpp or starts a thread, and what that does
stands in `template_renderer`. The limits hold for POSIX systems. Answers are untrusted text, checked here.
"""

import os
import signal
import socket
import sys
import threading
import time
from typing import Any, NoReturn

import msgspec

from rushlight import Error
from rushlight.assistant.engine.template_renderer import (
    CPU_S,
    ERROR,
    MAX_OUTPUT_BYTES,
    MAX_TEMPLATE_BYTES,
    MAX_VARIABLES_BYTES,
    MEMORY_BYTES,
    TEMPLATE,
    TEXT,
    VARIABLES,
    WALL_S,
    die_with_parent,
    encode_error,
    frame,
    receive,
    send,
    serve,
)

_HINT = "Give the model another chat template, or name one of the built-in formats, such as chatml."
_FREE_OUTPUT_BYTES = 256 * 1024  # what a template may write of its own
_ANSWER_S = 0.25  # for the renderer's own answer to a time-out, which leaves it alive
_KINDS = frozenset({"template-error", "template-refused", "template-timeout", "template-memory", "template-too-long"})


class TemplateProcess:
    """The worker's end. `render` may be called from any thread; a renderer that died is started again.

    renderer = TemplateProcess.start()
    text = renderer.render("{{ messages[0].content }}", {"messages": [{"role": "user", "content": "Hello"}]})
    """

    def __init__(self, max_output_bytes: int = MAX_OUTPUT_BYTES) -> None:
        self.max_output_bytes = max_output_bytes
        self._lock = threading.Lock()
        self._closed = False
        self._pid, self._sock = _launch()

    @classmethod
    def start(cls, *, max_output_bytes: int = MAX_OUTPUT_BYTES) -> "TemplateProcess":
        """Fork the renderer; where threads or llama.cpp exist already, a fresh interpreter is started instead."""
        if not hasattr(os, "fork"):
            raise Error(
                "Chat templates cannot be rendered safely on this system: it has no fork.",
                hint="Rushlight's engine needs Linux or another POSIX system.",
                kind="unsupported",
            )
        return cls(max_output_bytes)

    @property
    def pid(self) -> int:
        return self._pid

    def render(self, template: str, variables: dict[str, Any], *, limit_s: float = WALL_S) -> str:
        """The text, or `Error` of kind template-error, -refused, -timeout, -memory or -too-long.

        The text may be about four times as long as what the template was given; `limit_s` shortens the time allowed.
        "template-refused" is the template's own `raise_exception`, with its message.
        """
        source = template.encode(errors="replace")
        if len(source) > MAX_TEMPLATE_BYTES:
            raise Error(
                f"The model's chat template is {len(source)} bytes long; {MAX_TEMPLATE_BYTES} are allowed.",
                hint=_HINT,
                kind="template-too-long",
            )
        try:
            given = msgspec.json.encode(variables)
        except (TypeError, ValueError, OverflowError, RecursionError) as err:
            raise Error(
                f"The chat template cannot be given these values: {err}.",
                hint="Tools and template options must be plain JSON of moderate depth.",
                kind="bad-request",
            ) from err
        max_output_bytes = min(self.max_output_bytes, _FREE_OUTPUT_BYTES + 4 * len(given))
        values = b"[%d,%b]" % (max_output_bytes, given)
        if len(values) > MAX_VARIABLES_BYTES:
            raise Error(
                f"The conversation is {len(values)} bytes long; {MAX_VARIABLES_BYTES} are allowed.",
                hint="Shorten it or start a new one.",
                kind="template-too-long",
            )
        with self._lock:
            message = frame(TEMPLATE, source) + frame(VARIABLES, values)
            tag, body = self._exchange(message, min(limit_s, WALL_S) + _ANSWER_S, max_output_bytes)
        if tag == TEXT:
            return body.decode(errors="replace")
        raise _error(*_read_error(body), max_output_bytes)

    def close(self) -> None:
        """End the renderer and all that it started."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._end()

    def _exchange(self, message: bytes, limit_s: float, max_output_bytes: int) -> tuple[bytes, bytes]:
        if self._closed:
            raise Error("The renderer of chat templates is closed.", kind="closed")
        for attempt in (1, 2):
            deadline = time.monotonic() + limit_s
            try:
                send(self._sock, message, deadline)
                answer = receive(self._sock, deadline, max_output_bytes + 65536)
            except TimeoutError:
                self._restart()
                return ERROR, encode_error("template-timeout")
            except OSError:
                answer = None
            if answer is not None:
                return answer
            self._restart()  # killed from outside, since last time or just now
            if attempt == 2:
                break
        return ERROR, encode_error("template-error", "its process was ended from outside")

    def _restart(self) -> None:
        self._end()
        self._pid, self._sock = _launch()

    def _end(self) -> None:
        self._sock.close()  # the renderer reads the end of its stream and kills its holders
        deadline = time.monotonic() + 0.5
        while time.monotonic() < deadline:
            try:
                if os.waitpid(self._pid, os.WNOHANG)[0]:
                    return
            except ChildProcessError:
                return
            time.sleep(0.002)
        try:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass


# -- starting the renderer ---------------------------------------------------------------------------------------


def _launch() -> tuple[int, socket.socket]:
    ours, theirs = socket.socketpair()
    try:
        if _may_fork():
            pid = os.fork()
            if pid == 0:
                _forked(theirs.fileno(), os.getppid())
        else:
            pid = _spawn(theirs)
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return pid, ours


def _may_fork() -> bool:
    """A forked copy of a process with threads may hold their locks for ever; one with a model is large."""
    return threading.active_count() == 1 and _n_native_threads() == 1 and "llama_cpp" not in sys.modules


def _n_native_threads() -> int:
    try:
        return len(os.listdir("/proc/self/task"))  # noqa: PTH208
    except OSError:
        return 1


def _forked(fd: int, parent: int) -> NoReturn:
    code = 1
    try:
        os.dup2(fd, 0)
        die_with_parent(parent)
        serve(0)
        code = 0
    finally:
        os._exit(code)


def _spawn(theirs: socket.socket) -> int:
    if getattr(sys, "frozen", False):
        command = [sys.executable, "_templates"]
    else:
        # -P: a jinja2.py lying in the current folder is not ours.
        command = [
            sys.executable,
            "-P",
            "-c",
            "from rushlight.assistant.engine.template_process import main; raise SystemExit(main([]))",
        ]
    actions: list[tuple[Any, ...]] = [
        (os.POSIX_SPAWN_DUP2, theirs.fileno(), 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
    ]
    return os.posix_spawn(command[0], command, os.environ, file_actions=actions)


def main(argv: list[str]) -> int:
    """The hidden verb `_templates`: serve on standard input, which is a socket."""
    if argv:
        raise Error(f"_templates takes no arguments, got {argv}.", kind="usage")
    serve(0)
    return 0


# -- what came back ----------------------------------------------------------------------------------------------


def _read_error(body: bytes) -> tuple[str, str, int]:
    try:
        kind, message, line = msgspec.json.decode(body, type=tuple[str, str, int])
    except msgspec.DecodeError:
        kind = ""
    if kind not in _KINDS:
        return "template-error", "its process gave an answer that cannot be read", 0
    return kind, message, line


def timeout_error() -> Error:
    """A template that took all the time it is given."""
    return _error("template-timeout", "", 0, 0)


def _error(kind: str, message: str, line: int, max_output_bytes: int) -> Error:
    at = f" (line {line})" if line else ""
    sentence = {
        "template-timeout": f"The model's chat template did not finish within {CPU_S} seconds and was stopped.",
        "template-memory": f"The model's chat template needed more than {MEMORY_BYTES >> 20} MiB and was stopped.",
        "template-too-long": f"The model's chat template wrote more than {max_output_bytes} bytes and was stopped.",
        "template-refused": f"The model's chat template refuses this conversation: {message}",
    }.get(kind, f"The model's chat template is broken{at}: {message.rstrip('.')}.")
    return Error(sentence, hint=_HINT, kind=kind)
