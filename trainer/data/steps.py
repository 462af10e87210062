"""The steps on data by name, each with its typed settings: what the job is told."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from rushlight import Error
from rushlight.trainer.data.near_duplicates import Likeness
from rushlight.trainer.data.reading import Watch


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every step is told."""

    field: str = ""  # the field of the text; found by itself if not given

    def run(self, paths: Sequence[Path], out: Path, watch: Watch) -> dict[str, Any]:
        raise NotImplementedError


class Inspect(Step, frozen=True, forbid_unknown_fields=True, kw_only=True):
    def run(self, paths: Sequence[Path], out: Path, watch: Watch) -> dict[str, Any]:
        from rushlight.trainer.data.inspect import inspect

        return inspect(paths, self.field, watch)


class Show(Step, frozen=True, forbid_unknown_fields=True, kw_only=True):
    n: int = 5
    first: int = 0
    seed: int = 1

    def run(self, paths: Sequence[Path], out: Path, watch: Watch) -> dict[str, Any]:
        from rushlight.trainer.data.show import show

        return show(paths, self.field, self.n, self.first, self.seed, watch)


class _EachAlone(Step, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A step that looks at each record by itself: it can be shared out."""

    workers: int = 0  # of Ray Data; 0: this process does it

    def run(self, paths: Sequence[Path], out: Path, watch: Watch) -> dict[str, Any]:
        if not self.workers:
            return self.here(paths, out, watch)
        from rushlight.trainer.data.ray_data import by_ray

        name = next(name for name, kind in STEPS.items() if kind is type(self))
        settings = {**msgspec.structs.asdict(self), "workers": 0}
        return by_ray(name, settings, paths, out, self.workers, watch)

    def here(self, paths: Sequence[Path], out: Path, watch: Watch) -> dict[str, Any]:
        raise NotImplementedError


class Clean(_EachAlone, frozen=True, forbid_unknown_fields=True, kw_only=True):
    rules: list[str] = []
    least: int = 1
    most: int = 10_000_000
    model: str = ""  # the file of an n-gram model; the two go together
    most_perplexity: float = 0.0

    def here(self, paths: Sequence[Path], out: Path, watch: Watch) -> dict[str, Any]:
        from rushlight.trainer.data.clean import clean
        from rushlight.trainer.data.ngrams import open_model

        if bool(self.model) != (self.most_perplexity > 0):
            raise Error("A model and a most perplexity go together.",
                        "Give both --model and --most-perplexity, or neither.", kind="bad-setting")  # fmt: skip
        model = open_model(Path(self.model)) if self.model else None
        return clean(paths, out, self.field, self.rules, self.least, self.most, watch, model, self.most_perplexity)


class Score(_EachAlone, frozen=True, forbid_unknown_fields=True, kw_only=True):
    model: str = ""  # the file of an n-gram model
    good: list[str] = []  # or files of good texts, to make one of
    keep_model: str = ""  # where to keep that
    order: int = 5

    def run(self, paths: Sequence[Path], out: Path, watch: Watch) -> dict[str, Any]:
        from rushlight.trainer.data.quality import kept_model
        from rushlight.trainer.data.write import checked_out

        checked_out(out)
        beside = out.with_name(f".{out.name}.ngrams")
        with kept_model(self.model, self.good, self.keep_model, self.field, self.order, beside, watch) as path:
            step = msgspec.structs.replace(self, model=path, good=[], keep_model="")
            return _EachAlone.run(step, paths, out, watch)

    def here(self, paths: Sequence[Path], out: Path, watch: Watch) -> dict[str, Any]:
        from rushlight.trainer.data.ngrams import open_model
        from rushlight.trainer.data.score import score

        return score(paths, out, self.field, watch, open_model(Path(self.model)) if self.model else None)


class Language(_EachAlone, frozen=True, forbid_unknown_fields=True, kw_only=True):
    keep: list[str] = []  # codes such as "de"; all records stay without
    least: float = 0.5

    def here(self, paths: Sequence[Path], out: Path, watch: Watch) -> dict[str, Any]:
        from rushlight.trainer.data.language import mark_languages

        return mark_languages(paths, out, self.field, self.keep, self.least, watch)


class Redact(_EachAlone, frozen=True, forbid_unknown_fields=True, kw_only=True):
    kinds: list[str] = []

    def here(self, paths: Sequence[Path], out: Path, watch: Watch) -> dict[str, Any]:
        from rushlight.trainer.data.redact import redact

        return redact(paths, out, self.kinds, watch)


class _Alike(Step, frozen=True, forbid_unknown_fields=True, kw_only=True):
    threshold: float = 0.8
    units: int = 5
    by_char: bool = False
    permutations: int = 128
    bands: int = 32
    threads: int = 0

    def likeness(self) -> Likeness:
        return Likeness(self.threshold, self.units, self.by_char, self.permutations, self.bands)


class Dedup(_Alike, frozen=True, forbid_unknown_fields=True, kw_only=True):
    keep: str = "first"
    mark: bool = False

    def run(self, paths: Sequence[Path], out: Path, watch: Watch) -> dict[str, Any]:
        from rushlight.trainer.data.dedup import dedup

        return dedup(paths, out, self.field, self.likeness(), self.keep, self.mark, watch, self.threads)


class Split(_Alike, frozen=True, forbid_unknown_fields=True, kw_only=True):
    share: float = 0.1
    seed: int = 1

    def run(self, paths: Sequence[Path], out: Path, watch: Watch) -> dict[str, Any]:
        from rushlight.trainer.data.split import split

        return split(paths, out, self.field, self.likeness(), self.share, self.seed, watch, self.threads)


STEPS: Final[Mapping[str, type[Step]]] = {
    "inspect": Inspect, "show": Show, "clean": Clean, "score": Score, "language": Language, "redact": Redact,
    "dedup": Dedup, "split": Split,
}  # fmt: skip


def step_of(name: str, settings: Mapping[str, Any]) -> Step:
    """The step with its settings; an `Error` that says what is wrong with them."""
    if name not in STEPS:
        raise Error(f"There is no step {name[:40]!r}; there are {', '.join(STEPS)}.", kind="bad-setting")
    try:
        return msgspec.convert(dict(settings), STEPS[name])
    except msgspec.ValidationError as error:
        raise Error(f"Cannot {name}: {error}.", kind="bad-setting") from None
