"""Split models: `name-00001-of-00003.gguf` and its sisters are one model. Finds and compares the parts."""

import re
from collections.abc import Sequence
from pathlib import Path

from rushlight import Error
from rushlight.assistant.models.facts import whole
from rushlight.quant.gguf_values import GgufFile

MAX_PARTS = 1000
_NAME = re.compile(r"(?P<stem>.+)-(?P<part>\d{5})-of-(?P<count>\d{5})\.gguf", re.IGNORECASE)


def split_name(name: str) -> tuple[str, int, int] | None:
    """(stem, part, count) of a part's file name, None for other names."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    part, count = int(match["part"]), int(match["count"])
    return (match["stem"], part, count) if 1 <= part <= count <= MAX_PARTS else None


def all_parts(path: Path) -> list[Path]:
    """The file, or every part of the split model that it is a part of. Raises when one is missing."""
    named = split_name(path.name)
    if named is None:
        return [path]
    stem, _, count = named
    # The parts' own spelling of the extension is kept: .gguf or .GGUF.
    parts = [path.with_name(f"{stem}-{part:05d}-of-{count:05d}{path.suffix}") for part in range(1, count + 1)]
    missing = [part.name for part in parts if not part.is_file()]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise Error(
            f"The model {stem} is split into {count} files; missing in {path.parent}: {', '.join(missing[:3])}{more}.",
            hint="Put all its parts into one folder.",
            kind="missing-part",
        )
    return parts


def check_parts(files: Sequence[GgufFile]) -> None:
    """The parts belong together: counts, order and tensors agree with what each says of itself."""
    head = files[0]
    count = max(1, whole(head, "split.count", default=1))
    if count != len(files):
        if len(files) == 1:
            raise Error(
                f"{head.path.name} is one of {count} parts of a split model, but its name does not say so.",
                hint=f"Name the parts like {head.path.stem}-00001-of-{count:05d}.gguf.",
                kind="missing-part",
            )
        raise Error(
            f"{head.path.name} says that its model has {count} parts; its name says {len(files)}.",
            hint="These files are not the parts of one model; get them again.",
            kind="mixed-parts",
        )
    if len(files) == 1:
        return
    seen: set[str] = set()
    for index, file in enumerate(files):
        number = whole(file, "split.no", default=-1)
        if whole(file, "split.count", default=-1) != count or number != index:
            raise Error(
                f"{file.path.name} does not say that it is part {index + 1} of {count}.",
                hint="These files are not the parts of one model; get them again.",
                kind="mixed-parts",
            )
        names = {tensor.name for tensor in file.tensors}
        if names & seen:
            raise Error(
                f"{file.path.name} holds tensors that an earlier part holds too ({min(names & seen)}).",
                hint="These files are not the parts of one model; get them again.",
                kind="mixed-parts",
            )
        seen |= names
    promised = whole(head, "split.tensors.count", default=len(seen))
    if promised != len(seen):
        raise Error(
            f"The parts of {head.path.name} hold {len(seen)} tensors; it promises {promised}.",
            hint="These files are not the parts of one model; get them again.",
            kind="mixed-parts",
        )
