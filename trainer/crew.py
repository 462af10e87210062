"""Processes that train one model together: each computes some rows of a step, then all add up their gradients.

Every one of them lays out the same rows and takes the same step of the optimizer, so nothing is sent but gradients and
figures. Whoever starts them (we, accelerate, torchrun or Ray Train) is told apart nowhere here: torch's own variables
RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT are all that is read.
"""

import json
import os
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from rushlight.trainer.recipes.recipe import Row

_BUCKET: int = 8 << 20  # numbers that are added up by one message


class Crew(Protocol):
    """What a training asks of those it shares its work with."""

    rank: int
    size: int

    def mine(self, rows: Sequence[Row]) -> list[tuple[int, Row]]:
        """The rows of this process, with their numbers."""

    def add(self, weights: Iterable[Any]) -> None:
        """Add up the gradients of all processes, in place."""

    def told(self, value: Any) -> list[Any]:
        """What each process says, by rank: plain values, as in JSON."""

    def same(self, weights: Iterable[Any]) -> None:
        """Let all have the weights of the first."""


class Alone:
    """One process that does everything."""

    rank, size = 0, 1

    def mine(self, rows: Sequence[Row]) -> list[tuple[int, Row]]:
        return list(enumerate(rows))

    def add(self, weights: Iterable[Any]) -> None:
        pass

    def told(self, value: Any) -> list[Any]:
        return [value]

    def same(self, weights: Iterable[Any]) -> None:
        pass


class Joined:
    """A member of torch's process group, which is joined here where the launcher has not done it."""

    def __init__(self) -> None:
        import torch
        from torch import distributed

        self._has_card = torch.cuda.is_available()
        if self._has_card:
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
        if not distributed.is_initialized():
            distributed.init_process_group("nccl" if self._has_card else "gloo")
        self.rank, self.size = distributed.get_rank(), distributed.get_world_size()

    def mine(self, rows: Sequence[Row]) -> list[tuple[int, Row]]:
        """Rows are shared out by their tokens, the longest first."""
        loads = [0] * self.size
        found = []
        sizes = [sum(pack.n_tokens for pack in row.packs) for row in rows]
        for number in sorted(range(len(rows)), key=lambda number: (-sizes[number], number)):
            least = min(range(self.size), key=lambda rank: (loads[rank], rank))
            loads[least] += sizes[number]
            if least == self.rank:
                found.append((number, rows[number]))
        return sorted(found, key=lambda one: one[0])

    def add(self, weights: Iterable[Any]) -> None:
        import torch
        from torch import distributed

        for bucket in _buckets(weights):
            for weight in bucket:
                if weight.grad is None:
                    weight.grad = torch.zeros_like(weight)
            together = torch.cat([weight.grad.reshape(-1) for weight in bucket])
            distributed.all_reduce(together)
            for weight, part in zip(bucket, together.split([one.numel() for one in bucket]), strict=True):
                weight.grad.copy_(part.view_as(weight))

    def told(self, value: Any) -> list[Any]:
        import numpy as np
        import torch
        from torch import distributed

        device = "cuda" if self._has_card else "cpu"
        said = torch.as_tensor(np.frombuffer(json.dumps(value).encode(), np.uint8).copy(), device=device)
        sizes = [torch.zeros(1, dtype=torch.int64, device=device) for _ in range(self.size)]
        distributed.all_gather(sizes, torch.tensor([len(said)], device=device))
        longest = max(int(one) for one in sizes)
        padded = torch.zeros(longest, dtype=torch.uint8, device=device)
        padded[: len(said)] = said
        all_said = [torch.zeros_like(padded) for _ in range(self.size)]
        distributed.all_gather(all_said, padded)
        return [json.loads(one[: int(size)].cpu().numpy().tobytes()) for one, size in zip(all_said, sizes, strict=True)]

    def same(self, weights: Iterable[Any]) -> None:
        import torch
        from torch import distributed

        with torch.no_grad():
            for weight in weights:
                distributed.broadcast(weight.data, 0)


def _buckets(weights: Iterable[Any]) -> list[list[Any]]:
    found: list[list[Any]] = []
    room = 0
    for weight in weights:
        if not found or weight.numel() > room or weight.dtype != found[-1][-1].dtype:
            found.append([])
            room = max(_BUCKET, weight.numel())
        found[-1].append(weight)
        room -= weight.numel()
    return found
