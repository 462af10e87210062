"""Private details and secrets in texts: mail addresses, phone numbers, IBANs, payment cards, keys and tokens.

Every pattern is bounded, so that no text takes more than linear time. What has a checksum is believed only if it fits:
IBANs by ISO 13616 (mod 97, length of the country), cards by Luhn (ISO/IEC 7812).
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

KINDS: Final = ("email", "phone", "iban", "card", "secret")

_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18,
    "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24,
    "SI": 19, "SK": 24, "SM": 27, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24,
    "XK": 20,
}  # fmt: skip
_EMAIL = re.compile(
    r"(?<![\w.+%-])[\w.+%'-]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}(?:[^\W\d_]{2,24}|xn--[a-z0-9-]{2,40})(?![\w@])",
    re.IGNORECASE,
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?:[ -]?[A-Za-z0-9]){11,30}(?![A-Za-z0-9])")
_CARD = re.compile(r"(?<![\w.+-])[2-6](?:[ -]?[0-9]){12,18}(?![\w-]|\.[0-9])")
# International (+49 30 901820, 0049 ...), North American ((415) 555-0132), and national ones that begin with 0.
_PHONE = re.compile(
    r"(?<![\w.+/-])(?:"
    r"(?:\+|00)[1-9][0-9]{0,2}(?:[ ./-]?\(?[0-9]{1,5}\)?){2,6}"
    r"|(?:1[ .-])?\([2-9][0-9]{2}\) ?[2-9][0-9]{2}[ .-][0-9]{4}"
    r"|(?:1[ .-])?[2-9][0-9]{2}[.-][2-9][0-9]{2}[.-][0-9]{4}"
    r"|\(?0[1-9][0-9]{1,4}\)?(?:[ /-]{1,3}[0-9]{2,8}){1,5}"
    r"|0[1-9][0-9]{8,10}"
    r")(?![\w-]|[./][0-9])"
)
_DATE = re.compile(r"[0-9]{1,4}([-./])[0-9]{1,2}\1[0-9]{1,4}")
_SECRETS = tuple(re.compile(pattern) for pattern in (
    r"-----BEGIN (?:[A-Z]{2,12} ){0,3}PRIVATE KEY-----[\s\S]{0,20000}?-----END (?:[A-Z]{2,12} ){0,3}PRIVATE KEY-----",
    r"(?<![A-Za-z0-9])(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}(?![A-Za-z0-9])",  # AWS
    r"(?<![A-Za-z0-9])gh[pousr]_[A-Za-z0-9]{36,255}(?![A-Za-z0-9])",  # GitHub
    r"(?<![A-Za-z0-9])github_pat_[A-Za-z0-9_]{60,255}",
    r"(?<![A-Za-z0-9])glpat-[A-Za-z0-9_-]{20,64}",  # GitLab
    r"(?<![A-Za-z0-9])xox[abeoprs]-[A-Za-z0-9-]{10,250}",  # Slack
    r"(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])",  # Google
    r"(?<![A-Za-z0-9-])sk-(?:[a-z]{2,8}-){0,2}[A-Za-z0-9_-]{20,200}",  # OpenAI, Anthropic
    r"(?<![A-Za-z0-9])[rs]k_(?:live|test)_[A-Za-z0-9]{16,120}",  # Stripe
    r"(?<![A-Za-z0-9])hf_[A-Za-z0-9]{30,60}(?![A-Za-z0-9])",  # Hugging Face
    r"(?<![A-Za-z0-9])(?:npm|pypi)[_-][A-Za-z0-9_-]{36,250}",
    r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{10,2000}\.eyJ[A-Za-z0-9_-]{10,4000}\.[A-Za-z0-9_-]{10,1000}",  # JSON web tokens
))  # fmt: skip
# What is said to be one: api_key = "...", password: ..., https://user:word@host
_NAMED = re.compile(
    r"(?:api[_ -]?key|secret(?:[_ -]?key)?|access[_ -]?token|auth[_ -]?token|client[_ -]?secret|passw(?:or)?d|"
    r"passphrase|bearer)[\"']?(?:\s{0,3}[:=]\s{0,3}|\s{1,3}is\s{1,3}|(?<=bearer) )[\"']?([^\s\"'<>,;]{8,200})",
    re.IGNORECASE,
)
_IN_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{1,64}:([^\s/@]{3,128})@", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"^[<\[{$%]|^(?:your|my|some|the|example|changeme|none|null|true|false)\b|^[x*.]+$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Found:
    """A private detail from `start` up to, but not including, `end`."""

    kind: str
    start: int
    end: int


def find_private(text: str, kinds: Sequence[str] = KINDS) -> list[Found]:
    """What is private in the text, in order and apart from each other. Of two that overlap the more certain counts."""
    finders: dict[str, Callable[[str], Iterator[tuple[int, int]]]] = {
        "secret": _secrets, "email": _emails, "iban": _ibans, "card": _cards, "phone": _phones,
    }  # fmt: skip
    found: list[Found] = []
    taken = bytearray(len(text))
    for kind, finder in finders.items():
        if kind in kinds:
            for start, end in finder(text):
                if not any(taken[start:end]):
                    found.append(Found(kind, start, end))
                    taken[start:end] = b"\1" * (end - start)
    return sorted(found, key=lambda one: one.start)


def redacted(text: str, kinds: Sequence[str] = KINDS) -> tuple[str, Counter[str]]:
    """The text with [email], [phone] ... in the place of what is private, and how often each was found."""
    parts, counts, last = [], Counter[str](), 0
    for one in find_private(text, kinds):
        parts += [text[last : one.start], f"[{one.kind}]"]
        counts[one.kind] += 1
        last = one.end
    return ("".join([*parts, text[last:]]) if counts else text), counts


def is_iban(text: str) -> bool:
    """Country, length and checksum fit."""
    plain = re.sub("[ -]", "", text).upper()
    if _IBAN_LENGTHS.get(plain[:2]) != len(plain) or not plain.isascii() or not plain.isalnum():
        return False
    return int("".join(str(int(char, 36)) for char in plain[4:] + plain[:4])) % 97 == 1


def is_card(text: str) -> bool:
    """Length and first digits of a payment card, and Luhn's checksum."""
    digits = [int(char) for char in text if char.isdigit()]
    number = "".join(map(str, digits))
    known = (
        (number[0] == "4" and len(digits) in (13, 16, 19))
        or (len(digits) == 16 and (51 <= int(number[:2]) <= 55 or 2221 <= int(number[:4]) <= 2720))
        or (len(digits) == 15 and number[:2] in ("34", "37"))
        or (len(digits) == 14 and number[:2] in ("30", "36", "38", "39"))
        or (len(digits) in (16, 19) and (number[:2] in ("62", "65") or number[:4] == "6011" or number[:2] == "35"))
    )
    if not known or len(set(digits)) < 3:
        return False
    doubled = [digit if at % 2 == 0 else digit * 2 - 9 * (digit > 4) for at, digit in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def _emails(text: str) -> Iterator[tuple[int, int]]:
    if "@" in text:
        for match in _EMAIL.finditer(text):
            lead = len(match[0]) - len(match[0].lstrip(".'-%+"))
            if match[0][lead] != "@" and ".." not in match[0]:
                yield match.start() + lead, match.end()


def _ibans(text: str) -> Iterator[tuple[int, int]]:
    for match in _IBAN.finditer(text):
        wanted = _IBAN_LENGTHS.get(match[0][:2], 0)
        # The pattern may have run into the next words.
        places = [at for at, char in enumerate(match[0]) if char not in " -"]
        if wanted and len(places) >= wanted:
            end = places[wanted - 1] + 1
            if is_iban(match[0][:end]) and not match[0][end : end + 1].isalnum():
                yield match.start(), match.start() + end


def _cards(text: str) -> Iterator[tuple[int, int]]:
    for match in _CARD.finditer(text):
        if is_card(match[0]):
            yield match.span()


def _phones(text: str) -> Iterator[tuple[int, int]]:
    for match in _PHONE.finditer(text):
        n_digits = sum(char.isdigit() for char in match[0])
        if 8 <= n_digits <= 15 and not _DATE.fullmatch(match[0]):
            is_open = match[0].endswith(")") and match[0].count("(") < match[0].count(")")
            yield match.start(), match.end() - is_open


def _secrets(text: str) -> Iterator[tuple[int, int]]:
    for pattern in _SECRETS:
        for match in pattern.finditer(text):
            yield match.span()
    for match in _IN_ADDRESS.finditer(text):
        if not _PLACEHOLDER.match(match[1]):
            yield match.span(1)
    for match in _NAMED.finditer(text):
        value = match[1].rstrip(".:!?)]}»«”’“")
        if len(value) >= 8 and not _PLACEHOLDER.match(value) and _looks_random(value):
            yield match.start(1), match.start(1) + len(value)


def _looks_random(value: str) -> bool:
    """No plain word: a digit or a sign within, and many different characters."""
    has_more = any(map(str.isdigit, value)) or not value.isalnum()
    counts = Counter(value)
    entropy = -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())
    return has_more and entropy >= 2.5 and not value.endswith("()")
