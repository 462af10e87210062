"""The compiled module is what its .pyi says, and is the one in use."""

import ast
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

import rushlight.native
from rushlight.native import _fallback, _kernels

_FUNCTIONS = (
    "abort_callback_address", "add_moments", "cluster_texts", "common_prefix_length", "count_sizes", "cpu_path",
    "estimate_ngrams", "merge_trimmed", "minhash_texts", "ngrams_from_arpa", "ngrams_to_arpa", "quantize_rows",
    "round_with_feedback", "score_logits", "score_ngrams", "score_words",
)  # fmt: skip


def test_the_compiled_module_is_in_use() -> None:
    assert rushlight.native.COMPILED is True
    assert rushlight.native.NgramIndex is _kernels.NgramIndex
    assert rushlight.native.abort_callback_address() != 0
    assert _fallback.abort_callback_address() == 0


def test_every_public_name_exists_in_both() -> None:
    for name in rushlight.native.__all__:
        if name != "COMPILED":
            assert hasattr(_kernels, name) and hasattr(_fallback, name)


def test_stubtest_passes(checkout: Path, tmp_path: Path) -> None:
    package = tmp_path / "tree" / "rushlight"
    (package / "native").mkdir(parents=True)
    (package / "__init__.py").touch()
    for file in (checkout / "native").glob("*.py*"):
        (package / "native" / file.name).write_text(file.read_text())
    # stubtest takes only functions made by CPython itself for functions; the next test looks at nanobind's.
    allowed = tmp_path / "allowed.txt"
    allowed.write_text("".join(f"rushlight.native._kernels.{name}\n" for name in _FUNCTIONS))
    done = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "rushlight.native._kernels", "--allowlist", allowed],
        env=os.environ | {"MYPYPATH": str(tmp_path / "tree")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _stub() -> list[tuple[str, ast.FunctionDef]]:
    """(dotted name, definition) of every function and method of the .pyi."""
    tree = ast.parse((Path(rushlight.native.__file__).parent / "_kernels.pyi").read_text())
    found = [(node.name, node) for node in tree.body if isinstance(node, ast.FunctionDef)]
    for cls in tree.body:
        if isinstance(cls, ast.ClassDef):
            found += [(f"{cls.name}.{node.name}", node) for node in cls.body if isinstance(node, ast.FunctionDef)]
    return found


@pytest.mark.parametrize(("name", "definition"), _stub(), ids=[name for name, _ in _stub()])
def test_arguments_are_those_of_the_stub(name: str, definition: ast.FunctionDef) -> None:
    """Names, order and defaults; nanobind's functions answer no inspect.signature, so stubtest cannot see them."""
    arguments = [argument.arg for argument in definition.args.args]
    defaults = [ast.literal_eval(default) for default in definition.args.defaults]
    compiled: object = _kernels
    fallback: object = _fallback
    for part in name.split("."):
        compiled, fallback = inspect.getattr_static(compiled, part), inspect.getattr_static(fallback, part)
    if isinstance(compiled, property):
        assert isinstance(fallback, property)
        return
    text, _doc, values = compiled.__nb_signature__[0]  # type: ignore[attr-defined]
    signature = ast.parse(text.replace("\\", "") + ": ...").body[0]
    assert isinstance(signature, ast.FunctionDef)
    # nanobind writes defaults as \0, \1 ... and leaves the name of self out of special methods.
    names = [argument.arg for argument in signature.args.args]
    assert names[-len(arguments) :] == arguments if arguments else names == []
    assert list(values or ()) == defaults
    parameters = inspect.signature(fallback).parameters.values()  # type: ignore[arg-type]
    assert [parameter.name for parameter in parameters] == arguments
    assert [parameter.default for parameter in parameters if parameter.default is not parameter.empty] == defaults


def test_the_module_imports_nothing_heavy() -> None:
    program = "import sys, rushlight.native; print([name for name in ('numpy', 'ctypes') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n", done.stderr
