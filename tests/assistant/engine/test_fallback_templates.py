"""A missing or broken template does not keep a model from being used."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from rushlight import Error
from rushlight.assistant.engine.fallback_templates import FORMATS, choose_template, find_format
from rushlight.assistant.engine.prompt import build_prompt
from rushlight.assistant.engine.request import GenerateRequest, Message
from rushlight.assistant.engine.template_process import TemplateProcess


@dataclass(frozen=True)
class Words:
    special_texts: frozenset[str] = frozenset({"<|im_start|>", "<|im_end|>"})
    bos_text: str = "<s>"
    eos_text: str = "</s>"
    add_bos: bool = False


@pytest.fixture(scope="module")
def renderer() -> Iterator[TemplateProcess]:
    process = TemplateProcess.start()
    yield process
    process.close()


CONVERSATION = (Message("system", "S"), Message("user", "U1"), Message("assistant", "A1"), Message("user", "U2"))
EXPECTED = {
    "chatml": "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU1<|im_end|>\n<|im_start|>assistant\nA1<|im_end|>\n"
    "<|im_start|>user\nU2<|im_end|>\n<|im_start|>assistant\n",
    "llama2": "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nU1 [/INST] A1 </s><s>[INST] U2 [/INST]",
    "llama3": "<s><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n"
    "U1<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nA1<|eot_id|><|start_header_id|>user"
    "<|end_header_id|>\n\nU2<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
    "llama4": "<s><|header_start|>system<|header_end|>\n\nS<|eot|><|header_start|>user<|header_end|>\n\nU1<|eot|>"
    "<|header_start|>assistant<|header_end|>\n\nA1<|eot|><|header_start|>user<|header_end|>\n\nU2<|eot|>"
    "<|header_start|>assistant<|header_end|>\n\n",
    "gemma": "<s><start_of_turn>user\nS\n\nU1<end_of_turn>\n<start_of_turn>model\nA1<end_of_turn>\n"
    "<start_of_turn>user\nU2<end_of_turn>\n<start_of_turn>model\n",
    "mistral-v1": "<s> [INST] S\n\nU1 [/INST] A1</s> [INST] U2 [/INST]",
    "mistral-v3": "<s>[INST] S\n\nU1[/INST] A1</s>[INST] U2[/INST]",
    "mistral-v3-tekken": "<s>[INST]S\n\nU1[/INST]A1</s>[INST]U2[/INST]",
    "mistral-v7": "<s>[SYSTEM_PROMPT]S[/SYSTEM_PROMPT][INST]U1[/INST]A1</s>[INST]U2[/INST]",
    "phi3": "<|system|>\nS<|end|>\n<|user|>\nU1<|end|>\n<|assistant|>\nA1<|end|>\n<|user|>\nU2<|end|>\n<|assistant|>\n",
    "zephyr": "<|system|>\nS</s>\n<|user|>\nU1</s>\n<|assistant|>\nA1</s>\n<|user|>\nU2</s>\n<|assistant|>\n",
    "falcon3": "<|system|>\nS\n<|user|>\nU1\n<|assistant|>\nA1</s>\n<|user|>\nU2\n<|assistant|>\n",
    "glm4": "[gMASK]<sop><|system|>\nS<|user|>\nU1<|assistant|>\nA1<|user|>\nU2<|assistant|>",
    "granite": "<|start_of_role|>system<|end_of_role|>S<|end_of_text|>\n<|start_of_role|>user<|end_of_role|>U1"
    "<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>A1<|end_of_text|>\n"
    "<|start_of_role|>user<|end_of_role|>U2<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>",
    "command-r": "<s><|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>S<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|USER_TOKEN|>"
    "U1<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>A1<|END_OF_TURN_TOKEN|>"
    "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>U2<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>",
    "deepseek": "<s>S<｜User｜>U1<｜Assistant｜>A1<｜end▁of▁sentence｜><｜User｜>U2<｜Assistant｜>",
    "harmony": "<|start|>system<|message|>S<|end|><|start|>user<|message|>U1<|end|><|start|>assistant<|channel|>final"
    "<|message|>A1<|end|><|start|>user<|message|>U2<|end|><|start|>assistant",
    "vicuna": "<s>S\n\nUSER: U1\nASSISTANT: A1</s>\nUSER: U2\nASSISTANT:",
    "alpaca": "<s>S\n\n### Instruction:\nU1\n\n### Response:\nA1\n\n### Instruction:\nU2\n\n### Response:\n",
    "plain": "<s>S\n\nUser: U1\nAssistant: A1\nUser: U2\nAssistant:",
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format(renderer: TemplateProcess, name: str) -> None:
    request = GenerateRequest(messages=CONVERSATION)
    assert build_prompt(request, FORMATS[name], Words(frozenset()), renderer).text == EXPECTED[name]
    answer = GenerateRequest(messages=(Message("user", "U"), Message("assistant", "go on")), continue_final=True)
    assert build_prompt(answer, FORMATS[name], Words(frozenset()), renderer).text.endswith("go on")


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        ({"<|im_start|>", "<|im_end|>", "<|endoftext|>"}, "chatml"),
        ({"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"}, "llama3"),
        ({"<start_of_turn>", "<end_of_turn>", "<bos>"}, "gemma"),
        ({"[INST]", "[/INST]", "<s>", "</s>", "<unk>"}, "mistral-v3"),
        ({"<|user|>", "<|assistant|>", "<|end|>", "<s>", "</s>", "<unk>"}, "phi3"),
        ({"<｜User｜>", "<｜Assistant｜>"}, "deepseek"),
        ({"<|START_OF_TURN_TOKEN|>", "<|CHATBOT_TOKEN|>"}, "command-r"),
        ({"<|start|>", "<|channel|>", "<|message|>", "<|end|>"}, "harmony"),
        ({"<s>", "</s>", "<unk>"}, "llama2"),
        ({"<|endoftext|>"}, "plain"),
        (set(), "plain"),
    ],
)
def test_find_format(texts: set[str], name: str) -> None:
    assert find_format(frozenset(texts)) == name


def test_the_file_s_own_template(renderer: TemplateProcess) -> None:
    own = "{% for m in messages %}{{ m.content }}{% endfor %}"
    for given in (own, own.encode()):
        chosen = choose_template(given, Words(), renderer)
        assert (chosen.text, chosen.source, chosen.notice) == (own, "file", None)


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (None, "it has no chat template"),
        ("", "is empty"),
        (" \n", "is empty"),
        (b"\xff\xfe{{ x }}", "no UTF-8 text"),
        ("{% unknown_tag %}", "unknown tag 'unknown_tag'"),
        ("{{ messages[", "unexpected"),
        ("{{ nothing.here.at.all }}", "'nothing' is undefined"),
        ("{{ raise_exception('never') }}", "never"),
        ("{{ 'a' * 10**9 }}", "MiB"),
        ("{# says nothing #}", "wrote nothing"),
        ("always the same", "leaves out what the user says"),
        ("x" * 70_000, "longer than 65536 bytes"),
    ],
)
def test_a_broken_one_is_replaced_and_the_notice_says_why(
    renderer: TemplateProcess, own: str | bytes | None, words: str
) -> None:
    chosen = choose_template(own, Words(), renderer)
    assert chosen.source == "chatml"
    assert chosen.notice is not None
    assert chosen.notice.kind == "template-replaced"
    assert "chatml" in chosen.notice.text
    assert words in chosen.notice.text
    prompt = build_prompt(GenerateRequest(messages=CONVERSATION), chosen.text, Words(), renderer)
    assert prompt.text == EXPECTED["chatml"]


def test_a_setting(renderer: TemplateProcess) -> None:
    assert choose_template("{% broken", Words(), renderer, setting="phi3").source == "phi3"
    chosen = choose_template("{% broken", Words(), renderer, setting="{{ messages[0].content }}")
    assert (chosen.text, chosen.source, chosen.notice) == ("{{ messages[0].content }}", "setting", None)
    with pytest.raises(Error, match="no chat format 'chatlm'") as caught:
        choose_template(None, Words(), renderer, setting="chatlm")
    assert "chatml" in caught.value.hint
    with pytest.raises(Error) as caught:
        choose_template(None, Words(), renderer, setting="{% broken")
    assert caught.value.kind == "template-error"
