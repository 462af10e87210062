"""Where in a JSON text a number has digits enough: the brake on small models that loop in one.

JSON Schema has no word for the number of digits, so 3.1111... is valid without end, and small models write it. Knows
bytes of a JSON text; knows no grammar and no tokens.
"""

# As many digits as 64-bit integers and doubles can tell apart, 17 of a fraction behind up to three zeros (smaller ones
# are written with an exponent); larger exponents overflow or are near it.
_MOST_DIGITS = {"whole": 18, "fraction": 20, "exponent": 2}


class NumberDigits:
    """Reads the bytes of a JSON text, piece by piece."""

    __slots__ = ("_escaped", "_in_string", "_n", "_part")

    def __init__(self) -> None:
        self._in_string = self._escaped = False
        self._part = ""  # of the number that the text ends in, "" = in none
        self._n = 0  # digits of that part

    @property
    def are_enough(self) -> bool:
        """The text ends in a number to whose last part no digit need be added."""
        return self._part != "" and self._n >= _MOST_DIGITS[self._part]

    def feed(self, piece: bytes) -> None:
        """Go on with these bytes."""
        for byte in piece:
            if self._in_string:
                if self._escaped:
                    self._escaped = False
                elif byte == 0x5C:  # backslash
                    self._escaped = True
                elif byte == 0x22:  # quotation mark
                    self._in_string = False
            elif 0x30 <= byte <= 0x39:
                self._part = self._part or "whole"
                self._n += 1
            else:
                self._n = 0
                if byte == 0x2E:  # .
                    self._part = "fraction"
                elif byte in b"eE" and self._part:
                    self._part = "exponent"
                elif byte not in b"+-" or self._part != "exponent":
                    self._part = ""
                    self._in_string = byte == 0x22
