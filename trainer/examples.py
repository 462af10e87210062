"""Lessons become examples: rendered, cut into tokens, masked; and a report of what will be trained, before it is.

A run keeps its examples, so that it goes on with the same ones whatever became of the files.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from rushlight import Error, Progress, Stop
from rushlight.quant.convert.config import read_json
from rushlight.trainer.config import TrainConfig
from rushlight.trainer.data.masks import TextTokenizer, Tokens, masked, masked_text, pieces, shown
from rushlight.trainer.data.template import ChatTemplate, Rendered
from rushlight.trainer.lessons import Lesson

_SHOWN = 10
_IN_PIECES = 3  # of those, also with which of their letters are trained
_PIECE_CHARS = 1_500
_LEARNED_POSITIONS = ("opt", "gpt_neo", "biogpt")  # kinds of models that call them max_position_embeddings


@dataclass(frozen=True, slots=True)
class Examples:
    """What is trained on and what is only looked at, with the report of both."""

    train: list[Tokens]
    held_out: list[Tokens]
    report: dict[str, Any]
    good: tuple[list[bool], list[bool]] | None = None  # of each example: whether its answer is liked


def make_examples(
    lessons: Sequence[Lesson],
    held_out: Sequence[Lesson],
    tokenizer: TextTokenizer,
    template: ChatTemplate | None,
    *,
    max_tokens: int,
    too_long: Literal["cut", "leave-out", "refuse"],
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Examples:
    """The examples of `lessons` and of those that are held out."""
    n_lessons, done = len(lessons) + len(held_out), 0
    sides: list[list[Tokens]] = []
    figures: list[dict[str, int]] = []
    for side in (lessons, held_out):
        kept: list[Tokens] = []
        count = {"examples": 0, "cut": 0, "left_out": 0, "without_answer": 0}
        for tokens in _tokens(side, tokenizer, template):
            done += 1
            if stop is not None:
                stop.check()
            if on_progress is not None and done % 100 == 0:
                on_progress(Progress("Reading examples", min(done, n_lessons), n_lessons, "examples"))
            fitting = cut(tokens, max_tokens, too_long, done)
            if fitting is None:
                count["left_out"] += 1
                continue
            count["cut"] += len(fitting.ids) < len(tokens.ids)
            if not fitting.n_trained:
                count["without_answer"] += 1
                continue
            kept.append(fitting)
        count["examples"] = len(kept)
        count["tokens"] = sum(len(one.ids) for one in kept)
        count["trained_tokens"] = sum(one.n_trained for one in kept)
        count["ending_in_end_of_turn"] = sum(1 for one in kept if int(one.ids[one.trained][-1]) in tokenizer.end_ids)
        sides.append(kept)
        figures.append(count)
    if not sides[0]:
        raise Error(
            f"There is nothing to learn: of {len(lessons):,} examples none has an answer within its first "
            f"{max_tokens:,} tokens: data.max_tokens, or the positions that the model has.",
            "Raise data.max_tokens where the model has more positions.",
            kind="bad-data",
        )
    samples = [shown(one, tokenizer)[:4000] for one in sides[0][:_SHOWN]]
    longest = max(len(one.ids) for one in sides[0])
    report = {"train": figures[0], "held_out": figures[1], "longest": longest, "samples": samples,
              "pieces": in_pieces(sides[0], tokenizer)}  # fmt: skip
    return Examples(sides[0], sides[1], report)


def in_pieces(side: Sequence[Tokens], tokenizer: TextTokenizer) -> list[list[tuple[str, bool]]]:
    """The first examples, piece by piece: the text, and whether it is trained."""
    return [[(text[:_PIECE_CHARS], flag) for text, flag in pieces(one, tokenizer)] for one in side[:_IN_PIECES]]


def most_tokens(config: TrainConfig, base: Path) -> int:
    """How many tokens an example may have: as the config says, and no more than the model in the folder `base` has
    positions where it has learned each of them, as GPT-2 has."""
    said = read_json(base / "config.json") if (base / "config.json").exists() else {}
    name = "max_position_embeddings" if said.get("model_type") in _LEARNED_POSITIONS else "n_positions"
    n_positions = said.get(name)
    most = config.data.max_tokens
    return min(most, n_positions) if isinstance(n_positions, int) and n_positions > 0 else most


def cut(tokens: Tokens, max_tokens: int, too_long: Literal["cut", "leave-out", "refuse"], number: int) -> Tokens | None:
    """An example of at most `max_tokens` tokens; None where it is to be left out."""
    if len(tokens.ids) <= max_tokens:
        return tokens
    if too_long == "refuse":
        raise Error(
            f"Example {number} has {len(tokens.ids):,} tokens, and {max_tokens:,} is the most: data.max_tokens, or the "
            "positions that the model has.",
            'Raise data.max_tokens where the model has more positions, or set data.too_long to "cut" or "leave-out".',
            kind="bad-data",
        )
    return Tokens(tokens.ids[:max_tokens], tokens.trained[:max_tokens]) if too_long == "cut" else None


def no_template() -> Error:
    return Error(
        "The model has no chat template, so chats cannot be written as it would read them.",
        'Name a format: template = "chatml" under [data].',
        kind="bad-template",
    )


def _tokens(lessons: Sequence[Lesson], tokenizer: TextTokenizer, template: ChatTemplate | None) -> Iterator[Tokens]:
    chats = [one for one in lessons if one.chat is not None]
    if chats and template is None:
        raise no_template()
    rendered: Iterable[Any] = iter(())
    if template is not None:
        rendered = template.rendered((one.chat or [], one.tools) for one in chats)
    made = iter(rendered)
    for lesson in lessons:
        if lesson.chat is None:
            yield masked_text(lesson.text, tokenizer)
        else:
            for one in _learned(next(made), lesson.n_before):
                yield masked(one, tokenizer)


def _learned(texts: Sequence[Rendered], n_before: int) -> Sequence[Rendered]:
    """The texts of a chat without the answers of its prompt: without those texts, where each answer has one."""
    if len(texts) > 1:
        return texts[n_before:]
    return [replace(one, answers=one.answers[n_before:]) for one in texts]


def save_examples(path: Path, examples: Examples) -> None:
    """Keep the examples of a run in one safetensors file."""
    from safetensors.numpy import save

    from rushlight.quant.whole_file import whole_file

    arrays: dict[str, Any] = {}
    for name, side in (("train", examples.train), ("held_out", examples.held_out)):
        arrays[f"{name}.lengths"] = np.array([len(one.ids) for one in side], np.int64)
        arrays[f"{name}.ids"] = np.concatenate([one.ids for one in side] or [np.zeros(0, np.int64)])
        flags = np.concatenate([one.trained for one in side] or [np.zeros(0, np.bool_)])
        arrays[f"{name}.trained"] = flags.astype(np.uint8)
    for name, good in zip(("train", "held_out"), examples.good or (), strict=False):
        arrays[f"{name}.good"] = np.array(good, np.uint8)
    with whole_file(path) as file:
        file.write(save(arrays))


def load_examples(path: Path) -> tuple[list[Tokens], list[Tokens]]:
    """(those that are trained on, those that are held out)."""
    arrays = _loaded(path)
    try:
        sides = []
        for name in ("train", "held_out"):
            stops = np.cumsum(arrays[f"{name}.lengths"])
            ids, flags = arrays[f"{name}.ids"], arrays[f"{name}.trained"].astype(np.bool_)
            starts = stops - arrays[f"{name}.lengths"]
            sides.append([Tokens(ids[a:b], flags[a:b]) for a, b in zip(starts, stops, strict=True)])
    except KeyError as error:
        raise _damaged(path, error) from None
    return sides[0], sides[1]


def load_labels(path: Path) -> tuple[list[bool], list[bool]]:
    """Whether the answer of each example is liked: (of those that are trained on, of those that are held out)."""
    arrays = _loaded(path)
    try:
        train, held_out = ([bool(one) for one in arrays[f"{name}.good"]] for name in ("train", "held_out"))
    except KeyError as error:
        raise _damaged(path, error) from None
    return train, held_out


def _loaded(path: Path) -> dict[str, Any]:
    from safetensors.numpy import load_file

    try:
        arrays: dict[str, Any] = load_file(path)
        return arrays
    except Exception as error:  # safetensors raises its own, numpy others
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> Error:
    return Error(f"Cannot read the examples of the run: {str(error)[:160]}.", f"{path} is damaged; begin a new run.",
                 kind="bad-file")  # fmt: skip
