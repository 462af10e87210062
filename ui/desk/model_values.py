"""What a models page shows: rows, memory bars, a model's card, what was found on the disk, what a download would be.

Plain values; knows no store and no widget.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from rushlight.ui.desk.model_loading import PlanRow

Fits: TypeAlias = Literal["yes", "no", "unknown"]


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model of the catalogue."""

    id: str
    label: str  # "SmolLM2-135M-Instruct · Q4_1"
    quantization: str
    size_bytes: int
    n_ctx: int  # tokens that it was trained for
    path: Path
    purpose: str = "chat"  # chat, embedding, rerank
    aliases: tuple[str, ...] = ()
    owned: bool = True  # False: used in place, where another program keeps it
    fits: Fits = "unknown"
    fit_text: str = ""  # "fits", "all layers on the card", "needs 43 GB, 27 GB free", "loaded"
    fit_detail: str = ""  # the whole sentence, with what to do
    speed: float | None = None  # tokens a second, measured here
    adapters: tuple[str, ...] = ()
    is_loaded: bool = False
    is_loading: bool = False
    load_fraction: float | None = None
    in_use: bool = False  # it answers somebody now
    is_default: bool = False
    problem: str = ""  # its file is gone or was changed; loading failed
    hint: str = ""
    is_remote: bool = False  # it runs on another machine: what is written to it leaves this one
    url: str = ""  # where, of a remote model
    speed_now: float = 0.0  # tokens a second of its last answer, while it is loaded
    live_text: str = ""  # how it runs: where, for whom, how long yet


@dataclass(frozen=True, slots=True)
class MemoryPart:
    """A piece of a bar. kind: model (one loaded model), other (everything else that is taken), free."""

    label: str
    size_bytes: int
    kind: Literal["model", "other", "free"]


@dataclass(frozen=True, slots=True)
class MemoryBar:
    """One memory and who holds it; the parts add up to `total_bytes`."""

    name: str  # "Memory", "Graphics memory · RTX 3060"
    total_bytes: int
    parts: tuple[MemoryPart, ...]


@dataclass(frozen=True, slots=True)
class ModelsState:
    """All that the page shows."""

    rows: tuple[ModelRow, ...] = ()
    bars: tuple[MemoryBar, ...] = ()
    is_loading: bool = True  # nothing has come yet
    is_measuring: bool = False  # fits and memory are being worked out
    undo: str = ""  # what was removed and can still be brought back; "" = nothing
    plan: PlanRow | None = None  # loading would cost something: the user is to decide


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Everything that is known of one model. `sampling`: (field, value, "file" or "user") of its sampler defaults."""

    row: ModelRow
    facts: tuple[tuple[str, str], ...]  # (label, value) in the order of interest
    sampling: tuple[tuple[str, str, str], ...]
    template: str  # "" = the file brings none
    notices: tuple[str, ...] = ()
    load: tuple[tuple[str, str], ...] = ()  # how it is loaded, as the user has said


@dataclass(frozen=True, slots=True)
class OnDisk:
    """A model file of another program, of a folder of the user, or the demo model."""

    reference: str  # ollama:llama3:8b
    origin: str  # "LM Studio", "Ollama", "Downloads"
    name: str
    path: Path
    size_bytes: int
    fits: Fits = "unknown"
    fit_text: str = ""
    is_known: bool = False  # in the catalogue already
    is_complete: bool = True  # False: parts of a split model are missing
    problem: str = ""  # why it cannot be used


@dataclass(frozen=True, slots=True)
class DownloadChoice:
    """One model of a repository."""

    reference: str  # org/repo/file.gguf, to be given to `download`
    name: str  # the file's name
    size_bytes: int
    fits: Fits
    fit_text: str


@dataclass(frozen=True, slots=True)
class DownloadPlan:
    """What a download would be, told before anything of it is fetched."""

    reference: str
    repository: str
    origin: str  # the host it comes from
    chosen: int  # place in `choices` of what the name means; -1: it has to be chosen
    choices: tuple[DownloadChoice, ...]
    free_bytes: int  # on the disk
    problem: str = ""  # it does not fit on the disk; the name means none of them
