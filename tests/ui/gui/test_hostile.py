"""What a stranger wrote is shown by the window and does nothing: no file it names is touched, no machine is called.

The window runs in a process of its own under strace, once with ordinary texts and once with hostile ones.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rushlight.assistant.app import App
from rushlight.assistant.paths import find_paths
from rushlight.assistant.settings import read_settings

pytestmark = [pytest.mark.strace]

# Of the longest step of a walk past as many harmless texts, in the same run: a machine may be slow, a text may not
# make the window slow.
_SLOWED = 2.0
_WALK = Path(__file__).with_name("hostile_window.py")
_CALL = re.compile(r"^\d+ +(\w+)\((.*)$")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
# What differs from run to run or comes with a script: caches of code, fonts, what the kernel tells.
_ANY = re.compile(
    r"^(/proc/|/sys/|/dev/|/usr/share/fonts|/usr/share/fontconfig|/etc/fonts|/var/cache/fontconfig)|\.py[co]?$"
)


@dataclass
class Seen:
    """What a walk reported and what the kernel was asked meanwhile."""

    report: dict[str, Any]
    paths: set[str]  # named in any call that takes a path
    opened: set[str]
    calls: dict[str, int]
    lines: list[str]


Walk = Callable[[str, tuple[str, ...]], Seen]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that hostile texts name; relative names lead into it as well."""
    found = tmp_path_factory.mktemp("nest")
    (found / "canary.png").write_bytes(bytes.fromhex("89504e470d0a1a0a0000000d49484452"))
    return found


@pytest.fixture
def walk(
    place: Path,
    tmp_path: Path,
    make_gguf: Callable[..., Path],
    hostile_home: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
) -> Walk:
    """walk("name", texts) fills a home with the texts, and walks through the window under strace."""

    def run(name: str, texts: tuple[str, ...]) -> Seen:
        home = tmp_path / name
        home.mkdir()
        monkeypatch.setenv("RUSHLIGHT_HOME", str(home))
        paths = find_paths()
        gguf = make_gguf(f"{name}.gguf", template="{{ '" + repr(texts[-1])[1:-1] + "' }}")
        says, result, trace = tmp_path / f"{name}.json", tmp_path / f"{name}-seen.json", tmp_path / f"{name}.strace"
        with App(paths, read_settings(paths)[0], host="in-process") as app:
            hostile_home.fill(app, texts, gguf, says)
        done = subprocess.run(
            ["strace", "-f", "--seccomp-bpf", "-qq", "-s", "4096", "-o", str(trace),
             "-e", "trace=%file,connect,sendto,sendmsg,sendmmsg,bind",
             sys.executable, "-P", str(_WALK), str(says), str(result)],
            cwd=place, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, capture_output=True, text=True, timeout=900,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        return read_trace(trace, json.loads(result.read_text()), tmp_path)

    return run


def read_trace(trace: Path, report: dict[str, Any], own: Path) -> Seen:
    """Calls by name; paths that are not below `own`, the test's folder."""
    seen = Seen(report, set(), set(), {}, [])
    libraries = tuple({sys.prefix, sys.base_prefix, str(Path(_WALK).parents[3])})
    for line in trace.read_text("utf-8", "replace").splitlines():
        call = _CALL.match(line)
        if call is None or call[1] == "getcwd":
            continue
        seen.calls[call[1]] = seen.calls.get(call[1], 0) + 1
        if call[1] in ("connect", "sendto", "sendmsg", "sendmmsg", "bind", "execve", "execveat"):
            seen.lines.append(line)
            continue
        for named in _STRING.findall(call[2]):
            if named.startswith(str(own)):
                continue
            seen.paths.add(named)
            is_known = _ANY.search(named) or (named.startswith(libraries) and not named.endswith((".png", ".svg")))
            if call[1] in ("open", "openat", "openat2", "creat") and not is_known:
                seen.opened.add(named)
    return seen


@pytest.mark.parametrize(
    ("n_random", "every"),
    [
        pytest.param(40, 12, id="some"),
        pytest.param(5000, 1, id="all", marks=[pytest.mark.slow, pytest.mark.timeout(1800)]),
    ],
)
def test_hostile_text_is_shown_and_does_nothing(
    walk: Callable[[str, tuple[str, ...]], Seen],
    place: Path,
    payloads: ModuleType,
    hostile_home: ModuleType,
    n_random: int,
    every: int,
) -> None:
    texts = payloads.everything(place, n_random, every=every)
    hostile = walk("hostile", texts)
    report = hostile.report
    print({key: report[key] for key in ("n_screens", "n_links", "n_pressed", "longest", "longest_s", "clock")})
    print(f"{len(texts)} texts; {len(hostile.opened)} files opened outside of the libraries; calls {hostile.calls}")

    touched = sorted(path for path in hostile.paths if "canary" in path or path.startswith(("//", "\\\\")))
    assert touched == []
    assert [line for line in hostile.lines if "AF_UNIX" not in line and "execve" not in line] == []
    assert len([line for line in hostile.lines if "execve" in line and "= 0" in line]) == 1  # the walk itself
    assert report["faults"] == []
    assert report["bugs"] == []
    assert report["n_pressed"] > 50
    assert all(one.split(":")[0] in ("http", "https", "mailto") for one in report["asked"])

    harmless = walk("harmless", hostile_home.harmless(200))
    print({key: harmless.report[key] for key in ("longest", "longest_s")})
    assert sorted(hostile.opened - harmless.opened) == []
    assert report["longest_s"] < _SLOWED * harmless.report["longest_s"], report["longest"]


def test_the_trace_would_have_shown_it(tmp_path: Path) -> None:
    """What reads the trace sees a file that is opened, a connection and a program that is started."""
    trace = tmp_path / "trace"
    program = (
        "import os, socket, subprocess\n"
        "os.path.exists('/nowhere/canary.png')\n"
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('127.0.0.1', 9))\n"
        "subprocess.run(['true'])\n"
    )
    subprocess.run(
        ["strace", "-f", "--seccomp-bpf", "-qq", "-s", "4096", "-o", str(trace), "-e",
         "trace=%file,connect,sendto,sendmsg,sendmmsg,bind", sys.executable, "-c", program], check=True,
    )  # fmt: skip
    seen = read_trace(trace, {}, tmp_path)
    assert "/nowhere/canary.png" in seen.paths
    assert any("AF_INET" in line for line in seen.lines)
    assert len([line for line in seen.lines if "execve" in line and "= 0" in line]) == 2


def test_no_markup_goes_to_the_desktop_or_into_a_tip(theme: Any, payloads: ModuleType, tmp_path: Path) -> None:
    """Notifications are drawn by another program, which may fetch what they name."""
    from rushlight.ui.gui.notifications import Notifications
    from rushlight.ui.gui.widgets import IconButton

    said: list[str] = []

    class Tray:
        def showMessage(self, _title: str, words: str, _sign: object) -> None:
            said.append(words)

    notifications = Notifications.__new__(Notifications)
    notifications._tray = Tray()  # type: ignore[assignment]
    button = IconButton(theme, "x", "Close")
    for one in payloads.everything(tmp_path, 200):
        notifications._say_in_tray(one, is_bad=False)
        button.set_name(one, "Ctrl+X")
        assert "<" not in said[-1]
        assert "<" not in button.toolTip()
