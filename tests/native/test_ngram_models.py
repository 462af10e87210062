"""N-gram models: the kernels say what plain Python says, and probabilities are such."""

import random
import struct
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushlight import Error, Stop
from rushlight.native import _fallback, _kernels
from rushlight.trainer.data import ngrams, plain_ngrams
from rushlight.trainer.data.columns import text_column

_WORDS = ["the", "The", "cat", "dog", "ε", "漢字", "x" * 23, "<s>", "</s>", "<unk>", "a", "ß", "eight888", "seven77"]
_SPACES = [" ", "\t", "\n", "\r\n", "  ", "\x00", "\x1c", "\n\n"]
_TEXTS = st.lists(
    st.none() | st.lists(st.sampled_from(_WORDS * 3 + _SPACES * 4), max_size=60).map("".join) | st.text(max_size=30),
    min_size=1, max_size=4,
)  # fmt: skip


def _corpus(n_lines: int, seed: int, n_words: int = 40) -> str:
    """Lines in which words follow words, so that counts of all sizes occur."""
    drawn = random.Random(seed)
    lines = []
    for _ in range(n_lines):
        at, words = drawn.randrange(n_words), []
        for _ in range(drawn.randrange(1, 18)):
            at = (at * 7 + int(drawn.expovariate(0.7))) % n_words
            words.append(f"w{at}")
        lines.append(" ".join(words))
    return "\n".join(lines)


def _check_equal(model: ngrams.NgramModel, plain: plain_ngrams.Model, texts: list[Any]) -> None:
    """The same n-grams with the same numbers, and the same scores."""
    theirs = plain_ngrams.from_arpa(model.arpa())
    assert [set(grams) for grams in theirs] == [set(grams) for grams in plain]
    for ours, expected in zip(theirs, plain, strict=True):
        for gram, (probability, backoff) in expected.items():
            assert ours[gram] == pytest.approx((probability, backoff), abs=2e-6), gram
    scores = model.score(text_column(texts), 2)
    for i, text in enumerate(texts):
        words = plain_ngrams.word_scores(plain, text.encode() if text is not None else b"")
        assert model.word_scores(text or "") == pytest.approx([score for score, _ in words], abs=1e-4)
        assert scores.sums[i] == pytest.approx(sum(score for score, _ in words), abs=1e-3)
        assert scores.counts[i] == len(words) and scores.unknown[i] == sum(not known for _, known in words)


@settings(max_examples=120, deadline=None)
@given(_TEXTS, _TEXTS, st.integers(1, 5), st.integers(1, 3))
def test_any_texts_give_the_model_of_plain_python(
    texts: list[str | None], others: list[str | None], order: int, n_threads: int
) -> None:
    raw = [None if text is None else text.encode() for text in texts]
    if not any(plain_ngrams.sentences(text or b"") for text in raw):
        with pytest.raises(Error, match="no words"):
            ngrams.estimate([text_column(texts)], order)
        return
    model = ngrams.estimate([text_column(texts)], order, n_threads=n_threads)
    _check_equal(model, plain_ngrams.estimate(raw, order), [*texts, *others])


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_much_text_gives_the_model_of_plain_python(order: int) -> None:
    """With counts of all sizes, so that discounts are drawn from them, and over several columns."""
    texts = [_corpus(200, seed) for seed in range(3)]
    counts = plain_ngrams.adjusted_counts([text.encode() for text in texts], order)
    assert plain_ngrams.discounts(counts[-1].values()) != (0.0, 0.5, 1.0, 1.5) or order == 1
    model = ngrams.estimate([text_column(texts[:1]), text_column(texts[1:])], order, n_threads=2)
    assert model.order == order
    _check_equal(model, plain_ngrams.estimate([text.encode() for text in texts], order), [_corpus(20, 9, 45)])


def test_probabilities_of_every_context_sum_to_one() -> None:
    model = plain_ngrams.from_arpa(ngrams.estimate([text_column([_corpus(120, 4, 25)])], 4).arpa())
    words = [gram[0] for gram in model[0] if gram[0] != plain_ngrams.BEGIN]
    contexts = [gram for grams in model[:-1] for gram in grams if gram[-1] != plain_ngrams.END]
    contexts += [(), (b"never", b"seen"), (b"w1", b"<unk>", b"w2")]
    for context in contexts[::7] + contexts[-3:]:
        total = sum(10 ** plain_ngrams.log_probability(model, context, word) for word in words)
        assert total == pytest.approx(1, abs=2e-5), context


def test_a_file_gives_back_what_was_saved(tmp_path: Path) -> None:
    model = ngrams.estimate([text_column([_corpus(50, 5), "a b <unk> c"])], 3)
    for name in ("m.ngrams", "m.arpa"):
        model.save(tmp_path / name)
        again = ngrams.open_model(tmp_path / name)
        text = _corpus(9, 6, 50) + "\nnever seen"
        assert again.order == 3
        assert again.word_scores(text) == pytest.approx(model.word_scores(text), abs=1e-5)
    assert ngrams.open_model(tmp_path / "m.ngrams").arpa() == model.arpa()
    assert len(list(tmp_path.iterdir())) == 2


def test_arpa_files_of_others_are_read() -> None:
    """More blanks, no <unk>, no backoffs, exponents, and an n-gram whose end the file leaves out."""
    arpa = (
        b"made elsewhere\n\n \\data\\\nngram  1=      5\nngram 2=2\nngram 3=1\n\n\\1-grams:\n-99\t<s>\t-0.5\n"
        b"-1.0 </s>\n-5e-1\ta\t-0.25\n-0.7\tb -0.125\n-.9\tc\n\n\\2-grams:\n-0.3\t<s> a\t-0.1\n-0.4 a b\n\n"
        b"\\3-grams:\n-0.2\t<s> a c\n\n\\end\\\n"
    )
    plain, image = plain_ngrams.from_arpa(arpa), _kernels.ngrams_from_arpa(arpa)
    assert image is not None
    assert plain[1][(b"a", b"c")] == (-0.25 - 0.9, 0.0)  # filled in
    model = ngrams.NgramModel(image)
    for text in ("a c", "b c a b", "z a c", "a b c", "c c z"):
        expected = [score for score, _ in plain_ngrams.word_scores(plain, text.encode())]
        assert model.word_scores(text) == pytest.approx(expected, abs=1e-5), text
    again = _kernels.ngrams_from_arpa(model.arpa().replace(b"\n", b"\r\n"))
    assert again == image


@pytest.mark.parametrize(
    ("arpa", "said"),
    [
        (b"", "line 0: the file ends too early"),
        (b"\\data\\\nngram 1=1\n", "ends too early"),
        (b"\\1-grams:\n", "line 1: expected"),
        (b"\\data\\\n\\1-grams:\n", "line 2: expected \"ngram 1=\""),
        (b"\\data\\\nngram 2=1\n", "line 2: expected \"ngram 1=\""),
        (b"\\data\\\nngram 1=99999999999\n", "line 2: expected"),
        (b"\\data\\\nngram 1=1\n\\1-grams:\nx a\n", "line 4: \"x\" is no number"),
        (b"\\data\\\nngram 1=1\n\\1-grams:\nnan a\n", "is no number"),
        (b"\\data\\\nngram 1=1\n\\1-grams:\n1e a\n", "is no number"),
        (b"\\data\\\nngram 1=1\n\\1-grams:\n0.5 a\n", "above 0"),
        (b"\\data\\\nngram 1=1\n\\1-grams:\n-1 a 0 0\n", "at most one number"),
        (b"\\data\\\nngram 1=2\n\\1-grams:\n-1 a\n\\end\\\n", "1 1-grams, where 2 were promised"),
        (b"\\data\\\nngram 1=2\n\\1-grams:\n-1 a\n-1 a\n\\end\\\n", "twice"),
        (b"\\data\\\nngram 1=1\nngram 2=1\n\\1-grams:\n-1 a\n\\2-grams:\n-1 a b\n\\end\\\n", "\"b\" is not among"),
        (b"\\data\\\nngram 1=1\nngram 2=1\n\\1-grams:\n-1 a\n\\2-grams:\n-1 a\n\\end\\\n", "expected 2 words"),
    ],
)  # fmt: skip
def test_what_is_no_arpa_file_is_refused_with_its_line(arpa: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=said.replace("\\", "\\\\")):
        _kernels.ngrams_from_arpa(arpa)
    (tmp_path / "bad.arpa").write_bytes(arpa)
    with pytest.raises(Error, match=r"bad\.arpa is no n-gram model"):
        ngrams.open_model(tmp_path / "bad.arpa")
    with pytest.raises(ValueError, match=r"line|early"):
        plain_ngrams.from_arpa(arpa)


def test_damaged_images_are_refused_or_harmless(tmp_path: Path) -> None:
    """Cut ones and ones of wrong sizes are none; any byte further in may change without a read outside."""
    image = ngrams.estimate([text_column([_corpus(40, 7)])], 4)._image
    sixth, huge = struct.pack("<Q", 6), struct.pack("<Q", 2**61)
    cut = [b"", image[:79], image[:-8], image + b"\0" * 8, b"X" + image[1:]]
    for wrong in (*cut, image[:8] + sixth + image[16:], image[:16] + huge + image[24:]):
        with pytest.raises(ValueError, match="image is no n-gram model"):
            _kernels.score_words(wrong, b"w1 w2")
        (tmp_path / "m.ngrams").write_bytes(wrong)
        with pytest.raises(Error, match="no n-gram model"):
            ngrams.open_model(tmp_path / "m.ngrams")
    drawn = random.Random(1)
    for _ in range(150):
        damaged = bytearray(image)
        for _ in range(drawn.randrange(1, 400)):
            damaged[drawn.randrange(80, len(damaged))] = drawn.randrange(256)
        _kernels.score_words(damaged, _corpus(3, drawn.randrange(99)).encode())
        try:
            _kernels.ngrams_to_arpa(damaged)
        except ValueError as error:
            assert "damaged" in str(error)


def test_a_stop_ends_the_work() -> None:
    stop = Stop()
    stop.set()
    with pytest.raises(Error, match="Stopped"):
        ngrams.estimate([text_column(["a b c"])], 3, stop=stop)
    texts, later = [_corpus(2000, seed, 5000) for seed in range(12)], Stop()
    timer = threading.Timer(0.05, later.set)
    timer.start()
    try:
        ngrams.estimate([text_column(texts)], 5, stop=later)
    except Error as error:
        assert error.kind == "stopped"
    timer.join()


def test_wrong_buffers_are_refused() -> None:
    column = text_column(["a b"])
    lent = (column.offsets, column.data, column.validity, 0, 1)
    image = _kernels.estimate_ngrams([lent], 2, bytearray(1))
    assert image is not None
    for order in (0, 6):
        with pytest.raises(ValueError, match="order"):
            _kernels.estimate_ngrams([lent], order, bytearray(1))
    with pytest.raises(ValueError, match="must have a word"):
        _kernels.estimate_ngrams([], 2, bytearray(1))
    with pytest.raises(ValueError, match="tuples"):
        _kernels.estimate_ngrams([(1,)], 2, bytearray(1))  # type: ignore[list-item]
    sums, counts = np.zeros(1), np.zeros(1, np.int64)
    with pytest.raises(ValueError, match="counts"):
        _kernels.score_ngrams(image, column.offsets, column.data, None, 0, sums, np.zeros(2, np.int64), counts)
    with pytest.raises(TypeError, match="sums"):
        _kernels.score_ngrams(image, column.offsets, column.data, None, 0, counts, counts, counts)
    with pytest.raises(ValueError, match="offsets"):
        _kernels.score_ngrams(image, column.offsets, column.data, None, 1, sums, counts, counts)
    assert _fallback.estimate_ngrams([lent], 2, bytearray(1)) is None
    assert _fallback.score_words(image, b"a") is None and _fallback.ngrams_to_arpa(image) is None
    assert _fallback.ngrams_from_arpa(b"") is None
    assert _fallback.score_ngrams(image, column.offsets, column.data, None, 0, sums, counts, counts) is False


def test_the_plain_version_runs_without_a_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiled = ngrams.estimate([text_column([_corpus(60, 8)])], 3)
    monkeypatch.setattr(ngrams, "COMPILED", False)
    plain = ngrams.estimate([text_column([_corpus(60, 8)])], 3)
    text = _corpus(5, 11, 44)
    assert plain.order == 3
    assert plain.word_scores(text) == pytest.approx(compiled.word_scores(text), abs=1e-5)
    assert plain.score(text_column([text])).perplexities() == pytest.approx(
        compiled.score(text_column([text])).perplexities(), rel=1e-4
    )
    plain.save(tmp_path / "m.ngrams")
    assert ngrams.open_model(tmp_path / "m.ngrams").word_scores(text) == pytest.approx(plain.word_scores(text))
    compiled.save(tmp_path / "c.ngrams")
    with pytest.raises(Error, match="no n-gram model"):
        ngrams.open_model(tmp_path / "c.ngrams")
