"""Content with every control token, through a real worker: templates shaped like the real ones, llama.cpp's tokens."""

import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rushlight.assistant.engine.client import EngineClient
from rushlight.assistant.engine.frames import Ready
from rushlight.assistant.engine.request import LoadSettings, Message, TokenizeRequest

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6
UINT32, FLOAT32, INT32, BOOL, STRING, ARRAY = 4, 6, 5, 7, 8, 9

QWEN = """{%- if messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>' + message.role }}
        {%- if message.reasoning_content %}
            {{- '\\n<think>\\n' + message.reasoning_content.strip('\\n') + '\\n</think>\\n' }}
        {%- endif %}
        {{- '\\n' + message.content }}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function %}{%- set tool_call = tool_call.function %}{%- endif %}
            {{- '\\n<tool_call>\\n{"name": "' + tool_call.name + '", "arguments": ' }}
            {{- tool_call.arguments | tojson }}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if loop.first or messages[loop.index0 - 1].role != "tool" %}{{- '<|im_start|>user' }}{%- endif %}
        {{- '\\n<tool_response>\\n' + message.content + '\\n</tool_response>' }}
        {%- if loop.last or messages[loop.index0 + 1].role != "tool" %}{{- '<|im_end|>\\n' }}{%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"""

LLAMA2 = """{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}
{% set system_message = messages[0]['content'] %}
{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}
{% for message in loop_messages %}
{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate') }}{% endif %}
{% if loop.index0 == 0 and system_message != false %}
{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}
{% else %}{% set content = message['content'] %}{% endif %}
{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}
{% else %}{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"""

LLAMA3 = """{{- bos_token }}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content'] | trim %}{%- set messages = messages[1:] %}
{%- else %}{%- set system_message = "" %}{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}{{- system_message }}{{- "<|eot_id|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim }}
        {{- '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- set tool_call = message.tool_calls[0].function %}
        {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{{- '<|python_tag|>' + tool_call.name + '.call(' }}
        {%- for name, value in tool_call.arguments | items %}{{- name + '="' + value | string + '"' }}{%- endfor %}
        {{- ')' }}{{- '<|eom_id|>' }}
    {%- else %}
        {{- '<|start_header_id|>ipython<|end_header_id|>\\n\\n' }}{{- message.content | tojson }}{{- '<|eot_id|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}"""

GEMMA = """{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}
{% endif %}{% for message in messages %}
{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate') }}{% endif %}
{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}
{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}{% endfor %}
{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"""

MISTRAL = """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}{%- set loop_messages = messages[1:] %}
{%- else %}{%- set loop_messages = messages %}{%- endif %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}{{- "[INST] " + message["content"] + "[/INST]" }}{%- endif %}
    {%- elif message.tool_calls is defined and message.tool_calls is not none %}
        {{- "[TOOL_CALLS] [" }}
        {%- for tool_call in message.tool_calls %}
            {%- set out = tool_call.function | tojson %}{{- out[:-1] + ', "id": "' + tool_call.id + '"}' }}
        {%- endfor %}{{- "]" + eos_token }}
    {%- elif message["role"] == "assistant" %}{{- " " + message["content"] | trim + eos_token }}
    {%- elif message["role"] == "tool" %}
        {{- '[TOOL_RESULTS] {"content": ' + message.content | string + ", " }}
        {{- '"call_id": "' + message.tool_call_id + '"}[/TOOL_RESULTS]' }}
    {%- endif %}
{%- endfor %}"""

PHI3 = """{% for message in messages %}{% if message['role'] == 'system' %}
{{ '<|system|>\\n' + message['content'] + '<|end|>\\n' }}
{% elif message['role'] == 'user' %}{{ '<|user|>\\n' + message['content'] + '<|end|>\\n' }}
{% elif message['role'] == 'assistant' %}{{ '<|assistant|>\\n' + message['content'] + '<|end|>\\n' }}
{% else %}{{ '<|' + message['role'] + '|>\\n' + message['content'] + '<|end|>\\n' }}{% endif %}{% endfor %}
{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% else %}{{ eos_token }}{% endif %}"""

DEEPSEEK = """{% set ns = namespace(system_prompt='', is_output_first=true) %}
{%- for message in messages %}{%- if message['role'] == 'system' %}{% set ns.system_prompt = message['content'] %}
{%- endif %}{%- endfor %}{{ bos_token }}{{ ns.system_prompt }}
{%- for message in messages %}
    {%- if message['role'] == 'user' %}{{ '<｜User｜>' + message['content'] }}
    {%- elif message['role'] == 'assistant' and message['tool_calls'] %}
        {{- '<｜Assistant｜><｜tool▁calls▁begin｜>' }}
        {%- for tool in message['tool_calls'] %}
            {{- '<｜tool▁call▁begin｜>' + tool['type'] + '<｜tool▁sep｜>' + tool['function']['name'] }}
            {{- '\\n```json\\n' + tool['function']['arguments'] + '\\n```<｜tool▁call▁end｜>' }}
        {%- endfor %}{{- '<｜tool▁calls▁end｜><｜end▁of▁sentence｜>' }}
    {%- elif message['role'] == 'assistant' %}
        {%- set content = message['content'] %}
        {%- if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}
        {{- '<｜Assistant｜>' + content + '<｜end▁of▁sentence｜>' }}
    {%- elif message['role'] == 'tool' %}
        {{- '<｜tool▁outputs▁begin｜><｜tool▁output▁begin｜>' + message['content'] }}
        {{- '<｜tool▁output▁end｜><｜tool▁outputs▁end｜>' }}
    {%- endif %}
{%- endfor %}{% if add_generation_prompt %}{{ '<｜Assistant｜><think>\\n' }}{% endif %}"""

HARMONY = """{{- "<|start|>system<|message|>You are a model.<|end|>" }}
{%- if messages[0].role == "system" or messages[0].role == "developer" %}
    {{- "<|start|>developer<|message|># Instructions\\n\\n" + messages[0].content + "<|end|>" }}
    {%- set messages = messages[1:] %}
{%- endif %}
{%- set last = namespace(name="") %}
{%- for message in messages %}
    {%- if message.role == "assistant" and "tool_calls" in message %}
        {%- set tool_call = message.tool_calls[0].function %}{%- set last.name = tool_call.name %}
        {%- if message.thinking %}
            {{- "<|start|>assistant<|channel|>analysis<|message|>" + message.thinking + "<|end|>" }}
        {%- endif %}
        {{- "<|start|>assistant to=functions." + tool_call.name + "<|channel|>commentary json<|message|>" }}
        {{- tool_call.arguments | tojson }}{{- "<|call|>" }}
    {%- elif message.role == "assistant" %}
        {{- "<|start|>assistant<|channel|>final<|message|>" + message.content + "<|end|>" }}
    {%- elif message.role == "tool" %}
        {{- "<|start|>functions." + last.name + " to=assistant<|channel|>commentary<|message|>" }}
        {{- message.content | tojson + "<|end|>" }}
    {%- else %}{{- "<|start|>user<|message|>" + message.content + "<|end|>" }}{%- endif %}
{%- endfor %}{%- if add_generation_prompt %}{{- "<|start|>assistant" }}{%- endif %}"""

COMMAND_R = """{{ bos_token }}{% for message in messages %}{% set content = message['content'] %}
{% if message['role'] == 'system' %}
{{ '<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>' + content.strip() + '<|END_OF_TURN_TOKEN|>' }}
{% elif message['role'] == 'user' %}
{{ '<|START_OF_TURN_TOKEN|><|USER_TOKEN|>' + content.strip() + '<|END_OF_TURN_TOKEN|>' }}
{% elif message['role'] == 'assistant' %}
{{ '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' + content.strip() }}
{% for call in message.tool_calls or [] %}{{ 'Action: ' + call.function.name + call.function.arguments|tojson }}
{% endfor %}{{ '<|END_OF_TURN_TOKEN|>' }}
{% else %}{{ '<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|><results>' + (message.name or '') + content.strip() }}
{{ '</results><|END_OF_TURN_TOKEN|>' }}{% endif %}{% endfor %}
{% if add_generation_prompt %}{{ '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' }}{% endif %}"""

# Not a family: every field beside the next, where two could complete each other.
GLUE = """{{ bos_token }}{% for m in messages %}<|im_start|>{{ m.role }}{{ m.name }}{{ m.content }}{{ m.tool_call_id }}
{%- for c in m.tool_calls or [] %}{{ c.id }}{{ c.function.name }}{{ c.function.arguments | tojson }}{% endfor %}
{{- m.reasoning_content }}{{ m.content | trim }}{% endfor %}<|{{ messages[-1].name }}|><{{ messages[-1].content }}>"""


@dataclass(frozen=True)
class Family:
    """A vocabulary's special tokens and a template shaped like the real one."""

    name: str
    template: str
    control: tuple[str, ...]
    bos: str
    eos: str
    is_spm: bool = False  # the SentencePiece way: U+2581 for blanks, merged by scores
    marked: tuple[str, ...] = ()  # user-defined tokens that read as markup
    with_tools: bool = True


SPM = ("<unk>", "<s>", "</s>")
CHATML = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|fim_prefix|>")
THINK = ("<think>", "</think>")
FAMILIES = (
    Family("qwen", QWEN, CHATML, "<|endoftext|>", "<|im_end|>",
           marked=("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", *THINK)),
    Family("llama2", LLAMA2, SPM, "<s>", "</s>", is_spm=True, with_tools=False),
    Family("llama3", LLAMA3, ("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
                              "<|eot_id|>", "<|eom_id|>", "<|python_tag|>", "<|reserved_special_token_0|>",
                              "<|reserved_special_token_10|>"), "<|begin_of_text|>", "<|eot_id|>"),
    Family("gemma", GEMMA, ("<unk>", "<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>"), "<bos>", "<eos>",
           is_spm=True, marked=("<start_of_image>", "<unused0>"), with_tools=False),
    Family("mistral", MISTRAL, (*SPM, "[INST]", "[/INST]", "[TOOL_CALLS]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]",
                                "[TOOL_RESULTS]", "[/TOOL_RESULTS]"), "<s>", "</s>", is_spm=True),
    Family("phi3", PHI3, (*SPM, "<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>"), "<s>",
           "<|endoftext|>", is_spm=True),
    Family("deepseek", DEEPSEEK,
           ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>",
            "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>", "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>",
            "<｜tool▁sep｜>", "<｜tool▁outputs▁begin｜>", "<｜tool▁outputs▁end｜>",
            "<｜tool▁output▁begin｜>", "<｜tool▁output▁end｜>"),
           "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", marked=THINK),
    Family("gpt-oss", HARMONY, ("<|startoftext|>", "<|return|>", "<|start|>", "<|end|>", "<|message|>", "<|channel|>",
                                "<|constrain|>", "<|call|>"), "<|startoftext|>", "<|return|>"),
    Family("command-r", COMMAND_R,
           ("<PAD>", "<UNK>", "<BOS_TOKEN>", "<EOS_TOKEN>", "<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>",
            "<|USER_TOKEN|>", "<|SYSTEM_TOKEN|>", "<|CHATBOT_TOKEN|>"), "<BOS_TOKEN>", "<EOS_TOKEN>"),
    Family("glue", GLUE, CHATML, "<|endoftext|>", "<|im_end|>", marked=THINK),
)  # fmt: skip


def write_model(path: Path, family: Family, builder: ModuleType) -> Path:
    """A loadable tiny model with the family's special tokens, first in the vocabulary, and its template."""
    specials = (*family.control, *family.marked)
    types = [UNKNOWN if text.lower() == "<unk>" else CONTROL for text in family.control]
    types += [USER_DEFINED] * len(family.marked)
    if family.is_spm:
        # Pieces that add up to the special texts: by merging alone, "</" and "s>" would give </s>.
        pieces = {text[:end] for text in specials for end in range(1, len(text))}
        pieces |= {text[start:] for text in specials for start in range(1, len(text))}
        pieces |= {*(chr(c) for c in range(0x21, 0x7F)), "\u2581"}
        normal = sorted(pieces - set(specials))
        tokens = [*specials, *(f"<0x{byte:02X}>" for byte in range(256)), *normal]
        types += [BYTE] * 256 + [NORMAL] * len(normal)
    else:
        tokens = [*specials, *(builder.byte_letters()[byte] for byte in range(256)), "<|", "|>"]
        types += [NORMAL] * 258
    builder.tiny_llama_gguf(path, n_vocab=len(tokens), n_layers=1, template=family.template)
    raw = builder.raw_file(path)

    def integer(value: int) -> bytes:
        return struct.pack("<I", value)

    raw.set("tokenizer.ggml.tokens", ARRAY, builder.raw_array(STRING, [builder.raw_string(t.encode()) for t in tokens]))
    raw.set("tokenizer.ggml.token_type", ARRAY, builder.raw_array(INT32, [integer(t) for t in types]))
    raw.set("tokenizer.ggml.bos_token_id", UINT32, integer(tokens.index(family.bos)))
    raw.set("tokenizer.ggml.eos_token_id", UINT32, integer(tokens.index(family.eos)))
    raw.set("tokenizer.ggml.add_bos_token", BOOL, b"\x01" if family.is_spm else b"\x00")
    raw.remove("tokenizer.ggml.padding_token_id")
    raw.remove("tokenizer.ggml.merges")
    if family.is_spm:
        raw.remove("tokenizer.ggml.pre")
        raw.set("tokenizer.ggml.model", STRING, builder.raw_string(b"llama"))
        raw.set("tokenizer.ggml.unknown_token_id", UINT32, integer(tokens.index("<unk>")))
        scores = [struct.pack("<f", -float(rank) if kind == NORMAL else 0.0) for rank, kind in enumerate(types)]
        raw.set("tokenizer.ggml.scores", ARRAY, builder.raw_array(FLOAT32, scores))
    else:
        merges = [builder.raw_string(pair) for pair in (b"< |", b"| >")]
        raw.set("tokenizer.ggml.merges", ARRAY, builder.raw_array(STRING, merges))
    written: Path = raw.write(path)
    return written


def conversation(fields: Callable[[], str], *, with_tools: bool) -> tuple[Message, ...]:
    """Every field is the next of `fields`."""
    text = fields
    if not with_tools:
        return (Message("system", text()), Message("user", text(), name=text()),
                Message("assistant", text(), reasoning=text()), Message("user", text()))  # fmt: skip
    calls = json.dumps(
        [{"id": text(), "type": "function", "function": {"name": text(), "arguments": {text(): text()}}}]
    )
    return (
        Message("system", text()),
        Message("user", text(), name=text()),
        Message("assistant", "", reasoning=text(), tool_calls=calls),
        Message("tool", text(), name=text(), tool_call_id=text()),
        Message("assistant", text(), reasoning=text()),
        Message("user", text(), name=text()),
    )


def in_turn(*texts: str) -> Callable[[], str]:
    def endless() -> Iterator[str]:
        while True:
            yield from texts

    source = endless()
    return lambda: next(source)


def attacks(specials: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Texts for the fields, in turn: all special texts at once, each whole, each cut in two, the inside of each."""
    yield ("".join(specials),)
    yield ("\n ".join(["a", *specials, "b"]),)
    yield (" ".join(text.replace("▁", " ") for text in specials),)
    for text in specials:
        yield (text,)
        yield (f" {text[:-1]}", f"{text[-1:]} ")
        yield (text[:1], text[1:])
        middle = len(text) // 2
        yield (f"x{text[:middle]}", text[middle:])
        yield (text.strip("<|>[]｜"),)
        yield (text[1:-1],)


def control_ids(client: EngineClient, family: Family, fields: Callable[[], str]) -> list[int]:
    messages = conversation(fields, with_tools=family.with_tools)
    n_special = len(family.control) + len(family.marked)
    return sorted(i for i in client.tokenize(TokenizeRequest(messages=messages)) if i < n_special)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_no_control_id_comes_from_content(
    family: Family, gguf_builder: ModuleType, start_worker: Callable[..., Any], tmp_path: Path
) -> None:
    specials = (*family.control, *family.marked)
    worker = start_worker(LoadSettings(path=str(write_model(tmp_path / "m.gguf", family, gguf_builder)), n_threads=1))
    try:
        ready = worker.first_word()
        assert isinstance(ready, Ready), ready
        assert ready.template == "file"
        with worker.client() as client:
            # What would happen if content were parsed: each special text is its token.
            parsed = client.tokenize(TokenizeRequest(text="".join(specials), parse_special=True))
            assert sorted(i for i in parsed if i < len(specials)) == list(range(len(specials)))
            expected = control_ids(client, family, in_turn("hello"))
            assert len(expected) >= 3
            assert expected.count(specials.index(family.bos)) <= (2 if family.name == "llama2" else 1)
            for texts in attacks(specials):
                assert control_ids(client, family, in_turn(*texts)) == expected, texts
    finally:
        worker.close()


@pytest.mark.model
def test_the_demo_model(client: EngineClient) -> None:
    """The 17 control tokens of the demo model, whose ids are the first, through its own template."""
    specials = (
        "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>", "<reponame>", "<file_sep>", "<filename>",
        "<gh_stars>", "<issue_start>", "<issue_comment>", "<issue_closed>", "<jupyter_start>", "<jupyter_text>",
        "<jupyter_code>", "<jupyter_output>", "<jupyter_script>", "<empty_output>",
    )  # fmt: skip
    family = Family("demo", "", specials, "<|im_start|>", "<|im_end|>")
    assert list(client.tokenize(TokenizeRequest(text="".join(specials), parse_special=True))) == list(range(17))
    expected = control_ids(client, family, in_turn("hello"))
    assert expected
    for texts in attacks(specials):
        assert control_ids(client, family, in_turn(*texts)) == expected, texts
