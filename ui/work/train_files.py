"""The files and names that the config of a training speaks of: what is wrong with them, before anything is started."""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rushlight.assistant.paths import with_home


def beside(name: str, here: Path) -> Path:
    """A path as a config file in the folder `here` means it."""
    path = with_home(name)
    return path if path.is_absolute() else here / path


def file_problems(said: Mapping[str, Any], here: Path, *, writes: bool, resume: bool) -> list[str]:
    """All of them; what has the wrong type is not looked at. `writes`: whether the run's folder will be made."""
    found: list[str] = []
    model, out, data, adapter = (said.get(name) for name in ("model", "out", "data", "adapter"))
    if (
        isinstance(model, str)
        and _is_path(model)
        and not beside(model, here).exists()
        and not with_home(model).exists()
    ):
        found.append(f"model: there is no file {model}")
    if isinstance(data, Mapping):
        found += _data_problems(data, here)
    start = adapter.get("start") if isinstance(adapter, Mapping) else None
    if isinstance(start, str) and start and not beside(start, here).exists():
        found.append(f"adapter.start: {start} is not there")
    if isinstance(out, str) and out and writes:
        found += _out_problems(beside(out, here), resume)
    return found


def _is_path(model: str) -> bool:
    """Whether it can be nothing else: names of the catalogue look like owner/name@type."""
    begins = model.startswith(("/", ".", "~")) or model.count("/") > 1
    return begins or "\\" in model or model.lower().endswith(".gguf")


def _data_problems(data: Mapping[str, Any], here: Path) -> Iterator[str]:
    for key in ("train", "validate"):
        names = data.get(key)
        for name in names if isinstance(names, list) else ():
            if isinstance(name, str) and not beside(name, here).is_file():
                what = "is a folder" if beside(name, here).is_dir() else "is not there"
                yield f"data.{key}: {name} {what}"
    template = data.get("template")
    if isinstance(template, str) and template and "{" not in template:
        from rushlight.assistant.engine.fallback_templates import FORMATS

        if template not in FORMATS:
            near = difflib.get_close_matches(template, FORMATS, 1)
            yield f"data.template: there is no chat format {template[:40]!r}" + (
                f" (did you mean {near[0]}?)" if near else f"; there are {', '.join(sorted(FORMATS))}"
            )


def _out_problems(out: Path, resume: bool) -> Iterator[str]:
    if out.is_file():
        yield f"out: {out} is a file"
    elif (out / "examples.safetensors").exists():
        if not resume:
            yield f"out: there is a run in {out} already; go on with it by --resume"
    elif (
        out.is_dir() and not (out / "run.json").exists() and any(not one.name.startswith(".") for one in out.iterdir())
    ):
        yield f"out: {out} is not empty and is no run"
