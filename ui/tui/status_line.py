"""The lowest line: model, adapter, context meter, speed and jobs; or, for some seconds, what just happened.

And the highest one: the pages and their keys. Draw values; know no desk.
"""

from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.actions import action
from rushlight.ui.desk.chat_view import ChatState
from rushlight.ui.desk.jobs_desk import JobsState
from rushlight.ui.tui.bars import meter
from rushlight.ui.tui.keys import key_text
from rushlight.ui.words import plural, text

_SAID_S = 6.0
PAGES = ("chat", "models", "jobs", "settings")


class StatusLine(Static):
    """`show_chat`, `show_jobs`, `tell`."""

    DEFAULT_CSS = """
    StatusLine { height: 1; padding: 0 1; background: $side; color: $muted; text-wrap: nowrap;
                 text-overflow: ellipsis; }
    """

    def __init__(self) -> None:
        super().__init__(id="status")
        self._chat = ChatState()
        self._jobs = JobsState()
        self._said: tuple[str, str] | None = None
        self._timer: Timer | None = None

    def show_chat(self, state: ChatState) -> None:
        self._chat = state
        self._draw()

    def show_jobs(self, state: JobsState) -> None:
        self._jobs = state
        self._draw()

    def tell(self, said: str, meaning: str) -> None:
        """For some seconds, in place of the rest."""
        self._said = (plain_line(said), meaning)
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(_SAID_S, self._end_said)
        self._draw()

    def _end_said(self) -> None:
        self._said = None
        self._draw()

    def on_mount(self) -> None:
        self._draw()

    def _draw(self) -> None:
        if self._said is not None:
            said, meaning = self._said
            colours = {"muted": "$foreground", "bad": "$bad", "good": "$good"}
            self.update(Content.assemble((said, colours.get(meaning, "$foreground"))))
            return
        state = self._chat
        parts: list[tuple[str, str]] = []
        parts.append((plain_line(state.model_label) or text("no model"), "$foreground"))
        if state.adapter:
            parts.append((f" ✦ {plain_line(state.adapter)}", "$accent"))
        if state.n_context_total:
            used = state.n_context_used
            share = (used or 0) / state.n_context_total
            parts.append((f"  {used:,}" if used is not None else "  ?", "$foreground"))
            parts.append((f" / {state.n_context_total:,} ", "$muted"))
            parts.append((meter(share, 10), "$bad" if share > 0.95 else "$accent"))
        if state.n_left_out:
            parts.append((f"  ▲ {plural('{count} left out', '{count} left out', state.n_left_out)}", "$warning"))
        if state.tokens_per_s:
            parts.append((f"  {rate_in_words(state.tokens_per_s)}", "$muted"))
        if self._jobs.n_running:
            running = next((one for one in self._jobs.rows if one.job.state == "running"), None)
            done = f" {running.fraction:.0%}" if running is not None and running.fraction is not None else ""
            parts.append((f"  ⚙ {plural('{count} job', '{count} jobs', self._jobs.n_running)}{done}", "$info"))
        self.update(Content.assemble(*parts))


def rate_in_words(tokens_per_s: float) -> str:
    """The speed of the reply that is being written."""
    return text("{rate} tok/s", rate=f"{tokens_per_s:.3g}")


class PageLine(Static):
    """The pages and their keys; the shown one in the accent."""

    DEFAULT_CSS = """
    PageLine { height: 1; padding: 0 1; background: $side; color: $muted; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def show_page(self, page_id: str) -> None:
        parts: list[tuple[str, str]] = [("▟ Rushlight   ", "bold $accent")]
        for one in PAGES:
            known = action(f"page.{one}")
            style = "bold $accent" if one == page_id else "$muted"
            parts.append((f"{key_text(known.terminal_keys[0])} {known.title}   ", style))
        for other, short in (("app.palette", text("Search")), ("app.shortcuts", text("Keys"))):
            parts.append((f"{key_text(action(other).terminal_keys[0])} {short}   ", "$muted"))
        self.update(Content.assemble(*parts))
