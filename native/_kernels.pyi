"""The contract of the compiled module: what the C++ side promises, checked by stubtest."""

def abort_callback_address() -> int:
    """Address of a `bool (*)(void *)` that is true while the byte behind its argument is not 0."""
