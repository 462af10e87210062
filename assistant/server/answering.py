"""One chat request to its pieces: text, thoughts and calls of tools, for any interface.

Knows requests in our own terms and engines; knows no HTTP. A call of a tool is made in steps, each an answer of its
own that goes on from the last and costs a few tokens of prefill: what is said before it ends at the mark of a call;
then the name is chosen among the tools, then the arguments are written under the tool's schema. So a call is valid
JSON for its schema with every model, and the way in which the model itself writes calls is kept.
"""

import json
import re
import secrets
from collections.abc import Generator, Iterator

from msgspec.structs import replace

from rushlight import Error, Progress, Stop
from rushlight.assistant.app import App
from rushlight.assistant.ask_options import AskOptions
from rushlight.assistant.engine.request import GenerateRequest, Grammar, Message
from rushlight.assistant.events import Finished, Notice, ReasoningDelta, TextDelta, Usage
from rushlight.assistant.server import remote_answering
from rushlight.assistant.server.engine_use import EngineUse
from rushlight.assistant.server.errors import bad
from rushlight.assistant.server.model_names import Named, adapters
from rushlight.assistant.server.pieces import (
    CallArguments,
    CallStarted,
    ChatAsk,
    Ended,
    Noted,
    Piece,
    Text,
    Thought,
    Tool,
)
from rushlight.assistant.server.service import Loading
from rushlight.assistant.server.templates import template_of
from rushlight.assistant.server.tool_forms import ToolForm, find_form, told, tools_json
from rushlight.assistant.server.tool_schema import bounded, loosened

MAX_CALLS = 16  # of one answer
_BETWEEN_CALLS = 12  # tokens in which a further call must announce itself
_NAME_TOKENS = 24  # in which an object must name its tool


def answer(app: App, named: Named, ask: ChatAsk, stop: Stop, loading: Loading) -> Iterator[Piece]:
    """The pieces of every choice, one choice after the other; each ends with `Ended`."""
    if named.model.is_remote:
        yield from remote_answering.answer(app, named, ask, stop)
        return
    lora = (*named.lora, *adapters(app.paths, ask.lora))
    engine = EngineUse(app, named.model, stop, loading)
    form = find_form(template_of(named.model) if ask.tools or _has_calls(ask.messages) else "")
    tools = () if ask.tool_choice.kind == "none" else ask.tools
    base = app.request(
        told(form, ask.messages, tools),
        named.model,
        system="",
        options=AskOptions(sampling=ask.sampling),
        grammar=None if tools else ask.grammar,
        stop_strings=ask.stop,
        logprobs=ask.logprobs,
        lora=lora,
    )
    base = replace(
        base,
        max_tokens=ask.max_tokens,
        reasoning=ask.reasoning,
        template_options=ask.template_options,
        continue_final=ask.continue_final,
        cache_prompt=ask.cache_prompt,
        tools=tools_json(tools) if tools and form.told_by_template else "",
    )
    for choice in range(ask.n):
        request = base
        if choice and base.sampling.seed >= 0:  # each choice its own, all of them the same again with the same seed
            request = replace(base, sampling=replace(base.sampling, seed=(base.sampling.seed + choice) % (2**32 - 1)))
        yield from _Choice(engine, request, ask, tools, form, choice).pieces()


def _has_calls(messages: tuple[Message, ...]) -> bool:
    return any(message.tool_calls or message.role == "tool" for message in messages)


class _Choice:
    """The state of one choice."""

    def __init__(
        self,
        engine: EngineUse,
        request: GenerateRequest,
        ask: ChatAsk,
        tools: tuple[Tool, ...],
        form: ToolForm,
        index: int,
    ) -> None:
        self._engine = engine
        self._request = request
        self._ask = ask
        self._tools = tools
        self._form = form
        self._index = index
        self._content = ""  # the turn so far, as the model sees it
        self._thoughts = ""
        self._chosen: Tool | None = None  # that the model has named already
        self._usage: Usage | None = None

    def pieces(self) -> Iterator[Piece]:
        if not self._tools:
            finished = yield from self._say(self._request)
            yield self._ended(finished.reason, finished.stop_string)
            return
        if self._ask.tool_choice.kind == "auto":
            end = yield from self._until_call()
            if end is not None:
                yield self._ended(end.reason, end.stop_string)
                return
        elif self._ask.continue_final:
            self._content = self._request.messages[-1].content
        yield from self._calls()

    # --- saying -------------------------------------------------------------------------------------------------
    def _say(self, request: GenerateRequest) -> Generator[Piece, None, Finished]:
        """Pass on what the engine says; returns how it ended."""
        finished = Finished("stop")
        for event in self._engine.generate(request):
            match event:
                case TextDelta():
                    self._content += event.text
                    yield Text(self._index, event.text, event.logprobs)
                case ReasoningDelta():
                    self._thoughts += event.text
                    yield Thought(self._index, event.text)
                case Notice():
                    yield Noted(event.kind)
                case Usage():
                    self._add(event)
                case Finished():
                    finished = event
                case Progress():
                    pass
                case _:
                    raise AssertionError(event)
        return finished

    def _until_call(self) -> Generator[Piece, None, Finished | None]:
        """Say what the model says; None where it then announced a call, else how it ended."""
        form = self._form
        marks = (*form.marks, *form.lead_marks)
        if self._ask.continue_final:
            self._content = self._request.messages[-1].content
        request = replace(self._request, stop=(*self._request.stop, *marks))
        while True:
            left = self._left()
            if left == 0:
                return Finished("length")
            finished = yield from self._say(replace(request, max_tokens=left))
            mark = finished.stop_string
            if not mark and finished.reason == "stop" and self._called_in_thoughts():
                return None
            if mark not in marks or mark in self._request.stop:
                return finished
            if mark in form.marks:
                return None
            if not self._content.strip() and (yield from self._names_a_tool(mark)):
                return None
            # It belongs to what is said. Go on behind it.
            self._content += mark
            yield Text(self._index, mark)
            request = self._going_on("", request.stop)

    def _called_in_thoughts(self) -> bool:
        """Whether it ended with a call and no answer, from thoughts that it never closed: some models do."""
        place = max((self._thoughts.rfind(mark) for mark in self._form.marks), default=-1)
        if place < 0 or self._content.strip():
            return False
        self._thoughts = self._thoughts[:place].rstrip()
        return True

    def _names_a_tool(self, mark: str) -> Generator[Piece, None, bool]:
        """Whether an object that the answer begins with goes on like a call: with the name of a tool."""
        left = self._left()
        text, _finished = yield from self._quietly(
            replace(self._going_on(mark, ()), max_tokens=_NAME_TOKENS if left < 0 else min(left, _NAME_TOKENS))
        )
        name = re.match(r'\s*"([^"]*)"', text)
        self._chosen = next((tool for tool in self._tools if name and tool.name == name[1]), None)
        return self._chosen is not None

    # --- calls --------------------------------------------------------------------------------------------------
    def _calls(self) -> Iterator[Piece]:
        choice = self._ask.tool_choice
        may_repeat = self._ask.is_parallel and self._form.can_repeat and choice.kind != "named"
        n_calls = 0
        while True:
            if self._left() == 0:
                yield self._ended("length")
                return
            tool = yield from self._named_tool()
            if tool is None:
                yield self._ended("length")
                return
            yield CallStarted(self._index, n_calls, f"call_{secrets.token_hex(12)}", tool.name)
            arguments = yield from self._arguments(tool, n_calls)
            if arguments is None:
                yield self._ended("length")
                return
            self._content += self._form.written(tool.name, arguments)
            n_calls += 1
            if not may_repeat or n_calls >= MAX_CALLS or not (yield from self._announces_another()):
                yield self._ended("tool_calls")
                return

    def _named_tool(self) -> Generator[Piece, None, Tool | None]:
        """The tool that is called: named by the client, the only one, or chosen by the model. None: no room left."""
        choice = self._ask.tool_choice
        if choice.kind == "named":
            found = next((tool for tool in self._tools if tool.name == choice.name), None)
            if found is None:
                raise bad(f"tool_choice names {choice.name[:80]!r}, which is not among the tools.", param="tool_choice")
            return found
        if len(self._tools) == 1:
            return self._tools[0]
        if self._chosen is not None:
            chosen, self._chosen = self._chosen, None
            return chosen
        names = {"enum": [tool.name for tool in self._tools]}
        text, finished = yield from self._quietly(
            self._going_on(self._form.opener, (), Grammar("json_schema", json.dumps(names)))
        )
        if finished.reason == "length":
            return None
        name = json.loads(text)
        return next(tool for tool in self._tools if tool.name == name)

    def _arguments(self, tool: Tool, call: int) -> Generator[Piece, None, str | None]:
        """The arguments of a call, said as they come. None: they did not end."""
        if not tool.parameters or tool.parameters == {"type": "object", "properties": {}}:
            yield CallArguments(self._index, call, "{}")
            return "{}"
        head = f"{self._form.opener}{json.dumps(tool.name, ensure_ascii=False)}{self._form.middle}"
        for schema in _schemas(tool):
            request = self._going_on(head, (), Grammar("json_schema", json.dumps(schema)))
            said = ""
            finished: Finished | None = None
            try:
                for event in self._engine.generate(request):
                    if isinstance(event, TextDelta):
                        said += event.text
                        if event.text:
                            yield CallArguments(self._index, call, event.text)
                    elif isinstance(event, Usage):
                        self._add(event)
                    elif isinstance(event, Finished):
                        finished = event
            except Error as err:
                if said or tool.strict or err.kind != "bad-grammar" or schema == {"type": "object"}:
                    raise
                yield Noted("tool-schema-loosened")
                continue
            return said if finished is not None and finished.reason != "length" else None
        raise AssertionError("unreachable: the last schema is taken or raises")

    def _announces_another(self) -> Generator[Piece, None, bool]:
        """Whether the model goes on to a further call."""
        left = self._left()
        if left == 0 or (left < 0 and self._form.marks == ()):
            return False
        request = self._going_on("", self._form.marks)
        _text, finished = yield from self._quietly(
            replace(request, max_tokens=_BETWEEN_CALLS if left < 0 else min(left, _BETWEEN_CALLS))
        )
        return finished.stop_string in self._form.marks and bool(finished.stop_string)

    def _quietly(self, request: GenerateRequest) -> Generator[Piece, None, tuple[str, Finished]]:
        """An answer that is not passed on."""
        text, finished = "", Finished("stop")
        for event in self._engine.generate(request):
            match event:
                case TextDelta():
                    text += event.text
                case Usage():
                    self._add(event)
                case Finished():
                    finished = event
                case _:
                    pass
        yield from ()
        return text, finished

    def _going_on(self, text: str, stop: tuple[str, ...], grammar: Grammar | None = None) -> GenerateRequest:
        """The request for what follows the turn so far and `text`."""
        request = self._request
        messages = request.messages[:-1] if self._ask.continue_final else request.messages
        return replace(
            request,
            messages=(*messages, Message("assistant", self._content + text, reasoning=self._thoughts)),
            continue_final=True,
            grammar=grammar,
            stop=stop,
            max_tokens=self._left(),
            logprobs=-1,
        )

    # --- counting -----------------------------------------------------------------------------------------------
    def _left(self) -> int:
        """Tokens that may still be written, -1 = as many as fit."""
        if self._ask.max_tokens < 0:
            return -1
        return max(0, self._ask.max_tokens - (self._usage.n_completion_tokens if self._usage else 0))

    def _add(self, usage: Usage) -> None:
        so_far = self._usage
        if so_far is None:
            self._usage = usage
        else:
            self._usage = replace(
                so_far,
                n_completion_tokens=so_far.n_completion_tokens + usage.n_completion_tokens,
                decode_s=so_far.decode_s + usage.prompt_s + usage.decode_s,
            )

    def _ended(self, reason: str, stop_string: str = "") -> Ended:
        return Ended(self._index, reason, stop_string, self._usage or Usage(0, 0, 0))


def _schemas(tool: Tool) -> Iterator[dict[str, object]]:
    """What the arguments are held to; each further one is looser, for the case that the grammar refuses the first."""
    if tool.strict:
        yield bounded(tool.parameters)
        return
    schema = loosened(tool.parameters)
    if schema.get("type") != "object":
        schema = {**schema, "type": "object"}
    yield bounded(schema)
    yield {"type": "object"}
