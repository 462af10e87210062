"""What is to be taught: a database, the user's judgements or files of examples; by which model, how long."""

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QButtonGroup, QCheckBox, QFileDialog, QFormLayout, QRadioButton, QSlider, QWidget

from rushlight.ui.desk.learn_desk import files_words
from rushlight.ui.desk.learn_values import LearnState
from rushlight.ui.desk.learn_wish import MINUTES
from rushlight.ui.desk.learn_words import about, kinds, lesson_name, missing, practice_order, practice_text
from rushlight.ui.gui.learn.columns_part import ColumnsPart
from rushlight.ui.gui.learn.expert_part import ExpertPart, ForecastPart
from rushlight.ui.gui.settings.editors import ChoiceEditor
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import Card, FlowLayout, button, label
from rushlight.ui.words import text

_LARGE: Final = 2.0  # text so large that a narrow window has no room for a name beside what it names
_LONGEST_SLIDER: Final = 460  # pixels


class Teaching(Protocol):
    """Whoever keeps the wish and begins: `LearnDesk`."""

    def want(self, **changed: Any) -> None: ...
    def teach(self) -> None: ...
    def plan(self) -> None: ...
    def practise(self) -> None: ...
    def set(self, key: str, value: str) -> None: ...
    def map_column(self, column: str, field: str) -> None: ...


class NewCard(Card):
    """card.show_state(state)"""

    def __init__(self, theme: Theme, desk: Teaching, parent: QWidget | None = None) -> None:
        super().__init__(theme, text("Teach a model something"), parent=parent)
        self._theme = theme
        self._desk = desk
        self._models: tuple[tuple[str, str], ...] = ()
        self.ask_files: Callable[[], Sequence[str]] = self._ask_files
        self._kind = "database"
        self.kinds: dict[str, QRadioButton] = {}
        kind_box = QWidget()
        flow = FlowLayout(kind_box, spacing=theme.px(14))
        group = QButtonGroup(self)
        for value, words in kinds():
            made = QRadioButton(words.replace("&", "&&"))
            made.clicked.connect(lambda _checked=False, value=value: desk.want(kind=value, files=()))
            group.addButton(made)
            flow.addWidget(made)
            self.kinds[value] = made
        self.about = label("", "muted", wrap=True)
        self.files_button = button(text("Choose files…"), self._choose_files)
        self.files = label("", "small", wrap=True)
        self._files_line = QWidget()
        line = FlowLayout(self._files_line, spacing=theme.px(10))
        line.addWidget(self.files_button)
        line.addWidget(self.files)
        self.model = ChoiceEditor([], lambda value: desk.want(model=value))
        self.time = QSlider(Qt.Orientation.Horizontal)
        self.time.setRange(0, len(MINUTES) - 1)
        self.time.setPageStep(1)
        self.time.setTickPosition(QSlider.TickPosition.TicksBelow)
        self.time.setAccessibleName(text("From quick to thorough"))
        self.time.valueChanged.connect(lambda at: desk.want(minutes=MINUTES[at]))
        self.minutes = label("", "small", wrap=True)
        self.practice = label("", "small", wrap=True)
        self.practise_button = button("", desk.practise, "link")
        time_box = QWidget()
        time_line = FlowLayout(time_box, spacing=theme.px(12))
        time_line.addWidget(self.time)
        time_line.addWidget(self.minutes)
        self.promotes = QCheckBox(text("Let it serve").replace("&", "&&"))
        self.promotes.setAccessibleName(text("Let it serve if the gate lets it through"))
        self.promotes.clicked.connect(lambda checked=False: desk.want(promotes=checked))
        promotes_line = QWidget()
        beside = FlowLayout(promotes_line, spacing=theme.px(6))
        beside.addWidget(self.promotes)
        beside.addWidget(label(text("if the gate lets it through"), "muted"))
        self.teach_button = button(text("Teach it"), desk.teach, "primary")
        form_box = QWidget()
        self._form = QFormLayout(form_box)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.addRow(label(text("What")), kind_box)
        self.lesson = label("", "strong")
        self.files_again = button(text("Learn from files instead"), lambda: desk.want(lesson=""), "link")
        self._lesson_line = QWidget()
        lesson_line = FlowLayout(self._lesson_line, spacing=theme.px(10))
        lesson_line.addWidget(self.lesson)
        lesson_line.addWidget(self.files_again)
        self._form.addRow(label(text("From")), self._files_line)
        self._form.addRow(label(text("Lesson")), self._lesson_line)
        self._form.addRow(label(text("Model")), self.model.field)
        self._practice_box = QWidget()
        practice_line = FlowLayout(self._practice_box, spacing=theme.px(10))
        practice_line.addWidget(self.practice)
        practice_line.addWidget(self.practise_button)
        self._form.addRow(label(text("Practice")), self._practice_box)
        self._form.addRow(label(text("Time")), time_box)
        self.model.field.setAccessibleName(text("Model"))
        last = QWidget()
        FlowLayout(last).addWidget(self.teach_button)
        self.columns = ColumnsPart(theme, desk)
        self.expert = ExpertPart(theme, desk)
        self.forecast = ForecastPart(theme, desk)
        self.missing = label("", "muted", wrap=True)
        for widget in (
            form_box,
            self.about,
            self.columns,
            self.expert,
            self.forecast,
            promotes_line,
            self.missing,
            last,
        ):
            self.body.addWidget(widget)
        theme.changed.connect(self._dress_new)
        self._dress_new()

    def show_state(self, state: LearnState) -> None:
        wish = state.wish
        self._kind = wish.kind
        self.kinds[wish.kind].setChecked(True)
        if state.models != self._models:
            self._models = state.models
            self.model.set_choices(state.models)
        self.model.show_text(wish.model)
        self._form.setRowVisible(self._files_line, wish.kind != "feedback" and not wish.lesson)
        self._form.setRowVisible(self._lesson_line, bool(wish.lesson))
        self.lesson.setText(lesson_name(state))
        self.files.setText(files_words(wish))
        self.about.setText(about(wish.kind))
        self.time.blockSignals(True)
        self.time.setValue(MINUTES.index(wish.minutes) if wish.minutes in MINUTES else 3)
        self.time.blockSignals(False)
        self.minutes.setText(
            text("about {n} minutes for all of it: examples, training, export, evaluation", n=wish.minutes)
        )
        self.promotes.setChecked(wish.promotes)
        self.practice.setText(practice_text(state))
        self._form.setRowVisible(self._practice_box, bool(practice_text(state)))
        self.practise_button.setText(practice_order(state))
        self.practise_button.setVisible(state.can_practise)
        self.teach_button.setEnabled(state.can_start)
        self.missing.setText(missing(state))
        self.missing.setVisible(bool(missing(state)))
        for part in (self.columns, self.expert, self.forecast):
            part.show_state(state)

    def _choose_files(self) -> None:
        names = tuple(self.ask_files())
        if names:
            self._desk.want(files=names)

    def _ask_files(self) -> Sequence[str]:
        what = text("Databases, spreadsheets or CSV files") if self._kind == "database" else text("Files of examples")
        names, _ = QFileDialog.getOpenFileNames(self, what)
        return names

    def _dress_new(self) -> None:
        px = self._theme.px
        self.model.field.setMaximumWidth(px(460))
        self.time.setFixedWidth(min(px(260), _LONGEST_SLIDER))
        self.time.setMinimumHeight(px(20))  # its own hint does not know how large the handle is
        wraps = QFormLayout.RowWrapPolicy
        self._form.setRowWrapPolicy(wraps.WrapAllRows if self._theme.scale >= _LARGE else wraps.WrapLongRows)
        self._form.setVerticalSpacing(px(10))
        self._form.setHorizontalSpacing(px(16))
