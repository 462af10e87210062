"""The settings as a page shows them: each with its value, where that comes from, its limits and what is wrong with it.

Writes through the same function as `rushlight settings set`. What was typed is never lost: a value that cannot be
stays in its row, with the reason. Knows no widget.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from rushlight import Error
from rushlight.assistant.settings import SETTINGS, Setting, Settings, Value, read_settings
from rushlight.ui.desk.background import Background
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.app import App

# How a value is entered: one line, several lines, a number, a switch, one of `choices`, a model of the catalogue,
# folders separated by the system's sign.
SettingKind: TypeAlias = Literal["text", "long-text", "number", "flag", "choice", "model", "folders"]
Source: TypeAlias = Literal["default", "file", "environment"]

# What most people may want to change, in this order.
SIMPLE = (
    "chat.model",
    "chat.system_prompt",
    "engine.context",
    "engine.gpu_layers",
    "engine.keep_alive_s",
    "models.search_folders",
)
_KINDS: dict[str, SettingKind] = {
    "chat.system_prompt": "long-text",
    "chat.model": "model",
    "models.search_folders": "folders",
}


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting."""

    name: str  # engine.context
    section: str  # engine
    title: str  # "Context"
    text: str  # what it is for
    kind: SettingKind
    value: Value  # that holds now
    default: Value
    source: Source
    source_text: str  # "settings.toml line 3", "RUSHLIGHT_ENGINE_CONTEXT"; "" for the default
    limits: tuple[int, int] | None  # of a number
    choices: tuple[str, ...]
    is_simple: bool
    entered: str | None = None  # what was typed and cannot be; shown instead of the value
    problem: str = ""  # why
    hint: str = ""  # what to do about it; of a value from the environment, that it wins over the file

    @property
    def value_text(self) -> str:
        """What an input shows: what was typed, else the value."""
        return self.entered if self.entered is not None else shown(self.value)

    @property
    def is_changed(self) -> bool:
        """It is not as it came: `reset` does something."""
        return self.source == "file" or self.entered is not None


@dataclass(frozen=True, slots=True)
class SettingsState:
    """All that the page shows."""

    rows: tuple[SettingRow, ...] = ()
    query: str = ""
    shows_all: bool = False
    n_hidden: int = 0  # settings that the simple view leaves out
    problems: tuple[str, ...] = ()  # of the file that belong to no row: unreadable, unknown names
    path: str = ""  # of settings.toml
    is_loading: bool = True


class SettingsView(Protocol):
    """Whatever draws the settings."""

    def show(self, state: SettingsState) -> None: ...


class SettingsDesk:
    """One per page. Call `refresh` whenever the page is shown: the file may have been edited elsewhere."""

    def __init__(self, background: Background, view: SettingsView) -> None:
        self.state = SettingsState()
        self.on_changed: Callable[[str], None] = lambda _name: None  # a value was written
        self._background = background
        self._view = view
        self._found: tuple[Settings, tuple[str, ...], str] | None = None
        self._refused: dict[str, tuple[str, Error]] = {}  # by name: what was typed, and why it cannot be

    def refresh(self) -> None:
        """Read the file and the environment again."""

        def read(app: "App") -> tuple[Settings, tuple[str, ...], str]:
            found, problems = read_settings(app.paths)
            return found, tuple(problems), str(app.paths.settings)

        self._background.read(read, self._show_found)

    def search(self, query: str) -> None:
        """Only those whose name, title or help holds all words; looked for among all, also in the simple view."""
        self._show(replace(self.state, query=query))

    def show_all(self, is_shown: bool) -> None:
        """All settings, or the simple view."""
        self._show(replace(self.state, shows_all=is_shown))

    def set(self, name: str, entered: str) -> None:
        """Write a value. What cannot be stays in the row with the reason."""
        row = self.row(name)
        if row is not None and row.entered is None and row.source == "file" and entered == shown(row.value):
            return

        def write(app: "App") -> None:
            from rushlight.assistant.settings_file import set_setting

            set_setting(app.paths, name, entered)

        self._write(name, entered, write)

    def reset(self, name: str) -> None:
        """Take the value out of the file, so that the default holds."""

        def write(app: "App") -> None:
            from rushlight.assistant.settings_file import unset_setting

            unset_setting(app.paths, name)

        self._write(name, None, write)

    def discard(self, name: str) -> None:
        """Forget what was typed and cannot be."""
        if self._refused.pop(name, None) is not None:
            self._show(self.state)

    def row(self, name: str) -> SettingRow | None:
        """The row of that name, if it is shown."""
        return next((row for row in self.state.rows if row.name == name), None)

    # --- inside -------------------------------------------------------------------------------------------------
    def _write(self, name: str, entered: str | None, write: "Callable[[App], None]") -> None:
        def written(_done: None) -> None:
            self._refused.pop(name, None)
            self.refresh()
            self.on_changed(name)

        def refused(err: Error) -> None:
            if entered is None:
                self._background.on_error(err)
            else:
                self._refused[name] = (entered, err)
                self._show(self.state)

        self._background.read(write, written, refused)

    def _show_found(self, found: tuple[Settings, tuple[str, ...], str]) -> None:
        self._found = found
        self._show(replace(self.state, is_loading=False))

    def _show(self, state: SettingsState) -> None:
        if self._found is not None:
            settings, problems, path = self._found
            rows = [self._row(name, settings, problems) for name in SETTINGS]
            words = state.query.casefold().split()
            if words:
                visible = [row for row in rows if _matches(row, words)]
            elif state.shows_all:
                visible = rows
            else:
                by_name = {row.name: row for row in rows}
                visible = [by_name[name] for name in SIMPLE]
                # What is wrong must be seen, whatever the view.
                visible += [row for row in rows if row.problem and not row.is_simple]
            ours = {row.problem for row in rows}
            state = replace(
                state,
                rows=tuple(visible),
                n_hidden=0 if words or state.shows_all else len(rows) - len(visible),
                problems=tuple(problem for problem in problems if problem not in ours),
                path=path,
            )
        if state != self.state:
            self.state = state
            self._view.show(state)

    def _row(self, name: str, settings: Settings, problems: tuple[str, ...]) -> SettingRow:
        setting = SETTINGS[name]
        source, source_text = _source(setting, settings)
        hint = ""
        if source == "environment":
            hint = text("The environment sets it and wins over settings.toml.")
        row = SettingRow(
            name=name,
            section=name.partition(".")[0],
            title=title_of(name),
            text=text(setting.help),
            kind=_kind(setting),
            value=settings.value(name),
            default=setting.default,
            source=source,
            source_text=source_text,
            limits=None if setting.minimum is None else (setting.minimum, setting.maximum or 0),
            choices=setting.choices,
            is_simple=name in SIMPLE,
            problem=next((problem for problem in problems if f": {name} must be " in problem), ""),
            hint=hint,
        )
        if name in self._refused:
            entered, err = self._refused[name]
            row = replace(row, entered=entered, problem=err.message, hint=err.hint or "")
        return row


def shown(value: Value) -> str:
    """A value as it is typed."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def title_of(name: str) -> str:
    """The short name that people see. A setting without one has it made of its name."""
    titles = {
        "chat.system_prompt": text("System prompt"),
        "chat.model": text("Model"),
        "engine.context": text("Context"),
        "engine.batch": text("Batch"),
        "engine.threads": text("Processor threads"),
        "engine.gpu_layers": text("Layers on the graphics card"),
        "engine.kv_type": text("Number format of the context"),
        "engine.flash_attention": text("Flash attention"),
        "engine.keep_alive_s": text("Keep a model loaded"),
        "engine.queue": text("Waiting requests"),
        "jobs.at_once": text("Jobs at the same time"),
        "host.idle_s": text("End of the background process"),
        "engine.kv_ram_mib": text("Memory for resting conversations"),
        "memory.reserve_mib": text("Memory to leave free"),
        "memory.budget_mib": text("Most memory for models and jobs"),
        "memory.budget_percent": text("The same as a share of the memory"),
        "memory.card_budget_mib": text("Most graphics memory for models"),
        "download.endpoint": text("Download from"),
        "download.proxy": text("Proxy"),
        "models.search_folders": text("Folders with models"),
    }
    key = name.partition(".")[2]
    return titles.get(name) or key.replace("_", " ").capitalize()


def section_title(section: str) -> str:
    """The heading over the settings of a section."""
    titles = {
        "chat": text("Chat"),
        "engine": text("Engine"),
        "jobs": text("Jobs"),
        "host": text("Background process"),
        "memory": text("Memory"),
        "download": text("Downloads"),
        "models": text("Models"),
    }
    return titles.get(section) or section.capitalize()


def _kind(setting: Setting) -> SettingKind:
    if setting.name in _KINDS:
        return _KINDS[setting.name]
    if setting.choices:
        return "choice"
    match setting.type_name:
        case "flag":
            return "flag"
        case "number":
            return "number"
    return "text"


def _source(setting: Setting, settings: Settings) -> tuple[Source, str]:
    found = settings.source(setting.name)
    if found == "default":
        return "default", ""
    if found == setting.variable and setting.variable in os.environ:
        return "environment", found
    return "file", found


def _matches(row: SettingRow, words: list[str]) -> bool:
    heap = f"{row.name} {row.title} {row.text} {section_title(row.section)}".casefold()
    return all(word in heap for word in words)
