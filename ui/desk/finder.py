"""Search over everything, as one types: actions, settings, models, conversations by title, messages by their text.

One list, the best first, each with its kind. Asks the store through `Background`. Knows no widget.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from rushlight import Error
from rushlight.assistant.safety.plain import plain_line
from rushlight.assistant.settings import SETTINGS
from rushlight.ui.desk.actions import Action, actions
from rushlight.ui.desk.background import Background
from rushlight.ui.desk.conversation_rows import cleaned_passage, title_of
from rushlight.ui.desk.matching import Matcher, folded
from rushlight.ui.desk.settings_desk import section_title
from rushlight.ui.desk.settings_desk import title_of as setting_title
from rushlight.ui.desk.turns import label_of
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.app import App

FoundKind: TypeAlias = Literal["action", "setting", "conversation", "message", "model"]

MOST = 50
_MOST_OF_A_KIND = 20
_MOST_MESSAGES = 15
_RECENT = 8  # conversations shown while nothing is typed
_FRESH_S = 3.0  # titles that were read so long ago are good enough while one types
_BELOW_NAME = 0.6  # what matches only in help or in an id counts less than what matches by its name
_MESSAGE_SCORE = 200.0
# Among equals.
_ORDER: dict[FoundKind, int] = {"action": 0, "model": 1, "conversation": 2, "setting": 3, "message": 4}


@dataclass(frozen=True, slots=True)
class Found:
    """One answer. `id` is of the action, setting, model or conversation; `message_id` the place in a conversation."""

    kind: FoundKind
    id: str
    title: str
    detail: str
    score: float
    message_id: str | None = None
    ranges: tuple[tuple[int, int], ...] = ()  # places in `detail` that matched, of a message


class Finder:
    """One per palette. Call `prepare` when it opens."""

    def __init__(self, background: Background) -> None:
        self._background = background
        self._index = _Index()
        self._is_busy = False
        self._next: tuple[str, Callable[[list[Found]], None]] | None = None

    def prepare(self) -> None:
        """Read titles and models ahead, so that the first letter finds at once."""
        self._background.read(self._index.read, failed=lambda _err: None)

    def find(self, query: str, then: Callable[[list[Found]], None]) -> None:
        """`then` gets at most 50, the best first. While one search runs, only the last of further ones follows."""
        if self._is_busy:
            self._next = (query, then)
            return
        self._is_busy = True
        known = actions()  # here, on the face's thread, in the language of now

        def found(answers: list[Found]) -> None:
            self._is_busy = False
            following, self._next = self._next, None
            if following is None:
                then(answers)
            else:
                self.find(*following)

        def failed(err: Error) -> None:
            found([])
            self._background.on_error(err)

        self._background.read(lambda app: self._index.find(app, query, known), found, failed)


class _Index:
    """What is searched, kept between letters. Lives on the background's reading thread."""

    def __init__(self) -> None:
        self._read_s = -_FRESH_S
        self._titles: list[tuple[str, str, str]] = []  # id, title, folded title; the newest first
        self._models: list[tuple[str, str, str, str]] = []  # id, label, folded label, folded id and aliases

    def read(self, app: "App") -> None:
        """Titles and models, as they are now."""
        from rushlight.assistant.chat.search import all_titles

        old = {(conversation_id, title): small for conversation_id, title, small in self._titles}
        self._titles = [
            (conversation_id, title, old.get((conversation_id, title)) or folded(title))
            for conversation_id, title, _ in all_titles(app.conversations)
        ]
        self._models = []
        for model in app.catalogue.list():
            label = label_of(model.id, model.quantization)
            self._models.append((model.id, label, folded(label), folded(" ".join((model.id, *model.aliases)))))
        self._read_s = time.monotonic()

    def find(self, app: "App", query: str, known: tuple[Action, ...]) -> list[Found]:
        if time.monotonic() - self._read_s >= _FRESH_S:
            self.read(app)
        matcher = Matcher(query)
        if not matcher.query:
            return [self._conversation(one, 0.0) for one in self._titles[:_RECENT]] + [
                _action(one, 0.0) for one in known
            ][: MOST - _RECENT]
        found = [
            *_best(_actions(matcher, known)),
            *_best(_settings(matcher)),
            *_best(self._found_models(matcher)),
            *_best(self._found_titles(matcher)),
            *_messages(app, query),
        ]
        found.sort(key=lambda one: (-one.score, _ORDER[one.kind]))
        return found[:MOST]

    def _found_titles(self, matcher: Matcher) -> list[Found]:
        score = matcher.score
        scored = [(score(one[2]), -place) for place, one in enumerate(self._titles)]
        best = sorted((one for one in scored if one[0] > 0), reverse=True)[:_MOST_OF_A_KIND]
        return [self._conversation(self._titles[-place], points) for points, place in best]

    def _found_models(self, matcher: Matcher) -> list[Found]:
        scored = [(one, max(matcher.score(one[2]), _BELOW_NAME * matcher.score(one[3]))) for one in self._models]
        return [
            Found("model", one[0], plain_line(one[1]), text("Model"), points) for one, points in scored if points > 0
        ]

    def _conversation(self, one: tuple[str, str, str], points: float) -> Found:
        return Found("conversation", one[0], plain_line(one[1]).strip() or text("New chat"), text("Chat"), points)


def _actions(matcher: Matcher, known: tuple[Action, ...]) -> list[Found]:
    return [
        _action(one, points)
        for one in known
        if (points := max(matcher.score(folded(one.title)), _BELOW_NAME * matcher.score(folded(one.group)))) > 0
    ]


def _action(one: Action, points: float) -> Found:
    return Found("action", one.id, one.title, one.group, points)


def _settings(matcher: Matcher) -> list[Found]:
    found = []
    for name, setting in SETTINGS.items():
        title, section = setting_title(name), section_title(name.partition(".")[0])
        points = max(
            matcher.score(folded(title)),
            _BELOW_NAME * matcher.score(name),
            # Help is long: letters scattered over it mean nothing.
            _BELOW_NAME * matcher.whole(folded(f"{section} {text(setting.help)}")),
        )
        if points > 0:
            found.append(Found("setting", name, title, text("Settings · {section}", section=section), points))
    return found


def _messages(app: "App", query: str) -> list[Found]:
    """Hits of the full text; titles have been matched already, and better."""
    from rushlight.assistant.chat.search import search

    found: list[Found] = []
    for place, hit in enumerate(search(app.conversations, query, limit=_MOST_MESSAGES + _MOST_OF_A_KIND)):
        if hit.message_id is not None and len(found) < _MOST_MESSAGES:
            detail, ranges = cleaned_passage(hit.snippet, hit.ranges)
            title = title_of(hit.conversation)
            points = _MESSAGE_SCORE - place
            found.append(Found("message", hit.conversation.id, title, detail, points, hit.message_id, ranges))
    return found


def _best(found: list[Found]) -> list[Found]:
    return sorted(found, key=lambda one: -one.score)[:_MOST_OF_A_KIND]
