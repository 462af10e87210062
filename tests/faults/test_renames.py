"""Every rename fails in turn, wherever Rushlight gives a finished file its name: an `Error`, nothing half-made, and the
next try works. SQLite's way: fail call 1, call 2, ... until a run gets through without meeting the fault."""

import errno
import importlib.util
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.app import App, open_app
from rushlight.assistant.models import quick_check
from rushlight.assistant.paths import find_paths

pytestmark = pytest.mark.faults

NAMES = ("rename", "replace", "link")
CODES = [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS]
MAX_CALLS = 60


@contextmanager
def failing(nth: int, code: int, names: tuple[str, ...] = NAMES) -> Iterator[list[int]]:
    """The `nth` call of any of these functions of `os` fails. Gives the running count in a list."""
    count, real = [0], {name: getattr(os, name) for name in names}

    def wrapped(name: str) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            count[0] += 1
            if count[0] == nth:
                raise OSError(code, os.strerror(code), str(args[1]))
            return real[name](*args, **options)

        return call

    for name in names:
        setattr(os, name, wrapped(name))
    try:
        yield count
    finally:
        for name, function in real.items():
            setattr(os, name, function)


def each_fails(
    work: Callable[[], object], check: Callable[[bool], None], code: int, *, at_least: int = 1, kinds: set[str]
) -> None:
    """Run `work` with call 1, 2, ... failing; `check(whether it failed)` after each, and once more without a fault."""
    for nth in range(1, MAX_CALLS):
        with failing(nth, code) as count:
            try:
                work()
                failed = False
            except Error as err:
                failed = True
                assert err.message and err.kind in kinds, err
        check(failed)
        if failed:
            work()  # in the same process, once the disk is well again
            check(False)
        if count[0] < nth:
            assert not failed and nth > at_least, "the fault was met too seldom to prove anything"
            return
    raise AssertionError("it renames without end")


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def app(own_home: Path) -> Iterator[App]:
    with open_app() as opened:
        yield opened


FILE_KINDS = {"disk-full", "file-error"}


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("how", ["copy", "move"])
def test_model_imports(app: App, make_gguf: Callable[..., Path], how: str, code: int) -> None:
    from rushlight.assistant.models.importing import import_model

    source = make_gguf("victim.gguf")
    content = source.read_bytes()

    def work() -> None:
        for model in app.models:
            app.catalogue.remove(model.id)
        source.write_bytes(content)
        import_model(app.catalogue, source, how=how)  # type: ignore[arg-type]

    def check(failed: bool) -> None:
        found = files_in(app.paths.models)
        assert all(path.read_bytes() == content for path in found)
        assert len(found) == len(app.models) == (0 if failed else 1)
        if failed:
            assert source.read_bytes() == content, "the only copy is gone"
        else:
            quick_check(app.models[0])

    each_fails(work, check, code, kinds=FILE_KINDS)


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOTSUP])
@pytest.mark.parametrize("fault", CODES)
def test_model_imports_without_hard_links(
    app: App, tiny_gguf: Path, monkeypatch: pytest.MonkeyPatch, code: int, fault: int
) -> None:
    """As on FAT: the name comes by a rename."""
    from rushlight.assistant.models.importing import import_model

    def no_links(*args: object, **options: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", no_links)

    def work() -> None:
        for model in app.models:
            app.catalogue.remove(model.id)
        import_model(app.catalogue, tiny_gguf)

    def check(failed: bool) -> None:
        found = files_in(app.paths.models)
        assert all(path.read_bytes() == tiny_gguf.read_bytes() for path in found)
        assert len(found) == len(app.models) == (0 if failed else 1)

    each_fails(work, check, fault, kinds=FILE_KINDS)


@pytest.mark.parametrize("code", CODES)
def test_split_imports(app: App, gguf_builder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """Parts that were named before the fault are whole, and taken up by the next try."""
    from gguf import GGUFWriter

    from rushlight.assistant.models.importing import import_model

    with monkeypatch.context() as patch:
        patch.setattr(gguf_builder, "GGUFWriter", lambda path, arch: GGUFWriter(path, arch, split_max_tensors=7))
        gguf_builder.tiny_llama_gguf(tmp_path / "big.gguf")
    parts = sorted(tmp_path.glob("big-*.gguf"))
    contents = {part.name: part.read_bytes() for part in parts}

    def work() -> None:
        for model in app.models:
            app.catalogue.remove(model.id)
        import_model(app.catalogue, parts[0])

    def check(failed: bool) -> None:
        found = files_in(app.paths.models)
        assert all(path.read_bytes() == contents[path.name] for path in found)
        if failed:
            assert app.models == () and not any("00001" in path.name for path in found), "it could be opened"
        else:
            assert len(found) == len(parts)

    each_fails(work, check, code, at_least=3, kinds=FILE_KINDS)


@pytest.mark.parametrize("code", CODES)
def test_settings(app: App, code: int) -> None:
    from rushlight.assistant.settings import read_settings
    from rushlight.assistant.settings_file import set_setting

    settings = app.paths.settings
    set_setting(app.paths, "engine.context", 1024)
    before = settings.read_bytes()

    def work() -> None:
        settings.write_bytes(before)
        set_setting(app.paths, "engine.context", 2048)

    def check(failed: bool) -> None:
        assert read_settings(app.paths)[0].number("engine.context") == (1024 if failed else 2048)
        assert not failed or settings.read_bytes() == before
        assert [path.name for path in settings.parent.iterdir() if path.name.endswith(".new")] == []

    each_fails(work, check, code, kinds={"cannot-write"})


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("overwrite", [False, True])
def test_exports(app: App, tmp_path: Path, overwrite: bool, code: int) -> None:
    from rushlight.assistant.chat.exporting import export_file

    made = app.conversations.create("Lamps")
    app.conversations.append(made.id, None, "user", "What is a rushlight?")
    path = tmp_path / "out" / "lamps.md"
    path.parent.mkdir()

    def work() -> None:
        path.unlink(missing_ok=True)
        if overwrite:
            path.write_text("older")
        export_file(app.conversations, path, [made.id], None, overwrite=overwrite)

    def check(failed: bool) -> None:
        assert [one.name for one in path.parent.iterdir() if one != path] == []
        if failed:
            assert path.read_text() == "older" if overwrite else not path.exists()
        else:
            assert "What is a rushlight?" in path.read_text()

    each_fails(work, check, code, kinds={"disk-full", "cannot-write", "file-error", "export-failed"})


@pytest.fixture
def hub() -> Iterator[Any]:
    """The small hub of the models' tests, by path: test folders are no packages."""
    path = Path(__file__).parent.parent / "assistant" / "models" / "conftest.py"
    spec = importlib.util.spec_from_file_location("models_cast", path)
    assert spec is not None and spec.loader is not None
    cast: ModuleType = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["models_cast"] = cast  # dataclasses look their module up there
    spec.loader.exec_module(cast)
    opened = cast.FakeHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (cast._Handler,), {"hub": opened}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    opened.url = f"http://127.0.0.1:{server.server_port}"
    yield opened
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("code", CODES)
def test_downloads(app: App, hub: Any, tiny_gguf: Path, code: int) -> None:
    from rushlight.assistant.models.fetching import fetch_model
    from rushlight.assistant.models.hub import HubName

    hub.files["m.gguf"] = tiny_gguf.read_bytes()

    def work() -> None:
        for model in app.models:
            app.catalogue.remove(model.id)
        fetch_model(app.catalogue, HubName("org", "repo", "m.gguf"), endpoint=hub.url)

    def check(failed: bool) -> None:
        found = files_in(app.paths.models)
        assert all(path.read_bytes() == hub.files["m.gguf"] for path in found)
        assert len(found) == len(app.models) == (0 if failed else 1)
        assert all(path.read_bytes() == hub.files["m.gguf"] for path in app.paths.downloads.rglob("*.gguf")), (
            "incomplete under its final name"
        )
        if not failed:
            assert files_in(app.paths.downloads) == []

    each_fails(work, check, code, at_least=3, kinds=FILE_KINDS)


@pytest.mark.parametrize("code", CODES)
def test_the_record_of_a_host(own_home: Path, code: int) -> None:
    """A host that cannot write where it can be reached says so, and the next start works."""
    from rushlight.assistant.host.record import HostRecord, read_record, write_record

    path = find_paths().host_record
    write_record(path, HostRecord("/old", "t" * 64, 1, "0"))

    def work() -> None:
        try:
            write_record(path, HostRecord("/new", "t" * 64, 1, "0"))
        except OSError as err:  # `server.run` makes this Error of it
            raise Error(str(err), kind="host-failed") from err

    def check(failed: bool) -> None:
        record = read_record(path)
        assert record is not None and record.socket in (("/old", "/new") if failed else ("/new",))
        assert [one.name for one in path.parent.iterdir() if one.name.endswith(".new")] == []

    each_fails(work, check, code, kinds={"host-failed"})


@pytest.mark.parametrize("code", CODES)
def test_a_log_that_cannot_be_begun_anew_is_given_up(tmp_path: Path, code: int) -> None:
    from rushlight.assistant.host.logfile import LogFile

    log = LogFile(tmp_path / "log.txt", max_bytes=200)
    with failing(2, code) as count:
        for number in range(40):
            log.write("test", f"line {number}")
    log.close()
    assert count[0] >= 2 and "line 0" in (tmp_path / "log.txt.1").read_text() + (tmp_path / "log.txt").read_text()
