"""The page of learning in the terminal app: a list, and beside it what is chosen in it. Draws `LearnDesk`.

Where there is no room for both, the list makes way for what is chosen until Escape.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.actions import actions
from rushlight.ui.desk.learn_desk import LearnDesk
from rushlight.ui.desk.learn_values import Choice, ExampleRow, LearnState
from rushlight.ui.desk.learn_words import figures, missing, what_then
from rushlight.ui.tui.desk_views import Later
from rushlight.ui.tui.learn_page_asking import AskingPart
from rushlight.ui.tui.learn_page_curve import curve_text
from rushlight.ui.tui.learn_page_more import history_rows
from rushlight.ui.tui.learn_page_proof import adapter_rows, beside_text, can_promote
from rushlight.ui.tui.learn_page_rows import (
    example_text,
    index_rows,
    job_rows,
    lesson_rows,
    lesson_text,
    new_rows,
    shown_example,
)
from rushlight.ui.tui.learn_page_wish import WishPart
from rushlight.ui.tui.panel import ChoicePanel, ReadPanel, TextPanel
from rushlight.ui.tui.row_list import ListRow, RowList, row
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.jobs.job import Job
    from rushlight.ui.tui.frame import Frame

_BOTH = 84  # cells from which list and detail stand beside each other
_INDEX = 30
_OWN = {
    "escape": "leave", "left": "list", "right": "detail", "f": "add", "plus": "longer", "minus": "shorter",
    "u": "pause", "c": "cancel", "r": "retry", "d,delete": "remove", "e": "correct", "o": "out", "x": "dismiss",
    "h": "history", "space": "toggle", "g": "further",
}  # fmt: skip


class LearnPage(Vertical):
    """Has a `LearnDesk` of its own."""

    DEFAULT_CSS = """
    LearnPage { padding: 0 1; background: $background; }
    LearnPage > .page-title { text-style: bold; color: $accent; height: 1; padding: 0 1; }
    LearnPage > #learn-across { height: 1fr; }
    LearnPage #learn-detail { width: 1fr; }
    LearnPage.-both #learn-index { border-right: solid $line; }
    LearnPage > #learn-state { height: auto; max-height: 4; padding: 0 1; color: $muted; }
    LearnPage > #learn-keys { height: auto; max-height: 3; padding: 0 1; color: $muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(",".join(one.terminal_keys), f"order('{one.id}')", show=False)
            for one in actions()
            if one.scope == "learn" and one.terminal_keys
        ),
        *(Binding(key, f"order('{order}')", show=False) for key, order in _OWN.items()),
    ]

    def __init__(self, frame: "Frame") -> None:
        super().__init__(id="learn")
        self.frame = frame
        self.desk = LearnDesk(frame.background, frame.remembered, Later(self.draw))
        self.desk.on_job = self._begun
        self._wish = WishPart(frame, self.desk)
        self._asking = AskingPart(frame, self.desk, self.look_at)
        self._shows_list = True  # it has the focus, or is shown alone where both have no room
        self._told = ""
        self._drawn_choice: Choice | None = None
        self._title = Static(classes="page-title")
        self._state = Static(id="learn-state")
        self._keys = Static(id="learn-keys")
        self._index = RowList(id="learn-index")
        self._detail = RowList(id="learn-detail")

    def compose(self) -> ComposeResult:
        yield self._title
        with Horizontal(id="learn-across"):
            yield self._index
            yield self._detail
        yield self._state
        yield self._keys

    def on_mount(self) -> None:
        self._place()

    def on_unmount(self) -> None:
        self.desk.close()

    def on_hide(self) -> None:
        self.desk.rest()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """By Tab or the mouse: a panel that closes gives it back to the same list."""
        if self._has_both and event.widget.has_focus and event.widget in (self._index, self._detail):
            self._shows_list = event.widget is self._index

    def on_resize(self, _event: events.Resize) -> None:
        self._place()

    def take_focus(self) -> None:
        self._focus()
        self.desk.refresh()

    def _focus(self) -> None:
        """The list, or what was chosen in it; the lists are there a moment after the page."""
        if not self._index.is_attached and self.is_attached:
            self.call_after_refresh(self._focus)
            return
        (self._index if self._shows_list else self._detail).focus()

    # --- what is shown ------------------------------------------------------------------------------------------
    def draw(self, state: LearnState) -> None:
        """The state of the desk."""
        self._title.update(Content(self._title_of(state)))
        self._index.show_rows(index_rows(state))
        before, self._drawn_choice = self._drawn_choice, state.choice
        if state.choice != before and not (before is not None and state.choice.kind == before.kind == "runs"):
            self._detail.show_rows([])
            self._detail.scroll_to(y=0, animate=False, immediate=True)
        self._detail.show_rows(self._rows(state))
        self._state.update(
            Content.assemble((f"✗ {state.problem}", "$bad"), (f" {state.hint}  {text('X: dismiss')}", "$muted"))
            if state.problem
            else Content("")
        )
        self._state.display = bool(state.problem)
        self._keys.update(Content(self._key_line(state)))
        if state.notice and state.notice != self._told:
            self.frame.tell(state.notice, "good")
        self._told = state.notice

    def _rows(self, state: LearnState) -> list[ListRow]:
        width = self._width
        if state.job is not None:
            return job_rows(state, state.job, width)
        if state.adapter is not None:
            return adapter_rows(state, width)
        if state.lesson is not None:
            return lesson_rows(state, width)
        if state.choice.kind == "runs":
            return history_rows(state, width)
        return new_rows(state, width) if state.choice.kind == "new" else []

    def _title_of(self, state: LearnState) -> str:
        name = next((one.name for one in (state.adapter, state.lesson) if one is not None), "")
        if self._has_list_only or state.choice.kind == "runs":
            return text("Learn") if self._has_list_only else text("Learn: runs and their curves")
        if state.job is not None:
            return plain_line(state.job.title)
        return text("Learn: {name}", name=plain_line(name)) if name else text("Learn")

    def _key_line(self, state: LearnState) -> str:
        if self._has_list_only:
            return text("Enter: look at it · N: teach something new · H: runs and their curves")
        if state.job is not None:
            keys = text("U: pause or go on · C: cancel · R: try again · Esc: list")
        elif state.adapter is not None:
            keys = text("Enter: read · P: promote · B: roll back · Y: try it blind · E: export · D: remove · Esc: list")
        elif state.lesson is not None:
            keys = text(
                "Enter: correct · O: leave out or take in · T: teach again · G: further · D: remove · Esc: list"
            )
        elif state.choice.kind == "runs":
            keys = text("Space: its curve beside others · Enter: what to do with it · Esc: list")
        else:
            keys = text("Enter: change · F: file · + −: time · T: teach it · Esc: list")
        return keys

    @property
    def _has_both(self) -> bool:
        return self.size.width >= _BOTH

    @property
    def _has_list_only(self) -> bool:
        return self._shows_list and not self._has_both

    @property
    def _width(self) -> int:
        """Cells of what is chosen, without the scrollbar and the margin."""
        across = self.size.width - 2 - (_INDEX if self._has_both else 0)
        return max(20, across - 2)

    def _place(self) -> None:
        """The list beside what is chosen, or one of them."""
        had_focus = self._index.has_focus or self._detail.has_focus
        both = self._has_both
        self.set_class(both, "-both")
        self._index.styles.width = _INDEX if both else "1fr"
        self._index.display = both or self._shows_list
        self._detail.display = both or not self._shows_list
        if had_focus:
            (self._index if self._shows_list else self._detail).focus()
        self.draw(self.desk.state)

    def _turn(self, to_list: bool) -> None:
        self._shows_list = to_list
        self._place()
        (self._index if to_list else self._detail).focus()

    def look_at(self, choice: Choice) -> None:
        """Show it."""
        self.desk.choose(choice)
        self._turn(to_list=False)

    # --- what is done -------------------------------------------------------------------------------------------
    def action_order(self, order: str) -> None:
        self.do(order)

    def do(self, action_id: str) -> None:
        """An action of the page."""
        order = action_id.removeprefix("learn.")
        if order == "new":
            self.look_at(Choice())
        elif order == "history":
            self.look_at(Choice("runs"))
        elif order == "toggle":
            self._asking.toggle(self._detail.chosen)
        elif order in ("leave", "list"):
            self._turn(to_list=True)
        elif order == "detail":
            self._turn(to_list=False)
        elif order == "dismiss":
            self.desk.dismiss()
        elif not self._detail.display:
            self.frame.tell(text("Choose something in the list first: Enter looks at it."))
        elif order in ("promote", "roll-back", "blind"):
            self._on_adapter(order)
        elif order in ("pause", "cancel", "retry"):
            self._on_job(order)
        elif order == "correct" and self.desk.state.adapter is not None:
            self._asking.ask_form()
        elif order in ("correct", "out"):
            self._on_example(order)
        elif order in ("longer", "shorter"):
            self._wish.change_minutes(1 if order == "longer" else -1)
        elif order == "add":
            self._wish.ask_file()
        elif order == "remove":
            self._remove()
        elif order == "further":
            self._further()
        else:
            self._teach()

    def _teach(self) -> None:
        state = self.desk.state
        if state.lesson is not None:
            self.desk.teach_again(state.lesson.id)
        elif state.choice.kind != "new":
            self.frame.tell(text("N begins something new; T teaches it."))
        elif state.can_start:
            self.desk.teach()
        else:
            self.frame.tell(missing(state))

    def _further(self) -> None:
        state = self.desk.state
        if state.lesson is None:
            self.frame.tell(text("Choose a lesson first."))
        elif state.lesson.further(state.wish.model):
            self.desk.train_further(state.lesson.id)
        else:
            self.frame.tell(text("No adapter of this model has learned it yet: T teaches it."))

    def _on_adapter(self, order: str) -> None:
        state = self.desk.state
        adapter = state.adapter
        if adapter is None:
            self.frame.tell(text("Choose an adapter first."))
        elif order == "blind" and not adapter.is_for_chat:
            self.frame.tell(text("“{name}” answers questions to a database; only chats are compared blindly.",
                                 name=plain_line(adapter.name)))  # fmt: skip
        elif order == "blind":
            self.frame.compare_blind(adapter.name)
        elif order == "roll-back" and adapter.state != "promoted":
            self.frame.tell(text("Choose an adapter that is promoted first."))
        elif order == "roll-back":
            self.desk.roll_back(adapter.name)
        elif can_promote(state):
            self.desk.promote(adapter.name)
        else:
            self.frame.tell(text("“{name}” cannot be promoted now.", name=plain_line(adapter.name)))

    def _on_job(self, order: str) -> None:
        job = self.desk.state.job
        if job is not None and order == "pause" and job.state in ("running", "waiting"):
            self.desk.pause(job.id)
        elif job is not None and order == "pause" and job.state in ("paused", "pausing"):
            self.desk.resume(job.id)
        elif job is not None and order == "cancel" and not job.is_over and job.state != "cancelling":
            self.desk.cancel(job.id)
        elif job is not None and order == "retry" and job.state in ("failed", "cancelled"):
            self.desk.retry(job.id)
        else:
            self.frame.tell(text("That cannot be done with this job now."))

    def _on_example(self, order: str) -> None:
        one = shown_example(self.desk.state.examples, self._detail.chosen)
        if one is None:
            self.frame.tell(text("Choose an example of a lesson first."))
        elif order == "out":
            self.desk.leave_out(one.id, not one.is_left_out)
        else:
            self._correct(one)

    def _correct(self, one: ExampleRow) -> None:
        if one.answer.endswith("…"):  # cut for the list: keeping it would lose the rest
            self.frame.ask(ReadPanel(text("It is too long to be corrected here."), example_text(one)))
        else:
            self._ask_answer(one, self.desk.state.choice.id, one.answer)

    def _ask_answer(self, one: ExampleRow, lesson_id: str, value: str) -> None:
        """For an example of that lesson, also where another one is looked at by the time it is typed."""

        def typed(answer: str) -> None:
            if not answer.strip() or answer == one.answer:
                return
            if self.desk.state.is_busy:  # what was typed stays in its field until that is over
                self.frame.tell(text("Wait: what was begun before is not done yet."))
                self._ask_answer(one, lesson_id, answer)
            else:
                self.desk.correct(one.id, answer, lesson_id)

        hint = text("The answer that is learned instead · Ctrl+S: keep it · Esc: leave")
        self.frame.ask(TextPanel(plain_line(one.asked), typed, value=value, hint=hint))

    def _remove(self) -> None:
        adapter, lesson = self.desk.state.adapter, self.desk.state.lesson
        wish_at = self._detail.chosen.partition(":")
        if wish_at[0] == "file":
            self._wish.take_out(int(wish_at[2]))
        elif adapter is not None and adapter.state == "promoted":
            self.frame.tell(text("It serves: roll it back before it is removed."))
        elif adapter is not None:
            question = text("Remove {name} and its file? Its lesson and its run stay.", name=plain_line(adapter.name))
            self._sure(question, lambda: self.desk.remove(adapter.name))
        elif lesson is not None:
            question = text("Remove the lesson {name}? Adapters that were trained on it stay.", name=lesson.name)
            self._sure(question, lambda: self.desk.remove_lesson(lesson.id))
        else:
            self.frame.tell(text("Choose an adapter or a lesson first."))

    def _sure(self, question: str, then: Callable[[], None]) -> None:
        rows = [row("no", text("Keep it")), row("yes", text("Remove"))]
        self.frame.ask(ChoicePanel(question, rows, lambda answer: then() if answer == "yes" else None))

    # --- what was chosen ----------------------------------------------------------------------------------------
    @on(RowList.Highlighted)
    def _highlighted(self, event: RowList.Highlighted) -> None:
        event.stop()

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        kind, _, rest = event.key.partition(":")
        if event.row_list is self._index:
            self.look_at(Choice(kind, rest))  # type: ignore[arg-type]  # our own keys
            return
        orders = {"promote": "promote", "back": "roll-back", "blind": "blind", "remove": "remove", "pause": "pause",
                  "resume": "pause", "cancel": "cancel", "retry": "retry", "again": "start", "teach": "start",
                  "further": "further",
                  "add": "add"}  # fmt: skip
        asks: dict[str, Callable[[], None]] = {
            "kind": self._wish.ask_kind, "model": self._wish.ask_model, "minutes": self._wish.ask_minutes,
            "more": self.desk.more, "practise": self.desk.practise,
            "get-model": lambda: self.frame.do("models.get"), "see": self._see,
            "promotes": lambda: self.desk.want(promotes=not self.desk.state.wish.promotes),
        }  # fmt: skip
        if self._asking.take(kind, rest):
            return
        if kind in orders:
            self.do(orders[kind])
        elif kind in asks:
            asks[kind]()
        elif kind == "file":
            self._wish.take_out(int(rest))
        elif kind == "example":
            self._on_example("correct")
        else:
            self._read(kind, rest)

    def _see(self) -> None:
        job = self.desk.state.job
        if job is not None and job.adapter:
            self.look_at(Choice("adapter", job.adapter))

    def _read(self, kind: str, rest: str) -> None:
        """What has no order of its own is read in full."""
        state = self.desk.state
        proof = state.proof
        if kind == "beside" and proof is not None:
            self.frame.ask(ReadPanel(text("Before and after"), beside_text(proof.beside[int(rest)])))
        elif kind == "guard" and proof is not None:
            guard = proof.guards[int(rest)]
            self.frame.ask(ReadPanel(guard.name, guard.detail))
        elif kind == "origin":
            self.frame.ask(ReadPanel(*state.origin[int(rest)]))
        elif kind == "about" and state.adapter is not None:
            self.frame.ask(ReadPanel(plain_line(state.adapter.name), what_then(state)))
        elif kind == "about" and state.lesson is not None:
            self.frame.ask(ReadPanel(plain_line(state.lesson.name), lesson_text(state.lesson)))
        elif kind == "curves":
            said = [f"{one.title}: {curve_text(one.steps)}" for one in state.curves]
            self.frame.ask(ReadPanel(text("Loss by step"), "\n".join(said)))
        elif kind in ("about", "curve", "figure"):
            known = [] if state.job is None else [f"{name}: {words}" for name, words in figures(state.job, state.steps)]
            self.frame.ask(ReadPanel(text("Loss by step"), "\n".join([curve_text(state.steps), *known])))

    def _begun(self, job: "Job") -> None:
        self.frame.tell(text("Begun in the background: {title}. F3 shows it.", title=plain_line(job.title)))
        self.frame.jobs.refresh()
