"""Which tokens of a tokenizer begin a text, end it or a turn; what is put around a text; and the chat templates."""

from pathlib import Path
from typing import Any, Final

from rushlight.quant.convert.config import Config, read_json
from rushlight.quant.convert.vocabulary import CONTROL, NORMAL, UNKNOWN, USER_DEFINED, Vocabulary

_NAMES: Final = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
# Ends of turns by what they are called in common templates, tried in this order.
_TURN_ENDS: Final = ("<|eot_id|>", "<|im_end|>", "<end_of_turn>", "<|end|>", "<|eot|>", "<|end_of_turn|>", "<|eom_id|>")


def add_special(found: Vocabulary, folder: Path, config: Config, said: dict[str, Any], written: dict[str, Any]) -> None:
    """Fill `special`, `add_bos`, `add_eos` and `templates` of `found`."""
    mapped = _optional(folder / "special_tokens_map.json")
    generation = _optional(folder / "generation_config.json")
    numbers = {text: number for number, text in enumerate(found.tokens)}
    for name in _NAMES:
        text = content_of(said.get(f"{name}_token")) or content_of(mapped.get(f"{name}_token"))
        number = numbers.get(text) if text else None
        if number is None and text is None:
            number = _first_number(config.get(f"{name}_token_id"), len(found.tokens))
        if number is not None:
            found.special[name] = number
            if found.types[number] in (NORMAL, USER_DEFINED):
                found.types[number] = UNKNOWN if name == "unk" and found.model in ("llama", "t5") else CONTROL
    found.templates.update(chat_templates(folder, said))
    _end_of_turn(found, generation, config)
    _around(found, said, written)
    if found.model == "bert":
        found.special.setdefault("bos", found.special.get("cls", 0))
        found.special.setdefault("eos", found.special.get("sep", 0))


def _optional(path: Path) -> dict[str, Any]:
    return read_json(path) if path.exists() else {}


def content_of(token: Any) -> str | None:
    if isinstance(token, dict):
        token = token.get("content")
    return token if isinstance(token, str) and token else None


def _numbers(value: Any) -> list[int]:
    listed = value if isinstance(value, list) else [value]
    return [number for number in listed if isinstance(number, int) and not isinstance(number, bool)]


def _first_number(value: Any, n_tokens: int) -> int | None:
    return next((number for number in _numbers(value) if 0 <= number < n_tokens), None)


def chat_templates(folder: Path, said: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    stated = said.get("chat_template")
    if stated is None:
        stated = _optional(folder / "chat_template.json").get("chat_template")
    if isinstance(stated, str):
        found[""] = stated
    elif isinstance(stated, list):
        for entry in stated:
            if isinstance(entry, dict) and isinstance(entry.get("template"), str):
                name = str(entry.get("name", "default"))
                found["" if name == "default" else name] = entry["template"]
    usual = folder / "chat_template.jinja"
    if usual.exists():
        found[""] = usual.read_text("utf-8")
    others = folder / "additional_chat_templates"
    for path in sorted(others.glob("*.jinja")) if others.is_dir() else ():
        found[path.stem] = path.read_text("utf-8")
    return found


def _end_of_turn(found: Vocabulary, generation: dict[str, Any], config: Config) -> None:
    """What ends a reply, if it is another token than what ends a text: without it a model never stops."""
    template = found.templates.get("", "")
    if not template:
        return
    ends = [
        found.tokens[number]
        for number in (*_numbers(generation.get("eos_token_id")), *_numbers(config.get("eos_token_id")))
        if 0 <= number < len(found.tokens)
    ]
    eos = found.tokens[found.special["eos"]] if "eos" in found.special else ""
    for text in (*(end for end in ends if end != eos), *_TURN_ENDS):
        if text in template and text != eos and text in found.tokens:
            found.special["eot"] = found.tokens.index(text)
            return


def _around(found: Vocabulary, said: dict[str, Any], written: dict[str, Any]) -> None:
    """Whether the beginning and the end are marked: by the post-processor, else by the two flags."""
    processors = _flat(written.get("post_processor"))
    template = next((step for step in processors if step.get("type") == "TemplateProcessing"), None)
    if template is not None:
        parts = [("special" if "SpecialToken" in part else "text") for part in template.get("single", [])]
        found.add_bos = bool(parts) and parts[0] == "special"
        found.add_eos = bool(parts) and parts[-1] == "special"
        if found.add_bos and "bos" not in found.special:
            text = template["single"][0]["SpecialToken"]["id"]
            found.special["bos"] = found.tokens.index(text) if text in found.tokens else 0
    elif any(step.get("type") in ("BertProcessing", "RobertaProcessing") for step in processors):
        found.add_bos = found.add_eos = True
    else:
        for flag, name in (("add_bos_token", "add_bos"), ("add_eos_token", "add_eos")):
            if isinstance(said.get(flag), bool):
                setattr(found, name, said[flag])
            elif written:
                setattr(found, name, False)
    if found.model == "gpt2" and found.add_bos is None:
        found.add_bos = False


def _flat(part: Any) -> list[dict[str, Any]]:
    if not isinstance(part, dict):
        return []
    inner = part.get("processors")
    return [step for one in inner for step in _flat(one)] if isinstance(inner, list) else [part]
