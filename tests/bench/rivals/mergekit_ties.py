"""mergekit's TIES over a config file: prints the seconds of the merge and its peak memory, as JSON.

python mergekit_ties.py CONFIG OUT
"""

import json
import resource
import sys
import time

import yaml
from mergekit.config import MergeConfiguration
from mergekit.merge import MergeOptions, run_merge


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:  # noqa: PTH123
        config = MergeConfiguration.model_validate(yaml.safe_load(file))
    started = time.monotonic()
    run_merge(config, sys.argv[2], options=MergeOptions(copy_tokenizer=False, quiet=True))
    spent = time.monotonic() - started
    print(json.dumps({"spent_s": spent, "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))


if __name__ == "__main__":
    main()
