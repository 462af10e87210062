"""Lessons: made, edited in versions, split by meaning once, with what each example was made of."""

import hashlib
import json
import random
import re
import tracemalloc
from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest

from rushlight import Error
from rushlight.assistant.learn.example import Draft, Origin, Turn, content_hash
from rushlight.assistant.learn.lessons import LessonBook, training_lines
from rushlight.assistant.learn.split import clusters_of, held_out_clusters
from rushlight.assistant.store.database import Store


@pytest.fixture
def book(tmp_path: Path) -> Iterator[LessonBook]:
    store = Store(tmp_path / "store.db")
    yield LessonBook(store)
    store.close()


def draft(asked: str, answer: str = "A", meaning: str = "", **more: object) -> Draft:
    origins = (Origin("conversation", "c1", asked),)
    return Draft(prompt=(Turn("user", asked),), answer=answer, meaning=meaning, origins=origins, **more)  # type: ignore[arg-type]


def test_a_change_makes_a_version_and_the_earlier_one_stays_readable(book: LessonBook) -> None:
    lesson = book.create("Style", "feedback", scope="chat", source={"what": "chats"})
    assert lesson.version == 0 and lesson.source == {"what": "chats"}
    lesson, n = book.add(lesson, [draft("one"), draft("two"), draft("one")])
    assert (n, lesson.version, lesson.n_examples) == (2, 1, 2)
    same, n = book.add(lesson, [draft("two")])
    assert n == 0 and same.version == 1
    first = book.examples(lesson)[0]
    lesson = book.edit(lesson, first.id, draft("one", "B"))
    assert [one.draft.answer for one in book.examples(lesson)] == ["B", "A"]
    assert [one.draft.answer for one in book.examples(lesson, version=1)] == ["A", "A"]
    same, n = book.add(lesson, [draft("one")])  # as it was before it was edited
    assert n == 0 and same.version == 2
    lesson = book.leave_out(lesson, [first.id])
    assert lesson.n_left_out == 1 and lesson.version == 3
    assert len(list(training_lines(book.examples(lesson)))) == 1
    assert not book.examples(lesson, version=2)[0].left_out
    assert book.examples(lesson)[0].draft.origins == (Origin("conversation", "c1", "one"),)


def test_names_are_found_and_wrong_ones_are_errors(book: LessonBook) -> None:
    lesson = book.create("Style", "feedback", scope="chat")
    assert book.find("Style") == book.find(lesson.id[:6]) == lesson == book.list(kind="feedback")[0]
    assert book.list(scope="sql:x") == ()
    with pytest.raises(Error, match="Did you mean Style"):
        book.find("Stile")
    with pytest.raises(Error, match="already"):
        book.create("Style", "feedback", scope="chat")
    assert book.free_name("Style") == "Style 2"
    book.remove(lesson)
    with pytest.raises(Error, match="not there any more"):
        book.add(lesson, [draft("one")])


def test_what_teaches_nothing_is_refused_and_nothing_of_it_is_kept(book: LessonBook) -> None:
    lesson = book.create("Bad", "imported", scope="chat")
    for bad in (draft("x", " "), Draft(prompt=(), answer="a"), draft("x", shape="pair")):
        with pytest.raises(Error):
            book.add(lesson, [draft("good"), bad])
    assert book.find("Bad").n_examples == 0


def test_the_lineage_can_be_asked_from_both_ends(book: LessonBook) -> None:
    lesson, _ = book.add(book.create("A", "feedback", scope="chat"), [draft("one"), draft("two")])
    other, _ = book.add(
        book.create("B", "imported", scope="chat"),
        [Draft(prompt=(Turn("user", "q"),), answer="a", origins=(Origin("file", "ab12", "3"),))],
    )
    assert book.using("conversation", "c1") == (lesson,)
    assert book.using("file", "ab12") == (other,)
    assert book.sources(lesson, "conversation") == ("c1",)
    # Also where the example has been edited away from it since.
    example = book.examples(lesson)[0]
    book.edit(lesson, example.id, Draft(prompt=(Turn("user", "z"),), answer="z", origins=(Origin("file", "x"),)))
    assert [one.id for one in book.using("conversation", "c1")] == [lesson.id]


def test_paraphrases_of_one_meaning_never_lie_on_both_sides(book: LessonBook) -> None:
    lesson = book.create("D", "database", scope="sql:x")
    made = [draft(f"question {i} of {j}", f"{i} {j}", meaning=f"m{i}") for i in range(40) for j in range(5)]
    lesson, _ = book.add(lesson, made)
    lesson = book.split(lesson, share=0.1)
    sides: dict[str, set[str]] = {}
    for one in book.examples(lesson):
        sides.setdefault(one.draft.meaning, set()).add(one.part)
    assert all(len(parts) == 1 for parts in sides.values())
    assert lesson.is_split and lesson.n_held_out == 20
    before = content_hash(book.examples(lesson, part="held_out"))
    assert book.split(lesson, share=0.5) == lesson
    held_out = next(meaning for meaning, parts in sides.items() if parts == {"held_out"})
    lesson, n = book.add(lesson, [draft("new words", "n", meaning=held_out), draft("other", "o", meaning="new")])
    assert n == 2 and content_hash(book.examples(lesson, part="held_out")) == before
    assert [one.draft.asked for one in book.examples(lesson, part="set_aside")] == ["new words"]
    assert "other" in [one.draft.asked for one in book.examples(lesson, part="train")]


def test_texts_that_are_alike_fall_into_one_cluster() -> None:
    texts = [
        "Write a short poem about the sea, please.",
        "please write a short poem about the sea",
        "How do I sort a list in Python?",
        "What is the capital of France?",
    ]
    clusters = clusters_of([draft(text) for text in texts])
    assert clusters[0] == clusters[1] and len(set(clusters)) == 3
    assert clusters == clusters_of([draft(text) for text in texts])


def test_clusters_are_those_of_all_cosines() -> None:
    chance, words = random.Random(1), [f"w{i}" for i in range(60)]
    for n_words, n_texts in ((3, 80), (6, 300), (12, 200)):
        weights = [1 / (i + 1) for i in range(len(words))]  # some words stand in many texts
        made = {" ".join(chance.choices(words, weights, k=n_words + chance.randrange(3))) for _ in range(n_texts)}
        texts = sorted([*made, "", "!"])
        found, wanted = clusters_of([draft(text) for text in texts]), _roots(texts)
        for one, other in combinations(range(len(texts)), 2):
            assert (found[one] == found[other]) == (wanted[one] == wanted[other]), (texts[one], texts[other])


def _roots(texts: list[str]) -> list[int]:
    """The slow obvious way: every text against every other one, in 4,096 places."""
    size = 4096
    plain = [" ".join(re.findall(r"[^\W_]+", text.casefold())) for text in texts]
    rows = np.zeros((len(texts), size), np.float32)
    for i, text in enumerate(plain):
        said = text.split()
        for feature in [*said, *(f"{a} {b}" for a, b in pairwise(said))]:
            rows[i, int.from_bytes(hashlib.blake2b(feature.encode(), digest_size=4).digest(), "big") % size] += 1
    of_each = {text: rows[i] for i, text in enumerate(plain)}  # the same words count once
    within = (np.array(list(of_each.values())) > 0).sum(axis=0)
    rows *= np.log(1.0 + (1 + len(of_each)) / (0.5 + within)).astype(np.float32)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    near = (rows @ rows.T >= 0.62) | (np.array(plain)[:, None] == np.array(plain)[None, :])
    roots, before = list(range(len(texts))), [-1]
    while roots != before:
        before = roots
        roots = [min(before[j] for j in (i, *np.nonzero(near[i])[0])) for i in range(len(texts))]
    return roots


@pytest.mark.slow
def test_many_texts_take_little_memory() -> None:
    chance = random.Random(2)
    words = [f"w{i}" for i in range(20_000)]
    made = [draft(" ".join(chance.choices(words, k=12))) for _ in range(60_000)]
    tracemalloc.start()
    try:
        assert len(set(clusters_of(made))) > 59_000
        assert tracemalloc.get_traced_memory()[1] < 300e6, "all vectors at once would be 1 GB"
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("seed", range(12))
def test_bad_answers_alone_are_not_what_is_held_out(seed: int, book: LessonBook) -> None:
    names = [f"{chr(97 + i)}{chr(97 + j)}x" for i in range(6) for j in range(5)]
    made = [draft(name, shape="rating", good=i < 6) for i, name in enumerate(names)]
    lesson, _ = book.add(book.create("R", "feedback", scope="chat"), made)
    lesson = book.split(lesson, share=0.15, seed=seed)
    parts = {part: [one.draft.good for one in book.examples(lesson, part=part)] for part in ("held_out", "train")}
    assert True in parts["held_out"] and True in parts["train"]


def test_too_few_meanings_cannot_be_split(book: LessonBook) -> None:
    lesson, _ = book.add(book.create("E", "feedback", scope="chat"), [draft("same", str(i)) for i in range(9)])
    with pytest.raises(Error, match="1 different meanings"):
        book.split(lesson)
    assert not held_out_clusters(["a"], share=0.5, most=10)
    assert len(held_out_clusters(["a", "b", "c"], share=0.1, most=10)) == 1


def test_the_trainer_reads_chats_and_no_bad_ratings(book: LessonBook) -> None:
    lesson = book.create("F", "imported", scope="chat")
    lesson, _ = book.add(
        lesson,
        [
            draft("pair", "better", shape="pair", rejected="worse"),
            draft("bad", "b", shape="rating", good=False),
            draft("good", "g", shape="rating", good=True),
            Draft(prompt=(Turn("user", "file"),), answer="all", origins=(Origin("file", "f", "1"),)),
        ],
    )
    *judged, of_a_file = [json.loads(line) for line in training_lines(book.examples(lesson))]
    found = [[turn["content"] for turn in one["prompt"] + one["completion"]] for one in judged]
    assert found == [["pair", "better"], ["good", "g"]], "one answer was judged, so that one is learned"
    assert [turn["content"] for turn in of_a_file["messages"]] == ["file", "all"]


def test_what_was_left_out_before_the_split_gets_its_place_when_it_comes_back(book: LessonBook) -> None:
    words = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath", "inlet", "larch", "oak", "pine")
    lesson, _ = book.add(book.create("F", "imported", scope="chat"), [draft(word) for word in words])
    first = book.examples(lesson)[0]
    lesson = book.split(book.leave_out(lesson, [first.id]), share=0.2)
    assert book.split(lesson) == lesson, "nothing changes where nothing came back"
    version = lesson.version
    lesson = book.split(book.leave_out(lesson, [first.id], False))
    assert book.example(lesson, first.id).part == "train" and lesson.version > version + 1
    assert not any(not one.part for one in book.examples(lesson))
