"""Records anew what the pictures of learning show of the clinic: a teaching of 60 steps with its answers, and a plan.

Real ones, of the demo model, about four minutes on two cores; learned.json is written over in its place. What it holds
of the hotel, a teaching of 15 minutes, stays.

    python packaging/pictures/record_learned.py
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "bench"))

from learn_sample import COLUMNS, RECORDED
from measure import run_program
from rushlight_home import RUSHLIGHT, demo_model, own_home
from sql_sample import databases

from rushlight.assistant.app import open_app

_TAUGHT = ("--examples", "480", "--set", "keep.validate_every=10")
_PLANNED = ("--plan", "--set", "adapter.rank=8", "--set", "keep.validate_every=25")


def main() -> None:
    recorded = json.loads(RECORDED.read_text())
    with own_home(demo_model()), tempfile.TemporaryDirectory() as folder:
        clinic = databases(Path(folder))["clinic"]
        made = json.loads(run_program([RUSHLIGHT, "teach", "database", clinic, "--yes", "--json", *_TAUGHT]))
        run_program([RUSHLIGHT, "teach", "database", clinic, *_PLANNED])
        with open_app() as app:
            (metrics,) = app.paths.runs.glob("*/metrics.jsonl")
            lines = [json.loads(line) for line in metrics.read_text().splitlines()]
            plan = next(job.result for job in app.jobs.list() if job.kind == "teach-plan")
    recorded["clinic"] |= {
        "plan": made["plan"], "report": made["report"],
        "metrics": [[_short(line.get(name)) for name in COLUMNS] for line in lines],
        "answers": {str(line["step"]): line["answers"] for line in lines if line.get("answers")},
    }  # fmt: skip
    recorded["forecast"] = plan
    parts = (f" {json.dumps(name)}: {json.dumps(one, separators=(',', ':'))}" for name, one in recorded.items())
    RECORDED.write_text("{\n" + ",\n".join(parts) + "\n}\n")


def _short(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value


if __name__ == "__main__":
    main()
