"""Preferences become examples: each answer with its prompt as tokens, of which only the answer is trained.

The answers of earlier turns belong to the prompt here: what is liked or not is the last answer. Pairs lie one after
the other, the chosen answer first.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Literal

from rushlight import Error, Progress, Stop
from rushlight.trainer.data.masks import TextTokenizer, Tokens, masked, shown
from rushlight.trainer.data.template import ChatTemplate
from rushlight.trainer.examples import Examples, cut, in_pieces, no_template
from rushlight.trainer.preferences import Preference

_SHOWN = 10


def make_preferences(
    preferences: Sequence[Preference],
    held_out: Sequence[Preference],
    tokenizer: TextTokenizer,
    template: ChatTemplate | None,
    *,
    max_tokens: int,
    too_long: Literal["cut", "leave-out", "refuse"],
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Examples:
    """The examples of `preferences` and of those that are held out."""
    if template is None:
        raise no_template()
    n_all, done = len(preferences) + len(held_out), 0
    sides: list[list[Tokens]] = []
    labels: list[list[bool]] = []
    figures: list[dict[str, int]] = []
    for side in (preferences, held_out):
        kept: list[Tokens] = []
        good: list[bool] = []
        count = {"examples": 0, "cut": 0, "left_out": 0, "without_answer": 0, "alike": 0, "ending_in_end_of_turn": 0}
        for preference, answers in zip(side, _tokens(side, tokenizer, template), strict=True):
            done += 1
            if stop is not None:
                stop.check()
            if on_progress is not None and done % 100 == 0:
                on_progress(Progress("Reading examples", done, n_all, "examples"))
            fitting = [cut(one, max_tokens, too_long, done) for one in answers]
            whole = [one for one in fitting if one is not None]
            if len(whole) < len(answers):
                count["left_out"] += 1
            elif not all(one.n_trained for one in whole):
                count["without_answer"] += 1
            elif len(whole) == 2 and whole[0].ids.tolist() == whole[1].ids.tolist():
                count["alike"] += 1
            else:
                count["examples"] += 1
                count["cut"] += any(len(one.ids) < len(was.ids) for one, was in zip(whole, answers, strict=True))
                ends = [int(one.ids[one.trained][-1]) in tokenizer.end_ids for one in whole]
                count["ending_in_end_of_turn"] += all(ends)
                kept += whole
                good += preference.good
        count["tokens"] = sum(len(one.ids) for one in kept)
        count["trained_tokens"] = sum(one.n_trained for one in kept)
        count["good"] = sum(good)
        sides.append(kept)
        labels.append(good)
        figures.append(count)
    if not sides[0]:
        raise Error(
            f"There is nothing to learn: of {len(preferences):,} examples none has answers within their first "
            f"{max_tokens:,} tokens (data.max_tokens, or the positions that the model has), or those of each pair are "
            "the same.",
            "Raise data.max_tokens where the model has more positions, or give pairs that differ.",
            kind="bad-data",
        )
    longest = max(len(one.ids) for one in sides[0])
    report = {
        "train": figures[0], "held_out": figures[1], "longest": longest,
        "samples": _samples(sides[0], labels[0], len(preferences[0].answers), tokenizer),
        "pieces": in_pieces(sides[0], tokenizer),
    }  # fmt: skip
    return Examples(sides[0], sides[1], report, (labels[0], labels[1]))


def _samples(side: Sequence[Tokens], good: Sequence[bool], size: int, tokenizer: TextTokenizer) -> list[str]:
    words = ("rejected", "chosen") if size == 2 else ("bad", "good")
    told = [
        f"{words[flag]}: {shown(one, tokenizer)[: 4000 // size]}"
        for one, flag in zip(side, good[: len(side)], strict=True)
    ]
    return ["\n".join(told[first : first + size]) for first in range(0, min(len(side), _SHOWN * size), size)]


def _tokens(side: Sequence[Preference], tokenizer: TextTokenizer, template: ChatTemplate) -> Iterator[list[Tokens]]:
    """The answers of each preference."""
    chats = (([*one.prompt, *answer], one.tools) for one in side for answer in one.answers)
    made = template.rendered(chats)
    for preference in side:
        n_before = _n_answers(preference.prompt)
        found = []
        for answer in preference.answers:
            texts = next(made)
            if len(texts) > 1 and _n_answers(answer) > 1:
                raise Error(
                    "Cannot learn from an answer of several messages by this template: it writes an earlier message "
                    "differently once a later one is there.",
                    "Give answers of one message, or name another format: template = \"chatml\".",
                    kind="bad-template",
                )  # fmt: skip
            last = texts[-1]
            answers = last.answers if len(texts) > 1 else last.answers[n_before:]
            found.append(masked(replace(last, answers=answers), tokenizer))
        yield found


def _n_answers(messages: Sequence[dict[str, object]]) -> int:
    return sum(1 for one in messages if one.get("role") == "assistant")
