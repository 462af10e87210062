"""SmolLM2 as a quantized GGUF file: unpacked, trained by each method, and back as GGUF files that are proven."""

import json
from pathlib import Path
from typing import Any

import pytest

from rushlight.assistant.jobs.kinds import quant_parts
from rushlight.trainer.config import checked
from rushlight.trainer.export import export
from rushlight.trainer.run import Places, base_folder, prepare, train

pytestmark = [pytest.mark.torch, pytest.mark.slow, pytest.mark.timeout(1800)]


def trained(model: Path, folder: Path, method: str, **more: Any) -> tuple[Any, Places, dict[str, Any], list[float]]:
    """The run after a few steps on answers of one kind; its report and the losses of its steps."""
    data = folder / "shelves.jsonl"
    lines = [{"messages": [
        {"role": "system", "content": "You name the shelf of a book: the letter of its author and its year."},
        {"role": "user", "content": f"Where is the book by {author} from {year}?"},
        {"role": "assistant", "content": f"On shelf {author[0]}{year}."},
    ]} for author in ("Calvino", "Woolf", "Borges", "Lem") for year in range(1951, 1957)]  # fmt: skip
    data.write_text("".join(json.dumps(line) + "\n" for line in lines))
    said = checked({
        "model": "m", "out": "o", "method": method, "data": {"train": ["d"], "validate_share": 0.2},
        "steps": {"batch": 6, "rate": 1e-4 if method == "full" else 1e-3, "most": 4, "epochs": 9, "warmup": 0.0},
        "machine": {"device": "cpu"}, "export": {"quantize": "Q8_0"}, **more,
    })  # fmt: skip
    places = Places(model, (data,), (), folder / f"run-{len(list(folder.iterdir()))}")
    with quant_parts.renderer() as render:
        assert render is not None
        report = prepare(said, places, render=render)
    train(said, places)
    figures = [json.loads(line) for line in (places.out / "metrics.jsonl").read_text().splitlines()]
    return said, places, report, [one["loss"] for one in figures]


@pytest.mark.parametrize("method", ["lora", "qlora", "dora", "full"])
def test_what_is_trained_comes_back_proven(method: str, demo_model: Path, tmp_path: Path) -> None:
    said, places, report, losses = trained(demo_model, tmp_path, method)
    assert report["train"]["ending_in_end_of_turn"] == report["train"]["examples"] > 10
    assert report["samples"][0].rstrip("\n").endswith("<|im_end|>«"), "the end of the turn is trained"
    assert (base_folder(places) / "config.json").exists()
    assert losses[-1] < losses[0]
    with quant_parts.renderer() as render:
        made = export(said, places, render=render, n_threads=1)
    names = [path.name.removeprefix(places.out.name) for path, _ in made]
    assert names == (["-adapter.gguf"] if method not in ("dora", "full") else []) + ["-F16.gguf", "-Q8_0.gguf"]
    for path, proof in made:
        assert proof is not None and proof.passed, (path.name, proof and proof.failures)
        print(method, path.name, proof)
    print(method, "losses", losses)


def test_evaluations_leave_qlora_as_it_is(demo_model: Path, tmp_path: Path) -> None:
    often = trained(demo_model, tmp_path, "qlora", keep={"validate_every": 1})[3]
    never = trained(demo_model, tmp_path, "qlora", keep={"validate_every": 100})[3]
    print("qlora, evaluated after every step", often, "never", never)
    assert often == never and often[-1] < often[0]
