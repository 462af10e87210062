"""The checks of `rushlight doctor`, one function each: what was found, whether it is enough, what to do.

Each answers with `Check` values and never raises for what it finds. Native model code runs in a process of its own.
"""

import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rushlight import Error, __version__
from rushlight.assistant.paths import Paths
from rushlight.ui.cli.output import size_text
from rushlight.ui.words import plural, text

if TYPE_CHECKING:
    from rushlight.assistant.app import App

State = Literal["ok", "warn", "fail"]

# Distributions that Rushlight does not run without.
_NEEDED = ("apsw", "click", "fastapi", "gguf", "httpx", "jinja2", "llama-cpp-python", "llguidance", "markdown-it-py",
           "msgspec", "numpy", "platformdirs", "psutil", "pygments", "sqlglot", "textual", "uvicorn")  # fmt: skip
# Extra: what it alone brings, or what it is for.
_EXTRAS = {"gui": "pyside6-essentials", "documents": "lancedb", "sql": "python-calamine", "duckdb": "duckdb",
           "postgresql": "pg8000", "media": "ctranslate2", "whisper": "openai-whisper", "quant": "tokenizers",
           "train": "torch", "cuda": "unsloth", "harness": "lm-eval", "cluster": "ray"}  # fmt: skip
_CPU_FLAGS = ("sse4_2", "avx", "avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8",
              "neon", "asimd", "asimddp", "i8mm", "sve")  # fmt: skip
_LEAST_FREE_DISK_BYTES = 2 * 10**9
_LEAST_MEMORY_BYTES = 2 * 10**9
_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report. "fail" is something Rushlight cannot do without."""

    name: str
    state: State
    found: str
    hint: str = ""


def check_python() -> Iterator[Check]:
    version = platform.python_version()
    supported = (3, 11) <= sys.version_info[:2] < (3, 14)
    yield Check("rushlight", "ok", f"{__version__} ({Path(__file__).parent.parent.parent})")
    yield Check(
        "python",
        "ok" if supported else "warn",
        f"{version} ({sys.executable})",
        "" if supported else text("Rushlight is tested with Python 3.11 to 3.13."),
    )
    yield Check("platform", "ok", platform.platform())


def check_processor() -> Iterator[Check]:
    flags = _processor_flags()
    known = [flag for flag in _CPU_FLAGS if flag in flags]
    found = text("{threads} threads; {flags}", threads=os.cpu_count() or 1, flags=" ".join(known) or text("unknown"))
    slow = platform.machine().lower() in ("x86_64", "amd64") and bool(flags) and "avx2" not in flags
    yield Check(
        "processor",
        "warn" if slow else "ok",
        found,
        text("Without AVX2 models answer slowly; choose small ones.") if slow else "",
    )


def _processor_flags() -> set[str]:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                name, _, value = line.partition(":")
                if name.strip() in ("flags", "Features"):
                    return set(value.split())
    except OSError:
        pass
    return set()


def check_libraries() -> Iterator[Check]:
    """Versions from the installed metadata; nothing is imported."""
    from importlib.metadata import PackageNotFoundError, version

    found: list[str] = []
    missing: list[str] = []
    for name in _NEEDED:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing and getattr(sys, "frozen", False):  # the frozen program carries code, not always metadata
        yield Check("libraries", "ok", ", ".join(found) or text("part of the program"))
    elif missing:
        yield Check(
            "libraries",
            "fail",
            text("missing: {names}", names=", ".join(missing)),
            _again(),
        )
    else:
        yield Check("libraries", "ok", ", ".join(found))
    extras = []
    for extra, name in _EXTRAS.items():
        try:
            extras.append(f"{extra} ({name} {version(name)})")
        except PackageNotFoundError:
            continue
    yield Check("extras", "ok", ", ".join(extras) or text("none installed"))


def _again() -> str:
    return text("Install Rushlight again: make clean run")


def check_engine() -> Iterator[Check]:
    """llama.cpp's own line, from a process that may die of it."""
    import json
    import subprocess

    from rushlight.assistant.host.spawn import own_command

    try:
        done = subprocess.run(
            own_command("_engine-info"), stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT_S, check=False
        )
        answer = json.loads(done.stdout or b"{}")
    except subprocess.TimeoutExpired:
        answer = {"error": text("it did not answer within {seconds} s", seconds=int(_TIMEOUT_S))}
    except (OSError, ValueError, Error) as err:
        answer = {"error": str(err)}
    if "description" in answer:
        yield Check("engine", "ok", str(answer["description"]))
        from rushlight.ui.cli.doctor_graphics import engine_gpu

        yield engine_gpu(answer)
        return
    reason = answer.get("error") or text("the process ended with {code}", code=done.returncode)
    yield Check(
        "engine",
        "fail",
        text("llama.cpp does not load: {reason}", reason=reason),
        str(answer.get("hint") or _again()),
    )


def check_native() -> Iterator[Check]:
    try:
        from rushlight import native
    except ImportError as err:
        yield Check(
            "native",
            "fail",
            text("the kernels cannot be imported: {reason}", reason=err),
            _again(),
        )
        return
    if native.COMPILED:
        yield Check("native", "ok", text("compiled"))
    else:
        yield Check(
            "native",
            "warn",
            text("numpy; everything works, some of it slower"),
            text("With a C++ compiler and CMake there, install Rushlight again."),
        )


def check_sandbox() -> Iterator[Check]:
    from rushlight.assistant.safety.sandbox_probe import probe_bubblewrap, probe_landlock

    probes = (probe_bubblewrap(), probe_landlock())
    working = [f"{probe.name} ({probe.detail})" for probe in probes if probe.works]
    broken = [f"{probe.name}: {probe.detail}" for probe in probes if not probe.works]
    if working:
        yield Check("sandbox", "ok", "; ".join([*working, *broken]))
    else:
        yield Check(
            "sandbox",
            "warn",
            "; ".join(broken),
            text("Tools that run code stay off. On Debian and Ubuntu: apt install bubblewrap"),
        )


def check_memory(paths: Paths) -> Iterator[Check]:
    import shutil

    import psutil

    memory = psutil.virtual_memory()
    tight = memory.available < _LEAST_MEMORY_BYTES
    yield Check(
        "memory",
        "warn" if tight else "ok",
        text("{free} of {total} free", free=size_text(memory.available), total=size_text(memory.total)),
        text("Close other programs, or choose a model of less than 1 GB.") if tight else "",
    )
    place = paths.data
    while not place.exists() and place != place.parent:
        place = place.parent
    disk = shutil.disk_usage(place)
    tight = disk.free < _LEAST_FREE_DISK_BYTES
    yield Check(
        "disk",
        "warn" if tight else "ok",
        text("{free} of {total} free at {place}", free=size_text(disk.free), total=size_text(disk.total), place=place),
        text("Models need a few GB; free some, or set RUSHLIGHT_HOME to another disk.") if tight else "",
    )


def check_folders(paths: Paths) -> Iterator[Check]:
    for name, folder in (("data", paths.data), ("cache", paths.cache), ("runtime", paths.runtime)):
        yield _folder(f"{name} folder", folder, private=name != "cache")


def _folder(name: str, folder: Path, *, private: bool) -> Check:
    try:
        status = folder.stat()
    except FileNotFoundError:
        parent = folder.parent
        while not parent.exists() and parent != parent.parent:
            parent = parent.parent
        if os.access(parent, os.W_OK | os.X_OK):
            return Check(name, "ok", text("{folder} (made when needed)", folder=folder))
        return Check(
            name,
            "fail",
            text("{folder} is not there and cannot be made", folder=folder),
            text("Make it, or set RUSHLIGHT_HOME to a folder of yours."),
        )
    except OSError as err:
        return Check(name, "fail", f"{folder}: {err.strerror or err}", text("Set RUSHLIGHT_HOME to a folder of yours."))
    if not folder.is_dir() or not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return Check(
            name,
            "fail",
            text("{folder} cannot be written", folder=folder),
            text("Make it yours: chown and chmod 700, or set RUSHLIGHT_HOME to another folder."),
        )
    mode = f"{status.st_mode & 0o777:03o}"
    if private and os.name == "posix" and status.st_mode & 0o077:
        return Check(
            name,
            "warn",
            text("{folder} can be seen by others (mode {mode})", folder=folder, mode=mode),
            f"chmod 700 {folder}",
        )
    return Check(name, "ok", text("{folder} (mode {mode})", folder=folder, mode=mode))


def check_settings(paths: Paths) -> Iterator[Check]:
    """Every problem of the settings, or how many differ from the defaults."""
    from rushlight.assistant.settings import SETTINGS, problems_error, read_settings

    settings, problems = read_settings(paths)
    if problems:
        err = problems_error(problems)
        yield Check("settings", "fail", err.message, err.hint)
        return
    changed = sum(settings.source(name) != "default" for name in SETTINGS)
    yield Check("settings", "ok", text("{path}, {count} changed", path=paths.settings, count=changed))


def check_models(paths: Paths) -> Iterator[Check]:
    """The catalogue opens, each file is there as it was imported, and the model that would answer fits into memory."""
    from rushlight.assistant.app import App
    from rushlight.assistant.models import quick_check
    from rushlight.assistant.settings import read_settings

    if not paths.store.exists():
        yield _no_models()
        return
    try:
        with App(paths, read_settings(paths)[0]) as app:
            models = app.models
            for model in models:
                try:
                    quick_check(model)
                except Error as err:
                    yield Check("models", "warn", err.message, err.hint)
            yield from _fits(app)
    except Error as err:
        yield Check("models", "fail", err.message, err.hint)
        return
    if models:
        yield Check(
            "models",
            "ok",
            plural(
                "{count} model: {names}",
                "{count} models: {names}",
                len(models),
                names=", ".join(model.id for model in models),
            ),
        )
    else:
        yield _no_models()


def _fits(app: "App") -> Iterator[Check]:
    """Whether the model that answers when none is named can be loaded now. Silent where it cannot be looked at."""
    from rushlight.assistant.models.fit import FITS, judge
    from rushlight.assistant.models.memory import available_memory

    try:
        model = app.model()
        if model.is_remote:
            return
        reserve_bytes = app.settings.number("memory.reserve_mib") * 1024 * 1024
        verdict = judge(app.fit(model), available_memory(), reserve_bytes=reserve_bytes)
    except Error as err:
        if err.kind not in ("no-model", "model-missing"):
            yield Check("default model", "warn", err.message, err.hint)
        return
    yield Check(
        "default model", "ok" if verdict.state == FITS else "warn", f"{model.id}. {verdict.sentence}", verdict.hint
    )


def _no_models() -> Check:
    return Check("models", "warn", text("no model yet"), text("Import one: rushlight models import FILE.gguf"))


def as_json(checks: list[Check]) -> dict[str, Any]:
    """The report of `doctor --json`."""
    return {
        "ok": all(check.state != "fail" for check in checks),
        "checks": [{"name": c.name, "state": c.state, "found": c.found, "hint": c.hint} for c in checks],
    }
