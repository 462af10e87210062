"""The byte that stops a computation: set by the worker's reader thread, seen between tokens and inside llama.cpp."""

import ctypes

from rushlight.assistant.engine.context import Context


class AbortFlag:
    """One per engine. llama.cpp asks it between the operations of a graph, Python between tokens."""

    __slots__ = ("_byte", "_context", "_in_python")

    def __init__(self, context: Context) -> None:
        from rushlight.native import abort_callback_address

        self._byte = ctypes.c_ubyte(0)
        self._context = context
        address = abort_callback_address()
        self._in_python = address == 0
        if address:
            context.set_abort(address, ctypes.addressof(self._byte))

    def set(self) -> None:
        self._byte.value = 1

    def clear(self) -> None:
        self._byte.value = 0

    def is_set(self) -> bool:
        return self._byte.value != 0

    def watch(self, on: bool) -> None:
        """Let a long computation be stopped from Python where there is no compiled callback.

        Only around prompts: entering the interpreter for each of a graph's operations would slow every token down.
        """
        if self._in_python:
            self._context.set_abort_function(self.is_set if on else None)
