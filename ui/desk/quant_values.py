"""What a Quantize page shows: models, the types a file could have, what is wanted, what was made and how they compare.

Plain values; knows no store and no widget.
"""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

TargetKind: TypeAlias = Literal["type", "size", "card", "speed"]
TextKind: TypeAlias = Literal["sample", "chats", "files", "none"]
Method: TypeAlias = Literal["search", "gptq", "smoothquant", "ggml"]
ProofState: TypeAlias = Literal["passed", "failed", "partial", ""]


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A model that can be made smaller."""

    id: str
    label: str
    path: str
    size_bytes: int
    quantization: str
    speed: float | None = None  # tokens a second, measured here


@dataclass(frozen=True, slots=True)
class TypeRow:
    """A type that the file could have."""

    name: str
    size_bytes: int
    bits: float  # a weight
    quality: str  # "little loss": what such a type usually costs
    needs_text: bool = False  # only with a text to calibrate on
    is_larger: bool = False  # than the source: nothing is won
    divergence: float | None = None  # what it has cost the known model nearest in size, in nats
    divergence_of: str = ""  # that model
    divergence_source: str = ""  # who measured it


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted. Sizes are 0 until somebody says one."""

    kind: TargetKind = "type"
    type_name: str = "Q4_K_M"
    size_bytes: int = 0
    card_bytes: int = 0
    n_ctx: int = 8192  # beside the model on the card
    speed: float = 0.0  # tokens a second
    text: TextKind = "sample"
    files: tuple[str, ...] = ()
    method: Method = "search"


@dataclass(frozen=True, slots=True)
class Forecast:
    """What would come of the wish."""

    size_bytes: int = 0  # at most
    sentence: str = ""  # "Q4_K_M · 105.5 MB · little loss"
    fits: Literal["yes", "no", "unknown"] = "unknown"
    fit_text: str = ""
    problem: str = ""  # why it cannot be made like this
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MadeRow:
    """A smaller model that was made here of the shown one."""

    job_id: str
    model_id: str  # "" where it was not taken in
    label: str
    path: str
    type_name: str
    size_bytes: int
    proof: ProofState
    proof_text: str  # each check in a line
    quality: str  # "0.0112 nats, 96.1 % the same first choice", "expected: 0.021 nats", or ""


@dataclass(frozen=True, slots=True)
class ComparedRow:
    """One file of a comparison. What was not measured is None."""

    label: str
    size_bytes: int
    is_reference: bool
    perplexity: float | None = None
    divergence: float | None = None
    divergence_99: float | None = None
    agreement: float | None = None
    decode: float | None = None  # tokens a second
    prefill: float | None = None
    load_s: float | None = None
    memory_bytes: int | None = None
    by_llama: bool = False  # by llama.cpp's own quantizer, with the types of one of ours


@dataclass(frozen=True, slots=True)
class QuantState:
    """All that the page shows."""

    sources: tuple[SourceRow, ...] = ()
    chosen: str = ""  # id of a source
    types: tuple[TypeRow, ...] = ()
    wish: Wish = field(default_factory=Wish)
    forecast: Forecast = field(default_factory=Forecast)
    cards: tuple[tuple[str, int], ...] = ()  # of this machine: name, bytes
    made: tuple[MadeRow, ...] = ()
    compared: tuple[ComparedRow, ...] = ()
    compared_text: str = ""  # "over 8,192 positions of chats"
    is_loading: bool = True
    is_forecasting: bool = False
    is_starting: bool = False  # the job that makes it is being begun
    problem: str = ""
    hint: str = ""

    @property
    def source(self) -> SourceRow | None:
        return next((one for one in self.sources if one.id == self.chosen), None)

    @property
    def can_make(self) -> bool:
        is_known = self.source is not None and bool(self.forecast.sentence) and not self.forecast.problem
        return is_known and not self.is_starting
