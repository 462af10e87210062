"""Templates are rendered as Hugging Face does, within limits, by processes that go when the worker goes."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.engine.template_process import TemplateProcess
from rushlight.assistant.engine.template_renderer import MAX_TEMPLATE_BYTES

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
HELLO = {"messages": [{"role": "user", "content": "Hello"}], "add_generation_prompt": True}
HELLO_TEXT = "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"


@pytest.fixture(scope="module")
def renderer() -> Iterator[TemplateProcess]:
    process = TemplateProcess.start()
    yield process
    process.close()


def kind_of(renderer: TemplateProcess, template: str, **variables: Any) -> Error:
    with pytest.raises(Error) as caught:
        renderer.render(template, variables)
    return caught.value


@pytest.mark.parametrize(
    ("template", "variables", "expected"),
    [
        (CHATML, HELLO, HELLO_TEXT),
        (
            "{% if true %}\n  {% if true %}\n    x\n  {% endif %}\n{% endif %}\n",
            {},
            "    x\n",
        ),  # trim and lstrip blocks
        ("{{ x | tojson }}", {"x": {"b": "<é&'", "a": [1, None, True]}}, '{"b": "<é&\'", "a": [1, null, true]}'),
        ("{{ x | tojson(indent=2) }}", {"x": {"a": 1}}, '{\n  "a": 1\n}'),
        (
            "{{ x | tojson(ensure_ascii=True, separators=(',', ':'), sort_keys=True) }}",
            {"x": {"b": "é", "a": 1}},
            '{"a":1,"b":"\\u00e9"}',
        ),
        (
            "{% for i in range(9) %}{% if i == 1 %}{% continue %}{% endif %}{% if i > 2 %}{% break %}{% endif %}{{ i }}"
            "{% endfor %}",
            {},
            "02",
        ),
        ("a{% generation %}{% set x = 1 %}b{{ x }}{% endgeneration %}c{{ x }}", {}, "ab1c"),
        (
            "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}",
            HELLO,
            "1",
        ),
        ("{% macro f(x) %}[{{ x }}]{% endmacro %}{{ f('a') }}", {}, "[a]"),
        ("{{ x.keys() | list | join(',') }}{{ x.items() | list | length }}", {"x": {"a": 1, "b": 2}}, "a,b2"),
        ("{{ '\\u00fc' }}{{ x }}", {"x": "\U0001f600\ufdd0"}, "ü\U0001f600\ufdd0"),
        ("{{ x }}", {"x": 10**30}, str(10**30)),
        ("{{ missing }}|{{ missing is defined }}", {}, "|False"),
        ("", {}, ""),
    ],
)
def test_rendering(renderer: TemplateProcess, template: str, variables: dict[str, Any], expected: str) -> None:
    assert renderer.render(template, variables) == expected
    assert renderer.render(template, variables) == expected  # from the compiled one


def test_strftime_now_knows_the_local_time(renderer: TemplateProcess) -> None:
    before = datetime.now().strftime("%d %b %Y %H:%M")
    assert renderer.render("{{ strftime_now('%d %b %Y %H:%M') }}", {}) in (
        before,
        datetime.now().strftime("%d %b %Y %H:%M"),
    )


def test_a_refusal_carries_the_template_s_words(renderer: TemplateProcess) -> None:
    error = kind_of(renderer, "{{ raise_exception('Roles must alternate') }}")
    assert error.kind == "template-refused"
    assert error.message == "The model's chat template refuses this conversation: Roles must alternate"


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("\n{% foo %}", "(line 2): Encountered unknown tag 'foo'"),
        ("{{ a", "(line 1): unexpected end of template"),
        ("x\n\n{{ a.b.c }}", "(line 3): 'a' is undefined"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ("{{ 'a' + 1 }}", "TypeError"),
        ("{% include 'x' %}", "no loader"),
        ("{{ x.append(1) }}", "unsafe"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "RecursionError"),
        ("{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}", "RecursionError"),
    ],
)
def test_broken_templates_name_line_and_cause(renderer: TemplateProcess, template: str, words: str) -> None:
    error = kind_of(renderer, template, x=[1])
    assert error.kind == "template-error"
    assert words in error.message
    assert renderer.render(CHATML, HELLO) == HELLO_TEXT


def test_caps(renderer: TemplateProcess) -> None:
    start = time.monotonic()
    assert kind_of(renderer, "{{ 'a' * 10**9 }}").kind == "template-memory"
    assert kind_of(renderer, "x" * (MAX_TEMPLATE_BYTES + 1)).kind == "template-too-long"
    assert kind_of(renderer, "{% for i in range(9999) %}{{ 'a' * 9999 }}{% endfor %}").kind == "template-too-long"
    assert kind_of(renderer, "{{ 'é' * 9999999 }}").kind == "template-too-long"  # in bytes
    assert (
        kind_of(renderer, "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}").kind
        == "template-timeout"
    )
    assert time.monotonic() - start < 6
    assert renderer.render(CHATML, HELLO) == HELLO_TEXT


def test_an_own_output_cap() -> None:
    process = TemplateProcess.start(max_output_bytes=100)
    try:
        assert process.render("{{ 'a' * 100 }}", {}) == "a" * 100
        assert kind_of(process, "{{ 'a' * 101 }}").kind == "template-too-long"
    finally:
        process.close()


def test_the_output_may_be_about_four_times_the_input(renderer: TemplateProcess) -> None:
    content = "x" * 200_000
    assert len(renderer.render("{{ c }}{{ c }}{{ c }}{{ c }}", {"c": content})) == 800_000
    error = kind_of(renderer, "{% for i in range(6) %}{{ c }}{% endfor %}", c=content)
    assert error.kind == "template-too-long"
    assert "more than 1062" in error.message


def test_values_that_are_no_json_are_refused(renderer: TemplateProcess) -> None:
    assert kind_of(renderer, "", x=object()).kind == "bad-request"
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert kind_of(renderer, "", x=deep).kind == "bad-request"
    while deep:  # taken apart by hand: so deep a list would overflow the stack when freed
        deep = deep[0]


def test_large_conversations_pass(renderer: TemplateProcess) -> None:
    content = "word é " * 400_000  # larger than any socket buffer, both ways
    text = renderer.render("{{ messages[0].content }}", {"messages": [{"content": content}]})
    assert text == content


def test_the_next_render_works_after_the_renderer_was_killed() -> None:
    process = TemplateProcess.start()
    try:
        for _ in range(3):
            assert process.render(CHATML, HELLO) == HELLO_TEXT
            os.kill(process.pid, signal.SIGKILL)
            assert process.render(CHATML, HELLO) == HELLO_TEXT
    finally:
        process.close()
    assert_gone(process.pid)


def test_a_killed_holder_is_replaced(renderer: TemplateProcess) -> None:
    assert renderer.render(CHATML, HELLO) == HELLO_TEXT
    for pid in children_of(renderer.pid):
        os.kill(pid, signal.SIGKILL)
    assert renderer.render(CHATML, HELLO) == HELLO_TEXT


def test_holders_are_few_and_renewed(renderer: TemplateProcess) -> None:
    for number in range(12):
        assert renderer.render(f"{number}" + "{{ x }}", {"x": "!"}) == f"{number}!"
    assert len(children_of(renderer.pid)) <= 3


def test_from_several_threads(renderer: TemplateProcess) -> None:
    wrong: list[str] = []

    def work(name: str) -> None:
        for number in range(10):
            text = renderer.render("{{ x }}", {"x": f"{name}{number}"})
            if text != f"{name}{number}":
                wrong.append(text)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_where_threads_exist_it_is_spawned() -> None:
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    try:
        process = TemplateProcess.start()
        try:
            assert process.render(CHATML, HELLO) == HELLO_TEXT
            if sys.platform == "linux":  # read only now: before its exec is through, the line is empty
                assert b"template_process" in Path(f"/proc/{process.pid}/cmdline").read_bytes()
        finally:
            process.close()
    finally:
        over.set()
        thread.join()
    assert_gone(process.pid)


def test_close_ends_everything_and_rendering() -> None:
    process = TemplateProcess.start()
    process.render(CHATML, HELLO)
    pids = [process.pid, *children_of(process.pid)]
    process.close()
    process.close()
    for pid in pids:
        assert_gone(pid)
    assert kind_of(process, CHATML).kind == "closed"


WORKER = """
import sys, time
from rushlight.assistant.engine.template_process import TemplateProcess
renderer = TemplateProcess.start()
assert "jinja2" not in sys.modules
print(renderer.render("{{ x }}", {"x": renderer.pid}), flush=True)
if sys.argv[1] == "busy":
    print("busy", flush=True)
    renderer.render("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", {})
time.sleep(60)
"""


@pytest.mark.parametrize("state", ["idle", "busy"])
def test_it_dies_with_its_worker(state: str) -> None:
    worker = subprocess.Popen([sys.executable, "-c", WORKER, state], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    pid = int(worker.stdout.readline())
    if state == "busy":
        assert worker.stdout.readline() == "busy\n"
        time.sleep(0.2)
    pids = [pid, *children_of(pid)]
    assert len(pids) > 1
    worker.kill()
    worker.wait()
    worker.stdout.close()
    for process in pids:
        assert_gone(process)


def test_a_warm_render_is_quick(renderer: TemplateProcess) -> None:
    renderer.render(CHATML, HELLO)
    times = []
    for _ in range(30):
        start = time.perf_counter()
        renderer.render(CHATML, HELLO)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.02  # 3 ms where nothing else runs


def children_of(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in path.read_text().split()] if path.exists() else []


def assert_gone(pid: int, within_s: float = 4) -> None:
    """The process has ended (one that nobody has waited for counts as ended)."""

    def is_gone() -> bool:
        try:
            return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return True

    wait_until(is_gone, within_s)


def wait_until(condition: Callable[[], bool], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
