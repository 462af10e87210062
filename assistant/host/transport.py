"""The socket between front processes and the host, and how descriptors travel over it.

The one place of the host that depends on UNIX sockets; elsewhere a named pipe with handle duplication would stand
here. Knows nothing of what is said over the socket.
"""

import array
import os
import socket
import struct
import sys
from pathlib import Path

from rushlight import Error
from rushlight.assistant.paths import private_folder

_BACKLOG = 512  # as many fronts as may start at once while the host is still importing
_MAX_PATH_BYTES = 107  # sun_path of Linux, less the closing zero; macOS has 103
_MAX_FDS = 8


def listen(path: Path) -> socket.socket:
    """A non-blocking listening socket with mode 0600 in a folder that is private to this user.

    Only the owner of the host lock may call this: whatever lies at `path` is a dead host's and is removed.
    """
    _require_unix_sockets()
    if len(os.fsencode(path)) > _MAX_PATH_BYTES - (4 if sys.platform == "darwin" else 0):
        raise Error(
            f"The path of the host's socket is too long: {path}.",
            hint="Set XDG_RUNTIME_DIR to a shorter folder.",
            kind="socket-failed",
        )
    try:
        private_folder(path.parent)
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        old_mask = os.umask(0o177)
        try:
            listener.bind(os.fspath(path))
        finally:
            os.umask(old_mask)
        listener.listen(_BACKLOG)
    except OSError as err:
        raise Error(
            f"Cannot listen on {path}: {err.strerror}.",
            hint="The folder must be writable; XDG_RUNTIME_DIR names another one.",
            kind="socket-failed",
        ) from err
    listener.setblocking(False)
    return listener


def dial(path: str, timeout_s: float) -> socket.socket:
    """Connect to a host's socket. Raises OSError where nobody listens."""
    _require_unix_sockets()
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout_s)
        sock.connect(path)
        if not is_own_user(sock):
            raise PermissionError(f"{path} belongs to another user")
    except BaseException:
        sock.close()
        raise
    return sock


def is_own_user(sock: socket.socket) -> bool:
    """Whether the kernel says that the other end runs as this user.

    Where the kernel is not asked (macOS), the mode of socket and folder and the token stand alone.
    """
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return True
    credentials = sock.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", credentials)
    return bool(uid == os.getuid())


def send_with_fds(sock: socket.socket, data: bytes | memoryview, fds: tuple[int, ...]) -> int:
    """Send some of `data`; the descriptors travel with its first byte. Returns how many bytes went."""
    if not fds:
        return sock.send(data)
    return sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])


def receive_with_fds(sock: socket.socket, size_bytes: int) -> tuple[bytes, list[int]]:
    """Receive up to `size_bytes` and the descriptors that came along; the caller owns those."""
    flags = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
    data, ancillary, _, _ = sock.recvmsg(size_bytes, socket.CMSG_SPACE(_MAX_FDS * array.array("i").itemsize), flags)
    fds = array.array("i")
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
    for fd in fds:
        os.set_inheritable(fd, False)
    return data, list(fds)


def _require_unix_sockets() -> None:
    if not hasattr(socket, "AF_UNIX"):
        raise Error(
            "Rushlight's processes talk over UNIX sockets, which this system does not have.",
            hint="Use Linux or macOS, or the Windows Subsystem for Linux.",
            kind="unsupported-platform",
        )
