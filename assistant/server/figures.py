"""Figures of the running server in Prometheus' text form, and a ring of its last requests. No text of any request."""

import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
MAX_RECORDS = 500
_QUIET = frozenset({"/health", "/metrics", "/requests"})  # who only watches must not push the others out of the ring


@dataclass(slots=True)
class RequestRecord:
    """One request, as the log and a Server page show it."""

    number: int
    method: str
    path: str
    started_at: float  # seconds since 1970
    began_s: float  # monotonic
    model: str = ""
    status: int = 0  # 0 = still running
    duration_s: float = 0.0
    first_token_s: float = 0.0
    n_prompt_tokens: int = 0
    n_cached_tokens: int = 0
    n_completion_tokens: int = 0
    tokens_per_second: float = 0.0
    is_stream: bool = False
    error: str = ""  # kind
    ignored: tuple[str, ...] = ()  # fields of the request that we do not know
    notices: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__ if name not in ("began_s",)}


class Histogram:
    """Seconds in Prometheus' cumulative buckets."""

    def __init__(self) -> None:
        self.counts = [0] * (len(_BUCKETS_S) + 1)
        self.sum_s = 0.0

    def add(self, seconds: float) -> None:
        place = next((i for i, edge in enumerate(_BUCKETS_S) if seconds <= edge), len(_BUCKETS_S))
        self.counts[place] += 1
        self.sum_s += seconds

    def lines(self, name: str) -> list[str]:
        lines, total = [], 0
        for edge, count in zip((*map(str, _BUCKETS_S), "+Inf"), self.counts, strict=True):
            total += count
            lines.append(f'{name}_bucket{{le="{edge}"}} {total}')
        return [*lines, f"{name}_sum {self.sum_s:.6f}", f"{name}_count {total}"]


@dataclass(slots=True)
class Figures:
    """Counts since the start, and the ring of requests."""

    started_s: float = field(default_factory=time.monotonic)
    records: deque[RequestRecord] = field(default_factory=lambda: deque(maxlen=MAX_RECORDS))
    n_running: int = 0
    _number: int = 0
    _requests: Counter[tuple[str, int]] = field(default_factory=Counter)
    _tokens: Counter[str] = field(default_factory=Counter)
    _first_token: Histogram = field(default_factory=Histogram)
    _duration: Histogram = field(default_factory=Histogram)
    _ignored: Counter[str] = field(default_factory=Counter)

    def begin(self, method: str, path: str) -> RequestRecord:
        """A request has come."""
        self._number += 1
        self.n_running += 1
        record = RequestRecord(self._number, method, path, time.time(), time.monotonic())
        if path not in _QUIET:
            self.records.append(record)
        return record

    def end(self, record: RequestRecord, known_path: bool) -> None:
        """It has been answered, or its client has gone."""
        self.n_running -= 1
        record.duration_s = time.monotonic() - record.began_s
        self._requests[record.path if known_path else "other", record.status] += 1
        self._tokens["prompt"] += record.n_prompt_tokens
        self._tokens["cached"] += record.n_cached_tokens
        self._tokens["completion"] += record.n_completion_tokens
        if record.first_token_s:
            self._first_token.add(record.first_token_s)
        if record.n_completion_tokens:
            self._duration.add(record.duration_s)

    def text(self, gauges: dict[str, tuple[str, float]]) -> str:
        """Prometheus' text format, version 0.0.4. `gauges`: name -> (help, value now)."""
        lines = ["# HELP rushlight_requests_total Answered requests.", "# TYPE rushlight_requests_total counter"]
        lines += [
            f'rushlight_requests_total{{path="{path}",status="{status}"}} {count}'
            for (path, status), count in sorted(self._requests.items())
        ]
        for name, what in (
            ("prompt", "Tokens of prompts, those from the cache included."),
            ("cached", "Tokens of prompts that were taken from the cache."),
            ("completion", "Tokens that models have written."),
        ):
            lines += [f"# HELP rushlight_{name}_tokens_total {what}", f"# TYPE rushlight_{name}_tokens_total counter"]
            lines.append(f"rushlight_{name}_tokens_total {self._tokens[name]}")
        for name, what, histogram in (
            ("time_to_first_token", "From the request to the first token.", self._first_token),
            ("generation", "From the request to the end of its answer.", self._duration),
        ):
            full = f"rushlight_{name}_seconds"
            lines += [f"# HELP {full} {what}", f"# TYPE {full} histogram", *histogram.lines(full)]
        gauges = {
            **gauges,
            "requests_running": ("Requests that are being read or answered.", self.n_running),
            "uptime_seconds": ("Since the start of the server.", round(time.monotonic() - self.started_s, 3)),
        }
        for name, (what, value) in gauges.items():
            lines += [f"# HELP rushlight_{name} {what}", f"# TYPE rushlight_{name} gauge", f"rushlight_{name} {value}"]
        return "\n".join(lines) + "\n"
