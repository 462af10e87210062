"""How one model is loaded unless told otherwise: options that stand for settings. Knows names and limits."""

from collections.abc import Mapping

from rushlight import Error
from rushlight.assistant.settings import Value, find_setting

# Option -> the setting in whose place it holds for this model.
OPTIONS: dict[str, str] = {
    "context": "engine.context",
    "batch": "engine.batch",
    "threads": "engine.threads",
    "gpu_layers": "engine.gpu_layers",
    "kv_type": "engine.kv_type",
    "flash_attention": "engine.flash_attention",
    "keep_alive_s": "engine.keep_alive_s",
    "slots": "engine.slots",
    "kv_ram_mib": "engine.kv_ram_mib",
}


def parse(name: str, text: str) -> Value:
    """The value of a user's `name=text`. Raises `Error` naming what it must be, or the nearest option."""
    if name not in OPTIONS:
        import difflib

        near = difflib.get_close_matches(name, OPTIONS, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Options: {', '.join(OPTIONS)}."
        raise Error(f"There is no load option {name[:80]!r}.", hint=hint, kind="bad-option")
    setting = find_setting(OPTIONS[name])
    try:
        return setting.accept(text.strip())
    except ValueError:
        raise Error(
            f"The load option {name} must be {setting.expects}, not {text[:80]!r}.", kind="bad-option"
        ) from None


def as_settings(options: Mapping[str, str]) -> dict[str, object]:
    """The settings that a model's options stand for. Options of a newer version are passed over."""
    return {OPTIONS[name]: value for name, value in options.items() if name in OPTIONS}
