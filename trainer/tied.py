"""`python -m rushlight.trainer.tied COMMAND...`: becomes the command, and ends when the process that started it ends.

So that no training goes on by itself after its job was killed. Only Linux has such a tie; elsewhere it is the command.
"""

import os
import sys


def tie() -> None:
    """End when the parent of this process ends, however that happens."""
    if sys.platform != "linux":
        return
    import ctypes
    import signal

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() == 1:  # it has ended already
        sys.exit(1)


if __name__ == "__main__":
    tie()
    os.execv(sys.argv[1], sys.argv[1:])
