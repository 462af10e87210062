"""What `rushlight teach practice` says at its end, and its exit codes: of a practice, of the way back, of both."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

from rushlight.assistant.app import open_app
from rushlight.assistant.models.importing import import_model
from rushlight.assistant.paths import Paths
from rushlight.ui.cli import teach_practice

Said = Callable[..., tuple[int, str]]
NEXT = "It can learn the way back next"


def made(adapter: str, *, passed: bool = True, promoted: bool = False) -> dict[str, Any]:
    own = {"n_items": 256, "base": 0.648, "candidate": 0.688, "low": 0.012, "high": 0.066}
    report = {
        "suite": "s", "own": own, "guards": [], "examples": [], "passed": passed, "adapter": adapter,
        "reasons": [] if passed else ["It may be better by chance."],
    }  # fmt: skip
    return {
        "adapter": adapter, "base": "me/m@Q4", "report": report, "passed": passed, "promoted": promoted, "start": "",
        "before": None, "plan": {"n_seen": 6968}, "seconds": {"train": 960.0, "evaluate": 240.0},
    }  # fmt: skip


@pytest.fixture
def said(own_home: Paths, tiny_gguf: Any, monkeypatch: pytest.MonkeyPatch) -> Said:
    """said(result, "--promote", ...): (exit code, what was printed) where the job comes to this result."""
    with open_app() as app:
        import_model(app.catalogue, tiny_gguf, how="in-place")

    def run(result: dict[str, Any], *words: str) -> tuple[int, str]:
        def run_job(_kind: str, _arguments: Any, show: Callable[[dict[str, Any]], None], **_more: Any) -> int:
            show(result)
            return 0

        monkeypatch.setattr(teach_practice, "run_job", run_job)
        codes: list[int] = []
        done = CliRunner().invoke(teach_practice.practice, list(words), standalone_mode=False)
        assert done.exception is None, done.output
        codes.append(int(done.return_value or 0))
        return codes[0], done.output

    return run


def test_the_way_back_is_offered_until_it_is_learned(said: Said) -> None:
    code, words = said({**made("practice-1"), "has_way_back": False})
    assert code == 0 and NEXT in words and "--way-back only" in words and "begins with practice-1" in words
    both = {**made("practice-1"), "has_way_back": True, "way_back": made("way-back-1", promoted=True)}
    code, words = said(both, "--way-back", "with")
    assert code == 0 and NEXT not in words and "From now on way-back-1 tells likely queries apart" in words
    assert "The way back, learned from 6,968 examples in 16:00; all of it took 20:00." in words


def test_what_the_gate_stops_is_not_asked(said: Said) -> None:
    stopped = {"way_back": made("way-back-1", passed=False), "has_way_back": True}
    code, words = said(stopped, "--way-back", "only")
    assert code == 0 and "way-back-1 is kept as a candidate and is not asked." in words and "by chance" in words
    assert said(stopped, "--way-back", "only", "--promote")[0] == 1
    assert said({"way_back": made("way-back-1", promoted=True)}, "--way-back", "only", "--promote")[0] == 0
    assert said(made("practice-1", passed=False), "--promote")[0] == 1


def test_as_json_it_is_what_the_job_came_to(said: Said) -> None:
    result = {"way_back": made("way-back-1"), "has_way_back": True}
    assert json.loads(said(result, "--json", "--way-back", "only")[1]) == result
