"""The engine process: loads one model, then answers one request after another.

`main(["--control", FD, "--door", FD])`, the hidden verb `_engine`. The control socket brings the settings and takes
Progress, then Ready or Failed; its end is the worker's end. The door socket brings clients. Standard output is not
used; the only text is a traceback on standard error, for the host's log.
"""

import os
import signal
import socket
import sys
import time

from rushlight import Error, Progress
from rushlight.assistant.engine.door import Door, Job
from rushlight.assistant.engine.frames import Connection, Tokens
from rushlight.assistant.engine.load import Loaded, load
from rushlight.assistant.engine.request import EmbedRequest, GenerateRequest, LoadSettings, ScoreRequest
from rushlight.assistant.engine.template_process import TemplateProcess
from rushlight.assistant.events import Failed, Finished, Usage

_USAGE = "usage: _engine --control FD --door FD [--waiting N]"


def main(argv: list[str]) -> int:
    """Serve until the control stream ends. Returns 1 where the model could not be loaded, 2 for wrong usage."""
    numbers = _arguments(argv)
    if numbers is None:
        sys.stderr.write(_USAGE + "\n")
        return 2
    _die_with_parent()
    # When it aborts, llama.cpp would start a debugger to print its stack: a second in which the death is not seen.
    os.environ["GGML_NO_BACKTRACE"] = "1"
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the front's; it cancels through a frame
    # First of all: it forks, which is safe only before there is a thread or llama.cpp in this process.
    renderer = TemplateProcess.start()
    control = Connection(socket.socket(fileno=numbers["control"]))
    try:
        first = control.receive()
    except Error as err:
        control.send(_failed(err))
        return 1
    except OSError:
        first = None
    if first is None:
        renderer.close()
        return 0
    settings = first[1]
    if not isinstance(settings, LoadSettings):
        control.send(
            Failed(
                f"A worker was sent a {type(settings).__name__} where its settings were expected.",
                "Stop every Rushlight process and start again.",
                "bad-frame",
            )
        )
        return 1
    door = Door(control, socket.socket(fileno=numbers["door"]), max_waiting=numbers["waiting"])
    door.start()
    try:
        loaded, ready = load(settings, renderer, lambda progress: _report(control, progress))
    except Exception as err:
        failed = _failed(err)
        door.fail_all(failed)
        control.send(failed)
        renderer.close()
        return 1
    door.set_flag, door.clear_flag = loaded.flag.set, loaded.flag.clear
    control.send(ready)
    while True:
        _answer(loaded, door.next_job())


def _arguments(argv: list[str]) -> dict[str, int] | None:
    numbers = {"waiting": 8}
    for name, value in zip(argv[::2], argv[1::2], strict=False):
        if name not in ("--control", "--door", "--waiting") or not value.isdecimal():
            return None
        numbers[name[2:]] = int(value)
    return numbers if len(argv) % 2 == 0 and {"control", "door"} <= numbers.keys() else None


def _die_with_parent() -> None:
    """Linux: be killed when the host is, even if this process hangs in native code."""
    if sys.platform != "linux":
        return  # elsewhere the end of the control stream does it
    import ctypes

    parent = os.getppid()
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:  # it died before we asked
        os._exit(0)


def _report(control: Connection, progress: Progress) -> None:
    try:
        control.send(progress)
    except OSError:
        pass  # the host is gone; the reader thread ends the process


def _answer(loaded: Loaded, job: Job) -> None:
    """One request, whatever happens: the worker lives on."""
    client, sequence, request = job.client, job.sequence, job.request
    queue_s = time.monotonic() - job.received_at
    try:
        if isinstance(request, GenerateRequest):
            from rushlight.assistant.engine.generate import generate

            for event in generate(loaded, request, queue_s=queue_s):
                if not client.send(event, sequence):
                    return
        elif isinstance(request, EmbedRequest):
            from rushlight.assistant.engine.embed import embed

            if not loaded.settings.embeddings:
                raise Error(
                    f"{loaded.model.path.name} is loaded to write text; it gives no vectors.",
                    hint="Load it again for embeddings.",
                    kind="bad-request",
                )
            client.send(embed(request, loaded.model, loaded.context, loaded.flag), sequence)
        elif isinstance(request, ScoreRequest):
            from rushlight.assistant.engine.score import score

            client.send(score(loaded, request), sequence)
        else:
            from rushlight.assistant.engine.generate import tokenize

            client.send(Tokens(tokenize(loaded, request)), sequence)
    except Exception as err:
        if isinstance(err, Error) and err.kind == "stopped":
            client.send(Usage(0, 0, 0, queue_s=queue_s), sequence)
            client.send(Finished("cancelled"), sequence)
        else:
            client.send(_failed(err), sequence)


def _failed(err: Exception) -> Failed:
    if isinstance(err, Error):
        return Failed(err.message, err.hint, err.kind)
    if isinstance(err, MemoryError):
        return Failed(
            "There is not enough memory for this.",
            "Lower the context length, choose a smaller model, or close other programs.",
            "out-of-memory",
        )
    import traceback

    sys.stderr.write(traceback.format_exc())  # a bug: the host keeps this in its log
    return Failed(
        f"The engine failed unexpectedly ({type(err).__name__}: {err}).",
        "Please report this, with the log: rushlight doctor",
        "internal",
    )
