"""The parts of a good small model, to be broken one at a time."""

import copy
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="session")
def _good_parts(gguf_builder: ModuleType, tiny_gguf: Path) -> Any:
    return gguf_builder.raw_file(tiny_gguf)


@pytest.fixture
def make_split(gguf_builder: ModuleType, tmp_path: Path) -> Callable[..., list[Path]]:
    """`make_split(7, n_embd=256, ...)`: the parts of a model that lies in files of at most 7 tensors, options as in
    `gguf_builder.tiny_llama_gguf`."""
    from gguf import GGUFWriter

    def make(most: int, **options: object) -> list[Path]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(gguf_builder, "GGUFWriter", lambda path, arch: GGUFWriter(path, arch, split_max_tensors=most))
            gguf_builder.tiny_llama_gguf(tmp_path / "split.gguf", **options)
        return sorted(tmp_path.glob("split-*.gguf"))

    return make


@pytest.fixture
def raw(_good_parts: Any) -> Any:
    """The tiny model as a `gguf_builder.RawFile` of your own."""
    return copy.deepcopy(_good_parts)


@pytest.fixture
def written(raw: Any, tmp_path: Path) -> Callable[[], Path]:
    """Writes `raw` as it stands now."""
    return lambda: raw.write(tmp_path / "hostile.gguf")
