"""Makes a page of the terminal app when it is first shown; what it needs is imported then. Chat is always there."""

from typing import TYPE_CHECKING

from textual.widget import Widget

if TYPE_CHECKING:
    from rushlight.ui.tui.application import RushlightTerminal


def make_page(app: "RushlightTerminal", page_id: str) -> Widget:
    """The page of that id; one that no page has is that of the settings."""
    match page_id:
        case "models":
            from rushlight.ui.tui.models_page import ModelsPage

            models = ModelsPage(app)
            app.call_after_refresh(lambda: models.show(app.models.state))
            return models
        case "quantize":
            from rushlight.ui.tui.quantize_page import QuantizePage

            return QuantizePage(app)
        case "sql":
            from rushlight.ui.tui.sql_page import SqlPage

            return SqlPage(app)
        case "learn":
            from rushlight.ui.tui.learn_page import LearnPage

            return LearnPage(app)
        case "server":
            from rushlight.ui.tui.server_page import ServerPage

            return ServerPage(app)
        case "jobs":
            from rushlight.ui.tui.jobs_page import JobsPage

            jobs = JobsPage(app)
            app.call_after_refresh(lambda: jobs.show(app.jobs.state))
            return jobs
        case "first-run":
            from rushlight.ui.tui.first_run_page import FirstRunPage

            first = FirstRunPage(app)
            first.desk.on_done = app.first_model
            app.call_after_refresh(first.desk.look)
            return first
        case _:
            from rushlight.ui.tui.settings_page import SettingsPage

            settings = SettingsPage(app)
            settings.desk.on_changed = lambda _name: app.models_changed()
            return settings
