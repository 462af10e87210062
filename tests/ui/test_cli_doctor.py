"""`rushlight doctor`: a report that names what is there and fails only for what is needed."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from rushlight.assistant.models.model import Model
from rushlight.assistant.safety import sandbox_probe
from rushlight.installing import pip_line
from rushlight.ui.cli import doctor_checks

ROOT = Path(__file__).resolve().parents[2]
NAMES = {"rushlight", "python", "platform", "processor", "libraries", "extras", "engine", "engine gpu", "native",
         "sandbox", "graphics", "memory", "disk", "data folder", "cache folder", "runtime folder", "settings", "host",
         "models", "default model"}  # fmt: skip


def test_a_healthy_machine(rushlight: Any, tiny_model: Model) -> None:
    done = rushlight("doctor", "--json")
    report = json.loads(done.stdout)
    checks = {check["name"]: check for check in report["checks"]}
    assert set(checks) == NAMES
    assert (done.returncode, report["ok"], done.stderr) == (0, True, ""), report
    assert "llama.cpp" in checks["engine"]["found"] and "0.3.36" in checks["engine"]["found"]
    assert tiny_model.id in checks["models"]["found"]
    assert "apsw 3." in checks["libraries"]["found"]
    assert all(check["hint"] for check in report["checks"] if check["state"] != "ok")


def test_lines_for_people_and_exit_1_for_what_is_needed(rushlight: Any, own_home: Path) -> None:
    (own_home / "settings.toml").write_text("[engine]\ncontext = 'x'\nbtch = 1\n")
    done = rushlight("doctor")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    (settings_line,) = [number for number, line in enumerate(lines) if line.startswith("fail  settings")]
    assert "settings.toml line 2" in lines[settings_line + 1] and "line 3" in lines[settings_line + 2]
    assert lines[-1] == "1 thing that Rushlight needs is missing."
    assert any(line.startswith("warn  models") for line in lines), "no model is a warning: one can be imported"
    assert any(line.startswith("ok    python") for line in lines)


def test_a_missing_model_file_is_a_warning(rushlight: Any, tiny_model: Model, own_home: Path) -> None:
    from rushlight.assistant.app import App
    from rushlight.assistant.models.importing import import_model
    from rushlight.assistant.paths import find_paths
    from rushlight.assistant.settings import load_settings

    paths = find_paths()
    copy = own_home / "copy.gguf"
    copy.write_bytes(tiny_model.path.read_bytes())
    with App(paths, load_settings(paths)) as app:
        app.catalogue.remove(tiny_model.id)
        import_model(app.catalogue, copy, how="in-place")
    copy.unlink()
    checks = json.loads(rushlight("doctor", "--json").stdout)["checks"]
    warnings = [check["found"] for check in checks if check["name"] == "models" and check["state"] == "warn"]
    assert len(warnings) == 1 and "copy.gguf" in warnings[0]


def test_an_engine_that_does_not_load_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken build may print nothing, rubbish or an error, die, or hang."""

    def answers(code: int, out: bytes) -> None:
        done = subprocess.CompletedProcess([], code, out, b"")
        monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)

    for code, out in ((-6, b""), (0, b"rubbish"), (1, b'{"error": "no such library", "hint": "Build it."}')):
        answers(code, out)
        (check,) = doctor_checks.check_engine()
        assert check.state == "fail" and check.hint
    assert "no such library" in check.found and check.hint == "Build it."

    def hangs(*_: Any, **__: Any) -> None:
        raise subprocess.TimeoutExpired("rushlight", 30)

    monkeypatch.setattr(subprocess, "run", hangs)
    (check,) = doctor_checks.check_engine()
    assert check.state == "fail" and "30 s" in check.found


def test_folders_that_cannot_be_used(own_home: Path) -> None:
    from dataclasses import replace

    from rushlight.assistant.paths import find_paths

    paths = find_paths()
    file = own_home / "file"
    file.write_text("")
    open_folder = own_home / "open"
    open_folder.mkdir()
    open_folder.chmod(0o755)
    states = {c.name: c for c in doctor_checks.check_folders(replace(paths, data=file, runtime=open_folder))}
    assert states["data folder"].state == "fail"
    assert states["runtime folder"].state == "warn" and states["runtime folder"].hint == f"chmod 700 {open_folder}"


def test_sandboxes_are_tried_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert sandbox_probe.probe_bubblewrap() == sandbox_probe.SandboxProbe("bubblewrap", False, "bwrap is not installed")
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    program.chmod(0o755)
    probe = sandbox_probe.probe_bubblewrap()
    assert not probe.works and probe.detail == "bwrap: setting up uid map: Permission denied"
    program.write_text("#!/bin/sh\necho bubblewrap 0.9.0\n")
    assert sandbox_probe.probe_bubblewrap() == sandbox_probe.SandboxProbe("bubblewrap", True, "bubblewrap 0.9.0")
    landlock = sandbox_probe.probe_landlock()
    assert landlock.works == landlock.detail.startswith("version "), landlock


def test_no_sandbox_is_a_warning_that_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = sandbox_probe.SandboxProbe("bubblewrap", False, "denied")
    monkeypatch.setattr(sandbox_probe, "probe_bubblewrap", lambda: broken)
    missing = sandbox_probe.SandboxProbe("Landlock", False, "old kernel")
    monkeypatch.setattr(sandbox_probe, "probe_landlock", lambda: missing)
    (check,) = doctor_checks.check_sandbox()
    assert check.state == "warn" and check.found == "bubblewrap: denied; Landlock: old kernel"


def test_each_extra_is_known_by_what_it_brings() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    base = _names(project["dependencies"])
    extras = {extra: _names(wanted) for extra, wanted in project["optional-dependencies"].items()}
    assert set(doctor_checks._NEEDED) == base
    assert set(doctor_checks._EXTRAS) == set(extras) - {"train-test", "freeze", "dev"}
    for extra, name in doctor_checks._EXTRAS.items():
        assert name in extras[extra] and name not in base, extra


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[=<>!~;\[ ]", one)[0] for one in requirements}


def test_installing_is_told_as_it_works_after_make_run() -> None:
    """The program is .venv/bin/rushlight: another pip installs elsewhere, and `make` installs Rushlight itself."""
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    told = [one for page in pages for one in re.findall(r'(\S*)pip install "rushlight\[', page.read_text())]
    assert told and all(one.endswith(".venv/bin/") for one in told), told
    files = [file for part in ("assistant", "trainer", "quant", "native", "ui") for file in (ROOT / part).rglob("*.py")]
    assert [file.name for file in files if "pip install" in file.read_text()] == [], "`pip_line` knows where this runs"
    assert pip_line("rushlight[sql]", "x==1") == f'{sys.executable} -m pip install "rushlight[sql]" x==1'
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M)
    assert doctor_checks._again().endswith("make clean run") and {"clean", "run"} <= set(targets)


@pytest.mark.model
def test_speed_is_measured_with_a_real_answer(rushlight: Any, real_model: Model) -> None:
    done = rushlight("doctor", "--speed", "--json")
    (speed,) = [check for check in json.loads(done.stdout)["checks"] if check["name"] == "speed"]
    assert speed["state"] == "ok" and "tokens/s" in speed["found"] and real_model.id in speed["found"]


DEVICE = {"name": "Vulkan0", "description": "Card", "kind": "gpu", "total_bytes": 8_000_000_000,
          "free_bytes": 6_000_000_000, "is_shared": False}  # fmt: skip


@pytest.mark.parametrize(
    ("build", "devices", "present", "state", "words"),
    [
        ("vulkan", [DEVICE], [], "ok", "built for vulkan; Vulkan0 (Card): 6.0 GB of 8.0 GB free"),
        ("vulkan", [], [], "warn", "finds no graphics card"),
        ("", [], ["RTX, 24 GB"], "warn", "not used: RTX, 24 GB"),
        ("", [], [], "ok", "built for the processor only"),
    ],
)
def test_what_the_engine_can_use_of_a_card(
    monkeypatch: pytest.MonkeyPatch, build: str, devices: list[Any], present: list[str], state: str, words: str
) -> None:
    from rushlight.assistant.host import cards
    from rushlight.ui.cli import doctor_graphics

    monkeypatch.setattr(cards, "gpu_build", lambda: build)
    monkeypatch.setattr(doctor_graphics, "_nvidia", lambda: present)
    monkeypatch.setattr(doctor_graphics, "_vulkan", lambda: ["Vulkan: llvmpipe (LLVM 19)"])
    check = doctor_graphics.engine_gpu({"can_offload": bool(devices), "devices": devices})
    assert check.state == state and words in check.found
