"""Rushlight: an offline assistant that learns its job on your machine.

The root holds what every part shares: the error for people, progress, the stop flag and the version. It imports
nothing of ours.
"""

from rushlight._error import Error
from rushlight._progress import Progress
from rushlight._stop import Stop

__version__ = "0.1.0"

__all__ = ["Error", "Progress", "Stop", "__version__"]
