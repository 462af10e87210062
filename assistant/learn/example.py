"""One example to learn from, where it came from, and the set of examples that is called a lesson. Plain values."""

import hashlib
from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

from msgspec import Struct

Shape: TypeAlias = Literal["answer", "pair", "rating"]
Part: TypeAlias = Literal["", "train", "held_out", "set_aside"]
OriginKind: TypeAlias = Literal["conversation", "file", "database", "query"]
SHAPES: tuple[Shape, ...] = ("answer", "pair", "rating")
PARTS: tuple[Part, ...] = ("train", "held_out", "set_aside")


class Turn(Struct, frozen=True):
    """A message of a prompt."""

    role: str
    content: str


class Origin(Struct, frozen=True):
    """What an example was made of."""

    kind: OriginKind
    source: str  # id of the conversation, sha256 of the file, hash of the schema, id of the kept pair
    place: str = ""  # id of the message, number of the line, the query


class Draft(Struct, frozen=True, kw_only=True):
    """An example before it is kept: what a kind of lesson makes."""

    prompt: tuple[Turn, ...]
    answer: str
    shape: Shape = "answer"
    rejected: str = ""  # of a pair: the worse answer
    good: bool | None = None  # of a rating: whether the answer is good
    meaning: str = ""  # examples of one meaning never lie on both sides of a split; "" = the words of the prompt
    origins: tuple[Origin, ...] = ()
    more: dict[str, Any] = {}  # what the kind knows of it, as JSON

    @property
    def key(self) -> str:
        """The same for examples that teach the same: a second one adds nothing."""
        parts = [self.shape, *(f"{turn.role}\0{turn.content}" for turn in self.prompt), self.answer, self.rejected]
        return hashlib.sha256("\1".join([*parts, str(self.good)]).encode("utf-8", "replace")).hexdigest()

    @property
    def asked(self) -> str:
        """The last thing that was said before the answer."""
        return self.prompt[-1].content if self.prompt else ""


class Example(Struct, frozen=True, kw_only=True):
    """An example of a lesson as it stands in one of its versions."""

    id: str
    draft: Draft
    cluster: str = ""
    part: Part = ""
    left_out: bool = False
    since: int = 1


class Lesson(Struct, frozen=True, kw_only=True):
    """A set of examples: reviewed, edited, versioned. Its held-out part is made once and stays."""

    id: str
    name: str
    kind: str
    scope: str  # where what it teaches holds: chat, sql:<database>
    form: str  # how its prompts are written; "" = as a chat
    source: dict[str, Any]
    version: int
    created_at: float
    updated_at: float
    split_at: float | None
    n_examples: int = 0
    n_held_out: int = 0
    n_left_out: int = 0
    n_gone: int = 0  # to be learned, and of a conversation or an accepted query that was deleted since

    @property
    def is_stale(self) -> bool:
        return self.n_gone > 0

    @property
    def is_split(self) -> bool:
        return self.split_at is not None


def content_hash(examples: Iterable[Example]) -> str:
    """What was learned from: the same for the same examples, whatever their order."""
    keys = sorted(f"{one.part} {one.draft.key}" for one in examples if not one.left_out)
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()
