"""How adapters, runs, evaluations and votes look in a terminal, and as JSON. Knows the values of the registry."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rushlight.assistant.registry.scopes import WAY_BACK
from rushlight.ui.cli.chat_views import beginning, moment, title_of
from rushlight.ui.cli.output import print_table, say, size_text
from rushlight.ui.desk.learn_reading import guard_word
from rushlight.ui.words import plural, text

if TYPE_CHECKING:
    from rushlight.assistant.chat.conversations import Conversations
    from rushlight.assistant.registry.values import Adapter, Change, Evaluation, Lineage, Promotion, Run, Source
    from rushlight.assistant.registry.votes import Tally

_MOST_EXAMPLES = 5


def adapter_json(adapter: "Adapter") -> dict[str, Any]:
    return {**asdict(adapter), "path": str(adapter.path)}


def run_json(run: "Run") -> dict[str, Any]:
    lessons = [{**asdict(one), "is_stale": one.is_stale} for one in run.lessons]
    folder = None if run.folder is None else str(run.folder)
    return {**asdict(run), "folder": folder, "lessons": lessons, "is_stale": run.is_stale}


def evaluation_json(evaluation: "Evaluation") -> dict[str, Any]:
    return asdict(evaluation)


def promotion_json(promotion: "Promotion") -> dict[str, Any]:
    return asdict(promotion)


def change_json(change: "Change") -> dict[str, Any]:
    return {
        "scope": change.scope,
        "promoted": None if change.promoted is None else adapter_json(change.promoted),
        "retired": None if change.retired is None else adapter_json(change.retired),
    }


def lineage_json(lineage: "Lineage") -> dict[str, Any]:
    return {
        "adapter": adapter_json(lineage.adapter),
        "run": None if lineage.run is None else run_json(lineage.run),
        "evaluations": [evaluation_json(one) for one in lineage.evaluations],
        "promotions": [promotion_json(one) for one in lineage.promotions],
    }


def votes_json(tally: "Tally") -> dict[str, Any]:
    return {**asdict(tally), "share": tally.share if tally.n_votes else None, "interval": list(tally.interval)}


def state_word(adapter: "Adapter") -> str:
    """The state, for people."""
    word = {"candidate": text("candidate"), "promoted": text("promoted"), "retired": text("retired")}[adapter.state]
    return f"{word}, {text('stale')}" if adapter.is_stale else word


def print_adapters(adapters: "Sequence[Adapter]") -> None:
    print_table(
        [text("NAME"), text("SCOPE"), text("STATE"), text("BASE"), text("ADDED")],
        [[one.name, one.scope, state_word(one), one.base, moment(one.created_at)] for one in adapters],
    )


def print_adapter(adapter: "Adapter", evaluation: "Evaluation | None", tally: "Tally") -> None:
    rows = [
        [text("scope"), adapter.scope],
        [text("state"), state_word(adapter)],
        [text("base"), adapter.base],
        [text("file"), f"{adapter.path} ({size_text(adapter.size_bytes)})"],
        [text("added"), moment(adapter.created_at)],
    ]
    if adapter.licence:
        rows.append([text("licence"), adapter.licence])
    if tally.n_votes:
        rows.append([text("blind votes"), tally_text(tally)])
    print_table([adapter.name, ""], rows)
    if adapter.is_stale:
        say(stale_text())
    say()
    if evaluation is None:
        say(text("It was not evaluated: rushlight evaluate {name}", name=adapter.name))
    else:
        print_report(evaluation.report)


def stale_text() -> str:
    return text("Something it learned from was deleted since. Leave it out of the lesson and teach again.")


def print_report(report: dict[str, Any]) -> None:
    """Before and after, the guards, some answers side by side, and the verdict."""
    own = report["own"]
    say(
        text(
            "Suite {suite}, {n} items: {after} right, {before} without it; the difference lies between {low} and "
            "{high}.",
            suite=report["suite"],
            n=own["n_items"],
            after=_share(own["candidate"]),
            before=_share(own["base"]),
            low=_signed(own["low"]),
            high=_signed(own["high"]),
        )
    )
    if report["guards"]:
        say()
        print_table(
            [text("GUARD"), "", text("WHAT WAS FOUND")],
            [
                [guard_word(one["name"]), text("kept") if one["passed"] else text("LOST"), one["detail"]]
                for one in report["guards"]
            ],
        )
    _print_examples(report["examples"][:_MOST_EXAMPLES])
    say()
    if report["passed"]:
        say(text("The gate lets it through: rushlight registry promote {name}", name=report["adapter"]))
        return
    say(text("The gate does not let it through:"))
    for reason in report["reasons"]:
        say(f"  {reason}")


def _print_examples(examples: Sequence[dict[str, Any]]) -> None:
    for one in examples:
        say()
        say(beginning(one["asked"], 200))
        say(f"  {_mark(one['base_score'])} {text('before')}: {beginning(one['base'], 160)}")
        say(f"  {_mark(one['candidate_score'])} {text('after')}: {beginning(one['candidate'], 160)}")


def _mark(score: float) -> str:
    return "✓" if score >= 1 else "✗" if score <= 0 else "~"


def print_lineage(lineage: "Lineage", conversations: "Conversations") -> None:
    adapter, run = lineage.adapter, lineage.run
    say(f"{adapter.name} · {adapter.scope} · {state_word(adapter)}")
    if run is None:
        say(text("It was made elsewhere: nothing is known of what it learned from."))
    else:
        print_run(run, conversations)
    for evaluation in lineage.evaluations:
        word = text("let through") if evaluation.passed else text("not let through")
        say(text("evaluated on {suite}, {when}: {word}", suite=evaluation.suite, when=moment(evaluation.created_at),
                 word=word))  # fmt: skip
    for promotion in lineage.promotions:
        undone = "" if promotion.undone_at is None else text(", taken back {when}", when=moment(promotion.undone_at))
        say(text("promoted {when}", when=moment(promotion.promoted_at)) + undone)
    if adapter.is_stale:
        say(stale_text())


def print_run(run: "Run", conversations: "Conversations") -> None:
    """A training: on what, where, and what it learned from."""
    say(text("trained as {run} on {base}, {when}", run=run.name, base=run.base, when=moment(run.created_at)))
    if run.folder is not None:
        say(text("in {folder}", folder=run.folder))
    start = run.manifest.get("start")
    if isinstance(start, str) and start:
        say(text("went on from {adapter}", adapter=start))
    if not run.lessons:
        for file in run.manifest.get("data", []):
            say(text("examples of {file} (sha256 {digest}…)", file=file["name"], digest=file["sha256"][:12]))
    for lesson in run.lessons:
        say(
            plural(
                "lesson {name} ({kind}, version {version}): {count} example",
                "lesson {name} ({kind}, version {version}): {count} examples",
                lesson.n_examples,
                name=lesson.name,
                kind=lesson.kind,
                version=lesson.version,
            )
        )
        for source in lesson.sources:
            say(f"  {_source_text(source, conversations)}")


def _source_text(source: "Source", conversations: "Conversations") -> str:
    word = {
        "conversation": text("conversation"),
        "file": text("file"),
        "database": text("database"),
        "query": text("accepted query"),
    }.get(source.kind, source.kind)
    name = source.source
    if source.kind == "conversation" and not source.is_gone:
        name = f"“{title_of(conversations.get(source.source))}” {source.source}"
    told = f"{word} {name}"
    return f"{told} ({text('deleted')})" if source.is_gone else told


def print_runs(runs: "Sequence[Run]") -> None:
    print_table(
        [text("RUN"), text("BASE"), text("LESSONS"), text("WHEN"), ""],
        [
            [
                one.name,
                one.base,
                ", ".join(lesson.name for lesson in one.lessons),
                moment(one.created_at),
                text("stale") if one.is_stale else "",
            ]
            for one in runs
        ],
    )


def print_history(promotions: "Sequence[Promotion]") -> None:
    print_table(
        [text("SCOPE"), text("ADAPTER"), text("BEFORE"), text("PROMOTED"), text("TAKEN BACK")],
        [
            [
                one.scope,
                one.adapter,
                one.before or text("(the base)"),
                moment(one.promoted_at),
                moment(one.undone_at) if one.undone_at is not None else "",
            ]
            for one in promotions
        ],
    )


def change_text(change: "Change") -> str:
    """What serves now."""
    if change.promoted is None:
        assert change.retired is not None
        if change.scope == WAY_BACK:
            return text("{name} was taken back: the likeliest query is taken again.", name=change.retired.name)
        return text(
            "{name} was taken back: {base} answers alone for {scope} again.",
            name=change.retired.name,
            base=change.retired.base,
            scope=change.scope,
        )
    if change.retired is None:
        return text("{name} serves {scope} now.", name=change.promoted.name, scope=change.scope)
    return text(
        "{name} serves {scope} now, in the place of {before}.",
        name=change.promoted.name,
        scope=change.scope,
        before=change.retired.name,
    )


def tally_text(tally: "Tally") -> str:
    """What the votes say, with the interval."""
    low, high = tally.interval
    said = plural("{count} vote", "{count} votes", tally.n_votes)
    return text(
        "{said}: {share} prefer it, between {low} and {high}; {ties} undecided, {bad} found both bad",
        said=said,
        share=_share(tally.share),
        low=_share(low),
        high=_share(high),
        ties=tally.n_tie,
        bad=tally.n_bad,
    )


def _share(value: float) -> str:
    return f"{value:.1%}"


def _signed(value: float) -> str:
    return f"{value:+.1%}"
