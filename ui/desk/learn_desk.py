"""Learning as a page shows it: teach something, watch it, see its proof, promote it or roll it back.

Teaching is a job, which goes on without the page. What is wanted is remembered per face. Knows no widget.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rushlight import Error
from rushlight.assistant.paths import with_home
from rushlight.assistant.registry.scopes import WAY_BACK
from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.background import Background
from rushlight.ui.desk.learn_history import toggled
from rushlight.ui.desk.learn_reading import EXPORT, PRACTISE, TEACH, Found, look
from rushlight.ui.desk.learn_values import Choice, ExportForm, LearnState, LearnWish
from rushlight.ui.desk.learn_wish import WishPart
from rushlight.ui.words import plural, text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.jobs.job import Job
    from rushlight.assistant.learn.example import Example
    from rushlight.assistant.learn.lessons import LessonBook

_EXAMPLES = 40  # of a lesson, until more are asked for


class LearnView(Protocol):
    """Whatever draws it."""

    def show(self, state: LearnState) -> None: ...


class LearnDesk:
    """One per page. Call `refresh` when the page is shown; it follows the store until `rest`."""

    def __init__(self, background: Background, remembered: Any, view: LearnView) -> None:
        self.on_job: Callable[[Job], None] = lambda _job: None  # one was started here
        self._background = background
        self._view = view
        self.wishes = WishPart(background, remembered, self._show)
        self.wishes.on_problem = self._refused
        self._found: Found | None = None
        self._choice = Choice()
        self._n_examples = _EXAMPLES
        self._problem: Error | None = None
        self._notice = ""
        self._is_busy = self._is_reading = self._is_stale = self._follows = self._is_closed = False
        self._end_watch = background.watch(self._follow)
        self.state = LearnState(wish=self.wishes.wish)

    def close(self) -> None:
        """Follow the store no more."""
        self._is_closed = True
        self.wishes.close()
        self._end_watch()

    def rest(self) -> None:
        """The page is not shown."""
        self._follows = self._is_stale = False

    def refresh(self) -> None:
        """Look again; while one look goes on, one more follows."""
        if self._is_closed:
            return
        if not self._follows:
            self.wishes.begin()
        self._follows = True
        if self._is_reading:
            self._is_stale = True
            return
        self._is_reading = True
        choice, n = self._choice, self._n_examples
        self._background.read(lambda app: look(app, choice, n), self._show_found, self._failed)

    # --- what is looked at --------------------------------------------------------------------------------------
    def choose(self, choice: Choice) -> None:
        """An adapter, a lesson, a job, or something new to teach."""
        if choice != self._choice:
            stays = choice.kind == self._choice.kind == "runs"
            self._choice = choice
            self._n_examples = _EXAMPLES
            self._problem, self._notice = None, ""
            if self._found is not None and not stays:  # what belongs to the other one is not shown for this
                self._found = replace(self._found, proof=None, origin=(), before="", examples=(), has_more=False,
                                      steps=(), answers=(), exports=(), runs=(), curves=())  # fmt: skip
            self._show()
            self.refresh()

    def show_adapter(self, name: str) -> None:
        self.choose(Choice("adapter", name))

    def more(self) -> None:
        """More examples of the lesson."""
        self._n_examples *= 2
        self.refresh()

    def want(self, **changed: Any) -> None:
        """Fields of `LearnWish`."""
        self.wishes.want(**changed)

    def map_column(self, column: str, field: str) -> None:
        """A column of files of examples by hand."""
        self.wishes.map_column(column, field)

    def set(self, key: str, value: str) -> None:
        """A setting of the training; "" leaves it as it usually is."""
        self.wishes.set(key, value)

    def plan(self) -> None:
        """Work out what the wish would take."""
        if self.state.can_start:
            self._problem = None
            self.wishes.plan(self.state.wish.model)

    def dismiss(self) -> None:
        """The problem was read."""
        self._problem = None
        self._show()

    # --- teaching -----------------------------------------------------------------------------------------------
    def teach(self) -> None:
        """Begin the job."""
        if self.state.can_start:
            arguments = self.wishes.arguments(self.state.wish.model)
            named = next((one.name for one in self.state.lessons if one.id == self.state.wish.lesson), "")
            self._start({**arguments, "name": named} if named else arguments)

    def practise(self) -> None:
        """The wished model, on databases that are made up: as long as it takes by itself. The second time it learns the
        way back."""
        if self.state.can_practise:
            way_back = "only" if self.state.learns_way_back else "without"
            self._start({"model": self.state.wish.model, "way_back": way_back}, PRACTISE)

    def teach_again(self, lesson_id: str) -> None:
        """A lesson that is there, as it stands now, to a fresh adapter."""
        self._teach_lesson(lesson_id, further=False)

    def train_further(self, lesson_id: str) -> None:
        """The same from the adapter that has learned it, where there is one."""
        self._teach_lesson(lesson_id, further=True)

    def pause(self, job_id: str) -> None:
        self._order(lambda app: app.jobs.pause(job_id))

    def resume(self, job_id: str) -> None:
        self._order(lambda app: app.jobs.resume(job_id))

    def retry(self, job_id: str) -> None:
        """A failed or cancelled one again, from where it can go on."""
        self._order(lambda app: app.jobs.retry(job_id))

    def cancel(self, job_id: str) -> None:
        self._order(lambda app: app.jobs.cancel(job_id))

    # --- history ------------------------------------------------------------------------------------------------
    def toggle_run(self, run_id: str) -> None:
        """Its curve is shown beside the others, or not any more."""
        if self._choice.kind == "runs":
            self.choose(Choice("runs", toggled(self._choice.id, run_id)))

    def again(self, run_id: str) -> None:
        """The wizard with what that run was told, to be changed."""
        run = next((one for one in self.state.runs if one.id == run_id), None)
        if run is not None and run.wish is not None:
            self.wishes.want(**{name: getattr(run.wish, name) for name in LearnWish.__dataclass_fields__})
            self.choose(Choice())

    def go_on(self, run_id: str) -> None:
        """A run that was stopped, from its last checkpoint."""
        run = next((one for one in self.state.runs if one.id == run_id), None)
        if run is not None and run.may_go_on:
            (self.resume if run.state == "paused" else self.retry)(run_id)
            self.choose(Choice("job", run_id))

    # --- adapters -----------------------------------------------------------------------------------------------
    def promote(self, name: str) -> None:
        """It serves its scope from now on; the gate must have let it through."""

        def work(app: "App") -> str:
            change = app.registry.promote(name)
            return text("{name} serves {scope} now.", name=name, scope=change.scope)

        self._change(work)

    def roll_back(self, name: str) -> None:
        """What served before it serves again."""

        def work(app: "App") -> str:
            adapter = app.registry.find(name)
            change = app.registry.rollback(adapter.scope, adapter.base_sha256)
            if change.promoted is None and change.scope == WAY_BACK:
                return text("The likeliest query is taken again.")
            if change.promoted is None:
                return text("{base} answers alone for {scope} again.", base=adapter.base, scope=change.scope)
            return text("{name} serves {scope} now.", name=change.promoted.name, scope=change.scope)

        self._change(work)

    def remove(self, name: str) -> None:
        """A candidate or a retired one, with its file."""

        def work(app: "App") -> str:
            app.registry.remove(name)
            return text("{name} was removed.", name=name)

        self._change(work, then=Choice())

    def export(
        self, name: str, form: ExportForm, target: Path, type_name: str = "", *, replace_it: bool = False
    ) -> None:
        """Hand it out, as a job; `replace_it`: over a file of that name, which was asked."""
        arguments = {"adapter": name, "form": form, "target": str(with_home(target).absolute()),
                     "type_name": type_name if form == "gguf" else "", "replace": replace_it}  # fmt: skip
        self._order(lambda app: app.jobs.start(EXPORT, arguments))

    # --- lessons ------------------------------------------------------------------------------------------------
    def leave_out(self, example_id: str, left_out: bool) -> None:
        """Whether it is learned."""

        def change(book: "LessonBook", lesson_id: str) -> str:
            lesson = book.leave_out(book.find(lesson_id), [example_id], left_out=left_out)
            return text("{name} is version {version} now.", name=lesson.name, version=lesson.version)

        self._change_lesson(change)

    def correct(self, example_id: str, answer: str, lesson_id: str = "") -> None:
        """The answer that should be learned instead; in the lesson that is looked at, or in that one."""

        def change(book: "LessonBook", lesson_id: str) -> str:
            import msgspec

            lesson = book.find(lesson_id)
            found: Example = book.example(lesson, example_id)
            lesson = book.edit(lesson, found.id, msgspec.structs.replace(found.draft, answer=answer))
            return text("{name} is version {version} now.", name=lesson.name, version=lesson.version)

        if answer.strip():
            self._change_lesson(change, lesson_id)

    def remove_lesson(self, lesson_id: str) -> None:
        """With all its versions. Adapters that were trained on it stay."""

        def work(app: "App") -> str:
            from rushlight.assistant.learn.lessons import LessonBook

            book = LessonBook(app.store)
            lesson = book.find(lesson_id)
            book.remove(lesson)
            return text("{name} was removed.", name=lesson.name)

        self._change(work, then=Choice())

    # --- inside -------------------------------------------------------------------------------------------------
    def _teach_lesson(self, lesson_id: str, *, further: bool) -> None:
        lesson = next((one for one in self.state.lessons if one.id == lesson_id), None)
        wish = self.state.wish
        if lesson is not None and wish.model and (not further or lesson.further(wish.model)):
            more = {"go_on": True} if further else {}
            self._start(
                {"kind": lesson.kind, "lesson": lesson.id, "name": lesson.name, "model": wish.model,
                 "minutes": float(wish.minutes), "promote": wish.promotes, **more},
            )  # fmt: skip

    def _must_wait(self) -> bool:
        """Whether what was asked for before is not done yet, which is told: nothing else begins meanwhile."""
        if self._is_busy:
            self._notice = text("Wait: what was begun before is not done yet.")
            self._show()
        return self._is_busy

    def _start(self, arguments: dict[str, Any], kind: str = TEACH) -> None:
        if self._must_wait():
            return

        def started(job: "Job") -> None:
            self._is_busy = False
            self.on_job(job)
            self.choose(Choice("job", job.id))
            self.refresh()

        self._is_busy, self._problem = True, None
        self._show()
        # A task: starting a job may have to start the process that runs it.
        self._background.task(lambda app, _stop: app.jobs.start(kind, arguments), started, self._refused)

    def _order(self, order: "Callable[[App], Any]") -> None:
        self._background.task(lambda app, _stop: order(app), lambda _done: self.refresh(), self._refused)

    def _change(self, work: "Callable[[App], str]", then: Choice | None = None) -> None:
        def done(notice: str) -> None:
            self._is_busy = False
            if then is not None:
                self.choose(then)
            self._notice = plain_line(notice)
            self._show()
            self.refresh()

        if self._must_wait():
            return
        self._is_busy, self._problem, self._notice = True, None, ""
        self._show()
        self._background.read(work, done, self._refused)

    def _change_lesson(self, change: "Callable[[LessonBook, str], str]", lesson_id: str = "") -> None:
        changed = lesson_id or (self._choice.id if self._choice.kind == "lesson" else "")

        def work(app: "App") -> str:
            from rushlight.assistant.learn.lessons import LessonBook

            return change(LessonBook(app.store), changed)

        if changed:
            self._change(work)

    def _follow(self) -> None:
        if self._follows:
            self.refresh()

    def _show_found(self, found: Found) -> None:
        self._is_reading = False
        if not self._is_stale or self._found is None:
            self._found = found
        self._show()
        if self._is_stale:
            self._is_stale = False
            self.refresh()

    def _failed(self, err: Error) -> None:
        self._is_reading = self._is_stale = False
        self._refused(err)

    def _refused(self, err: Error) -> None:
        self._is_busy = False
        self._problem = err
        self._show()

    def _show(self) -> None:
        if self._is_closed:
            return
        found, choice, wish = self._found, self._choice, self.wishes.wish
        models = () if found is None else found.models
        if models and wish.model not in {one for one, _ in models}:
            wish = replace(wish, model=models[0][0])
        adapters = () if found is None else found.adapters
        lessons = () if found is None else found.lessons
        jobs = () if found is None else found.jobs
        state = LearnState(
            models=models,
            adapters=adapters,
            lessons=lessons,
            jobs=jobs,
            choice=choice,
            wish=wish,
            adapter=next((one for one in adapters if choice == Choice("adapter", one.name)), None),
            proof=None if found is None else found.proof,
            origin=() if found is None else found.origin,
            before="" if found is None else found.before,
            lesson=next((one for one in lessons if choice == Choice("lesson", one.id)), None),
            examples=() if found is None else found.examples,
            has_more=found is not None and found.has_more,
            job=next((one for one in jobs if choice == Choice("job", one.id)), None),
            steps=() if found is None else found.steps,
            answers=() if found is None else found.answers,
            look=self.wishes.look,
            setting_problems=self.wishes.setting_problems,
            forecast=self.wishes.forecast,
            planning=self.wishes.planning,
            practised="" if found is None else dict(found.practised).get(wish.model, ""),
            has_way_back=found is not None and wish.model in found.with_way_back,
            exports=() if found is None else found.exports,
            runs=() if found is None else found.runs,
            curves=() if found is None else found.curves,
            is_loading=found is None,
            is_busy=self._is_busy,
            notice=self._notice,
            problem="" if self._problem is None else plain_line(self._problem.message),
            hint="" if self._problem is None else plain_line(self._problem.hint or ""),
        )
        if state != self.state:
            self.state = state
            self._view.show(state)


def files_words(wish: LearnWish) -> str:
    """The chosen files, for people."""
    names = [plain_line(Path(one).name) for one in wish.files[:4]]
    rest = len(wish.files) - len(names)
    if rest > 0:
        names.append(plural("{count} more", "{count} more", rest))
    return ", ".join(names) or text("none yet")
