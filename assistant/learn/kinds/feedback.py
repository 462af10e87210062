"""What the user thought of replies, as examples: corrections, thumbs, versions that were kept or gone on from.

A correction and a kept version are pairs, a better answer beside a worse one; a thumb is a rating. Where a reply was
written again and the conversation went on from one version, that one is taken as the better, marked as concluded.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from rushlight.assistant.chat.context import as_turns
from rushlight.assistant.chat.conversation import Conversation, Message
from rushlight.assistant.chat.conversations import Conversations
from rushlight.assistant.chat.feedback import Example as Judged
from rushlight.assistant.chat.feedback import FeedbackBook
from rushlight.assistant.learn.example import Draft, Origin, Turn
from rushlight.assistant.learn.kinds.kind import Watch

_PAGE = 100


class FeedbackLesson:
    """All that is meant at the moment; conversations in the trash are left out."""

    name = "feedback"
    scope = "chat"
    form = ""
    title = "Feedback"
    hint = "Rate and correct replies first: in a conversation with /good, /bad, /correct and /keep."

    def __init__(
        self, conversations: Conversations, feedback: FeedbackBook, *, system: str = "", concluded: bool = True
    ) -> None:
        """`system` is what conversations without a system prompt of their own are begun with."""
        self._conversations, self._feedback = conversations, feedback
        self._system, self._concluded = system, concluded

    @property
    def source(self) -> dict[str, Any]:
        return {"what": "feedback", "concluded": self._concluded}

    def drafts(self, watch: Watch) -> Iterator[Draft]:
        judged = list(self._feedback.examples())
        # What the user wrote themselves says more than a thumb, and a thumb more than which branch was gone on with.
        corrected = {one.reply.id for one in judged if one.feedback.kind == "correction"}
        decided = corrected | {message for one in judged for message in (one.reply.id, one.feedback.rejected_id or "")}
        n = 0
        for one in judged:
            watch.check()
            draft = None if one.feedback.kind in ("up", "down") and one.reply.id in corrected else self._of(one)
            if draft is not None:
                n += 1
                watch.tell("Reading feedback", n)
                yield draft
        if self._concluded:
            yield from self._branches(decided, watch)

    def _of(self, one: Judged) -> Draft | None:
        """The example of one judgement; None where there is nothing to learn, as from a reply that failed."""
        prompt = self._prompt(self._conversations.get(one.feedback.conversation_id), one.prompt)
        origins: tuple[Origin, ...] = (Origin("conversation", one.feedback.conversation_id, one.reply.id),)
        more = {"feedback": one.feedback.id, "kind": one.feedback.kind, "note": one.feedback.note}
        reply = one.reply.content
        if not prompt:
            return None
        if one.feedback.kind == "correction":
            if not reply.strip() or reply.strip() == one.feedback.text.strip():
                return Draft(prompt=prompt, answer=one.feedback.text, origins=origins, more=more)
            return Draft(
                prompt=prompt, answer=one.feedback.text, shape="pair", rejected=reply, origins=origins, more=more
            )
        if not reply.strip() or one.reply.state == "failed":
            return None
        if one.feedback.kind == "kept":
            if one.rejected is None or not one.rejected.content.strip() or one.rejected.content == reply:
                return None
            origins = (*origins, Origin("conversation", one.feedback.conversation_id, one.rejected.id))
            return Draft(
                prompt=prompt, answer=reply, shape="pair", rejected=one.rejected.content, origins=origins, more=more
            )
        return Draft(
            prompt=prompt, answer=reply, shape="rating", good=one.feedback.kind == "up", origins=origins, more=more
        )

    def _prompt(self, conversation: Conversation, messages: Sequence[Message]) -> tuple[Turn, ...]:
        """The messages as the model read them; () where nobody asked anything."""
        turns = [Turn(turn.role, turn.content) for turn in as_turns(messages)]
        if not turns or turns[-1].role != "user":
            return ()
        system = self._system if conversation.system is None else conversation.system
        if system and turns[0].role != "system":
            turns.insert(0, Turn("system", system))
        return tuple(turns)

    def _branches(self, decided: set[str], watch: Watch) -> Iterator[Draft]:
        """Pairs of the version that the conversation went on from, and those that nobody answered to."""
        before: Conversation | None = None
        while True:
            page = self._conversations.list(limit=_PAGE, before=before)
            for conversation in page:
                watch.check()
                if conversation.head_id is not None and self._conversations.versions(conversation.id):
                    yield from self._of_conversation(conversation, decided)
            if len(page) < _PAGE:
                return
            before = page[-1]

    def _of_conversation(self, conversation: Conversation, decided: set[str]) -> Iterator[Draft]:
        path = self._conversations.path(conversation.id, conversation.head_id)
        for place, reply in enumerate(path[:-1]):
            if reply.role != "assistant" or not _is_whole(reply) or reply.id in decided:
                continue
            others = [
                one
                for one in self._conversations.siblings(reply.id)
                if one.id != reply.id
                and one.role == "assistant"
                and _is_whole(one)
                and one.id not in decided
                and one.content != reply.content
                and not self._conversations.children(one.id)
            ]
            prompt = self._prompt(conversation, path[:place]) if others else ()
            for other in others if prompt else ():
                origins = tuple(Origin("conversation", conversation.id, one.id) for one in (reply, other))
                yield Draft(
                    prompt=prompt, answer=reply.content, shape="pair", rejected=other.content, origins=origins,
                    more={"kind": "concluded"},
                )  # fmt: skip


def _is_whole(message: Message) -> bool:
    return message.state == "complete" and bool(message.content.strip())
