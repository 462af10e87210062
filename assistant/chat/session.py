"""A conversation in use: what the user sends is stored before the model sees it, what the model says as it comes.

    session = ChatSession(app, conversations, conversation.id)
    for event in session.send("How do candles work?"):
        ...

Turns the stored path into a request and the events of the answer into a stored reply. Knows no window and no
terminal, and of the app only what `ChatApp` says. For one thread, except `stop`.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from msgspec import structs

from rushlight import Error, Progress, Stop
from rushlight.assistant.app import GONE_SINCE
from rushlight.assistant.ask_options import AskOptions, parse_options
from rushlight.assistant.chat.context import ContextUse, ContextWindow, Fitted, LeftOut, as_turns
from rushlight.assistant.chat.conversation import Conversation, Message, NewAttachment
from rushlight.assistant.chat.conversations import Conversations
from rushlight.assistant.chat.reply import Reply
from rushlight.assistant.chat.titles import first_words, made_title
from rushlight.assistant.engine.engine import Engine
from rushlight.assistant.engine.request import GenerateRequest, LoadSettings, TokenizeRequest
from rushlight.assistant.engine.request import Message as Turn
from rushlight.assistant.events import Event, Failed, Finished, ReasoningDelta, TextDelta, Usage

if TYPE_CHECKING:
    from rushlight.assistant.models.model import Model
    from rushlight.assistant.registry.values import Adapter

OnProgress = Callable[[Progress], None]
Adjust = Callable[[GenerateRequest], GenerateRequest]
_T = TypeVar("_T")


class ChatApp(Protocol):
    """What a session needs of `App`."""

    def model(self, name: str = "") -> "Model": ...

    def engine(
        self,
        model: "Model | str" = "",
        *,
        options: AskOptions | None = None,
        stop: Stop | None = None,
        on_progress: OnProgress = ...,
    ) -> Engine: ...

    def forget(self, engine: Engine) -> None: ...

    def load_settings(self, model: "Model", options: AskOptions | None = None) -> LoadSettings: ...

    def request(
        self, messages: Sequence[Turn], model: "Model", *, system: str | None = None, options: AskOptions | None = None
    ) -> GenerateRequest: ...


def _ignore(progress: Progress) -> None:
    """Where nobody wants to see how loading goes on."""


def _as_it_is(request: GenerateRequest) -> GenerateRequest:
    return request


def _nobody(model: "Model", name: str) -> None:
    """Where no adapter answers in chats."""


class ChatSession:
    """`options` go before those of the conversation; `adjust` may change each request (grammar, adapters, seed), and
    names in `adapter` what it loads. Without one, `live` is asked before each answer which adapter serves the model,
    with the name of the one that was chosen in this chat.

    Each answer is a stream of events that ends with `Finished`, after the reply has been stored. What cannot be done
    raises `Error`; then the reply, if it was begun, is stored as failed with what it had. Closing a stream early stops
    the answer.
    """

    def __init__(
        self,
        app: ChatApp,
        conversations: Conversations,
        conversation_id: str,
        *,
        options: Mapping[str, str] | None = None,
        adjust: Adjust = _as_it_is,
        adapter: str = "",
        live: "Callable[[Model, str], Adapter | None]" = _nobody,
        on_progress: OnProgress = _ignore,
    ) -> None:
        self.conversations = conversations
        self.conversation_id = conversations.get(conversation_id).id
        self.context: ContextUse | None = None  # after an answer or `measure`
        self._app = app
        self._options = dict(options or {})
        self._adjust = adjust
        self._adapter = adapter
        self._live = live
        self._on_progress = on_progress
        self._window = ContextWindow()
        self._known: Engine | None = None  # was asked something earlier, and may have ended since
        self._stop = Stop()
        try:
            conversations.settle()  # what a crash left shows as such
        except Error:
            pass  # a full disk is no reason not to read

    @property
    def conversation(self) -> Conversation:
        """As it is stored now."""
        return self.conversations.get(self.conversation_id)

    @property
    def messages(self) -> list[Message]:
        """The path that is shown, root first."""
        return self.conversations.path(self.conversation_id)

    @property
    def left_out(self) -> LeftOut | None:
        """What the model was not given for the last answer."""
        return self.context.left_out if self.context else None

    def stop(self) -> None:
        """Stop the answer that is being written. From any thread, or a signal handler."""
        self._stop.set()

    # --- answers ------------------------------------------------------------------------------------------------
    def send(self, text: str, attachments: Sequence[NewAttachment] = (), stop: Stop | None = None) -> Iterator[Event]:
        """Store what the user wrote, now; the stream is the answer to it."""
        if not text.strip() and not attachments:
            raise Error("There is nothing to send.", hint="Write something, or attach a file.", kind="empty-message")
        message = self.conversations.append(
            self.conversation_id, self.conversation.head_id, "user", text, attachments=attachments
        )
        return self._answer(message.id, None, stop)

    def edit(
        self, message_id: str, text: str, attachments: Sequence[NewAttachment] | None = None, stop: Stop | None = None
    ) -> Iterator[Event]:
        """Store another version of what the user wrote, now; the stream is the answer to it."""
        old = self._own(message_id)
        if old.role != "user":
            raise Error(
                "Only your own messages can be edited.",
                hint="Correct a reply as feedback, or regenerate it.",
                kind="bad-message",
            )
        if not text.strip() and not (old.attachments if attachments is None else attachments):
            raise Error("There is nothing to send.", hint="Write something, or attach a file.", kind="empty-message")
        return self._answer(self.conversations.edit(message_id, text, attachments).id, None, stop)

    def regenerate(self, message_id: str | None = None, stop: Stop | None = None) -> Iterator[Event]:
        """Another version of a reply (None: of the last one), or a reply to a message that has none."""
        message = self._own(message_id)
        question = message.parent_id if message.role == "assistant" else message.id
        if question is None:
            raise Error(
                "This message answers nothing.", hint="Regenerate a reply to a message of yours.", kind="bad-message"
            )
        return self._answer(question, None, stop)

    def continue_reply(self, stop: Stop | None = None) -> Iterator[Event]:
        """Go on with the last reply where it was stopped, failed, was left by a crash, or was too long."""
        last = self._own(None)
        if last.role != "assistant" or (last.state == "complete" and last.finish_reason != "length"):
            raise Error(
                "The last message is no reply that ended early.",
                hint="Send a message, or regenerate.",
                kind="nothing-to-continue",
            )
        if last.parent_id is None:
            raise Error("This message answers nothing.", kind="bad-message")
        # One that said nothing yet is answered anew, beside it.
        return self._answer(last.parent_id, last if last.content.strip() else None, stop)

    def ready(self, message_id: str, stop: Stop) -> tuple[Engine, GenerateRequest]:
        """The loaded model and what it would be asked, to answer a stored message. For those who store the answer
        themselves, or compare several."""
        model, options = self._chosen()
        path = self.conversations.path(self.conversation_id, message_id)
        engine, fitted = self._prepared(path, model, options, stop)
        return engine, fitted.request

    def measure(self, stop: Stop | None = None) -> ContextUse:
        """The context meter without an answer: what the path takes now. Loads the model if nobody has."""
        model, options = self._chosen()
        path = self.messages
        if path:
            self.context = self._with_engine(
                model, options, stop or Stop(), lambda engine: self._fit(engine, path, model, options).use
            )
        else:
            self.context = ContextUse(0, self._app.load_settings(model, options).n_ctx)
        return self.context

    def make_title(self, stop: Stop | None = None) -> str:
        """Let the model name the conversation after its first exchange. The title it has then.

        One that is not just the first words of the question stays: somebody chose it.
        Takes a second or so: for when nobody waits. Never raises because of the model.
        """
        conversation, path = self.conversation, self.messages
        asked = next((one for one in path if one.role == "user"), None)
        if asked is None or conversation.title not in ("", first_words(asked.content)):
            return conversation.title
        exchange = as_turns(path[: path.index(asked) + 2])
        title = ""
        if exchange[-1].role == "assistant":
            stop = stop or Stop()
            try:
                model, options = self._chosen()
                whole = self._request(exchange, model, options).messages
                title = self._with_engine(model, options, stop, lambda engine: made_title(engine, whole, stop))
            except Error:
                title = ""
        title = title or first_words(asked.content) or ", ".join(one.name for one in asked.attachments)
        self.conversations.rename(self.conversation_id, title, only_if=conversation.title)
        return self.conversation.title

    # --- inside -------------------------------------------------------------------------------------------------
    def _answer(self, question_id: str, continued: Message | None, stop: Stop | None) -> Iterator[Event]:
        """The events of the answer to a stored message; nothing is asked before the first one is wanted."""
        self._stop = stop or Stop()  # now, for `stop` may be called before the first event
        return self._events(question_id, continued, self._stop)

    def _events(self, question_id: str, continued: Message | None, stop: Stop) -> Iterator[Event]:
        started_s = time.monotonic()
        model, options = self._chosen()
        path = self.conversations.path(self.conversation_id, question_id)
        if continued is not None:
            path.append(continued)

        live, known = self._serving(model, options), self._known
        engine, fitted = self._prepared(path, model, options, stop)
        self.context = fitted.use
        if fitted.use.left_out is not None:
            yield fitted.use.left_out.notice()
        request = structs.replace(fitted.request, continue_final=continued is not None, cache_key=self.conversation_id)
        adapter = self._adapter
        if live is not None and not request.lora:
            request = structs.replace(request, lora=(live.use(options.strength),))
            adapter = live.name
        with Reply.begin(
            self.conversations, self.conversation_id, question_id, model.id, adapter, continued, started_s
        ) as reply:
            for event in self._generated(engine, request, model, options, stop, is_known=engine is known):
                match event:
                    case TextDelta():
                        reply.add(event.text)
                    case ReasoningDelta():
                        reply.add("", event.text)
                    case Usage():
                        reply.usage = event
                        self.context = replace(fitted.use, n_used=event.n_prompt_tokens + event.n_completion_tokens)
                    case Failed():
                        raise Error(event.message, event.hint, kind=event.kind)
                    case Finished():
                        reply.finish("stopped" if event.reason == "cancelled" else "complete", event.reason)
                        self._name_for_now(path)
                yield event
                yield from reply.flush_if_due()

    def _generated(
        self,
        engine: Engine,
        request: GenerateRequest,
        model: "Model",
        options: AskOptions,
        stop: Stop,
        *,
        is_known: bool,
    ) -> Iterator[Event]:
        """The events of an answer; asked once more where the engine had ended since it was last used. What is asked may
        have been counted long ago, so this may be the first to notice."""
        said_anything = is_second = False
        while True:
            try:
                for event in engine.generate(request, stop):
                    said_anything = True
                    yield event
                return
            except Error as err:
                if err.kind not in GONE_SINCE:
                    raise
                self._app.forget(engine)  # the next answer opens another
                is_worth_it = is_known or err.kind == "unloaded"  # one that was just loaded died of this very request
                if said_anything or is_second or not is_worth_it:
                    raise
            is_second = True
            engine = self._app.engine(model, options=options, stop=stop, on_progress=self._on_progress)
            self._known = engine

    def _name_for_now(self, path: Sequence[Message]) -> None:
        """The first words as a title, until there is a better one."""
        asked = next((one for one in path if one.role == "user"), None)
        if asked is not None and not self.conversation.title:
            self.conversations.rename(self.conversation_id, first_words(asked.content), only_if="")

    def _own(self, message_id: str | None) -> Message:
        """A message of this conversation; None is the last one that is shown."""
        path = self.conversations.path(self.conversation_id, message_id)
        if not path:
            raise Error("This conversation has no message yet.", hint="Send one.", kind="empty-conversation")
        return path[-1]

    def _serving(self, model: "Model", options: AskOptions) -> "Adapter | None":
        """The adapter of the next answer, unless whoever made the session loads one, or its strength is 0."""
        return None if self._adapter or options.strength == 0 else self._live(model, options.adapter or "")

    def _chosen(self) -> "tuple[Model, AskOptions]":
        conversation = self.conversation
        return (self._app.model(conversation.model), parse_options({**conversation.options, **self._options}.items()))

    def _with_engine(self, model: "Model", options: AskOptions, stop: Stop, work: Callable[[Engine], _T]) -> _T:
        """`work` with the loaded model; once more where the engine had ended since it was last used."""
        is_second = False
        while True:
            engine = self._app.engine(model, options=options, stop=stop, on_progress=self._on_progress)
            try:
                done = work(engine)
                self._known = engine
                return done
            except Error as err:
                if err.kind not in GONE_SINCE:
                    raise
                self._app.forget(engine)
                if is_second:
                    raise
                is_second = True

    def _prepared(
        self, path: Sequence[Message], model: "Model", options: AskOptions, stop: Stop
    ) -> tuple[Engine, Fitted]:
        """The engine, and the request for the answer to the end of that path."""
        return self._with_engine(model, options, stop, lambda engine: (engine, self._fit(engine, path, model, options)))

    def _fit(self, engine: Engine, path: Sequence[Message], model: "Model", options: AskOptions) -> Fitted:
        def count(turns: tuple[Turn, ...]) -> int:
            return len(engine.tokenize(TokenizeRequest(messages=turns)))

        return self._window.fit(
            path,
            self._app.load_settings(model, options).n_ctx,
            lambda turns: self._request(turns, model, options),
            count,
        )

    def _request(self, turns: Sequence[Turn], model: "Model", options: AskOptions) -> GenerateRequest:
        """The conversation's system prompt goes before one that the path begins with (as imported ones do)."""
        system = self.conversation.system
        if system is not None and turns and turns[0].role == "system":
            turns = turns[1:]
        return self._adjust(self._app.request(turns, model, system=system, options=options))
