"""Who answers in a conversation and how: model, system prompt and options, checked and kept with it.

Knows the background, the store's conversations and presets; knows no widget.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rushlight import Error
from rushlight.ui.desk.background import Background
from rushlight.ui.desk.turns import Chosen, read_chosen

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.chat.conversation import Conversation


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the conversation asks for, or a new one will."""

    model: str = ""
    system: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)


class WishKeeper:
    """`wishes` is what holds, `chosen` the model that answers by it. Changes are kept in the order of asking."""

    def __init__(
        self, background: Background, on_change: Callable[[], None], on_failure: Callable[[Error], None]
    ) -> None:
        self.wishes = Wishes()
        self.chosen = Chosen()
        self._asked = Wishes()  # the latest, which may not be kept yet
        self._n_asked = 0
        self._background = background
        self._on_change = on_change
        self._on_failure = on_failure
        self._conversation_id: str | None = None

    def belongs_to(self, conversation: "Conversation | None", chosen: Chosen) -> None:
        """Another conversation is shown (None: one that is not begun), or this one was changed elsewhere."""
        conversation_id = conversation.id if conversation else None
        if conversation_id == self._conversation_id and self._n_asked:
            return  # it is being changed here
        self._conversation_id = conversation_id
        self.chosen = chosen
        if conversation is None:
            self.wishes = self._asked = Wishes()
        else:
            self.wishes = self._asked = Wishes(conversation.model, conversation.system, conversation.options)

    def has_begun(self, conversation_id: str) -> None:
        """The conversation was created, with these wishes."""
        self._conversation_id = conversation_id

    def look_again(self) -> None:
        """Who would answer now: models and adapters may have come or gone."""
        wishes, conversation_id = self.wishes, self._conversation_id

        def looked(chosen: Chosen) -> None:
            is_same = self._conversation_id == conversation_id and not self._n_asked and self.wishes == wishes
            if is_same and chosen != self.chosen:
                self.chosen = chosen
                self._on_change()

        self._background.read(
            lambda app: read_chosen(app, wishes.model, dict(wishes.options)), looked, self._on_failure
        )

    def set_model(self, model_id: str) -> None:
        self._keep(replace(self._asked, model=model_id))

    def set_system(self, system: str | None, of: str | None = None) -> None:
        """`of`: the conversation that it was written for, which may not be the shown one any more."""
        if of is None or of == self._conversation_id:
            self._keep(replace(self._asked, system=system))
        else:
            self._background.read(lambda app: app.conversations.configure(of, system=system), failed=self._on_failure)

    def set_option(self, name: str, value: str | None) -> None:
        self.set_options({name: value})

    def set_options(self, changes: Mapping[str, str | None]) -> None:
        """Several at once; None takes one back."""
        merged = {**self._asked.options, **changes}
        self._keep(replace(self._asked, options={name: value for name, value in merged.items() if value is not None}))

    def use_preset(self, name: str) -> None:
        """Its system prompt, if it has one, and its options beside those that are set."""

        def use(preset: "tuple[str | None, dict[str, str]]") -> None:
            system, options = preset
            wishes = self._asked if system is None else replace(self._asked, system=system)
            self._keep(replace(wishes, options={**wishes.options, **options}))

        def read(app: "App") -> "tuple[str | None, dict[str, str]]":
            preset = app.presets.get(name)
            return preset.system, preset.options

        self._background.read(read, use, self._on_failure)

    def save_preset(self, name: str, then: Callable[[str], None]) -> None:
        """What holds now under that name; `then` gets the name as it is stored."""
        system, options = self._asked.system, dict(self._asked.options)
        self._background.read(
            lambda app: app.presets.save(name, system=system, options=options).name, then, self._on_failure
        )

    def _keep(self, wishes: Wishes) -> None:
        from rushlight.assistant.ask_options import parse_options

        try:
            options = parse_options(wishes.options.items())
        except Error as err:
            self._on_failure(err)
            return
        conversation_id = self._conversation_id

        def keep(app: "App") -> Chosen:
            if wishes.model:
                app.load_settings(app.model(wishes.model), options)
            if conversation_id is not None:
                app.conversations.configure(
                    conversation_id, model=wishes.model, system=wishes.system, options=dict(wishes.options)
                )
            return read_chosen(app, wishes.model, dict(wishes.options))

        def kept(chosen: Chosen) -> None:
            self._n_asked -= 1
            if self._conversation_id == conversation_id:
                self.wishes, self.chosen = wishes, chosen
                self._on_change()

        def failed(err: Error) -> None:
            self._n_asked -= 1
            self._asked = self.wishes
            self._on_failure(err)

        self._asked = wishes
        self._n_asked += 1
        self._background.read(keep, kept, failed)
