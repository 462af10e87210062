"""What a page may ask of the terminal app it is shown in."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rushlight.ui.desk.background import Background
    from rushlight.ui.desk.conversation_list import ConversationList
    from rushlight.ui.desk.jobs_desk import JobsDesk
    from rushlight.ui.desk.models_desk import ModelsDesk
    from rushlight.ui.desk.remembered import Remembered
    from rushlight.ui.tui.panel import Panel


class Frame(Protocol):
    """The app, as pages see it. For the app's thread."""

    background: "Background"
    remembered: "Remembered"
    conversations: "ConversationList"
    models: "ModelsDesk"
    jobs: "JobsDesk"

    def ask(self, panel: "Panel") -> None:
        """Show a panel below the page; another one that was there is closed."""

    def ask_later(self, panel: "Panel") -> None:
        """A panel that comes by itself, when work is done: it waits while somebody writes in another one."""

    def tell(self, said: str, meaning: str = "muted") -> None:
        """A line at the bottom for some seconds."""

    def do(self, action_id: str) -> None:
        """What a key or the palette would do."""

    def knows(self, action_id: str) -> bool:
        """Whether the terminal app can do that at all."""

    def show_page(self, page_id: str) -> None:
        """chat, models, jobs or settings."""

    def open_conversation(self, conversation_id: str | None, message_id: str | None = None) -> None:
        """Show it in the chat page; None is a new chat."""

    def widen_side(self, cells: int) -> None:
        """The list at the left takes so many cells more, or less."""

    def go_to_setting(self, name: str) -> None:
        """The settings page, at that setting."""

    def choose_model(self, model_id: str) -> None:
        """It answers in the shown chat from now on."""

    def compare_blind(self, adapter: str) -> None:
        """A new chat in which that adapter is compared with what answers without it."""

    def ask_database(self, question: str, paths: Sequence[str]) -> None:
        """The SQL page answers it: of these files, or of those that were open last."""

    def copy(self, copied: str, what: str) -> None:
        """To the clipboard of the terminal, and say so."""
