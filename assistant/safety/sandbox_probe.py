"""Which sandboxes work here, found by trying them: names of programs and versions of kernels do not tell.

Runs bubblewrap on `true` and asks the kernel for its Landlock version. Starts nothing else and changes nothing.
"""

import os
import sys
from dataclasses import dataclass

_LANDLOCK_CREATE_RULESET = 444  # the same number on every architecture
_LANDLOCK_CREATE_RULESET_VERSION = 1
_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class SandboxProbe:
    """One kind of sandbox. `detail` is a version where it works, the reason where it does not."""

    name: str
    works: bool
    detail: str


def probe_bubblewrap() -> SandboxProbe:
    """bwrap with every namespace, as a tool would be run: an Ubuntu with AppArmor has the program and refuses it."""
    import shutil
    import subprocess

    program = shutil.which("bwrap")
    if program is None:
        return SandboxProbe("bubblewrap", False, "bwrap is not installed")
    command = [program, "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "true"]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines()
            return SandboxProbe("bubblewrap", False, lines[-1] if lines else f"bwrap ended with {done.returncode}")
        version = subprocess.run(
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        ).stdout.strip()
    except subprocess.TimeoutExpired:
        return SandboxProbe("bubblewrap", False, f"bwrap did not end within {_TIMEOUT_S:.0f} s")
    except OSError as err:
        return SandboxProbe("bubblewrap", False, f"bwrap cannot be run: {err.strerror or err}")
    return SandboxProbe("bubblewrap", True, version)


def probe_landlock() -> SandboxProbe:
    """The kernel's own answer: its Landlock version, or the error that says why not."""
    if not sys.platform.startswith("linux"):
        return SandboxProbe("Landlock", False, "only Linux has it")
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(
        _LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_LANDLOCK_CREATE_RULESET_VERSION)
    )
    if version < 1:
        return SandboxProbe("Landlock", False, f"the kernel refuses it: {os.strerror(ctypes.get_errno())}")
    return SandboxProbe("Landlock", True, f"version {version}")
