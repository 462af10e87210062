"""What stands around the turns of a chat page, put together from the line that is shown and what the chat wishes for.

Knows no widget, no background and no store; nothing here does anything.
"""

from dataclasses import replace

from rushlight.ui.desk.chat_answer import Context
from rushlight.ui.desk.chat_blind import Pairing, seen
from rushlight.ui.desk.chat_line import Line
from rushlight.ui.desk.chat_view import ChatState
from rushlight.ui.desk.chat_wishes import WishKeeper
from rushlight.ui.desk.turn import Turn
from rushlight.ui.desk.turns import ended_early


def state_of(before: ChatState, line: Line, kept: WishKeeper, last: Turn | None, context: Context | None) -> ChatState:
    """What holds now: of `before` its title, problem, notice, undo and measured context stay, or what `context` has.

    `last` is the last turn of the path, None where nothing is said yet.
    """
    chosen = kept.chosen
    state = replace(
        before,
        conversation_id=line.conversation_id,
        model=chosen.model,
        model_label=chosen.label,
        adapter=chosen.adapter,
        adapter_percent=chosen.adapter_percent,
        adapters=chosen.adapters,
        blind=seen(line.rivals, line.pairing),
        system=kept.wishes.system,
        options=tuple(kept.wishes.options.items()),
        n_context_total=chosen.n_context,
        queue=tuple(line.queue),
        attachments=line.attachments,
        can_continue=not line.is_busy and last is not None and ended_early(last),
    )
    state = _with_activity(state, line, last)
    if context is not None:
        state = replace(
            state,
            n_context_used=context.n_used,
            n_context_total=context.n_total or state.n_context_total,
            n_left_out=len(context.left_out),
            left_out=context.left_out,
        )
    return state


def _with_activity(before: ChatState, line: Line, last: Turn | None) -> ChatState:
    """What is on its way, and how far it is."""
    state = replace(before, activity="idle", progress_what="", progress_fraction=None, tokens_per_s=0.0)
    answer = line.answer
    if answer is not None:
        return replace(
            state,
            activity=answer.activity,
            progress_what=answer.progress_what,
            progress_fraction=answer.progress_fraction,
            tokens_per_s=answer.tokens_per_s,
        )
    if line.pairing is not None:
        return _with_pairing(state, line.pairing)
    if line.is_busy:
        return replace(state, activity="reading")
    if last is not None and last.is_being_written:
        return replace(state, activity="busy")
    return state


def _with_pairing(state: ChatState, pairing: Pairing) -> ChatState:
    """While both answer nothing is told but how loading goes on: time would tell who is who."""
    if pairing.stage == "stopping":
        return replace(state, activity="stopping")
    if pairing.stage != "answering":
        return replace(state, activity="voting")
    if pairing.progress is None or pairing.progress.fraction == 1:
        return replace(state, activity="answering")
    return replace(
        state,
        activity="loading",
        progress_what=pairing.progress.what,
        progress_fraction=pairing.progress.fraction,
    )
