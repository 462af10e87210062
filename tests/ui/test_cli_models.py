"""`rushlight models` as people and programs use it: output, exit codes, JSON, questions."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rushlight.ui.cli.main import run

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Run]:
    """`cli("models", "list")` -> (exit code, stdout, stderr), as `main` answers. No other program's models are near."""
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name in ("OLLAMA_MODELS", "HF_HOME", "HF_HUB_CACHE", "LLAMA_CACHE"):
        monkeypatch.delenv(name, raising=False)

    def call(*words: object) -> tuple[int, str, str]:
        code = run(["models", *map(str, words)])
        out, err = capsys.readouterr()
        return code, out, err

    yield call


@pytest.fixture
def ok(cli: Run) -> Callable[..., str]:
    """The same where exit code 0 is expected: stdout."""

    def call(*words: object) -> str:
        code, out, err = cli(*words)
        assert code == 0, err
        return out

    return call


@pytest.fixture
def js(cli: Run) -> Callable[..., Any]:
    """The same with --json: what was printed, whatever the exit code."""

    def call(*words: object) -> Any:
        return json.loads(cli(*words, "--json")[1])

    return call


Ok = Callable[..., str]
Js = Callable[..., Any]


def test_import_prints_the_id_and_only_the_id(ok: Ok, tiny_gguf: Path) -> None:
    assert ok("import", tiny_gguf, "--alias", "t") == "local/Tiny-Llama@F32\n"
    assert tiny_gguf.is_file()
    assert ok("path", "t").startswith(ok("path").strip())
    assert ok("default") == "local/Tiny-Llama@F32\n"


def test_importing_twice_says_so(cli: Run, js: Js, tiny_gguf: Path) -> None:
    cli("import", tiny_gguf)
    code, out, err = cli("import", tiny_gguf)
    assert (code, out) == (0, "local/Tiny-Llama@F32\n") and "already" in err
    assert js("import", tiny_gguf)["already_there"] is True


def test_list_and_show(ok: Ok, js: Js, tiny_gguf: Path) -> None:
    assert "models import" in ok("list") and js("list") == []
    ok("import", tiny_gguf, "--id", "me/it", "--alias", "t")
    table = ok("list")
    assert table.splitlines()[0].split() == ["MODEL", "SIZE", "PARAMETERS", "TYPE", "CONTEXT", "ALIASES"]
    assert "me/it *" in table
    (row,) = js("list")
    assert row["id"] == "me/it" and row["default"] is True and row["owned"] is True and len(row["sha256"]) == 64
    page = ok("show", "t")
    for word in ("architecture", "llama", "apache-2.0", "2048 tokens", row["sha256"], row["path"], "greedy"):
        assert word in page
    assert ok("show", "t", "--template") == js("show", "t")["chat_template"] + "\n"
    assert "<|im_start|>" in ok("show", "t", "--template")


def test_nothing_in_a_file_reaches_the_terminal_raw(ok: Ok, js: Js, gguf_builder: Any, tmp_path: Path) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\u202eevil"
    path = gguf_builder.tiny_llama_gguf(tmp_path / "x.gguf", name=evil, template="hi " + evil)
    ok("import", path, "--alias", "x")
    for out in (ok("show", "x"), ok("show", "x", "--template"), ok("list"), json.dumps(js("show", "x"))):
        assert not set(out) & set("\x1b\x07\u202e\x9b")
    assert js("show", "x")["chat_template"] == "hi " + evil  # exact for programs


def test_verify(cli: Run, ok: Ok, js: Js, tiny_gguf: Path) -> None:
    ok("import", tiny_gguf, "--alias", "t")
    assert ok("verify", "t").endswith("  ok\n")
    path = Path(ok("path", "t").strip())
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    code, out, err = cli("verify", "--all")
    assert code == 1 and "changed" in out and str(path) in err
    (found,) = js("verify", "t")
    assert found["state"] == "changed"
    path.unlink()
    assert js("verify", "t")[0]["state"] == "missing"
    assert cli("show", "t")[0] == 0  # what is known is shown without the file
    assert cli("show", "t", "--template")[0] == 1
    for words in (("verify",), ("verify", "t", "--all")):
        assert cli(*words)[0] == 2


def test_verify_forgives_a_touched_file(ok: Ok, tiny_gguf: Path) -> None:
    import os

    from rushlight.assistant.app import open_app
    from rushlight.assistant.models import quick_check

    ok("import", tiny_gguf, "--alias", "t")
    os.utime(ok("path", "t").strip())
    ok("verify", "t")
    with open_app() as app:
        quick_check(app.catalogue.find("t"))


def test_remove_needs_a_yes_only_where_data_is_lost(cli: Run, ok: Ok, js: Js, tiny_gguf: Path, make_gguf: Any) -> None:
    ok("import", tiny_gguf, "--alias", "mine")
    ok("import", make_gguf("other.gguf", seed=9), "--in-place", "--id", "other")
    code, _, err = cli("remove", "mine")
    assert code == 1 and "--yes" in err
    assert "stays at" in ok("remove", "other")
    kept = Path(ok("path", "mine").strip())
    assert js("remove", "mine", "--yes") == {"id": "local/Tiny-Llama@F32", "deleted": True, "path": str(kept)}
    assert not kept.exists() and ok("list").startswith("There is no model")


@pytest.mark.parametrize(("answer", "gone"), [("y\n", True), ("n\n", False), ("\n", False), ("", False)])
def test_in_a_terminal_it_asks(
    cli: Run, ok: Ok, tiny_gguf: Path, monkeypatch: pytest.MonkeyPatch, answer: str, gone: bool
) -> None:
    import io

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    ok("import", tiny_gguf, "--alias", "t")
    path = Path(ok("path", "t").strip())
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    code, _, _ = cli("remove", "t")
    assert path.exists() != gone
    assert code == (0 if gone else 130 if answer == "" else 1)


def test_aliases(cli: Run, ok: Ok, js: Js, tiny_gguf: Path) -> None:
    ok("import", tiny_gguf)
    assert "now stands for local/Tiny-Llama@F32" in ok("alias", "tiny-llama", "fast")
    assert js("alias") == [{"alias": "fast", "id": "local/Tiny-Llama@F32"}]
    assert "fast" in ok("alias")
    ok("default", "fast")
    assert js("list")[0]["aliases"] == ["default", "fast"]
    ok("alias", "--remove", "fast")
    assert cli("alias", "--remove", "fast")[0] == 1
    assert cli("alias", "fast")[0] == 2
    code, _, err = cli("show", "tinny-llama")
    assert code == 1 and "Did you mean" in err


def test_sampling(cli: Run, ok: Ok, js: Js, tiny_gguf: Path) -> None:
    ok("import", tiny_gguf, "--alias", "t")
    assert "greedily" in ok("sampling", "t")
    assert "temperature" in ok("sampling", "t", "temperature=0.7", "top_k=40")
    assert js("sampling", "t")["sampling"] == {"temperature": 0.7, "top_k": 40}
    assert js("sampling", "t", "temperature=")["sampling"] == {"top_k": 40}
    assert cli("sampling", "t", "top_k")[0] == 2
    code, _, err = cli("sampling", "t", "topk=1")
    assert code == 1 and "top_k" in err
    assert js("sampling", "t", "top_k=-5")["error"]["kind"] == "bad-sampling"


def test_fit(cli: Run, ok: Ok, js: Js, tiny_gguf: Path) -> None:
    ok("import", tiny_gguf, "--alias", "t")
    assert ok("fit", "t", "--context", 512, "--kv", "q8_0", "--gpu-layers", 0).startswith("It fits")
    small, large = js("fit", "--context", 512), js("fit", "--context", 1024)
    assert large["kv_bytes"] == 2 * small["kv_bytes"] and small["state"] == "fits"
    assert small["total_bytes"] == small["weights_bytes"] + small["kv_bytes"] + small["compute_bytes"]
    code, out, _ = cli("fit", "t", "--context", 2**40)
    assert code == 1 and "does not fit" in out
    assert js("fit", "t", "--kv", "x")["error"]["kind"] == "bad-kv-type"
    assert cli("fit", "t", "--context", "many")[0] == 2


_DEVICE = {"name": "Vulkan0", "description": "Card", "kind": "gpu", "total_bytes": 8 << 30, "free_bytes": 8 << 30,
           "is_shared": False}  # fmt: skip


@pytest.mark.parametrize(
    ("build", "info", "layers"),
    [
        ("cuda", "", 3),
        ("vulkan", json.dumps({"can_offload": True, "devices": [_DEVICE]}), 3),
        ("vulkan", json.dumps({"can_offload": False, "devices": []}), 0),
        ("vulkan", "", 0),
        ("", "", 0),
    ],
)
def test_a_card_counts_only_if_the_engine_can_use_it(
    js: Js, ok: Ok, tiny_gguf: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, build: str, info: str, layers: int
) -> None:
    """A machine with a card: `nvidia-smi` answers, and so does a process with the engine's library."""
    from rushlight.assistant.host import cards

    tool = tmp_path / "bin/nvidia-smi"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho 'Card, 8192, 8000'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:/usr/bin:/bin")
    monkeypatch.setattr(cards, "gpu_build", lambda: build)
    monkeypatch.setattr(cards, "own_command", lambda *words: ["/bin/echo", info])
    ok("import", tiny_gguf, "--alias", "t")
    found = js("fit", "t", "--context", 512)
    assert found["gpu_layers"] == layers and (found["gpu_bytes"] > 0) == (layers > 0)


def test_find_and_import_from_an_app(ok: Ok, js: Js, tiny_gguf: Path, tmp_path: Path) -> None:
    assert js("find") == []
    file = tmp_path / "home/.lmstudio/models/pub/model/x.gguf"
    file.parent.mkdir(parents=True)
    file.write_bytes(tiny_gguf.read_bytes())
    (found,) = js("find")
    assert found["reference"] == "lmstudio:pub/model/x" and found["imported"] is False
    ok("import", "--from-app", "lmstudio:pub/model/x")
    assert js("find")[0]["imported"] is True and "imported" in ok("find")
    (model,) = js("list")
    assert model["owned"] is False and model["path"] == str(file) and model["aliases"] == ["pub/model/x"]
    assert js("import", "--from-app", "nothing")["error"]["kind"] == "model-not-found"


def test_a_complete_file_that_no_model_uses_is_found(ok: Ok, js: Js, tiny_gguf: Path) -> None:
    lost = Path(ok("path").strip()) / "a/b/lost.gguf"
    lost.parent.mkdir(parents=True)
    lost.write_bytes(tiny_gguf.read_bytes())
    assert [one["reference"] for one in js("find")] == ["rushlight:a/b/lost"]
    ok("import", "--from-app", "rushlight:a/b/lost")
    assert js("list")[0]["owned"] is True and js("find") == []


def test_downloads_without_any(cli: Run, ok: Ok, js: Js) -> None:
    assert "No unfinished" in ok("downloads", "list") and js("downloads", "list") == []
    assert js("downloads", "remove", "x")["error"]["kind"] == "download-not-found"
    assert js("download", "not a name")["error"]["kind"] == "bad-hub-name"


def test_a_bad_file_is_an_error_of_two_lines(cli: Run, tmp_path: Path) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"PK")
    code, out, err = cli("import", bad)
    assert (code, out) == (1, "") and err.startswith("Error: ") and len(err.splitlines()) == 2
    assert cli("import", tmp_path / "missing.gguf")[0] == 1
    assert cli("import")[0] == 2


def test_every_command_has_help_and_json(ok: Ok) -> None:
    from rushlight.ui.cli.models import models

    def leaves(group: Any, *words: str) -> Iterator[tuple[str, ...]]:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                yield from leaves(command, *words, name)
            else:
                yield (*words, name)

    for words in leaves(models):
        assert "--json" in ok(*words, "--help"), words
    assert "A session:" in ok("--help")


def test_the_ask_path_imports_little(tiny_gguf: Path, ok: Ok) -> None:
    """Catalogue, store and quick check come before every answer: nothing heavy may hide there."""
    import subprocess

    ok("import", tiny_gguf)
    code = (
        "import sys; from rushlight.assistant.paths import find_paths; "
        "from rushlight.assistant.store.database import open_store; "
        "from rushlight.assistant.models.catalogue import Catalogue; "
        "from rushlight.assistant.models import quick_check; "
        "p = find_paths(); c = Catalogue(open_store(p), p); quick_check(c.default()); "
        "print(sorted(set(sys.modules) & {'httpx', 'json', 'subprocess', 'psutil', 'msgspec', 'numpy', 'shutil', "
        "'gguf', 'click', 'difflib', 'tempfile', 'logging', 'asyncio', 'rushlight.quant'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
