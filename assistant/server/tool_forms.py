"""How a model writes a call of a tool: read from its chat template, else a form that we describe to it.

Knows templates as text and messages; asks no engine. The forms of which we know that grammars can hold them are
taken over (Hermes, Llama 3, Mistral); every other model is told our own, which is that of Hermes.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from rushlight.assistant.engine.request import Message
from rushlight.assistant.server.pieces import Tool


@dataclass(frozen=True, slots=True)
class ToolForm:
    """`opener` name `middle` arguments `closer` is a call as the model writes it.

    `marks`: texts by which a call announces itself in an answer. `lead_marks`: the same, but only at its beginning,
    since they may also be a part of what is said. `told_by_template`: the template tells the model of the tools.
    """

    opener: str
    middle: str
    closer: str
    marks: tuple[str, ...]
    lead_marks: tuple[str, ...]
    told_by_template: bool
    can_repeat: bool = True

    def written(self, name: str, arguments: str) -> str:
        """A whole call as the model would have written it."""
        return f"{self.opener}{json.dumps(name, ensure_ascii=False)}{self.middle}{arguments}{self.closer}"


_JSON_LEADS = ('{"name":', '{ "name":', '{\n"name":')
_HERMES = ToolForm(
    '<tool_call>\n{"name": ', ', "arguments": ', "}\n</tool_call>\n", ("<tool_call>",), _JSON_LEADS, True
)
_OURS = ToolForm('<tool_call>\n{"name": ', ', "arguments": ', "}\n</tool_call>\n", ("<tool_call>",), _JSON_LEADS, False)
_LLAMA = ToolForm('{"name": ', ', "parameters": ', "}", ("<|python_tag|>",), _JSON_LEADS, True, can_repeat=False)
_MISTRAL = ToolForm(
    '[{"name": ', ', "arguments": ', "}]", ("[TOOL_CALLS]",), ('[{"name":', '[ {"name":'), True, can_repeat=False
)
# Templates whose own way to write a call is no JSON object of name and arguments.
_OTHER_WAYS = ("<arg_key>", "<function=", "<|tool_calls_section_begin|>", "tool▁calls", "<|channel|>", "<tool_calls>")


def find_form(template: str) -> ToolForm:
    """The form that a chat template teaches."""
    if "tools" not in template or any(way in template for way in _OTHER_WAYS):
        return _OURS
    if "<tool_call>" in template:
        return _HERMES
    if "[TOOL_CALLS]" in template:
        return _MISTRAL
    if '"parameters"' in template and ("ipython" in template or "python_tag" in template):
        return _LLAMA
    return _OURS


def tools_json(tools: Sequence[Tool]) -> str:
    """The tools as templates take them."""
    return json.dumps([_definition(tool) for tool in tools], ensure_ascii=False)


def _definition(tool: Tool) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters or {"type": "object", "properties": {}},
        },
    }


def told(form: ToolForm, messages: Sequence[Message], tools: Sequence[Tool]) -> tuple[Message, ...]:
    """The conversation as the model is to see it: calls and results as text, and the tools described, where its
    template does not do that."""
    if form.told_by_template and tools:
        return tuple(messages)
    turns = [_as_text(form, message) for message in messages]
    if tools:
        text = _description(form, tools)
        if turns and turns[0].role in ("system", "developer"):
            turns[0] = replace(turns[0], content=f"{turns[0].content}\n\n{text}".strip())
        else:
            turns.insert(0, Message("system", text))
    return tuple(_joined_results(turns))


def _as_text(form: ToolForm, message: Message) -> Message:
    if message.role == "tool":
        return Message("user", f"<tool_response>\n{message.content}\n</tool_response>")
    if not message.tool_calls:
        return message
    calls = [call.get("function", {}) for call in json.loads(message.tool_calls)]
    written = "".join(form.written(str(call.get("name", "")), str(call.get("arguments") or "{}")) for call in calls)
    return replace(message, content=f"{message.content}\n{written}".strip(), tool_calls="")


def _joined_results(turns: Sequence[Message]) -> list[Message]:
    """Results of several calls stand in one turn: many templates want user and assistant to take turns."""
    out: list[Message] = []
    for turn in turns:
        last = out[-1] if out else None
        if last is not None and last.role == turn.role == "user" and last.content.endswith("</tool_response>"):
            out[-1] = replace(last, content=f"{last.content}\n{turn.content}")
        else:
            out.append(turn)
    return out


def _description(form: ToolForm, tools: Sequence[Tool]) -> str:
    lines = "\n".join(json.dumps(_definition(tool)["function"], ensure_ascii=False) for tool in tools)
    example = form.written("function-name", '{"argument": "value"}').strip()
    return (
        "You may call functions to help with the user's request. These are the functions:\n"
        f"<tools>\n{lines}\n</tools>\n"
        "To call one, write only this, with the arguments as the function's schema asks:\n"
        f"{example}\n"
        "What it returns comes back between <tool_response> and </tool_response>. Answer without a call where none is "
        "needed."
    )
