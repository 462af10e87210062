"""What the user can do anywhere in the terminal app: go, search, look otherwise, file, leave."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rushlight.ui.desk.actions import action
from rushlight.ui.tui.panel import LinePanel, path_panel
from rushlight.ui.words import text

if TYPE_CHECKING:
    from textual.widget import Widget

    from rushlight.ui.tui.application import RushlightTerminal

KNOWN = {
    "chat.next", "chat.previous", "view.sidebar", "view.theme", "folder.new", "conversations.import",
    "conversations.trash", "app.palette", "app.search", "app.shortcuts", "app.quit",
}  # fmt: skip


class AppDeeds:
    """Actions that belong to no page."""

    def __init__(self, app: "RushlightTerminal") -> None:
        self._app = app

    def do(self, action_id: str) -> None:
        """One of `KNOWN`; of others it says that a terminal has no such thing."""
        match action_id:
            case "chat.next" | "chat.previous":
                step = 1 if action_id == "chat.next" else -1
                wanted = self._app.conversations.neighbour(self._app.chat.state.conversation_id, step)
                if wanted is not None:
                    self._app.open_conversation(wanted)
            case "view.sidebar":
                self._app.toggle_side()
            case "view.theme":
                is_dark = self._app.theme == "rushlight-dark"
                self._app.theme = "rushlight-light" if is_dark else "rushlight-dark"
                self._app.remembered.set("theme", "light" if is_dark else "dark")
            case "folder.new":
                self._app.ask(LinePanel(text("The name of the new folder"), self._app.conversations.create_folder))
            case "conversations.import":
                self._ask_import()
            case "conversations.trash":
                self._app.side.display = True
                self._app.conversations.show_trash(not self._app.conversations.state.is_trash)
                self._app.side.take_focus()
            case "app.palette":
                from rushlight.ui.desk.finder import Finder
                from rushlight.ui.tui.palette import Palette

                self._app.ask(Palette(self._app, Finder(self._app.background)))
            case "app.search":
                self._app.side.display = True
                self._app.side.focus_search()
            case "app.shortcuts":
                from rushlight.ui.tui.palette import help_panel

                self._app.ask(help_panel(self._app))
            case "app.quit":
                self._app.exit()
            case _:
                self._app.tell(text("The terminal app has no such thing: {title}.", title=action(action_id).title))

    def go_to_setting(self, page: "Widget", name: str) -> None:
        """On the settings page, which is shown."""
        from rushlight.ui.tui.settings_page import SettingsPage

        if isinstance(page, SettingsPage):
            self._app.background.read(lambda _app: None, lambda _done: page.go_to(name))

    def ask_database(self, page: "Widget", question: str, paths: Sequence[str]) -> None:
        """On the SQL page, which is shown."""
        from rushlight.ui.tui.sql_page import SqlPage

        if isinstance(page, SqlPage):
            page.desk.ask_of(question, paths)

    def _ask_import(self) -> None:
        panel = path_panel(
            text("Take in the conversations of which file?"),
            self._app.conversations.import_file,
            hint=text("An export of ChatGPT, Open WebUI, ShareGPT or Rushlight · Enter · Esc"),
        )
        self._app.ask(panel)
