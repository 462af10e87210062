"""What of a conversation fits into the model's context: the newest turns, and exactly what was left out.

Turns are dropped whole, oldest first. Once some must go, more go than needed at the moment, and the same place is
kept until it is full again: a prompt whose beginning moved with every question would be read anew each time.
Knows how to count only through what it is given.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from rushlight import Error
from rushlight.assistant.chat.attachments import with_attachments
from rushlight.assistant.chat.conversation import Message
from rushlight.assistant.chat.text_rules import one_line
from rushlight.assistant.engine.request import GenerateRequest
from rushlight.assistant.engine.request import Message as Turn
from rushlight.assistant.events import Notice

DEFAULT_REPLY_TOKENS = 512  # kept free for a reply whose length nobody limited
_FILL_AFTER_CUT = 0.75
_QUOTE_CHARS = 40
_MAX_COUNTS = 64

Build = Callable[[tuple[Turn, ...]], GenerateRequest]
Count = Callable[[tuple[Turn, ...]], int]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The messages of the path that the model was not given, oldest first."""

    messages: tuple[Message, ...]
    n_path: int  # messages of the whole path

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(message.id for message in self.messages)

    def notice(self) -> Notice:
        """In words: how many, from which to which."""
        count = len(self.messages)
        which = f"“{_quoted(self.messages[0])}”"
        if count > 1:
            which = f"from {which} to “{_quoted(self.messages[-1])}”"
        return Notice(
            "left-out",
            f"The context is full: the oldest {count} of {self.n_path} messages "
            f"{'were' if count > 1 else 'was'} not given to the model ({which}).",
        )


@dataclass(frozen=True, slots=True)
class ContextUse:
    """The context meter. `n_total` 0: the model does not say how much it holds."""

    n_used: int
    n_total: int
    left_out: LeftOut | None = None


@dataclass(frozen=True, slots=True)
class Fitted:
    """A request that fits, its size, and what is not in it."""

    request: GenerateRequest
    use: ContextUse


class ContextWindow:
    """Remembers where the conversation was cut, and what was counted already."""

    def __init__(self) -> None:
        self._first_kept = ""
        self._counts: dict[tuple[Turn, ...], int] = {}

    def fit(self, path: Sequence[Message], n_total: int, build: Build, count: Count) -> Fitted:
        """The request for the path, cut where it must be. Raises when not even the last turn fits."""
        lead, turns = _turns(path)
        if n_total <= 0 or len(turns) == 0:
            request = build(as_turns(path))
            return Fitted(request, ContextUse(self._count(request, count), n_total))
        requests: dict[int, GenerateRequest] = {}

        def size(n_dropped: int) -> int:
            kept = [*lead, *(message for turn in turns[n_dropped:] for message in turn)]
            requests[n_dropped] = build(as_turns(kept))
            return self._count(requests[n_dropped], count)

        firsts = [turn[0].id for turn in turns]
        n_dropped = firsts.index(self._first_kept) if self._first_kept in firsts else 0
        n_used = size(n_dropped)
        limit = n_total - _reserved(requests[n_dropped], n_total)
        if n_used > limit:
            n_dropped = _first_that_fits(size, n_dropped + 1, len(turns) - 1, int(limit * _FILL_AFTER_CUT))
            n_used = size(n_dropped)
            if n_used >= n_total:
                raise Error(
                    f"Your last message alone is {n_used:,} tokens long with the system prompt; the context "
                    f"holds {n_total:,}.",
                    hint="Shorten it, or raise engine.context in the settings.",
                    kind="context-full",
                )
        self._first_kept = firsts[n_dropped] if n_dropped else ""
        dropped = tuple(message for turn in turns[:n_dropped] for message in turn)
        left_out = LeftOut(dropped, len(path)) if dropped else None
        return Fitted(requests[n_dropped], ContextUse(n_used, n_total, left_out))

    def _count(self, request: GenerateRequest, count: Count) -> int:
        known = self._counts.get(request.messages)
        if known is None:
            if len(self._counts) >= _MAX_COUNTS:
                self._counts.clear()
            known = self._counts[request.messages] = count(request.messages)
        return known


def as_turns(messages: Sequence[Message]) -> tuple[Turn, ...]:
    """The messages as a template takes them: user and assistant in turn, system messages only at the beginning.

    Templates refuse two users in a row, which failed replies and imported conversations leave behind.
    """
    turns: list[Turn] = []
    for message in messages:
        role = message.role
        content = with_attachments(message.content, message.attachments)
        if role == "tool" or (role == "system" and turns and turns[-1].role != "system"):
            role = "user"
        if role == "assistant" and not content.strip():
            continue
        if turns and turns[-1].role == role:
            turns[-1] = replace(turns[-1], content=f"{turns[-1].content}\n\n{content}")
        else:
            turns.append(Turn(role, content))
    return tuple(turns)


def _turns(path: Sequence[Message]) -> tuple[list[Message], list[list[Message]]]:
    """System messages at the beginning, then turns: each begins with what the user wrote."""
    lead: list[Message] = []
    turns: list[list[Message]] = []
    for message in path:
        if message.role == "system" and not turns:
            lead.append(message)
        elif message.role == "user" or not turns:
            turns.append([message])
        else:
            turns[-1].append(message)
    return lead, turns


def _reserved(request: GenerateRequest, n_total: int) -> int:
    wanted = request.max_tokens if request.max_tokens > 0 else DEFAULT_REPLY_TOKENS
    return min(wanted, n_total // 4)


def _first_that_fits(size: Callable[[int], int], low: int, high: int, target: int) -> int:
    """The smallest number of dropped turns with which the rest fits; the last turn stays in any case."""
    high = max(high, 0)
    low = min(low, high)
    while low < high:
        middle = (low + high) // 2
        if size(middle) <= target:
            high = middle
        else:
            low = middle + 1
    return high


def _quoted(message: Message) -> str:
    text = message.content if message.content.strip() else ", ".join(one.name for one in message.attachments)
    return one_line(text, _QUOTE_CHARS)
