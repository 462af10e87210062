"""N-gram models of order 5: ours beside Debian's irstlm, both asked by kenlm, and our answers against kenlm's.

The text is what this Python's library and packages say of themselves: docstrings, a sentence a line, each once, up to
20 MB; one line in twenty is held out. irstlm's `tlm` with `-lm=msb` smooths by modified Kneser-Ney as we do ("modified
shift beta": three discounts after Chen and Goodman, interpolated); it keeps no probability for `<unk>`, so perplexities
are of known words. kenlm reads both ARPA files. Seconds are processor time of one thread; our queries go through the
mapped file.

    python tests/bench/bench_ngram_model.py [--rounds N]

Needs `apt-get install irstlm` for its side.
"""

import ast
import json
import re
import statistics
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from measure import Row, alternate, machine, n_rounds, report, run_program
from rivals.environment import RivalMissing, rival_python

from rushlight.trainer.data import ngrams
from rushlight.trainer.data.columns import text_column

HERE = Path(__file__).resolve().parent
TLM = Path("/usr/lib/irstlm/bin/tlm")
ORDER = 5
N_LINES_OF_IRSTLM = 30_000  # it is slow
MOST_CHARS = 20_000_000


def docstrings() -> tuple[list[str], list[str]]:
    """Sentences to learn from and sentences held out, each once."""
    found: dict[str, None] = {}
    n_chars = 0
    files = [file for name in ("stdlib", "purelib") for file in sorted(Path(sysconfig.get_path(name)).rglob("*.py"))]
    for file in files:
        if n_chars > MOST_CHARS:
            break
        try:
            tree = ast.parse(file.read_bytes())
        except (SyntaxError, ValueError, RecursionError):
            continue
        for node in ast.walk(tree):
            if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for part in re.split(r"\n\s*\n|(?<=[.!?])\s+(?=[A-Z])", ast.get_docstring(node) or ""):
                words = re.findall(r"\w+|[^\w\s]", part.lower())
                line = " ".join(words)
                if 2 <= len(words) <= 200 and line not in found:
                    found[line] = None
                    n_chars += len(line)
    lines = list(found)
    return [line for i, line in enumerate(lines) if i % 20 != 7], lines[7::20]


def perplexity(words: list[list[Any]], is_common: list[list[bool]]) -> float:
    """Of the words that both models know."""
    scores = [score for line, marks in zip(words, is_common, strict=True)
              for (score, _), is_here in zip(line, marks, strict=True) if is_here]  # fmt: skip
    return float(10 ** -np.mean(scores))


def main() -> None:
    rounds = n_rounds(3, __doc__)
    before = machine()
    learned, held = docstrings()
    few = learned[:N_LINES_OF_IRSTLM]
    notes, rows = [f"{sum(map(len, learned)) / 1e6:.1f} MB in {len(learned):,} lines, {len(held):,} held out"], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "held.txt").write_text("\n".join(held) + "\n", encoding="utf-8")
        (folder / "few.txt").write_text("".join(f"<s> {line} </s>\n" for line in few), encoding="utf-8")

        def ours(lines: list[str], stem: str) -> float:
            column = text_column(["\n".join(lines)])
            began = time.process_time()
            model = ngrams.estimate([column], ORDER)
            spent = time.process_time() - began
            for ending in ("arpa", "ngrams"):
                model.save(folder / f"{stem}.{ending}")
            return spent

        def irstlm() -> float:
            command = [TLM, "-tr=few.txt", f"-n={ORDER}", "-lm=msb", "-ps=no", "-o=irstlm.arpa"]
            began = json.loads(run_program([sys.executable, "-c", _TIMED, folder, *command]))
            return float(began)

        sides = {"ours": lambda: ours(few, "few")}
        if TLM.exists():
            sides["irstlm"] = irstlm
        spent = {side: statistics.median(values) for side, values in alternate(rounds, sides).items()}
        all_s = statistics.median([ours(learned, "all") for _ in range(rounds)])
        n_words = sum(line.count(" ") + 2 for line in learned)
        notes.append(f"estimated from all lines: {all_s:.2f} s, {n_words / all_s / 1e6:.1f} million words a second, "
                     f"{(folder / 'all.ngrams').stat().st_size / 1e6:.0f} MB")  # fmt: skip
        if "irstlm" in spent:
            rows.append(Row("estimating, irstlm", spent["ours"], spent["irstlm"], "s"))
        model, column = ngrams.open_model(folder / "all.ngrams"), text_column(held)
        began = time.process_time()
        scores = model.score(column)
        own_s = time.process_time() - began
        try:
            kenlm = rival_python("kenlm", builds_llama=False)
        except RivalMissing as missing:
            print(f"kenlm is not here: {missing}")
            report("N-gram models", rows, before, notes)
            return

        def asked(stem: str) -> dict[str, Any]:
            command = [kenlm, HERE / "rivals" / "kenlm_scores.py", folder / f"{stem}.arpa", folder / "held.txt"]
            said: dict[str, Any] = json.loads(run_program(command))
            return said

        said = asked("all")
        rows.append(Row("queries, kenlm (probing)", scores.counts.sum() / own_s / 1e6,
                        scores.counts.sum() / said["score_s"] / 1e6, "million words/s"))  # fmt: skip
        worst = max(abs(mine - theirs) for line, words in zip(held, said["words"], strict=True)
                    for mine, (theirs, _) in zip(model.word_scores(line), words, strict=True))  # fmt: skip
        rows.append(Row("largest difference to kenlm", 1 + worst, 1.0, "log10, 1 added", 1.0001))
        if "irstlm" in spent:
            mine, theirs = asked("few")["words"], asked("irstlm")["words"]
            common = [[a[1] and b[1] for a, b in zip(*pair, strict=True)] for pair in zip(mine, theirs, strict=True)]
            rows.append(Row("perplexity, irstlm", perplexity(mine, common), perplexity(theirs, common), "", 1.01))
    report("N-gram models", rows, before, notes)


_TIMED = """
import os, resource, subprocess, sys
subprocess.run(sys.argv[2:], cwd=sys.argv[1], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime)
"""


if __name__ == "__main__":
    main()
