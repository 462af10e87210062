"""What is wanted of a smaller model: the model, a target, a text to calibrate on, a method; and what to expect."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from PySide6.QtWidgets import QButtonGroup, QDoubleSpinBox, QFileDialog, QFormLayout, QRadioButton, QWidget

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.figures import context_text, size_text
from rushlight.ui.desk.quant_reading import type_words
from rushlight.ui.desk.quant_values import QuantState
from rushlight.ui.gui.settings.editors import ChoiceEditor
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import Card, FlowLayout, button, label, with_role
from rushlight.ui.words import plural, text

_GB = 10**9
_GIB = 2**30
_CONTEXTS = (2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072)
_CARD_GIB = (4, 6, 8, 10, 12, 16, 24, 32, 48)  # of cards that people have


class Wishes(Protocol):
    """Whoever keeps the wish and fulfils it: `QuantDesk`."""

    def choose(self, model_id: str) -> None: ...
    def want(self, **changed: Any) -> None: ...
    def make(self) -> None: ...


class _Number(QDoubleSpinBox):
    """An amount that the wheel does not turn by accident."""

    def __init__(self, suffix: str, most: float, decimals: int, on_change: Callable[[float], None]) -> None:
        super().__init__()
        self.setRange(0.0, most)
        self.setDecimals(decimals)
        self.setSuffix(suffix)
        self.setSpecialValueText(" ")  # nothing said yet
        self.setKeyboardTracking(False)
        self.lineEdit().setTextMargins(8, 0, 0, 0)  # the style sheet's padding does not reach it
        self.valueChanged.connect(on_change)

    def show_value(self, value: float) -> None:
        if not self.hasFocus() or self.value() != value:
            self.blockSignals(True)
            self.setValue(value)
            self.blockSignals(False)

    def wheelEvent(self, event: Any) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class WishCard(Card):
    """card.show_state(state)"""

    def __init__(self, theme: Theme, desk: Wishes, parent: QWidget | None = None) -> None:
        super().__init__(theme, text("Make a smaller model"), parent=parent)
        self._theme = theme
        self._desk = desk
        self._listed: dict[str, object] = {}
        self.ask_files: Callable[[], Sequence[str]] = self._ask_files
        self.model = ChoiceEditor([], desk.choose)
        self.targets = _Radios(
            (("type", text("A type")), ("size", text("A size")), ("card", text("A graphics card")),
             ("speed", text("A speed"))),
            lambda kind: desk.want(kind=kind), theme,
        )  # fmt: skip
        self.type = ChoiceEditor([], lambda name: desk.want(type_name=name))
        self.size_field = _Number(" GB", 2000, 2, lambda value: desk.want(size_bytes=round(value * _GB)))
        self.card = ChoiceEditor([], lambda value: desk.want(card_bytes=int(value)))
        self.context = ChoiceEditor(
            [(str(n), text("{count} tokens of context", count=context_text(n))) for n in _CONTEXTS],
            lambda value: desk.want(n_ctx=int(value)),
        )
        self.speed = _Number(f" {text('tok/s')}", 10_000, 1, lambda value: desk.want(speed=float(value)))
        self.texts = _Radios(
            (("sample", text("A sample")), ("chats", text("Your own chats")), ("files", text("Files")),
             ("none", text("None"))),
            lambda kind: desk.want(text=kind), theme,
        )  # fmt: skip
        self.files_button = button(text("Choose files…"), self._choose_files)
        self.files = label("", "small", wrap=True)
        self.method = ChoiceEditor(
            [
                ("search", text("Search: fast, no worse than llama.cpp's own")),
                ("gptq", text("Error feedback: slower, loses less")),
                ("smoothquant", text("Error feedback with scales folded in: slowest, loses least")),
                ("ggml", text("llama.cpp's own")),
            ],
            lambda value: desk.want(method=value),
        )
        self.expected = label("", "strong", wrap=True)
        self.fits = label("", "chip")
        self.problem = label("", "bad", wrap=True)
        self.notes = label("", "small", wrap=True)
        self.make_button = button(text("Make it"), desk.make, "primary")
        self._form_box = QWidget()
        self._form = QFormLayout(self._form_box)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        self._rows: dict[str, QWidget] = {}
        for key, words, field in (
            ("model", text("Model"), self.model.field),
            ("target", text("Target"), self.targets),
            ("type", text("Type"), self.type.field),
            ("size", text("Size at most"), self.size_field),
            ("card", text("Memory of the card"), self.card.field),
            ("context", text("Beside the model"), self.context.field),
            ("speed", text("At least"), self.speed),
            ("text", text("Text to calibrate on"), self.texts),
            ("files", text("Files"), self._files_line()),
            ("method", text("Method"), self.method.field),
        ):
            field.setAccessibleName(words)
            self._form.addRow(label(words, "small"), field)
            self._rows[key] = field
        last = QWidget()
        flow = FlowLayout(last, spacing=theme.px(12))
        flow.addWidget(self.make_button)
        flow.addWidget(self.fits)
        self.text_note = label(
            text("Your texts are read here and go nowhere else: only sums of numbers come of them."), "small", wrap=True
        )
        for widget in (self._form_box, self.text_note, self.expected, self.problem, self.notes, last):
            self.body.addWidget(widget)
        self._dress_wish()
        theme.changed.connect(self._dress_wish)

    def show_state(self, state: QuantState) -> None:
        wish = state.wish
        self._list("model", self.model, [(one.id, plain_line(one.label)) for one in state.sources])
        self.model.show_text(state.chosen)
        self._list("type", self.type, [(one.name, type_words(one)) for one in state.types])
        self.type.show_text(wish.type_name)
        here = [(str(n_bytes), f"{name} · {size_text(n_bytes)}") for name, n_bytes in state.cards]
        usual = [(str(n * _GIB), text("{count} GiB", count=n)) for n in _CARD_GIB]
        self._list("card", self.card, [*here, *usual])
        self.card.show_text(str(wish.card_bytes) if wish.card_bytes else "")
        self.context.show_text(str(wish.n_ctx))
        self.size_field.show_value(wish.size_bytes / _GB)
        self.speed.show_value(wish.speed)
        self.targets.show_value(wish.kind)
        self.texts.show_value(wish.text)
        self.method.show_text(wish.method)
        for key in ("type", "size", "card", "context", "speed"):
            self._form.setRowVisible(self._rows[key], key == wish.kind or (key == "context" and wish.kind == "card"))
        self._form.setRowVisible(self._rows["files"], wish.text == "files")
        self.files.setText(_files_words(wish.files))
        self.text_note.setVisible(wish.text in ("chats", "files"))
        self._show_expected(state)

    def _show_expected(self, state: QuantState) -> None:
        found = state.forecast
        words = found.sentence
        if not words and not found.problem:
            words = text("Working out the sizes…") if state.is_forecasting else ""
        self.expected.setText(words)
        self.expected.setVisible(bool(words))
        self.fits.setText(found.fit_text)
        self.fits.setVisible(bool(found.fit_text))
        with_role(self.fits, {"yes": "chip-good", "no": "chip-bad", "unknown": "chip"}[found.fits])
        self.problem.setText(found.problem)
        self.problem.setVisible(bool(found.problem))
        self.notes.setText("\n".join(found.notes))
        self.notes.setVisible(bool(found.notes))
        self.make_button.setEnabled(state.can_make)
        self.make_button.setAccessibleDescription(words or found.problem)

    def _list(self, key: str, editor: ChoiceEditor, choices: list[tuple[str, str]]) -> None:
        if self._listed.get(key) != choices:
            self._listed[key] = choices
            editor.set_choices(choices)

    def _files_line(self) -> QWidget:
        line = QWidget()
        flow = FlowLayout(line, spacing=self._theme.px(10))
        flow.addWidget(self.files_button)
        flow.addWidget(self.files)
        return line

    def _choose_files(self) -> None:
        names = tuple(self.ask_files())
        if names:
            self._desk.want(files=names)

    def _ask_files(self) -> Sequence[str]:
        names, _ = QFileDialog.getOpenFileNames(self, text("Texts to calibrate on"))
        return names

    def _dress_wish(self) -> None:
        px = self._theme.px
        for field in (self.model.field, self.type.field, self.card.field, self.context.field, self.method.field):
            field.setMaximumWidth(px(460))
        for number in (self.size_field, self.speed):
            number.setMaximumWidth(px(180))
        self._form.setVerticalSpacing(px(10))
        self._form.setHorizontalSpacing(px(16))


class _Radios(QWidget):
    """One of a few, beside each other."""

    def __init__(self, choices: Sequence[tuple[str, str]], on_choice: Callable[[str], None], theme: Theme) -> None:
        super().__init__()
        flow = FlowLayout(self, spacing=theme.px(14))
        self._group = QButtonGroup(self)
        self.buttons: dict[str, QRadioButton] = {}
        for value, words in choices:
            made = QRadioButton(words.replace("&", "&&"), self)
            made.clicked.connect(lambda _checked=False, value=value: on_choice(value))
            self._group.addButton(made)
            flow.addWidget(made)
            self.buttons[value] = made

    def show_value(self, value: str) -> None:
        if value in self.buttons:
            self.buttons[value].setChecked(True)


def _files_words(files: Sequence[str]) -> str:
    names = [plain_line(file.replace("\\", "/").rpartition("/")[2]) for file in files[:4]]
    rest = len(files) - len(names)
    if rest > 0:
        names.append(plural("{count} more", "{count} more", rest))
    return ", ".join(names) or text("none yet")
