"""The terminal app: cold start to usable with 1,000 stored conversations, and memory, beside a bare Textual app.

python tests/bench/bench_tui.py [--rounds N]

"Usable": the newest conversation's title stands on the screen and a letter that was typed then is shown. Memory: the
app one second later, with the host it may start and no model loaded.
"""

import importlib.util
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from faces import compare, modules_named, pss_mb
from measure import n_rounds
from rushlight_home import RUSHLIGHT

BARE = Path(__file__).with_name("bare_terminal.py")
START_S, MEMORY_MB = 0.8, 100.0
_REST_S, _PATIENCE_S = 1.0, 30.0
_TITLE, _LETTER = "Conversation number 1", "Q"


def _terminal_module() -> ModuleType:
    file = Path(__file__).parents[1] / "pseudo_terminal.py"
    spec = importlib.util.spec_from_file_location("pseudo_terminal", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _start(terminals: ModuleType, command: Sequence[str], memory: list[float], *, is_ours: bool) -> float:
    began = time.perf_counter()
    terminal = terminals.Terminal(*command)
    try:
        _wait(terminal, _TITLE)
        terminal.type(_LETTER)
        _wait(terminal, _LETTER)
        seconds = time.perf_counter() - began
        time.sleep(_REST_S)
        memory.append(pss_mb(terminal.process.pid))
        if is_ours and (loaded := modules_named(terminal.process.pid, "torch")):
            raise SystemExit(f"torch is loaded: {loaded[0]}")
        return seconds
    finally:
        terminal.close()


def _wait(terminal: Any, text: str) -> None:
    limit_s = time.monotonic() + _PATIENCE_S
    while not any(text in line for line in terminal.screen.display):
        if time.monotonic() > limit_s:
            raise SystemExit(f"{text!r} did not come; the screen:\n" + "\n".join(terminal.screen.display))
        terminal._read(0.005)


def main() -> None:
    rounds = n_rounds(10, __doc__)
    os.environ["COLORTERM"] = "truecolor"
    terminals = _terminal_module()
    compare(
        "tui",
        "terminal app",
        lambda _env, memory: _start(terminals, [str(RUSHLIGHT), "tui"], memory, is_ours=True),
        lambda _env, memory: _start(terminals, [sys.executable, str(BARE)], memory, is_ours=False),
        start_s=START_S,
        memory_mb=MEMORY_MB,
        rounds=rounds,
    )


if __name__ == "__main__":
    main()
