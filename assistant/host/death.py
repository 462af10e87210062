"""Why a worker died, as an `Error` for people: from its exit status and the last lines that it wrote."""

import signal

from rushlight import Error

_MAX_QUOTE = 300
_ABORTS = ("SIGABRT", "SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGTRAP")
# ggml says one of these before it aborts; what follows the first of them is its backtrace.
_CAUSES = ("GGML_ASSERT", "GGML_ABORT", "terminate called", "what():", "rror:", "Error", "failed")


def explain(name: str, status: int | None, *, loading: bool, tail: str, out_of_memory: bool) -> Error:
    """`name`: the model file's name. `status`: exit code, minus a signal's number, None = unknown."""
    doing = f"while loading {name}" if loading else f"while it worked with {name}"
    quote = last_words(tail)
    said = f" It said last: {quote}" if quote else ""
    if out_of_memory and status == -signal.SIGKILL:
        return Error(
            f"The engine ran out of memory {doing}: the system killed it (signal 9).",
            hint="Choose a smaller quantization, lower the context length (engine.context) or close other programs.",
            kind="out-of-memory",
        )
    if status is not None and status < 0:
        signal_name = _signal_name(-status)
        if loading and signal_name in _ABORTS:
            return Error(
                f"Cannot load {name}: llama.cpp aborted (signal {-status}, {signal_name}).{said}",
                hint="The file is damaged or not made for this version. Verify it, or get it again.",
                kind="bad-file",
            )
        hint = "Ask again: the model is loaded anew."
        if status == -signal.SIGKILL:
            hint += " If nobody killed it, the machine may have run out of memory."
        return Error(
            f"The engine was killed by signal {-status} ({signal_name}) {doing}.{said}", hint=hint, kind="worker-died"
        )
    ended = "for an unknown reason" if status is None else f"with exit code {status}"
    return Error(
        f"The engine ended {ended} {doing}.{said}", hint="Ask again: the model is loaded anew.", kind="worker-died"
    )


def last_words(tail: str) -> str:
    """The line of the output that names the cause, or the last one; safe to print."""
    from rushlight.assistant.safety.plain import plain  # brings re

    lines = [line.strip() for line in plain(tail).splitlines() if line.strip()]
    if not lines:
        return ""
    for line in reversed(lines):
        if any(cause in line for cause in _CAUSES):
            return line[:_MAX_QUOTE]
    return lines[-1][:_MAX_QUOTE]


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
