"""mergekit's TIES over a config file: prints the seconds of the merge and its peak memory, as JSON.

    python mergekit_ties.py CONFIG OUT [stable]

With `stable` equally large changes are sorted by place, which mergekit leaves to torch: for comparing numbers,
not for timing.
"""

import functools
import json
import sys
import time
from pathlib import Path

import torch
import yaml
from mergekit.config import MergeConfiguration
from mergekit.merge import MergeOptions, run_merge


def main() -> None:
    config = MergeConfiguration.model_validate(yaml.safe_load(Path(sys.argv[1]).read_text()))
    if "stable" in sys.argv[3:]:
        torch.argsort = functools.partial(torch.argsort, stable=True)
    started = time.monotonic()
    run_merge(config, sys.argv[2], options=MergeOptions(copy_tokenizer=False, quiet=True))
    spent = time.monotonic() - started
    (peak,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(json.dumps({"spent_s": spent, "peak_kib": int(peak.split()[1])}))


if __name__ == "__main__":
    main()
