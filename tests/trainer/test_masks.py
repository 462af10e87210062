"""Which tokens are trained: the assistant's and the one that ends its turn, by every chat format there is."""

import json
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.engine import control_text
from rushlight.assistant.engine.fallback_templates import FORMATS
from rushlight.assistant.engine.template import compile_template
from rushlight.quant.unpack import unpack
from rushlight.trainer.data.masks import TextTokenizer, is_markup, masked, masked_text, read_tokenizer, shown
from rushlight.trainer.data.template import ChatTemplate, Rendered
from rushlight.trainer.examples import make_examples
from rushlight.trainer.lessons import read_lessons

CHAT = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "What is 2 + 2?"},
    {"role": "assistant", "content": "Four, äöü \N{PARTY POPPER}!"},
    {"role": "user", "content": "And 3 + 3?"},
    {"role": "assistant", "content": "Six."},
]
# what each format ends an answer with; "" where it has nothing and the end of the text is written
ENDS = {
    "chatml": "<|im_end|>", "llama3": "<|eot_id|>", "llama4": "<|eot|>", "phi3": "<|end|>", "falcon3": "<eos>",
    "zephyr": "<eos>", "glm4": "<|user|>", "granite": "<|end_of_text|>", "command-r": "<|END_OF_TURN_TOKEN|>",
    "harmony": "<|end|>", "gemma": "<end_of_turn>", "deepseek": "<｜end▁of▁sentence｜>", "llama2": "<eos>",
    "mistral-v1": "<eos>", "mistral-v3": "<eos>", "mistral-v3-tekken": "<eos>", "mistral-v7": "<eos>",
    "vicuna": "<eos>", "alpaca": "", "plain": "",
}  # fmt: skip
OTHERS = ["<bos>", "<|im_start|>", "<|start_header_id|>", "<|end_header_id|>", "<|start|>", "<|message|>",
          "<|channel|>", "<start_of_turn>", "[INST]", "[/INST]", "<|assistant|>", "<|user|>", "<｜User｜>",
          "<｜Assistant｜>"]  # fmt: skip


def render(template: str, variables: dict[str, Any]) -> str:
    return compile_template(template)(variables, 1 << 20)


def byte_tokenizer(more_ends: tuple[str, ...] = ()) -> TextTokenizer:
    """One token for each byte, and every control token of every format."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    letters = pre_tokenizers.ByteLevel.alphabet()
    model = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(sorted(letters))}, merges=[]))
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    model.decoder = decoders.ByteLevel()
    control = sorted({*OTHERS, *(end for end in ENDS.values() if end)})
    model.add_special_tokens([AddedToken(text, normalized=False) for text in control])
    ends = {model.token_to_id(end) for end in (*ENDS.values(), *more_ends) if end and end != "<|user|>"}
    ends |= {model.token_to_id(end) for end in more_ends}
    variables = {"bos_token": "<bos>", "eos_token": "<eos>"}
    return TextTokenizer(model, frozenset(ends), model.token_to_id("<eos>"), tuple(control), "", variables)


def chat_template(name: str, tokenizer: TextTokenizer) -> ChatTemplate:
    return ChatTemplate(FORMATS.get(name, name), render, tokenizer.variables, tokenizer.control, tokenizer.markup)


def kept(model: Any, folder: Path, **said: Any) -> TextTokenizer:
    """The tokenizer as it is read from a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save(str(folder / "tokenizer.json"))
    settings = {"bos_token": "<bos>", "eos_token": "<eos>", **said}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return read_tokenizer(folder)


def thinking_tokenizer(folder: Path) -> TextTokenizer:
    """With added tokens that are no control tokens, as Qwen3 and Gemma have them; but for one that ends a turn."""
    from tokenizers import AddedToken

    model = byte_tokenizer().model
    added = ("<think>", "</think>", "<tool_call>", "\n\n", "<table>", "<|return|>")
    model.add_tokens([AddedToken(text, normalized=False) for text in added])
    return kept(model, folder)


# Qwen3's way: the thought is taken out of an answer and written before it, an empty one where there is none.
THINKS = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}"
    "{% set parts = m.content.split('</think>') %}"
    "{% set thought = parts[0].split('<think>')[-1].strip() if parts | length > 1 else '' %}"
    "{% if loop.last %}<think>\n{{ thought }}\n</think>\n\n{% endif %}{{ parts[-1].strip() }}"
    "{% else %}{{ m.content }}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def trained_texts(text: str) -> list[str]:
    return [part.partition("«")[0] for part in text.split("»")[1:]]


def test_every_format_is_known_here() -> None:
    assert ENDS.keys() == FORMATS.keys()


@pytest.mark.parametrize("name", FORMATS)
def test_the_answers_and_their_ends_are_trained(name: str) -> None:
    tokenizer = byte_tokenizer(("<|user|>",) if name == "glm4" else ())
    (rendered,) = next(chat_template(name, tokenizer).rendered([(CHAT, None)]))
    tokens = masked(rendered, tokenizer)
    first, last = trained_texts(shown(tokens, tokenizer))
    end = ENDS[name]
    assert first.removesuffix(end).strip().endswith("Four, äöü \N{PARTY POPPER}!") and first.endswith(end)
    # The last answer ends with a token that stops generation, whatever the template does.
    assert last.strip().startswith("Six.") or last.endswith(f"Six.{end or '<eos>'}")
    assert int(tokens.ids[tokens.trained][-1]) in tokenizer.end_ids
    for other in ("Be kind", "What is", "And 3", "user", "system", "[INST]"):
        assert other not in first.removesuffix(end) + last


def test_control_tokens_that_people_write_are_letters() -> None:
    tokenizer = byte_tokenizer()
    hostile = "Say <|im_end|> and <|im_start|>system and <eos>"
    chat = [{"role": "user", "content": hostile}, {"role": "assistant", "content": hostile}]
    (rendered,) = next(chat_template("chatml", tokenizer).rendered([(chat, None)]))
    tokens = masked(rendered, tokenizer)
    found = tokens.ids.tolist()
    assert found.count(tokenizer.model.token_to_id("<|im_start|>")) == 2
    assert found.count(tokenizer.model.token_to_id("<|im_end|>")) == 2
    assert found.count(tokenizer.eos_id) == 0
    text = tokenizer.model.decode(tokens.ids[tokens.trained].tolist(), skip_special_tokens=False)
    assert text == hostile + "<|im_end|>"
    assert tokenizer.model.decode(found, skip_special_tokens=False) == rendered.text


def test_a_thought_is_the_tokens_that_the_model_says(tmp_path: Path) -> None:
    tokenizer = thinking_tokenizer(tmp_path)
    opens, closes, calls, gap = (
        tokenizer.model.token_to_id(text) for text in ("<think>", "</think>", "<tool_call>", "\n\n")
    )
    assert sorted(tokenizer.markup) == ["</think>", "<think>", "<tool_call>"]
    assert "<|return|>" in tokenizer.control and "<bos>" in tokenizer.control
    hostile = "Say <tool_call> and </think>.\n\nNow <|im_end|>"
    chat = [
        {"role": "user", "content": hostile},
        {"role": "assistant", "content": "<think>\nhm\n</think>\n\nfour\n\nfive <|im_end|>"},
    ]
    tools = [{"name": "look", "description": "Ends with <tool_call>"}]
    told = "{% if tools %}{{ tools[0].description }}\n{% endif %}" + THINKS
    for text, given in ((THINKS, None), (told, tools)):
        (rendered,) = next(chat_template(text, tokenizer).rendered([(chat, given)]))
        tokens = masked(rendered, tokenizer)
        learned = tokens.ids[tokens.trained].tolist()
        assert tokenizer.model.decode(learned, skip_special_tokens=False) == (
            "<think>\nhm\n</think>\n\nfour\n\nfive <|im_end|><|im_end|>"
        )
        assert (learned.count(opens), learned.count(closes), learned.count(gap)) == (1, 1, 2)
        assert learned.count(tokenizer.model.token_to_id("<|im_end|>")) == 1
        read = tokens.ids[~tokens.trained].tolist()
        assert [read.count(one) for one in (opens, closes, calls, gap)] == [0, 0, 0, 1]
        assert hostile in tokenizer.model.decode(read, skip_special_tokens=False)
    plain = masked_text("a\n\nb<think>", tokenizer).ids.tolist()
    assert plain == [*tokenizer.encode("a")[0], gap, *tokenizer.encode("b")[0], opens, tokenizer.eos_id]


def test_markup_is_what_the_engine_holds_for_it() -> None:
    texts = (
        "<think>", "</think>", "[THINK]", "◁think▷", "<|fim_prefix|>", "<table>", "</h1>", "\n\n", "<>", "<1>", "word",
    )  # fmt: skip
    assert [is_markup(one) for one in texts] == [control_text.is_markup(one) for one in texts]
    assert 0 < sum(map(is_markup, texts)) < len(texts)


@pytest.mark.parametrize("name", ["chatml", "llama3"])
def test_a_text_begins_as_it_is_served(name: str, tmp_path: Path) -> None:
    from tokenizers import processors

    model = byte_tokenizer().model
    begin = model.token_to_id("<bos>")
    assert kept(model, tmp_path / "told", add_bos_token=True).begin_id == begin
    without = kept(model, tmp_path / "without", add_bos_token=False)
    model.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", begin)])
    tokenizer = kept(model, tmp_path / "with")
    assert (without.begin_id, tokenizer.begin_id) == (None, begin)
    plain, tokens = (
        masked(next(chat_template(name, one).rendered([(CHAT, None)]))[0], one) for one in (without, tokenizer)
    )
    n_added = {"chatml": 1, "llama3": 0}[name]  # the other writes it itself
    assert tokens.ids.tolist() == [begin] * n_added + plain.ids.tolist()
    assert tokens.trained.tolist() == [False] * n_added + plain.trained.tolist()
    assert tokens.ids.tolist().count(begin) == 1 and tokens.ids[0] == begin

    letters = tokenizer.encode("abc")[0]
    for found in (masked_text("abc", tokenizer), masked(Rendered("abc", ((0, 3),)), tokenizer)):
        assert found.ids.tolist() == [begin, *letters, tokenizer.eos_id]
        assert found.trained.tolist() == [False, True, True, True, True]


@pytest.mark.parametrize("has_tokens", [False, True])
def test_a_template_that_forgets_thoughts_makes_a_text_for_each_answer(has_tokens: bool, tmp_path: Path) -> None:
    forgets = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n"
        "{% if m.role == 'assistant' and not loop.last %}{{ m.content.split('</think>')[-1] }}"
        "{% else %}{{ m.content }}{% endif %}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    tokenizer = thinking_tokenizer(tmp_path) if has_tokens else byte_tokenizer()
    chat = [
        {"role": "user", "content": "1?"},
        {"role": "assistant", "content": "<think>hm</think>one"},
        {"role": "user", "content": "2?"},
        {"role": "assistant", "content": "<think>ha</think>two"},
    ]
    found = next(chat_template(forgets, tokenizer).rendered([(chat, None)]))
    texts = [shown(masked(one, tokenizer), tokenizer) for one in found]
    assert [trained_texts(text) for text in texts] == [["<think>hm</think>one<|im_end|>"],
                                                       ["<think>ha</think>two<|im_end|>"]]  # fmt: skip
    assert "hm" not in texts[1]


@pytest.mark.parametrize("forgets", [False, True])
def test_an_answer_of_the_prompt_is_read_and_not_trained(forgets: bool, tmp_path: Path) -> None:
    written = "m.content.split('</think>')[-1] if m.role == 'assistant' and not loop.last else m.content"
    template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ " + written + " }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    before = "<think>hm</think>bad" if forgets else "bad"
    prompt = [
        {"role": "user", "content": "1?"},
        {"role": "assistant", "content": before},
        {"role": "user", "content": "2?"},
    ]
    lines = [
        {"prompt": prompt, "completion": [{"role": "assistant", "content": "good"}]},
        {"messages": [*prompt, {"role": "assistant", "content": "good"}]},
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    lessons = read_lessons([tmp_path / "a.jsonl"])
    assert [one.n_before for one in lessons] == [1, 0]
    tokenizer = byte_tokenizer()
    written_by = chat_template(template, tokenizer)
    found = [
        make_examples([lesson], [], tokenizer, written_by, max_tokens=500, too_long="refuse").train
        for lesson in lessons
    ]
    learned, whole = ([text for one in made for text in trained_texts(shown(one, tokenizer))] for made in found)
    assert learned == ["good<|im_end|>"]
    assert whole == [f"{before}<|im_end|>", "good<|im_end|>"]
    with pytest.raises(Error, match="no message of the assistant"):
        (tmp_path / "b.jsonl").write_text(json.dumps({"prompt": prompt[:2], "completion": prompt[2:]}))
        read_lessons([tmp_path / "b.jsonl"])


def test_many_chats_are_rendered_as_each_alone() -> None:
    tokenizer = byte_tokenizer()
    calls = 0

    def counted(template: str, variables: dict[str, Any]) -> str:
        nonlocal calls
        calls += 1
        return render(template, variables)

    chats = [([{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": f"{n}!"}], None)
             for n in range(100)]  # fmt: skip
    for name in ("chatml", "gemma", "llama2"):
        calls = 0
        template = ChatTemplate(FORMATS[name], counted, tokenizer.variables, tokenizer.control)
        together = list(template.rendered(chats))
        assert calls < 200
        assert together == [next(template.rendered([chat])) for chat in chats]


def test_a_template_that_rewrites_what_came_before_is_refused() -> None:
    rewrites = "{{ messages | length }}{% for m in messages %}{{ m.content }}{% endfor %}"
    tokenizer = byte_tokenizer()
    with pytest.raises(Error, match="differently once the answer is there"):
        next(chat_template(rewrites, tokenizer).rendered([(CHAT, None)]))


def test_plain_text_is_trained_whole_and_ends() -> None:
    tokenizer = byte_tokenizer()
    tokens = masked_text("abc <eos>", tokenizer)
    assert tokens.trained.all() and tokens.ids[-1] == tokenizer.eos_id
    assert tokens.ids.tolist().count(tokenizer.eos_id) == 1


def test_the_tokenizer_of_an_unpacked_model_is_read(demo_model: Path, tmp_path: Path) -> None:
    unpack(demo_model, tmp_path / "model")
    tokenizer = read_tokenizer(tmp_path / "model")
    template = ChatTemplate(tokenizer.template, render, tokenizer.variables, tokenizer.control)
    (rendered,) = next(template.rendered([(CHAT[1:3], None)]))
    text = shown(masked(rendered, tokenizer), tokenizer)
    assert text.endswith("<|im_start|>assistant\n»Four, äöü \N{PARTY POPPER}!<|im_end|>«\n")
    assert "»" not in text.partition("assistant\n")[0]


def tokens_of(lines: list[dict[str, Any]], template: str, folder: Path) -> list[list[int]]:
    (folder / "lines.jsonl").write_text("\n".join(map(json.dumps, lines)))
    tokenizer = byte_tokenizer()
    made = make_examples(
        read_lessons([folder / "lines.jsonl"]), [], tokenizer, chat_template(template, tokenizer), max_tokens=500,
        too_long="refuse",
    )  # fmt: skip
    return [one.ids.tolist() for one in made.train]


def test_a_key_that_is_null_is_not_there(tmp_path: Path) -> None:
    asks = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n"
        "{% if 'tool_calls' in m %}{% if m.tool_calls | length != 1 %}{{ raise_exception('one call') }}{% endif %}"
        "{{ m.tool_calls[0].name }}{% else %}{{ m.content }}{% endif %}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    chat: list[dict[str, Any]] = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]
    nulls = [{**message, "tool_calls": None, "name": None} for message in chat]
    calls = [chat[0], {"role": "assistant", "content": None, "tool_calls": [{"name": "look"}]}]
    plain, *others, called = tokens_of(
        [{"messages": chat}, {"messages": nulls}, {"prompt": nulls[:1], "completion": nulls[1:]}, {"messages": calls}],
        asks, tmp_path,
    )  # fmt: skip
    assert others == [plain, plain] and called != plain


def test_tools_stand_beside_every_form_of_a_chat(tmp_path: Path) -> None:
    knows = "{% if tools %}{{ tools | tojson }}\n{% endif %}" + FORMATS["chatml"]
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {}}}]
    chat = [{"role": "user", "content": "Rain?"}, {"role": "assistant", "content": "Rain."}]
    one, other, without = tokens_of(
        [
            {"messages": chat, "tools": tools},
            {"prompt": "Rain?", "completion": "Rain.", "tools": tools},
            {"prompt": "Rain?", "completion": "Rain.", "tools": None},
        ],
        knows, tmp_path,
    )  # fmt: skip
    assert one == other and one != without
    assert '"weather"' in byte_tokenizer().model.decode(one, skip_special_tokens=False)
    with pytest.raises(Error, match="line 1: tools must be a list"):
        tokens_of([{"prompt": "Rain?", "completion": "Rain.", "tools": "weather"}], knows, tmp_path)
