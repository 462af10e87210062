"""Draws the figures of `rushlight bench` as an SVG file: reading and writing, a bar for each number of threads.

Plain text out of numbers and checked words; the one foreign string, the model's name, is escaped.
"""

from collections.abc import Sequence
from html import escape

from rushlight.assistant.host.bench import Measured, Task
from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.words import text

_WIDTH, _PANEL, _LEFT, _TOP, _GAP = 860, 220, 70, 78, 92
_COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377")  # told apart by every eye (Tol)
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#333}.t{font-size:16px;font-weight:600}.g{stroke:#ddd}"
    "@media(prefers-color-scheme:dark){svg{background:#1b1b1b}text{fill:#ddd}.g{stroke:#444}}"
)


def draw(name: str, found: Sequence[Measured], task: Task) -> str:
    """The whole file."""
    threads = sorted({one.variant.n_threads for one in found})
    height = _TOP + 2 * (_PANEL + _GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}">',
        f"<title>{_safe(name)}</title><style>{_STYLE}</style>",
        f'<text class="t" x="{_LEFT}" y="28">{_safe(name)}</text>',
        *_legend(threads),
    ]
    reads = text("Reading a prompt of {count} tokens (tokens/s)", count=task.n_prompt)
    writes = text("Writing {count} tokens (tokens/s)", count=task.n_tokens)
    parts += _panel(_TOP, reads, found, threads, [one.prompt_per_s for one in found])
    parts += _panel(_TOP + _PANEL + _GAP, writes, found, threads, [one.decode_per_s for one in found])
    return "\n".join([*parts, "</svg>", ""])


def _legend(threads: Sequence[int]) -> list[str]:
    parts = []
    for index, count in enumerate(threads):
        x = _LEFT + 110 * index
        parts.append(f'<rect x="{x}" y="40" width="12" height="12" rx="2" fill="{_colour(index)}"/>')
        parts.append(f'<text x="{x + 18}" y="50">{_safe(text("threads: {count}", count=count))}</text>')
    return parts


def _panel(
    top: int, title: str, found: Sequence[Measured], threads: Sequence[int], values: Sequence[float]
) -> list[str]:
    """One set of bars over a common zero, in groups of equal context and flash attention."""
    step, n_steps = _scale(max(values, default=0.0))
    most = step * n_steps
    base = top + 20 + _PANEL
    parts = [f'<text x="{_LEFT}" y="{top + 8}" font-weight="600">{_safe(title)}</text>']
    for tick in range(n_steps + 1):
        y = base - _PANEL * tick / n_steps
        parts.append(f'<line class="g" x1="{_LEFT}" x2="{_WIDTH - 20}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{step * tick:g}</text>')
    groups = list(dict.fromkeys(_group(one) for one in found))
    room = (_WIDTH - 20 - _LEFT) / len(groups)
    bar = min(44.0, room * 0.8 / len(threads))
    for one, value in zip(found, values, strict=True):
        group, index = groups.index(_group(one)), threads.index(one.variant.n_threads)
        x = _LEFT + room * (group + 0.5) + bar * (index - len(threads) / 2)
        height = _PANEL * value / most
        parts.append(
            f'<rect x="{x + 1:.1f}" y="{base - height:.1f}" width="{bar - 2:.1f}" height="{height:.1f}" rx="2" '
            f'fill="{_colour(index)}"/>'
        )
        parts.append(f'<text x="{x + bar / 2:.1f}" y="{base - height - 4:.1f}" text-anchor="middle">{value:.0f}</text>')
    for group, label in enumerate(groups):
        x = _LEFT + room * (group + 0.5)
        for line, words in enumerate(label):
            parts.append(f'<text x="{x:.1f}" y="{base + 18 + 15 * line}" text-anchor="middle">{_safe(words)}</text>')
    return parts


def _group(one: Measured) -> tuple[str, str, str]:
    """What stands below its bars, in three lines."""
    flash = text("flash on") if one.variant.flash_attention == "on" else text("flash off")
    where = text("{count} layers on the card", count=one.gpu_layers) if one.gpu_layers else ""
    return one.variant.kv_type, flash, where


def _scale(most: float) -> tuple[float, int]:
    """A round step and how many of them reach beyond `most`."""
    if most <= 0:
        return 1.0, 1
    step = 10.0 ** len(str(int(most)))
    for part in (0.01, 0.02, 0.025, 0.05, 0.1, 0.2, 0.25):
        if most / (step * part) <= 5:
            step *= part
            break
    return step, int(most / step) + 1


def _colour(index: int) -> str:
    return _COLOURS[index % len(_COLOURS)]


def _safe(words: str) -> str:
    return escape(plain_line(words))
