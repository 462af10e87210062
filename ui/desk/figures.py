"""Numbers with their units, as both faces show them: sizes, times, rates, counts of parameters and tokens.

Knows words only.
"""

from rushlight.ui.words import plural, text


def size_text(size_bytes: float) -> str:
    """98.1 MB. Thousands, as on a model's page and in a file manager."""
    for unit in ("B", "kB", "MB", "GB"):
        if size_bytes < (1000 if unit == "B" else 999.95):
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.1f} TB"


def params_text(n_params: int) -> str:
    """134.5M, 7.2B; "" where it is not known."""
    for limit, unit in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if n_params >= limit:
            return f"{n_params / limit:.1f}{unit}"
    return str(n_params) if n_params else ""


def context_text(n_tokens: int) -> str:
    """8k, 128k: what a model can read, in round numbers; "" where it is not known."""
    if n_tokens >= 1024:
        return f"{n_tokens / 1024:.0f}k"
    return str(n_tokens) if n_tokens else ""


def speed_text(tokens_per_s: float | None) -> str:
    """52 tok/s; "" where it was never measured."""
    if not tokens_per_s:
        return ""
    return text("{count} tok/s", count=f"{tokens_per_s:.0f}" if tokens_per_s >= 10 else f"{tokens_per_s:.1f}")


def duration_text(seconds: float) -> str:
    """12 s, 3 min, 2 h 5 min, 4 days."""
    if seconds < 60:
        return text("{count} s", count=int(seconds))
    if seconds < 3600:
        return text("{count} min", count=int(seconds / 60))
    if seconds < 48 * 3600:
        return text("{hours} h {minutes} min", hours=int(seconds / 3600), minutes=int(seconds % 3600 / 60))
    return plural("{count} day", "{count} days", int(seconds / 86400))


def amount_text(done: float, total: float | None, unit: str) -> str:
    """340.0 MB of 1.2 GB, 12 of 40 messages; "" where there is nothing to say."""
    if not done and not total:
        return ""
    if unit == "bytes":
        if total is None:
            return size_text(done)
        return text("{done} of {total}", done=size_text(done), total=size_text(total))
    if total is None:
        return text("{done} {unit}", done=f"{done:g}", unit=text(unit)) if unit else f"{done:g}"
    return text(
        "{done} of {total} {unit}", done=f"{done:g}", total=f"{total:g}", unit=text(unit) if unit else ""
    ).strip()


def rate_text(rate: float | None, unit: str) -> str:
    """20.1 MB/s, 12 messages/s; "" where it is not known."""
    if not rate:
        return ""
    if unit == "bytes":
        return text("{amount}/s", amount=size_text(rate))
    shown = f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}"
    return text("{amount}/s", amount=f"{shown} {text(unit)}" if unit else shown)
