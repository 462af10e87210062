"""The real host over fake workers. The version may be another one, for the tests of refusal."""

import os
import sys
from functools import partial
from pathlib import Path

from rushlight import __version__
from rushlight.assistant.host.estimate import Estimated
from rushlight.assistant.host.need import Need
from rushlight.assistant.host.server import main, run


def command(control_fd: int, door_fd: int, n_waiting: int) -> list[str]:
    worker = Path(__file__).with_name("fake_worker.py")
    return [sys.executable, "-P", str(worker), "--control", str(control_fd), "--door", str(door_fd)]


def need(_load: object) -> Estimated:
    return Estimated((Need(1024),))


if __name__ == "__main__":
    serve = partial(run, version=os.environ.get("FAKE_VERSION", __version__), command=command, need=need)
    sys.exit(main(sys.argv[1:], serve))
