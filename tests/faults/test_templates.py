"""Templates from strangers: bombs end in time, escapes reach nothing, and the next render works."""

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.engine.fallback_templates import FORMATS, choose_template
from rushlight.assistant.engine.template_process import TemplateProcess

pytestmark = pytest.mark.faults

HELLO: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello"}], "add_generation_prompt": False}
CHATML = FORMATS["chatml"]
LIMIT_S = 3.0


@pytest.fixture(scope="module")
def renderer() -> Iterator[TemplateProcess]:
    process = TemplateProcess.start()
    yield process
    process.close()


def outcome(renderer: TemplateProcess, template: str) -> str:
    """The text, or the kind of the error; at most 3 s, and the next conversation works."""
    start = time.monotonic()
    try:
        result = renderer.render(template, HELLO)
    except Error as err:
        assert err.message
        assert err.hint
        result = err.kind
    assert time.monotonic() - start < LIMIT_S
    assert "Hello" in renderer.render(CHATML, HELLO)
    return result


BOMBS = {
    "repeat": "{{ 'a' * 10**9 }}",
    "nested ranges": "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "center": "{{ '' | center(1900000000) }}",
    "format": "{{ '%1000000000d' | format(1) }}",
    "macro recursion": "{% macro f(n) %}{{ f(n + 1) }}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}",
    "replace": "{% set ns = namespace(x='a' * 9999) %}{% for i in range(99) %}"
    "{% set ns.x = ns.x | replace('a', 'aa') %}"
    "{% endfor %}{{ ns.x }}",
    # Beyond the six of threats.md.
    "power": "{{ 9 ** (9 ** 9) }}",
    "list": "{{ [[0] * 99999999] * 99 }}",
    "product": "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}"
    "{{ ns.x }}",
    "endless output": "{% for i in range(99999) %}{% for m in messages %}{{ 'x' * 99999 }}{% endfor %}{% endfor %}",
    "deep expression": "{{ " + "-" * 60_000 + "1 }}",
    "deep blocks": "{% if 1 %}" * 3000 + "{% endif %}" * 3000,
    "deep call": "{{ " + "[" * 30_000 + "]" * 30_000 + " }}",
    "lipsum": "{{ lipsum(n=99999999) }}",
    "sort": "{{ range(99999) | map('string') | sort | batch(2) | list | string * 999 }}",
    "joined dots": "{{ ('a@' * 999999) | urlize | urlize | wordwrap(1) | indent(99999999) }}",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(renderer: TemplateProcess, name: str) -> None:
    result = outcome(renderer, BOMBS[name])
    assert result in ("template-timeout", "template-memory", "template-error", "template-too-long"), result[:100]


def test_a_bomb_does_not_keep_a_model_from_being_used(renderer: TemplateProcess) -> None:
    class Words:
        special_texts = frozenset({"<|im_start|>", "<|im_end|>"})
        bos_text = eos_text = ""
        add_bos = False

    chosen = choose_template(BOMBS["nested ranges"], Words(), renderer)
    assert chosen.source == "chatml"
    assert chosen.notice is not None
    assert "2 seconds" in chosen.notice.text


# Ways from a harmless value to a function that runs something. CANARY stands for a file that must not appear.
WALKS = (
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ().__class__.__base__.__subclasses__()[100].__init__.__globals__['os'].system('touch CANARY') }}",
    "{{ cycler.__init__.__globals__.os.popen('touch CANARY').read() }}",
    "{{ joiner.__init__.__globals__.os.system('touch CANARY') }}",
    "{{ namespace.__init__.__globals__.os.system('touch CANARY') }}",
    "{{ lipsum.__globals__['os'].popen('touch CANARY') }}",
    "{{ raise_exception.__globals__['__builtins__']['open']('CANARY', 'w') }}",
    "{{ strftime_now.__globals__.__builtins__.open('CANARY', 'w') }}",
    "{{ strftime_now.__code__.co_consts }}{{ strftime_now.__closure__ }}",
    "{{ self.__init__.__globals__.__builtins__.__import__('os').system('touch CANARY') }}",
    "{{ self._TemplateReference__context.environment.from_string('x') }}",
    "{{ messages.__class__.__init__.__globals__ }}",
    "{{ messages[0].items.__self__.__class__ }}",
    "{{ ''|attr('__class__')|attr('__mro__')|attr('__getitem__')(1) }}",
    "{{ ''['__cl' ~ 'ass__']['__m' ~ 'ro__'] }}",
    "{{ '{0.__class__.__init__.__globals__}'.format(cycler) }}",
    "{{ '{x.__class__.__mro__}'.format_map({'x': ''}) }}",
    "{{ ('%s' | format)(''.__class__) }}{{ [''] | map(attribute='__class__') | list }}",
    "{{ [''] | map('attr', '__class__') | map('attr', '__base__') | list }}",
    "{% set f = ''.format %}{{ f.__self__ }}{{ f.__func__.__globals__ }}",
    "{{ (messages | groupby('__class__') | list)[0].grouper.__subclasses__() }}",
    "{% for x in (1,).__iter__.__self__.__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
    "{{ dict.__base__.__subclasses__() }}{{ dict(a=1).__class__.__bases__ }}",
    "{% macro m() %}{% endmacro %}{{ m.__init__.__globals__ }}{{ m._environment.globals }}{{ caller.__globals__ }}",
    "{{ range.__init__.__objclass__ }}{{ (range(3)|batch(1)).gi_frame.f_globals.__builtins__.open('CANARY', 'w') }}",
    "{{ namespace(__class__=1).__class__ }}{{ cycler('a').next.__func__.__globals__.os.system('touch CANARY') }}",
    "{% import 'os' as os %}{{ os.system('touch CANARY') }}",
    "{% include '/etc/passwd' %}",
    "{% extends '/etc/passwd' %}",
    "{{ ''.join.__self__.__class__ }}{{ x.__class__.__init__.__globals__.sys.modules.os.system('touch CANARY') }}",
)
# What a walk must not get hold of: the printed form of classes, modules and functions.
FORBIDDEN = ("<class", "<module", "<function", "<built-in", "root:", "'os'", "__builtins__")


@pytest.mark.parametrize("walk", WALKS)
def test_escapes(renderer: TemplateProcess, walk: str, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    before = children_of(renderer.pid)
    result = outcome(renderer, walk.replace("CANARY", str(canary)))
    assert not any(word in result for word in FORBIDDEN), result[:300]
    assert not canary.exists()
    assert len(children_of(renderer.pid)) <= max(3, len(before))
    deadline = time.monotonic() + 2  # the child that answered ends by itself, a moment after its answer
    while any(children_of(holder) for holder in children_of(renderer.pid)):
        assert time.monotonic() < deadline


def test_the_limited_process_could_open_nothing_anyway(renderer: TemplateProcess, tmp_path: Path) -> None:
    """Its own limits, as the kernel states them: the sandbox of jinja2 is not the only wall."""
    renderer.render(CHATML, HELLO)
    (holder, *_) = children_of(renderer.pid)
    limits = Path(f"/proc/{holder}/limits").read_text().splitlines()
    values = {line[:26].strip(): line[26:].split() for line in limits[1:]}
    assert values["Max open files"][:2] == ["0", "0"]
    assert values["Max file size"][:2] == ["0", "0"]
    assert values["Max core file size"][:2] == ["0", "0"]
    assert values["Max cpu time"][:2] == ["2", "3"]
    assert values["Max address space"][:2] == [str(512 << 20)] * 2
    assert sorted(os.listdir(f"/proc/{holder}/fd")) == ["0", "1", "2"]  # noqa: PTH208


def test_mutated_templates(renderer: TemplateProcess) -> None:
    """Whatever a byte more or less does to a template, it is text or one of the named errors."""
    source = (
        FORMATS["llama2"] + FORMATS["command-r"] + "{% macro f(x) %}{{ x | tojson }}{% endmacro %}{{ f(messages) }}"
    )
    chance = random.Random(7)
    snippets = ["{%", "%}", "{{", "}}", "{#", "-", "|", "(", "[", "'", "loop", "range(9)", "**", "\x00", "é", "endfor"]
    for _ in range(150):
        text = source
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(text))
            text = text[:place] + chance.choice(snippets) + text[place + chance.randint(0, 3) :]
        try:
            renderer.render(text, HELLO)
        except Error as err:
            assert err.kind.startswith("template-")
            assert "process" not in err.message  # none crashed it
    assert "Hello" in renderer.render(CHATML, HELLO)


def test_kills_at_random_moments(renderer: TemplateProcess) -> None:
    """Thirty times the renderer or a holder of it is killed, before a render or in the middle of one."""
    import threading

    chance = random.Random(11)
    slow = "{% for i in range(30000) %}{{ loop.index % 7 }}{% endfor %}"
    expected = "".join(str(i % 7) for i in range(1, 30001))
    n_killed_within = 0
    for _ in range(30):
        victims = [renderer.pid, *children_of(renderer.pid)]
        victim = chance.choice(victims)
        timer = threading.Timer(chance.uniform(0, 0.02), lambda victim=victim: kill(victim))
        timer.start()
        try:
            assert renderer.render(slow, HELLO) == expected
        except Error as err:
            n_killed_within += 1  # killed while it rendered: named, not hidden
            assert err.kind == "template-error"
        timer.join()
        assert renderer.render(CHATML, HELLO).count("Hello") == 1
    assert n_killed_within < 30


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def children_of(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
