"""The pages of the window; importing this registers them. What a page needs is imported when it is first shown."""

from typing import TYPE_CHECKING

from rushlight.ui.gui.page import PageInfo, register
from rushlight.ui.words import text

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from rushlight.ui.gui.page import Frame


def _chat(frame: "Frame") -> "QWidget":
    from rushlight.ui.gui.chat.page import make_chat_page

    return make_chat_page(frame)


def _sql(frame: "Frame") -> "QWidget":
    from rushlight.ui.gui.pages.sql import SqlPage

    return SqlPage(frame)


def _learn(frame: "Frame") -> "QWidget":
    from rushlight.ui.gui.pages.learn import LearnPage

    return LearnPage(frame)


def _models(frame: "Frame") -> "QWidget":
    from rushlight.ui.gui.pages.models import ModelsPage

    return ModelsPage(frame)


def _quantize(frame: "Frame") -> "QWidget":
    from rushlight.ui.gui.pages.quantize import QuantizePage

    return QuantizePage(frame)


def _server(frame: "Frame") -> "QWidget":
    from rushlight.ui.gui.pages.server import ServerPage

    return ServerPage(frame)


def _jobs(frame: "Frame") -> "QWidget":
    from rushlight.ui.gui.pages.jobs import JobsPage

    return JobsPage(frame)


def _settings(frame: "Frame") -> "QWidget":
    from rushlight.ui.gui.pages.settings import SettingsPage

    return SettingsPage(frame)


def _first_run(frame: "Frame") -> "QWidget":
    from rushlight.ui.gui.pages.first_run import FirstRunPage

    return FirstRunPage(frame)


def register_all() -> None:
    """Their titles are words of the user's language, so this is called again where the language has changed."""
    register(PageInfo("chat", text("Chat"), "message-square", "top", 10, _chat, has_conversations=True))
    register(PageInfo("sql", text("SQL"), "database", "top", 40, _sql))
    register(PageInfo("learn", text("Learn"), "flame", "top", 50, _learn))
    register(PageInfo("models", text("Models"), "box", "top", 60, _models))
    register(PageInfo("quantize", text("Quantize"), "layers", "hidden", 61, _quantize, under="models"))
    register(PageInfo("server", text("Server"), "hard-drive", "hidden", 63, _server, under="models"))
    register(PageInfo("jobs", text("Jobs"), "align-left", "bottom", 10, _jobs))
    register(PageInfo("settings", text("Settings"), "settings", "bottom", 20, _settings))
    register(PageInfo("first-run", text("Welcome"), "sparkles", "hidden", 10, _first_run))


register_all()
