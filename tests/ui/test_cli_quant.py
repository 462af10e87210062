"""`rushlight quant`: there and back, smaller, compared, as JSON, in the background, and what it says when it cannot.

Every verb that makes something is a job, with a process of its own: so one test goes a long way.
"""

import json
import signal
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from rushlight import Error, Stop
from rushlight.assistant import app as app_module
from rushlight.assistant.app import open_app
from rushlight.assistant.jobs.job import OVER
from rushlight.assistant.jobs.jobs import Jobs
from rushlight.quant import imatrix
from rushlight.quant.gguf_tensors import GgufTensors
from rushlight.quant.proof_file import Check, Proof, read_proof
from rushlight.quant.rows import whole
from rushlight.ui.cli import job_views, quant_jobs
from rushlight.ui.cli.main import run

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_host_left: None) -> Cli:
    """cli("quant", "show", path) -> (exit code, stdout, stderr), in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> tuple[int, str, str]:
        code = run([*map(str, words)])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_a_model_goes_there_and_back_and_becomes_smaller(cli: Cli, gguf_builder: ModuleType, tmp_path: Path) -> None:
    source = gguf_builder.tiny_llama_gguf(tmp_path / "m.gguf", n_embd=256, n_ff=512, n_layers=1, n_vocab=600)
    code, out, _ = cli("quant", "unpack", "--threads", "1", source, "--out", "hf")
    assert code == 0
    assert "LlamaForCausalLM" in out and "proven" in out
    code, out, _ = cli("quant", "convert", "--threads", "1", "hf", "--type", "f32", "--out", "again.gguf", "--json")
    assert code == 0
    said = json.loads(out)
    assert said["architecture"] == "llama" and said["proof"]["state"] in ("passed", "partial")
    with GgufTensors(source) as a, GgufTensors(tmp_path / "again.gguf") as b:
        for name in a.tensors:
            np.testing.assert_array_equal(whole(a.tensors[name]), whole(b.tensors[name]))

    (tmp_path / "notes.txt").write_text("The capital of France is Paris, and the world is a user of words. " * 60)
    code, out, _ = cli(
        "quant",
        "calibrate",
        "--threads",
        "1",
        "again.gguf",
        "--text",
        "notes.txt",
        "--tokens",
        "512",
        "--out",
        "i.gguf",
    )
    assert code == 0 and "tokens of notes.txt" in out
    assert imatrix.read(tmp_path / "i.gguf").entries
    code, out, _ = cli(
        "quant", "make", "--threads", "1", "again.gguf", "--type", "iq2_xs", "--imatrix", "i.gguf", "--out", "two.gguf"
    )
    assert code in (0, 1) and "IQ2_XS" in out
    said = json.loads(cli("quant", "show", "two.gguf", "--json")[1])
    assert "IQ2_XS" in said["types"] and said["proof"]["state"] in ("passed", "failed")

    code, out, _ = cli("quant", "plan", "--threads", "1", "again.gguf", "--like", "Q4_K_M", "--text", "notes.txt",
                       "--windows", "1", "--out", "p.json")  # fmt: skip
    assert code == 0 and "expected divergence" in out
    code, out, _ = cli(
        "quant", "make", "--threads", "1", "again.gguf", "--plan", "p.json", "--out", "planned.gguf", "--json"
    )
    assert json.loads(out)["type"] == "plan"
    code, out, _ = cli("quant", "compare", "--threads", "1", "again.gguf", "two.gguf", "planned.gguf",
                       "--text", "notes.txt", "--tokens", "512", "--plot", "plot.svg")  # fmt: skip
    assert code == 0
    assert "MEAN KL" in out and "planned.gguf" in out and "t/s" in out
    assert (tmp_path / "plot.svg").read_text().startswith("<svg")


def test_an_adapter_goes_there_and_back(cli: Cli, tiny_gguf: Path, gguf_builder: ModuleType, tmp_path: Path) -> None:
    lora = gguf_builder.tiny_lora_gguf(tmp_path / "lora.gguf")
    code, out, _ = cli("quant", "adapter", "--threads", "1", lora, "--base", tiny_gguf, "--out", "peft")
    assert code == 0 and "proven" in out
    assert json.loads((tmp_path / "peft" / "adapter_config.json").read_text())["r"] == 4
    assert cli("quant", "adapter", "--threads", "1", "peft", "--base", tiny_gguf, "--out", "again.gguf")[0] == 0
    with GgufTensors(lora) as a, GgufTensors(tmp_path / "again.gguf") as b:
        for name in a.tensors:
            np.testing.assert_array_equal(whole(a.tensors[name]), whole(b.tensors[name]))
    proof = read_proof(tmp_path / "again.gguf", with_digest=True)
    assert proof is not None and proof.state == "passed"


def test_a_file_of_another_source_fails_its_proof_and_is_not_served(
    cli: Cli, gguf_builder: ModuleType, tmp_path: Path
) -> None:
    one, other = (gguf_builder.tiny_llama_gguf(tmp_path / f"{seed}.gguf", seed=seed) for seed in (1, 2))
    code, out, err = cli("quant", "proof", one, "--source", other)
    assert code == 1
    assert "weights   NO" in out and "is not to be used" in err
    assert cli("quant", "proof", one)[0] == 1
    code, _, err = cli("models", "import", one)
    assert code == 1 and "does not answer as its source does" in err


def test_what_is_in_a_file_is_shown(cli: Cli, tiny_gguf: Path, tmp_path: Path) -> None:
    code, out, _ = cli("quant", "show", tiny_gguf)
    assert code == 0
    assert "general.architecture  llama" in out
    assert "F32" in out
    said = json.loads(cli("quant", "show", tiny_gguf, "--json")[1])
    assert said["kind"] == "model"
    assert said["proof"] is None
    assert sum(row["size_bytes"] for row in said["types"].values()) < tiny_gguf.stat().st_size


def test_a_failed_proof_is_shown(cli: Cli, tiny_gguf: Path, tmp_path: Path) -> None:
    from dataclasses import asdict

    copy = tmp_path / "copy.gguf"
    copy.write_bytes(tiny_gguf.read_bytes())
    check = Check("logits", False, "The answers differ.", {})
    proof = Proof(copy.name, copy.stat().st_size, "", "F32", "", (check,))
    (tmp_path / "copy.gguf.proof.json").write_text(json.dumps({"version": 1, **asdict(proof)}))
    assert "Its proof failed: The answers differ." in cli("quant", "show", copy)[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["convert", "empty"], "config.json"),
        (["unpack", "noise.gguf"], "this is no GGUF file"),
        (["show", "noise.gguf"], "this is no GGUF file"),
        (["show", "nothing.gguf"], "There is no file nothing.gguf"),
        (["make", "noise.gguf", "--type", "Q4_0"], "this is no GGUF file"),
        (["proof", "noise.gguf"], "was not proven as it is now"),
    ],
)
def test_what_cannot_be_done_is_told(cli: Cli, tmp_path: Path, words: list[str], said: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "noise.gguf").write_bytes(b"noise" * 100)
    code, out, err = cli("quant", *words)
    assert (code, out) == (1, "")
    assert said in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["make", "m.gguf"], "Name a type with --type"),
        (["plan", "m.gguf"], "Give one of --size, --card and --like"),
        (["plan", "m.gguf", "--size", "much"], "'much' is no size"),
        (["make", "m.gguf", "--type", "Q4_0", "--out", "m.gguf"], "is the model itself"),
        (["make", "m.gguf", "--type", "Q4_0", "--for-my-use", "--text", "m.gguf"], "leave --text"),
        (["make", "m.gguf", "--type", "Q4_0", "--text", "m.gguf"], "need --method gptq"),
        (["make", "m.gguf", "--type", "Q4_0", "--documents", "m.gguf"], "need --method gptq"),
        (["make", "m.gguf", "--type", "Q4_0", "--chats", "--method", "ggml"], "need --method gptq"),
    ],
)
def test_wrong_usage_starts_nothing(cli: Cli, tiny_gguf: Path, tmp_path: Path, words: list[str], said: str) -> None:
    (tmp_path / "m.gguf").write_bytes(tiny_gguf.read_bytes())
    code, out, err = cli("quant", *words)
    assert (code, out) == (2, "")
    assert said in err


def test_it_goes_on_in_the_background(cli: Cli, tiny_gguf: Path, tmp_path: Path, stopped_host: Any) -> None:
    code, out, _ = cli("quant", "unpack", "--threads", "1", tiny_gguf, "--out", "hf", "--background")
    assert code == 0
    assert cli("jobs", "follow", out.strip())[0] == 0
    code, out, _ = cli("quant", "convert", "--threads", "1", "hf", "--background")
    assert code == 0
    assert cli("jobs", "follow", out.strip())[0] == 0
    assert (tmp_path / "hf.F16.gguf").exists()


@pytest.mark.parametrize("words", [[], ["--background"]])
def test_ctrl_c_while_a_job_is_started_ends_the_job(
    cli: Cli, tiny_gguf: Path, stopped_host: Any, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    """It is stored before a host hears of it, and would be run with nobody looking."""
    look, pressed = Jobs._look, []

    def interrupted(jobs: Jobs) -> None:
        if not pressed:
            pressed.append(True)
            signal.raise_signal(signal.SIGINT)
        look(jobs)

    monkeypatch.setattr(Jobs, "_look", interrupted)
    code, out, err = cli("quant", "unpack", "--threads", "1", tiny_gguf, "--out", "hf", *words)
    assert (code, out) == (130, "") and "Stopped. Nothing was left half-made." in err
    with open_app() as app:
        assert [job.state for job in app.jobs.list()] == ["cancelled"]


@pytest.mark.parametrize(
    ("states", "code", "told"),
    [
        (["waiting", "running", "cancelling", "cancelling", "cancelled"], 130, "Stopped. Nothing was left half-made."),
        (["waiting", "running", "cancelling"], 130, "It is still being stopped."),
        (["waiting", "running", "done"], 0, ""),
    ],
)
def test_stopped_is_said_once_the_job_is_over(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, states: list[str], code: int, told: str
) -> None:
    """`states`: what the job is at each look; the last one stays."""

    def look(*_: Any) -> Any:
        state = states.pop(0) if len(states) > 1 else states[0]
        return SimpleNamespace(id="06h14p0x2v9e3kq8my", state=state, is_over=state in OVER, notices=(), result={})

    def cancel(*_: Any) -> Any:
        job = look()
        if job.is_over:
            raise Error("It is over.", kind="job-over")
        return job

    def follow(_id: str, _stop: Stop) -> Any:
        yield look()

    jobs = SimpleNamespace(start=look, get=look, cancel=cancel, follow=follow)
    monkeypatch.setattr(quant_jobs, "_CANCEL_S", 0.2)
    monkeypatch.setattr(job_views, "progress_line", lambda _job: "")
    monkeypatch.setattr(app_module, "open_app", lambda: nullcontext(SimpleNamespace(jobs=jobs)))
    assert quant_jobs.run_job("quant-proof", {}, lambda _made: None, background=False, as_json=False) == code
    err = capsys.readouterr().err
    assert told in err and (err == "") == (told == "")


def test_a_model_is_named_as_the_catalogue_names_it(inside: Any, tiny_gguf: Path) -> None:
    """Such names have a slash, as paths do."""
    from rushlight.ui.cli.quant_jobs import model_path

    assert inside("models", "import", "--in-place", "--id", "me/tiny@F32", str(tiny_gguf))[0] == 0
    with open_app() as app:
        assert [one.id for one in app.catalogue.list()] == ["me/tiny@F32"]
    assert model_path("me/tiny@F32") == tiny_gguf
    with pytest.raises(Error, match="There is no file me/none"):
        model_path("me/none")
