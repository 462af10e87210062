"""The contract of the compiled module: what the C++ side promises, checked by stubtest.

_fallback.py does the same in plain Python. `_TokenIds` below: a one-dimensional buffer of int32 in the machine's byte
order (a numpy array, an `array.array("i")`, a ctypes array; strides are allowed), a list or a tuple of ints. Any
32-bit id is taken: ids are compared, never interpreted.
"""

from typing import Any, TypeAlias, final, type_check_only

import numpy as np
import numpy.typing as npt
from typing_extensions import Buffer

# numpy's arrays are named because, as long as Python 3.11 counts, its types do not say that they are buffers.
_Floats: TypeAlias = Buffer | npt.NDArray[np.float32]
_Doubles: TypeAlias = Buffer | npt.NDArray[np.float64]
_Bytes: TypeAlias = Buffer | npt.NDArray[np.uint8]
_Shorts: TypeAlias = Buffer | npt.NDArray[np.int16]
_Longs: TypeAlias = Buffer | npt.NDArray[np.int64]
_Integers: TypeAlias = Buffer | npt.NDArray[np.int32] | npt.NDArray[np.int64]
_Words: TypeAlias = Buffer | npt.NDArray[np.uint32]
_LongWords: TypeAlias = Buffer | npt.NDArray[np.uint64]
_Column: TypeAlias = tuple[_Integers, _Bytes, _Bytes | None, int, int]
_TokenIds: TypeAlias = Buffer | npt.NDArray[np.int32] | list[int] | tuple[int, ...]

@type_check_only
class _NanobindType(type): ...  # the metaclass of every nanobind class

def abort_callback_address() -> int:
    """Address of a `bool (*)(void *)` that is true while the byte behind its argument is not 0."""

def common_prefix_length(a: _TokenIds, b: _TokenIds) -> int:
    """How many leading token ids `a` and `b` have in common: 0 to the length of the shorter one.

    Uses AVX-512, AVX2 or plain C++, see `cpu_path`. The GIL is released from 262,144 tokens on; the buffers must not
    change meanwhile. Raises TypeError for anything but token ids, ValueError for an id beyond 32 bits.
    """

def cpu_path() -> str:
    """The instruction set in use: "avx512", "avx2" or "scalar" (always on ARM); "python" in the fallback.

    The best that processor and system support, unless the environment variable RUSHLIGHT_CPU names one of the three.
    Read once. A name that is unknown or not supported here raises `rushlight.Error` (kind "bad-setting"), as does
    every other function that depends on it.
    """

def quantize_rows(
    values: _Floats,
    n_columns: int,
    type_name: str,
    importance: _Floats | None,
    out: _Bytes,
    n_threads: int = 1,
) -> bool:
    """Quantize rows of `n_columns` float32 into the blocks of a GGUF type, searching the scales with the least error.

    Types: Q4_0, Q4_1, Q5_0, Q5_1, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_NL. The error of a weight counts as much as the
    `importance` of its column says (float32, from 1e-8 to 1e8), or all count alike. `out` (uint8, contiguous) gets the
    blocks, row by row. Equal to quant/blocks bit for bit on every path and with any number of threads.

    Returns False, with nothing written, for another type and where this build has no search (the fallback): the caller
    then takes quant/blocks. The GIL is released; the buffers must not change meanwhile. ValueError for sizes that do
    not fit and for a value that is no number within 65,504; TypeError for buffers of another element type.
    """

def score_logits(
    base: _Floats,
    other: _Floats,
    targets: _Longs,
    n_columns: int,
    n_top: int,
    out: _Doubles,
    n_threads: int = 1,
) -> bool:
    """How far the rows of one model's logits are from another's, in one pass over both.

    `out`, (rows, 6) float64, gets of each row: -log p(target) of the base and of the other; KL(base || other) in nats;
    p(target) of the other minus the base's; 1 where both have the same most likely token, else 0; the share of the
    base's `n_top` (1 to 64) most likely tokens that are among the other's. Of equal logits the first counts as larger.
    Exponentials are float32, sums float64; equal on every path and with any number of threads.

    False, with nothing written, where this build has no vectors (the fallback): take quant/divergence.py. The GIL is
    released; the buffers must not change meanwhile. ValueError for sizes that do not fit, a target beyond the columns,
    or logits that are no numbers within 1e30.
    """

def round_with_feedback(
    work: _Floats,
    factor: _Floats,
    scales: _Floats,
    offsets: _Floats | None,
    levels: _Floats | None,
    low: int,
    high: int,
    n_window: int,
    first: int,
    last: int,
    group: int,
    codes: _Shorts,
    errors: _Floats,
    n_threads: int = 1,
) -> bool:
    """The inner loop of GPTQ over a window of at most 512 columns: rounds columns `first` to `last` one after the other
    and spreads the error of each over the columns of the window after it.

    `work`, (n_window, rows), is changed from `first` on. `factor`, (n_window, n_window): the window's part of the upper
    triangle. A code c of a column stands for scale * c + offset, or scale * levels[c] + offset; `scales` and `offsets`
    are (groups, rows), `group` columns to a group, counted from `first`. Codes lie between `low` and `high`, ties go to
    the even one; with `levels` (rising) the upper of two equally near ones is taken. `codes`, int16 (last - first,
    rows), and rows `first` to `last` of `errors`, (n_window, rows), are written: (weight - value) / factor[i, i].

    Equal to quant/feedback.py bit for bit on every path and with any number of threads. False, with nothing changed,
    where this build has no vectors. The GIL is released. ValueError for sizes that do not fit and for what is no finite
    number; TypeError for buffers of another element type.
    """

def minhash_texts(
    offsets: _Integers,
    data: _Bytes,
    validity: _Bytes | None,
    first: int,
    n_units: int,
    by_char: bool,
    seed: int,
    signatures: _Words,
    fingerprints: _LongWords,
    n_threads: int = 1,
) -> bool:
    """MinHash signatures of as many texts of an Arrow column as `fingerprints` has places, from text `first` on.

    `offsets` are int32 or int64, `validity` Arrow's bits (0 is null) or None. trainer/data/plain_shingles.py defines
    words (or characters, `by_char`), shingles of `n_units` of them, and permutations; equal to it bit for bit on every
    path and with any number of threads. `signatures` (uint32) has the same multiple of 16 numbers, up to 1024, for each
    text; `fingerprints` (uint64) become 0 for a text without shingles, and else equal where shingles are equal.

    Returns False, with nothing written, in the fallback. The GIL is released; the buffers must not change meanwhile.
    ValueError for sizes that do not fit and for offsets that fall or lie outside `data`; TypeError for buffers of
    another element type. Bytes that are no UTF-8 count as U+FFFD.
    """

def cluster_texts(
    columns: list[_Column],
    signatures: _Words,
    fingerprints: _LongWords,
    n_bands: int,
    n_units: int,
    by_char: bool,
    seed: int,
    threshold: float,
    wants_pairs: bool,
    stop: _Bytes,
    labels: _Longs,
    n_threads: int = 1,
) -> bytes | None:
    """Clusters of the texts of `columns` (offsets, data, validity, first, n), with what `minhash_texts` made of them.

    Texts that are equal in one of `n_bands` bands of their signatures are compared: they belong together if the Jaccard
    similarity of their sets of shingles is at least `threshold`. (Where the signatures are equal in four standard
    deviations more, or fewer, places than that they decide alone.) `labels` (int64) gets the lowest number in each
    text's cluster.

    Returns the pairs as bytes of int64, lower number first, if `wants_pairs`: every one that the bands find. Without,
    b"": texts that are known to belong together are not compared. Returns None once the byte of `stop` is not 0, and in
    the fallback. The GIL is released; the buffers must not change meanwhile, but for `stop`. Errors as above.
    """

def add_moments(inputs: _Floats, n_columns: int, weight: float, sums: _Floats, n_threads: int = 1) -> bool:
    """Add weight * X^T X of rows of `n_columns` inputs to `sums`, (n_columns, n_columns) float32: the diagonal and what
    is right of it. Sums are float32; the order does not depend on the number of threads, but on the path. False where
    this build has no vectors. The GIL is released. ValueError for sizes that do not fit.
    """

def count_sizes(base: _Floats, model: _Floats, upper: int, counts: _Longs) -> bool:
    """Add to `counts` (65,536 int64) how many of |model - base|, as bits of a float32, have which upper 16 bits; with
    `upper` from 0 on, of those with these upper bits, which lower 16.

    False, with `counts` of no use, where a change is no finite number. The GIL is released. ValueError for sizes that
    do not fit; TypeError for buffers of another element type. The fallback needs numpy.
    """

def merge_trimmed(
    base: _Floats,
    models: list[Any],  # of _Floats
    cuts: _Longs,
    n_equal: _Longs,
    weights: _Floats,
    scale: float,
    normalize: bool,
    out: _Floats,
) -> bool:
    """TIES (arXiv:2306.01708) over tensors of one size: out = base + scale * the mean of those changes that stay and
    agree with the elected sign. A change of a model stays where its size in bits is above its cut (-1: all stay, 2^31:
    none), and where it equals the cut, as long as `n_equal`, which is counted down, lasts. At most 64 models.

    Equal to trainer/merge/combine.py bit for bit. False, with nothing written, in the fallback. The GIL is released.
    """

def estimate_ngrams(columns: list[_Column], order: int, stop: _Bytes, n_threads: int = 1) -> bytes | None:
    """The image of an n-gram model of order 1 to 5 over the texts of `columns`: interpolated modified Kneser-Ney.

    Words lie between control characters and blanks; each line is a sentence, lines without words are none. Words that
    are written like a mark, "<s>", count as unknown. native/src/ngram_image.h draws the image, which may be kept in a
    file and mapped; trainer/data/plain_ngrams.py defines every number. A word is its 64-bit hash.

    Returns None once the byte of `stop` is not 0, and in the fallback. The GIL is released; the buffers must not change
    meanwhile, but for `stop`. ValueError for sizes that do not fit, for texts without a word and for those with more
    than 2**32 - 16 of them. Memory: 18 bytes for each word, 50 for each n-gram of the order at work, and the image.
    """

def score_ngrams(
    image: _Bytes,
    offsets: _Integers,
    data: _Bytes,
    validity: _Bytes | None,
    first: int,
    sums: _Doubles,
    counts: _Longs,
    unknown: _Longs,
    n_threads: int = 1,
) -> bool:
    """What a model says of as many texts of an Arrow column as `sums` has places, from text `first` on.

    `sums` (float64) get log10 of the probability of all words and ends of lines, `counts` (int64) how many these are,
    `unknown` (int64) how many words the model does not know. False, with nothing written, in the fallback. The GIL is
    released. ValueError for sizes that do not fit and for an image that is none; bytes of an image that are damaged
    further in give wrong numbers, but nothing outside is read.
    """

def score_words(image: _Bytes, text: _Bytes) -> bytes | None:
    """log10 of the probability of each word and end of line of a text, as float32 in bytes. None in the fallback."""

def ngrams_to_arpa(image: _Bytes) -> bytes | None:
    """The model as an ARPA file, log10 with seven digits behind the point. None in the fallback. Errors as above."""

def ngrams_from_arpa(arpa: _Bytes) -> bytes | None:
    """The image of an ARPA file up to order 5. N-grams whose end is not there get what backing off says of it.

    None in the fallback. ValueError with the line for what is no ARPA file.
    """

@final
class ActivationSums(metaclass=_NanobindType):
    """Sums over the inputs of weights, filled by llama.cpp's evaluation callback without Python.

    Give `callback_address` and `data_address` to a context as `cb_eval` and `cb_eval_user_data`, and keep this object
    as long as the context. Reads ggml's tensors: see quant/ggml.py, which checks that they are as expected. Inputs in
    other memory than the processor's, of experts that are none, or that are no finite numbers end the computation;
    `problem` then says why, and that product leaves no trace in the squares. Weights in the products' names only.
    """

    def __init__(self, is_host_address: int = 0, n_threads: int = 1) -> None:
        """`is_host_address`: of ggml_backend_buffer_is_host, or 0. `n_threads` are for the moments."""

    def want_squares(self, name: str) -> None:
        """Sum up the squares of the columns of a weight's inputs, by expert where it has experts."""

    def want_moments(self, name: str, own: float = 1.0, mean: float = 0.0, first: float = 0.0) -> None:
        """Sum up `own` times the inputs' products, `mean` times those of their running means within a text, and `first`
        times the number of inputs times those of the first. Experts have none."""

    def begin_pass(self) -> None:
        """Before each text: forgets the last problem, and which products shared their inputs."""

    @property
    def callback_address(self) -> int: ...
    @property
    def data_address(self) -> int: ...
    @property
    def problem(self) -> str:
        """What ended the last computation, or ""."""

    def names(self) -> list[str]:
        """The weights whose squares were seen."""

    def names_of_moments(self) -> list[str]:
        """The weights whose moments are here or with their owner."""

    def shape(self, name: str) -> tuple[int, int]:
        """(experts or 1, columns) of a weight's squares. KeyError for one that is not wanted."""

    def copy_squares(self, name: str, sums: _Doubles, counts: _Longs) -> None:
        """(experts, columns) sums of squares, equal to numpy's in float64, and the rows each expert has seen."""

    def owner(self, name: str) -> str:
        """The weight that holds the moments of this one: itself, or one with the same inputs that came before."""

    def columns(self, name: str) -> int:
        """How many columns the moments of a weight have."""

    def take_moments(self, name: str, out: _Floats) -> None:
        """Copy an owner's (columns, columns) moments, both triangles, and forget them here."""

@final
class NgramIndex(metaclass=_NanobindType):
    """The incremental n-gram index of prompt lookup decoding: text said before is likely to go on as it did then.

    Source: Saxena 2023, github.com/apoorvumang/prompt-lookup-decoding; llama.cpp's n-gram lookup is a relative.

    For the sizes `min_ngram` to `max_ngram` it knows where each n-gram of the text occurred last. Exact: hashes only
    find candidates, the tokens themselves decide. An append costs `max_ngram - min_ngram + 1` table look-ups, a
    proposal none; neither depends on the length of the text. Hashing is seeded per process, so that a text cannot
    be written to make the tables slow; results do not depend on the seed.

    Memory grows with the text and is at most `max_tokens * (4 + 36 * sizes) + 512 * sizes` bytes, sizes being
    `max_ngram - min_ngram + 1`: 4.7 MiB for 32,768 tokens, 37 MiB for the default. (An append that doubles a table
    holds the old half of it for that moment as well.)

    May be used from several threads: each call happens as a whole. Calls that work on 1,024 tokens or more release
    the GIL. Raises ValueError unless 1 <= min_ngram <= max_ngram <= 16 and 1 <= max_tokens <= 2**30.
    """

    def __init__(self, max_ngram: int = 4, min_ngram: int = 1, max_tokens: int = 262144) -> None: ...
    def extend(self, token_ids: _TokenIds) -> None:
        """Add tokens at the end: all of them, or none and an exception.

        TypeError for anything but token ids; ValueError for an id beyond 32 bits or more than `max_tokens` in all.
        """

    def append(self, token_id: int) -> None:
        """Add one token at the end. Errors as for `extend`."""

    def truncate(self, n_tokens: int) -> None:
        """Keep the first `n_tokens` tokens, as if the others had never been added (KV rollback, a new branch).

        Costs as much as adding the removed ones did. ValueError unless 0 <= n_tokens <= len(self).
        """

    def propose(self, n_draft: int) -> list[int]:
        """At most `n_draft` token ids that may come next; [] if the end of the text never occurred before.

        The longest n-gram (of the sizes `max_ngram` down to `min_ngram`) that ends the text and occurred earlier
        decides; of several earlier occurrences the most recent one. The answer is what followed it, up to the end of
        the text. Occurrences may overlap the end: after `a a a` the answer is [a]. ValueError if n_draft < 0.
        """

    def clear(self) -> None:
        """Forget every token and give the memory back."""

    def __len__(self) -> int:
        """Tokens held."""

    @property
    def max_ngram(self) -> int: ...
    @property
    def min_ngram(self) -> int: ...
    @property
    def max_tokens(self) -> int: ...
    @property
    def size_bytes(self) -> int:
        """Memory held for tokens and tables."""
