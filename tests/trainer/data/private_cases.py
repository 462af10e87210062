"""Generated texts with private details in them, and texts that only look so."""

import random
import string

from rushlight.trainer.data.private import is_card

_BEFORE = ("Please write to {}.", "Contact: {}", "{} is mine, keep it.", "({})", "I sent {} yesterday, thanks!",
           "Name;Amount\nMiller;{}", "my number is {}, call me", "<p>{}</p>", "»{}«", "It says {}:")  # fmt: skip


def _digits(drawn: random.Random, n: int) -> str:
    return "".join(drawn.choice(string.digits) for _ in range(n))


def email(drawn: random.Random) -> str:
    name = drawn.choice(["anna", "j.o.smith", "max_mustermann", "x+tag", "müller", "o'brien", "a-b", "info2"])
    name += drawn.choice(["", "7", ".99"])
    host = drawn.choice(["mail", "sub.mail-2", "bücher", "uni-x"])
    return f"{name}@{host}.{drawn.choice(['de', 'com', 'co.uk', 'museum'])}"


def phone(drawn: random.Random) -> str:
    d = lambda n: _digits(drawn, n)  # noqa: E731 - short, and used eleven times
    area, end = str(drawn.randint(2, 9)), str(drawn.randint(2, 9))
    return drawn.choice([
        f"+49 30 {d(8)}", f"+49 (0)170 {d(7)}", f"+1 415 {end}{d(2)} {d(4)}", f"+44 20 7{d(3)} {d(4)}",
        f"+33 1 {d(2)} {d(2)} {d(2)} {d(2)}", f"0049 89 {d(7)}", f"({area}{d(2)}) {end}{d(2)}-{d(4)}",
        f"{area}{d(2)}-{end}{d(2)}-{d(4)}", f"0{area}0/{d(7)}", f"0171 {d(7)}", f"+4917{d(9)}", f"(030) {d(4)} {d(4)}",
    ])  # fmt: skip


def iban(drawn: random.Random) -> str:
    country, body = drawn.choice([("DE", _digits(drawn, 18)), ("GB", "NWBK" + _digits(drawn, 14)),
                                  ("FR", _digits(drawn, 23)), ("NL", "ABNA" + _digits(drawn, 10)),
                                  ("NO", _digits(drawn, 11)), ("MT", "MALT" + _digits(drawn, 23))])  # fmt: skip
    rest = 98 - int("".join(str(int(char, 36)) for char in f"{body}{country}00")) % 97
    plain = f"{country}{rest:02}{body}"
    return plain if drawn.random() < 0.5 else " ".join(plain[at : at + 4] for at in range(0, len(plain), 4))


def card(drawn: random.Random) -> str:
    while True:
        start, n = drawn.choice([("4", 16), ("53", 16), ("2405", 16), ("37", 15), ("6011", 16)])
        number = start + _digits(drawn, n - len(start))
        if is_card(number):
            groups = [number[at : at + 4] for at in range(0, len(number), 4)]
            return drawn.choice([number, " ".join(groups), "-".join(groups)])


def secret(drawn: random.Random) -> str:
    d = lambda n: "".join(drawn.choice(string.ascii_letters + string.digits) for _ in range(n))  # noqa: E731 - as above
    return drawn.choice([
        "AKIA" + d(16).upper(), "ghp_" + d(36), "glpat-" + d(20), "xoxb-" + _digits(drawn, 12) + "-" + d(24),
        "AIza" + d(35), "sk-proj-" + d(48), "sk_live_" + d(24), "hf_" + d(34),
        f"eyJ{d(20)}.eyJ{d(40)}.{d(43)}",
        f"-----BEGIN RSA PRIVATE KEY-----\n{d(64)}\n{d(64)}\n-----END RSA PRIVATE KEY-----",
    ])  # fmt: skip


MAKERS = {"email": email, "phone": phone, "iban": iban, "card": card, "secret": secret}


def harmless(drawn: random.Random) -> str:
    d = lambda n: _digits(drawn, n)  # noqa: E731 - as above
    while is_card(wrong_card := "4" + d(15)):
        pass
    return drawn.choice([
        f"order {d(9)}", f"2024-0{drawn.randint(1, 9)}-1{d(1)}", f"12.0{drawn.randint(1, 9)}.2023", f"v3.{d(2)}.{d(3)}",
        f"ISBN 978-3-16-{d(6)}-0", wrong_card, f"DE00{d(18)}", f"0x{d(12)}", f"{d(3)},{d(3)},{d(3)} people",
        f"3.{d(14)}", f"192.168.{drawn.randint(1, 254)}.{drawn.randint(1, 254)}", "@anna on the net", "a@b", "sk-learn",
        f"§ {d(2)} Abs. {d(1)}", f"{d(2)}:{d(2)}:{d(2)}", f"pages {d(3)}-{d(3)}", "the password is required",
        f"commit {d(7)}abcdef{d(12)}", "secret: everything", f"{d(8)}-{d(4)}-4{d(3)}-8{d(3)}-{d(12)}", f"1{d(9)}",
        f"€ {d(1)}.{d(3)}.{d(3)},00", "password = <your password>",
    ])  # fmt: skip


def cases(n: int, seed: int) -> list[tuple[str, str, str]]:
    """(text, kind or "", what is private)."""
    drawn = random.Random(seed)
    found = []
    for number in range(n):
        kind = [*MAKERS, "", ""][number % (len(MAKERS) + 2)]
        value = MAKERS[kind](drawn) if kind else harmless(drawn)
        found.append((drawn.choice(_BEFORE).format(value), kind, value if kind else ""))
    return found
