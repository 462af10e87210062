"""What the page of learning shows, as plain values: adapters, lessons, runs under way, proofs and examples."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

LessonKindName: TypeAlias = Literal["database", "feedback", "imported"]
ChoiceKind: TypeAlias = Literal["new", "adapter", "lesson", "job"]


@dataclass(frozen=True, slots=True)
class Choice:
    """What is looked at. `id` is an adapter's name, a lesson's id or a job's."""

    kind: ChoiceKind = "new"
    id: str = ""


@dataclass(frozen=True, slots=True)
class AdapterRow:
    """An adapter in the list."""

    name: str
    scope: str
    state: str  # candidate, promoted, retired
    base: str
    note: str  # "88 %", "not evaluated", "stopped by the gate"
    is_stale: bool = False


@dataclass(frozen=True, slots=True)
class LessonRow:
    """A lesson in the list."""

    id: str
    name: str
    kind: str
    scope: str
    n_examples: int
    n_held_out: int
    version: int
    is_stale: bool = False


@dataclass(frozen=True, slots=True)
class ExampleRow:
    """An example of the lesson that is looked at."""

    id: str
    asked: str
    answer: str
    rejected: str = ""
    part: str = ""
    is_left_out: bool = False


@dataclass(frozen=True, slots=True)
class GuardRow:
    """A guard of the gate."""

    name: str
    is_kept: bool
    detail: str


@dataclass(frozen=True, slots=True)
class BesideRow:
    """One question of the suite, answered before and after. Scores lie between 0 and 1."""

    asked: str
    before: str
    after: str
    before_score: float
    after_score: float


@dataclass(frozen=True, slots=True)
class Proof:
    """What an evaluation found. Shares lie between 0 and 1; intervals hold 95 %."""

    suite: str
    n_items: int
    before: float
    after: float
    before_interval: tuple[float, float]
    after_interval: tuple[float, float]
    difference: tuple[float, float]
    guards: tuple[GuardRow, ...]
    beside: tuple[BesideRow, ...]
    reasons: tuple[str, ...]
    has_passed: bool


@dataclass(frozen=True, slots=True)
class RunStep:
    """One line of a run's metrics."""

    step: int
    loss: float
    held_out: float | None = None
    rate: float = 0.0
    gradient: float = 0.0
    tokens_per_s: float = 0.0


@dataclass(frozen=True, slots=True)
class TeachJob:
    """A teaching under way or over. `stage` counts the steps of the head: 0 lesson ... 5 promote."""

    id: str
    title: str
    state: str
    stage: int
    what: str  # it does now
    fraction: float | None
    remaining_s: float | None
    message: str = ""
    hint: str = ""
    adapter: str = ""  # that came of it
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class LearnWish:
    """What is to be taught, and how long it may take."""

    kind: LessonKindName = "database"
    model: str = ""
    files: tuple[str, ...] = ()
    minutes: int = 15
    promotes: bool = True


@dataclass(frozen=True, slots=True)
class LearnState:
    """All that is shown."""

    models: tuple[tuple[str, str], ...] = ()  # id, words
    adapters: tuple[AdapterRow, ...] = ()
    lessons: tuple[LessonRow, ...] = ()
    jobs: tuple[TeachJob, ...] = ()  # the newest first
    choice: Choice = Choice()
    wish: LearnWish = LearnWish()
    adapter: AdapterRow | None = None  # that is looked at
    proof: Proof | None = None
    origin: tuple[tuple[str, str], ...] = ()  # where it comes from: name, words
    before: str = ""  # what a roll back would bring: an adapter's name, or the base
    lesson: LessonRow | None = None  # that is looked at
    examples: tuple[ExampleRow, ...] = ()
    has_more: bool = False  # of its examples
    job: TeachJob | None = None  # that is looked at
    steps: tuple[RunStep, ...] = ()  # of its run
    is_loading: bool = True
    is_busy: bool = False  # a change is on its way
    notice: str = ""
    problem: str = ""
    hint: str = ""

    @property
    def can_start(self) -> bool:
        """Whether enough was said."""
        return bool(self.wish.model) and (self.wish.kind == "feedback" or bool(self.wish.files)) and not self.is_busy
