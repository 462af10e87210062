"""States on disk: found again after a restart, ignored whenever anything about them is wrong."""

import os
import random
import signal
import subprocess
import sys
import textwrap
from array import array
from collections.abc import Callable, Iterator
from mmap import mmap
from pathlib import Path
from typing import Any

import pytest

from rushlight.assistant.engine.generate import generate
from rushlight.assistant.engine.kv_disk import KvDisk, model_identity
from rushlight.assistant.engine.load import Loaded, load
from rushlight.assistant.engine.request import GenerateRequest, LoadSettings, LoraUse
from rushlight.assistant.engine.template_process import TemplateProcess
from rushlight.assistant.events import TextDelta, Usage

IDENTITY = b"m" * 32
TOKENS = array("i", range(300))
PROMPT = tuple(random.Random(1).randrange(20, 300) for _ in range(400))


def state(text: bytes) -> mmap:
    data = mmap(-1, len(text))
    data[:] = text
    return data


def saved(folder: Path, key: str = "talk", text: bytes = b"state" * 1000, **options: Any) -> KvDisk:
    disk = KvDisk(folder, options.pop("identity", IDENTITY), max_bytes=options.pop("max_bytes", 1 << 20))
    disk.save(key, TOKENS, (), state(text))
    assert disk.flush()
    return disk


def the_file(folder: Path) -> Path:
    (path,) = folder.glob("*.kv")
    return path


def test_there_and_back(tmp_path: Path) -> None:
    saved(tmp_path / "kv").close()
    disk = KvDisk(tmp_path / "kv", IDENTITY, max_bytes=1 << 20)
    found = disk.find("talk", ())
    assert found is not None and found.token_ids == TOKENS
    data = disk.read(found)
    assert data is not None and data[:] == b"state" * 1000
    assert disk.find("another", ()) is None and disk.find("talk", "adapter") is None
    assert KvDisk(tmp_path / "kv", b"n" * 32, max_bytes=1).find("talk", ()) is None
    if sys.platform != "win32":
        assert the_file(tmp_path / "kv").stat().st_mode & 0o777 == 0o600
    disk.close()


def test_every_byte_counts(tmp_path: Path) -> None:
    disk = saved(tmp_path, text=b"0123456789" * 10)
    path = the_file(tmp_path)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        found = disk.find("talk", ())
        assert found is None or disk.read(found) is None, place
    for cut in (0, 1, 100, 118, len(whole) - 1):
        path.write_bytes(whole[:cut])
        assert disk.find("talk", ()) is None
    path.write_bytes(whole + b"more")
    assert disk.find("talk", ()) is None
    path.write_bytes(whole)
    found = disk.find("talk", ())
    assert found is not None and disk.read(found) is not None
    disk.close()


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes of another kind")
def test_a_link_a_pipe_and_a_folder_are_no_states(tmp_path: Path) -> None:
    disk = saved(tmp_path / "kv")
    path = the_file(tmp_path / "kv")
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert disk.find("talk", ()) is None
    path.unlink()
    os.mkfifo(path)
    assert disk.find("talk", ()) is None
    path.unlink()
    path.mkdir()
    assert disk.find("talk", ()) is None
    disk.close()


def test_the_folder_is_capped(tmp_path: Path) -> None:
    disk = KvDisk(tmp_path, IDENTITY, max_bytes=25_000)
    for i in range(6):
        disk.save(str(i), TOKENS, (), state(bytes([i]) * 6_000))
        assert disk.flush()
        os.utime(max(tmp_path.glob("*.kv"), key=lambda path: path.stat().st_mtime), (1000 + i, 1000 + i))
        if i == 2:
            found = disk.find("0", ())
            assert found is not None and disk.read(found) is not None  # used again: it stays
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 25_000
    assert disk.find("0", ()) is not None and disk.find("1", ()) is None and disk.find("5", ()) is not None
    disk.save("too large", TOKENS, (), state(b"x" * 30_000))
    assert disk.flush() and disk.find("too large", ()) is None
    disk.close()


def test_a_folder_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("no folder")
    disk = saved(tmp_path / "file")
    assert disk.find("talk", ()) is None
    assert "not saved" in capsys.readouterr().err
    disk.close()


def test_the_identity_is_of_file_and_settings(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF and so on")
    first = model_identity([path], "f16")
    assert first == model_identity([path], "f16") and first != model_identity([path], "q8_0")
    os.utime(path, (1, 1))
    assert first != model_identity([path], "f16")


@pytest.mark.faults
@pytest.mark.parametrize("n", [8, pytest.param(50, marks=pytest.mark.slow)])
def test_killed_while_writing(tmp_path: Path, n: int) -> None:
    """The old state or the new one, never something in between."""
    script = textwrap.dedent(
        """
        import sys
        from array import array
        from mmap import mmap
        from pathlib import Path
        from rushlight.assistant.engine.kv_disk import KvDisk
        disk = KvDisk(Path(sys.argv[1]), b"m" * 32, max_bytes=1 << 30)
        print("ready", flush=True)
        for i in range(10_000):
            data = mmap(-1, 4_000_000)
            data[:] = bytes([i % 256]) * len(data)
            disk.save("talk", array("i", range(300)), (), data)
            disk.flush()
        """
    )
    numbers = random.Random(3)
    disk = KvDisk(tmp_path, IDENTITY, max_bytes=1 << 30)
    n_whole = 0
    for _ in range(n):
        with subprocess.Popen([sys.executable, "-c", script, tmp_path], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None and process.stdout.readline()
            try:
                process.wait(numbers.uniform(0.0, 0.15))
            except subprocess.TimeoutExpired:
                pass
            process.send_signal(signal.SIGKILL)
        found = disk.find("talk", ())
        if found is not None:
            data = disk.read(found)
            assert data is not None and len(set(data[:])) == 1
            n_whole += 1
    assert n_whole > 0
    disk.close()


# --- with a model -----------------------------------------------------------------------------------------------


@pytest.fixture
def opened(make_gguf: Callable[..., Path], tmp_path: Path) -> Iterator[Callable[..., Loaded]]:
    """Open the tiny model as after a restart."""
    models: list[Loaded] = []
    path = make_gguf(n_heads=2, n_kv_heads=1)  # rows of 32 numbers, as the smaller cache types want them

    def make(**settings: Any) -> Loaded:
        options = {"n_ctx": 512, "n_batch": 64, "n_threads": 1, "kv_disk_bytes": 1 << 24} | settings
        renderer = TemplateProcess.start()
        settings = LoadSettings(str(path), kv_folder=str(tmp_path / "kv"), **options)
        loaded, _ready = load(settings, renderer, lambda _progress: None)
        models.append(loaded)
        return loaded

    yield make
    for model in models:
        model.close()


def ask(loaded: Loaded, *more: int, **options: Any) -> tuple[str, Usage]:
    text, usage = "", None
    request = GenerateRequest(token_ids=PROMPT + more, max_tokens=8, cache_key="talk", draft_tokens=0, **options)
    for event in generate(loaded, request):
        if isinstance(event, TextDelta):
            text += event.text
        elif isinstance(event, Usage):
            usage = event
    assert usage is not None
    if loaded.memory.disk is not None:
        assert loaded.memory.disk.flush()
    return text, usage


@pytest.mark.parametrize("kv_type", ["f16", "q8_0", "q4_0"])
def test_after_a_restart(opened: Callable[..., Loaded], kv_type: str) -> None:
    first = opened(kv_type=kv_type)
    text, usage = ask(first)
    assert usage.n_cached_tokens == 0
    second = opened(kv_type=kv_type)
    again, usage = ask(second)
    assert usage.n_cached_tokens == len(PROMPT) - 1
    assert again == text
    # Another continuation of it, and an answer that knows nothing of the disk.
    third = opened(kv_type=kv_type)
    with_more, usage = ask(third, 33, 44, 55)
    assert usage.n_cached_tokens == len(PROMPT)
    without, usage = ask(opened(kv_type=kv_type, kv_disk_bytes=0), 33, 44, 55)
    assert usage.n_cached_tokens == 0 and with_more == without


def test_what_was_made_differently_is_computed_again(
    opened: Callable[..., Loaded], gguf_builder: Any, tmp_path: Path
) -> None:
    ask(opened())
    assert ask(opened(kv_type="q8_0"))[1].n_cached_tokens == 0
    adapter = gguf_builder.tiny_lora_gguf(tmp_path / "adapter.gguf")
    assert ask(opened(), lora=(LoraUse(str(adapter)),))[1].n_cached_tokens == 0
    assert ask(opened(), cache_prompt=False)[1].n_cached_tokens == 0


def test_a_state_of_nonsense_with_a_right_digest_is_refused_by_llama_cpp(opened: Callable[..., Loaded]) -> None:
    loaded = opened()
    text, _usage = ask(loaded)
    disk = loaded.memory.disk
    assert disk is not None
    numbers = random.Random(5)
    for n_bytes in (1, 8, 5_000):
        disk.save("talk", array("i", PROMPT), (), state(numbers.randbytes(n_bytes)))
        assert disk.flush()
        other = opened()
        again, usage = ask(other)
        assert again == text and usage.n_cached_tokens == 0


@pytest.mark.parametrize(("kv_ram_bytes", "n_cached"), [(1 << 24, 100), (0, 0)])
def test_a_refused_state_after_which_memory_is_another(
    opened: Callable[..., Loaded], kv_ram_bytes: int, n_cached: int
) -> None:
    """Trying it takes the sequence away that held the beginning: it was parked, or it is computed again."""
    whole, _usage = ask(opened(kv_disk_bytes=0))
    loaded = opened(n_slots=1, kv_ram_bytes=kv_ram_bytes)
    other = (*PROMPT[:100], PROMPT[100] + 1, 33, 44)
    list(generate(loaded, GenerateRequest(token_ids=other, max_tokens=2, draft_tokens=0)))
    disk = loaded.memory.disk
    assert disk is not None
    disk.save("talk", array("i", PROMPT), (), state(random.Random(5).randbytes(5_000)))
    assert disk.flush()
    text, usage = ask(loaded)
    assert usage.n_cached_tokens == n_cached
    assert text == whole
