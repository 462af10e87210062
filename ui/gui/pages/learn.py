"""The page of learning: teach something, watch it, see its proof, promote it or roll it back.

Knows the desk of learning and its parts.
"""

from collections.abc import Callable

from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from rushlight.ui.desk.learn_desk import LearnDesk
from rushlight.ui.desk.learn_values import LearnState
from rushlight.ui.desk.learn_words import missing
from rushlight.ui.gui.learn.history_part import HistoryPart
from rushlight.ui.gui.learn.lesson_part import LessonPart
from rushlight.ui.gui.learn.new_card import NewCard
from rushlight.ui.gui.learn.proof_part import ProofPart
from rushlight.ui.gui.learn.run_part import RunPart
from rushlight.ui.gui.learn.side_list import SideList
from rushlight.ui.gui.page import Frame
from rushlight.ui.gui.pages.parts import PageColumn, PageHead, View, finish_typing
from rushlight.ui.gui.pages.showing import show_item, shows_items
from rushlight.ui.gui.widgets import Chip, EmptyState, ErrorPanel, label
from rushlight.ui.words import text

_SIDE, _NARROW = 264, 820  # unscaled pixels: the left column; below, it stands in the page's place when asked for


class LearnPage(QWidget):
    """Made once a window, when it is first shown."""

    def __init__(self, frame: Frame, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._frame = frame
        self._theme = theme = frame.theme
        self._is_side_wanted = False
        self.setAccessibleName(text("Learn"))
        self.desk = LearnDesk(frame.background, frame.remembered, View(self.show_state))
        self._head = PageHead(theme, text("Learn"), elided=True)
        self._head.title.setMinimumWidth(theme.px(80))
        self.list_chip = Chip(theme, text("What was learned"), on_click=self._toggle_side)
        self._head.add(self.list_chip)
        self.side = SideList(theme, self.desk)
        self._column = PageColumn(theme, text("Learn"))
        self.problem = ErrorPanel(theme, on_dismiss=self.desk.dismiss)
        self.notice = label("", "good", wrap=True)
        self.empty = EmptyState(
            theme,
            text("No model that could learn"),
            text("A model on this machine is taught, and proven before it serves. First a model is needed."),
            [(text("Get a model…"), self._get_model)],
            icon_name="flame",
        )  # fmt: skip
        self.new = NewCard(theme, self.desk)
        self.run = RunPart(theme, self.desk)
        self.proof = ProofPart(theme, self.desk, self._ask, self._compare)
        self.lesson = LessonPart(theme, self.desk, self._ask)
        self.history = HistoryPart(theme, self.desk)
        for widget in (self.problem, self.notice, self.empty, self.new, self.run, self.proof, self.lesson,
                       self.history):  # fmt: skip
            self._column.body.addWidget(widget)
        across = QHBoxLayout()
        across.setSpacing(0)
        across.addWidget(self.side)
        across.addWidget(self._column, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._head)
        layout.addLayout(across, 1)
        frame.bind("learn.new", self._teach_new, self)
        frame.bind("learn.start", self._start, self)
        frame.bind("learn.promote", self._promote, self)
        frame.bind("learn.blind", self._try_blind, self)
        frame.bind("learn.roll-back", self._roll_back, self)
        shows_items(frame, "learn", self.desk.show_adapter)
        theme.changed.connect(self._place_side)
        self._place_side()
        self.show_state(self.desk.state)

    def show_state(self, state: LearnState) -> None:
        kind = state.choice.kind
        self._head.title.setText(_title(state))
        if state.problem:
            self.problem.show_problem(state.problem, state.hint)
        else:
            self.problem.hide()
        self.notice.setText(state.notice)
        self.notice.setVisible(bool(state.notice))
        has_none = kind == "new" and not state.models and not state.is_loading
        self.empty.setVisible(has_none)
        self.new.setVisible(kind == "new" and not has_none)
        self.side.show_state(state)
        self.new.show_state(state)
        self.run.show_state(state)
        self.proof.show_state(state)
        self.lesson.show_state(state)
        self.history.show_state(state)
        if self._is_side_wanted and self._is_narrow() and state.choice != self._shown_choice:
            self._is_side_wanted = False  # one was chosen from it
            self._place_side()
        self._shown_choice = state.choice

    _shown_choice = LearnState().choice

    # --- orders -------------------------------------------------------------------------------------------------
    def _teach_new(self) -> None:
        self.desk.choose(LearnState().choice)
        self.new.files_button.setFocus()

    def _start(self) -> None:
        """What is seen is taught: a lesson that is looked at, else the wish with what is just being typed into it."""
        finish_typing(self)
        state = self.desk.state
        if state.lesson is not None:
            self.desk.teach_again(state.lesson.id)
        elif state.choice.kind != "new":
            self._teach_new()
        elif state.can_start:
            self.desk.teach()
        elif missing(state):
            self._frame.tell(missing(state))

    def _promote(self) -> None:
        adapter = self.desk.state.adapter
        if adapter is None:
            self._frame.tell(text("Choose an adapter first."))
        elif not self.proof.promote_button.isEnabled() or adapter.state == "promoted":
            self._frame.tell(text("“{name}” cannot be promoted now.", name=adapter.name))
        else:
            self.desk.promote(adapter.name)

    def _try_blind(self) -> None:
        adapter = self.desk.state.adapter
        if adapter is None:
            self._frame.tell(text("Choose an adapter first."))
        elif not adapter.is_for_chat:
            self._frame.tell(text("“{name}” answers questions to a database; only chats are compared blindly.",
                                  name=adapter.name))  # fmt: skip
        else:
            self._compare(adapter.name)

    def _compare(self, name: str) -> None:
        show_item(self._frame, "chat", name)

    def _roll_back(self) -> None:
        adapter = self.desk.state.adapter
        if adapter is None or adapter.state != "promoted":
            self._frame.tell(text("Choose an adapter that is promoted first."))
        else:
            self.desk.roll_back(adapter.name)

    def _ask(self, question: str, then: Callable[[], None]) -> None:
        self._frame.tell(question, action=text("Remove"), on_action=then)

    def _get_model(self) -> None:
        self._frame.show_page("models")
        self._frame.run_action("models.get")

    # --- sizes --------------------------------------------------------------------------------------------------
    def _is_narrow(self) -> bool:
        return self.width() < self._theme.px(_NARROW)

    def _toggle_side(self) -> None:
        self._is_side_wanted = not self._is_side_wanted
        self._place_side()

    def _place_side(self) -> None:
        is_narrow = self._is_narrow()
        wanted = self._is_side_wanted or not is_narrow
        self.side.setVisible(wanted)
        self.side.setMinimumWidth(0 if is_narrow else self._theme.px(_SIDE))
        self.side.setMaximumWidth(16777215 if is_narrow else self._theme.px(_SIDE))
        self._column.setVisible(not (is_narrow and wanted))
        self.list_chip.setVisible(is_narrow)
        self.list_chip.set_accent(wanted)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_side()

    # --- events -------------------------------------------------------------------------------------------------
    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.desk.refresh()

    def hideEvent(self, event: QHideEvent) -> None:
        self.desk.rest()
        super().hideEvent(event)

    def leave(self) -> None:
        self.desk.close()


def _title(state: LearnState) -> str:
    for one in (state.adapter, state.lesson):
        if one is not None:
            return text("Learn: {name}", name=one.name)
    if state.choice.kind == "runs":
        return text("Learn: runs and their curves")
    return state.job.title if state.job is not None else text("Learn")
