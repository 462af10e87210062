"""Model files: catalogue, import, discovery, download and what fits into memory."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rushlight.assistant.models.model import Model


def quick_check(model: "Model") -> None:
    """Before each load: the files are there and look as they did at import. Raises `Error` of kind "model-missing",
    "model-truncated" or "model-changed". The import waits until it is needed: `ask` counts milliseconds.
    """
    from rushlight.assistant.models.verify import quick_check as check

    check(model)
