"""The gate before native code: bounds and sanity of a GGUF file, checked in Python before anything else opens it.

llama.cpp aborts its process on many damaged files and reads beyond a few; an attacker writes such files on purpose.
So every file passes here first (import, load, quantize, merge), and then only a worker process opens it. No numpy, no
gguf package: a 49,000-token model is checked in about 20 ms.
"""

import os
from pathlib import Path

from rushlight.quant.gguf_model import check_contents
from rushlight.quant.gguf_reader import Walk
from rushlight.quant.gguf_types import type_size
from rushlight.quant.gguf_values import GgufFile, LongArray, TensorInfo, open_regular

__all__ = ["GgufFile", "LongArray", "TensorInfo", "check", "type_size"]


def check(path: Path) -> GgufFile:
    """The contents of a GGUF file that native code may open; an `Error` of kind "bad-file" for any other file.

    A part of a split model is checked by itself: `split_count` says how many parts there are.
    """
    fd, size_bytes = open_regular(path)
    try:
        contents = Walk(fd, path, size_bytes).run()
    finally:
        os.close(fd)
    file = GgufFile(
        path=path,
        version=contents.version,
        alignment=contents.alignment,
        size_bytes=size_bytes,
        data_offset=contents.data_offset,
        metadata=contents.metadata,
        tensors=tuple(contents.tensors),
        value_types=contents.value_types,
        broken_texts=frozenset(contents.broken_texts),
    )
    check_contents(contents, file)
    return file
