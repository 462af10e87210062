"""LoRA adapters of one model: each file loaded once, side by side, set per request with its scale.

Knows files and scales. A file that changed on disk is loaded anew; the least recently used ones give way.
"""

import os
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from rushlight import Error
from rushlight.assistant.engine.context import Context
from rushlight.assistant.engine.llama import Model
from rushlight.assistant.engine.request import LoraUse

MAX_LOADED = 32
_FileState = tuple[str, int, int, int]  # path, inode, size, time of change
AdapterSet: TypeAlias = tuple[tuple[_FileState, float], ...]
"""Adapters with their scales, in an order of their own: the same set is the same value."""


class Adapters:
    """The adapters of a loaded model."""

    def __init__(self, model: Model, context: Context) -> None:
        self._model = model
        self._context = context
        self._loaded: OrderedDict[_FileState, int] = OrderedDict()
        self._active: AdapterSet = ()

    def load(self, uses: Sequence[LoraUse], others: Sequence[AdapterSet] = ()) -> AdapterSet:
        """Have these files at hand, beside those of `others`, which are in use.

        Returns what the KV cache depends on; equal values, equal results.
        """
        wanted = tuple(sorted((self._load(use.path), use.scale) for use in uses if use.scale != 0.0))
        self._drop_unused(
            {state for state, _scale in (*wanted, *self._active, *(one for other in others for one in other))}
        )
        return wanted

    def activate(self, wanted: AdapterSet) -> None:
        """Compute with exactly these from the next decode on."""
        if wanted != self._active:
            self._context.set_adapters([(self._loaded[state], scale) for state, scale in wanted])
            self._active = wanted

    def apply(self, uses: Sequence[LoraUse]) -> AdapterSet:
        """Load these and compute with them."""
        wanted = self.load(uses)
        self.activate(wanted)
        return wanted

    def _load(self, name: str) -> _FileState:
        path = Path(name)
        try:
            status = path.stat()
        except OSError as err:
            raise Error(
                f"The adapter {path.name} cannot be opened: {os.strerror(err.errno or 0)} ({path}).",
                hint="Check the path, or choose another adapter.",
                kind="bad-adapter",
            ) from err
        state = (str(path), status.st_ino, status.st_size, status.st_mtime_ns)
        if state not in self._loaded:
            # Before native code sees it, like every file of a stranger.
            from rushlight.quant.gguf_check import check

            check(path)
            self._loaded[state] = self._model.load_adapter(path)
        self._loaded.move_to_end(state)
        return state

    def _drop_unused(self, in_use: set[_FileState]) -> None:
        paths_in_use = {state[0] for state in in_use}
        for state in list(self._loaded):
            is_outdated = state[0] in paths_in_use and state not in in_use
            if state not in in_use and (is_outdated or len(self._loaded) > MAX_LOADED):
                self._model.free_adapter(self._loaded.pop(state))
