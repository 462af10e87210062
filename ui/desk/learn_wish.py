"""What is to be taught, as it is asked for step by step: files with their columns, settings, what it would take.

Remembered per face. Knows the background and no widget; the desk of learning begins what is wished.
"""

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final, get_args

from rushlight import Error, Progress
from rushlight.assistant.paths import with_home
from rushlight.assistant.safety.plain import plain, plain_line
from rushlight.ui.desk.background import Background, Running
from rushlight.ui.desk.learn_forecast import Forecast, forecast_of
from rushlight.ui.desk.learn_values import ColumnRow, ExampleRow, FilesRow, LearnWish, LessonKindName
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.app import App

MINUTES: Final = (3, 5, 10, 15, 30, 60, 120)  # from quick to thorough
FIELDS: Final = ("prompt", "input", "answer", "chosen", "rejected", "label", "system", "messages")
TEACH_PLAN: Final = "teach-plan"
_CHARS: Final = 400


class WishPart:
    """part.wish is what is wanted; `changed` is called whenever something of this part is another."""

    def __init__(self, background: Background, remembered: Any, changed: Callable[[], None]) -> None:
        self.wish = read_wish(remembered.get("learn_wish", {}))
        self.look: FilesRow | None = None
        self.setting_problems: tuple[str, ...] = ()
        self.forecast: Forecast | None = None
        self.planning = ""
        self.on_problem: Callable[[Error], None] = lambda _err: None
        self._background, self._remembered, self._changed = background, remembered, changed
        self._planned: Running | None = None
        self._looked: tuple[Any, ...] = ()
        self._check()

    def begin(self) -> None:
        """The page is shown: files may have changed."""
        self._looked = ()
        self._look_into()

    def close(self) -> None:
        self._stop_planning()

    def want(self, **changed: Any) -> None:
        """Fields of `LearnWish`. Files of another kind, and other files, have other columns."""
        wish = replace(self.wish, **changed)
        if wish == self.wish:
            return
        if wish.files != self.wish.files or wish.kind != self.wish.kind:
            wish = replace(wish, columns=changed.get("columns", ()), lesson=changed.get("lesson", ""))
        if replace(wish, promotes=False, is_expert=False) != replace(self.wish, promotes=False, is_expert=False):
            self.forecast = None
            self._stop_planning()
        self.wish = wish
        kept = asdict(wish)
        self._remembered.set("learn_wish", {**kept, "files": list(wish.files), "columns": dict(wish.columns),
                                            "settings": dict(wish.settings)})  # fmt: skip
        self._check()
        self._look_into()
        self._changed()

    def map_column(self, column: str, field: str) -> None:
        """Take it for that field, or for nothing by ""; whatever was taken for the field before is not any more."""
        if self.look is None:
            return
        mapped = dict.fromkeys(FIELDS, "")
        mapped |= {one.field: one.name for one in self.look.columns if one.field and one.name != column}
        if field:
            mapped[field] = column
        self.want(columns=tuple(mapped.items()))

    def set(self, key: str, value: str) -> None:
        """A setting of the training as it was typed; "" leaves it as it usually is."""
        settings = {name: said for name, said in self.wish.settings if name != key}
        if value.strip():
            settings[key] = value.strip()
        self.want(settings=tuple(settings.items()))

    def arguments(self, model: str) -> dict[str, Any]:
        """What the job is told."""
        from rushlight.ui.work.teach_settings import read_settings

        wish = self.wish
        files = [str(with_home(one).absolute()) for one in wish.files] if wish.kind != "feedback" else []
        is_imported = wish.kind == "imported" and not wish.lesson
        more = {
            "lesson": wish.lesson,
            "settings": read_settings(dict(wish.settings)),
            "columns": dict(wish.columns) if is_imported else {},
        }
        return {
            "kind": wish.kind, "model": model, "files": [] if wish.lesson else files, "minutes": float(wish.minutes),
            "promote": wish.promotes, **{name: value for name, value in more.items() if value},
        }  # fmt: skip

    def plan(self, model: str) -> None:
        """Work out what it would take. The job is waited for here; what it found is not kept."""
        if self._planned is not None or not model:
            return
        arguments = self.arguments(model)

        def work(app: "App", stop: Any, report: Callable[[Progress], None]) -> dict[str, Any]:
            job = app.jobs.start(TEACH_PLAN, arguments)
            for now in app.jobs.follow(job.id, stop):
                job = now
                report(Progress(now.what or "Waiting", 0))
            if not job.is_over:
                app.jobs.cancel(job.id)
            if job.state != "done":
                raise Error(job.message or text("The job was cancelled."), job.hint, kind=job.error_kind or "cancelled")
            return job.result

        def done(result: dict[str, Any]) -> None:
            self._planned, self.planning = None, ""
            self.forecast = forecast_of(result)
            self._changed()

        def failed(err: Error) -> None:
            self._planned, self.planning = None, ""
            self.on_problem(err)

        def told(event: Progress) -> None:
            self.planning = text(event.what)
            self._changed()

        self.planning = text("Waiting")
        self._planned = self._background.task(work, done, failed, told)
        self._changed()

    # --- inside -------------------------------------------------------------------------------------------------
    def _stop_planning(self) -> None:
        if self._planned is not None:
            self._planned.drop()
            self._planned, self.planning = None, ""

    def _check(self) -> None:
        if not self.wish.settings:
            self.setting_problems = ()
            return
        from rushlight.ui.work.teach_settings import problems_of, read_settings

        self.setting_problems = problems_of(read_settings(dict(self.wish.settings)))

    def _look_into(self) -> None:
        """Look into the files of examples, where there are other ones or their columns were mapped otherwise."""
        wish = self.wish
        if wish.kind != "imported" or not wish.files or wish.lesson:
            self.look, self._looked = None, ()
            return
        key = (wish.files, wish.columns)
        if key == self._looked:
            return
        self._looked = key

        def work(_app: "App") -> FilesRow:
            from rushlight.assistant.learn.kinds.columns import look_at

            found = look_at([with_home(one).absolute() for one in wish.files], dict(wish.columns))
            return FilesRow(
                tuple(ColumnRow(one.name, tuple(map(plain_line, one.samples)), one.field)
                      for one in found.columns if one.name),
                found.n_examples, found.n_wrong, tuple(map(plain_line, found.problems)),
                tuple(ExampleRow("", _short(one.asked), _short(one.answer), _short(one.rejected))
                      for one in found.first),
                found.is_whole,
            )  # fmt: skip

        def done(found: FilesRow) -> None:
            if self._looked == key:
                self.look = found
                self._changed()

        self._background.read(work, done, self.on_problem)


def read_wish(kept: Any) -> LearnWish:
    """What was remembered, as far as it still says something."""
    if not isinstance(kept, dict):
        return LearnWish()
    values: dict[str, Any] = {}
    if kept.get("kind") in get_args(LessonKindName):
        values["kind"] = kept["kind"]
    for name in ("model", "lesson"):
        if isinstance(kept.get(name), str):
            values[name] = kept[name]
    if isinstance(kept.get("files"), list):
        values["files"] = tuple(str(one) for one in kept["files"])
    if kept.get("minutes") in MINUTES:
        values["minutes"] = kept["minutes"]
    for name in ("promotes", "is_expert"):
        if isinstance(kept.get(name), bool):
            values[name] = kept[name]
    for name in ("columns", "settings"):
        if isinstance(kept.get(name), dict):
            values[name] = tuple((str(key), str(value)) for key, value in kept[name].items())
    return LearnWish(**values)


def _short(words: str) -> str:
    cleaned = plain(words).strip()
    return cleaned if len(cleaned) <= _CHARS else f"{cleaned[:_CHARS]}…"
