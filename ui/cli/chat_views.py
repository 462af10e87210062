"""How conversations, messages and settings of a conversation look in a terminal, and as JSON.

Knows the values of `assistant.chat`; all their text goes through `output`, which makes it plain.
"""

import sys
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rushlight.assistant.safety.plain import plain, plain_line
from rushlight.ui.cli.output import is_terminal, print_table, say
from rushlight.ui.words import plural, text

if TYPE_CHECKING:
    from rushlight.assistant.chat.context import ContextUse, LeftOut
    from rushlight.assistant.chat.conversation import Conversation, Message
    from rushlight.assistant.chat.feedback import Feedback
    from rushlight.assistant.chat.search import Hit

SHORT_ID_CHARS = 6
_BEGINNING_CHARS = 70
_MAX_LINES = 12


def short_id(conversation_id: str) -> str:
    """The end of an id: its random part, which hardly ever is that of another one; commands take it as the id."""
    return conversation_id[-SHORT_ID_CHARS:]


def title_of(conversation: "Conversation") -> str:
    """The title, or what stands in its place."""
    return conversation.title or text("(no title)")


def say_faint(sentence: str) -> None:
    """A remark that is not part of the conversation: faint, and only where a person looks."""
    import os

    if not is_terminal(sys.stdout):
        return
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        say(sentence)
    else:
        sys.stdout.write(f"\x1b[2m{plain(sentence)}\x1b[0m\n")
        sys.stdout.flush()


def beginning(content: str, limit: int = _BEGINNING_CHARS) -> str:
    """The first words of a text on one line."""
    line = " ".join(plain_line(content[: 20 * limit]).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def moment(seconds: float) -> str:
    """A time as people read it, in their own zone."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def role_name(role: str) -> str:
    """Who speaks."""
    return {"user": text("You"), "assistant": text("Model"), "system": text("System"), "tool": text("Tool")}.get(
        role, role
    )


def state_remark(message: "Message") -> str:
    """What should be known of a reply that is not whole; "" otherwise."""
    if message.state == "complete":
        return text("cut at the length limit") if message.finish_reason == "length" else ""
    if message.is_being_written:
        return text("being written")
    return {"partial": text("broken off"), "stopped": text("stopped"), "failed": text("failed")}[message.state]


def meter(use: "ContextUse", tokens_per_second: float = 0.0) -> str:
    """The context meter: what the conversation takes of what the model can hold."""
    parts = [
        text("{used} of {total} tokens of context", used=f"{use.n_used:,}", total=f"{use.n_total:,}")
        if use.n_total
        else plural("{count} token", "{count} tokens", use.n_used)
    ]
    if use.left_out is not None:
        parts.append(plural("{count} message left out", "{count} messages left out", len(use.left_out.messages)))
    if tokens_per_second:
        parts.append(text("{speed} tokens/s", speed=f"{tokens_per_second:.1f}"))
    return " · ".join(parts)


def print_conversations(conversations: "Sequence[Conversation]", folder_paths: dict[str, str] | None = None) -> None:
    """A table, with folders where there are any."""
    folders = folder_paths or {}
    headers = [text("ID"), text("LAST USED"), text("MESSAGES"), text("TITLE")]
    rows = [
        [short_id(one.id), moment(one.updated_at), str(one.n_messages), ("* " if one.pinned else "") + title_of(one)]
        for one in conversations
    ]
    if any(one.folder_id in folders for one in conversations):
        headers.append(text("FOLDER"))
        for row, one in zip(rows, conversations, strict=True):
            row.append(folders.get(one.folder_id or "", ""))
    print_table(headers, rows, right=(2,))


def print_hits(hits: "Sequence[Hit]") -> None:
    """Search results: where, who, and the words around the match."""
    print_table(
        [text("ID"), text("DATE"), text("TITLE"), text("WHO"), text("FOUND")],
        [
            [
                short_id(hit.conversation.id),
                moment(hit.created_at),
                beginning(title_of(hit.conversation), 30),
                role_name(hit.role) if hit.message_id else text("title"),
                hit.snippet,
            ]
            for hit in hits
        ],
    )


def print_message(message: "Message", number: int | None = None, *, max_lines: int | None = None) -> None:
    """One message in full, or its first lines."""
    head = role_name(message.role) if number is None else f"{number}. {role_name(message.role)}"
    remarks = [state_remark(message), *(text("file {name}", name=one.name) for one in message.attachments)]
    shown = ", ".join(remark for remark in remarks if remark)
    say(f"{head} ({shown}):" if shown else f"{head}:")
    lines = plain(message.content).rstrip("\n").split("\n")
    for line in lines[:max_lines]:
        say(line)
    if max_lines is not None and len(lines) > max_lines:
        say(text("… {count} more lines", count=len(lines) - max_lines))


def print_last_exchange(path: "Sequence[Message]") -> None:
    """Where a conversation was left: its last question and reply, long ones cut."""
    for message in path[-2:]:
        print_message(message, max_lines=_MAX_LINES)


def print_path(path: "Iterable[Message]") -> None:
    """All messages of the line that is shown, each in one line, with their numbers."""
    for number, message in enumerate(path, start=1):
        remark = state_remark(message)
        say(f"{number:>4}  {role_name(message.role):<7} {beginning(message.content)}{f' ({remark})' if remark else ''}")


def print_left_out(left_out: "LeftOut | None") -> None:
    """Exactly what the model was not given for the last answer."""
    if left_out is None:
        say(text("Nothing was left out of the last answer's context."))
        return
    say(
        plural(
            "{count} of {total} messages was not given to the model:",
            "{count} of {total} messages were not given to the model:",
            len(left_out.messages),
            total=left_out.n_path,
        )
    )
    print_path(left_out.messages)


def conversation_json(conversation: "Conversation", folder: str = "") -> dict[str, Any]:
    """One conversation without its messages."""
    return {
        "id": conversation.id,
        "title": conversation.title,
        "folder": folder,
        "model": conversation.model,
        "system": conversation.system,
        "options": conversation.options,
        "created_at": conversation.created_at,
        "updated_at": conversation.updated_at,
        "pinned": conversation.pinned,
        "head": conversation.head_id,
        "n_messages": conversation.n_messages,
        "deleted_at": conversation.deleted_at,
    }


def message_json(message: "Message") -> dict[str, Any]:
    """One message with everything that is known of it."""
    return {
        "id": message.id,
        "parent": message.parent_id,
        "role": message.role,
        "content": message.content,
        "reasoning": message.reasoning,
        "model": message.model,
        "adapter": message.adapter,
        "state": message.state,
        "finish_reason": message.finish_reason,
        "created_at": message.created_at,
        "usage": {
            "prompt_tokens": message.n_prompt_tokens,
            "cached_tokens": message.n_cached_tokens,
            "completion_tokens": message.n_completion_tokens,
        },
        "timings": {
            "queue_s": message.queue_s,
            "prompt_s": message.prompt_s,
            "decode_s": message.decode_s,
            "first_token_s": message.first_token_s,
            "tokens_per_second": round(message.usage.tokens_per_second, 2),
        },
        "attachments": [
            {
                "name": one.name,
                "media_type": one.media_type,
                "sha256": one.sha256,
                "size_bytes": one.size_bytes,
                "text": one.text,
            }
            for one in message.attachments
        ],
    }


def feedback_json(one: "Feedback") -> dict[str, Any]:
    """One judgement."""
    return {
        "id": one.id,
        "kind": one.kind,
        "message": one.message_id,
        "conversation": one.conversation_id,
        "rejected": one.rejected_id,
        "text": one.text,
        "note": one.note,
        "created_at": one.created_at,
        "withdrawn_at": one.withdrawn_at,
    }
