"""Renders the events of one answer on a terminal or pipe and gathers them for JSON. Shared by `ask` and the loop."""

import sys
import time
from collections.abc import Iterable
from typing import Any, assert_never

from rushlight import Error, Progress
from rushlight.assistant.events import (
    Event,
    Failed,
    Finished,
    Notice,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    Usage,
)
from rushlight.assistant.safety.plain import PlainStream
from rushlight.ui.cli.output import ProgressLine, tell
from rushlight.ui.words import plural, text


class Answer:
    """One answer as it comes. `text` and `reasoning` are the model's own words, unsanitized: for JSON and history."""

    def __init__(self, *, stream: bool = True, show: bool = True, show_reasoning: bool = False) -> None:
        self.notices: list[Notice] = []
        self.logprobs: list[TokenLogprob] = []
        self.usage: Usage | None = None
        self.finished: Finished | None = None
        self.first_token_s: float | None = None  # from the question to the first piece, loading included
        self.total_s = 0.0
        self.load_s = 0.0
        self._pieces: list[str] = []
        self._thoughts: list[str] = []
        self._stream = stream and show
        self._show = show
        self._show_reasoning = show_reasoning
        self._plain = PlainStream()
        self._plain_thoughts = PlainStream()
        self._ends_with_newline = True
        self._thinking = False
        self._line = ProgressLine()
        self._start_s = time.monotonic()

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    @property
    def reasoning(self) -> str:
        return "".join(self._thoughts)

    @property
    def was_cancelled(self) -> bool:
        return self.finished is not None and self.finished.reason == "cancelled"

    def on_progress(self, progress: Progress) -> None:
        """Loading and reading, on stderr where a person looks."""
        self._line.show(text(progress.what), progress.fraction)

    def take(self, events: Iterable[Event]) -> None:
        """Render everything; ends with the stream. `Failed` becomes an `Error`."""
        try:
            for event in events:
                self._take_one(event)
        finally:
            self._line.clear()
            self.total_s = time.monotonic() - self._start_s
            self._end()

    def _take_one(self, event: Event) -> None:
        match event:
            case TextDelta():
                self._first()
                self._line.clear()
                self._end_thoughts()
                self._pieces.append(event.text)
                self.logprobs += event.logprobs
                if self._stream:
                    self._write(self._plain.feed(event.text))
            case ReasoningDelta():
                self._first()
                self._thoughts.append(event.text)
                if self._show_reasoning:
                    self._write_thought(self._plain_thoughts.feed(event.text))
                else:
                    self._line.show(text("Thinking"))  # some models do so for a minute
            case Notice():
                self._line.clear()
                self.notices.append(event)
                tell(text("Note: {notice}", notice=event.text))
            case Progress():
                if not self._pieces:
                    self.on_progress(event)
            case Usage():
                self.usage = event
            case Finished():
                self.finished = event
            case Failed():
                raise Error(event.message, hint=event.hint, kind=event.kind)
            case _:
                assert_never(event)

    def _first(self) -> None:
        if self.first_token_s is None:
            self.first_token_s = time.monotonic() - self._start_s
            self._line.clear()

    def _write(self, piece: str) -> None:
        if piece:
            sys.stdout.write(piece)
            sys.stdout.flush()
            self._ends_with_newline = piece.endswith("\n")

    def _write_thought(self, piece: str) -> None:
        if piece:
            self._thinking = True
            sys.stderr.write(piece)
            sys.stderr.flush()

    def _end_thoughts(self) -> None:
        """A blank line between what was thought and what is said."""
        if self._thinking:
            sys.stderr.write(self._plain_thoughts.close() + "\n\n")
            sys.stderr.flush()
            self._thinking = False

    def _end(self) -> None:
        """The last held-back piece, and a newline if the model wrote none."""
        self._end_thoughts()
        if not self._show:
            return
        if self._stream:
            self._write(self._plain.close())
        elif self._pieces:
            self._write(self._plain.feed(self.text) + self._plain.close())
        if not self._ends_with_newline or (self.finished and not self._pieces):
            self._write("\n")

    def stats_line(self) -> str:
        """What the answer cost, in one line."""
        usage = self.usage or Usage(0, 0, 0)
        parts = [
            plural("{count} token", "{count} tokens", usage.n_completion_tokens),
            text("{speed} tokens/s", speed=f"{usage.tokens_per_second:.1f}"),
        ]
        if self.first_token_s is not None:
            parts.append(text("first token after {seconds} s", seconds=f"{self.first_token_s:.2f}"))
        parts.append(
            text("prompt {count} tokens, {cached} cached", count=usage.n_prompt_tokens, cached=usage.n_cached_tokens)
        )
        return " · ".join(parts)

    def as_json(self, model: str, *, with_logprobs: bool = False) -> dict[str, Any]:
        """The one object of `ask --json`."""
        usage = self.usage or Usage(0, 0, 0)
        finished = self.finished or Finished("")
        value: dict[str, Any] = {
            "text": self.text,
            "reasoning": self.reasoning,
            "model": model,
            "finish_reason": finished.reason,
            "stop_string": finished.stop_string,
            "usage": {
                "prompt_tokens": usage.n_prompt_tokens,
                "cached_tokens": usage.n_cached_tokens,
                "completion_tokens": usage.n_completion_tokens,
            },
            "timings": {
                "load_s": round(self.load_s, 4),
                "queue_s": round(usage.queue_s, 4),
                "prompt_s": round(usage.prompt_s, 4),
                "decode_s": round(usage.decode_s, 4),
                "first_token_s": None if self.first_token_s is None else round(self.first_token_s, 4),
                "total_s": round(self.total_s, 4),
                "tokens_per_second": round(usage.tokens_per_second, 2),
            },
            "notices": [{"kind": notice.kind, "text": notice.text} for notice in self.notices],
        }
        if with_logprobs:
            value["logprobs"] = [
                {
                    "token_id": one.token_id,
                    "text": one.text,
                    "logprob": one.logprob,
                    "top": [{"token_id": i, "text": piece, "logprob": p} for i, piece, p in one.top],
                }
                for one in self.logprobs
            ]
        return value
