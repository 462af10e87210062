"""What the page of learning of the terminal app lists, as rows: what was learned, the wizard, a job, a lesson.

Knows the desk's values. Names, questions and answers are strangers' text: the rows clean them, none is markup.
"""

from collections.abc import Sequence

from rushlight.assistant.safety.plain import plain, plain_line
from rushlight.ui.desk.learn_reading import kind_word
from rushlight.ui.desk.learn_values import Choice, ExampleRow, LearnState, LearnWish, LessonRow, TeachJob
from rushlight.ui.desk.learn_wish import MINUTES
from rushlight.ui.desk.learn_words import (
    about,
    doing,
    figures,
    kinds,
    lesson_name,
    listed,
    missing,
    part_word,
    practice_order,
    practice_text,
    stage_of,
    steps,
)
from rushlight.ui.tui.bars import meter
from rushlight.ui.tui.learn_page_curve import curve_lines
from rushlight.ui.tui.learn_page_lines import lines_of, said
from rushlight.ui.tui.learn_page_more import answer_rows, column_rows, forecast_rows, setting_rows
from rushlight.ui.tui.row_list import ListRow, RowLine, heading, row
from rushlight.ui.words import plural, text

CURVE_LINES = 7
_BAR = 24


def index_rows(state: LearnState) -> list[ListRow]:
    """The list: something new first, then group by group."""
    rows = [row("new:", text("Teach something new"), meaning="accent", is_current=state.choice.kind == "new")]
    for words, entries in listed(state):
        rows.append(heading(words.upper()))
        rows += [
            row(key_of(choice), plain_line(name), right=plain_line(note), is_current=choice == state.choice)
            for name, note, choice in entries
        ]
    return rows


def key_of(choice: Choice) -> str:
    return f"{choice.kind}:{choice.id}"


def new_rows(state: LearnState, width: int) -> list[ListRow]:
    """What is to be taught: a wish a row, Enter changes it."""
    if not state.models:
        if state.is_loading:
            return [heading("…")]
        return [
            *said(text("No model that could learn"), "strong", width),
            *said(text("A model on this machine is taught, and proven before it serves. First a model is needed."),
                  "muted", width),
            row("get-model", text("Get a model…"), meaning="accent"),
        ]  # fmt: skip
    wish = state.wish
    rows = said(text("Teach a model something"), "strong", width)
    rows.append(_wish("kind", text("What"), dict(kinds())[wish.kind]))
    if wish.lesson:
        rows += [_wish("", text("Lesson"), plain_line(lesson_name(state))),
                 row("files-again", text("Learn from files instead"), meaning="accent")]  # fmt: skip
    elif wish.kind != "feedback":
        rows += [
            ListRow(f"file:{at}", (RowLine(((f"{text('From')}  ", "muted"), (plain_line(one), "page")),
                                           ((text("Enter takes it out"), "faint"),)),))
            for at, one in enumerate(wish.files)
        ]  # fmt: skip
        if wish.files:
            add = text("Another file…")
        else:
            add = text("Choose a database…") if wish.kind == "database" else text("Choose files…")
        rows.append(row("add", add, meaning="accent"))
        if state.look is not None:
            rows += column_rows(state.look, width)
    rows += [
        _wish("model", text("Model"), plain_line(wish.model)),
        *_practice(state, width),
        ListRow("minutes", (RowLine(((f"{text('Time')}  ", "muted"), (slider(wish), "flame"))),
                            *lines_of(text("about {n} minutes for all of it: examples, training, export, evaluation",
                                         n=wish.minutes), "muted", width))),
        row("expert", f"{'☑' if wish.is_expert else '☐'} {text('Every setting')}"),
        *(setting_rows(state, width) if wish.is_expert else ()),
        *([heading("")] if wish.is_expert else ()),
        row("promotes", f"{'☑' if wish.promotes else '☐'} {text('Let it serve if the gate lets it through')}"),
    ]  # fmt: skip
    if state.can_start:
        planning = f"{text('Plan memory and time')}: {state.planning}" if state.planning else ""
        rows += [row("plan", planning or text("Plan memory and time"), meaning="muted" if planning else "accent"),
                 row("teach", text("Teach it"), meaning="accent")]  # fmt: skip
    rows += said(missing(state), "muted", width)
    if state.forecast is not None:
        rows += forecast_rows(state.forecast, width)
    rows.append(heading(""))
    return rows + said(about(wish.kind), "muted", width)


def _practice(state: LearnState, width: int) -> list[ListRow]:
    """Whether the model has practised, and the order to do so."""
    words = practice_text(state)
    if not state.can_practise:
        return said(words, "muted", width)
    meaning = "muted" if state.practised else "accent"
    return [ListRow("practise", (RowLine(((practice_order(state), meaning),)), *lines_of(words, "muted", width)))]


def slider(wish: LearnWish) -> str:
    """Where the wish lies between quick and thorough."""
    at = MINUTES.index(wish.minutes) if wish.minutes in MINUTES else 3
    track = "━━".join("●" if n == at else "┿" for n in range(len(MINUTES)))
    return f"{text('quick')} {track} {text('thorough')}"


def job_rows(state: LearnState, job: TeachJob, width: int) -> list[ListRow]:
    """A teaching: its steps, its curve, how it stands, what can be done with it."""
    rows = [ListRow("about", (_step_line(steps(job), stage_of(state, job)),)), heading("")]
    share = None if job.is_over else job.fraction
    left = [(plain_line(doing(job)), "strong")]
    if share is not None:
        left += [(f"  {meter(share, _BAR)}", "flame"), (f" {share:.0%}", "muted")]
    rows.append(ListRow("", (RowLine(tuple(left)),)))
    rows += said(f"✗ {job.message}" if job.message else "", "bad", width)
    rows += said(job.hint, "muted", width)
    orders = [
        (bool(job.adapter), "see", text("See the proof")),
        (job.state in ("running", "waiting"), "pause", text("Pause")),
        (job.state in ("paused", "pausing"), "resume", text("Go on")),
        (job.state in ("failed", "cancelled"), "retry", text("Try again")),
        (not job.is_over and job.state != "cancelling", "cancel", text("Cancel")),
    ]
    rows += [row(key, words, meaning="accent") for may, key, words in orders if may]
    if state.steps or (job.stage >= 2 and not job.is_over):
        rows += [heading(text("Loss")), ListRow("curve", curve_lines(state.steps, width, CURVE_LINES))]
    rows += answer_rows(state.answers, width)
    known = figures(job, state.steps)
    wide = max((len(name) for name, _ in known), default=0)
    rows += [
        ListRow(f"figure:{at}", (RowLine(((f"{name.ljust(wide)}  ", "muted"), (words, "page"))),))
        for at, (name, words) in enumerate(known)
    ]
    if not job.is_over:
        note = text("Training makes way while you chat. You can close this app: the job goes on, F3 lists it.")
        rows += [heading(""), *said(note, "muted", width)]
    return rows


def lesson_rows(state: LearnState, width: int) -> list[ListRow]:
    """A lesson and its examples; those that are not learned are pale."""
    lesson = state.lesson
    if lesson is None:
        return []
    name = (*lines_of(lesson.name, "strong", width), *lines_of(lesson_text(lesson), "muted", width))
    rows = [ListRow("about", name)]
    if lesson.is_stale:
        rows += said(text("Some of it comes from what was deleted since."), "bad", width)
    if state.wish.model and not state.is_busy:
        rows.append(row("again", text("Teach it again"), meaning="accent"))
        further = lesson.further(state.wish.model)
        if further:
            rows.append(row("further", text("Train {name} further", name=plain_line(further)), meaning="accent"))
    rows += [row("remove", text("Remove…"), meaning="muted"), heading(text("Examples"))]
    rows += [_example(one) for one in state.examples]
    if state.has_more:
        rows.append(row("more", text("Show more"), meaning="accent"))
    return rows


def lesson_text(lesson: LessonRow) -> str:
    """What it is and how much of it there is."""
    parts = [
        kind_word(lesson.kind),
        plural("{count} example", "{count} examples", lesson.n_examples),
        text("{n} held out", n=f"{lesson.n_held_out:,}"),
        text("version {n}", n=lesson.version),
        lesson.scope,
    ]
    return " · ".join(parts)


def example_text(one: ExampleRow) -> str:
    """An example in full, to be read."""
    shown = f"{plain(one.asked)}\n\n{plain(one.answer)}"
    return shown + (f"\n\n{text('worse: {answer}', answer=plain(one.rejected))}" if one.rejected else "")


def _wish(key: str, name: str, value: str) -> ListRow:
    return ListRow(key, (RowLine(((f"{name}  ", "muted"), (value, "page"))),))


def _step_line(names: tuple[str, ...], stage: int) -> RowLine:
    words: list[tuple[str, str]] = []
    for number, name in enumerate(names):
        if number:
            words.append((" ─ ", "faint"))
        if number < stage:
            words.append((f"✓ {name}", "good"))
        else:
            words.append((f"{number + 1} {name}", "selected" if number == stage else "muted"))
    return RowLine(tuple(words))


def _example(one: ExampleRow) -> ListRow:
    part = part_word(one)
    asked, answer = ("faint", "faint") if one.is_left_out else ("page", "muted")
    lines = [
        RowLine(((plain_line(one.asked), asked),), ((part, "muted"),) if part else ()),
        RowLine(((f"  {plain_line(one.answer)}", answer),)),
    ]
    if one.rejected:
        lines.append(RowLine(((f"  {text('worse: {answer}', answer=plain_line(one.rejected))}", "faint"),)))
    return ListRow(f"example:{one.id}", tuple(lines))


def shown_example(examples: Sequence[ExampleRow], key: str) -> ExampleRow | None:
    """The one under the cursor."""
    return next((one for one in examples if key == f"example:{one.id}"), None)
