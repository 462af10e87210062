"""The kernels in numpy: the slow, obvious version that the compiled one is tested against."""


def abort_callback_address() -> int:
    """0: without the compiled module ggml cannot be given a callback that needs no Python; see engine/llama.py."""
    return 0
