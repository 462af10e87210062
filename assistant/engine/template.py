"""The one file with jinja2: a chat template becomes text, as Hugging Face's rendering has it.

Knows the environment that model makers write their templates for. It limits nothing: compiling folds constants and
rendering runs the template, so both happen only inside the limited processes of `template_process`, never elsewhere.
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, NoReturn

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment


class TemplateRefused(Exception):
    """The template called `raise_exception`: it was written not to accept this conversation."""


class OutputTooLong(Exception):
    """The text grew beyond the cap that the caller set."""


class _Generation(Extension):
    """`{% generation %}` marks the assistant's text for training. For rendering it is only a scope."""

    tags = {"generation"}  # noqa: RUF012  (jinja2 declares it as a plain set)

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.Scope(body).set_lineno(line)


def _raise_exception(message: object = "") -> NoReturn:
    raise TemplateRefused(str(message))


def _strftime_now(form: str) -> str:
    return datetime.now().strftime(form)


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    # jinja2's own filter escapes < > & for web pages; models were taught plain JSON.
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def compile_template(source: str) -> Callable[[dict[str, Any], int], str]:
    """A function (variables, most bytes of output) -> text. Raises jinja2's errors as they are."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, "jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = _strftime_now
    template = environment.from_string(source)

    def render(variables: dict[str, Any], max_output_bytes: int) -> str:
        pieces: list[str] = []
        size = 0
        for piece in template.generate(variables):
            size += len(piece)
            if size > max_output_bytes:
                raise OutputTooLong
            pieces.append(piece)
        return "".join(pieces)

    return render


def describe(err: BaseException) -> tuple[str, str, int]:
    """(kind, message, line or 0) of what compiling or rendering raised."""
    if isinstance(err, MemoryError):
        return "template-memory", "", 0
    if isinstance(err, OutputTooLong):
        return "template-too-long", "", 0
    if isinstance(err, TemplateRefused):
        return "template-refused", str(err), 0
    if isinstance(err, jinja2.TemplateSyntaxError):
        return "template-error", err.message or "syntax error", err.lineno
    message = f"{type(err).__name__}: {err}" if not isinstance(err, jinja2.TemplateError) else str(err)
    return "template-error", message, _line_of(err)


def _line_of(err: BaseException) -> int:
    """The template's line where a render failed: jinja2 rewrites the traceback so that its frames name it."""
    line, trace = 0, err.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def warm_up() -> None:
    """Load what jinja2 and Python load on first use: the limited process cannot open files any more."""
    import html  # noqa: F401
    import pprint  # noqa: F401
    import random  # noqa: F401
    import urllib.parse  # noqa: F401

    import jinja2.constants
    import jinja2.debug

    sample = (
        "{% for x in xs %}{{ x|trim|title|tojson }}{% endfor %}{{ '<b>'|striptags|e|urlize|wordwrap|pprint }}"
        "{{ strftime_now('%Y-%m-%d %B') }}{{ '%s'|format(1) }}{{ [2, 1]|sort|join|indent }}{{ lipsum(n=1) }}"
        "{{ [1]|random }}{{ 'a b'|urlencode }}{{ 'a,b'.split(',')|map('upper')|list }}{{ 1.5|round }}{{ x.y }}"
    )
    try:
        compile_template(sample)({"xs": ["a"]}, 1 << 20)
    except jinja2.TemplateError:
        pass  # x.y is undefined on purpose: the rewriting of tracebacks is loaded too
