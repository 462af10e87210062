"""Whether models can be merged: same architecture, same tensors, same tokens. All that is wrong is named at once."""

from collections.abc import Sequence

from rushlight import Error
from rushlight.quant.convert.vocabulary import Vocabulary
from rushlight.trainer.merge.sources import Source

_SHOWN = 3


def check_sources(sources: Sequence[Source], tokenizer: Source, *, same_tensors: bool) -> list[str]:
    """Raises an `Error` with every reason against merging; gives notices of what is only worth knowing."""
    first = sources[0]
    problems: list[str] = []
    notices: list[str] = []
    for other in sources[1:]:
        if other.architecture != first.architecture:
            problems.append(f"{other.name} is a {other.architecture}, {first.name} a {first.architecture}")
            continue
        if same_tensors:
            problems += _tensors(first, other)
    for other in sources:
        if other is not tokenizer:
            found, noticed = _tokens(tokenizer, other)
            problems += found
            notices += noticed
    if problems:
        raise Error(
            "Cannot merge: " + "; ".join(problems) + ".",
            "Models can be merged when they were trained from the same base and keep its tokens.",
            kind="unlike-models",
        )
    return notices


def _tensors(first: Source, other: Source) -> list[str]:
    found = []
    missing = sorted(set(first.tensors) - set(other.tensors))
    extra = sorted(set(other.tensors) - set(first.tensors))
    for names, has, lacks in ((missing, first, other), (extra, other, first)):
        if names == ["lm_head.weight"]:
            found.append(f"{lacks.name} shares its head with its embedding, {has.name} does not")
        elif names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            found.append(f"{lacks.name} has no {names[0][:80]}{more}")
    shapes = [
        f"{name[:80]} is {sizes(other.tensors[name].shape)} in {other.name}, {sizes(rows.shape)} in {first.name}"
        for name, rows in first.tensors.items()
        if name in other.tensors and other.tensors[name].shape != rows.shape
    ]
    if len(shapes) > _SHOWN:
        shapes[_SHOWN:] = [f"{len(shapes) - _SHOWN} more tensors differ in shape"]
    return found + shapes


def sizes(shape: tuple[int, ...]) -> str:
    """A shape in words."""
    return " x ".join(str(size) for size in shape) or "a number"


def _tokens(chosen: Source, other: Source) -> tuple[list[str], list[str]]:
    mine, theirs = chosen.vocabulary, other.vocabulary
    if mine is None or theirs is None:
        lacking = chosen if mine is None else other
        return [], [f"{lacking.name} has no tokenizer; that the models mean the same tokens is not checked."]
    difference = _first_difference(mine, theirs)
    problems = [f"{other.name} and {chosen.name} cut texts differently: {difference}"] if difference else []
    notices = []
    if mine.templates.get("") != theirs.templates.get(""):
        notices.append(f"The chat templates of {chosen.name} and {other.name} differ; that of {chosen.name} is kept.")
    return problems, notices


def _first_difference(mine: Vocabulary, theirs: Vocabulary) -> str:
    for number, (one, other) in enumerate(zip(mine.tokens, theirs.tokens, strict=False)):
        if one != other:
            return f"token {number} is {other[:40]!r} in the one, {one[:40]!r} in the other"
    if len(mine.tokens) != len(theirs.tokens):
        return f"{len(theirs.tokens):,} tokens in the one, {len(mine.tokens):,} in the other"
    if mine.model != theirs.model or mine.pre != theirs.pre:
        return f"{theirs.model}/{theirs.pre} the one, {mine.model}/{mine.pre} the other"
    if (mine.merges or []) != (theirs.merges or []):
        return "their lists of pairs differ"
    return ""
