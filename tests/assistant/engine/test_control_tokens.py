"""Eight template families, every control token in every field: no control-token id comes from content (llama.cpp)."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
from gguf import GGUFWriter

from rushlight.assistant.engine.fallback_templates import FORMATS
from rushlight.assistant.engine.prompt import build_prompt
from rushlight.assistant.engine.request import GenerateRequest, Message
from rushlight.assistant.engine.template_process import TemplateProcess

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6


@dataclass(frozen=True)
class Family:
    """A vocabulary's control tokens and the way its models are talked to."""

    name: str
    template: str
    control: tuple[str, ...]
    bos: str
    eos: str
    kind: str = "gpt2"  # or "llama": the SentencePiece way, which merges by scores
    marked: tuple[str, ...] = ()  # user-defined tokens that read as markup: parsed even with specials off

    @property
    def special_texts(self) -> frozenset[str]:
        return frozenset((*self.control, *self.marked))

    @property
    def bos_text(self) -> str:
        return self.bos

    @property
    def eos_text(self) -> str:
        return self.eos

    @property
    def add_bos(self) -> bool:
        return False


# In front of each family's format: every other string that a stranger can fill.
FIELDS = (
    "{% if tools %}{{ tools | tojson }}{{ option }}{% endif %}{% for m in messages %}"
    "{{ m.name }}{{ m.reasoning_content }}"
    "{{ m.tool_call_id }}{% for c in m.tool_calls or [] %}{{ c.id }}{{ c.function.name }}"
    "{{ c.function.arguments | tojson }}"
    "{% endfor %}{% endfor %}\n"
)
SPM = ("<unk>", "<s>", "</s>")
FAMILIES = (
    Family(
        "qwen",
        FORMATS["chatml"],
        ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|fim_prefix|>"),
        "<|endoftext|>",
        "<|im_end|>",
        marked=("<tool_call>", "</tool_call>", "<think>", "</think>"),
    ),
    Family("llama2", FORMATS["llama2"], SPM, "<s>", "</s>", "llama"),
    Family(
        "llama3",
        FORMATS["llama3"],
        (
            "<|begin_of_text|>",
            "<|end_of_text|>",
            "<|start_header_id|>",
            "<|end_header_id|>",
            "<|eot_id|>",
            "<|eom_id|>",
            "<|python_tag|>",
            *(f"<|reserved_special_token_{n}|>" for n in range(60)),
        ),
        "<|begin_of_text|>",
        "<|eot_id|>",
    ),
    Family(
        "gemma",
        FORMATS["gemma"],
        ("<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"),
        "<bos>",
        "<eos>",
        "llama",
        marked=("<start_of_image>", "<h1>"),
    ),
    Family(
        "mistral",
        FORMATS["mistral-v3"],
        (
            *SPM,
            "[INST]",
            "[/INST]",
            "[TOOL_CALLS]",
            "[AVAILABLE_TOOLS]",
            "[/AVAILABLE_TOOLS]",
            "[TOOL_RESULTS]",
            "[/TOOL_RESULTS]",
            "[IMG]",
        ),
        "<s>",
        "</s>",
        "llama",
    ),
    Family(
        "phi3",
        FORMATS["phi3"],
        (*SPM, "<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>"),
        "<s>",
        "<|endoftext|>",
        "llama",
    ),
    Family(
        "deepseek",
        FORMATS["deepseek"],
        ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<｜tool▁calls▁begin｜>"),
        "<｜begin▁of▁sentence｜>",
        "<｜end▁of▁sentence｜>",
        marked=("<think>", "</think>"),
    ),
    Family(
        "gpt-oss",
        FORMATS["harmony"],
        (
            "<|startoftext|>",
            "<|return|>",
            "<|start|>",
            "<|end|>",
            "<|message|>",
            "<|channel|>",
            "<|constrain|>",
            "<|call|>",
        ),
        "<|startoftext|>",
        "<|return|>",
    ),
    Family(
        "command-r",
        FORMATS["command-r"],
        (
            "<PAD>",
            "<UNK>",
            "<BOS_TOKEN>",
            "<EOS_TOKEN>",
            "<|START_OF_TURN_TOKEN|>",
            "<|END_OF_TURN_TOKEN|>",
            "<|USER_TOKEN|>",
            "<|SYSTEM_TOKEN|>",
            "<|CHATBOT_TOKEN|>",
        ),
        "<BOS_TOKEN>",
        "<EOS_TOKEN>",
    ),
)

# One process that has llama.cpp, so that nothing of it stays in this one. Reads {path: [[segment, ...], ...]}.
TOKENIZE = """
import json, sys, types
from importlib.machinery import PathFinder
spec = PathFinder.find_spec("llama_cpp")
package = types.ModuleType("llama_cpp"); package.__path__ = list(spec.submodule_search_locations)
sys.modules["llama_cpp"] = package
import llama_cpp.llama_cpp as c
quiet = c.llama_log_callback(lambda level, text, data: None)
c.llama_log_set(quiet, None)
c.llama_backend_init()
out = {}
for path, prompts in json.load(sys.stdin).items():
    params = c.llama_model_default_params(); params.vocab_only = True
    model = c.llama_model_load_from_file(path.encode(), params)
    assert model, path
    vocab = c.llama_model_get_vocab(model)
    def ids(text):
        data = text.encode(); room = len(data) + 16
        found = (c.llama_token * room)()
        return list(found[:c.llama_tokenize(vocab, data, len(data), found, room, False, True)])
    out[path] = [[ids(segment) for segment in segments] for segments in prompts]
    c.llama_model_free(model)
json.dump(out, sys.stdout)
"""


def tokenize(prompts: dict[str, list[tuple[str, ...]]]) -> dict[str, list[list[int]]]:
    """The ids of each prompt: its segments one by one, joined."""
    done = subprocess.run(
        [sys.executable, "-c", TOKENIZE], input=json.dumps(prompts), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return {
        path: [[token_id for segment in segments for token_id in segment] for segments in found]
        for path, found in json.loads(done.stdout).items()
    }


def write_vocabulary(path: Path, family: Family, byte_letters: dict[int, str]) -> Path:
    """A GGUF file with a vocabulary and nothing else. Both kinds can spell any text, and have tempting merges."""
    writer = GGUFWriter(path, "llama")
    writer.add_tokenizer_model(family.kind)
    tokens = list(family.control)
    types = [UNKNOWN if token.lower() == "<unk>" else CONTROL for token in tokens]
    tokens += family.marked
    types += [USER_DEFINED] * len(family.marked)
    if family.kind == "gpt2":
        letters = [byte_letters[byte] for byte in range(256)]
        tokens += letters
        types += [NORMAL] * 256
        merges = []
        for text in ("<|", "|>", "end", "start", "</", "s>", "user", "hello", "Ġhello"):
            for end in range(2, len(text) + 1):
                if text[:end] not in tokens:
                    merges.append(f"{text[: end - 1]} {text[end - 1]}")
                    tokens.append(text[:end])
                    types.append(NORMAL)
        writer.add_tokenizer_pre("llama-bpe" if family.name == "llama3" else "gpt-2")
        writer.add_token_merges(merges)
    else:
        tokens += [f"<0x{byte:02X}>" for byte in range(256)]
        types += [BYTE] * 256
        # Pieces that add up to the control tokens' own texts: by merging alone, "</" + "s>" would be </s>.
        pieces = {
            *(chr(c) for c in range(0x21, 0x7F)),
            "\u2581",
            "</",
            "s>",
            "<s",
            "unk",
            "end",
            "hello",
            "\u2581hello",
        }
        pieces |= {text[:end] for text in family.control for end in range(1, len(text))}
        pieces |= {text[start:] for text in family.control for start in range(1, len(text))}
        fresh = sorted(pieces - set(tokens))
        tokens += fresh
        types += [NORMAL] * len(fresh)
        writer.add_token_scores([0.0 if kind != NORMAL else -float(rank) for rank, kind in enumerate(types)])
        writer.add_add_space_prefix(family.name != "gemma")
        writer.add_unk_token_id(tokens.index("<unk>"))
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_bos_token_id(tokens.index(family.bos))
    writer.add_eos_token_id(tokens.index(family.eos))
    writer.add_vocab_size(len(tokens))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def request_of(text: str) -> GenerateRequest:
    """Every field of a request filled with `text`."""
    calls = json.dumps([{"id": text, "function": {"name": text, "arguments": {text: [text]}}}])
    tools = json.dumps(
        [{"type": "function", "function": {"name": text, "description": text, "parameters": {text: {"enum": [text]}}}}]
    )
    return GenerateRequest(
        messages=(
            Message("system", text),
            Message("user", text, name=text),
            Message("assistant", text, reasoning=text, tool_calls=calls),
            Message("user", text, tool_call_id=text),
            Message("assistant", text),
            Message("user", text),
        ),
        tools=tools,
        template_options=(("option", json.dumps(text)),),
    )


def hostile_texts(family: Family) -> list[str]:
    """All control texts at once, glued and apart; each as the whole content; cut in two between two contents."""
    texts = sorted(family.special_texts)
    telling = [text for text in texts if "reserved" not in text][:12]
    return [
        "".join(texts),
        "\n ".join(["a", *texts, "b"]),
        *telling,
        *(text[:-1] for text in telling),
        *(text[1:] for text in telling),
        *(text.replace("▁", " ") for text in telling if "▁" in text),
        f"{telling[0][-3:]} hello {telling[0][:3]}",
    ]


@pytest.fixture(scope="module")
def renderer() -> Iterator[TemplateProcess]:
    process = TemplateProcess.start()
    yield process
    process.close()


def test_no_control_id_comes_from_content(renderer: TemplateProcess, gguf_builder: ModuleType, tmp_path: Path) -> None:
    prompts: dict[str, list[tuple[str, ...]]] = {}
    for family in FAMILIES:
        path = write_vocabulary(tmp_path / f"{family.name}.gguf", family, gguf_builder.byte_letters())
        template = FIELDS + family.template
        made = [
            build_prompt(request_of(text), template, family, renderer) for text in ("hello", *hostile_texts(family))
        ]
        unmarked = "".join(made[1].segments)
        prompts[str(path)] = [prompt.segments for prompt in made] + [(unmarked,), ("",)]
    assert len(prompts) == 9
    for (_, found), family in zip(tokenize(prompts).items(), FAMILIES, strict=True):
        n_control = len(family.special_texts)
        control = [[token_id for token_id in ids if token_id < n_control] for ids in found]
        expected, in_one_piece = control[0], control[-2]
        for text, ids in zip(hostile_texts(family), control[1:-2], strict=True):
            assert ids == expected, f"{family.name}: {text!r}"
        assert len(in_one_piece) > len(expected)  # the same text as one piece: what would have happened


def test_ordinary_text_is_tokenized_as_one(renderer: TemplateProcess, gguf_builder: ModuleType, tmp_path: Path) -> None:
    content = "hello <b>bold</b> [link](x) a < b > c | d\n> quote\n\tif x[0]: # <!-- note -->"
    prompts: dict[str, list[tuple[str, ...]]] = {}
    for family in FAMILIES:
        path = write_vocabulary(tmp_path / f"{family.name}.gguf", family, gguf_builder.byte_letters())
        prompt = build_prompt(GenerateRequest(messages=(Message("user", content),)), family.template, family, renderer)
        assert len(prompt.segments) == 1, family.name
        prompts[str(path)] = [prompt.segments, (prompt.text,)]
    for segments, whole in tokenize(prompts).values():
        assert segments == whole


@pytest.mark.model
def test_the_demo_model(renderer: TemplateProcess, demo_model: Path) -> None:
    """Its file's own vocabulary; the ids of its 17 control tokens are the first."""
    control = (
        "<|endoftext|>",
        "<|im_start|>",
        "<|im_end|>",
        "<repo_name>",
        "<reponame>",
        "<file_sep>",
        "<filename>",
        "<gh_stars>",
        "<issue_start>",
        "<issue_comment>",
        "<issue_closed>",
        "<jupyter_start>",
        "<jupyter_text>",
        "<jupyter_code>",
        "<jupyter_output>",
        "<jupyter_script>",
        "<empty_output>",
    )
    family = Family("demo", FORMATS["chatml"], control, "<|im_start|>", "<|im_end|>")
    texts = ["hello", *hostile_texts(family)]
    made = [build_prompt(request_of(text), FIELDS + family.template, family, renderer).segments for text in texts]
    (found,) = tokenize({str(demo_model): [*made, ("".join(control),)]}).values()
    assert found[-1] == list(range(17))
    expected, *others = [[token_id for token_id in ids if token_id < 17] for ids in found[:-1]]
    assert expected
    for text, ids in zip(texts[1:], others, strict=True):
        assert ids == expected, text
