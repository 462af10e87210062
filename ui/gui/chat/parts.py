"""The parts of the chat page and where they stand: head, messages, what opens below them, composer, sampler panel.

Knows the widgets; knows no chat. `page.ChatPage` is this with a desk behind it.
"""

from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from rushlight.ui.desk.chat_blind import Blind
from rushlight.ui.gui.chat.adapter_picker import AdapterPicker
from rushlight.ui.gui.chat.blind_pane import BlindLine, BlindPane
from rushlight.ui.gui.chat.completion_list import CompletionList
from rushlight.ui.gui.chat.composer import Composer
from rushlight.ui.gui.chat.correction import CorrectionPanel
from rushlight.ui.gui.chat.empty import EmptyChat
from rushlight.ui.gui.chat.find_bar import FindBar
from rushlight.ui.gui.chat.head import ChatHead
from rushlight.ui.gui.chat.left_out import ContextPanel
from rushlight.ui.gui.chat.link import LinkPanel
from rushlight.ui.gui.chat.model_picker import ModelPicker
from rushlight.ui.gui.chat.panel import Panel
from rushlight.ui.gui.chat.problem import ProblemPanel
from rushlight.ui.gui.chat.progress import NoticeLine, ProgressLine
from rushlight.ui.gui.chat.queue import QueueRows
from rushlight.ui.gui.chat.sampler_panel import WIDTH, SamplerPanel
from rushlight.ui.gui.chat.tray import Tray
from rushlight.ui.gui.message_view import MessageView
from rushlight.ui.gui.theme import Theme

_COLUMN, _MARGIN = 760, 24  # unscaled pixels
_WIDE_COLUMN = 1100  # of two answers beside each other
_LOW_FOR_TWO, _LOW_FOR_STACK = 640, 900  # below it two answers take the place of the messages
_COMPOSER_SHARE = 0.4  # of the page's height, at most, for what is being written
_ANY = 16777215  # Qt's largest size
_LOW = 480
_LEAST_BESIDE = 420  # what the messages keep beside the sampler panel; with less it takes their place


class ChatParts(QWidget):
    """All of it, laid out. At most one of `panels` is open: the room below the messages is small."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.head = ChatHead(theme, self)
        self.view = MessageView(theme)
        self.empty = EmptyChat(theme)
        self.find_bar = FindBar(theme, self.view.find)
        self.problem = ProblemPanel(theme)
        self.notice = NoticeLine(theme)
        self.progress = ProgressLine(theme)
        self.context = ContextPanel(theme)
        self.link = LinkPanel(theme)
        self.correction = CorrectionPanel(theme)
        self.queue = QueueRows(theme)
        self.composer = Composer(theme)
        self.sampler = SamplerPanel(theme)
        self.blind = BlindPane(theme)
        self.blind_line = BlindLine(theme)
        self.picker = ModelPicker(theme, self)
        self.adapters = AdapterPicker(theme, self)
        self.suggestions = CompletionList(theme, self)
        self._lay_out()
        self.composer.installEventFilter(self)
        self.suggestions.resized.connect(self._place_suggestions)
        for panel in self.panels:
            panel.came_or_went.connect(self._make_room)
        self.view.verticalScrollBar().rangeChanged.connect(lambda _least, _most: self._align())
        theme.changed.connect(self._dress)
        self._dress()

    @property
    def panels(self) -> tuple[Panel, ...]:
        return (self.link, self.context, self.correction)

    def only(self, panel: Panel | None) -> None:
        """Put the other panels away."""
        for one in self.panels:
            if one is not panel:
                one.close_panel()

    def show_messages(self, *, are_there: bool) -> None:
        """The messages, or what an empty chat says."""
        self._middle.setCurrentWidget(self.view if are_there else self.empty)
        self._align()

    def show_pair(self, blind: Blind) -> None:
        """The two answers below the messages, or in their place where the window is low."""
        self._pair.setVisible(blind.is_voting)
        self.blind.show_blind(blind)
        self._make_room()

    # --- inside -------------------------------------------------------------------------------------------------
    def _lay_out(self) -> None:
        self._middle = QStackedWidget()
        self._middle.addWidget(self.view)
        self._middle.addWidget(self.empty)
        self._middle.setCurrentWidget(self.empty)
        self._foot = QWidget()
        self._foot_column = QVBoxLayout(self._foot)
        self._tray = Tray()
        for widget in (
            self.problem, self.notice, self.progress, self.context, self.link, self.correction, self.queue,
            self.blind_line,
        ):  # fmt: skip
            self._tray.add(widget)
        self._foot_column.addWidget(self._tray)
        self._foot_column.addWidget(self.composer)
        self._foot_row = QHBoxLayout()
        self._foot_row.addStretch(1)
        self._foot_row.addWidget(self._foot, 1000)
        self._foot_row.addStretch(1)
        self._find_row = QHBoxLayout()
        self._find_row.addStretch(1)
        self._find_row.addWidget(self.find_bar, 1000)
        self._find_row.addStretch(1)
        inside = QWidget()
        self._blind_row = QHBoxLayout(inside)
        self._blind_row.addStretch(1)
        self._blind_row.addWidget(self.blind, 1000)
        self._blind_row.addStretch(1)
        self._pair = QScrollArea()  # for windows that are too low for two answers and the buttons below them
        self._pair.setWidgetResizable(True)
        self._pair.setFrameShape(QFrame.Shape.NoFrame)
        self._pair.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._pair.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._pair.setWidget(inside)
        self._centre = QWidget()
        column = QVBoxLayout(self._centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(self._find_row)
        column.addWidget(self._middle, 2)
        column.addWidget(self._pair, 5)
        self._pair.hide()
        column.addLayout(self._foot_row)
        self._middle.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        body = QHBoxLayout()
        body.setSpacing(0)
        body.addWidget(self._centre, 1)
        body.addWidget(self.sampler)
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(0)
        page.addWidget(self.head)
        page.addLayout(body, 1)

    def _dress(self) -> None:
        px = self._theme.px
        self._align()
        self._foot.setMaximumWidth(px(_COLUMN))
        self.find_bar.setMaximumWidth(px(_COLUMN))
        self.blind.setMaximumWidth(px(_WIDE_COLUMN))
        self._foot_column.setContentsMargins(0, 0, 0, 0)
        self._foot_column.setSpacing(px(8))
        self._tray.column.setSpacing(px(8))
        self._fit()

    def _fit(self, *, opens_sampler: bool = False) -> None:
        """The sampler panel beside the messages, or in their place where there is no room for both. Called before it
        opens, since for a moment both would be shown and the window would grow."""
        px = self._theme.px
        is_beside = self.width() >= px(WIDTH) + px(_LEAST_BESIDE)
        self._centre.setVisible(is_beside or not (opens_sampler or self.sampler.is_open))
        self.sampler.setMinimumWidth(px(WIDTH) if is_beside else 0)
        self.sampler.setMaximumWidth(px(WIDTH) if is_beside else _ANY)
        self.composer.text.set_room(max(px(40), round(self.height() * _COMPOSER_SHARE)))
        self._make_room()
        if self.picker.is_open:
            self.picker.place(self.head.model)
        if self.adapters.is_open:
            self.adapters.place(self.head.adapter)
        self._place_suggestions()

    def _align(self) -> None:
        """The same column as the messages, which are centred beside their scroll bar."""
        px, bar = self._theme.px, self.view.verticalScrollBar()
        has_bar = bar.maximum() > bar.minimum() and self._middle.currentWidget() is self.view
        margin, beside = px(_MARGIN), bar.sizeHint().width() if has_bar else 0
        self._foot_row.setContentsMargins(margin, px(6), margin + beside, px(18))
        self._find_row.setContentsMargins(margin, px(8), margin + beside, px(6))
        self._blind_row.setContentsMargins(margin, 0, margin, 0)

    def _make_room(self) -> None:
        """In a low window an open panel takes the composer's place for as long as it is open."""
        is_low = self.height() < self._theme.px(_LOW)
        is_voting = not self.blind.isHidden()
        self.composer.setVisible(not (is_low and (is_voting or any(one.is_open for one in self.panels))))
        self._tray.setVisible(not (is_low and is_voting))
        least = _LOW_FOR_STACK if self.blind.is_stacked else _LOW_FOR_TWO
        self._middle.setVisible(not is_voting or self.height() >= self._theme.px(least))

    def _place_suggestions(self) -> None:
        """Just above the composer, and no higher than the head."""
        top = self.composer.mapTo(self, QPoint(0, 0))
        size = self.suggestions.sizeHint()
        width = min(size.width(), self.composer.width())
        height = min(size.height(), top.y() - self.head.height() - 4)
        left = top.x()
        if self.layoutDirection() == Qt.LayoutDirection.RightToLeft:
            left += self.composer.width() - width
        self.suggestions.setGeometry(left, top.y() - height - 4, width, max(1, height))
        self.suggestions.raise_()

    # --- Qt -----------------------------------------------------------------------------------------------------
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.composer and event.type() in (QEvent.Type.Move, QEvent.Type.Resize):
            self._place_suggestions()
        return False

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()
