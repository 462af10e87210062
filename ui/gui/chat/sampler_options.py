"""The options of an answer that the sampler panel shows: their words, limits, steps, and what holds without them.

Names and limits are those of `ask -o`; the defaults are the model's, over greedy decoding, over the settings.
Knows no widget.
"""

from dataclasses import dataclass

from rushlight import Error
from rushlight.assistant.app import App
from rushlight.assistant.engine.request import GenerateRequest, Sampling
from rushlight.assistant.models.sampling_defaults import BOUNDS
from rushlight.assistant.settings import SETTINGS
from rushlight.ui.words import text


@dataclass(frozen=True, slots=True)
class Option:
    """One row of the panel. `decimals` 0: a whole number. `off` is what the least value means, in a word."""

    name: str
    title: str
    meaning: str
    least: float
    most: float
    step: float
    decimals: int
    default: float
    off: str = ""

    def value(self, given: str | None) -> float:
        """The number of an option as it is stored, within the limits; the default where there is none."""
        try:
            number = float(given) if given is not None else self.default
        except ValueError:
            number = self.default
        return min(max(number, self.least), self.most)

    def written(self, number: float) -> str:
        """As it is stored: the text that `ask -o` takes."""
        return (
            str(round(number)) if self.decimals == 0 else f"{number:.{self.decimals}f}".rstrip("0").rstrip(".") or "0"
        )


def options(defaults: dict[str, float]) -> tuple[Option, ...]:
    """The rows, in the order in which they are shown. `defaults` are `defaults_of` the model."""

    def row(
        name: str, title: str, meaning: str, step: float, decimals: int, most: float | None = None, off: str = ""
    ) -> Option:
        _, least, limit = BOUNDS[name]
        most = limit if most is None else most
        return Option(name, title, meaning, least, most, step, decimals, defaults.get(name, 0.0), off)

    least_context, most_context = SETTINGS["engine.context"].minimum or 0, SETTINGS["engine.context"].maximum or 0
    return (
        row("temperature", text("Temperature"), text("0 is always the likeliest word; higher is more varied."), 0.05,
            2),
        row("top_p", text("Top P"), text("Only the likeliest words that reach this share together."), 0.01, 2),
        row("top_k", text("Top K"), text("Only this many of the likeliest words."), 1, 0, 1000, text("off")),
        row("min_p", text("Min P"), text("Only words at least this likely beside the likeliest."), 0.01, 2),
        row("repeat_penalty", text("Repeat penalty"), text("Above 1, words said lately become less likely."), 0.01, 2),
        row("seed", text("Seed"), text("The same seed gives the same answer."), 1, 0, 2**31 - 1, text("new each time")),
        Option(
            "max_tokens", text("Longest answer"), text("Tokens after which an answer is cut."),
            -1, 2**31 - 1, 64, 0, defaults.get("max_tokens", -1), text("no limit"),
        ),
        Option(
            "context", text("Context"), text("Tokens the model keeps in view; a change loads it anew."),
            least_context, most_context, 1024, 0, defaults.get("context", least_context), text("as trained"),
        ),
    )  # fmt: skip


def defaults_of(app: App, model_id: str) -> dict[str, float]:
    """What holds where the conversation says nothing: by option. A model that is gone leaves the general ones."""
    plain = Sampling()
    found: dict[str, float] = {name: getattr(plain, name) for name in BOUNDS}
    found["max_tokens"] = GenerateRequest().max_tokens
    found["context"] = app.settings.number("engine.context")
    try:
        model = app.model(model_id)
    except Error:
        return found
    found.update(model.sampling)
    trained = model.n_ctx_train
    if trained and found["context"]:
        found["context"] = min(found["context"], trained)
    return found
