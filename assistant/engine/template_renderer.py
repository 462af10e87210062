"""Where chat templates run: a renderer, a holder for each template, a child for each render, under limits.

The **renderer** has jinja2 loaded and runs nothing of a template. For each template it forks a **holder** under
limits, which compiles it (jinja2 computes constants while compiling, so that is the template's own code already)
and keeps the result; for each render the holder forks a **child** with a fresh allowance of processor time, which
answers and ends.

Compiled code is thus cached where only its own template can be hurt: it never leaves the process that compiled it,
and what it can reach there is its own later output. A holder that fails in any way is thrown away. What the renderer
reads from a holder is untrusted: bounded, and checked by `template_process`.
"""

import os
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import msgspec

MAX_TEMPLATE_BYTES = 64 * 1024
MAX_OUTPUT_BYTES = 16 * 1024 * 1024
MAX_VARIABLES_BYTES = 64 * 1024 * 1024
CPU_S = 2
WALL_S = 2.6  # of one render, compiling included
MEMORY_BYTES = 512 * 1024 * 1024

_MAX_HOLDERS = 3  # a model has one template; a setting and a fallback may stand beside it
_MAX_RENDERS = 400  # forks count towards a holder's own processor time, so it is renewed
_HEAD = struct.Struct("<cI")  # tag, length
TEXT, ERROR, TEMPLATE, VARIABLES = b"t", b"e", b"T", b"V"
_EXIT_TIME, _EXIT_MEMORY, _EXIT_CRASH = 71, 72, 73


@dataclass(slots=True)
class _Holder:
    pid: int
    sock: socket.socket
    n_renders: int = 0

    def end(self) -> int:
        """Kill it with its child; its wait status."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.sock.close()
        return os.waitpid(self.pid, 0)[1]


def serve(fd: int) -> None:
    """Answer render requests on socket `fd` until its other end is closed."""
    signal.set_wakeup_fd(-1)
    for name in (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP):
        signal.signal(name, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the front's; our end comes with the worker's
    _close_all_but(fd)
    from rushlight.assistant.engine import template as engine_template

    engine_template.warm_up()
    import gc

    gc.collect()
    gc.freeze()  # a collection in a child would copy every page
    control = socket.socket(fileno=fd)
    holders: dict[bytes, _Holder] = {}
    try:
        while True:
            source = receive(control, None, MAX_TEMPLATE_BYTES)
            values = receive(control, None, MAX_VARIABLES_BYTES) if source else None
            if source is None or values is None:
                return
            tag, body = _render(source[1], values[1], holders, control)
            control.sendall(frame(tag, body))
    except OSError:
        return  # the worker is gone
    finally:
        for holder in holders.values():
            holder.end()


def _render(source: bytes, values: bytes, holders: dict[bytes, _Holder], control: socket.socket) -> tuple[bytes, bytes]:
    deadline = time.monotonic() + WALL_S
    while True:
        holder = holders.pop(source, None) or _start_holder(source)
        first = holder.n_renders == 0
        holder.n_renders += 1
        answer, timed_out = None, False
        try:
            send(holder.sock, frame(VARIABLES, values), deadline)
            answer = receive(holder.sock, deadline, MAX_VARIABLES_BYTES, also=control)
        except TimeoutError:
            timed_out = True
        except _Gone:
            holder.end()
            raise
        except OSError:
            pass
        if answer is not None and answer[0] in (TEXT, ERROR):
            if holder.n_renders >= _MAX_RENDERS:
                holder.end()
            else:
                holders[source] = holder  # the most recently used is the last
                if len(holders) > _MAX_HOLDERS:
                    holders.pop(next(iter(holders))).end()
            return answer
        status = _status_of(holder) if not timed_out else holder.end()
        if timed_out:
            return ERROR, encode_error("template-timeout")
        if first:
            return ERROR, _cause(status)
        # A holder that had served before may have been killed from outside, or used up its own time: once more.


def _status_of(holder: _Holder) -> int:
    """How a holder ended whose stream has ended. It gets a moment to say so before it is killed."""
    for _ in range(50):
        pid, status = os.waitpid(holder.pid, os.WNOHANG)
        if pid:
            holder.sock.close()
            return status
        time.sleep(0.002)
    return holder.end()


def _cause(status: int) -> bytes:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGXCPU:
            return encode_error("template-timeout")
        return encode_error("template-error", f"it crashed its process with signal {number}")
    code = os.WEXITSTATUS(status)
    if code == _EXIT_TIME:
        return encode_error("template-timeout")
    if code == _EXIT_MEMORY:
        return encode_error("template-memory")
    return encode_error("template-error", "it crashed its process")


# -- the holder and its children: the template's own code runs here ----------------------------------------------


def _start_holder(source: bytes) -> _Holder:
    ours, theirs = socket.socketpair()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        code = _EXIT_CRASH
        try:
            os.setpgid(0, 0)  # one signal reaches the holder and its child
            os.dup2(theirs.fileno(), 0)
            quiet = os.open(os.devnull, os.O_RDWR)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            _close_all_but(0)
            die_with_parent(parent)
            _limit()
            code = _hold(source.decode(errors="replace"))
        except MemoryError:
            code = _EXIT_MEMORY
        finally:
            os._exit(code)
    theirs.close()
    try:
        os.setpgid(pid, pid)  # whoever comes first: a kill must find the group
    except (PermissionError, ProcessLookupError):
        pass
    return _Holder(pid, ours)


def _limit() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))  # what is open stays open, nothing more can be


def _hold(source: str) -> int:
    from rushlight.assistant.engine import template as engine_template

    render: Callable[[dict[str, Any], int], str] | None = None
    failure = b""
    try:
        render = engine_template.compile_template(source)
    except Exception as err:
        failure = encode_error(*engine_template.describe(err))
    import gc

    gc.freeze()
    parent = os.getpid()
    sock = socket.socket(fileno=0)
    while True:
        values = receive(sock, None, MAX_VARIABLES_BYTES)
        if values is None:
            return 0
        if render is None:
            sock.sendall(frame(ERROR, failure))
            continue
        pid = os.fork()
        if pid == 0:
            _render_child(sock, render, values[1], parent)
        _, status = os.waitpid(pid, 0)
        if os.WIFSIGNALED(status):
            return _EXIT_TIME if os.WTERMSIG(status) == signal.SIGXCPU else _EXIT_CRASH
        if os.WEXITSTATUS(status):
            return os.WEXITSTATUS(status)


def _render_child(
    sock: socket.socket, render: Callable[[dict[str, Any], int], str], values: bytes, parent: int
) -> NoReturn:
    from rushlight.assistant.engine import template as engine_template

    code = _EXIT_CRASH
    try:
        die_with_parent(parent)
        _forbid_processes()
        try:
            max_output_bytes, variables = msgspec.json.decode(values)
            text = render(variables, max_output_bytes).encode(errors="replace")
            reply = frame(TEXT, text)
            if len(text) > max_output_bytes:
                raise engine_template.OutputTooLong
        except Exception as err:
            text = reply = b""
            reply = frame(ERROR, encode_error(*engine_template.describe(err)))
        sock.sendall(reply)
        code = 0
    except MemoryError:
        code = _EXIT_MEMORY
    finally:
        os._exit(code)


def _forbid_processes() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


# -- frames and helpers -------------------------------------------------------------------------------------------


class _Gone(OSError):
    """The worker closed its end while a template was rendering."""


def frame(tag: bytes, body: bytes) -> bytes:
    return _HEAD.pack(tag, len(body)) + body


def send(sock: socket.socket, message: bytes, deadline: float) -> None:
    sock.settimeout(max(0.01, deadline - time.monotonic()))
    sock.sendall(message)


def receive(
    sock: socket.socket, deadline: float | None, max_bytes: int, also: socket.socket | None = None
) -> tuple[bytes, bytes] | None:
    """One frame; None at the end of the stream or where the frame is none. Raises TimeoutError at the deadline."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    if also is not None:
        poll.register(also, select.POLLHUP)
    parts: list[bytes] = []
    size, wanted = 0, _HEAD.size
    tag = b""
    while size < wanted:
        if deadline is not None:  # without one no poll: it fails in a holder, which may have no descriptors
            ready = poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
            if not ready:
                raise TimeoutError
            if also is not None and any(fd == also.fileno() for fd, _ in ready):
                raise _Gone
        data = sock.recv(min(wanted - size, 1 << 20))
        if not data:
            return None
        parts.append(data)
        size += len(data)
        if not tag and size == wanted:
            tag, length = _HEAD.unpack(b"".join(parts))
            if length > max_bytes:
                return None
            parts, size, wanted = [], 0, length
    return tag, b"".join(parts)


def encode_error(kind: str, message: str = "", line: int = 0) -> bytes:
    return msgspec.json.encode((kind, message[:2000].encode(errors="replace").decode(), line))


def _close_all_but(fd: int) -> None:
    """Copies of the worker's sockets would keep them open after its death."""
    os.closerange(max(3, fd + 1), os.sysconf("SC_OPEN_MAX") if hasattr(os, "sysconf") else 1024)


def die_with_parent(parent: int) -> None:
    """Linux: a signal at the parent's end. Elsewhere the end of the stream does it, a little later."""
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:  # it died before we asked
        os._exit(0)
