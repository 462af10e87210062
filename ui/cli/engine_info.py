"""The hidden verb `_engine-info`: a process that loads llama.cpp, says as JSON what it is, and ends.

`doctor` and the host start it, because neither loads native model code: a broken build may end the process.
"""

import sys


def main(argv: list[str]) -> int:
    """Print one JSON object: {"description", "can_offload", "devices": [...]} or {"error", "hint"}."""
    import json
    from dataclasses import asdict

    from rushlight import Error

    try:
        from rushlight.assistant.engine.devices import devices
        from rushlight.assistant.engine.llama import library

        found = library()
        answer = {
            "description": found.describe(),
            "can_offload": found.can_offload,
            "devices": [asdict(device) for device in devices(found.c)],
        }
    except Error as err:
        answer = {"error": err.message, "hint": err.hint}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    return 0 if "error" not in answer else 1
