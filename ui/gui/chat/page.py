"""The chat page: puts its parts together, shows what the desk says, and tells the desk what the user did.

It is the window's `ChatView`. Knows its parts and the desk; what each of them does is in their own files.
"""

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QTimer
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QMenu, QWidget

from rushlight.ui.desk.chat_desk import ChatDesk
from rushlight.ui.desk.chat_view import ChatState
from rushlight.ui.desk.models_desk import ModelsDesk, ModelsState
from rushlight.ui.desk.sql_mention import asked_of, mention_of
from rushlight.ui.desk.sql_recent import Recent
from rushlight.ui.desk.turn import Turn
from rushlight.ui.gui.announce import announce
from rushlight.ui.gui.chat.acting import Acting
from rushlight.ui.gui.chat.bindings import bind_actions, commands, fill_menu
from rushlight.ui.gui.chat.commanding import Commanding
from rushlight.ui.gui.chat.comparing import Comparing
from rushlight.ui.gui.chat.completing import Completing
from rushlight.ui.gui.chat.composer_text import local_files
from rushlight.ui.gui.chat.defaults import Defaults, read_defaults
from rushlight.ui.gui.chat.files import Files
from rushlight.ui.gui.chat.model_picker import ModelPicker
from rushlight.ui.gui.chat.parts import ChatParts
from rushlight.ui.gui.page import Frame
from rushlight.ui.gui.pages.showing import show_item, shows_items
from rushlight.ui.words import text

_ANNOUNCED_CHARS = 1000


def make_chat_page(frame: Frame) -> QWidget:
    """The page, as the window registers it."""
    return ChatPage(frame)


class ChatPage(ChatParts):
    """One chat at a time. `open_conversation` shows another one; answers in the one before go on."""

    def __init__(self, frame: Frame, parent: QWidget | None = None) -> None:
        super().__init__(frame.theme, parent)
        self.frame = frame
        self._models: ModelsDesk | None = None
        self._defaults_of: str | None = None
        self._noted: tuple[str | None, str] | None = None  # what the window was told last
        self._wanted_message: str | None = None
        self.export_menu: QMenu | None = None
        self.setObjectName("chat-page")
        self.setAccessibleName(text("Chat"))
        self.setAcceptDrops(True)
        self.desk = ChatDesk(frame.background, self)
        self.files = Files(frame, self, self.desk.attach, self.desk.export)
        self.acting = Acting(self)
        self.comparing = Comparing(self)
        self.completing = Completing(frame.background, self.composer.text, self.suggestions, commands, self._databases)
        self._commanding = Commanding(self.desk, commands, frame.run_action, self._ask_database)
        self.composer.text.enter_sends = frame.remembered.get("enter_sends", True)
        self._connect()
        shows_items(frame, "chat", self.comparing.compare_in_new_chat)
        bind_actions(self)
        fill_menu(self)

    # --- the page of the window ---------------------------------------------------------------------------------
    def open_conversation(self, conversation_id: str | None, message_id: str | None = None) -> None:
        """Show it; None is a new chat."""
        self._put_away()
        self.composer.await_fill()
        self.desk.open(conversation_id, message_id)
        self._wanted_message = message_id
        self.composer.text.setFocus()

    def leave(self) -> None:
        """The window closes: what is being typed is kept."""
        self.sampler.finish()
        self.adapters.finish()
        self.desk.close()
        if self._models is not None:
            self._models.close()

    # --- ChatView -----------------------------------------------------------------------------------------------
    def show_turns(self, turns: Sequence[Turn]) -> None:
        self.view.show_turns(turns)
        self._turns_changed()
        wanted, self._wanted_message = self._wanted_message, None
        if wanted is not None and any(one.id == wanted for one in turns):
            self.view.scroll_to(wanted)

    def add_turn(self, turn: Turn) -> None:
        self.view.add_turn(turn)
        self._turns_changed()

    def change_turn(self, turn: Turn) -> None:
        self.view.change_turn(turn)
        self._turns_changed()

    def grow_turn(self, turn_id: str, text: str, reasoning: str) -> None:
        self.view.grow_turn(turn_id, text, reasoning)

    def show_state(self, state: ChatState) -> None:
        if self.composer.is_running and state.activity == "idle" and state.problem is None:
            self._announce_answer()
        if state.problem is not None:
            self.composer.give_up_waiting()
        self.head.show_state(state)
        self.view.set_notice(state.n_left_out)
        self.composer.show_state(state)
        self.queue.show_queue(state.queue)
        self.progress.show_state(state)
        self.notice.show_notice(state.notice)
        self.problem.show_state(state.problem)
        self.sampler.show_state(state)
        self.comparing.show_state(state)
        if self.context.is_open:
            self.context.show_use(state, self.desk.turns)
        if self.sampler.is_open and state.model != self._defaults_of:
            self._read_defaults()
        if (state.conversation_id, state.title) != self._noted:
            self._noted = (state.conversation_id, state.title)
            self.frame.note_conversation(*self._noted)
        self.acting.offer_undo()

    def set_composer(self, text: str) -> None:
        self.composer.fill(text)

    # --- what the user does -------------------------------------------------------------------------------------
    def escape(self) -> None:
        """What Esc means now: the innermost thing that is open goes; if there is none, the answer is stopped."""
        if self.suggestions.is_open:
            self.completing.close()
        elif opened := next((one for one in (self.picker, self.adapters) if one.is_open), None):
            opened.close_picker()
        elif self.composer.is_editing:
            self.composer.leave_edit()
        elif inside := next((one for one in self.panels if one.is_open and _has_focus(one)), None):
            inside.close_panel()
        elif self.find_bar.is_open and _has_focus(self.find_bar):
            self.find_bar.close_bar()
        elif self.composer.is_running:
            self.desk.stop()
        elif panel := next((one for one in self.panels if one.is_open), None):
            panel.close_panel()
        elif self.find_bar.is_open:
            self.find_bar.close_bar()
        elif self.sampler.is_open:
            self.sampler.close_panel()

    def open_models(self) -> None:
        """The list under the model's chip."""
        if self._models is None:
            self._models = ModelsDesk(self.frame.background, _PickerView(self.picker))
        self._models.refresh()
        self.picker.open_under(self.head.model, self.desk.state.model)

    def toggle_sampler(self) -> None:
        if self.sampler.is_open:
            self.sampler.close_panel()
        else:
            self._open_sampler(at_system=False)

    def open_system(self) -> None:
        self._open_sampler(at_system=True)

    def open_context(self) -> None:
        """What takes the space, and what was left out."""
        self.only(self.context)
        self.context.show_use(self.desk.state, self.desk.turns)
        self.context.show()
        (self.context.list if self.desk.state.left_out else self.context.close_button).setFocus()

    def open_export(self) -> None:
        """Which form? A menu under the head's button."""
        if self.desk.state.conversation_id is None:
            self.frame.tell(text("There is nothing to export yet."))
        elif self.export_menu is not None:
            self.export_menu.popup(self.head.more.mapToGlobal(QPoint(0, self.head.more.height())))

    def undo(self) -> None:
        """Take back the last judgement; without one, what the side column can take back."""
        undo_in_list = getattr(self.frame.side(), "undo", None)
        if self.desk.state.undo or undo_in_list is None:
            self.desk.undo()
        else:
            undo_in_list()

    def take_back(self) -> None:
        """The last message that waits."""
        if self.desk.state.queue:
            self.desk.unqueue(len(self.desk.state.queue) - 1)

    def showEvent(self, event: QShowEvent) -> None:
        """The settings page may have changed meanwhile what Enter does."""
        super().showEvent(event)
        self.composer.text.enter_sends = self.frame.remembered.get("enter_sends", True)

    def set_enter_sends(self, enter_sends: bool) -> None:
        self.composer.text.enter_sends = enter_sends
        self.frame.remembered.set("enter_sends", enter_sends)

    # --- inside: doing ------------------------------------------------------------------------------------------
    def _send(self, written: str) -> None:
        self.composer.clear()  # before a command is run: it may put something else there
        was_command, wrong = self._commanding.take(written)
        if wrong:
            self.composer.text.set_text(written)
            self.frame.tell(wrong, "bad")
        elif not was_command:
            self.desk.send(written)

    def _databases(self) -> Sequence[tuple[str, str]]:
        """What may be named behind the @: databases that were open before."""
        return tuple((mention_of(one), one.title) for one in Recent(self.frame.remembered).rows(()))

    def _ask_database(self, written: str) -> bool:
        """/sql, or a message that names a database: answered on the page of databases."""
        asked = asked_of(written, Recent(self.frame.remembered).rows(()))
        if asked is not None:
            self.desk.set_draft("")
            show_item(self.frame, "sql", "\0".join((*asked.paths, asked.question)))
        return asked is not None

    def _solve(self, action_id: str) -> None:
        self.composer.text.setFocus()  # the button goes with the problem
        self.frame.run_action(action_id)

    def _announce_answer(self) -> None:
        """To a screen reader, when it is whole: pieces of it would be read over each other."""
        last = self.desk.turns[-1] if self.desk.turns else None
        if last is not None and last.role == "assistant":
            announce(self.view, text("Answer: {words}", words=last.text[:_ANNOUNCED_CHARS]))

    def _opened(self, conversation_id: str | None) -> None:
        self._noted = (conversation_id, self.desk.state.title)
        self.frame.note_conversation(*self._noted)

    def _choose_model(self, model_id: str) -> None:
        self.desk.set_model(model_id)
        self.composer.text.setFocus()

    def open_link(self, address: str) -> None:
        """Ask about an address that was pressed in a message."""
        self.only(self.link)
        if not self.link.ask(address):
            self.frame.tell(text("This address cannot be opened."), "bad")

    # --- inside: panels -----------------------------------------------------------------------------------------
    def _put_away(self) -> None:
        self.only(None)
        self.picker.close_picker()
        self.adapters.close_picker()
        self.completing.close()

    def _open_sampler(self, *, at_system: bool) -> None:
        self._read_defaults()
        self._fit(opens_sampler=True)
        self.sampler.open_panel(at_system=at_system)
        self.head.sampler.setChecked(True)

    def _sampler_closed(self) -> None:
        self.head.sampler.setChecked(False)
        self._fit()
        self.composer.text.setFocus()

    def _read_defaults(self) -> None:
        self._defaults_of = model_id = self.desk.state.model

        def known(found: Defaults) -> None:
            self.sampler.show_defaults(found.options, found.system, found.presets)

        self.frame.background.read(lambda app: read_defaults(app, model_id), known)

    def _save_preset(self, name: str) -> None:
        self.sampler.finish()
        self.desk.save_preset(name)
        self._read_defaults()

    def _turns_changed(self) -> None:
        """Turns and state come one after the other; what depends on both is looked at when both have come."""
        QTimer.singleShot(0, self, self._settle)

    def _settle(self) -> None:
        turns = self.desk.turns
        self.show_messages(are_there=bool(turns))
        self.find_bar.look_again()
        if self.context.is_open:
            self.context.show_use(self.desk.state, turns)
        if self.correction.is_open and all(one.id != self.correction.turn_id for one in turns):
            self.correction.close_panel()
        self.acting.offer_undo()

    def _connect(self) -> None:
        desk, composer = self.desk, self.composer
        desk.on_opened = self._opened
        self.view.action.connect(self.acting.act)
        self.view.link.connect(self.open_link)
        self.view.code_copied.connect(lambda _turn_id: self.frame.tell(text("The code was copied."), "good"))
        self.empty.asked.connect(composer.suggest)
        composer.sent.connect(self._send)
        composer.edited.connect(desk.edit)
        composer.stopped.connect(desk.stop)
        composer.attach_wanted.connect(self.files.ask_attachments)
        composer.files_given.connect(desk.attach)
        composer.detached.connect(desk.detach)
        composer.draft_changed.connect(desk.set_draft)
        composer.text.edit_last_wanted.connect(lambda: self.acting.act("edit"))
        self.completing.action_chosen.connect(self.frame.run_action)
        self.completing.preset_chosen.connect(desk.use_preset)
        self.completing.model_chosen.connect(desk.set_model)
        self.completing.file_chosen.connect(lambda path: desk.attach([path]))
        self.queue.taken_back.connect(desk.unqueue)
        self.progress.cancelled.connect(desk.stop)
        self.notice.dismissed.connect(desk.dismiss_problem)
        self.problem.chosen.connect(self._solve)
        self.problem.dismissed.connect(desk.dismiss_problem)
        self.head.renamed.connect(desk.rename)
        self.head.model_pressed.connect(self.open_models)
        self.head.context_pressed.connect(self.open_context)
        self.head.sampler_pressed.connect(self.toggle_sampler)
        self.picker.chosen.connect(self._choose_model)
        self.picker.manage.connect(lambda: self.frame.show_page("models"))
        self.picker.closed.connect(composer.text.setFocus)
        self.context.chosen.connect(self.view.scroll_to)
        self.context.measure.connect(desk.measure)
        self.correction.saved.connect(self.acting.correct)
        for panel in self.panels:
            panel.closed.connect(composer.text.setFocus)
        self.find_bar.closed.connect(composer.text.setFocus)
        self.sampler.closed.connect(self._sampler_closed)
        self.sampler.option_set.connect(desk.set_option)
        self.sampler.system_set.connect(desk.set_system)
        self.sampler.preset_used.connect(desk.use_preset)
        self.sampler.preset_saved.connect(self._save_preset)

    # --- files that are dropped -----------------------------------------------------------------------------------
    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if local_files(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        files = local_files(event.mimeData())
        if files:
            event.acceptProposedAction()
            self.desk.attach(files)


def _has_focus(widget: QWidget) -> bool:
    focused = QApplication.focusWidget()
    return focused is not None and (focused is widget or widget.isAncestorOf(focused))


class _PickerView:
    """The picker as the view of a models desk: a widget's own `show` is something else."""

    def __init__(self, picker: ModelPicker) -> None:
        self._picker = picker

    def show(self, state: ModelsState) -> None:
        self._picker.show_models(state)
