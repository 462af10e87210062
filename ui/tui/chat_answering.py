"""Who answers in a chat, and how: the panels for model, sampler, system prompt and presets."""

from typing import TYPE_CHECKING

from rushlight.ui.tui.panel import ChoicePanel, LinePanel, TextPanel
from rushlight.ui.tui.row_list import row
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.ui.desk.chat_desk import ChatDesk
    from rushlight.ui.tui.frame import Frame


class ChatAnswering:
    """For one chat desk."""

    def __init__(self, frame: "Frame", desk: "ChatDesk") -> None:
        self.frame = frame
        self.desk = desk

    def choose_model(self) -> None:
        """Another model, from the next answer on."""
        from rushlight.ui.tui.model_rows import model_rows

        rows = model_rows([one for one in self.frame.models.state.rows if one.purpose == "chat"], self.desk.state.model)
        if not rows:
            self.frame.tell(text("There is no model yet: F2 shows how to get one."), "bad")
            return
        self.frame.models.refresh()
        panel = ChoicePanel(
            text("Which model answers from now on?"), rows, self.desk.set_model, choose=self.desk.state.model
        )
        self.frame.ask(panel)

    def sampler(self) -> None:
        """Options of sampler and engine."""
        from rushlight.ui.tui.sampler_panel import sampler_panel

        self.frame.ask(sampler_panel(self.frame, self.desk, self.presets, self.save_preset))

    def system(self) -> None:
        """What the model is told first. Another chat may be shown by the time it is written."""
        of = self.desk.state.conversation_id
        panel = TextPanel(
            text("What the model is told before the chat begins"),
            lambda written: self.desk.set_system(written if written.strip() else None, of),
            value=self.desk.state.system or "",
            hint=text("Ctrl+S: done · Esc: leave. Empty: the one of the settings."),
        )
        self.frame.ask(panel)

    def presets(self) -> None:
        """Use one of the presets."""

        def found(names: list[str]) -> None:
            if not names:
                self.frame.tell(text("There is no preset yet: /save-preset NAME makes one."))
                return
            panel = ChoicePanel(text("Use which preset?"), [row(one, one) for one in names], self.desk.use_preset)
            self.frame.ask_later(panel)

        self.frame.background.read(lambda app: [one.name for one in app.presets.list()], found)

    def save_preset(self) -> None:
        """Keep what holds now under a name."""
        panel = LinePanel(text("Keep system prompt and options under which name?"), self.desk.save_preset)
        self.frame.ask(panel)
