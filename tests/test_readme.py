"""Every command that README and the other pages show exists."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"]


def commands(page: str) -> list[str]:
    """Lines of the page's sh blocks, comments and prompts taken off."""
    text = (ROOT / page).read_text()
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.S) for line in block.splitlines()]
    # of a pipe, the part that is ours
    return [re.sub(r"\s+#.*|^.*\| ", "", line).strip() for line in lines if line.strip() and not line.startswith("#")]


ALL = [(page, line) for page in PAGES for line in commands(page)]


def test_the_first_screen_names_both_commands() -> None:
    first = "\n".join((ROOT / "README.md").read_text().splitlines()[:40])
    assert "make run" in first and "make test" in first


@pytest.mark.parametrize(("page", "line"), ALL)
def test_command_exists(page: str, line: str) -> None:
    words = re.sub(r"^([A-Z_]+=\S+\s+)*", "", line).split()
    program = words[0].removeprefix(".venv/bin/")
    if program == "make":
        targets = re.findall(r"^([a-z%-]+):", (ROOT / "Makefile").read_text(), re.M)
        for word in (w for w in words[1:] if "=" not in w):
            assert any(re.fullmatch(target.replace("%", ".+"), word) for target in targets), f"{page}: make {word}"
    elif program == "rushlight":
        verbs = []
        for word in words[1:]:
            if not re.fullmatch(r"[a-z][a-z-]*", word) or len(verbs) == 2:
                break
            verbs.append(word)
        found = subprocess.run([sys.executable, "-m", "rushlight", *verbs, "--help"], capture_output=True, text=True)
        assert found.returncode == 0, f"{page}: {line}\n{found.stderr}"
    else:
        assert program in {"git", "cd", "unshare", "python", "pip", ".ci/run"}, f"{page}: unknown program in: {line}"
