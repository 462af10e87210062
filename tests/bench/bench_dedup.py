"""Near-duplicates from text in memory to clusters, against rensa and datasketch with shingles made in Python.

The same texts (200 MB; datasketch, being slow, the first twentieth of them) and the same parameters: lower case,
shingles of 5 words, 128 permutations, 32 bands of 4 rows, threshold 0.8. Ours decides by the exact likeness of the
shingles, the rivals by that of their signatures. Each side runs in a process of its own, ours with one thread too.
"processor" counts seconds of processor time: on a machine that others use it is the steadier measure.

    python tests/bench/bench_dedup.py [--rounds N]
"""

import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from measure import Row, alternate, machine, n_rounds, report, run_program
from rivals.environment import RivalMissing, rival_python

HERE = Path(__file__).resolve().parent
N_BYTES = 200_000_000
_OURS = """
import json, sys, time
from pathlib import Path
from rushlight.trainer.data.columns import text_column
from rushlight.trainer.data.near_duplicates import Likeness, find_clusters
texts = Path(sys.argv[1]).read_text(encoding="utf-8").split("\\n")[: int(sys.argv[2])]
column = text_column(texts)
began, began_cpu = time.perf_counter(), time.process_time()
labels = find_clusters([column], Likeness(), n_threads=int(sys.argv[3]))
spent = {"spent_s": time.perf_counter() - began, "cpu_s": time.process_time() - began_cpu}
print(json.dumps(spent | {"clusters": len(set(labels.tolist()))}))
"""


def make_texts(path: Path, n_bytes: int) -> list[int]:
    """A line a text, three in ten of them an earlier one with up to a tenth of its words changed. Sizes in bytes."""
    random = np.random.default_rng(1)
    letters = np.array(list("etaoinshrdlucmfwygpbvk"))
    words = np.array(["".join(random.choice(letters, n)) for n in random.integers(2, 11, 60_000)])
    recent: list[np.ndarray] = []
    sizes: list[int] = []
    total = 0
    with path.open("w", encoding="utf-8") as file:
        while total < n_bytes:
            if recent and random.random() < 0.3:
                drawn = recent[int(random.integers(len(recent)))].copy()
                drawn[random.integers(0, len(drawn), int(random.integers(0, 1 + len(drawn) // 10)))] = 7
            else:
                drawn = (60_000 * random.random(int(random.integers(50, 1200))) ** 3).astype(np.int64)
            recent = [*recent[-5000:], drawn]
            text = " ".join(words[drawn])
            file.write(text if not sizes else "\n" + text)
            sizes.append(len(text))
            total += len(text)
    return sizes


def main() -> None:
    rounds = n_rounds(3, __doc__)
    before = machine()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts.txt"
        sizes = make_texts(path, N_BYTES)
        n_few = len(sizes) // 20
        notes = [f"{sum(sizes) / 1e6:.0f} MB in {len(sizes):,} texts"]

        def side(command: list[str | Path], n_texts: int) -> float:
            said = json.loads(run_program(command))
            notes.append(f"{Path(command[1]).stem if len(command) < 6 else 'ours'}: {said['clusters']:,} clusters")
            per_cpu.append(sum(sizes[:n_texts]) / 1e6 / float(said["cpu_s"]))
            return sum(sizes[:n_texts]) / 1e6 / float(said["spent_s"])

        def ours(n_threads: int, n_texts: int) -> float:
            return side([sys.executable, "-c", _OURS, path, str(n_texts), str(n_threads)], n_texts)

        rows, per_cpu = [], list[float]()
        for name, n_texts, wanted in (("rensa", len(sizes), 8.0), ("datasketch", n_few, 30.0)):
            try:
                python = rival_python(name, builds_llama=False)
            except RivalMissing as missing:
                print(f"{name} is not here: {missing}")
                continue
            script = HERE / "rivals" / f"{name}_clusters.py"
            busy: dict[str, list[float]] = {"ours": [], "one thread": [], "rival": []}

            def timed(kind: str, action: Callable[[], float], to: dict[str, list[float]] = busy) -> float:
                speed = action()
                to[kind].append(per_cpu.pop())
                return speed

            found = alternate(rounds, {
                "ours": lambda n=n_texts: timed("ours", lambda: ours(2, n)),
                "one thread": lambda n=n_texts: timed("one thread", lambda: ours(1, n)),
                "rival": lambda p=python, s=script, n=n_texts: timed("rival", lambda: side([p, s, path, str(n)], n)),
            })  # fmt: skip
            speed = {side_name: statistics.median(values) for side_name, values in found.items()}
            work = {side_name: statistics.median(values) for side_name, values in busy.items()}
            rows.append(Row(f"{name}, 2 threads", speed["ours"], speed["rival"], "MB/s", wanted, at_least=True))
            rows.append(Row(f"{name}, 1 thread", speed["one thread"], speed["rival"], "MB/s"))
            rows.append(Row(f"{name}, processor", work["one thread"], work["rival"], "MB/s"))
        report("Near-duplicates from text to clusters", rows, before, list(dict.fromkeys(notes)))


if __name__ == "__main__":
    main()
