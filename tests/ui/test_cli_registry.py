"""`rushlight registry` and `evaluate`, as people and scripts use them: tables, JSON, exit codes, blind votes."""

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rushlight import Stop
from rushlight.assistant.app import App, open_app
from rushlight.assistant.models.importing import import_model
from rushlight.assistant.registry.blind import BlindTrial
from rushlight.assistant.registry.values import LessonUse, NewAdapter, NewRun, Source
from rushlight.ui.cli import registry_compare
from rushlight.ui.cli.output import tell

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def rushlight(own_home: Path) -> Run:
    def run(*words: str, typed: str = "") -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "rushlight", *words], capture_output=True, text=True, input=typed,
            env={**os.environ, "COLUMNS": "160"},
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture
def filled(own_home: Path, tiny_gguf: Path, gguf_builder: ModuleType, tmp_path: Path) -> str:
    """A home with a model, a run of a deleted conversation, and two adapters of it that were let through."""
    with open_app(host="in-process") as app:
        model = import_model(app.catalogue, tiny_gguf, how="in-place").model
        kept, deleted = app.conversations.create("Lamps"), app.conversations.create("Ropes")
        sources = (Source("conversation", kept.id, 3), Source("conversation", deleted.id), Source("file", "x.jsonl"))
        lesson = LessonUse("l1", 2, "polite", "feedback", "1" * 64, 5, sources)
        app.registry.add_run(NewRun("r1", "polite", model.sha256, model.id, (lesson,), tmp_path / "polite"))
        for number in (1, 2):
            file = gguf_builder.tiny_lora_gguf(tmp_path / f"{number}.gguf", seed=number)
            new = NewAdapter(file, "chat", model.sha256, model.id, name=f"polite-{number}", run_id="r1")
            adapter = app.registry.add_adapter(new)
            app.registry.record_evaluation(adapter, suite="own", suite_sha256="0" * 64, passed=True, report=report(app))
        app.conversations.delete(deleted.id)
        return model.id


def report(app: App) -> dict[str, Any]:
    guard = {"name": "speed", "passed": True, "detail": "It takes 1.02 times the base's time.", "figures": {}}
    own = {"n_items": 200, "base": 0.1, "candidate": 0.8, "low": 0.6, "high": 0.77}
    shown = {"id": "q", "asked": "\x1b[31mHi?", "base": "no", "candidate": "yes", "base_score": 0.0,
             "candidate_score": 1.0}  # fmt: skip
    return {"suite": "own", "adapter": "polite-1", "passed": True, "reasons": [], "own": own, "guards": [guard],
            "examples": [shown]}  # fmt: skip


def test_an_empty_registry_says_what_to_do(rushlight: Run) -> None:
    assert rushlight("registry", "list") == (0, "There are no adapters yet. Teach something: rushlight teach\n", "")
    assert rushlight("registry", "runs")[0] == 0 and rushlight("registry", "history")[0] == 0
    code, _, err = rushlight("registry", "promote", "nobody")
    assert code == 1 and "There is no adapter 'nobody'." in err


def test_promote_show_lineage_and_back(rushlight: Run, filled: str) -> None:
    assert rushlight("registry", "promote", "polite-1")[1] == "polite-1 serves chat now.\n"
    assert rushlight("registry", "promote", "polite-2")[1] == "polite-2 serves chat now, in the place of polite-1.\n"
    code, out, _ = rushlight("registry", "list")
    assert code == 0 and "promoted, stale" in out and "retired, stale" in out
    code, out, _ = rushlight("registry", "show", "polite-2")
    assert "80.0% right, 10.0% without it" in out and "✗ before: no" in out and "✓ after: yes" in out
    assert "\x1b" not in out and "Something it learned from was deleted" in out
    code, out, _ = rushlight("registry", "lineage", "polite-2")
    assert "lesson polite (feedback, version 2): 5 examples" in out and "“Lamps”" in out and "(deleted)" in out
    found = json.loads(rushlight("registry", "lineage", "polite-2", "--json")[1])
    gone = [one["is_gone"] for one in found["run"]["lessons"][0]["sources"]]
    assert sorted(gone) == [False, False, True] and found["adapter"]["is_stale"]
    code, _, err = rushlight("registry", "remove", "polite-2")
    assert code == 1 and "serves chat" in err
    back = "polite-1 serves chat now, in the place of polite-2.\n"
    assert rushlight("registry", "rollback", "polite-2")[1] == back
    assert rushlight("registry", "rollback", "chat")[1].startswith("polite-1 was taken back:")
    code, _, err = rushlight("registry", "rollback", "chat")
    assert code == 1 and "Nothing is promoted for chat" in err
    assert len(json.loads(rushlight("registry", "history", "--json")[1])) == 2


def test_an_adapter_from_elsewhere_has_to_be_evaluated(
    rushlight: Run, filled: str, gguf_builder: ModuleType, tmp_path: Path
) -> None:
    file = gguf_builder.tiny_lora_gguf(tmp_path / "found.gguf", seed=7)
    assert rushlight("registry", "add", str(file), "--base", filled, "--name", "found")[0] == 0
    code, _, err = rushlight("registry", "promote", "found")
    assert code == 1 and "was not evaluated" in err and "rushlight evaluate found" in err
    assert rushlight("registry", "retire", "found")[1] == "found is put away.\n"
    assert rushlight("registry", "remove", "found")[1] == "found was removed.\n"
    assert rushlight("registry", "add", str(file), "--base", filled, "--scope", "sql:../x")[0] == 1
    code, _, err = rushlight("evaluate", "polite-1")
    assert code == 1 and "There is no suite for polite-1" in err


def test_what_was_trained_here_is_traced_by_its_bytes(
    rushlight: Run, filled: str, gguf_builder: ModuleType, tmp_path: Path
) -> None:
    file = gguf_builder.tiny_lora_gguf(tmp_path / "own.gguf", seed=8)
    with open_app(host="in-process") as app:
        model = app.model()
        made = [{"name": "own.gguf", "sha256": hashlib.sha256(file.read_bytes()).hexdigest()},
                {"name": "whole.gguf", "sha256": model.sha256}]  # fmt: skip
        data = [{"name": "poems.jsonl", "sha256": "7" * 64, "part": "train"}]
        new = NewRun("r9", "poet", model.sha256, model.id, manifest={"made": made, "data": data})
        app.registry.add_run(new)
    assert rushlight("registry", "add", str(file), "--base", filled, "--name", "own")[0] == 0
    for name in ("own", filled):
        code, out, err = rushlight("registry", "lineage", name)
        assert code == 0, err
        assert "trained as poet" in out and "examples of poems.jsonl (sha256 777777777777…)" in out


def test_two_answers_are_compared_blindly(rushlight: Run, filled: str, own_home: Path) -> None:
    code, out, err = rushlight("registry", "compare", "polite-1", "What is a lamp?", "--base", typed="x\na\n")
    assert code == 0 and "— A —" in out and "— B —" in out and "Write a, b, t, n or s." in err
    before, _, after = out.partition("A was ")
    assert "polite-1" not in before + err and filled not in before and "polite-1" in after and filled in after
    assert "1 vote:" in after
    code, out, err = rushlight("registry", "compare", "polite-1", "And now?", typed="s\n")
    assert code == 0 and "Skipped" in err and "1 vote:" in out
    code, out, err = rushlight("registry", "compare", "polite-1", "What is a lamp?", "--base", "--json", typed="t\n")
    assert code == 0 and json.loads(out)["n_tie"] == 1, "nothing but the votes"
    assert "— A —" in err and "— B —" in err and "A was " in err
    logs = [one.read_text(errors="replace") for one in own_home.rglob("*.log*")]
    assert not any("polite" in log or ".gguf" in log for log in logs)  # of a host and a worker that both ran
    assert json.loads(rushlight("registry", "show", "polite-1", "--json")[1])["votes"]["n_adapter"] in (0, 1)


def test_a_question_is_asked_where_the_result_does_not_go(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(registry_compare, "is_terminal", lambda _stream: True)
    monkeypatch.setattr(sys, "stdin", io.StringIO("a\n"))
    assert registry_compare._line("Which is better? ", tell) == "a"
    out, err = capsys.readouterr()
    assert (out, err) == ("", "Which is better? ")


def test_ctrl_c_while_both_answer_is_130(inside: Any, filled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_trial: BlindTrial, _question: str, *, conversation_id: str, stop: Stop) -> None:
        signal.raise_signal(signal.SIGINT)
        stop.check()

    monkeypatch.setattr(BlindTrial, "ask", interrupted)
    for words in ([], ["--json"]):
        assert inside("registry", "compare", "polite-1", "Hello?", "Once more?", *words) == (130, "", "")


def test_a_job_evaluates_with_a_real_engine(rushlight: Run, filled: str, own_home: Path, tmp_path: Path) -> None:
    suite = tmp_path / "suite.jsonl"
    lines: list[dict[str, Any]] = [{"suite": "letters", "scope": "chat"}]
    lines += [{"id": f"c{at}", "prompt": f"{at}?", "scorer": "choice", "reference": "b", "choices": ["a", "b"]}
              for at in range(3)]  # fmt: skip
    lines.append({"id": "e", "prompt": "Say x.", "scorer": "exact", "reference": "x", "max_tokens": 3})
    suite.write_text("".join(json.dumps(line) + "\n" for line in lines))
    code, out, err = rushlight("evaluate", "polite-1", "--suite", str(suite), "--no-guards", "--json")
    found = json.loads(out)
    assert code == 1, err  # not without its guards
    assert found["own"]["n_items"] == 4 and not found["passed"] and found["scope"] == "chat"
    code, _, err = rushlight("registry", "promote", "polite-1")
    assert code == 1 and "The gate does not let polite-1 through" in err
    rushlight("host", "stop")
