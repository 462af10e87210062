"""The terminal app: its frame, its pages, its keys, and the desks behind them.

One Textual app on one thread; everything that takes time goes through `Background`. Knows all of this folder.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.filter import LineFilter
from textual.widget import Widget

from rushlight import Error
from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.actions import action
from rushlight.ui.desk.background import Background
from rushlight.ui.desk.chat_desk import ChatDesk
from rushlight.ui.desk.conversation_list import ConversationList
from rushlight.ui.desk.jobs_desk import JobsDesk, JobsState
from rushlight.ui.desk.models_desk import ModelsDesk
from rushlight.ui.desk.remembered import Remembered
from rushlight.ui.desk.tokens import DARK, LIGHT
from rushlight.ui.tui.app_deeds import KNOWN, AppDeeds
from rushlight.ui.tui.bindings import bindings
from rushlight.ui.tui.chat_deeds import ChatDeeds
from rushlight.ui.tui.chat_page import ChatPage
from rushlight.ui.tui.crossing import Crossing, Delivered
from rushlight.ui.tui.desk_views import Later
from rushlight.ui.tui.gate import Gate
from rushlight.ui.tui.look import theme_of
from rushlight.ui.tui.page_making import make_page
from rushlight.ui.tui.panel import Panel, TextPanel
from rushlight.ui.tui.side_list import SideList
from rushlight.ui.tui.status_line import PageLine, StatusLine
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.app import App as Assistant
    from rushlight.assistant.jobs.job import Job
    from rushlight.assistant.paths import Paths
    from rushlight.ui.desk.chat_view import ChatState
    from rushlight.ui.desk.model_values import ModelsState

_NARROW = 100  # columns; below, the list at the left shows only when asked for
_ROOMY = 30  # lines; from there on, lines and gaps are not spared
_REFRESH_S = 4.0
_WITH_ORDERS = ("models", "quantize", "server", "jobs", "sql", "learn")  # pages that do actions of their own name
_LEAST_SIDE, _MOST_SIDE = 20, 60  # cells


class RushlightTerminal(App[None]):
    """`open_app` opens an assistant for each thread that needs one."""

    CSS = """
    Screen { background: $background; color: $foreground; layers: base; }
    #body { height: 1fr; }
    #main { width: 1fr; background: $background; }
    #pages { height: 1fr; }
    .-roomy #head { height: 2; border-bottom: solid $line; }
    .-roomy #input-line { margin: 0 1 1 1; }
    """
    ENABLE_COMMAND_PALETTE = False
    TITLE = "Rushlight"
    AUTO_FOCUS = "#composer"  # else the first keys of somebody quick would go into the search of the side column
    BINDINGS: ClassVar[list[BindingType]] = bindings()

    def __init__(self, open_app: "Callable[[], Assistant]", paths: "Paths", conversation_id: str = "") -> None:
        super().__init__()
        self.remembered = Remembered(paths.data / "terminal.json")
        self.crash: Exception | None = None  # what ended the app, if it was no user
        self._wanted_conversation = conversation_id
        self._crossing = Crossing(self)
        self._gate = Gate()
        self.background = Background(open_app, self._crossing.deliver)
        self.background.on_error = self._show_error
        self._pages: dict[str, Widget] = {}
        self._page = "chat"
        self._panel: Panel | None = None
        self._covered_panels: list[Panel] = []  # half written when another one was opened; the last comes back first
        self._waiting_panels: list[Panel] = []
        self._side_wanted = True
        self._is_wide = True
        self._chat_page = ChatPage(id="chat")
        self._status = StatusLine()
        self._page_line = PageLine(id="page-line")
        self._pages_box = Vertical(id="pages")
        self._main = Vertical(id="main")
        self.conversations: ConversationList
        self.models: ModelsDesk
        self.jobs: JobsDesk
        self.chat: ChatDesk
        self.deeds: ChatDeeds
        self.side: SideList
        for tokens in (DARK, LIGHT):
            self.register_theme(theme_of(tokens))
        self.theme = "rushlight-light" if self.remembered.get("theme", "dark") == "light" else "rushlight-dark"

    # --- beginning and end --------------------------------------------------------------------------------------
    def compose(self) -> ComposeResult:
        self._make_desks()
        yield self._page_line
        with Horizontal(id="body"):
            yield self.side
            with self._main, self._pages_box:
                yield self._chat_page
        yield self._status

    def _make_desks(self) -> None:
        self.conversations = ConversationList(
            self.background, Later(lambda state: self.side.show(state)), self.remembered
        )
        self.models = ModelsDesk(self.background, Later(self.show_models))
        self.jobs = JobsDesk(self.background, Later(self.show_jobs))
        self.side = SideList(self)
        self.chat = ChatDesk(self.background, self._chat_page)
        self.deeds = _Deeds(self, self._chat_page, self.chat)
        self._chat_page.deeds = self.deeds
        self._chat_page.background = self.background
        self.chat.on_opened = self._opened
        self.chat.on_list_changed = self.conversations.refresh
        self.conversations.on_gone = self._gone
        self.models.on_job = self._job_started
        self.conversations.on_job = self._job_started
        self.jobs.on_finished = self._job_finished

    def on_mount(self) -> None:
        self._pages["chat"] = self._chat_page
        self._page_line.show_page("chat")
        self._side_wanted = self.remembered.get("sidebar_shown", True)
        self.widen_side(0)
        self._is_wide = self.size.width >= _NARROW
        self.side.display = self._side_wanted and self._is_wide
        self.models.on_changed = self.models_changed
        wanted = self._wanted_conversation or self.remembered.get("conversation", "")
        self.chat.open(wanted or None)
        self.conversations.refresh()
        self.show_page("chat")
        self.background.read(_has_model, self._first_look)
        self.set_interval(_REFRESH_S, self._refresh_models)

    def on_key(self, event: events.Key) -> None:
        """What somebody quick types before anything has the focus belongs to the composer."""
        composer = self._chat_page.composer
        if self.focused is None and self._page == "chat" and event.is_printable and event.character:
            event.stop()
            composer.insert(event.character)
            composer.focus()

    def _first_look(self, has_model: bool) -> None:
        if not has_model:
            self.show_page("first-run")
        self.models.refresh()
        self.jobs.refresh()

    def finish(self) -> None:
        """Keep the draft and end the threads. After the app has run."""
        if hasattr(self, "chat"):
            self.chat.close()
            self.conversations.close()
            self.jobs.close()
            self.models.close()
        self.background.close()

    async def action_quit(self) -> None:
        self.exit()

    def _handle_exception(self, error: Exception) -> None:
        """A bug: the app ends without a traceback over the screen; `main` says what happened and begins again."""
        self.crash = self.crash or error
        if self.is_headless:
            super()._handle_exception(error)
            return
        self._return_code = 1
        self._close_messages_no_wait()

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self._gate]

    # --- the one crossing ---------------------------------------------------------------------------------------
    @on(Delivered)
    def _run_delivered(self, message: Delivered) -> None:
        message.stop()
        if self.is_running and self.screen_stack:
            message.call()

    # --- what pages may ask -------------------------------------------------------------------------------------
    def ask(self, panel: Panel) -> None:
        before, self._panel = self._panel, panel
        if before is not None and before.is_attached:
            if before.has_words:
                before.display = False
                self._covered_panels.append(before)
            else:
                before.on_closed()
                before.remove()
        self._main.mount(panel, after=self._pages_box)
        self.call_after_refresh(panel.take_focus)

    def ask_later(self, panel: Panel) -> None:
        if self._panel is not None and self._panel.is_written_in:
            self._waiting_panels.append(panel)
        else:
            self.ask(panel)

    @on(Panel.Closed)
    def _panel_closed(self, message: Panel.Closed) -> None:
        message.stop()
        if message.panel in self._covered_panels:  # it opened the other one as the last thing it did
            self._covered_panels.remove(message.panel)
        if message.panel is self._panel:
            self._panel = None
            if self._covered_panels:
                self._panel = self._covered_panels.pop()
                self._panel.display = True
                self.call_after_refresh(self._panel.take_focus)
            elif self._waiting_panels:
                self.ask(self._waiting_panels.pop(0))
            else:
                self._take_focus()
        message.panel.remove()

    def tell(self, said: str, meaning: str = "muted") -> None:
        self._status.tell(said, meaning)

    def do(self, action_id: str) -> None:
        try:
            self._do(action_id)
        except Error as err:
            self._show_error(err)

    def knows(self, action_id: str) -> bool:
        kind = action_id.partition(".")[0]
        return kind == "page" or kind in _WITH_ORDERS or action_id in KNOWN or self.deeds.can(action_id)

    def copy(self, copied: str, what: str) -> None:
        if copied:
            self.copy_to_clipboard(copied)
            self.tell(text("Copied: {what}.", what=what))
        else:
            self.tell(text("There is nothing to copy."))

    def page_of(self, page_id: str) -> Widget:
        """The page of that id, shown."""
        self.show_page(page_id)
        return self._pages[page_id]

    def show_page(self, page_id: str) -> None:
        if page_id not in self._pages:
            page = make_page(self, page_id)
            self._pages[page_id] = page
            self._pages_box.mount(page)
        for known, widget in self._pages.items():
            widget.display = known == page_id
        self._page = page_id
        self._page_line.show_page(page_id)
        self.call_after_refresh(self._take_focus)

    def open_conversation(self, conversation_id: str | None, message_id: str | None = None) -> None:
        self.show_page("chat")
        self.deeds.end_edit()
        self.chat.open(conversation_id, message_id)
        if not self._is_wide:
            self.side.display = False
        if message_id is not None:
            self.background.read(lambda _app: None, lambda _done: self._chat_page.messages.show_turn(message_id))

    def go_to_setting(self, name: str) -> None:
        AppDeeds(self).go_to_setting(self.page_of("settings"), name)

    def ask_database(self, question: str, paths: Sequence[str]) -> None:
        AppDeeds(self).ask_database(self.page_of("sql"), question, paths)

    def choose_model(self, model_id: str) -> None:
        self.show_page("chat")
        self.chat.set_model(model_id)

    def compare_blind(self, adapter: str) -> None:
        self.show_page("chat")
        self.chat.compare_in_new_chat(adapter)

    # --- keys ---------------------------------------------------------------------------------------------------
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "perform" and parameters:
            return self._can(str(parameters[0]))
        if action == "offered":
            return self._page == "chat" and self.chat.state.problem is not None
        return True

    def action_perform(self, action_id: str) -> None:
        self.do(action_id)

    def action_offered(self, number: int) -> None:
        self.deeds.problem_action(number)

    def _can(self, action_id: str) -> bool:
        in_panel = self._panel is not None and self._panel.has_focus_within
        if action_id == "app.search" and in_panel and isinstance(self._panel, TextPanel):
            return True
        scope = "chat" if action_id == "chat.unqueue" else action(action_id).scope
        if scope == "chat":
            return self._page == "chat" and not in_panel
        if scope == "models":
            return self._page in ("models", "first-run") and not in_panel
        return True

    def _do(self, action_id: str) -> None:
        kind, _, what = action_id.partition(".")
        if action_id == "app.search" and isinstance(self._panel, TextPanel) and self._panel.has_focus_within:
            self._panel.action_done()  # Ctrl+S while a text is written means: done
        elif kind == "page":
            self.show_page(what)
        elif kind in _WITH_ORDERS:
            page = kind if self._page != "first-run" or kind != "models" else "first-run"
            if self._page != page:
                self.show_page(page)
            shown = self._pages[page]
            getattr(shown, "do")(action_id)  # noqa: B009
        elif action_id == "chat.stop" and self.side.has_focus_within and not self._is_wide:
            self.toggle_side()
        elif self.deeds.can(action_id):
            if action_id != "chat.new" and self._page != "chat" and action_id != "chat.undo":
                self.show_page("chat")
            self.deeds.do(action_id)
        else:
            AppDeeds(self).do(action_id)

    # --- inside -------------------------------------------------------------------------------------------------
    def _take_focus(self) -> None:
        if self._panel is not None and self._panel.is_attached:
            self._panel.take_focus()
        elif self._page == "chat":
            self._chat_page.composer.focus()
        else:
            take = getattr(self._pages[self._page], "take_focus", None)
            if take is not None:
                take()

    def toggle_side(self) -> None:
        """Show or hide the list at the left."""
        self.side.display = not self.side.display
        if self._is_wide:
            self._side_wanted = bool(self.side.display)
            self.remembered.set("sidebar_shown", self._side_wanted)
        if self.side.display:
            self.side.take_focus()
        else:
            self._take_focus()

    def widen_side(self, cells: int) -> None:
        """The list at the left takes so many cells more."""
        width = max(_LEAST_SIDE, min(_MOST_SIDE, self.remembered.get("sidebar_width", 30) + cells))
        self.side.styles.width = width
        if cells:
            self.remembered.set("sidebar_width", width)

    def on_resize(self, event: events.Resize) -> None:
        self.screen.set_class(event.size.height >= _ROOMY, "-roomy")
        is_wide = event.size.width >= _NARROW
        if is_wide != self._is_wide:
            self._is_wide = is_wide
            self.side.display = self._side_wanted and is_wide

    def _opened(self, conversation_id: str | None) -> None:
        self.remembered.set("conversation", conversation_id or "")
        self.side.show_current(conversation_id)

    def _gone(self, conversation_id: str) -> None:
        if conversation_id == self.chat.state.conversation_id:
            self.chat.open(None)
        self.tell(text("It is in the trash. Alt+Z brings it back."))

    def models_changed(self) -> None:
        """Another default model or another setting: in a new chat another one may answer, unless it was chosen."""
        self.chat.look_again()

    def first_model(self, _model_id: str) -> None:
        """The first start has its model."""
        self.models.refresh()
        self.models_changed()
        if self._page == "first-run":
            self.show_page("chat")

    def _job_started(self, job: "Job") -> None:
        self.tell(text("Begun in the background: {title}. F3 shows it.", title=plain_line(job.title)))
        self.jobs.refresh()

    def _job_finished(self, job: "Job") -> None:
        from rushlight.ui.desk.job_results import result_text

        if job.state == "done":
            self.tell(result_text(job) or text("Done: {title}.", title=plain_line(job.title)), "good")
            self.models.refresh()
        elif job.state == "failed":
            self.tell(text("Failed: {title}. {why}", title=plain_line(job.title), why=plain_line(job.message)), "bad")
        self.bell()

    def _show_error(self, err: Error) -> None:
        self.tell(f"✗ {plain_line(err.message)} {plain_line(err.hint or '')}", "bad")

    def _refresh_models(self) -> None:
        if self._page == "models":
            self.models.refresh()

    def show_chat_state(self, state: "ChatState") -> None:
        """The lowest line follows the chat."""
        self._status.show_chat(state)

    def show_models(self, state: "ModelsState") -> None:
        """The models page, if it was made."""
        show = getattr(self._pages.get("models"), "show", None)
        if show is not None:
            show(state)

    def show_jobs(self, state: JobsState) -> None:
        """The lowest line, and the jobs page if it was made."""
        self._status.show_jobs(state)
        show = getattr(self._pages.get("jobs"), "show", None)
        if show is not None:
            show(state)


class _Deeds(ChatDeeds):
    def __init__(self, app: RushlightTerminal, page: ChatPage, desk: ChatDesk) -> None:
        super().__init__(app, page, desk)
        self._app = app

    def state_changed(self, state: "ChatState") -> None:
        self._app.show_chat_state(state)


def _has_model(app: "Assistant") -> bool:
    return any(model.purpose == "chat" for model in app.catalogue.list())
