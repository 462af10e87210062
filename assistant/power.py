"""Whether this machine runs on mains power. Linux says so in files; elsewhere it counts as plugged in."""

from pathlib import Path
from typing import Final

_SUPPLIES: Final = Path("/sys/class/power_supply")


def on_mains(supplies: Path = _SUPPLIES) -> bool:
    """False where every mains supply is off, or, where none is told of, while a battery of the machine's own is being
    emptied. Batteries of mice and phones say nothing about the machine."""
    mains: list[bool] = []
    is_emptied = False
    try:
        folders = sorted(supplies.iterdir())
    except OSError:
        return True
    for folder in folders:
        kind, scope = _word(folder / "type"), _word(folder / "scope")
        if kind in ("Mains", "USB", "USB_C", "Wireless") and (online := _word(folder / "online")):
            mains.append(online != "0")
        elif kind == "Battery" and scope != "Device":
            is_emptied |= _word(folder / "status") == "Discharging"
    return any(mains) if mains else not is_emptied


def _word(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
