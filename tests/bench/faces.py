"""What the benchmarks of the window and the terminal app share: a home with 1,000 conversations, memory of processes.

Memory is the proportional set size: private pages, and shared ones divided by how many share them.
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

N_CONVERSATIONS = 1000
_SAMPLE = Path(__file__).resolve().parents[2] / "packaging" / "pictures"


def fill_home() -> None:
    """1,000 conversations in the home of this process's environment."""
    sys.path.insert(0, str(_SAMPLE))
    import sample

    from rushlight.assistant.app import open_app

    with open_app() as app:
        sample.many_conversations(app, N_CONVERSATIONS)


@contextmanager
def idle_host(env: Mapping[str, str]) -> Iterator[int]:
    """A host without a model, held open by this process; its process id."""
    from rushlight.assistant.app import open_app

    with open_app() as app:
        yield app.host.status().pid


def pss_mb(pid: int) -> float:
    """Of the process and everything it started, in MB."""
    process = psutil.Process(pid)
    total = 0
    for one in (process, *process.children(recursive=True)):
        try:
            total += one.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total / 1e6


def modules_named(pid: int, name: str) -> list[str]:
    """Files mapped by the process or its children whose path holds the name, as of a library that was imported."""
    process = psutil.Process(pid)
    return sorted(
        {
            mapping.path
            for one in (process, *process.children(recursive=True))
            for mapping in one.memory_maps()
            if f"/{name}/" in mapping.path
        }
    )


def end(process: "subprocess.Popen[bytes]") -> None:
    """End it and wait."""
    process.kill()
    process.wait()
