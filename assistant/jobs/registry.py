"""Which kinds of jobs there are: the built-in ones, then those that installed packages bring (group "rushlight.jobs").

Knows names and modules; a kind is imported when it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from rushlight import Error

if TYPE_CHECKING:
    from rushlight.assistant.jobs.kind import JobKind

GROUP = "rushlight.jobs"
_BUILT_IN = {
    "model-import": "rushlight.assistant.jobs.kinds.model_import",
    "model-download": "rushlight.assistant.jobs.kinds.model_download",
    "conversation-import": "rushlight.assistant.jobs.kinds.conversation_import",
    "quant-convert": "rushlight.assistant.jobs.kinds.quant_convert",
    "quant-unpack": "rushlight.assistant.jobs.kinds.quant_unpack",
    "quant-adapter": "rushlight.assistant.jobs.kinds.quant_adapter",
    "quant-calibrate": "rushlight.assistant.jobs.kinds.quant_calibrate",
    "quant-make": "rushlight.assistant.jobs.kinds.quant_make",
    "quant-plan": "rushlight.assistant.jobs.kinds.quant_plan",
    "quant-compare": "rushlight.assistant.jobs.kinds.quant_compare",
    "quant-smaller": "rushlight.assistant.jobs.kinds.quant_smaller",
    "quant-proof": "rushlight.assistant.jobs.kinds.quant_proof",
}


def find_kind(name: str) -> "JobKind":
    """The kind of that name. Raises `Error(kind="no-such-job-kind")`."""
    module = _BUILT_IN.get(name)
    if module is not None:
        found: JobKind = import_module(module).KIND
        return found
    from importlib.metadata import entry_points  # 30 ms, and only for what is not ours

    for entry in entry_points(group=GROUP, name=name):
        loaded: JobKind = entry.load()
        return loaded
    import difflib

    near = difflib.get_close_matches(name, list(_BUILT_IN), n=1)
    raise Error(
        f"There is no kind of job named {name[:60]!r}.",
        hint=f"Did you mean {near[0]}?" if near else "It came with a package that is not installed any more.",
        kind="no-such-job-kind",
    )
