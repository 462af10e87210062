"""What the page of learning shows, as plain values: adapters, lessons, runs under way, proofs and examples."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from rushlight.assistant.registry.scopes import CHAT, PRACTICE, WAY_BACK
from rushlight.ui.desk.learn_forecast import Forecast

LessonKindName: TypeAlias = Literal["database", "feedback", "imported"]
ChoiceKind: TypeAlias = Literal["new", "adapter", "lesson", "job", "runs"]
ExportForm: TypeAlias = Literal["adapter", "peft", "gguf", "folder"]


@dataclass(frozen=True, slots=True)
class Choice:
    """What is looked at. `id` is an adapter's name, a lesson's id or a job's; of the history, the runs whose curves are
    laid over one another, with commas between."""

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

    @property
    def is_for_chat(self) -> bool:
        """Whether it answers in chats, where people can compare."""
        return self.scope == CHAT

    @property
    def is_practice(self) -> bool:
        """Whether it came of a practice, and answers no database of its own."""
        return self.scope in (PRACTICE, WAY_BACK)

    @property
    def is_way_back(self) -> bool:
        """Whether it answers nothing, and tells the likely queries of others apart."""
        return self.scope == WAY_BACK


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
    taught: tuple[tuple[str, str], ...] = ()  # (model, the adapter of it that can be trained further)

    def further(self, model: str) -> str:
        """The adapter that learned it over this model; "" where there is none."""
        return dict(self.taught).get(model, "")


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
class AnswerLook:
    """What was said to a held-out question after so many steps."""

    step: int
    said: str
    is_right: bool  # letter by letter what is wanted
    is_whole: bool = True  # else it was cut off


@dataclass(frozen=True, slots=True)
class HeldOutAnswer:
    """A held-out question, what is wanted, and what was said as training went on: the oldest first."""

    asked: str
    wanted: str
    looks: tuple[AnswerLook, ...]


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
    n_steps: int = 0  # of its training, while it trains
    is_practice: bool = False  # on databases that are made up


@dataclass(frozen=True, slots=True)
class LearnWish:
    """What is to be taught, and how long it may take."""

    kind: LessonKindName = "database"
    model: str = ""
    files: tuple[str, ...] = ()
    minutes: int = 15
    promotes: bool = True
    lesson: str = ""  # the id of one that is there, in the place of files
    columns: tuple[tuple[str, str], ...] = ()  # (field, column) of files of examples, where it was mapped by hand
    settings: tuple[tuple[str, str], ...] = ()  # (key, what was typed) of the training
    is_expert: bool = False  # the settings are shown


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """A column of files of examples. `field` is what it is taken for, "" for nothing."""

    name: str
    samples: tuple[str, ...]
    field: str


@dataclass(frozen=True, slots=True)
class FilesRow:
    """What a look into files of examples found; `problems` name file and line."""

    columns: tuple[ColumnRow, ...] = ()
    n_examples: int = 0
    n_wrong: int = 0
    problems: tuple[str, ...] = ()
    first: tuple[ExampleRow, ...] = ()
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class ExportRow:
    """An adapter on its way out, or handed out."""

    job_id: str
    name: str  # of the file or folder
    path: str
    form: str
    state: str
    fraction: float | None
    what: str
    message: str = ""
    hint: str = ""
    is_over: bool = False
    proof: str = ""  # passed, partial, failed


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run of the history."""

    id: str
    title: str
    when: str
    state: str  # of its job
    adapter: str  # that came of it
    n_steps: int
    loss: float | None
    held_out: float | None
    wish: LearnWish | None = None  # to run it again with a change
    may_go_on: bool = False  # it was stopped
    is_chosen: bool = False  # its curve is shown


@dataclass(frozen=True, slots=True)
class RunCurve:
    """A run's curve beside others."""

    id: str
    title: str
    steps: tuple[RunStep, ...]


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
    answers: tuple[HeldOutAnswer, ...] = ()  # to what is held out, of its run
    look: FilesRow | None = None  # into the chosen files of examples
    setting_problems: tuple[str, ...] = ()  # each begins with its key
    forecast: Forecast | None = None  # of the wish as it stands
    planning: str = ""  # what is done to work it out
    practised: str = ""  # the adapter that databases begin with when the wished model is taught them
    has_way_back: bool = False  # whether the wished model has learned the way back, proven or not
    exports: tuple[ExportRow, ...] = ()  # of the adapter that is looked at, the newest first
    runs: tuple[RunRow, ...] = ()  # of the history
    curves: tuple[RunCurve, ...] = ()  # of the chosen ones
    is_loading: bool = True
    is_busy: bool = False  # a change is on its way
    notice: str = ""
    problem: str = ""
    hint: str = ""

    @property
    def learns_way_back(self) -> bool:
        """Whether that is what the wished model would practise next."""
        return bool(self.practised) and not self.has_way_back

    @property
    def can_practise(self) -> bool:
        """Whether the wished model could practise before it is taught a database, and does not yet."""
        is_at_it = any(one.is_practice and not one.is_over for one in self.jobs)
        return self.wish.kind == "database" and bool(self.wish.model) and not is_at_it and not self.is_busy

    @property
    def can_start(self) -> bool:
        """Whether enough was said, and nothing of it is wrong."""
        wish = self.wish
        has_source = wish.kind == "feedback" or bool(wish.files) or bool(wish.lesson)
        is_right = not self.setting_problems and (self.look is None or not self.look.n_wrong)
        return bool(wish.model) and has_source and is_right and not self.is_busy
