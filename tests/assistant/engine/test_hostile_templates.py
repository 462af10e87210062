"""A model whose chat template is a bomb, an escape or broken: a real worker loads it in time and answers."""

import json
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rushlight import Error, Stop
from rushlight.assistant.engine.frames import Ready
from rushlight.assistant.engine.request import GenerateRequest, LoadSettings, Message, TokenizeRequest
from rushlight.assistant.events import Event, Finished, Notice

pytestmark = pytest.mark.faults

HELLO = (Message("user", "Hello"),)
LOAD_LIMIT_S = 5.0  # of a template's 3 s, starting a process and opening a file of half a megabyte the rest

BOMBS = {
    "repeat": ("{{ 'a' * 10**9 }}", "512 MiB"),
    "nested ranges": ("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", "2 seconds"),
    "center": ("{{ ''|center(1900000000) }}", "512 MiB"),
    "format": ("{{ '%1000000000d'|format(1) }}", "512 MiB"),
    "power": ("{{ 9 ** (9 ** 9) }}", "2 seconds"),
    "output": ("{% for i in range(99999) %}{% for m in messages %}{{ 'x' * 99999 }}{% endfor %}{% endfor %}", "bytes"),
}
BROKEN = {
    "unknown tag": (b"{% frobnicate %}", "unknown tag 'frobnicate'"),
    "syntax error": (b"{{ messages[", "broken (line 1)"),
    "empty": (b"", "is empty"),
    "not UTF-8": (b"{{ messages[0].content }} \xff\xfe", "no UTF-8 text"),
    "refuses": (b"{{ raise_exception('no') }}", "refuses"),
}


def with_template(path: Path, template: bytes, builder: ModuleType) -> Path:
    """A tiny model with these very bytes as its template."""
    builder.tiny_llama_gguf(path)
    raw = builder.raw_file(path)
    raw.set("tokenizer.chat_template", 8, struct.pack("<Q", len(template)) + template)
    written: Path = raw.write(path)
    return written


def events_of(worker: Any, **options: Any) -> list[Event]:
    with worker.client() as client:
        return list(client.generate(GenerateRequest(messages=HELLO, max_tokens=2, **options), Stop()))


def programs_below(pid: int) -> set[str]:
    """What the processes run that this one has started, and those that they have started."""
    found: set[str] = set()
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        try:
            children = [word for task in Path(f"/proc/{parent}/task").iterdir()
                        for word in (task / "children").read_text().split()]  # fmt: skip
            found.update(str(Path(f"/proc/{child}/exe").readlink()) for child in children)
        except (FileNotFoundError, ProcessLookupError):
            continue  # one that answered has just ended
        waiting += [int(child) for child in children]
    return found


def assert_usable_with_fallback(worker: Any, ready: object, words: str) -> None:
    assert isinstance(ready, Ready), ready
    assert ready.template == "chatml"
    for _ in range(2):
        notice, *_, last = events_of(worker)
        assert isinstance(notice, Notice)
        assert notice.kind == "template-replaced"
        assert words in notice.text
        assert "chatml" in notice.text
        assert isinstance(last, Finished)


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(name: str, gguf_builder: ModuleType, start_worker: Callable[..., Any], tmp_path: Path) -> None:
    template, words = BOMBS[name]
    path = with_template(tmp_path / "bomb.gguf", template.encode(), gguf_builder)
    start = time.monotonic()
    worker = start_worker(LoadSettings(path=str(path), n_threads=1))
    try:
        ready = worker.first_word()
        assert time.monotonic() - start < LOAD_LIMIT_S
        assert_usable_with_fallback(worker, ready, words)
    finally:
        worker.close()


@pytest.mark.parametrize("name", BROKEN)
def test_broken_templates(
    name: str, gguf_builder: ModuleType, start_worker: Callable[..., Any], tmp_path: Path
) -> None:
    template, words = BROKEN[name]
    path = with_template(tmp_path / "broken.gguf", template, gguf_builder)
    worker = start_worker(LoadSettings(path=str(path), n_threads=1))
    try:
        assert_usable_with_fallback(worker, worker.first_word(), words)
    finally:
        worker.close()


def test_a_bomb_that_waits_for_a_conversation(
    gguf_builder: ModuleType, start_worker: Callable[..., Any], tmp_path: Path
) -> None:
    """It greets well, so it is kept; a longer conversation sets it off, and the next question is answered."""
    template = (
        "{% for m in messages %}{{ m.content }}{% endfor %}{% if messages|length > 1 %}{% for i in range(99999) %}"
        "{% for j in range(99999) %}{% endfor %}{% endfor %}{% endif %}"
    )
    path = with_template(tmp_path / "bomb.gguf", template.encode(), gguf_builder)
    worker = start_worker(LoadSettings(path=str(path), n_threads=1))
    try:
        ready = worker.first_word()
        assert isinstance(ready, Ready)
        assert ready.template == "file"
        for _ in range(2):
            with worker.client() as client:
                start = time.monotonic()
                with pytest.raises(Error) as caught:
                    client.tokenize(TokenizeRequest(messages=(*HELLO, Message("assistant", "Hi"), *HELLO)))
                assert time.monotonic() - start < 3.0
                assert caught.value.kind == "template-timeout"
                assert caught.value.hint
            assert isinstance(events_of(worker)[-1], Finished)
    finally:
        worker.close()


# Each creates the file CANARY where jinja2 renders it without its sandbox: that is checked below, too.
SHELL, OPEN = "system('touch CANARY')", "open('CANARY', 'w')"
SUBCLASSES = "().__class__.__base__.__subclasses__()"
ESCAPES = (
    "{{ cycler.__init__.__globals__.os." + SHELL + " }}",
    "{{ joiner.__init__.__globals__.os.popen('touch CANARY').read() }}",
    "{{ namespace.__init__.__globals__.os." + SHELL + " }}",
    "{{ lipsum.__globals__.os." + SHELL + " }}",
    "{{ lipsum.__globals__['__builtins__']." + OPEN + " }}",
    "{{ lipsum['__glo' ~ 'bals__']['os']." + SHELL + " }}",
    "{{ lipsum['\\x5f\\x5fglobals\\x5f\\x5f'].os." + SHELL + " }}",
    "{{ (lipsum|attr('__globals__')).os." + SHELL + " }}",
    "{{ lipsum|attr('__globals__')|attr('__getitem__')('os')|attr('system')('touch CANARY') }}",
    "{% for g in [lipsum]|map(attribute='__globals__') %}{{ g.os." + SHELL + " }}{% endfor %}",
    "{% for g in [lipsum]|map('attr', '__globals__') %}{{ g.os." + SHELL + " }}{% endfor %}",
    "{{ ([lipsum]|groupby('__globals__.os')|first).grouper." + SHELL + " }}",
    "{{ self.__init__.__globals__.__builtins__." + OPEN + " }}",
    "{{ self._TemplateReference__context.resolve('lipsum').__globals__.os." + SHELL + " }}",
    "{{ raise_exception.__globals__.__builtins__." + OPEN + " }}",
    "{{ raise_exception.__globals__.__builtins__.__import__('os')." + SHELL + " }}",
    "{% for c in " + SUBCLASSES + " if c.__name__ == '_wrap_close' %}{{ c.__init__.__globals__." + SHELL
    + " }}{% endfor %}",
    "{% for c in ''.__class__.__mro__[1].__subclasses__() if c.__name__ == 'Popen' %}"
    "{{ c(['touch', 'CANARY']).wait() }}{% endfor %}",
    "{% for c in dict.__base__.__subclasses__() if c.__name__ == '_wrap_close' %}{{ c.__init__.__globals__['popen']"
    "('touch CANARY').read() }}{% endfor %}",
    "{{ (messages|map('string')).gi_frame.f_globals.__builtins__." + OPEN + " }}",
    "{% for x in [1] %}{{ loop.__init__.__globals__.sys.modules.os." + SHELL + " }}{% endfor %}",
    "{% macro m() %}{% endmacro %}{{ m.__init__.__globals__.sys.modules.os." + SHELL + " }}",
    "{% macro m() %}{% endmacro %}{{ m._invoke.__globals__.__builtins__." + OPEN + " }}",
    "{% set f = cycler('a').next.__func__ %}{{ f.__globals__.os." + SHELL + " }}",
)  # fmt: skip

UNSAFE = """
import json, subprocess, sys
from jinja2 import Environment
def raise_exception(message): raise ValueError(message)
environment = Environment()
environment.globals["raise_exception"] = raise_exception
for source in json.load(sys.stdin):
    try:
        environment.from_string(source).render(messages=[{"role": "user", "content": "Hello"}])
    except Exception as err:
        print(source, repr(err))
"""


def test_each_escape_works_without_the_sandbox(tmp_path: Path) -> None:
    """Else they would prove nothing."""
    sources = [escape.replace("CANARY", str(tmp_path / str(n))) for n, escape in enumerate(ESCAPES)]
    done = subprocess.run(
        [sys.executable, "-c", UNSAFE], input=json.dumps(sources), capture_output=True, text=True, timeout=60
    )
    assert {file.name for file in tmp_path.iterdir()} == {str(n) for n in range(len(ESCAPES))}, done.stdout


def test_escapes(gguf_builder: ModuleType, start_worker: Callable[..., Any], tmp_path: Path) -> None:
    """As the template of a file, before and after a good text: nothing runs, nothing is written, the model answers."""
    canaries = tmp_path / "canaries"
    canaries.mkdir()
    path = tmp_path / "escape.gguf"
    gguf_builder.tiny_llama_gguf(path)
    for number, escape in enumerate(ESCAPES):
        source = "{{ messages[0].content }}" + escape.replace("CANARY", str(canaries / str(number)))
        with_template(path, source.encode(), gguf_builder)
        worker = start_worker(LoadSettings(path=str(path), n_threads=1))
        try:
            ready = worker.first_word()
            assert isinstance(ready, Ready), ready
            *_, last = events_of(worker)
            assert isinstance(last, Finished)
            assert programs_below(worker.pid) <= {str(Path(sys.executable).resolve())}, escape
        finally:
            worker.close()
        assert not list(canaries.iterdir()), escape
