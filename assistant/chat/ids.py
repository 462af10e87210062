"""Ids that sort by time: 48 bits of milliseconds, then 42 random bits, as 18 letters and digits.

The idea of UUID version 7 (RFC 9562) in fewer characters, in an alphabet without look-alikes (Crockford's base 32).
"""

import os
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_RANDOM_BITS = 42
_LENGTH = 18  # 5 bits each: 90 bits

_last = 0


def new_id() -> str:
    """An id larger than every id this process has made before. Other processes differ by the random bits."""
    global _last
    number = time.time_ns() // 1_000_000 << _RANDOM_BITS | int.from_bytes(os.urandom(8)) >> 64 - _RANDOM_BITS
    if number <= _last:  # the same millisecond, or a clock that was set back
        number = _last + 1 + (number & 0xFFFF)  # a guess at the next one stays a guess
    _last = number
    return "".join(_ALPHABET[number >> shift & 31] for shift in range((_LENGTH - 1) * 5, -1, -5))
