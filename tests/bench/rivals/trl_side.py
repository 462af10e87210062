"""TRL beside our training: its folder of packages put behind our own, so that both sides run one build of torch."""

import os
from pathlib import Path

from rivals.environment import rival_python


def environment() -> dict[str, str]:
    """Variables for a process of our interpreter that can import trl. Raises RivalMissing."""
    python = rival_python("trl", builds_llama=False)
    (packages,) = Path(python).parents[1].glob("lib/python3.*/site-packages")
    found = [str(packages), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, found)), "HF_HUB_OFFLINE": "1",
            "BITSANDBYTES_NOWELCOME": "1"}  # fmt: skip
