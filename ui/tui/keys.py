"""Keys as people write them: ctrl+p is Ctrl+P, alt+left is Alt+←."""

_NAMES = {
    "escape": "Esc",
    "enter": "Enter",
    "delete": "Del",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "tab": "Tab",
}


def key_text(key: str) -> str:
    """One key of the table of actions."""
    return "+".join(_NAMES.get(part, part.capitalize() if len(part) > 1 else part.upper()) for part in key.split("+"))
