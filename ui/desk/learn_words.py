"""Learning in words: what each kind of lesson learns from, how a teaching stands, what a proof found; and the list.

Knows the values of the desk of learning.
"""

from collections.abc import Iterable
from typing import TypeAlias

from rushlight.ui.desk.figures import duration_text
from rushlight.ui.desk.job_words import what_text
from rushlight.ui.desk.learn_values import (
    AdapterRow,
    AnswerLook,
    BesideRow,
    Choice,
    ExampleRow,
    ExportRow,
    FilesRow,
    LearnState,
    Proof,
    RunRow,
    RunStep,
    TeachJob,
)
from rushlight.ui.words import plural, text

Listed: TypeAlias = tuple[str, str, Choice]  # words, note, what it shows
_MOST_ENDED = 5


def listed(state: LearnState) -> tuple[tuple[str, tuple[Listed, ...]], ...]:
    """(heading, entries) of the list: what is under way, adapters by their state, lessons, what ended early."""
    groups = [(text("Under way"), _jobs(one for one in state.jobs if not one.is_over))]
    for state_name, words in (
        ("promoted", text("Promoted")),
        ("candidate", text("Candidates")),
        ("retired", text("Retired")),
    ):
        found = (one for one in state.adapters if one.state == state_name and not one.is_practice)
        groups.append(
            (words, [(one.name, text("stale") if one.is_stale else one.note, Choice("adapter", one.name))
                     for one in found])
        )  # fmt: skip
    practised = [(one.name, text("promoted") if one.state == "promoted" else one.note, Choice("adapter", one.name))
                 for one in state.adapters if one.is_practice]  # fmt: skip
    groups.append((text("Practice"), practised))
    groups.append(
        (text("Lessons"), [(one.name, text("stale") if one.is_stale else f"{one.n_examples:,}",
                            Choice("lesson", one.id)) for one in state.lessons])
    )  # fmt: skip
    if state.jobs or state.adapters:
        chosen = state.choice if state.choice.kind == "runs" else Choice("runs")
        groups.append((text("History"), [(text("Runs and their curves"), "", chosen)]))
    ended = [one for one in state.jobs if one.is_over and not one.adapter]
    groups.append((text("Ended without an adapter"), _jobs(ended[:_MOST_ENDED])))
    return tuple((words, tuple(entries)) for words, entries in groups if entries)


def about(kind: str) -> str:
    """What a lesson of that kind learns from, and where its adapter works."""
    words = {
        "database": text(
            "Questions with their queries are made from the tables, keys and values; each query is run before it "
            "counts. What you accepted on the SQL page is learned as well. The adapter answers for this database only."
        ),
        "feedback": text(
            "Learns from the replies that you corrected, kept or judged with thumbs. The adapter works in all chats "
            "with this model once it is promoted."
        ),
        "imported": text(
            "Alpaca, ShareGPT, OpenAI's messages, prompt and completion, preferences or ratings; as JSONL, JSON, CSV "
            "or TSV. The adapter works in all chats with this model once it is promoted."
        ),
    }
    return words[kind]


def kinds() -> tuple[tuple[str, str], ...]:
    """(kind, words) of what can be learned from."""
    return (
        ("database", text("A database")),
        ("feedback", text("My corrections")),
        ("imported", text("Files of examples")),
    )


def missing(state: LearnState) -> str:
    """Why it cannot be taught yet; "" where it can."""
    if state.can_start or state.is_busy:
        return ""
    if state.setting_problems:
        return text("Correct the settings first: {problem}", problem=state.setting_problems[0])
    if state.look is not None and state.look.n_wrong:
        return text("Map the columns, or correct the lines that are named, first")
    return text("Choose a model and what it learns from first")


def lesson_name(state: LearnState) -> str:
    """The lesson that is there already, where one is wished; "" where one is made."""
    wanted = state.wish.lesson
    return next((one.name for one in state.lessons if one.id == wanted), text("(it was removed)") if wanted else "")


def fields() -> tuple[tuple[str, str], ...]:
    """(field, words) of what a column of files of examples can be taken for."""
    return (
        ("", text("not used")),
        ("prompt", text("prompt: what is asked")),
        ("input", text("more of the prompt")),
        ("answer", text("answer")),
        ("chosen", text("better answer")),
        ("rejected", text("worse answer")),
        ("label", text("rating: good or bad")),
        ("system", text("system prompt")),
        ("messages", text("whole chat: a list of messages")),
    )


def look_text(look: FilesRow) -> str:
    """How many examples were found, and how many lines are wrong."""
    found = plural("{count} example found", "{count} examples found", look.n_examples)
    if not look.is_whole:
        found = text("{found} in the part that was looked at", found=found)
    if not look.n_wrong:
        return found
    wrong = plural("{count} line cannot be learned", "{count} lines cannot be learned", look.n_wrong)
    return f"{found} · {wrong}"


def forms() -> tuple[tuple[str, str], ...]:
    """(form, words) of what an adapter can be handed out as."""
    return (
        ("adapter", text("Adapter as GGUF: for llama.cpp, beside its model")),
        ("gguf", text("Whole model as GGUF: the adapter added into its weights")),
        ("folder", text("Whole model as Hugging Face folder: to be trained further")),
        ("peft", text("Adapter for PEFT: a folder")),
    )


def export_text(one: ExportRow) -> str:
    """How an export stands."""
    if one.state == "failed":
        return f"{one.name}: {one.message}"
    if one.state == "done":
        said = {"passed": text("proven"), "failed": text("proof failed"), "partial": text("proven in part")}
        words = text("written to {path}", path=one.path)
        return f"{words} · {said[one.proof]}" if one.proof in said else words
    share = "" if one.fraction is None else f" {round(100 * one.fraction)} %"
    return f"{one.name}: {text(one.what) if one.what else text('Waits for its turn')}{share}"


def run_text(run: RunRow) -> str:
    """When it was, how far it came, what it lost at the end."""
    parts = [run.when]
    if run.n_steps:
        parts.append(plural("{count} step", "{count} steps", run.n_steps))
    if run.loss is not None:
        parts.append(text("loss {loss}", loss=f"{run.loss:.3f}"))
    if run.held_out is not None:
        parts.append(text("held-out {loss}", loss=f"{run.held_out:.3f}"))
    words = {"failed": text("failed"), "cancelled": text("cancelled"), "paused": text("paused"),
             "running": text("runs now"), "waiting": text("waits")}  # fmt: skip
    state = words.get(run.state, run.adapter)
    return " · ".join([*parts, state] if state else parts)


def steps(job: TeachJob) -> tuple[str, ...]:
    """The steps that a teaching has to take, or a practice."""
    if job.is_practice:
        return (text("Examples"), text("Plan"), text("Train"), text("Proof"), text("Promote"))
    return (text("Lesson"), text("Plan"), text("Train"), text("Proof"), text("Promote"))


def practice_text(state: LearnState) -> str:
    """Whether the wished model has practised, and what that is good for; "" where no database is taught."""
    if state.wish.kind != "database" or not state.wish.model:
        return ""
    is_at_it = any(one.is_practice and not one.is_over for one in state.jobs)
    if state.learns_way_back and not is_at_it:
        return text("It has practised on made-up databases and begins with what it learned: {adapter}. In half an hour "
                    "more it can learn the way back, from queries to their questions, by which likely queries are "
                    "told apart.", adapter=state.practised)  # fmt: skip
    if state.practised:
        return text("It has practised on made-up databases and begins with what it learned: {adapter}.",
                    adapter=state.practised)  # fmt: skip
    if is_at_it:
        return text("A model is practising: what is taught after it begins with what it learned.")
    return text(
        "It has not practised yet. Half an hour with made-up databases, once, and it learns yours in less time."
    )


def practice_order(state: LearnState) -> str:
    """What the button of a practice says."""
    if state.learns_way_back:
        return text("Learn the way back")
    return text("Practise again") if state.practised else text("Practise first")


def stage_of(state: LearnState, job: TeachJob) -> int:
    """How many steps are done; the last one only where the adapter serves."""
    if job.state != "done":
        return min(job.stage, len(steps(job)) - 1)
    serves = any(one.name == job.adapter and one.state == "promoted" for one in state.adapters)
    return len(steps(job)) if serves else len(steps(job)) - 1


def doing(job: TeachJob) -> str:
    """What a teaching does now, or how it ended."""
    words = {
        "waiting": text("Waits for its turn"),
        "paused": text("Paused"),
        "pausing": text("Pauses"),
        "cancelling": text("Is being cancelled"),
        "done": text("Done"),
        "failed": text("It did not get to its end"),
        "cancelled": text("Cancelled"),
    }
    if job.state in words or not job.what:
        return words.get(job.state) or text("Running")
    return what_text(job.what)


def figures(job: TeachJob, steps: tuple[RunStep, ...]) -> tuple[tuple[str, str], ...]:
    """(name, words) of how a run stands, as far as it is known."""
    found: list[tuple[str, str]] = []
    if steps:
        last = steps[-1]
        held_out = next((one.held_out for one in reversed(steps) if one.held_out is not None), None)
        step = text("{n} of {total}", n=last.step, total=job.n_steps) if job.n_steps >= last.step else str(last.step)
        found += [(text("Step"), step), (text("Loss"), f"{last.loss:.4f}")]
        if held_out is not None:
            found.append((text("Held-out loss"), f"{held_out:.4f}"))
        found += [
            (text("Speed"), text("{n} tokens/s", n=f"{last.tokens_per_s:,.0f}")),
            (text("Learning rate"), f"{last.rate:.2e}"),
            (text("Gradient"), f"{last.gradient:.3f}"),
        ]
    if job.remaining_s is not None and not job.is_over:
        found.append((text("Left"), duration_text(job.remaining_s)))
    return tuple(found)


def look_words(look: AnswerLook) -> str:
    """What was said after so many steps."""
    said = look.said if look.is_whole else f"{look.said}…"
    mark = " ✓" if look.is_right else ""
    return text("step {n}: {answer}", n=f"{look.step:,}", answer=said or text("nothing")) + mark


def what_then(state: LearnState) -> str:
    """What promoting or rolling back the adapter would do."""
    adapter = state.adapter
    if adapter is None:
        return ""
    if adapter.is_way_back:
        return _what_the_way_back_does(state, adapter)
    if adapter.is_practice:
        return _what_practice_does(state, adapter)
    if adapter.state == "promoted":
        return text("It serves {scope}. Roll back brings {before} into its place again.", scope=adapter.scope,
                    before=state.before or adapter.base)  # fmt: skip
    promoting = text(
        "Promoting makes it answer for {scope}; what serves now stays one click away.", scope=adapter.scope
    )
    return _as_the_gate_says(state, promoting)


def _as_the_gate_says(state: LearnState, promoting: str) -> str:
    """What promoting would do, where it can be promoted, and else why not."""
    if state.proof is None:
        return text("It was not evaluated yet, so it cannot be promoted.")
    return promoting if state.proof.has_passed else text("Only what the gate lets through can be promoted.")


def _what_the_way_back_does(state: LearnState, adapter: AdapterRow) -> str:
    """It answers nothing, and is asked beside who does where it was promoted."""
    does = text("It says how likely a question is for a query, and so tells the likely queries of others apart.")
    more = _as_the_gate_says(state, text("Promoting makes it be asked with every question to a database."))
    if adapter.state == "promoted" and state.before in ("", adapter.base):
        more = text("After a roll back the likeliest query is taken again.")
    elif adapter.state == "promoted":
        more = text("Roll back brings {before} into its place again.", before=state.before)
    return f"{does} {more}"


def _what_practice_does(state: LearnState, adapter: AdapterRow) -> str:
    """It is begun with in any case; and answers by itself where it was promoted."""
    begins = text("When {base} is taught a database it begins with this.", base=adapter.base)
    more = _as_the_gate_says(state, text("Promoting makes it answer questions to databases that nobody taught."))
    if adapter.state == "promoted":
        more = text("It answers questions to databases that nobody taught. Roll back brings {before} into its place "
                    "again.", before=state.before or adapter.base)  # fmt: skip
    return f"{begins} {more}"


def suite_text(proof: Proof) -> str:
    """What it was asked."""
    return plural("Its own suite · {count} held-out question", "Its own suite · {count} held-out questions",
                  proof.n_items)  # fmt: skip


def share_text(proof: Proof) -> str:
    """How much was right before and after."""
    return text("{before} % → {after} % right", before=round(100 * proof.before), after=round(100 * proof.after))


def interval_text(proof: Proof) -> str:
    """How sure that is."""
    return text("between {low} % and {high} %; the gain lies between {least} and {most} points (95 %)",
                low=round(100 * proof.after_interval[0]), high=round(100 * proof.after_interval[1]),
                least=f"{100 * proof.difference[0]:+.0f}", most=f"{100 * proof.difference[1]:+.0f}")  # fmt: skip


def sides(one: BesideRow) -> tuple[tuple[str, str], ...]:
    """(sentence, meaning) of both answers to a question: good, bad, or muted for half right."""
    said = []
    for word, answer, score in (
        (text("before"), one.before, one.before_score),
        (text("after"), one.after, one.after_score),
    ):
        mark, meaning = ("✓", "good") if score >= 1 else ("✗", "bad") if score <= 0 else ("~", "muted")
        said.append((f"{mark} {word}: {answer}", meaning))
    return tuple(said)


def part_word(one: ExampleRow) -> str:
    """What becomes of an example: "" where it is learned."""
    if one.is_left_out:
        return text("left out")
    return {"held_out": text("held out"), "set_aside": text("set aside")}.get(one.part, "")


def _jobs(jobs: Iterable[TeachJob]) -> list[Listed]:
    return [(one.title, _note(one), Choice("job", one.id)) for one in jobs]


def _note(job: TeachJob) -> str:
    words = {
        "waiting": text("waits"),
        "paused": text("paused"),
        "failed": text("failed"),
        "cancelled": text("cancelled"),
    }
    if job.state in words:
        return words[job.state]
    return "" if job.fraction is None or job.is_over else f"{round(100 * job.fraction)} %"
