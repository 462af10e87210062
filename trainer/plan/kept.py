"""What a plan says: plain values, kept as plan.json in the folder of a run. Knows no torch."""

from pathlib import Path
from typing import Final, Literal

import msgspec

NAME: Final = "plan.json"


class Part(msgspec.Struct, frozen=True):
    """A part of the memory or the time."""

    name: str
    amount: float  # bytes, seconds


class Lower(msgspec.Struct, frozen=True):
    """A setting that makes a training smaller, and the memory it then takes."""

    setting: str
    total_bytes: int


class Plan(msgspec.Struct, frozen=True):
    """What a training takes on this machine, and how it is run."""

    device: str
    dtype: str
    n_threads: int
    row_tokens: int
    n_examples: int
    n_steps: int
    computed_tokens: int
    trained_tokens: int
    memory: tuple[Part, ...]
    seconds: tuple[Part, ...]
    lower: tuple[Lower, ...] = ()  # the largest first
    trial_s: float = 0.0
    products: Literal["", "torch", "onednn", "rounded"] = (
        ""  # how matrices are multiplied, as trainer.products knows it; "": as is usual here
    )

    @property
    def numbers(self) -> str:
        """The number format, for people."""
        return f"{self.dtype} (products in bfloat16)" if self.products == "rounded" else self.dtype

    @property
    def total_bytes(self) -> int:
        return int(sum(one.amount for one in self.memory))

    @property
    def beside_program_bytes(self) -> int:
        """Without what any process with torch in it holds."""
        return int(sum(one.amount for one in self.memory if one.name != "program"))

    @property
    def total_s(self) -> float:
        return sum(one.amount for one in self.seconds)


def read_plan(run: Path) -> Plan | None:
    """The plan in a run's folder; None where there is none that can be read."""
    try:
        return msgspec.json.decode((run / NAME).read_bytes(), type=Plan)
    except (OSError, msgspec.DecodeError):
        return None
