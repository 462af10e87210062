"""Which models a proof sets against each other: after a conversion, an unpacking, a quantization, an adapter's way.

Knows files and folders, and asks llama.cpp and the plain model in numpy; what is compared is told by `proof`. Chat
templates come from strangers: they are rendered by whoever is given as `render`, in a process with limits.
"""

import contextlib
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from rushlight import Error, Progress, Stop
from rushlight.quant.convert.config import Config, read_json
from rushlight.quant.convert.family import family_of_config
from rushlight.quant.convert.pre_tokenizers import LOSES_MARKS
from rushlight.quant.convert.special_tokens import chat_templates, content_of
from rushlight.quant.convert.to_gguf import arrange, open_weights
from rushlight.quant.ggml import RunningModel
from rushlight.quant.gguf_check import check
from rushlight.quant.gguf_tensors import GgufTensors
from rushlight.quant.gguf_values import GgufFile, LongArray
from rushlight.quant.numpy_model import NumpyModel, open_tokenizer
from rushlight.quant.proof import Render, prove
from rushlight.quant.proof_file import Check, Proof
from rushlight.quant.proof_texts import HARD_TEXTS
from rushlight.quant.rows import Floats
from rushlight.quant.scaling_keys import scaling_of
from rushlight.quant.settings_check import check_settings
from rushlight.quant.weights_check import check_weights

# A template and its variables into text.
RenderTemplate = Callable[[str, dict[str, Any]], str]
OnProgress = Callable[[Progress], None]

N_CTX: Final = 256  # tokens: the longest text of a proof has 192
_NO_TEXT: Final = frozenset({"bert", "nomic-bert", "clip"})  # embed or look; nothing to generate
_PLAIN: Final = frozenset({"F32", "F16", "BF16"})
_COMPOSED: Final[tuple[Literal["NFC", "NFD", "NFKC", "NFKD"], ...]] = ("NFKC", "NFC")
_LONGEST_WORD: Final = 100  # letters: Hugging Face's word pieces call longer ones unknown, llama.cpp cuts them


def prove_file(
    path: Path,
    source: Path,
    *,
    type_name: str = "",
    render: RenderTemplate | None = None,
    n_threads: int = 1,
    stop: Stop | None = None,
    on_progress: OnProgress | None = None,
) -> Proof:
    """Hold a GGUF file, or an unpacked folder, against the GGUF file or the Hugging Face folder it was made of; the
    result lies beside it."""
    if path.is_dir() and source.is_dir():
        raise Error(
            "One of the two must be a GGUF file.", "Two folders were not made of each other.", kind="unsupported"
        )
    file = check(source if path.is_dir() else path)
    kind = _type_of_folder(path) if path.is_dir() else mixture_of(file)
    before = [_weights(path, source, kind, stop)]
    if not path.is_dir() and not source.is_dir():
        before.append(check_settings(file, check(source)))
    type_name = type_name or kind
    if path.is_dir() and mixture_of(file) not in _PLAIN:
        type_name = "Q8_0"  # llama.cpp multiplies blocks with inputs rounded to 8 bits; numpy does not
    with contextlib.ExitStack() as stack:
        sides = [_opened(stack, one, n_threads) for one in (path, source)]
        return prove(
            path,
            *sides,
            type_name=type_name,
            source_name=source.name,
            render_file=_render(path, render),
            render_source=_render(source, render),
            hard_texts=_hard_texts(path, source),
            more=before,
            stop=stop,
            on_progress=on_progress,
        )


def mixture_of(file: GgufFile) -> str:
    """What `general.file_type` says, or else the type that most of the weights have."""
    from rushlight.quant.ggml import MIXTURES

    sizes: dict[str, int] = {}
    for tensor in file.tensors:
        if len(tensor.shape) > 1:
            sizes[tensor.type_name] = sizes.get(tensor.type_name, 0) + tensor.n_elements
    most = max(sizes, key=lambda name: sizes[name], default="F32")
    number = file.metadata.get("general.file_type")
    said = next((name for name, known in MIXTURES.items() if known == number), "")
    return said if said and said[:2] == most[:2] else most


def _type_of_folder(folder: Path) -> str:
    stated = str(Config.read(folder).get("dtype", "torch_dtype", default="float32"))
    return {"float16": "F16", "bfloat16": "BF16"}.get(stated, "F32")


# ---------------------------------------------------------------- the two sides
class _Folder:
    """A Hugging Face folder: its tokenizer by Hugging Face's library, its logits in plain numpy where we know how."""

    def __init__(self, folder: Path, model: NumpyModel | None, problem: str) -> None:
        self._folder, self._model, self._problem = folder, model, problem
        self._tokenizer: Any = None

    def tokenize(self, text: str) -> list[int]:
        if self._tokenizer is None:
            if not (self._folder / "tokenizer.json").exists():
                raise Error("The tokens were not compared: the folder has no tokenizer.json.", kind="unsupported")
            self._tokenizer = open_tokenizer(self._folder)
        found: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return found

    def logits(self, token_ids: Sequence[int]) -> Floats:
        if self._model is None:
            raise Error(f"The answers were not compared: {self._problem}", kind="unsupported")
        return self._model.logits(token_ids)


class _Silent:
    """A file whose model writes no text: only its tokens are compared."""

    def __init__(self, running: RunningModel) -> None:
        self._running = running

    def tokenize(self, text: str) -> list[int]:
        return self._running.tokenize(text)

    def logits(self, token_ids: Sequence[int]) -> Floats:
        raise Error("The answers were not compared: the model writes no text.", kind="unsupported")


def _opened(stack: contextlib.ExitStack, path: Path, n_threads: int) -> Any:
    if not path.is_dir():
        running = stack.enter_context(RunningModel(path, n_ctx=N_CTX, n_threads=n_threads))
        return _Silent(running) if check(path).architecture in _NO_TEXT else running
    try:
        return _Folder(path, stack.enter_context(NumpyModel(path)), "")
    except Error as error:
        if error.kind != "unsupported":
            raise
        return _Folder(path, None, error.message)


@contextlib.contextmanager
def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """The tensors of a file or a folder under GGUF's names."""
    if not path.is_dir():
        with GgufTensors(path) as opened:
            yield opened.tensors
        return
    config = Config.read(path)
    family = family_of_config(config)
    with open_weights(path) as stored:
        yield dict(arrange(family, config.with_defaults(family.defaults), stored))


def _weights(path: Path, source: Path, type_name: str, stop: Stop | None) -> Check:
    if path.is_dir():
        with _rows(path) as rows:
            return check_weights(source, rows, type_name=type_name, stop=stop)
    try:
        scaling = scaling_of(check(path))
    except Error as error:
        return Check("weights", False, error.message, {})
    with _rows(source) as rows:
        if scaling is not None:  # by what the file says; that the model is still the same, its answers have to show
            rows = {name: scaling.scaled(name, tensor) for name, tensor in rows.items()}
        return check_weights(path, rows, stop=stop)


# ---------------------------------------------------------------- texts and templates
def _hard_texts(path: Path, source: Path) -> Sequence[str]:
    """The hard texts, less what llama.cpp is known to cut otherwise (see docs/quant.md), where a folder is a side."""
    folder = next((one for one in (path, source) if one.is_dir()), None)
    if folder is None:
        return HARD_TEXTS
    file = check(source if path.is_dir() else path)
    written = read_json(folder / "tokenizer.json") if (folder / "tokenizer.json").exists() else {}
    form = next((one for one in _COMPOSED if f"'type': '{one}'" in str(written.get("normalizer"))), None)
    texts = list(HARD_TEXTS)
    if form is not None:
        texts = [unicodedata.normalize(form, text) for text in texts]
    if file.metadata.get("tokenizer.ggml.pre") in LOSES_MARKS:
        texts = ["".join(one for one in text if not unicodedata.category(one).startswith("M")) for text in texts]
    if file.metadata.get("tokenizer.ggml.model") == "bert":
        texts = ["".join(one for one in text if not _is_hangul(one)) for text in texts]
        texts = [text for text in texts if max(map(len, text.split()), default=0) <= _LONGEST_WORD]
    if file.metadata.get("tokenizer.ggml.model") == "t5":
        # unigrams: what is unknown and how spaces are joined is counted otherwise
        texts = [" ".join("".join(one for one in text if one.isascii()).split()) for text in texts]
    return texts


def _is_hangul(letter: str) -> bool:
    return "가" <= letter <= "힣"


def _render(path: Path, render: RenderTemplate | None) -> Render | None:
    """How the chats of this side are rendered; None where it has no template."""
    template, begin, end = _folder_template(path) if path.is_dir() else _file_template(check(path))
    if render is None or not template:
        return None

    def rendered(chat: Sequence[Mapping[str, str]]) -> str:
        messages = [dict(message) for message in chat]
        more = {"add_generation_prompt": True, "bos_token": begin, "eos_token": end}
        return render(template, {"messages": messages, **more})

    return rendered


def _file_template(file: GgufFile) -> tuple[str, str, str]:
    tokens = file.metadata.get("tokenizer.ggml.tokens", [])
    listed = tokens.load() if isinstance(tokens, LongArray) else tokens

    def token(name: str) -> str:
        number = file.metadata.get(f"tokenizer.ggml.{name}_token_id")
        is_there = isinstance(listed, list) and isinstance(number, int) and number < len(listed)
        return str(listed[number]) if is_there else ""  # type: ignore[index]

    return str(file.metadata.get("tokenizer.chat_template", "")), token("bos"), token("eos")


def _folder_template(folder: Path) -> tuple[str, str, str]:
    path = folder / "tokenizer_config.json"
    said = read_json(path) if path.exists() else {}
    begin, end = (content_of(said.get(f"{name}_token")) or "" for name in ("bos", "eos"))
    return chat_templates(folder, said).get("", ""), begin, end
