"""Ids and file names for imported models, made from what a file says of itself or from its name.

id:    publisher/model@QUANTIZATION           SmolLM2/SmolLM2-135M-Instruct@Q4_1
file:  publisher/model/file.gguf              below the models folder
"""

import re

from rushlight.assistant.models.facts import FILE_TYPES, Facts

UNKNOWN_PUBLISHER = "local"
_MAX_PART = 80
# Windows refuses these names, with any extension.
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"com{n}" for n in range(10)), *(f"lpt{n}" for n in range(10))})
_SPLIT = re.compile(r"-\d{5}-of-\d{5}$")
_TYPES = sorted({*FILE_TYPES.values(), "Q4_K", "Q5_K", "Q3_K", "FP16", "FP32"}, key=len, reverse=True)
_QUANT_END = re.compile(rf"[-._](?:i1-|UD-)?(?:{'|'.join(_TYPES)})(?:_XL|_L)?$", re.IGNORECASE)


def safe_part(name: str, fallback: str) -> str:
    """One part of an id or path: letters, digits, dot, dash, underscore; never hidden, a device or empty."""
    part = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
    part = re.sub(r"\.{2,}", ".", part).strip("-._ ")[:_MAX_PART].strip("-._")
    if not part or part.split(".")[0].lower() in _DEVICES:
        return fallback
    return part


def stem_of(file_name: str) -> str:
    """A GGUF file's name without extension and part number."""
    stem = file_name[:-5] if file_name.lower().endswith(".gguf") else file_name
    return _SPLIT.sub("", stem)


def publisher_and_model(facts: Facts, file_name: str) -> tuple[str, str]:
    """The two folders of a model.

    A file name that ends in a quantization was made for people (SmolLM2-135M-Instruct.Q4_1.gguf) and goes first:
    inside such files the name is often that of the training run. Other files are called what they call themselves.
    """
    stem = stem_of(file_name)
    short = _QUANT_END.sub("", stem)
    from_file = safe_part(short, "model")
    publisher = safe_part(facts.organization, UNKNOWN_PUBLISHER) if facts.organization else UNKNOWN_PUBLISHER
    if file_name.lower().endswith(".gguf") and short != stem:
        return publisher, from_file
    return publisher, safe_part(_QUANT_END.sub("", facts.name), from_file)


def id_of(place: tuple[str, str], facts: Facts) -> str:
    """The id of a model that is given none."""
    return f"{place[0]}/{place[1]}@{safe_part(facts.quantization, 'unknown')}"


def file_names(facts: Facts, file_name: str, n_parts: int) -> list[str]:
    """The names under which the parts are kept; llama.cpp finds the parts of a split model by these very names."""
    stem = stem_of(file_name)
    if not file_name.lower().endswith(".gguf"):
        # Content-addressed stores (Ollama, the HF cache) call files by digest; that says nothing to people.
        stem = f"{publisher_and_model(facts, '')[1]}-{facts.quantization}"
    stem = safe_part(stem, "model")
    if n_parts == 1:
        return [f"{stem}.gguf"]
    return [f"{stem}-{part:05d}-of-{n_parts:05d}.gguf" for part in range(1, n_parts + 1)]
