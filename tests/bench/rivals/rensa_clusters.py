"""rensa from texts to clusters, its shingles made in Python as its users make them: FILE N_TEXTS; seconds as JSON."""

import json
import sys
import time
from pathlib import Path

from rensa import RMinHash, RMinHashLSH

texts = Path(sys.argv[1]).read_text(encoding="utf-8").split("\n")[: int(sys.argv[2])]
began, began_cpu = time.perf_counter(), time.process_time()
lsh = RMinHashLSH(threshold=0.8, num_perm=128, num_bands=32)
hashes, parents = [], list(range(len(texts)))


def root(i: int) -> int:
    while parents[i] != i:
        parents[i] = parents[parents[i]]
        i = parents[i]
    return i


for number, text in enumerate(texts):
    words = text.lower().split()
    one = RMinHash(num_perm=128, seed=42)
    one.update([" ".join(words[i : i + 5]) for i in range(max(1, len(words) - 4))])
    for other in lsh.query(one):
        if root(other) != root(number) and hashes[other].jaccard(one) >= 0.8:
            low, high = sorted((root(other), root(number)))
            parents[high] = low
    lsh.insert(number, one)
    hashes.append(one)
labels = [root(i) for i in range(len(texts))]
spent = {"spent_s": time.perf_counter() - began, "cpu_s": time.process_time() - began_cpu}
print(json.dumps(spent | {"clusters": len(set(labels))}))
