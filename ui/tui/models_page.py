"""The models page: memory, the models there are, what can be done with each. Draws what `ModelsDesk` says."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from rushlight.assistant.safety.plain import plain, plain_line
from rushlight.ui.desk.actions import action
from rushlight.ui.desk.bench_desk import BenchDesk, BenchState
from rushlight.ui.desk.figures import size_text
from rushlight.ui.desk.model_loading import PlanRow
from rushlight.ui.desk.model_values import DownloadPlan, ModelCard, ModelRow, ModelsState, OnDisk
from rushlight.ui.tui.bars import parts
from rushlight.ui.tui.keys import key_text
from rushlight.ui.tui.model_rows import bench_lines, found_rows, model_rows
from rushlight.ui.tui.panel import ChoicePanel, LinePanel, ReadPanel, path_panel
from rushlight.ui.tui.row_list import ListRow, RowLine, RowList, row
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight import Error
    from rushlight.ui.tui.frame import Frame

_BAR_CELLS = 24


def pages_beside() -> str:
    """The pages under this one, with their keys."""
    beside = [action(f"page.{one}") for one in ("quantize", "server")]
    return " · ".join(f"{key_text(one.terminal_keys[0])} {one.title}" for one in beside)


class ModelsPage(Vertical):
    """A `ModelsView`."""

    DEFAULT_CSS = """
    ModelsPage { padding: 0 1; background: $background; }
    ModelsPage > .page-title { text-style: bold; color: $accent; height: 1; padding: 0 1; }
    ModelsPage > #bars { height: auto; max-height: 6; padding: 0 1; color: $muted; }
    ModelsPage > #model-keys { height: auto; max-height: 3; padding: 0 1; color: $muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "order('load')", show=False),
        Binding("d", "order('default')", show=False),
        Binding("i", "order('card')", show=False),
        Binding("n", "order('alias')", show=False),
        Binding("x,delete", "order('remove')", show=False),
        Binding("z", "order('undo')", show=False),
    ]

    def __init__(self, frame: "Frame") -> None:
        super().__init__(id="models")
        self.frame = frame
        self._planned: PlanRow | None = None
        self._bench = BenchDesk(frame.background, self._show_bench)
        self._bars = Static(id="bars")
        self._list = RowList(id="model-list")
        self._keys = Static(id="model-keys")

    def compose(self) -> ComposeResult:
        yield Static(Content(f"{text('Models')}   {pages_beside()}"), classes="page-title")
        yield self._bars
        yield self._list
        yield self._keys

    def on_unmount(self) -> None:
        self._bench.close()

    def take_focus(self) -> None:
        self._list.focus()
        self.frame.models.refresh()

    def show(self, state: ModelsState) -> None:
        lines = []
        for bar in state.bars:
            cells = parts([one.size_bytes for one in bar.parts], _BAR_CELLS)
            drawn = [
                ("█" * n, _part_colour(one.kind, at)) for at, (one, n) in enumerate(zip(bar.parts, cells, strict=True))
            ]
            named = " · ".join(f"{plain_line(one.label)} {size_text(one.size_bytes)}" for one in bar.parts)
            lines.append(Content.assemble((f"{plain_line(bar.name)}  ", "$foreground"), *drawn, f"  {named}"))
        self._bars.update(Content("\n").join(lines) if lines else Content(""))
        rows = model_rows(state.rows)
        if not rows and not state.is_loading:
            said = text(
                "No model yet. Ctrl+D finds those of other programs, Ctrl+A takes in a file, Ctrl+G fetches one."
            )
            rows = [ListRow("", (RowLine(((said, "muted"),)),))]
        self._list.show_rows(rows)
        if state.plan is not None and state.plan != self._planned:
            self._decide(state.plan)
        self._planned = state.plan
        keys = text("Enter: what can be done · L: load or unload · D: default · I: card · X: remove")
        undo = f"{plain_line(state.undo)}  Z: {text('bring it back')}\n" if state.undo else ""
        adding = text("Ctrl+A: take in a file · Ctrl+G: get one · Ctrl+D: find those of other programs")
        self._keys.update(Content(f"{undo}{keys}\n{adding}"))

    # --- what is done -------------------------------------------------------------------------------------------
    def do(self, action_id: str) -> None:
        """An action of the models page."""
        match action_id:
            case "models.import":
                self._ask_file()
            case "models.get":
                self._ask_reference()
            case "models.find":
                self.frame.tell(text("Looking for models on this disk …"))
                self.frame.models.discover(self._show_found)
            case "models.unload-all":
                self.frame.models.unload("")
            case "models.bench":
                self._measure(self.frame.models.row(self._list.chosen))

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        one = self.frame.models.row(event.key)
        if one is None:
            return
        orders = [
            row("load", text("Unload: give its memory back") if one.is_loaded else text("Load it now")),
            row("default", text("Make it the default")),
            row("card", text("Its card: everything that is known of it")),
            row("plan", text("What loading it takes")),
            row("options", text("How it is loaded")),
            row("sampler", text("Its sampler defaults")),
            row("bench", text("Measure how fast it is here")),
            row("smaller", text("Make a smaller one of it")),
            row("alias", text("Give it another name")),
            row("remove", text("Remove it from the list, with its file if that is ours")),
        ]
        self.frame.ask(ChoicePanel(plain_line(one.label), orders, lambda order: self._order(order, one)))

    def action_order(self, order: str) -> None:
        if order == "undo":
            self.frame.models.undo()
            return
        one = self.frame.models.row(self._list.chosen)
        if one is not None:
            self._order(order, one)

    def _order(self, order: str, one: ModelRow) -> None:
        models = self.frame.models
        match order:
            case "load" if one.is_loading:
                models.stop_loading(one.id)
            case "load":
                (models.unload if one.is_loaded else models.wish_to_load)(one.id)
            case "plan":
                models.plan(one.id, self._show_load_plan)
            case "options":
                models.card(one.id, self._ask_options)
            case "bench":
                self._measure(one)
            case "smaller":
                self._make_smaller(one.id)
            case "default":
                models.set_default(one.id)
            case "card":
                models.card(one.id, self._show_card)
            case "sampler":
                models.card(one.id, self._ask_sampler)
            case "alias":
                said = text("Another name for {model}", model=plain_line(one.label))
                self.frame.ask(
                    LinePanel(said, lambda alias: models.set_alias(one.id, alias) if alias.strip() else None)
                )
            case "remove":
                models.remove(one.id)

    def _measure(self, one: ModelRow | None) -> None:
        """How fast it is here; a second time stops it."""
        if self._bench.state.is_running:
            self._bench.stop()
        elif one is not None:
            self._bench.start(one.id, one.label)

    def _show_bench(self, state: BenchState) -> None:
        if state.is_running:
            done = "…" if state.fraction is None else f"{state.fraction:.0%}"
            self.frame.tell(text("Measuring {model}: {done}. Alt+T stops it.", model=state.label, done=done))
        elif state.problem:
            self.frame.tell(f"✗ {state.problem} {state.hint}", "bad")
        elif state.rows:
            said = text("How fast {model} is here", model=state.label)
            self.frame.ask_later(ReadPanel(said, "\n".join(bench_lines(state))))

    def _show_load_plan(self, plan: PlanRow) -> None:
        self.frame.ask_later(ReadPanel(plain_line(plan.label), "\n".join((plan.sentence, *plan.lines))))

    def _decide(self, plan: PlanRow) -> None:
        """Loading it would cost something."""
        cannot = plan.state == "does-not-fit"
        rows = [
            row("leave", text("Leave it")),
            row("load", text("Try it all the same") if cannot else text("Load it")),
        ]
        if cannot:
            rows.insert(1, row("smaller", text("Make a smaller one of it")))

        def decided(what: str) -> None:
            self.frame.models.leave_plan()
            if what == "load":
                self.frame.models.load(plan.model_id)
            elif what == "smaller":
                self._make_smaller(plan.model_id)

        panel = ChoicePanel("\n".join((plain_line(plan.label), plan.sentence, *plan.lines[:2])), rows, decided)
        panel.on_closed = self.frame.models.leave_plan
        self.frame.ask_later(panel)

    def _make_smaller(self, model_id: str) -> None:
        self.frame.remembered.set("quant_model", model_id)  # which that page looks at when it is gone to
        self.frame.show_page("quantize")

    def _ask_options(self, card: ModelCard) -> None:
        """name=value pairs, as `rushlight models set` takes them."""

        def set_all(typed: str) -> None:
            options: dict[str, str | None] = dict.fromkeys((name for name, _ in card.load), None)
            for word in typed.split():
                name, _, value = word.partition("=")
                options[name] = value or None
            self.frame.models.set_load_options(card.row.id, options)

        panel = LinePanel(
            text("How {model} is loaded", model=plain_line(card.row.label)),
            set_all,
            value=" ".join(f"{name}={value}" for name, value in card.load),
            placeholder="context=8192 kv_type=q8_0 gpu_layers=20 keep_alive_s=-1",
            hint=text("name=value, with blanks between · empty: as the settings have it · Enter · Esc"),
        )
        self.frame.ask_later(panel)

    def _show_card(self, card: ModelCard) -> None:
        lines = [f"{plain_line(label)}: {plain_line(value)}" for label, value in card.facts]
        lines += [f"{name}: {value} ({text('of the file') if origin == 'file' else text('yours')})"
                  for name, value, origin in card.sampling]  # fmt: skip
        lines += [plain(one) for one in card.notices]
        self.frame.ask_later(ReadPanel(plain_line(card.row.label), "\n".join(lines)))

    def _ask_sampler(self, card: ModelCard) -> None:
        known = " ".join(f"{name}={value}" for name, value, origin in card.sampling if origin == "user")

        def set_all(typed: str) -> None:
            options: dict[str, str | None] = {name: None for name, _, origin in card.sampling if origin == "user"}
            for word in typed.split():
                name, _, value = word.partition("=")
                options[name] = value or None
            self.frame.models.set_card_options(card.row.id, options)

        panel = LinePanel(
            text("Sampler defaults of {model}", model=plain_line(card.row.label)),
            set_all,
            value=known,
            placeholder="temperature=0.7 top_p=0.9",
            hint=text("name=value, with blanks between · empty: those of the file · Enter · Esc"),
        )
        self.frame.ask_later(panel)

    def _ask_file(self) -> None:
        panel = path_panel(
            text("Take in which GGUF file?"),
            lambda path: self.frame.models.import_file(path),
            hint=text("A copy is made, and checked. Enter · Esc"),
        )
        self.frame.ask(panel)

    def _ask_reference(self) -> None:
        panel = LinePanel(
            text("Get which model from Hugging Face? This goes to the network."),
            self._plan,
            placeholder=text("owner/repository, or owner/repository/file.gguf"),
        )
        self.frame.ask(panel)

    def _plan(self, reference: str) -> None:
        if reference.strip():
            self.frame.tell(text("Asking what {name} is …", name=plain_line(reference.strip())[:80]))
            self.frame.models.download_plan(reference.strip(), self._show_plan, self._refused)

    def _refused(self, err: "Error") -> None:
        self.frame.tell(f"{plain_line(err.message)} {plain_line(err.hint)}", "bad")

    def _show_plan(self, plan: DownloadPlan) -> None:
        if plan.problem:
            self.frame.tell(plain_line(plan.problem), "bad")
        rows = [
            ListRow(
                one.reference,
                (RowLine(((plain_line(one.name), "page"),),
                         ((f"{size_text(one.size_bytes)}  {plain_line(one.fit_text)}", "muted"),)),),
            )
            for one in plan.choices
        ]  # fmt: skip
        if not rows:
            return
        chosen = plan.choices[plan.chosen].reference if plan.chosen >= 0 else ""
        said = text(
            "Download from {host}? {free} are free on the disk.",
            host=plain_line(plan.origin),
            free=size_text(plan.free_bytes),
        )
        self.frame.ask_later(ChoicePanel(said, rows, self._download, choose=chosen))

    def _download(self, reference: str) -> None:
        self.frame.models.download(reference)

    def _show_found(self, found: tuple[OnDisk, ...]) -> None:
        if not found:
            self.frame.tell(text("No model of another program was found on this disk."))
            return
        self.frame.ask_later(ChoicePanel(text("Use which of these?"), found_rows(found), self._take_in))

    def _take_in(self, path: str) -> None:
        self.frame.models.import_file(Path(path), how="in-place")


def _part_colour(kind: str, at: int) -> str:
    if kind == "model":
        return "$accent" if at % 2 == 0 else "$info"
    return "$muted" if kind == "other" else "$line"
