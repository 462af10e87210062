"""Chats as a model's template writes them, and where in the text its answers stand.

Templates come from strangers: they are rendered by whoever is given, in a process with limits. Control tokens count
where the template writes them, and are plain letters where people wrote them: see `Rendered.plain`. Markup such as
`<think>` counts where the assistant says it, too: that is what the model is to say.
"""

import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from rushlight import Error

Render: TypeAlias = Callable[[str, dict[str, Any]], str]  # a template and its variables into text
Chat: TypeAlias = Sequence[Mapping[str, Any]]

_AT_ONCE: Final = 32  # chats rendered by one call


@dataclass(frozen=True, slots=True)
class Rendered:
    """One text to learn from. Places are letters, from the first up to, but not including, the last."""

    text: str
    answers: tuple[tuple[int, int], ...]
    plain: tuple[tuple[int, int], ...] = ()  # such tokens that people wrote: to be cut into letters


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """A chat template, its variables, and the texts of the control tokens and of those that are markup."""

    text: str
    render: Render
    variables: Mapping[str, Any] = field(default_factory=dict)  # bos_token, eos_token
    control: tuple[str, ...] = ()
    markup: tuple[str, ...] = ()

    def rendered(self, chats: Iterable[tuple[Chat, Sequence[Any] | None]]) -> Iterator[list[Rendered]]:
        """The texts of each (messages, tools): one, or one for each answer where a template writes the answers of
        before differently once the chat goes on (Qwen3 leaves out their thoughts)."""
        scribe = _Scribe(self)
        waiting: list[tuple[Chat, Sequence[Any] | None]] = []
        for one in chats:
            waiting.append(one)
            if len(waiting) == _AT_ONCE:
                yield from scribe.write(waiting)
                waiting = []
        if waiting:
            yield from scribe.write(waiting)


_Job: TypeAlias = tuple[Chat, Sequence[Any] | None, bool]


class _Scribe:
    """Renders many chats by few calls, where the template allows it."""

    def __init__(self, template: ChatTemplate) -> None:
        self._template = template
        self._nonce = secrets.token_hex(12)  # parts tokens in what people wrote, and is taken out again
        self._mark = secrets.token_hex(12)
        self._control = _any_of(template.control)
        self._foreign = _any_of((*template.control, *template.markup))  # to whoever is not the assistant
        self._joins: bool | None = None  # whether a loop around the template writes the same; unknown before the first

    def write(self, chats: Sequence[tuple[Chat, Sequence[Any] | None]]) -> Iterator[list[Rendered]]:
        jobs: list[_Job] = []
        for messages, tools in chats:
            safe = [
                self._parted(message, self._control if message.get("role") == "assistant" else self._foreign)
                for message in messages
            ]
            told = self._parted(tools, self._foreign)
            for index in _answers(messages):
                jobs += [(safe[:index], told, True), (safe[:index], told, False), (safe[: index + 1], told, False)]
            jobs.append((safe, told, False))
        texts = iter(self._texts(jobs))
        for messages, _ in chats:
            found = []
            for _index in _answers(messages):
                asked, before, through = next(texts), next(texts), next(texts)
                found.append(self._answer(asked, before, through))
            yield self._assembled(found, next(texts))

    def _answer(self, asked: str, before: str, through: str) -> tuple[str, int]:
        """The text up to the end of an answer, and where in it the answer begins."""
        start = _common(asked, through)
        if start < len(before.rstrip()):
            raise Error(
                "Cannot learn from chats by this template: it writes what came before an answer differently once the "
                "answer is there, so no letter can be told to be the answer's.",
                "Name another format: template = \"chatml\".", kind="bad-template")  # fmt: skip
        return through, start

    def _assembled(self, answers: Sequence[tuple[str, int]], whole: str) -> list[Rendered]:
        if all(whole.startswith(through) for through, _ in answers):
            return [self._cleaned(whole, [(start, len(through)) for through, start in answers])]
        return [self._cleaned(through, [(start, len(through))]) for through, start in answers]

    def _texts(self, jobs: Sequence[_Job]) -> list[str]:
        plain = all(tools is None for _, tools, _ in jobs)
        if plain and len(jobs) > 1 and self._joins is not False:
            try:
                joined = self._joined(jobs)
            except Error:
                joined = None  # one of them is refused: which one is told below
            if self._joins is None and joined is not None:
                self._joins = joined == [self._single(job) for job in jobs]
                if not self._joins:
                    joined = None
            if joined is not None:
                return joined
        return [self._single(job) for job in jobs]

    def _single(self, job: _Job) -> str:
        messages, tools, ask = job
        variables = {**self._template.variables, "messages": messages, "add_generation_prompt": ask}
        if tools is not None:
            variables["tools"] = tools
        return self._template.render(self._template.text, variables)

    def _joined(self, jobs: Sequence[_Job]) -> list[str] | None:
        around = "{% for messages, add_generation_prompt in _chats %}{{ _mark }}\n", "{{ _mark }}{% endfor %}"
        text = around[0] + self._template.text.removesuffix("\n") + around[1]
        chats = [[messages, ask] for messages, _, ask in jobs]
        found = self._template.render(text, {**self._template.variables, "_chats": chats, "_mark": self._mark})
        parts = found.split(self._mark)
        if len(parts) != 2 * len(jobs) + 1:
            return None
        return [part.removeprefix("\n") for part in parts[1::2]]

    def _parted(self, value: Any, tokens: re.Pattern[str] | None) -> Any:
        """`value` with every one of these tokens in it parted, so that the template's own can be told from it."""
        if tokens is None:
            return value
        if isinstance(value, str):
            return tokens.sub(lambda match: match[0][0] + self._nonce + match[0][1:], value)
        if isinstance(value, Mapping):
            return {key: self._parted(one, tokens) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self._parted(one, tokens) for one in value]
        return value

    def _cleaned(self, text: str, answers: Sequence[tuple[int, int]]) -> Rendered:
        if self._nonce not in text:
            return Rendered(text, tuple(answers))
        pieces = text.split(self._nonce)
        clean, seams, at = "".join(pieces), [], 0
        for piece in pieces[:-1]:
            at += len(piece)
            seams.append(at)
        moved = []
        for start, stop in answers:
            n_before = [sum(1 for i, seam in enumerate(seams) if seam + i * len(self._nonce) < place)
                        for place in (start, stop)]  # fmt: skip
            moved.append((start - n_before[0] * len(self._nonce), stop - n_before[1] * len(self._nonce)))
        plain = []
        for seam in seams:
            match = self._foreign.match(clean, seam - 1) if self._foreign is not None else None
            if match is not None:
                plain.append(match.span())
        return Rendered(clean, tuple(moved), tuple(plain))


def _any_of(texts: Iterable[str]) -> re.Pattern[str] | None:
    known = sorted({text for text in texts if len(text) > 1}, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, known))) if known else None


def _answers(messages: Chat) -> list[int]:
    return [index for index, message in enumerate(messages) if message.get("role") == "assistant"]


def _common(a: str, b: str) -> int:
    """How many letters two texts begin with in common."""
    if b.startswith(a):
        return len(a)
    return next((i for i, (one, other) in enumerate(zip(a, b, strict=False)) if one != other), min(len(a), len(b)))
