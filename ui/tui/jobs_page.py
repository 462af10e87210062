"""The jobs page: what runs in the background, and the orders one may give. Draws what `JobsDesk` says."""

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from rushlight.ui.desk.actions import actions
from rushlight.ui.desk.jobs_desk import JobRow, JobsState
from rushlight.ui.tui.bars import meter
from rushlight.ui.tui.panel import ChoicePanel, ReadPanel
from rushlight.ui.tui.row_list import ListRow, RowLine, RowList, row
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.ui.tui.frame import Frame

_MORE = "more"


class JobsPage(Vertical):
    """A `JobsView`."""

    DEFAULT_CSS = """
    JobsPage { padding: 0 1; background: $background; }
    JobsPage > .page-title { text-style: bold; color: $accent; height: 1; padding: 0 1; }
    JobsPage > #job-keys { height: auto; max-height: 3; padding: 0 1; color: $muted; }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(",".join(one.terminal_keys), f"order('{one.id}')", show=False)
        for one in actions()
        if one.scope == "jobs" and one.terminal_keys
    ]

    def __init__(self, frame: "Frame") -> None:
        super().__init__(id="jobs")
        self.frame = frame
        self._list = RowList(id="job-list")

    def compose(self) -> ComposeResult:
        yield Static(Content(text("Jobs")), classes="page-title")
        yield self._list
        keys = text("Enter: what can be done · P: pause · R: go on · C: cancel · T: again · L: log · Del: remove")
        yield Static(Content(keys), id="job-keys")

    def take_focus(self) -> None:
        self._list.focus()
        self.frame.jobs.refresh()

    def show(self, state: JobsState) -> None:
        rows = [_job_row(one) for one in state.rows]
        if state.has_more:
            rows.append(row(_MORE, text("Show older ones"), meaning="accent"))
        if not rows and not state.is_loading:
            said = text("Nothing runs in the background. Imports and downloads are shown here.")
            rows = [ListRow("", (RowLine(((said, "muted"),)),))]
        self._list.show_rows(rows)

    # --- what is done -------------------------------------------------------------------------------------------
    def action_order(self, action_id: str) -> None:
        self.do(action_id)

    def do(self, action_id: str) -> None:
        """An action of the jobs page, with the job under the cursor."""
        job = self._job(self._list.chosen)
        if job is not None:
            self._order(action_id.removeprefix("jobs."), job)

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        if event.key == _MORE:
            self.frame.jobs.more()
            return
        job = self._job(event.key)
        if job is None:
            return
        orders = [
            (job.can_pause, "pause", text("Pause the job")),
            (job.can_resume, "resume", text("Let the job go on")),
            (job.can_cancel, "cancel", text("Cancel the job")),
            (job.can_retry, "retry", text("Try the job again")),
            (True, "log", text("Show the log of the job")),
            (not job.job.is_over, "first", text("Do it before the others")),
            (job.can_remove, "remove", text("Remove the job from the list")),
            (job.can_remove, "remove-over", text("Remove all that are over")),
        ]
        rows = [row(name, title) for is_possible, name, title in orders if is_possible]
        self.frame.ask(ChoicePanel(job.title, rows, lambda order: self._order(order, job)))

    def _job(self, job_id: str) -> JobRow | None:
        return next((one for one in self.frame.jobs.state.rows if one.id == job_id), None)

    def _order(self, order: str, job: JobRow) -> None:
        jobs = self.frame.jobs
        match order:
            case "pause" if job.can_pause:
                jobs.pause(job.id)
            case "resume" if job.can_resume:
                jobs.resume(job.id)
            case "cancel" if job.can_cancel:
                jobs.cancel(job.id)
            case "retry" if job.can_retry:
                jobs.retry(job.id)
            case "remove" if job.can_remove:
                jobs.remove(job.id)
            case "remove-over":
                jobs.remove_over()
            case "first":
                jobs.set_priority(job.id, max((one.job.priority for one in jobs.state.rows), default=0) + 1)
            case "log":
                jobs.log(
                    job.id, lambda log: self.frame.ask_later(ReadPanel(job.title, log or text("The log is empty.")))
                )
            case _:
                self.frame.tell(text("That cannot be done with this job now."))


def _job_row(one: JobRow) -> ListRow:
    meaning = {"done": "good", "failed": "bad", "running": "accent"}.get(one.job.state, "muted")
    lines = [RowLine(((one.title, "strong"),), ((one.status, meaning),))]
    if one.fraction is not None and not one.job.is_over:
        lines.append(RowLine(((f"  {meter(one.fraction, 24)}", "accent"), (f" {one.fraction:.0%} ", "muted"))))
    if one.detail:
        lines.append(RowLine(((f"  {one.detail}", "bad" if one.job.state == "failed" else "muted"),)))
    if one.hint:
        lines.append(RowLine(((f"  {one.hint}", "muted"),)))
    lines += [RowLine(((f"  ▲ {notice}", "muted"),)) for notice in one.notices[:3]]
    return ListRow(one.id, tuple(lines))
