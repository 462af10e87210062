"""Past replies as guesses: remembered across restarts, capped, forgotten when asked, never trusted when damaged."""

from pathlib import Path

import pytest

from rushlight.assistant.engine.generate import generate
from rushlight.assistant.engine.load import load
from rushlight.assistant.engine.ngram_table import NgramTable
from rushlight.assistant.engine.request import GenerateRequest, LoadSettings
from rushlight.assistant.engine.speculate import Speculator, StepCosts
from rushlight.assistant.engine.template_process import TemplateProcess
from rushlight.assistant.events import Usage
from rushlight.native import COMPILED


def test_what_was_said_is_guessed_and_remembered(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "table.bin"
    table = NgramTable(path, b"model", 1000)
    assert table.propose([1, 2, 3], 5) == []
    table.learn(range(10, 30))
    assert table.propose([12, 13, 14], 4) == [15, 16, 17, 18]
    assert table.propose([99, 27, 28, 29], 4) == []  # the reply ended there
    assert table.propose([12, 14, 13], 4) == [] and table.propose([12], 4) == []
    assert path.stat().st_mode & 0o777 == 0o600
    again = NgramTable(path, b"model", 1000)
    assert again.propose([12, 13, 14], 4) == [15, 16, 17, 18]
    assert len(NgramTable(path, b"another model", 1000)) == 0
    assert [file.name for file in path.parent.iterdir()] == ["table.bin"]


def test_a_damaged_file_is_none(tmp_path: Path) -> None:
    path = tmp_path / "table.bin"
    NgramTable(path, b"model", 1000).learn(range(50))
    whole = path.read_bytes()
    for place in (0, 10, 45, 80, len(whole) - 1):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert len(NgramTable(path, b"model", 1000)) == 0
    for n in (0, 5, 72, len(whole) - 2):
        path.write_bytes(whole[:n])
        assert len(NgramTable(path, b"model", 1000)) == 0
    path.write_bytes(whole)
    assert len(NgramTable(path, b"model", 20)) == 0  # larger than is allowed now


def test_the_oldest_are_forgotten(tmp_path: Path) -> None:
    table = NgramTable(tmp_path / "table.bin", b"model", 100)
    for start in range(0, 3000, 30):
        table.learn(range(start, start + 25))
        assert len(table) <= 100
        assert table.propose([start, start + 1, start + 2], 1) == [start + 3]
    assert table.propose([0, 1, 2], 1) == []
    table.learn(range(5000, 5500))
    assert len(table) <= 100 and table.propose([5495, 5496, 5497], 1) == [5498]


def test_a_disk_that_refuses_costs_no_answer(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    table = NgramTable(tmp_path / "file" / "table.bin", b"model", 100)
    table.learn(range(20))
    assert table.propose([3, 4, 5], 2) == [6, 7]


@pytest.mark.skipif(not COMPILED, reason="guesses need the compiled index")
def test_the_text_itself_goes_first(tmp_path: Path) -> None:
    table = NgramTable(tmp_path / "table.bin", b"model", 1000)
    table.learn(range(100, 150))
    speculator = Speculator(StepCosts(), table=table)
    text = [7, 8, 9]
    speculator.follow(text)
    for token in range(103, 120):
        text.append(token)
        speculator.follow(text)
    assert speculator.draft(3, 0.0) == [120, 121, 122]
    text = [1, 2, 3, 110, 111, 112, 55, 56, 57, 58, 110, 111, 112]
    speculator = Speculator(StepCosts(), table=table)
    speculator.follow(text)
    assert speculator._guess[:2] == [55, 56]


@pytest.mark.skipif(not COMPILED, reason="guesses need the compiled index")
def test_an_engine_learns_and_forgets(tiny_gguf: Path, tmp_path: Path) -> None:
    file = tmp_path / "ngrams.bin"
    request = GenerateRequest(token_ids=tuple(range(20, 30)), max_tokens=30, draft_tokens=7)
    n_drafted = []
    for n_tokens in (1000, 1000, 0):
        settings = LoadSettings(
            str(tiny_gguf), n_ctx=256, n_batch=64, n_threads=1, ngram_path=str(file), ngram_tokens=n_tokens
        )
        loaded, _ready = load(settings, TemplateProcess.start(), lambda _progress: None)
        usage = next(event for event in generate(loaded, request) if isinstance(event, Usage))
        n_drafted.append(usage.n_draft_tokens)
        assert file.exists() is bool(n_tokens)
        loaded.close()
    assert n_drafted[1] >= n_drafted[0]
