"""Scenes of the terminal app: registered here with their size, in the order in which the list of pictures has them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

Scene: TypeAlias = Callable[[Any, Any, dict[str, str]], Awaitable[None]]
SCENES: dict[str, tuple[str, Scene]] = {}
SIZES: dict[str, tuple[int, int]] = {}
_PATIENCE_S = 60.0


def scene(name: str, line: str, size: tuple[int, int]) -> Callable[[Scene], Scene]:
    """Register a scene; `size` is (columns, lines)."""

    def register(function: Scene) -> Scene:
        SCENES[name], SIZES[name] = (line, function), size
        return function

    return register


async def until(condition: Callable[[], object], what: str) -> None:
    for _ in range(int(_PATIENCE_S / 0.02)):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise SystemExit(f"This did not come about: {what}")
