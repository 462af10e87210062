"""The value types and tensor types a GGUF file may hold, with their sizes, and the limits we hold files to.

Knows numbers from the GGUF specification and ggml's type table. Opens no file.
"""

from difflib import get_close_matches
from typing import Final

from rushlight import Error

# ---------------------------------------------------------------- limits (what real files need, with a wide margin)
MAX_METADATA_BYTES: Final = 64 << 20  # keys and values together; 152k-token vocabularies need 6 MiB
MAX_STRING_BYTES: Final = 16 << 20
MAX_ARRAY_ELEMENTS: Final = 16 << 20
MAX_STRINGS: Final = 2 << 20  # in all arrays together; the largest vocabularies have 0.8 million
MAX_TOKENS: Final = 1 << 19  # twice the largest vocabulary in use
MAX_KEY_BYTES: Final = 65_535  # the specification's own limit
MAX_KEYS: Final = 1_024  # real files have under 100
MAX_TENSORS: Final = 65_536
MAX_TENSOR_NAME_BYTES: Final = 63  # ggml keeps names in 64 bytes, the last one zero
MAX_DIMS: Final = 4
INLINE_ELEMENTS: Final = 1_024  # longer arrays stay in the file as LongArray
SUPPORTED_VERSIONS: Final = (2, 3)
DEFAULT_ALIGNMENT: Final = 32

# ---------------------------------------------------------------- metadata values
STRING: Final = 8
ARRAY: Final = 9
BOOL: Final = 7

# number -> (name, bytes, struct code); string and array have no fixed size
VALUE_TYPES: Final[dict[int, tuple[str, int, str]]] = {
    0: ("uint8", 1, "B"),
    1: ("int8", 1, "b"),
    2: ("uint16", 2, "H"),
    3: ("int16", 2, "h"),
    4: ("uint32", 4, "I"),
    5: ("int32", 4, "i"),
    6: ("float32", 4, "f"),
    BOOL: ("bool", 1, "?"),
    STRING: ("string", 0, ""),
    ARRAY: ("array", 0, ""),
    10: ("uint64", 8, "Q"),
    11: ("int64", 8, "q"),
    12: ("float64", 8, "d"),
}

# ---------------------------------------------------------------- tensor data
# number -> (name, elements in a block, bytes of a block)
TENSOR_TYPES: Final[dict[int, tuple[str, int, int]]] = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 40),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36),
    41: ("Q1_0", 128, 18),
    42: ("Q2_0", 64, 18),  # newer than gguf 0.19, known to the llama.cpp we ship
}

REMOVED_TENSOR_TYPES: Final[dict[int, str]] = {
    4: "Q4_2",
    5: "Q4_3",
    31: "Q4_0_4_4",
    32: "Q4_0_4_8",
    33: "Q4_0_8_8",
    36: "IQ4_NL_4_4",
    37: "IQ4_NL_4_8",
    38: "IQ4_NL_8_8",
}

_SIZES: Final = {name: (block_elements, block_bytes) for name, block_elements, block_bytes in TENSOR_TYPES.values()}


def type_size(type_name: str) -> tuple[int, int]:
    """(elements in a block, bytes of a block) of a tensor type such as "Q4_K"."""
    try:
        return _SIZES[type_name]
    except KeyError:
        near = get_close_matches(type_name.upper(), _SIZES, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Known types: {', '.join(_SIZES)}."
        raise Error(f"There is no tensor type {type_name!r}.", hint, kind="unknown-type") from None
