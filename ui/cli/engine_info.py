"""The hidden verb `_engine-info`: a process that loads llama.cpp, says as JSON what it is, and ends.

`doctor` starts it, because a front process never loads native model code: a broken build may end the process.
"""

import sys


def main(argv: list[str]) -> int:
    """Print one JSON object: {"description": ..., "can_offload": ...} or {"error": ..., "hint": ...}."""
    import json

    from rushlight import Error

    try:
        from rushlight.assistant.engine.llama import library

        found = library()
        answer = {"description": found.describe(), "can_offload": found.can_offload}
    except Error as err:
        answer = {"error": err.message, "hint": err.hint}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    return 0 if "error" not in answer else 1
