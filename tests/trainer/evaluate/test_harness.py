"""The evaluation harness through our own `LM`: in an environment of its own, with tasks of ours and no network."""

import importlib.util
import json
import os
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from rushlight import Error
from rushlight.trainer.evaluate.harness import harness_model

ROOT = Path(__file__).resolve().parents[3]
CHOICES = """
task: ours_choice
dataset_path: json
dataset_kwargs: {data_files: {test: DATA}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{q}}"
doc_to_choice: "{{options}}"
doc_to_target: "{{answer}}"
target_delimiter: ""
metric_list: [{metric: acc}]
"""
WRITTEN = """
task: ours_written
dataset_path: json
dataset_kwargs: {data_files: {test: DATA}}
test_split: test
output_type: generate_until
doc_to_text: "{{q}}"
doc_to_target: "{{options[answer]}}"
generation_kwargs: {until: ["."], max_gen_toks: 8}
metric_list: [{metric: exact_match}]
"""
ASK = """
import json, sys
from pathlib import Path
from rushlight import Error
from rushlight.trainer.evaluate.harness import run_tasks

class Said:
    asked = []
    def likelihood(self, context, continuation):
        self.asked.append((context, continuation))
        return (-1.0 if continuation in (" Paris", " four") else -5.0), False
    def whole(self, text):
        return -float(len(text))
    def generate(self, prompt, stops, max_tokens):
        assert stops == ["."] and max_tokens == 8, (stops, max_tokens)
        return (" Paris" if "France" in prompt else " five") + ". And more"

said = Said()
found = run_tasks(said, ["ours_choice", "ours_written"], include=Path(sys.argv[1]))
try:
    run_tasks(said, ["ours_chioce"], include=Path(sys.argv[1]))
except Error as error:
    hint = error.hint
print(json.dumps({"found": found, "hint": hint, "asked": len(said.asked)}))
"""


def test_without_the_harness_it_says_how_to_get_it() -> None:
    if importlib.util.find_spec("lm_eval") is not None:
        pytest.skip("it is installed here")
    with pytest.raises(Error) as caught:
        harness_model(None)  # type: ignore[arg-type]
    assert 'pip install "rushlight[harness]"' in caught.value.hint


def rivals() -> ModuleType:
    spec = importlib.util.spec_from_file_location("rivals", ROOT / "tests" / "bench" / "rivals" / "environment.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_tasks_of_ours(tmp_path: Path) -> None:
    python = rivals().rival_python("lm-eval", builds_llama=False)
    subprocess.run([python, ROOT / "packaging" / "tree.py"], check=True, capture_output=True)
    data = tmp_path / "data.jsonl"
    rows = [
        {"q": "The capital of France is", "options": [" Paris", " Apples"], "answer": 0},
        {"q": "Two and two is", "options": [" purple", " four"], "answer": 1},
    ]
    data.write_text("\n".join(map(json.dumps, rows)))
    for name, text in (("choice", CHOICES), ("written", WRITTEN)):
        (tmp_path / f"{name}.yaml").write_text(text.replace("DATA", str(data)))
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1",
           "PYTHONPATH": str(ROOT / "build" / "tree")}  # fmt: skip
    done = subprocess.run([python, "-c", ASK, tmp_path], env=env, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["found"]["ours_choice"]["acc"] == 1.0 and said["found"]["ours_written"]["exact_match"] == 0.5
    assert said["hint"] == "Did you mean ours_choice?" and said["asked"] == 4
