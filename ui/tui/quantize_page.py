"""The page of quantizing: what is wanted, what to expect, what was made, how it compares. Draws `QuantDesk`."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from rushlight.assistant.paths import with_home
from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.actions import actions
from rushlight.ui.desk.figures import context_text, size_text
from rushlight.ui.desk.quant_desk import QuantDesk
from rushlight.ui.desk.quant_reading import type_words
from rushlight.ui.desk.quant_values import ComparedRow, MadeRow, QuantState
from rushlight.ui.tui.bars import meter
from rushlight.ui.tui.desk_views import Later
from rushlight.ui.tui.panel import ChoicePanel, LinePanel, ReadPanel
from rushlight.ui.tui.row_list import ListRow, RowLine, RowList, heading, row
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.jobs.job import Job
    from rushlight.ui.tui.frame import Frame

_GB = 10**9
_GIB = 2**30
_CONTEXTS = (2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072)
_CARD_GIB = (4, 6, 8, 10, 12, 16, 24, 32, 48)
_BAR = 16


class QuantizePage(Vertical):
    """Has a `QuantDesk` of its own."""

    DEFAULT_CSS = """
    QuantizePage { padding: 0 1; background: $background; }
    QuantizePage > .page-title { text-style: bold; color: $accent; height: 1; padding: 0 1; }
    QuantizePage > #quant-forecast { height: auto; max-height: 8; padding: 0 1; color: $muted; }
    QuantizePage > #quant-keys { height: auto; max-height: 3; padding: 0 1; color: $muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(",".join(one.terminal_keys), f"order('{one.id}')", show=False)
            for one in actions()
            if one.scope == "quantize" and one.terminal_keys
        ),
        Binding("p", "order('prove')", show=False),
        Binding("d,delete", "order('discard')", show=False),
        Binding("x", "order('dismiss')", show=False),
    ]

    def __init__(self, frame: "Frame") -> None:
        super().__init__(id="quantize")
        self.frame = frame
        self.desk = QuantDesk(frame.background, frame.remembered, Later(self.draw))
        self.desk.on_job = self._begun
        self._forecast = Static(id="quant-forecast")
        self._list = RowList(id="quant-list")

    def compose(self) -> ComposeResult:
        yield Static(Content(text("Quantize")), classes="page-title")
        yield self._list
        yield self._forecast
        keys = text(
            "Enter: change, or see the proof · M: make it · V: compare · P: prove again · D: discard · X: dismiss"
        )
        yield Static(Content(keys), id="quant-keys")

    def on_mount(self) -> None:
        self.draw(self.desk.state)

    def on_unmount(self) -> None:
        self.desk.close()

    def on_hide(self) -> None:
        self.desk.rest()

    def take_focus(self) -> None:
        self._list.focus()
        wanted = self.frame.remembered.get("quant_model", "")
        if wanted:
            self.desk.choose(wanted)
        self.desk.refresh()

    # --- what is shown ------------------------------------------------------------------------------------------
    def draw(self, state: QuantState) -> None:
        """The state of the desk."""
        if not state.sources and not state.is_loading:
            said = text("No model that could be made smaller. F2 leads to the models.")
            self._list.show_rows([ListRow("", (RowLine(((said, "muted"),)),))])
        else:
            self._list.show_rows([*wish_rows(state), *made_rows(state.made), *compared_rows(state)])
        self._forecast.update(Content("\n").join([Content.assemble(*line) for line in forecast_lines(state)]))

    # --- what is done -------------------------------------------------------------------------------------------
    def action_order(self, order: str) -> None:
        self.do(order)

    def do(self, action_id: str) -> None:
        """An action of the page."""
        state = self.desk.state
        match action_id.removeprefix("quantize."):
            case "make" if state.can_make:
                self.desk.make()
            case "make" if not state.is_starting:
                self.frame.tell(state.forecast.problem or text("There is nothing to make yet."), "bad")
            case "compare" if state.made:
                self.desk.compare()
            case "compare":
                self.frame.tell(text("Nothing was made of this model yet."))
            case "prove":
                made = self._made(self._list.chosen)
                if made is not None:
                    self.desk.prove(made.path)
            case "discard":
                made = self._made(self._list.chosen)
                if made is not None and not made.model_id:
                    self.desk.discard(made.job_id)
                elif made is not None:
                    self.frame.tell(text("It is a model of yours: remove it in the models page."))
            case "dismiss":
                self.desk.dismiss()

    @on(RowList.Highlighted)
    def _highlighted(self, event: RowList.Highlighted) -> None:
        event.stop()

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        made = self._made(event.key)
        if made is not None:
            shown = made.proof_text or text("There is no proof of it.")
            self.frame.ask(ReadPanel(made.label, f"{made.path}\n{made.quality}\n\n{shown}"))
            return
        asks: dict[str, Callable[[], None]] = {
            "model": self._ask_model, "target": self._ask_target, "type": self._ask_type, "size": self._ask_size,
            "card": self._ask_card, "context": self._ask_context, "speed": self._ask_speed, "text": self._ask_text,
            "files": self._ask_files, "method": self._ask_method, "make": lambda: self.do("make"),
            "compare": lambda: self.do("compare"),
        }  # fmt: skip
        if event.key in asks:
            asks[event.key]()

    def _made(self, key: str) -> MadeRow | None:
        return next((one for one in self.desk.state.made if f"made:{one.job_id}" == key), None)

    def _choose(self, title: str, choices: Sequence[tuple[str, str]], now: str, then: Callable[[str], None]) -> None:
        rows = [row(value, words, is_current=value == now) for value, words in choices]
        self.frame.ask(ChoicePanel(title, rows, then, choose=now))

    def _ask_model(self) -> None:
        sources = [(one.id, f"{plain_line(one.label)}  {size_text(one.size_bytes)}") for one in self.desk.state.sources]
        self._choose(text("Make which model smaller?"), sources, self.desk.state.chosen, self.desk.choose)

    def _ask_target(self) -> None:
        self._choose(text("What is it to fit?"), _targets(), self.desk.state.wish.kind,
                     lambda kind: self.desk.want(kind=kind))  # fmt: skip

    def _ask_type(self) -> None:
        types = [(one.name, type_words(one)) for one in self.desk.state.types]
        self._choose(text("Which type?"), types, self.desk.state.wish.type_name,
                     lambda name: self.desk.want(type_name=name))  # fmt: skip

    def _ask_size(self) -> None:
        self._ask_number(text("How large may the file be, in GB?"), self.desk.state.wish.size_bytes / _GB,
                         lambda value: self.desk.want(size_bytes=round(value * _GB)))  # fmt: skip

    def _ask_speed(self) -> None:
        self._ask_number(text("How many tokens a second should it write at least?"), self.desk.state.wish.speed,
                         lambda value: self.desk.want(speed=value))  # fmt: skip

    def _ask_number(self, title: str, now: float, then: Callable[[float], None]) -> None:
        def typed(words: str) -> None:
            try:
                value = float(words.replace(",", "."))
            except ValueError:
                value = -1.0
            if 0 < value < 1e6:
                then(value)
            else:
                self.frame.tell(text("A number is expected; {typed} is none.", typed=repr(words[:20])), "bad")

        self.frame.ask(LinePanel(title, typed, value=f"{now:g}" if now else ""))

    def _ask_card(self) -> None:
        here = [(str(n_bytes), f"{name}  {size_text(n_bytes)}") for name, n_bytes in self.desk.state.cards]
        usual = [(str(n * _GIB), text("{count} GiB", count=n)) for n in _CARD_GIB]
        self._choose(text("How much memory has the card?"), [*here, *usual], str(self.desk.state.wish.card_bytes),
                     lambda value: self.desk.want(card_bytes=int(value)))  # fmt: skip

    def _ask_context(self) -> None:
        contexts = [(str(n), text("{count} tokens of context", count=context_text(n))) for n in _CONTEXTS]
        self._choose(text("How much context beside it?"), contexts, str(self.desk.state.wish.n_ctx),
                     lambda value: self.desk.want(n_ctx=int(value)))  # fmt: skip

    def _ask_text(self) -> None:
        self._choose(text("Calibrate on which text? Yours is read here and goes nowhere else."), _texts(),
                     self.desk.state.wish.text, lambda kind: self.desk.want(text=kind))  # fmt: skip

    def _ask_files(self) -> None:
        def typed(words: str) -> None:
            files = tuple(str(with_home(one.strip()).absolute()) for one in words.split(",") if one.strip())
            self.desk.want(files=files)

        self.frame.ask(
            LinePanel(text("Files or folders of text, with commas between"), typed,
                      value=", ".join(self.desk.state.wish.files))
        )  # fmt: skip

    def _ask_method(self) -> None:
        self._choose(text("How are the blocks found?"), _methods(), self.desk.state.wish.method,
                     lambda method: self.desk.want(method=method))  # fmt: skip

    def _begun(self, job: "Job") -> None:
        self.frame.tell(text("Begun in the background: {title}. F3 shows it.", title=plain_line(job.title)))
        self.frame.jobs.refresh()


def _targets() -> list[tuple[str, str]]:
    return [("type", text("A type")), ("size", text("A size")), ("card", text("A graphics card")),
            ("speed", text("A speed"))]  # fmt: skip


def _texts() -> list[tuple[str, str]]:
    return [("sample", text("A sample")), ("chats", text("Your own chats")), ("files", text("Files")),
            ("none", text("None"))]  # fmt: skip


def _methods() -> list[tuple[str, str]]:
    return [
        ("search", text("Search: fast, no worse than llama.cpp's own")),
        ("gptq", text("Error feedback: slower, loses less")),
        ("smoothquant", text("Error feedback with scales folded in: slowest, loses least")),
        ("ggml", text("llama.cpp's own")),
    ]


def wish_rows(state: QuantState) -> list[ListRow]:
    """What is wanted, a row each."""
    wish = state.wish
    source = state.source
    known = next((one for one in state.types if one.name == wish.type_name), None)
    said = type_words(known) if known is not None else wish.type_name
    values = [
        ("model", text("Model"), plain_line(source.label) if source is not None else "…"),
        ("target", text("Target"), dict(_targets())[wish.kind]),
    ]
    values += {
        "type": [("type", text("Type"), said)],
        "size": [("size", text("Size at most"), size_text(wish.size_bytes) if wish.size_bytes else "…")],
        "card": [
            ("card", text("Memory of the card"), size_text(wish.card_bytes) if wish.card_bytes else "…"),
            ("context", text("Beside the model"),
             text("{count} tokens of context", count=context_text(wish.n_ctx))),
        ],
        "speed": [("speed", text("At least"), text("{count} tok/s", count=f"{wish.speed:g}") if wish.speed else "…")],
    }[wish.kind]  # fmt: skip
    values.append(("text", text("Text to calibrate on"), dict(_texts())[wish.text]))
    if wish.text == "files":
        names = ", ".join(plain_line(file.rpartition("/")[2]) for file in wish.files)
        values.append(("files", text("Files"), names or text("none yet")))
    values.append(("method", text("Method"), dict(_methods())[wish.method]))
    rows = [ListRow(key, (RowLine(((f"{name}  ", "muted"), (value, "page"))),)) for key, name, value in values]
    if state.can_make:
        rows.append(row("make", text("Make it"), meaning="accent"))
    return rows


def forecast_lines(state: QuantState) -> list[list[tuple[str, str]]]:
    """(words, style) pairs: what to expect, and what is wrong."""
    found = state.forecast
    lines: list[list[tuple[str, str]]] = []
    if found.sentence:
        fit = {"yes": "$good", "no": "$bad", "unknown": "$muted"}[found.fits]
        lines.append([(found.sentence, "$foreground"), (f"  {found.fit_text}" if found.fit_text else "", fit)])
    elif state.is_forecasting:
        lines.append([(text("Working out the sizes…"), "$muted")])
    if found.problem:
        lines.append([(found.problem, "$warning")])
    lines += [[(note, "$muted")] for note in found.notes]
    if state.problem:
        lines.append([(f"✗ {state.problem}", "$bad"), (f" {state.hint}" if state.hint else "", "$muted")])
    return lines


def made_rows(made: Sequence[MadeRow]) -> list[ListRow]:
    """What was made of it, with its proof."""
    if not made:
        return []
    said = {"passed": (text("proven"), "good"), "failed": (text("proof failed"), "bad"),
            "partial": (text("proven in part"), "muted"), "": (text("no proof"), "muted")}  # fmt: skip
    rows = [heading(text("Made of it"))]
    for one in made:
        left = ((one.label, "strong"), (f"  {size_text(one.size_bytes)}", "muted"))
        second = RowLine(((f"  {one.quality or text('not measured')}", "muted"),))
        rows.append(ListRow(f"made:{one.job_id}", (RowLine(left, (said[one.proof],)), second)))
    rows.append(row("compare", text("Compare them"), meaning="accent"))
    return rows


def compared_rows(state: QuantState) -> list[ListRow]:
    """The comparison: a bar of what each loses beside its figures."""
    if not state.compared:
        return []
    most = max((one.divergence or 0.0 for one in state.compared), default=0.0)
    rows = [heading(f"{text('How they compare')} · {state.compared_text}")]
    for one in state.compared:
        bar = "" if one.divergence is None or not most else meter(one.divergence / most, _BAR)
        left = ((f"{one.label}  ", "page"), (f"{size_text(one.size_bytes)}  ", "muted"), (bar, "accent"))
        rows.append(ListRow("", (RowLine(left), RowLine(((f"  {_figures(one)}", "muted"),)))))
    return rows


def _figures(one: ComparedRow) -> str:
    parts = [text("the measure")] if one.is_reference else []
    if one.divergence is not None:
        parts.append(text("{count} nats", count=f"{one.divergence:.4f}"))
    if one.agreement is not None:
        parts.append(text("{share} the same first choice", share=f"{one.agreement:.1%}"))
    if one.perplexity is not None:
        parts.append(text("perplexity {count}", count=f"{one.perplexity:.2f}"))
    if one.decode is not None:
        parts.append(text("{count} tok/s", count=f"{one.decode:.0f}"))
    if one.memory_bytes is not None:
        parts.append(text("{size} of memory", size=size_text(one.memory_bytes)))
    return " · ".join(parts)
