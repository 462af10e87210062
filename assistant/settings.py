"""The settings: their names, types, limits and help, and where each value comes from.

A value comes from the first of: an option of this call, the environment (RUSHLIGHT_SECTION_NAME), settings.toml,
the default; each knows which. Everything wrong with them is reported at once, with file and line. Reading never
writes; `settings_file.py` writes.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from rushlight import Error
from rushlight.assistant.paths import Paths

Value: TypeAlias = str | int | bool

_MAX_TEXT = 64 * 1024
_FLAGS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known of one setting. The type is the default's: text, whole number or flag."""

    name: str  # section.name
    default: Value
    help: str
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()  # a text that is not empty begins with one of these

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return "RUSHLIGHT_" + self.name.replace(".", "_").upper()

    @property
    def type_name(self) -> str:
        if isinstance(self.default, bool):
            return "flag"
        return "number" if isinstance(self.default, int) else "text"

    @property
    def expects(self) -> str:
        """What a value must be, for messages and help."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if isinstance(self.default, bool):
            return "true or false"
        if isinstance(self.default, int):
            return f"a whole number from {self.minimum} to {self.maximum}"
        if self.prefixes:
            return "empty or begin with " + " or ".join(self.prefixes)
        return f"text of at most {_MAX_TEXT} characters"

    def accept(self, value: object) -> Value:
        """`value` in this setting's type. Text is read as a person would write it. Raises ValueError."""
        if isinstance(self.default, bool):
            return _as_flag(value)
        if isinstance(self.default, int):
            number = _as_number(value)
            if not (self.minimum or 0) <= number <= (self.maximum or 0):
                raise ValueError
            return number
        if not isinstance(value, str) or len(value) > _MAX_TEXT or "\0" in value:
            raise ValueError
        value.encode()  # a lone surrogate (an environment that is not UTF-8) is a UnicodeError, a ValueError
        if self.choices and value not in self.choices:
            raise ValueError
        if value and self.prefixes and not value.startswith(self.prefixes):
            raise ValueError
        return value


def _as_flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _FLAGS:
        return _FLAGS[value.strip().lower()]
    raise ValueError


def _as_number(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        return int(value)
    raise ValueError


_WEEK_S = 7 * 24 * 3600
SETTINGS: dict[str, Setting] = {
    setting.name: setting
    for setting in (
        Setting("chat.system_prompt", "You are a helpful assistant.",
                "What the model is told before every conversation; empty: nothing."),
        Setting("chat.model", "", "The model that answers where none is named; empty: the catalogue's default."),
        Setting("engine.context", 8192,
                "Tokens of context, at most what the model was trained for; 0: the model's own.", 0, 16_777_216),
        Setting("engine.batch", 512, "Most tokens that the engine reads in one step.", 1, 16_384),
        Setting("engine.threads", 0, "Processor threads of the engine; 0: one per physical core.", 0, 1024),
        Setting("engine.gpu_layers", -1, "Layers on the graphics card; -1: as many as fit.", -1, 10_000),
        Setting("engine.kv_type", "f16", "Number format of the context memory; q8_0 halves it, q4_0 quarters it.",
                choices=("f16", "q8_0", "q4_0")),
        Setting("engine.flash_attention", "auto", "Flash attention; the quantized context memory needs it.",
                choices=("auto", "on", "off")),
        Setting("engine.keep_alive_s", 300,
                "Seconds that a model stays loaded after its last use; -1: until the host ends.", -1, _WEEK_S),
        Setting("engine.slots", 4, "Answers that one model writes at the same time; they share the context.", 1, 64),
        Setting("engine.draft_model", "",
                "A smaller model of the same vocabulary that guesses ahead for the one that answers; empty: none."),
        Setting("engine.ngram_tokens", 0,
                "Tokens of past replies kept for each model as guesses for new ones; 0: none, and they are forgotten.",
                0, 4_194_304),
        Setting("engine.kv_disk_mib", 0,
                "Room on disk (MiB) for what models remember of conversations after they are unloaded; 0: none.",
                0, 1_048_576),
        Setting("engine.kv_ram_mib", 512,
                "Memory (MiB) for what a loaded model remembers of resting conversations; less where room is short.",
                0, 1_048_576),
        Setting("engine.queue", 8, "Requests that may wait for one model; further ones are refused.", 0, 1024),
        Setting("jobs.at_once", 2, "Background jobs that run at the same time; the others wait.", 1, 64),
        Setting("train.only_when_idle", False,
                "Whether training waits while other programs use more than a quarter of the processors."),
        Setting("train.only_on_mains", False, "Whether training waits while the machine runs on its battery."),
        Setting("host.idle_s", 20, "Seconds after which the background process ends when nothing uses it.", 0, _WEEK_S),
        Setting("engine.allow_remote", False,
                "Whether models on other machines may be asked: what is written to them leaves this machine."),
        Setting("engine.remote_wait_s", 300, "Seconds without a word after which a remote model is given up.",
                1, 86_400),
        Setting("memory.reserve_mib", 512, "Memory (MiB) that a model must leave free to be loaded.", 0, 1_048_576),
        Setting("memory.budget_mib", 0,
                "Most memory (MiB) for all loaded models and jobs together; 0: whatever is free.", 0, 16_777_216),
        Setting("memory.budget_percent", 0,
                "The same as a share (percent) of the machine's memory; 0: no limit. The smaller one holds.", 0, 100),
        Setting("memory.card_budget_mib", 0,
                "Most graphics memory (MiB) for all loaded models together; 0: whatever is free.", 0, 16_777_216),
        Setting("server.port", 11811, "Port of `rushlight serve`.", 0, 65_535),
        Setting("server.queue", 8, "Requests that may wait in the server for one model; further ones are refused.",
                0, 1024),
        Setting("server.names", "", "More host names under which the server is reached, separated by spaces."),
        Setting("server.origins", "", "Web pages (https://example.org) that may speak with the server; empty: none."),
        Setting("download.endpoint", "https://huggingface.co", "Where models are downloaded from when you ask.",
                prefixes=("https://", "http://")),
        Setting("download.proxy", "", "Proxy for downloads; empty: none.",
                prefixes=("http://", "https://", "socks5://", "socks5h://")),
        Setting("models.search_folders", "",
                "More folders to look for GGUF files in, separated as in PATH."),
    )
}  # fmt: skip
_SECTIONS = frozenset(name.partition(".")[0] for name in SETTINGS)


class Settings:
    """The values of one start of the program. Immutable."""

    __slots__ = ("_sources", "_values")

    def __init__(self, values: Mapping[str, Value], sources: Mapping[str, str]) -> None:
        self._values = {name: values.get(name, setting.default) for name, setting in SETTINGS.items()}
        self._sources = dict(sources)

    def value(self, name: str) -> Value:
        return self._values[find_setting(name).name]

    def text(self, name: str) -> str:
        value = self._values[name]
        assert isinstance(value, str), name
        return value

    def number(self, name: str) -> int:
        value = self._values[name]
        assert isinstance(value, int) and not isinstance(value, bool), name
        return value

    def flag(self, name: str) -> bool:
        value = self._values[name]
        assert isinstance(value, bool), name
        return value

    def source(self, name: str) -> str:
        """Where the value came from: "default", "settings.toml line 3", "RUSHLIGHT_ENGINE_CONTEXT" or "option"."""
        return self._sources.get(find_setting(name).name, "default")

    def changed(self, overrides: Mapping[str, object]) -> "Settings":
        """These settings with some of them given as options. Raises one `Error` for all that is wrong."""
        values, sources = dict(self._values), dict(self._sources)
        problems: list[str] = []
        _read_options(overrides, values, sources, problems)
        if problems:
            raise problems_error(problems)
        return Settings(values, sources)


def find_setting(name: str) -> Setting:
    """The setting of that name, or an `Error` with the nearest one."""
    setting = SETTINGS.get(name)
    if setting is None:
        raise Error(
            f"There is no setting named {name!r}.",
            hint=_nearest(name, SETTINGS) or "The names are listed by: rushlight settings list",
            kind="unknown-setting",
        )
    return setting


def load_settings(paths: Paths, overrides: Mapping[str, object] | None = None) -> Settings:
    """The settings of this start. Raises one `Error` (kind "bad-settings") that names all problems."""
    settings, problems = read_settings(paths, overrides)
    if problems:
        raise problems_error(problems)
    return settings


def problems_error(problems: list[str]) -> Error:
    """One error for all that is wrong with the settings."""
    if len(problems) == 1:
        message = f"The settings cannot be used: {problems[0]}"
    else:
        message = f"The settings cannot be used; {len(problems)} problems:\n" + "\n".join(f"  {p}" for p in problems)
    return Error(
        message, hint="Correct it in an editor, or with: rushlight settings set NAME VALUE", kind="bad-settings"
    )


def read_settings(paths: Paths, overrides: Mapping[str, object] | None = None) -> tuple[Settings, list[str]]:
    """The settings as far as they can be read, and a sentence for each problem. Never raises for what people wrote.

    For faces that must start in any case (a settings page, `doctor`); whoever runs models uses `load_settings`.
    """
    values: dict[str, Value] = {}
    sources: dict[str, str] = {}
    problems: list[str] = []
    _read_file(paths, values, sources, problems)
    _read_environment(values, sources, problems)
    _read_options(overrides or {}, values, sources, problems)
    return Settings(values, sources), problems


def _read_file(paths: Paths, values: dict[str, Value], sources: dict[str, str], problems: list[str]) -> None:
    try:
        raw = paths.settings.read_bytes()
    except FileNotFoundError:
        return
    except OSError as err:
        problems.append(f"{paths.settings} cannot be read: {err.strerror or err}.")
        return
    # Only here: most people have no settings.toml, and its reader costs 8 ms of the first second.
    from rushlight.assistant.settings_file import key_lines, parse

    try:
        text, tables = parse(raw, paths.settings)
    except Error as err:
        problems.append(err.message)
        return
    lines = key_lines(text)
    for name, given in _flatten(tables):
        line = lines.get(name)
        where = f"{paths.settings} line {line}" if line else str(paths.settings)
        source = f"settings.toml line {line}" if line else "settings.toml"
        setting = SETTINGS.get(name)
        if setting is None:
            problems.append(f"{where}: there is no setting named {name!r}. {_nearest(name, SETTINGS)}".rstrip())
        else:
            _take(setting, given, where, source, values, sources, problems)


def _flatten(tables: Mapping[str, Any]) -> list[tuple[str, object]]:
    """section.name and value of every entry; a name outside a section stays as it is."""
    entries: list[tuple[str, object]] = []
    for section, content in tables.items():
        if isinstance(content, dict):
            entries += [(f"{section}.{name}", value) for name, value in content.items()]
        else:
            entries.append((section, content))
    return entries


def _read_environment(values: dict[str, Value], sources: dict[str, str], problems: list[str]) -> None:
    by_variable = {setting.variable: setting for setting in SETTINGS.values()}
    for variable, given in os.environ.items():
        if not variable.startswith("RUSHLIGHT_"):
            continue
        setting = by_variable.get(variable)
        if setting is not None:
            _take(setting, given, f"the environment variable {variable}", variable, values, sources, problems)
        elif variable.split("_")[1].lower() in _SECTIONS:
            near = _nearest(variable, by_variable)
            problems.append(f"the environment variable {variable} sets nothing. {near}".rstrip())


def _read_options(
    overrides: Mapping[str, object], values: dict[str, Value], sources: dict[str, str], problems: list[str]
) -> None:
    for name, given in overrides.items():
        setting = SETTINGS.get(name)
        if setting is None:
            problems.append(f"there is no setting named {name!r}. {_nearest(name, SETTINGS)}".rstrip())
        else:
            _take(setting, given, "option", "option", values, sources, problems)


def _take(
    setting: Setting,
    given: object,
    where: str,
    source: str,
    values: dict[str, Value],
    sources: dict[str, str],
    problems: list[str],
) -> None:
    try:
        values[setting.name] = setting.accept(given)
        sources[setting.name] = source
    except ValueError:
        problems.append(f"{where}: {setting.name} must be {setting.expects}, not {_shown(given)}.")


def _shown(value: object) -> str:
    shown = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return shown if len(shown) <= 80 else shown[:77] + "..."


def _nearest(name: str, names: Mapping[str, object]) -> str:
    """“Did you mean …?” or nothing."""
    import difflib  # 6 ms, wanted only when something is wrong

    near = difflib.get_close_matches(name, list(names), n=1)
    if not near:  # the right name without its section
        near = [known for known in names if known.partition(".")[2] == name][:1]
    return f"Did you mean {near[0]}?" if near else ""
