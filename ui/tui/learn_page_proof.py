"""An adapter on the page of learning of the terminal app, as rows: its proof, its guards, where it comes from.

Knows the desk's values; answers are strangers' text, cleaned here.
"""

from rushlight.assistant.safety.plain import plain, plain_line
from rushlight.ui.desk.learn_values import BesideRow, GuardRow, LearnState, Proof
from rushlight.ui.desk.learn_words import interval_text, share_text, sides, suite_text, what_then
from rushlight.ui.tui.bars import meter
from rushlight.ui.tui.learn_page_curve import curve_lines
from rushlight.ui.tui.learn_page_lines import said
from rushlight.ui.tui.learn_page_more import export_rows
from rushlight.ui.tui.learn_page_rows import CURVE_LINES
from rushlight.ui.tui.row_list import ListRow, RowLine, heading, row
from rushlight.ui.words import text

_BAR = 28


def adapter_rows(state: LearnState, width: int) -> list[ListRow]:
    """Everything about the adapter that is looked at, top to bottom."""
    adapter, proof = state.adapter, state.proof
    if adapter is None:
        return []
    words, meaning = {
        "promoted": (text("promoted"), "good"),
        "candidate": (text("candidate"), "accent"),
    }.get(adapter.state, (text("retired"), "muted"))
    name = ((f"{plain_line(adapter.name)}  ", "strong"), (words, meaning))
    rows = [ListRow("about", (RowLine(name, ((plain_line(adapter.scope), "muted"),)),))]
    if not state.origin:
        return rows  # its proof is being looked up
    rows += said(what_then(state), "muted", width)
    if adapter.is_stale:
        rows += said(text("Some of what it learned from was deleted since."), "bad", width)
    orders = [
        (can_promote(state), "promote", text("Promote")),
        (adapter.state == "promoted" and not state.is_busy, "back", text("Roll back")),
        (adapter.is_for_chat, "blind", text("Try it blind in a chat")),
        (adapter.state != "promoted" and not state.is_busy, "remove", text("Remove…")),
    ]
    rows += [row(key, title, meaning="muted" if key == "remove" else "accent") for may, key, title in orders if may]
    if proof is not None:
        rows += _proof(proof, width)
    wide = max(len(one) for one, _ in state.origin)
    rows.append(heading(text("Where it comes from").upper()))
    rows += [
        ListRow(f"origin:{at}", (RowLine(((f"{one.ljust(wide)}  ", "muted"), (plain_line(value), "page"))),))
        for at, (one, value) in enumerate(state.origin)
    ]
    if state.steps:
        rows += [
            heading(text("Loss").upper()),
            ListRow("curve", curve_lines(state.steps, width, CURVE_LINES)),
        ]
    return rows + export_rows(state, width)


def can_promote(state: LearnState) -> bool:
    """Whether the gate let through the adapter that is looked at, and it does not serve yet."""
    return (
        state.adapter is not None
        and state.adapter.state != "promoted"
        and state.proof is not None
        and state.proof.has_passed
        and not state.is_busy
    )


def beside_text(one: BesideRow) -> str:
    """A question with both answers in full, to be read."""
    return "\n\n".join([plain(one.asked), *(plain(sentence) for sentence, _ in sides(one))])


def _proof(proof: Proof, width: int) -> list[ListRow]:
    rows = [heading(suite_text(proof).upper()), *said(share_text(proof), "strong", width)]
    names = (text("before"), text("after"))
    wide = max(map(len, names))
    bars = zip(names, (proof.before, proof.after), ("muted", "flame"), strict=True)
    rows.append(
        ListRow(
            "suite",
            tuple(
                RowLine(((f"{name.ljust(wide)}  ", "muted"), (meter(share, min(_BAR, width // 2)), meaning),
                         (f" {round(100 * share)} %", "page")))
                for name, share, meaning in bars
            ),
        )
    )  # fmt: skip
    rows += said(interval_text(proof), "muted", width)
    for reason in proof.reasons:
        rows += said(f"✗ {reason}", "bad", width)
    if proof.guards:
        rows.append(heading(text("Guards · must not get worse").upper()))
        rows += [_guard(at, one, proof.guards, width) for at, one in enumerate(proof.guards)]
    if proof.beside:
        rows.append(heading(text("Before and after").upper()))
        rows += [_beside(at, one) for at, one in enumerate(proof.beside)]
    return rows


def _guard(at: int, one: GuardRow, guards: tuple[GuardRow, ...], width: int) -> ListRow:
    wide = min(max(len(each.name) for each in guards), width // 2)
    kept, lost = text("kept"), text("lost")
    mark, meaning = (f"✓ {kept}", "good") if one.is_kept else (f"✗ {lost}", "bad")
    state = mark.ljust(2 + max(len(kept), len(lost)))
    left = ((f"{plain_line(one.name).ljust(wide)}  ", "page"), (f"{state}  ", meaning))
    room = width - wide - len(state) - 6
    detail = said(one.detail, "muted", max(12, room))
    lines = [each.left[0][0] for each in detail[0].lines] if detail else [""]
    indent = " " * (wide + len(state) + 4)
    first = RowLine((*left, (lines[0], "muted")))
    return ListRow(f"guard:{at}", (first, *(RowLine(((indent + more, "muted"),)) for more in lines[1:])))


def _beside(at: int, one: BesideRow) -> ListRow:
    lines = [RowLine(((plain_line(one.asked), "strong"),))]
    lines += [RowLine(((f"  {plain_line(sentence)}", meaning),)) for sentence, meaning in sides(one)]
    return ListRow(f"beside:{at}", tuple(lines))
