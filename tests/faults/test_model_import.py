"""Kills and failing disks in imports and downloads: nothing half-written gets a name, and the next try works."""

import errno
import hashlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.models import quick_check, staging
from rushlight.assistant.models.catalogue import Catalogue
from rushlight.assistant.models.importing import import_model
from rushlight.assistant.paths import Paths
from rushlight.assistant.store.database import open_store

pytestmark = pytest.mark.faults

COUNTS = [10, pytest.param(50, marks=pytest.mark.slow)]

# Small blocks make an import of a few megabytes last long enough to be killed anywhere in it.
_CHILD = """
import sys
from pathlib import Path
from rushlight.assistant.models import staging, verify
staging.BLOCK_BYTES = verify.BLOCK_BYTES = 16384
staging.SPARE_BYTES = 0
from rushlight.assistant.models.catalogue import Catalogue
from rushlight.assistant.models.importing import import_model
from rushlight.assistant.paths import Paths
from rushlight.assistant.store.database import open_store
data, source, how = sys.argv[1:]
paths = Paths(Path(data), Path(data), Path(data))
print("ready", flush=True)
import_model(Catalogue(open_store(paths), paths), Path(source), how=how)
print("done", flush=True)
"""


@pytest.fixture
def source(make_gguf: Callable[..., Path]) -> Path:
    """A model of about six megabytes."""
    return make_gguf("victim.gguf", n_embd=256, n_heads=4, n_ff=1024, n_layers=2)


@contextmanager
def opened(data: Path) -> Iterator[Catalogue]:
    paths = Paths(data, data, data)
    catalogue = Catalogue(open_store(paths), paths)
    try:
        yield catalogue
    finally:
        catalogue.store.close()


def start(data: Path, source: Path, how: str, **options: Any) -> "subprocess.Popen[bytes]":
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(data), str(source), how],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )
    assert child.stdout is not None and child.stdout.readline() == b"ready\n"
    return child


def finish(child: "subprocess.Popen[bytes]") -> tuple[int, bytes, bytes]:
    out, err = child.communicate(timeout=60)
    return child.returncode, out, err


def timed(folder: Path, source: Path, how: str) -> float:
    """Seconds that an import takes from where it is ready to begin to its last word: from there on kills are counted.
    The shortest of three, for a machine that halts now and then."""
    content, found = source.read_bytes(), []
    for number in range(3):
        source.write_bytes(content)
        child = start(folder / f"timed{number}", source, how)
        begun = time.monotonic()
        assert child.stdout is not None and child.stdout.readline() == b"done\n"
        found.append(time.monotonic() - begun)
        assert finish(child)[0] == 0
    source.write_bytes(content)
    return min(found)


def named(data: Path) -> list[Path]:
    return [path for path in (data / "models").rglob("*") if path.is_file() and not path.name.startswith(".")]


def hidden(data: Path) -> list[Path]:
    return list((data / "models").rglob(f".*{staging.SUFFIX}"))


@pytest.mark.parametrize("how", ["copy", "move"])
@pytest.mark.parametrize("n_kills", COUNTS)
def test_kill_9_at_any_moment_of_an_import(source: Path, tmp_path: Path, how: str, n_kills: int) -> None:
    content = source.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    duration_s = timed(tmp_path, source, how)
    rng = random.Random(n_kills)
    n_killed = 0
    for number in range(n_kills):
        data = tmp_path / f"data{number}"
        if not source.exists():
            source.write_bytes(content)
        child = start(data, source, how)
        time.sleep(rng.random() * duration_s * 0.8)
        child.send_signal(signal.SIGKILL)
        n_killed += finish(child)[0] == -signal.SIGKILL
        for path in named(data):
            assert hashlib.sha256(path.read_bytes()).hexdigest() == digest, "incomplete under its final name"
        assert source.exists() or named(data), "the only copy is gone"
        with opened(data) as catalogue:
            assert catalogue.store.rows("PRAGMA integrity_check") == [("ok",)]
            for model in catalogue.list():
                quick_check(model)
            again = source if source.exists() else named(data)[0]
            model = import_model(catalogue, again).model
            quick_check(model)
            assert named(data) == [model.path] and hidden(data) == []
    assert n_killed >= n_kills // 3, "too few kills fell into the import to prove anything"


@pytest.mark.parametrize("n_kills", COUNTS)
def test_kill_9_at_any_moment_of_a_split_import(
    gguf_builder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_kills: int
) -> None:
    from gguf import GGUFWriter

    with monkeypatch.context() as patch:
        patch.setattr(gguf_builder, "GGUFWriter", lambda path, arch: GGUFWriter(path, arch, split_max_tensors=7))
        gguf_builder.tiny_llama_gguf(tmp_path / "big.gguf", n_embd=256, n_heads=4, n_ff=1024)
    parts = sorted(tmp_path.glob("big-*.gguf"))
    assert len(parts) == 3
    digests = {part.name: hashlib.sha256(part.read_bytes()).hexdigest() for part in parts}
    duration_s = timed(tmp_path, parts[0], "copy")
    rng = random.Random(n_kills)
    for number in range(n_kills):
        data = tmp_path / f"data{number}"
        child = start(data, parts[0], "copy")
        time.sleep(rng.random() * duration_s * 0.8)
        child.kill()
        finish(child)
        for path in named(data):
            assert hashlib.sha256(path.read_bytes()).hexdigest() == digests[path.name]
        with opened(data) as catalogue:
            model = import_model(catalogue, parts[0]).model
            quick_check(model)
            assert len(named(data)) == 3 and hidden(data) == []


def fail_nth(monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], nth: int, code: int) -> list[int]:
    """Make the `nth` call of any of these functions of `os` fail. Returns the running count in a list."""
    count = [0]
    for name in names:
        real = getattr(os, name)

        def wrapped(*args: Any, _real: Callable[..., Any] = real, **options: Any) -> Any:
            count[0] += 1
            if count[0] == nth:
                raise OSError(code, os.strerror(code))
            return _real(*args, **options)

        monkeypatch.setattr(os, name, wrapped)
    return count


@pytest.mark.parametrize("how", ["copy", "move"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_every_write_sync_and_rename_may_fail(
    make_gguf: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, code: int
) -> None:
    """SQLite's way: fail call 1, call 2, ... until a run gets through without meeting the fault."""
    source = make_gguf("victim.gguf")
    content = source.read_bytes()
    monkeypatch.setattr(staging, "BLOCK_BYTES", 64 * 1024)
    for nth in range(1, 200):
        data = tmp_path / f"data{nth}"
        if not source.exists():
            source.write_bytes(content)
        with opened(data) as catalogue:
            with monkeypatch.context() as patch:
                count = fail_nth(patch, ("write", "fsync", "link", "ftruncate"), nth, code)
                try:
                    import_model(catalogue, source, how=how)
                    failed = False
                except Error as err:
                    failed = True
                    assert err.kind == ("file-error" if code == errno.EIO else "disk-full")
            assert all(path.read_bytes() == content for path in named(data))
            assert hidden(data) == []
            assert source.exists() or catalogue.list()
            if failed:
                assert catalogue.list() == ()
                import_model(catalogue, source, how=how)  # in the same process, once there is space again
            quick_check(catalogue.default())
            assert len(named(data)) == 1
        if count[0] < nth:
            assert nth > 5, "the fault was met too seldom to prove anything"
            return
    pytest.fail("no run got through")


def test_a_limit_on_file_size_is_told_and_leaves_nothing(source: Path, tmp_path: Path) -> None:
    """A real refusal by the kernel in the middle of a write."""
    limit = source.stat().st_size // 2

    def lower() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    child = start(tmp_path / "data", source, "copy", preexec_fn=lower)
    code, _, err = finish(child)
    assert code == 1 and b"larger than this file system or user may have" in err
    assert named(tmp_path / "data") == [] and hidden(tmp_path / "data") == []


@pytest.mark.parametrize("n_kills", COUNTS)
def test_kill_9_while_a_download_is_written(tmp_path: Path, n_kills: int) -> None:
    """The plan is replaced whole, data only grows: a kill leaves a partial that is listed and can go on."""
    from rushlight.assistant.models.hub import HubFile, HubName
    from rushlight.assistant.models.partials import DownloadFolder, list_partials

    script = (
        "import sys; from pathlib import Path; from rushlight.assistant.paths import Paths\n"
        "from rushlight.assistant.models.hub import HubFile, HubName\n"
        "from rushlight.assistant.models.partials import DownloadFolder\n"
        "d = Path(sys.argv[1]); f = HubFile('x.gguf', 1 << 40, 'a' * 64)\n"
        "folder = DownloadFolder(Paths(d, d, d), 'e', HubName('o', 'r', 'x.gguf'), [f]); print('ready', flush=True)\n"
        "data = folder.part(f).open('ab'); n = 0\n"
        "while True:\n"
        "    n += 1; data.write(bytes(4096)); data.flush(); folder.etags['x.gguf'] = str(n) * 500; folder.save()\n"
    )
    rng = random.Random(7)
    paths = Paths(tmp_path, tmp_path, tmp_path)
    for _ in range(n_kills):
        child = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE)
        assert child.stdout is not None and child.stdout.readline() == b"ready\n"
        time.sleep(rng.random() * 0.05)
        child.kill()
        finish(child)
        (partial,) = list_partials(paths)
        assert partial.name == "hf://o/r/x.gguf" and not partial.running
        json.loads((partial.folder / "download.json").read_bytes())
    folder = DownloadFolder(paths, "e", HubName("o", "r", "x.gguf"), [HubFile("x.gguf", 1 << 40, "a" * 64)])
    assert folder.done_bytes() > 0
    folder.close(remove=True)
    assert list_partials(paths) == ()
