"""The bare loops of this folder as functions: a process each, a line of JSON in, a line of JSON out."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Ask = Callable[[dict[str, Any]], Any]


@contextmanager
def bare(script: str, model: Path, *numbers: int) -> Iterator[Ask]:
    """Start `script` with the model and its numbers; what is yielded gives it a task and returns its answer."""
    command = [sys.executable, Path(__file__).with_name(script), model, *map(str, numbers)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def answer() -> Any:
            line = stdout.readline()
            if not line:
                raise SystemExit(f"{script} ended before it answered.")
            return json.loads(line)

        def ask(task: dict[str, Any]) -> Any:
            stdin.write(json.dumps(task) + "\n")
            stdin.flush()
            return answer()

        answer()  # the model is loaded
        try:
            yield ask
        finally:
            stdin.close()
