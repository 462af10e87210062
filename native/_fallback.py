"""The kernels in plain Python: the slow, obvious version that the compiled one is tested against.

_kernels.pyi is the contract of both; the texts of errors are equal too. Without numpy on purpose: this module is
imported where `rushlight ask` starts. A proposal looks at the whole text, some 10 ms for 32,768 tokens.
"""

import operator
import sys
import threading
from array import array
from typing import TYPE_CHECKING, Any, TypeAlias, final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from typing_extensions import Buffer

    _Buffer: TypeAlias = Buffer | npt.NDArray[Any]
    _TokenIds: TypeAlias = Buffer | npt.NDArray[np.int32] | list[int] | tuple[int, ...]

_NATIVE_PREFIXES = ("", "@", "=", "<") if sys.byteorder == "little" else ("", "@", "=", ">", "!")
_NATIVE_FORMATS = {prefix + letter for prefix in _NATIVE_PREFIXES for letter in "il"}
_MOST_TOKENS = 2**30
_LARGEST_NGRAM = 16


def abort_callback_address() -> int:
    """0: without the compiled module ggml cannot be given a callback that needs no Python; see engine/llama.py."""
    return 0


def common_prefix_length(a: "_TokenIds", b: "_TokenIds") -> int:
    """How many leading token ids `a` and `b` have in common."""
    n_equal = 0
    for left, right in zip(_token_ids(a, "a"), _token_ids(b, "b"), strict=False):
        if left != right:
            break
        n_equal += 1
    return n_equal


def cpu_path() -> str:
    """ "python": no instruction set is chosen, so RUSHLIGHT_CPU has no say."""
    return "python"


def quantize_rows(
    values: "_Buffer",
    n_columns: int,
    type_name: str,
    importance: "_Buffer | None",
    out: "_Buffer",
    n_threads: int = 1,
) -> bool:
    """False, and nothing is written: quant/blocks has the numpy version, which knows the bytes of each format."""
    return False


def score_logits(
    base: "_Buffer",
    other: "_Buffer",
    targets: "_Buffer",
    n_columns: int,
    n_top: int,
    out: "_Buffer",
    n_threads: int = 1,
) -> bool:
    """False, and nothing is written: quant/divergence.py has the numpy version."""
    return False


def round_with_feedback(
    work: "_Buffer",
    factor: "_Buffer",
    scales: "_Buffer",
    offsets: "_Buffer | None",
    levels: "_Buffer | None",
    low: int,
    high: int,
    n_window: int,
    first: int,
    last: int,
    group: int,
    codes: "_Buffer",
    errors: "_Buffer",
    n_threads: int = 1,
) -> bool:
    """False, and nothing is written: quant/feedback.py has the numpy version."""
    return False


def count_sizes(base: "_Buffer", model: "_Buffer", upper: int, counts: "_Buffer") -> bool:
    """The same with numpy, which merging has."""
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):
        change: npt.NDArray[Any] = np.asarray(model).reshape(-1) - np.asarray(base).reshape(-1)
    sizes = (change.view(np.uint32) & np.uint32(0x7FFFFFFF)).astype(np.int64)
    counted = sizes >> 16 if upper < 0 else sizes[sizes >> 16 == upper] & 0xFFFF
    found: npt.NDArray[Any] = np.asarray(counts)
    found += np.bincount(counted, minlength=1 << 16)
    return bool(np.isfinite(change).all())


def merge_trimmed(
    base: "_Buffer",
    models: list[Any],
    cuts: "_Buffer",
    n_equal: "_Buffer",
    weights: "_Buffer",
    scale: float,
    normalize: bool,
    out: "_Buffer",
) -> bool:
    """False, and nothing is written: trainer/merge has the numpy version."""
    return False


def minhash_texts(
    offsets: "_Buffer",
    data: "_Buffer",
    validity: "_Buffer | None",
    first: int,
    n_units: int,
    by_char: bool,
    seed: int,
    signatures: "_Buffer",
    fingerprints: "_Buffer",
    n_threads: int = 1,
) -> bool:
    """False, and nothing is written: trainer/data/plain_shingles.py has the numpy version."""
    return False


def cluster_texts(
    columns: list[Any],
    signatures: "_Buffer",
    fingerprints: "_Buffer",
    n_bands: int,
    n_units: int,
    by_char: bool,
    seed: int,
    threshold: float,
    wants_pairs: bool,
    stop: "_Buffer",
    labels: "_Buffer",
    n_threads: int = 1,
) -> bytes | None:
    """None, and nothing is written: trainer/data/plain_shingles.py has the numpy version."""
    return None


def add_moments(inputs: "_Buffer", n_columns: int, weight: float, sums: "_Buffer", n_threads: int = 1) -> bool:
    """False, and nothing is written: in numpy it is `sums += weight * (inputs.T @ inputs)`."""
    return False


def estimate_ngrams(columns: list[Any], order: int, stop: "_Buffer", n_threads: int = 1) -> bytes | None:
    """None: trainer/data/plain_ngrams.py has the plain version."""
    return None


def score_ngrams(
    image: "_Buffer",
    offsets: "_Buffer",
    data: "_Buffer",
    validity: "_Buffer | None",
    first: int,
    sums: "_Buffer",
    counts: "_Buffer",
    unknown: "_Buffer",
    n_threads: int = 1,
) -> bool:
    """False, and nothing is written: trainer/data/plain_ngrams.py has the plain version."""
    return False


def score_words(image: "_Buffer", text: "_Buffer") -> bytes | None:
    """None: trainer/data/plain_ngrams.py has the plain version."""
    return None


def ngrams_to_arpa(image: "_Buffer") -> bytes | None:
    """None: trainer/data/plain_ngrams.py has the plain version."""
    return None


def ngrams_from_arpa(arpa: "_Buffer") -> bytes | None:
    """None: trainer/data/plain_ngrams.py has the plain version."""
    return None


@final
class ActivationSums:
    """Sees nothing, since ggml cannot call Python's kernels: `callback_address` is 0, and quant/activations.py sums up
    with ctypes and numpy."""

    def __init__(self, is_host_address: int = 0, n_threads: int = 1) -> None: ...

    def want_squares(self, name: str) -> None: ...

    def want_moments(self, name: str, own: float = 1.0, mean: float = 0.0, first: float = 0.0) -> None: ...

    def begin_pass(self) -> None: ...

    @property
    def callback_address(self) -> int:
        return 0

    @property
    def data_address(self) -> int:
        return 0

    @property
    def problem(self) -> str:
        return ""

    def names(self) -> list[str]:
        return []

    def names_of_moments(self) -> list[str]:
        return []

    def shape(self, name: str) -> tuple[int, int]:
        raise _nothing_for(name)

    def copy_squares(self, name: str, sums: "_Buffer", counts: "_Buffer") -> None:
        raise _nothing_for(name)

    def owner(self, name: str) -> str:
        raise _nothing_for(name)

    def columns(self, name: str) -> int:
        raise _nothing_for(name)

    def take_moments(self, name: str, out: "_Buffer") -> None:
        raise _nothing_for(name)


def _nothing_for(name: str) -> KeyError:
    return KeyError(f"nothing was summed up for {name}")


@final
class NgramIndex:
    """Proposes draft tokens: what followed the latest earlier occurrence of the last tokens (prompt lookup)."""

    def __init__(self, max_ngram: int = 4, min_ngram: int = 1, max_tokens: int = 262144) -> None:
        self._max_ngram = _integer(max_ngram, "max_ngram", 1, _LARGEST_NGRAM, f"be between 1 and {_LARGEST_NGRAM}")
        self._min_ngram = _integer(
            min_ngram, "min_ngram", 1, self._max_ngram, f"be between 1 and max_ngram, {self._max_ngram}"
        )
        self._max_tokens = _integer(max_tokens, "max_tokens", 1, _MOST_TOKENS, f"be between 1 and {_MOST_TOKENS}")
        self._tokens = array("i")
        self._lock = threading.Lock()

    def extend(self, token_ids: "_TokenIds") -> None:
        """Add tokens at the end: all of them, or none and an exception."""
        self._add(_token_ids(token_ids, "token_ids"))

    def append(self, token_id: int) -> None:
        """Add one token at the end."""
        self._add(array("i", [_token_id(token_id, "token_id")]))

    def truncate(self, n_tokens: int) -> None:
        """Keep the first `n_tokens` tokens."""
        with self._lock:
            held = len(self._tokens)
            n = _integer(n_tokens, "n_tokens", 0, held, f"be between 0 and {held}, the tokens held")
            del self._tokens[n:]

    def propose(self, n_draft: int) -> list[int]:
        """At most `n_draft` tokens that may come next, or []."""
        n = _integer(n_draft, "n_draft", 0, None, "be at least 0")
        with self._lock:
            tokens = self._tokens
            for size in range(min(self._max_ngram, len(tokens)), self._min_ngram - 1, -1):
                suffix = tokens[-size:]
                for end in range(len(tokens) - 1, size - 1, -1):
                    if tokens[end - size : end] == suffix:
                        return tokens[end : end + n].tolist()
        return []

    def clear(self) -> None:
        """Forget every token and give the memory back."""
        with self._lock:
            self._tokens = array("i")

    def __len__(self) -> int:
        return len(self._tokens)

    @property
    def max_ngram(self) -> int:
        return self._max_ngram

    @property
    def min_ngram(self) -> int:
        return self._min_ngram

    @property
    def max_tokens(self) -> int:
        return self._max_tokens

    @property
    def size_bytes(self) -> int:
        """Memory held for tokens."""
        return len(self._tokens) * self._tokens.itemsize

    def _add(self, token_ids: "array[int]") -> None:
        with self._lock:
            n_tokens = len(self._tokens) + len(token_ids)
            if n_tokens > self._max_tokens:
                raise ValueError(
                    f"The index holds at most {self._max_tokens} tokens, not {n_tokens}: "
                    "build it with a larger max_tokens."
                )
            self._tokens.extend(token_ids)


def _integer(value: Any, name: str, least: int, most: int | None, limits: str) -> int:
    if not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be an int, not {type(value).__name__}.")
    number = operator.index(value)
    if number < least or (most is not None and number > most):
        raise ValueError(f"{name} is {number}; it must {limits}.")
    return number


def _token_id(value: Any, name: str) -> int:
    return _integer(value, name, -(2**31), 2**31 - 1, "fit in 32 bits with a sign")


def _token_ids(source: Any, name: str) -> "array[int]":
    """The token ids of a list, a tuple or a buffer of int32, copied."""
    if isinstance(source, (list, tuple)):
        return array("i", [_token_id(value, f"{name}[{i}]") for i, value in enumerate(tuple(source))])
    try:
        view = memoryview(source)
    except TypeError:
        raise TypeError(
            f"{name} must be a one-dimensional buffer of int32, a list or a tuple, not {type(source).__name__}."
        ) from None
    with view:
        if view.format not in _NATIVE_FORMATS or view.itemsize != 4:
            raise TypeError(
                f'{name} must hold int32; the format of its elements is "{view.format}", {view.itemsize} bytes each.'
            )
        if view.ndim != 1:
            raise TypeError(f"{name} must have one dimension; it has {view.ndim}.")
        token_ids = array("i")
        token_ids.frombytes(view.tobytes())
        return token_ids
