"""The part of a chat page that has to do with adapters: which one answers, how strongly, and comparing two blindly.

`ChatDesk` is this with all the rest. Knows the line that is shown and what the chat wishes for; knows no widget.
"""

from typing import TYPE_CHECKING, Any

from rushlight import Error
from rushlight.ui.desk.chat_adapters import OFF, Rivals, rivals_of
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.registry.blind import Ballot
    from rushlight.ui.desk.background import Background
    from rushlight.ui.desk.chat_answer import Context
    from rushlight.ui.desk.chat_line import Line
    from rushlight.ui.desk.chat_view import ChatState
    from rushlight.ui.desk.chat_wishes import WishKeeper


class Comparing:
    """What a face may ask for; what it needs of the desk stands first."""

    state: "ChatState"
    _background: "Background"
    _line: "Line"
    _wishes: "WishKeeper"
    _wanted: tuple[str, str] | None = None  # (adapter, its model), to be compared in the chat that is being opened

    def open(self, conversation_id: str | None, message_id: str | None = None) -> None:
        raise NotImplementedError

    def _tell(self, context: "Context | None" = None, **changes: Any) -> None:
        raise NotImplementedError

    def _fail(self, err: Error) -> None:
        raise NotImplementedError

    # --- the adapter --------------------------------------------------------------------------------------------
    def choose_adapter(self, key: str) -> None:
        """From the next answer on: the promoted one (""), one by its name, or none (`chat_adapters.OFF`)."""
        if key == OFF:
            self._wishes.set_options({"adapter_strength": "0"})
            return
        changes: dict[str, str | None] = {"adapter": key or None}
        if not self.state.adapter_percent:
            changes["adapter_strength"] = None
        self._wishes.set_options(changes)

    def set_adapter_percent(self, percent: int) -> None:
        """How strongly the adapter is applied; 100 is as it was trained."""
        self._wishes.set_option("adapter_strength", None if percent == 100 else f"{percent / 100:g}")

    # --- two answers without names ------------------------------------------------------------------------------
    def rivals(self) -> tuple[Rivals, ...]:
        """What can be compared blindly in this chat; nothing where its model has no adapter for chats."""
        return rivals_of(self.state.adapters, self.state.adapter)

    def compare(self, rivals: Rivals) -> None:
        """From the next question on both answer, and the user votes before knowing who is who."""
        self._line.rivals = rivals
        self._tell(notice="", problem=None)

    def compare_in_new_chat(self, adapter: str) -> None:
        """A new chat with the model of that adapter, in which it is compared with what answers without it."""

        def find(app: "App") -> str:
            found = app.registry.find(adapter)
            model = app.catalogue.find_sha256(found.base_sha256)
            if model is None:
                raise Error(
                    text("The model of {adapter} is not there any more.", adapter=adapter), kind="model-not-found"
                )
            return model.id

        def begin(model_id: str) -> None:
            self.open(None)
            self._wanted = (adapter, model_id)

        self._background.read(find, begin, self._fail)

    def end_comparing(self) -> None:
        """One answers again. A pair that waits for a vote is thrown away; its question stays."""
        had_pair, self._line.rivals = self._line.pairing is not None, None
        self._line.leave_pair()
        self._tell(notice=text("Neither answer was kept. “Answer again” answers the question.") if had_pair else "")

    def vote(self, ballot: "Ballot") -> None:
        """Which of the two answers is better."""
        self._line.vote(ballot)

    # --- inside -------------------------------------------------------------------------------------------------
    def _begin_wanted(self) -> None:
        """What was asked for before the new chat was there; its model may have to be chosen first."""
        if self._wanted is None:
            return
        (adapter, model_id), chosen = self._wanted, self._wishes.chosen
        self._wanted = None
        if chosen.model != model_id and model_id:
            self._wishes.set_model(model_id)
            self._wanted = (adapter, "")  # once: what the user chooses after that holds
            return
        found = next((one for one in rivals_of(chosen.adapters, adapter) if one.adapter.name == adapter), None)
        if found is not None:
            self.compare(found)
        else:
            self._tell(notice=text("{adapter} does not answer in chats.", adapter=adapter))

    def _check_rivals(self) -> None:
        """What is compared must be able to answer here; a pair that is there already can still be voted on."""
        rivals = self._line.rivals
        if rivals is not None and not rivals.ids <= {one.id for one in self._wishes.chosen.adapters}:
            self._line.rivals = None
            said = text(
                "The blind comparison has ended: {adapter} cannot answer with this model now.",
                adapter=rivals.adapter.name,
            )
            self._tell(notice=said)
