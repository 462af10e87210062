"""What a checked GGUF file says about its model: architecture, size, quantization, template, licence, name.

Metadata is a stranger's text: wrong types count as missing, lengths are cut; showing it safely is up to the faces.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from rushlight import Error
from rushlight.assistant.models.sampling_defaults import from_metadata
from rushlight.quant.gguf_values import GgufFile

_TEXT_LIMIT = 200

# general.file_type -> name, as llama.cpp counts them.
FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S",
    12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS",
    20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M",
    28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4",
    39: "NVFP4", 40: "Q1_0", 41: "Q2_0",
}  # fmt: skip

_RANK = 4  # llama.cpp's pooling type of a cross-encoder
_ENCODERS = frozenset(
    {
        "bert",
        "modern-bert",
        "nomic-bert",
        "nomic-bert-moe",
        "neo-bert",
        "eurobert",
        "jina-bert-v2",
        "jina-bert-v3",
        "gemma-embedding",
        "llama-embed",
    }
)

_NOT_MODELS = {
    "adapter": "a LoRA adapter, which changes a model but is none",
    "mmproj": "the vision or audio half of a model, not the language model",
    "imatrix": "an importance matrix for quantization",
    "controlvector": "a control vector",
    "vocabulary": "a vocabulary without weights",
    "part": "a later part of a split model",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the catalogue records, and what names are made of."""

    architecture: str
    n_params: int
    n_ctx_train: int
    quantization: str
    purpose: str  # chat, embedding or rerank
    chat_template: str
    license: str
    organization: str
    name: str
    sampling: dict[str, float]

    @property
    def chat_template_sha256(self) -> str:
        return template_sha256(self.chat_template)


def read_facts(files: Sequence[GgufFile]) -> Facts:
    """The facts of a model in one or more files, the first of which has the metadata. Raises when it is no model."""
    head = files[0]
    if head.kind != "model":
        what = _NOT_MODELS.get(head.kind, f"of the kind {head.kind[:40]!r}")
        raise Error(
            f"{head.path.name} is not a model: it is {what}.",
            hint="Choose the GGUF file that holds the model's weights.",
            kind="not-a-model",
        )
    architecture = text(head, "general.architecture")
    if not architecture:
        raise Error(
            f"{head.path.name} does not say which architecture it is (general.architecture).",
            hint="Convert the model again, or get another file of it.",
            kind="bad-file",
        )
    pooling = head.metadata.get(f"{architecture}.pooling_type")
    purpose = "embedding" if architecture in _ENCODERS or pooling is not None else "chat"
    if pooling == _RANK:
        purpose = "rerank"
    return Facts(
        architecture=architecture,
        n_params=sum(tensor.n_elements for file in files for tensor in file.tensors),
        n_ctx_train=whole(head, f"{architecture}.context_length"),
        quantization=quantization(files),
        purpose=purpose,
        chat_template=text(head, "tokenizer.chat_template", limit=None),
        license=text(head, "general.license") or text(head, "general.license.name"),
        organization=text(head, "general.organization"),
        name=(text(head, "general.basename") and _full_name(head)) or text(head, "general.name"),
        sampling=from_metadata(head.metadata),
    )


def template_sha256(template: str) -> str:
    """The digest by which a chat template is recognised; "" for none."""
    return hashlib.sha256(template.encode("utf-8", "surrogatepass")).hexdigest() if template else ""


def quantization(files: Sequence[GgufFile]) -> str:
    """The name of the mix (Q4_K_M), if the tensors bear it out; else the type most of the weights have."""
    bytes_of: dict[str, int] = {}
    for file in files:
        for tensor in file.tensors:
            if len(tensor.shape) > 1:
                bytes_of[tensor.type_name] = bytes_of.get(tensor.type_name, 0) + tensor.size_bytes
    if not bytes_of:
        return "unknown"
    # `_S`, `_M`, `_XS` name the mix, not the block format: IQ3_XS is made of IQ3_S and IQ3_XXS blocks.
    named = FILE_TYPES.get(whole(files[0], "general.file_type", default=-1), "")
    family = named.split("_")[0]
    if named and any(type_name.split("_")[0] == family for type_name in bytes_of):
        return named
    return max(bytes_of, key=lambda name: bytes_of[name])


def text(file: GgufFile, key: str, *, limit: int | None = _TEXT_LIMIT) -> str:
    """A text of the metadata, "" where there is none."""
    value = file.metadata.get(key)
    return value.strip()[:limit] if limit and isinstance(value, str) else value if isinstance(value, str) else ""


def whole(file: GgufFile, key: str, default: int = 0) -> int:
    """A number of the metadata that is neither negative nor beyond SQLite's integers, else the default."""
    value = file.metadata.get(key)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
        return value
    return default


def _full_name(file: GgufFile) -> str:
    """basename, size and fine-tune as the GGUF naming convention joins them: SmolLM2-135M-Instruct."""
    parts = [text(file, f"general.{part}") for part in ("basename", "size_label", "finetune")]
    return "-".join(part for part in parts if part)
