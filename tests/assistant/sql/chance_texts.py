"""Texts of a grammar by chance: every one of them has to be what the grammar promises."""

import random
from typing import Any


def by_chance(matcher: Any, dice: random.Random) -> str | None:
    """A text that the matcher (over single bytes) lets through; None where it grew too long."""
    written = bytearray()
    while not matcher.is_stopped() and len(written) < 1500:
        mask = matcher.compute_bitmask()
        allowed = [byte for byte in range(256) if mask[byte >> 3] >> (byte & 7) & 1]
        if not allowed or (matcher.is_accepting() and dice.random() < 0.3):
            break
        written.append(dice.choice(allowed))
        assert matcher.consume_token(written[-1])
    return written.decode() if matcher.is_accepting() else None
