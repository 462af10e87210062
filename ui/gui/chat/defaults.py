"""What holds in a chat that says nothing of its own: sampler defaults, system prompt, presets. Read in the background.

Knows the app; knows no widget.
"""

from dataclasses import dataclass, field

from rushlight.assistant.app import App
from rushlight.ui.gui.chat.sampler_options import defaults_of


@dataclass(frozen=True, slots=True)
class Defaults:
    """For the sampler panel."""

    options: dict[str, float] = field(default_factory=dict)
    system: str = ""
    presets: tuple[str, ...] = ()


def read_defaults(app: App, model_id: str) -> Defaults:
    """Of that model, under the settings of now."""
    return Defaults(
        defaults_of(app, model_id),
        app.settings.text("chat.system_prompt"),
        tuple(one.name for one in app.presets.list()),
    )
