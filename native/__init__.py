"""C++ kernels, or the same in numpy where no compiler was.

Knows numbers and bytes only: no files, no models, no settings. `COMPILED` says which of the two is in use.
"""

__all__ = ["COMPILED", "abort_callback_address"]

try:
    from rushlight.native._kernels import abort_callback_address

    COMPILED = True
except ImportError:
    from rushlight.native._fallback import abort_callback_address

    COMPILED = False
