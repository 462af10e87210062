"""Built-in chat formats, for files whose own template is missing or broken, and for a user's choice by name.

Knows how model families write a conversation, and which control tokens give a family away.
"""

from dataclasses import dataclass

from rushlight import Error
from rushlight.assistant.engine.prompt import Renderer, Vocabulary, build_prompt
from rushlight.assistant.engine.request import GenerateRequest, Message
from rushlight.assistant.engine.template_renderer import MAX_TEMPLATE_BYTES
from rushlight.assistant.events import Notice

# A system message for families that have no place for one: it opens the first user turn.
_FOLD = (
    "{% if messages[0].role == 'system' %}{% set lead = messages[0].content ~ '\\n\\n' %}{% set turns = messages[1:] %}"
    "{% else %}{% set lead = '' %}{% set turns = messages %}{% endif %}"
)
_INST = (
    _FOLD + "{{ bos_token }}{% for m in turns %}{% if m.role == 'assistant' %}{{ A }}"
    "{% else %}{{ U }}{% endif %}{% endfor %}"
)


def _by_turn(
    before_role: str,
    after_role: str,
    after_content: str,
    *,
    start: str = "",
    roles: tuple[tuple[str, str], ...] = (),
    ask: str | None = None,
) -> str:
    """Formats that write every turn alike: `before_role` role `after_role` content `after_content`."""
    names = "{" + ", ".join(f"'{role}': '{name}'" for role, name in roles) + "}"
    role = "{{ names.get(m.role, m.role) }}" if roles else "{{ m.role }}"
    assistant = dict(roles).get("assistant", "assistant")
    opening = ask if ask is not None else f"{before_role}{assistant}{after_role}"
    return (
        f"{start}{{% set names = {names} %}}{{% for m in messages %}}{before_role}{role}{after_role}"
        f"{{{{ m.content | trim }}}}{after_content}{{% endfor %}}"
        f"{{% if add_generation_prompt %}}{opening}{{% endif %}}"
    )


FORMATS: dict[str, str] = {
    "chatml": _by_turn("<|im_start|>", "{{ '\\n' }}", "<|im_end|>{{ '\\n' }}"),
    "llama3": _by_turn("<|start_header_id|>", "<|end_header_id|>{{ '\\n\\n' }}", "<|eot_id|>", start="{{ bos_token }}"),
    "llama4": _by_turn("<|header_start|>", "<|header_end|>{{ '\\n\\n' }}", "<|eot|>", start="{{ bos_token }}"),
    "phi3": _by_turn("<|", "|>{{ '\\n' }}", "<|end|>{{ '\\n' }}"),
    "falcon3": _by_turn("<|", "|>{{ '\\n' }}", "{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{{ '\\n' }}"),
    "zephyr": _by_turn("<|", "|>{{ '\\n' }}", "{{ eos_token }}{{ '\\n' }}"),
    "glm4": _by_turn("<|", "|>{{ '\\n' }}", "", start="[gMASK]<sop>", ask="<|assistant|>"),
    "granite": _by_turn("<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>{{ '\\n' }}"),
    "command-r": _by_turn(
        "<|START_OF_TURN_TOKEN|>",
        "",
        "<|END_OF_TURN_TOKEN|>",
        start="{{ bos_token }}",
        roles=(
            ("system", "<|SYSTEM_TOKEN|>"),
            ("user", "<|USER_TOKEN|>"),
            ("assistant", "<|CHATBOT_TOKEN|>"),
            ("tool", "<|SYSTEM_TOKEN|>"),
        ),
    ),
    "harmony": _by_turn(
        "<|start|>",
        "{% if m.role == 'assistant' %}<|channel|>final{% endif %}<|message|>",
        "<|end|>",
        ask="<|start|>assistant",
    ),
    "gemma": _FOLD
    + (
        "{{ bos_token }}{% for m in turns %}<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}"
        "{{ '\\n' }}{% if loop.first %}{{ lead }}{% endif %}{{ m.content | trim }}<end_of_turn>{{ '\\n' }}"
        "{% endfor %}{% if add_generation_prompt %}<start_of_turn>model{{ '\\n' }}{% endif %}"
    ),
    "deepseek": (
        "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}<｜User｜>{{ m.content }}"
        "{% elif m.role == 'assistant' %}<｜Assistant｜>{{ m.content }}<｜end▁of▁sentence｜>"
        "{% else %}{{ m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}<｜Assistant｜>{% endif %}"
    ),
    "llama2": (
        "{% if messages[0].role == 'system' %}{% set lead = '<<SYS>>\\n' ~ messages[0].content ~ '\\n<</SYS>>\\n\\n' %}"
        "{% set turns = messages[1:] %}{% else %}{% set lead = '' %}{% set turns = messages %}{% endif %}"
        "{% for m in turns %}{% if m.role == 'assistant' %} {{ m.content | trim }} {{ eos_token }}"
        "{% else %}{{ bos_token }}[INST] {% if loop.first %}{{ lead }}{% endif %}{{ m.content | trim }} [/INST]"
        "{% endif %}{% endfor %}"
    ),
    "mistral-v1": _INST.replace("{{ A }}", " {{ m.content | trim }}{{ eos_token }}").replace(
        "{{ U }}", " [INST] {% if loop.first %}{{ lead }}{% endif %}{{ m.content | trim }} [/INST]"
    ),
    "mistral-v3": _INST.replace("{{ A }}", " {{ m.content | trim }}{{ eos_token }}").replace(
        "{{ U }}", "[INST] {% if loop.first %}{{ lead }}{% endif %}{{ m.content | trim }}[/INST]"
    ),
    "mistral-v3-tekken": _INST.replace("{{ A }}", "{{ m.content | trim }}{{ eos_token }}").replace(
        "{{ U }}", "[INST]{% if loop.first %}{{ lead }}{% endif %}{{ m.content | trim }}[/INST]"
    ),
    "mistral-v7": (
        "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}[SYSTEM_PROMPT]{{ m.content }}"
        "[/SYSTEM_PROMPT]{% elif m.role == 'assistant' %}{{ m.content }}{{ eos_token }}"
        "{% else %}[INST]{{ m.content }}[/INST]{% endif %}{% endfor %}"
    ),
    "vicuna": (
        "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}{{ m.content | trim }}{{ '\\n\\n' }}"
        "{% elif m.role == 'assistant' %}ASSISTANT: {{ m.content | trim }}{{ eos_token }}{{ '\\n' }}"
        "{% else %}USER: {{ m.content | trim }}{{ '\\n' }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
    ),
    "alpaca": (
        "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}{{ m.content | trim }}{{ '\\n\\n' }}"
        "{% elif m.role == 'assistant' %}### Response:{{ '\\n' }}{{ m.content | trim }}{{ '\\n\\n' }}"
        "{% else %}### Instruction:{{ '\\n' }}{{ m.content | trim }}{{ '\\n\\n' }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}### Response:{{ '\\n' }}{% endif %}"
    ),
    # For models that were never taught a conversation.
    "plain": (
        "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}{{ m.content | trim }}{{ '\\n\\n' }}"
        "{% else %}{{ m.role | capitalize }}: {{ m.content | trim }}{{ '\\n' }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}Assistant:{% endif %}"
    ),
}

# The first whose control tokens are all there. The more telling sets stand first.
_SIGNS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"<|start|>", "<|channel|>", "<|message|>"}), "harmony"),
    (frozenset({"<|start_header_id|>", "<|end_header_id|>"}), "llama3"),
    (frozenset({"<|header_start|>", "<|header_end|>"}), "llama4"),
    (frozenset({"<start_of_turn>", "<end_of_turn>"}), "gemma"),
    (frozenset({"<|START_OF_TURN_TOKEN|>", "<|CHATBOT_TOKEN|>"}), "command-r"),
    (frozenset({"<｜User｜>", "<｜Assistant｜>"}), "deepseek"),
    (frozenset({"<|start_of_role|>", "<|end_of_role|>"}), "granite"),
    (frozenset({"[gMASK]", "<sop>", "<|user|>"}), "glm4"),
    (frozenset({"<|user|>", "<|assistant|>", "<|end|>"}), "phi3"),
    (frozenset({"[SYSTEM_PROMPT]", "[INST]"}), "mistral-v7"),
    (frozenset({"[INST]", "[/INST]", "<SPECIAL_20>"}), "mistral-v3-tekken"),
    (frozenset({"[INST]", "[/INST]"}), "mistral-v3"),
    (frozenset({"<|im_start|>", "<|im_end|>"}), "chatml"),
    (frozenset({"<|user|>", "<|assistant|>"}), "falcon3"),
    (frozenset({"<s>", "</s>", "<unk>"}), "llama2"),
)


@dataclass(frozen=True, slots=True)
class ChosenTemplate:
    """The template to use. `source`: "setting", "file", or the name of a built-in format."""

    text: str
    source: str
    notice: Notice | None = None


def find_format(special_texts: frozenset[str]) -> str:
    """The name of the built-in format that fits these control tokens; "plain" where none is known."""
    return next((name for signs, name in _SIGNS if signs <= special_texts), "plain")


def choose_template(
    own: str | bytes | None, vocabulary: Vocabulary, renderer: Renderer, *, setting: str = ""
) -> ChosenTemplate:
    """The template that a model is used with: the user's (a name or a text), the file's own, or a built-in format.

    The file's own is tried with a greeting. One that is missing, empty, unreadable, broken, too slow or too large
    does not keep the model from being used: a built-in format takes its place, and the notice says which and why.
    A broken template of the user's own is an `Error`.
    """
    if setting:
        if setting in FORMATS:
            return ChosenTemplate(FORMATS[setting], setting)
        if "{" not in setting:
            import difflib

            near = difflib.get_close_matches(setting, FORMATS, 1)
            raise Error(
                f"There is no chat format {setting!r}.",
                kind="no-such-format",
                hint=f"Did you mean {near[0]}?" if near else f"The formats are: {', '.join(sorted(FORMATS))}.",
            )
        _try(setting, vocabulary, renderer)
        return ChosenTemplate(setting, "setting")
    why = ""
    if isinstance(own, bytes):
        try:
            own = own.decode()
        except UnicodeDecodeError as err:
            why, own = f"its chat template is no UTF-8 text ({err.reason} at byte {err.start})", ""
    if not why:
        if own is None:
            why = "it has no chat template"
        elif not own.strip():
            why = "its chat template is empty"
        elif len(own.encode(errors="replace")) > MAX_TEMPLATE_BYTES:
            why = f"its chat template is longer than {MAX_TEMPLATE_BYTES} bytes"
        else:
            try:
                _try(own, vocabulary, renderer)
                return ChosenTemplate(own, "file")
            except Error as err:
                why = f"its chat template does not work ({err.message.rstrip('.')})"
    name = find_format(vocabulary.special_texts)
    return ChosenTemplate(
        FORMATS[name],
        name,
        Notice("template-replaced", f"The model is used with the built-in chat format {name}: {why}."),
    )


def _try(template: str, vocabulary: Vocabulary, renderer: Renderer) -> None:
    greeting = GenerateRequest(messages=(Message("user", "Hello"),))
    if "Hello" not in build_prompt(greeting, template, vocabulary, renderer).text:
        raise Error("It leaves out what the user says.", hint="Name a built-in chat format.", kind="template-error")
