"""What the registry keeps, as plain values: adapters, runs with what they learned from, evaluations, changes."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from rushlight.assistant.engine.request import LoraUse

AdapterState: TypeAlias = Literal["candidate", "promoted", "retired"]
STATES: tuple[AdapterState, ...] = ("candidate", "promoted", "retired")


@dataclass(frozen=True, slots=True)
class Source:
    """What examples of a lesson came from. `kind`: conversation (its id), file, database (its name), query (the id of
    an accepted pair)."""

    kind: str
    source: str
    n_examples: int = 1
    is_gone: bool = False  # deleted since, so what was learned from it is stale


@dataclass(frozen=True, slots=True)
class LessonUse:
    """A lesson as a run used it."""

    lesson_id: str
    version: int
    name: str
    kind: str
    sha256: str  # of its examples
    n_examples: int
    sources: tuple[Source, ...] = ()

    @property
    def is_stale(self) -> bool:
        return any(one.is_gone for one in self.sources)


@dataclass(frozen=True, slots=True)
class NewRun:
    """A training that is done, to be kept. With an `id` that is known already nothing is added twice."""

    id: str  # of the job that trained, or any other
    name: str
    base_sha256: str
    base: str
    lessons: tuple[LessonUse, ...] = ()
    folder: Path | None = None
    manifest: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """One training."""

    id: str
    name: str
    base_sha256: str
    base: str
    folder: Path | None
    manifest: dict[str, Any]
    created_at: float
    lessons: tuple[LessonUse, ...] = ()

    @property
    def is_stale(self) -> bool:
        return any(one.is_stale for one in self.lessons)


@dataclass(frozen=True, slots=True)
class NewAdapter:
    """An adapter file to be taken in as a candidate. `name` "" makes one from the scope."""

    file: Path
    scope: str
    base_sha256: str
    base: str
    name: str = ""
    form: str = ""
    licence: str = ""
    run_id: str = ""


@dataclass(frozen=True, slots=True)
class Adapter:
    """LoRA weights for one base model and one scope. `form` is the prompt form it was taught with; "" = the chat's."""

    id: str
    name: str
    scope: str
    base_sha256: str
    base: str
    form: str
    state: AdapterState
    path: Path
    sha256: str
    size_bytes: int
    licence: str
    run_id: str
    created_at: float
    is_stale: bool = False  # something that it learned from was deleted

    def use(self, scale: float = 1.0) -> LoraUse:
        """How a request loads it."""
        return LoraUse(str(self.path), scale)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How an adapter did against its base, and whether the gate lets it through. It holds for these bytes only."""

    id: str
    adapter_id: str
    adapter_sha256: str
    scope: str
    suite: str
    suite_sha256: str
    passed: bool
    report: dict[str, Any]
    created_at: float


@dataclass(frozen=True, slots=True)
class Change:
    """What a promotion or a roll-back did in a scope. None is the base alone."""

    scope: str
    promoted: Adapter | None
    retired: Adapter | None


@dataclass(frozen=True, slots=True)
class Promotion:
    """One line of a scope's history."""

    scope: str
    adapter: str  # its name
    before: str  # "" = the base alone
    promoted_at: float
    undone_at: float | None


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where an adapter comes from and what became of it."""

    adapter: Adapter
    run: Run | None
    evaluations: tuple[Evaluation, ...]
    promotions: tuple[Promotion, ...]
