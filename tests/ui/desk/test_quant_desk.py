"""The desk of quantizing: what is to be expected of a wish, the jobs it starts, what it shows of what was made."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.app import App
from rushlight.assistant.jobs.records import JobRecords
from rushlight.assistant.models.memory import Memory
from rushlight.assistant.models.model import Model
from rushlight.quant.proof_file import Check, Proof, write_proof
from rushlight.ui.desk import quant_desk, quant_reading
from rushlight.ui.desk.background import Background
from rushlight.ui.desk.quant_desk import QuantDesk, _free_id, _read_wish
from rushlight.ui.desk.quant_reading import Found, forecast, quality_words, type_row, type_words, types_of
from rushlight.ui.desk.quant_values import QuantState, SourceRow, TypeRow, Wish
from rushlight.ui.desk.remembered import Remembered

Pump = Callable[..., None]
GB = 10**9
SOURCE = SourceRow("me/m@F16", "m · F16", "/m.gguf", 14 * GB, "F16", speed=5.0)
TYPES = (
    TypeRow("Q8_0", 8 * GB, 8.5, "no loss that one notices"),
    TypeRow("Q4_K_M", 4 * GB, 4.9, "little loss"),
    TypeRow("IQ2_M", 2 * GB, 2.7, "heavy loss", needs_text=True),
)
FOUND = Found((SOURCE,), (), Memory(total_bytes=32 * GB, available_bytes=6 * GB), 0, (), (), "")


@pytest.fixture
def desk(background: Background, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[QuantDesk]:
    monkeypatch.setattr(quant_desk, "types_of", lambda _path, _stop: TYPES)
    monkeypatch.setattr(quant_desk, "beside_of", lambda _path, _n_ctx: GB)

    class Seen:
        def show(self, state: QuantState) -> None:
            pass

    made = QuantDesk(background, Remembered(own_home / "window.json"), Seen())
    yield made
    made.close()


@pytest.mark.parametrize(
    ("wish", "size", "fits", "words"),
    [
        (Wish(), 4 * GB, "yes", "Q4_K_M · 4.0 GB · little loss"),
        (Wish(type_name="Q8_0"), 8 * GB, "no", "no loss that one notices"),
        (Wish(kind="size", size_bytes=5 * GB), 5 * GB, "yes", "at least as good as Q4_K_M"),
        (Wish(kind="card", card_bytes=9 * GB), 8 * GB, "yes", "at least as good as Q8_0"),
        (Wish(kind="speed", speed=17.5), 4 * GB, "yes", "at least as good as Q4_K_M"),
    ],
)
def test_what_is_to_be_expected(wish: Wish, size: int, fits: str, words: str) -> None:
    expected = forecast(wish, SOURCE, TYPES, FOUND, GB)
    assert (expected.size_bytes, expected.fits, expected.problem) == (size, fits, "") and words in expected.sentence


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (Wish(kind="size"), "Say how large"),
        (Wish(kind="card"), "how much memory the card has"),
        (Wish(kind="card", card_bytes=GB // 2), "context alone"),
        (Wish(kind="speed"), "tokens a second"),
        (Wish(kind="size", size_bytes=GB), "No type is that small"),
        (Wish(type_name="IQ2_M", text="none"), "only be made with a text"),
        (Wish(text="files"), "Choose the files"),
    ],
)
def test_what_cannot_be(wish: Wish, words: str) -> None:
    assert words in forecast(wish, SOURCE, TYPES, FOUND, GB).problem


def test_a_speed_needs_to_be_known_and_a_quantized_source_is_noted() -> None:
    source = SourceRow("a@Q4_1", "a", "/a", 4 * GB, "Q4_1")
    assert "not known yet" in forecast(Wish(kind="speed", speed=9.0), source, TYPES, FOUND, 0).problem
    notes = forecast(
        Wish(type_name="Q8_0"), source, (TypeRow("Q8_0", 8 * GB, 8.5, "", is_larger=True),), FOUND, 0
    ).notes
    assert "no smaller" in notes[0] and "quantized itself (Q4_1)" in notes[1]


def test_small_models_lose_more() -> None:
    assert [quality_words("Q4_K_M", n) for n in (7 * GB, GB, 10**8)] == ["little loss", "some loss", "clear loss"]
    assert quality_words("Q8_0", 10**8) == "no loss that one notices" and quality_words("IQ2_M", GB) == "heavy loss"
    assert quality_words("Q4_0", 10**8) == "heavy loss"


def test_a_wish_becomes_a_job_and_is_remembered(
    desk: QuantDesk, desk_app: App, desk_model: Model, own_home: Path, pump: Pump, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[str, Any]] = []

    def start(self: Any, kind: str, arguments: Any) -> Any:
        started.append((kind, arguments))
        return JobRecords(desk_app.store).insert(kind, "Make it smaller", dict(arguments), 0)

    monkeypatch.setattr("rushlight.assistant.jobs.jobs.Jobs.start", start)
    desk.refresh()
    pump(lambda: desk.state.can_make)
    assert desk.state.chosen == desk_model.id and desk.state.types == TYPES
    desk.want(kind="size", size_bytes=5 * GB, text="chats")
    desk.make()
    pump(lambda: started)
    kind, arguments = started[0]
    assert kind == "quant-smaller" and arguments["text"] == "chats" and "type_name" not in arguments
    assert arguments["size_bytes"] <= 5 * GB and arguments["source"] == str(desk_model.path.absolute())
    assert Path(arguments["target"]).parent == desk_app.paths.models / ".made"
    assert arguments["model_id"].rpartition("@")[0] == desk_model.id.rpartition("@")[0]
    from rushlight.assistant.jobs.kind import checked_arguments
    from rushlight.assistant.jobs.registry import find_kind

    assert checked_arguments(find_kind(kind), arguments)
    assert _read_wish(Remembered(own_home / "window.json").get("quant_wish", {})) == desk.state.wish


def test_what_is_being_made_is_not_begun_again(
    desk: QuantDesk, desk_app: App, desk_model: Model, pump: Pump, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []

    def start(self: Any, kind: str, arguments: Any) -> Any:
        started.append(kind)
        records = JobRecords(desk_app.store)
        job = records.insert(kind, f"A job of {kind}", dict(arguments), 0)
        records.change(job.id, {"state": "paused"})  # so that no host is started for it
        return records.get(job.id)

    monkeypatch.setattr("rushlight.assistant.jobs.jobs.Jobs.start", start)
    desk.refresh()
    pump(lambda: desk.state.can_make)
    desk.make()
    assert desk.state.is_starting and not desk.state.can_make
    desk.make()  # pressed twice
    pump(lambda: desk.state.can_make)
    assert started == ["quant-smaller"]
    desk.make()  # once more, while the job is not over
    pump(lambda: desk.state.problem)
    assert "A job of quant-smaller" in desk.state.problem and desk.state.can_make
    desk.dismiss()
    desk.prove("/x/small.gguf")
    desk.prove("/x/small.gguf")
    pump(lambda: started == ["quant-smaller", "quant-proof"] and not desk._starting)
    desk.prove("/x/small.gguf")
    pump(lambda: desk.state.problem)
    assert "A job of quant-proof" in desk.state.problem and len(started) == 2


def test_what_was_made_and_how_it_compares(desk: QuantDesk, desk_app: App, desk_model: Model, pump: Pump) -> None:
    records = JobRecords(desk_app.store)
    path = str(desk_model.path.absolute())
    checks = [{"name": "tokens", "passed": True, "detail": "the same"},
              {"name": "logits", "passed": False, "detail": "far off\x1b[31m"}]  # fmt: skip
    proof = {"state": "failed", "checks": checks}
    made = {"source": path, "path": "/x/small.gguf", "type": "Q4_0", "size_bytes": 7, "proof": proof,
            "expected_divergence": 0.25, "id": "gone/away@Q4_0"}  # fmt: skip
    compared = {"text": "chats", "positions": 512, "models": [
        {"path": path, "size_bytes": 9, "perplexity": 3.0},
        {"path": "/x/small.gguf", "size_bytes": 7, "perplexity": 3.5, "divergence": 0.5, "agreement": 0.9},
    ]}  # fmt: skip
    for kind, arguments, result in (
        ("quant-smaller", {"source": path, "target": "/x/small.gguf"}, made),
        ("quant-compare", {"reference": path, "others": ["/x/small.gguf"]}, compared),
    ):
        job = records.insert(kind, kind, arguments, 0)
        records.change(job.id, {"state": "done", "result": json.dumps(result), "ended_at": 2.0, "started_at": 1.0})
    desk.refresh()
    pump(lambda: desk.state.made)
    (row,) = desk.state.made
    assert row.proof == "failed" and row.model_id == "" and "✗ logits: far off" in row.proof_text
    assert "\x1b" not in row.proof_text and row.quality == "0.5000 nats, 90.0% same choice"
    reference, other = desk.state.compared
    assert reference.is_reference and reference.divergence is None and other.divergence == 0.5
    assert desk.state.compared_text == "Over 512 positions of your own chats."


def test_what_failed_its_proof_is_discarded(
    desk: QuantDesk, desk_app: App, desk_model: Model, pump: Pump, tmp_path: Path
) -> None:
    records = JobRecords(desk_app.store)
    source = str(desk_model.path.absolute())
    inside = desk_app.paths.models / ".made" / "a.gguf"
    inside.parent.mkdir(parents=True)
    outside = tmp_path / "b.gguf"
    ids = []
    for file in (inside, outside):
        file.write_bytes(b"x")
        job = records.insert("quant-smaller", "Smaller", {"source": source, "target": str(file)}, 0)
        result = {"source": source, "path": str(file), "proof": {"state": "failed", "checks": []}}
        records.change(job.id, {"state": "done", "result": json.dumps(result), "ended_at": 2.0, "started_at": 1.0})
        ids.append(job.id)
    desk.refresh()
    pump(lambda: len(desk.state.made) == 2)
    for job_id in ids:
        desk.discard(job_id)
    pump(lambda: desk.state.made == ())
    assert not inside.exists() and outside.exists()  # what lies elsewhere is not ours to delete


def test_sizes_come_from_a_process_that_says_what_is_wrong(tiny_gguf: Path, tmp_path: Path) -> None:
    from rushlight import Stop

    rows = types_of(str(tiny_gguf), Stop())
    assert rows[0].name == "Q8_0" and all(one.size_bytes > 0 for one in rows)
    (tmp_path / "no.gguf").write_bytes(b"no model")
    with pytest.raises(Error) as caught:
        types_of(str(tmp_path / "no.gguf"), Stop())
    assert caught.value.kind == "no-forecast"


@pytest.mark.parametrize(
    "kept", [None, [], {"kind": "other", "text": 3, "files": "x", "size_bytes": True}, {"n_ctx": "8"}]
)
def test_what_was_remembered_wrongly_is_left(kept: Any) -> None:
    assert _read_wish(kept) == Wish()


def test_ids_are_free_ones() -> None:
    assert _free_id("a/b@F16", "Q4_0", set()) == "a/b@Q4_0"
    assert _free_id("a/b@F16", "Q4_0", {"a/b@Q4_0", "a/b@Q4_0-2"}) == "a/b@Q4_0-3"


def test_figures_of_a_strange_result_are_left_out() -> None:
    assert quant_reading._real("1") is None and quant_reading._real(float("inf")) is None
    assert quant_reading.proof_lines({"checks": [3, {"passed": "x"}]}) == ""


def test_numbers_come_with_where_they_were_measured() -> None:
    row = type_row({"type": "Q4_K_M", "size_bytes": 4 * GB, "needs_text": False}, 8 * GB, 14 * GB)
    assert type_words(row) == "Q4_K_M · 4.0 GB · little loss, 0.028 nats on Llama 3 8B"
    expected = forecast(Wish(), SOURCE, (row,), FOUND, 0)
    assert any("has cost Llama 3 8B 0.0282 nats (llama.cpp, WikiText-2)" in one for one in expected.notes)
    here = replace(FOUND, measured=(("Q4_K_M", 0.0313, "chats"), ("Q4_K_M", 0.5, "sample")))
    said = "\n".join(forecast(Wish(), SOURCE, (row,), here, 0).notes)
    assert "Q4_K_M of this model is 0.0313 nats away, over your own chats" in said and "Llama" not in said
    unknown = type_row({"type": "IQ2_M", "size_bytes": GB, "needs_text": True}, 8 * GB, 14 * GB)
    assert unknown.divergence is None and "nats" not in type_words(unknown)


def test_a_proof_made_again_is_the_one_that_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF" * 8)
    old = {"state": "failed", "checks": [{"name": "logits", "passed": False, "detail": "old", "figures": {}}]}
    assert quant_reading._newest_proof(str(path), old) == old
    checks = (Check("tokens", True, "new", {}), Check("logits", True, "new", {}))
    write_proof(path, Proof(path.name, 32, "0", "Q8_0", "s.gguf", checks))
    found = quant_reading._newest_proof(str(path), old)
    assert found is not None and found["state"] == "passed"
    assert quant_reading.proof_lines(found) == "✓ tokens: new\n✓ logits: new"
    assert quant_reading._newest_proof("", None) is None


def test_llama_cpps_own_is_named_in_a_comparison() -> None:
    one = {"path": "/jobs/1/llama-1.gguf", "type": "Q4_K_M", "by_llama": True}
    assert quant_reading._compared_label(one) == "Q4_K_M by llama.cpp"
