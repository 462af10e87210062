"""How lessons, and what came of teaching them, look in a terminal and as JSON. Knows their values; changes none."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rushlight.ui.cli.chat_views import beginning, moment, short_id
from rushlight.ui.cli.job_views import clock_text
from rushlight.ui.cli.output import print_table, say
from rushlight.ui.words import plural, text

if TYPE_CHECKING:
    from rushlight.assistant.learn.example import Example, Lesson

_PREVIEWED = 8


def lesson_json(lesson: "Lesson") -> dict[str, Any]:
    return {
        "id": lesson.id, "name": lesson.name, "kind": lesson.kind, "scope": lesson.scope, "form": lesson.form,
        "source": lesson.source, "version": lesson.version, "created_at": lesson.created_at,
        "updated_at": lesson.updated_at, "split_at": lesson.split_at, "examples": lesson.n_examples,
        "held_out": lesson.n_held_out, "left_out": lesson.n_left_out, "gone": lesson.n_gone,
        "is_stale": lesson.is_stale,
    }  # fmt: skip


def example_json(example: "Example") -> dict[str, Any]:
    draft = example.draft
    return {
        "id": example.id, "shape": draft.shape, "prompt": [{"role": one.role,
        "content": one.content} for one in draft.prompt],
        "answer": draft.answer, "rejected": draft.rejected, "good": draft.good, "part": example.part,
        "left_out": example.left_out, "more": draft.more,
        "origins": [{"kind": one.kind, "source": one.source, "place": one.place} for one in draft.origins],
    }  # fmt: skip


def kind_word(kind: str) -> str:
    return {"database": text("database"), "feedback": text("feedback"), "imported": text("file")}.get(kind, kind)


def part_word(example: "Example") -> str:
    if example.left_out:
        return text("left out")
    return {"train": text("trained on"), "held_out": text("held out"), "set_aside": text("set aside")}.get(
        example.part, ""
    )


def print_lessons(lessons: "Sequence[Lesson]") -> None:
    print_table(
        [text("NAME"), text("KIND"), text("SCOPE"), text("EXAMPLES"), text("HELD OUT"), text("VERSION"),
         text("CHANGED")],
        [
            [one.name, kind_word(one.kind), one.scope, f"{one.n_examples:,}", f"{one.n_held_out:,}", str(one.version),
             moment(one.updated_at) + (f", {text('stale')}" if one.is_stale else "")]
            for one in lessons
        ],
        right=[3, 4, 5],
    )  # fmt: skip


def print_lesson(lesson: "Lesson") -> None:
    rows = [
        [text("kind"), kind_word(lesson.kind)],
        [text("scope"), lesson.scope],
        [text("examples"), f"{lesson.n_examples:,}"],
        [text("held out"), f"{lesson.n_held_out:,}" if lesson.is_split else text("not set apart yet")],
        [text("version"), str(lesson.version)],
    ]
    if lesson.n_left_out:
        rows.append([text("left out"), f"{lesson.n_left_out:,}"])
    if lesson.is_stale:
        rows.append([text("of what was deleted since"), f"{lesson.n_gone:,}"])
    named = lesson.source.get("databases") or lesson.source.get("files")
    if isinstance(named, list):
        rows.append([text("made of"), ", ".join(str(one) for one in named)])
    print_table([lesson.name, ""], rows)


def print_examples(examples: "Sequence[Example]") -> None:
    print_table(
        [text("ID"), text("ASKED"), text("ANSWER"), text("PART")],
        [
            [short_id(one.id), beginning(_asked(one), 70), beginning(one.draft.answer, 80), part_word(one)]
            for one in examples
        ],
    )


def print_preview(lesson: "Lesson", examples: "Sequence[Example]") -> None:
    """How large it is, and some of it."""
    say(
        plural(
            "Lesson {name}: {count} example.", "Lesson {name}: {count} examples.", lesson.n_examples, name=lesson.name
        )
    )
    step = max(1, len(examples) // _PREVIEWED)
    for one in list(examples)[::step][:_PREVIEWED]:
        say()
        say(f"  {beginning(_asked(one), 150)}")
        say(f"  → {beginning(one.draft.answer, 150)}")
        if one.draft.rejected:
            say(f"  {text('not')}: {beginning(one.draft.rejected, 120)}")
    say()


def _asked(example: "Example") -> str:
    return str(example.draft.more.get("question") or example.draft.asked)


def print_taught(made: dict[str, Any]) -> None:
    """What was learned, how it was proven, and where it serves."""
    from rushlight.ui.cli.registry_views import print_report

    lesson = made["lesson"]
    say(text("Lesson {name}: {n} examples, {held} of them held out.", name=lesson["name"], n=f"{lesson['examples']:,}",
             held=f"{lesson['held_out']:,}"))  # fmt: skip
    times = made["seconds"]
    if made.get("start"):
        say(text("Gone on from {adapter}.", adapter=made["start"]))
    say(text("Trained on {n} examples in {time}; all of it took {all}.", n=f"{made['plan']['n_seen']:,}",
             time=clock_text(times["train"]), all=clock_text(sum(times.values()))))  # fmt: skip
    say()
    print_report(made["report"])
    say()
    if made["promoted"]:
        say(text("{adapter} serves {scope} from now on.", adapter=made["adapter"], scope=made["scope"]))
    elif made["passed"]:
        say(text("To let it serve {scope}: rushlight registry promote {adapter}", adapter=made["adapter"],
                 scope=made["scope"]))  # fmt: skip
    else:
        say(text("{adapter} is kept as a candidate and does not serve.", adapter=made["adapter"]))


def print_teach_plan(made: dict[str, Any]) -> None:
    """What a teaching would take: its parts of memory and time, and what would make it smaller."""
    from rushlight.ui.cli.output import size_text, tell
    from rushlight.ui.desk.learn_forecast import part_words

    say(text("{n} examples: {seen} are seen in {steps} steps of {batch}; {held} are held out.",
             n=f"{made['examples']:,}", seen=f"{made['n_seen']:,}", steps=f"{made['n_steps']:,}", batch=made["batch"],
             held=f"{made['held_out']:,}"))  # fmt: skip
    say()
    memory = [[part_words(one["name"]), size_text(one["amount"])] for one in made["memory"]]
    print_table([text("MEMORY"), ""], [*memory, [text("together"), size_text(made["total_bytes"])]])
    say()
    spent = [[part_words(one["name"]), clock_text(one["amount"])] for one in made["seconds"]]
    print_table([text("TIME"), ""], [*spent, [text("together"), clock_text(made["total_s"])]])
    if not made["fits"]:
        tell(text("It does not fit: {free} of memory are free.", free=size_text(made["available_bytes"])))
    if made["lower"]:
        say()
        rows = [[one["setting"], size_text(one["total_bytes"])] for one in made["lower"]]
        print_table([text("SMALLER WITH"), text("TOGETHER")], rows)
