"""What an answer is made of, whatever interface asked for it: values between models and the shapes of answers."""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from rushlight.assistant.engine.request import Grammar, Message
from rushlight.assistant.events import TokenLogprob, Usage


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the client offers."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)  # JSON Schema; {} = takes nothing
    strict: bool = False  # what cannot be enforced is refused instead of loosened


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """`kind`: "auto", "none", "required", or "named" with a name."""

    kind: str = "auto"
    name: str = ""


@dataclass(frozen=True, slots=True)
class ChatAsk:
    """A chat request in our own terms. `sampling`: fields of `Sampling` that were given."""

    model: str
    messages: tuple[Message, ...]
    sampling: dict[str, Any] = field(default_factory=dict)
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice()
    is_parallel: bool = True  # several calls in one answer
    grammar: Grammar | None = None
    stop: tuple[str, ...] = ()
    max_tokens: int = -1
    logprobs: int = -1
    n: int = 1
    reasoning: str = "auto"
    template_options: tuple[tuple[str, str], ...] = ()
    lora: tuple[tuple[str, float], ...] = ()
    continue_final: bool = False
    cache_prompt: bool = True


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of what is said."""

    choice: int
    text: str
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class Thought:
    """A piece of what is thought before."""

    choice: int
    text: str


@dataclass(frozen=True, slots=True)
class CallStarted:
    """A call of a tool begins; `call` counts from 0 within the choice."""

    choice: int
    call: int
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class CallArguments:
    """A piece of the arguments, JSON text."""

    choice: int
    call: int
    text: str


@dataclass(frozen=True, slots=True)
class Noted:
    """Something worth knowing about how it went; goes into the request log."""

    kind: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a choice. `reason`: "stop", "length" or "tool_calls"."""

    choice: int
    reason: str
    stop_string: str
    usage: Usage


Piece: TypeAlias = Text | Thought | CallStarted | CallArguments | Noted | Ended


@dataclass(slots=True)
class Totals:
    """The usage of all choices together, as clients expect it: the prompt counts once."""

    n_prompt_tokens: int = 0
    n_cached_tokens: int = 0
    n_completion_tokens: int = 0
    prompt_s: float = 0.0
    decode_s: float = 0.0
    n_choices: int = 0

    def add(self, usage: Usage) -> None:
        self.n_prompt_tokens = max(self.n_prompt_tokens, usage.n_prompt_tokens)
        if not self.n_choices:
            self.n_cached_tokens = usage.n_cached_tokens
            self.prompt_s = usage.prompt_s
        self.n_choices += 1
        self.n_completion_tokens += usage.n_completion_tokens
        self.decode_s += usage.decode_s
