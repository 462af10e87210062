"""A conversation becomes the text pieces that a model reads, without a control token that came from its content.

Knows requests, chat templates and what a vocabulary's control tokens are called; tokenizes nothing itself.

Against injected control tokens (threats.md, row 8): marks break each control text inside a string from outside
before the template sees it (`control_text`), and the result is cut at the marks. That covers what stands in one
string. What a template could still put together from parts (two contents side by side, a tag around a name, a
letter removed or lowered) is found by rendering a second time with every such part broken: where the text or its
control tokens differ, the second rendering is taken.
"""

import hashlib
import re
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import msgspec

from rushlight import Error
from rushlight.assistant.engine.control_text import (
    END,
    ESCAPED_MARK,
    MARK,
    ControlTexts,
    clean,
    map_strings,
    unmark,
)
from rushlight.assistant.engine.reasoning import HARMONY, ReasoningTags, find_tags
from rushlight.assistant.engine.request import GenerateRequest, Message
from rushlight.assistant.engine.template_process import timeout_error
from rushlight.assistant.engine.template_renderer import WALL_S
from rushlight.assistant.events import Notice

KNOWN_ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})
_RESERVED = frozenset({"messages", "tools", "add_generation_prompt", "bos_token", "eos_token"})
_REASONING_KEYS = ("reasoning_content", "thinking", "reasoning")  # by which templates know earlier reasoning
_NINE = re.compile(r"""id["']?\]?\s*\|\s*length\s*!=\s*9\b""")  # how templates check the ids of calls
_NINE_FIT = re.compile("[A-Za-z0-9]{9}")


class Vocabulary(Protocol):
    """What a prompt must know of a model's tokens."""

    @property
    def special_texts(self) -> frozenset[str]: ...

    @property
    def bos_text(self) -> str: ...

    @property
    def eos_text(self) -> str: ...

    @property
    def add_bos(self) -> bool: ...


class Renderer(Protocol):
    """`TemplateProcess`, or a fake."""

    def render(self, template: str, variables: dict[str, Any], *, limit_s: float) -> str: ...


@dataclass(frozen=True, slots=True)
class Prompt:
    """`segments`: each is tokenized with control tokens parsed, on its own and with nothing added; the ids are
    joined. The beginning-of-text token is in the first segment where the model wants one.
    """

    segments: tuple[str, ...]
    notices: tuple[Notice, ...] = ()
    reasoning_open: bool = False  # the prompt ends inside reasoning
    reasoning_tags: ReasoningTags | None = None  # None: do not split the answer

    @property
    def text(self) -> str:
        return "".join(self.segments)


def build_prompt(request: GenerateRequest, template: str, vocabulary: Vocabulary, renderer: Renderer) -> Prompt:
    """The prompt of `request.messages`. Raises `Error` for a conversation or a template that does not work."""
    try:
        return _build(request, template, vocabulary, renderer)
    except RecursionError as err:
        raise Error(
            "The tools, tool calls or template options are nested too deeply.",
            hint="Use plain JSON of moderate depth.",
            kind="bad-request",
        ) from err


def _build(request: GenerateRequest, template: str, vocabulary: Vocabulary, renderer: Renderer) -> Prompt:
    if not request.messages:
        raise Error("The request holds no messages.", hint="Send at least one message.", kind="bad-request")
    if request.continue_final and request.messages[-1].role != "assistant":
        raise Error(
            f"Only an answer of the assistant can be continued; the last message is from "
            f"{request.messages[-1].role!r}.",
            hint="End the conversation with the answer to go on with.",
            kind="bad-request",
        )
    work = _Work(request, template, vocabulary, renderer)
    marked = work.text()
    tags = None if request.reasoning == "raw" else work.tags
    if request.continue_final:
        cut = marked.rfind(END)
        if cut < 0:
            raise Error(
                "The model's chat template leaves out the last message, so it cannot be continued.",
                hint="Ask for a new answer instead.",
                kind="template-refused",
            )
        marked = marked[:cut].replace(END, "")
        opened = tags is not None and _is_open(request.messages[-1].content, tags)
    else:
        opened = False
    plain = unmark(marked)
    if not plain.strip():
        raise Error(
            "The model's chat template wrote nothing for this conversation.",
            hint="Give the model another chat template, or name a built-in format.",
            kind="template-error",
        )
    opened = opened or (tags is not None and plain.rstrip().endswith(tuple(o.rstrip() for o in tags.openers)))
    if vocabulary.add_bos and vocabulary.bos_text and not marked.startswith(vocabulary.bos_text):
        marked = vocabulary.bos_text + marked
    segments = tuple(segment for segment in marked.split(MARK) if segment)
    return Prompt(segments, tuple(work.notices), opened, tags)


class _Work:
    """One prompt in the making: what the template is given, and what is tried when it does not take it."""

    def __init__(self, request: GenerateRequest, template: str, vocabulary: Vocabulary, renderer: Renderer) -> None:
        self.template = template
        self.renderer = renderer
        # All renderings of one prompt together: a template that stays just below the limit of one must not hold the
        # engine for eight times as long.
        self.deadline = time.monotonic() + WALL_S
        self.control = _control_texts(vocabulary.special_texts)
        self.tags = find_tags(template, vocabulary.special_texts)
        self.notices: list[Notice] = []
        self.continue_final = request.continue_final
        self.turns = [_turn(message, template, self.tags) for message in request.messages]
        tools = _tools(request.tools)
        if tools and not re.search(r"\btools\b", template):
            self.notices.append(
                Notice("no-tools", "The model's chat template has no place for tools; the model was not told of them.")
            )
        self.values: dict[str, Any] = {"tools": tools or None, "documents": None, **_options(request, self.tags)}
        # Someone may write that very escape: then it stays, and stands between the parts of a control text as well.
        self.says_escaped_mark = ESCAPED_MARK in template or ESCAPED_MARK in str((self.turns, self.values))
        self.fixed = {
            "bos_token": vocabulary.bos_text,
            "eos_token": vocabulary.eos_text,
            "add_generation_prompt": not request.continue_final,
        }

    def text(self) -> str:
        """The marked text, with the system message moved where the template has no place for it."""
        has_system = any(turn["role"] == "system" for turn in self.turns)
        try:
            text = self._with_arguments(self.turns)
        except Error as err:
            if err.kind != "template-refused" or not has_system:
                raise _refused(err, self.turns) from err
        else:
            if not has_system or "system" in self.template or _system_text(self.turns) in unmark(text):
                return text
        folded = _fold_system(self.turns)
        try:
            text = self._with_arguments(folded)
        except Error as err:
            raise _refused(err, self.turns) from err
        self.notices.append(
            Notice(
                "system-folded",
                "The model's chat template knows no system message; it was put at the beginning of the user's turn.",
            )
        )
        return text

    def _with_arguments(self, turns: list[dict[str, Any]]) -> str:
        """Templates want the arguments of tool calls as an object; some only as JSON text."""
        as_text = [_arguments_as_text(turn) for turn in turns]
        if as_text == turns:
            return self._safe(turns)
        try:
            text = self._safe(turns)
        except Error as err:
            if err.kind not in ("template-error", "template-refused"):
                raise
            try:
                return self._safe(as_text)
            except Error:
                raise err from None
        written = unmark(text)
        if any(
            str(arguments) in written
            for turn in turns
            for arguments in _argument_objects(turn)
            if str(arguments) != msgspec.json.encode(arguments).decode()
        ):
            return self._safe(as_text)  # it wrote Python's form of an object, which no model was taught
        return text

    def _safe(self, turns: list[dict[str, Any]]) -> str:
        """The rendering in which no control token is made of content: whole ones broken, parts where needed."""
        plain = self._variables(turns, parts=False)
        try:
            text = self._render(plain)
        except Error as err:
            if err.kind != "template-error" or self.values["tools"] is not None:
                raise
            # Written for tools only: it goes through the list without asking whether there is one.
            self.values["tools"] = []
            plain = self._variables(turns, parts=False)
            text = self._render(plain)
        guarded = self._variables(turns, parts=True)
        if guarded == plain:
            return text
        other = self._render(guarded)
        if unmark(other) == unmark(text) and self.control.spans(other) == self.control.spans(text):
            return text  # the parts stayed apart, so ordinary text need not be cut
        return other

    def _render(self, variables: dict[str, Any]) -> str:
        left_s = self.deadline - time.monotonic()
        if left_s <= 0:
            raise timeout_error()
        text = self.renderer.render(self.template, variables, limit_s=left_s)
        if ESCAPED_MARK in text and not self.says_escaped_mark:
            text = text.replace(ESCAPED_MARK, MARK)  # the template wrote an object in Python's or ASCII JSON form
        return text

    def _variables(self, turns: list[dict[str, Any]], *, parts: bool) -> dict[str, Any]:
        broken = [self._broken_turn(turn, parts) for turn in turns]
        if self.continue_final:
            broken[-1]["content"] += END
        values = {name: map_strings(value, self.control, parts) for name, value in self.values.items()}
        return {**values, "messages": broken, **self.fixed}

    def _broken_turn(self, turn: dict[str, Any], parts: bool) -> dict[str, Any]:
        """Our own keys stay; `role` too, where it is one of the known."""
        out: dict[str, Any] = {}
        for key, value in turn.items():
            if key == "role" and value in KNOWN_ROLES:
                out[key] = value
            elif isinstance(value, str):
                out[key] = self.control.break_parts(value) if parts else self.control.break_whole(value)
            else:
                out[key] = map_strings(value, self.control, parts)
        return out


@lru_cache(maxsize=4)
def _control_texts(special_texts: frozenset[str]) -> ControlTexts:
    return ControlTexts(special_texts)


def _turn(message: Message, template: str, tags: ReasoningTags | None) -> dict[str, Any]:
    role = message.role
    if not role.strip():
        raise Error("A message has no role.", hint="Use system, user, assistant or tool.", kind="bad-request")
    if role == "developer" and "developer" not in template:
        role = "system"
    turn: dict[str, Any] = {"role": role, "content": clean(message.content)}
    if message.name:
        turn["name"] = message.name
    call_id = message.tool_call_id
    if call_id or role == "tool":  # a result that names no call has an id too, where the template wants one
        call_id = _call_id(call_id, template)
    if call_id:
        turn["tool_call_id"] = call_id
    if message.tool_calls:
        turn["tool_calls"] = _tool_calls(message.tool_calls, template)
    if message.reasoning and not (tags is HARMONY and message.tool_calls and message.content):
        # gpt-oss' own template refuses a call that has both; the content is what the user saw.
        for key in _REASONING_KEYS:
            if re.search(rf"""[.'"]{key}\b""", template):
                turn[key] = message.reasoning
    return turn


def _json(text: str, what: str) -> Any:
    try:
        return msgspec.json.decode(text.encode(errors="replace"))
    except (msgspec.DecodeError, RecursionError) as err:
        raise Error(
            f"The {what} are no valid JSON: {err}.", hint="Use OpenAI's form of a request.", kind="bad-request"
        ) from err


def _tools(text: str) -> list[Any]:
    if not text:
        return []
    tools = _json(text, "tools")
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise Error(
            "The tools must be a JSON array of objects.", hint="Use OpenAI's form of a request.", kind="bad-request"
        )
    return tools


def _tool_calls(text: str, template: str) -> list[dict[str, Any]]:
    """OpenAI's tool calls with the arguments, JSON in a string there, as the objects that templates want."""
    calls = _json(text, "tool calls")
    if not isinstance(calls, list):
        raise Error(
            "The tool calls of a message must be a JSON array.",
            hint="Use OpenAI's form of a request.",
            kind="bad-request",
        )
    out = []
    for call in calls:
        function = call.get("function", call) if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise Error(
                "A tool call must name its function.", hint="Use OpenAI's form of a request.", kind="bad-request"
            )
        arguments = function.get("arguments", {})
        if isinstance(arguments, str):
            try:
                decoded = msgspec.json.decode(arguments.encode(errors="replace") or b"{}")
            except (msgspec.DecodeError, RecursionError):
                decoded = arguments  # the model's own broken JSON, kept as it said it
            arguments = decoded if isinstance(decoded, dict) else arguments
        out.append(
            {
                "id": _call_id(str(call.get("id") or ""), template),
                "type": "function",
                "function": {"name": function["name"], "arguments": arguments},
            }
        )
    return out


def _call_id(call_id: str, template: str) -> str:
    """An id of a call as the template takes it: Mistral's refuse all but nine letters and digits. One that is not so
    becomes the same nine at the call and at its result.
    """
    if _NINE.search(template) is None or _NINE_FIT.fullmatch(call_id):
        return call_id
    return hashlib.sha256(call_id.encode(errors="replace")).hexdigest()[:9]


def _argument_objects(turn: dict[str, Any]) -> list[dict[str, Any]]:
    calls = turn.get("tool_calls", ())
    return [call["function"]["arguments"] for call in calls if isinstance(call["function"]["arguments"], dict)]


def _arguments_as_text(turn: dict[str, Any]) -> dict[str, Any]:
    if not _argument_objects(turn):
        return turn
    calls = []
    for call in turn["tool_calls"]:
        arguments = call["function"]["arguments"]
        text = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()
        calls.append({**call, "function": {**call["function"], "arguments": text}})
    return {**turn, "tool_calls": calls}


def _options(request: GenerateRequest, tags: ReasoningTags | None) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if request.reasoning == "off":
        options = {"enable_thinking": False, "thinking": False}
        if tags is HARMONY:
            options["reasoning_effort"] = "low"  # it cannot be turned off there
    for name, text in request.template_options:
        if name in _RESERVED or not name.isidentifier():
            raise Error(
                f"The template option {name!r} cannot be set.",
                hint="Options are the template's own variables, such as enable_thinking.",
                kind="bad-request",
            )
        options[name] = _json(text, f"values of the template option {name!r}")
    return options


def _system_text(turns: list[dict[str, Any]]) -> str:
    return next(str(turn["content"]).strip() for turn in turns if turn["role"] == "system")


def _fold_system(turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """System messages become the beginning of the user's turn that follows them."""
    out: list[dict[str, Any]] = []
    waiting: list[str] = []
    for turn in turns:
        if turn["role"] == "system":
            waiting.append(turn["content"])
        elif turn["role"] == "user" and waiting:
            out.append({**turn, "content": "\n\n".join([*waiting, turn["content"]])})
            waiting = []
        else:
            out.append(turn)
    if waiting:
        last = out[-1] if out else None
        if last is not None and last["role"] == "user":
            out[-1] = {**last, "content": "\n\n".join([last["content"], *waiting])}
        else:
            out.append({"role": "user", "content": "\n\n".join(waiting)})
    return out


def _refused(err: Error, turns: list[dict[str, Any]]) -> Error:
    if err.kind != "template-refused":
        return err
    roles = ", ".join(turn["role"] for turn in turns[:12]) + (", ..." if len(turns) > 12 else "")
    return Error(
        err.message,
        hint=f"The turns are: {roles}. Most models expect user and assistant in alternation, beginning with the user.",
        kind="template-refused",
    )


def _is_open(content: str, tags: ReasoningTags) -> bool:
    """Whether an answer that is to be continued stops inside its reasoning."""
    opened = max(content.rfind(opener) for opener in tags.openers)
    return opened >= 0 and opened > max(content.rfind(closer) for closer in tags.closers)
