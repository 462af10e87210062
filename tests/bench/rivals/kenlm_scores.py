"""kenlm reads an ARPA file and scores a text: ARPA TEXT. Every word's logarithm, whether it is known, and times."""

import json
import sys
import time
from pathlib import Path

import kenlm

began = time.process_time()
model = kenlm.Model(sys.argv[1])
load_s = time.process_time() - began
lines = Path(sys.argv[2]).read_text(encoding="utf-8").splitlines()
words = [[(score, not is_unknown) for score, _, is_unknown in model.full_scores(line)] for line in lines]
began = time.process_time()
for line in lines:
    model.score(line)
score_s = time.process_time() - began
print(json.dumps({"load_s": load_s, "score_s": score_s, "words": words}))
