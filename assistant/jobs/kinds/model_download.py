"""The job that downloads a model and takes it into the catalogue. Its checkpoint is the data so far.

Pausing ends the connection; whatever ends it, the next run asks for the rest. Cancelling deletes the data.
"""

from collections.abc import Iterator

import msgspec

from rushlight import Progress
from rushlight.assistant.jobs.kind import JobContext, JobEvent, JobResult, PauseBy
from rushlight.assistant.jobs.kinds.model_import import imported_json
from rushlight.assistant.models import staging
from rushlight.assistant.models.fetching import fetch_model
from rushlight.assistant.models.hub import HubName, parse_hub_name
from rushlight.assistant.models.partials import list_partials, remove_partial


class ModelDownload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `rushlight models download` is told, with the settings of that moment."""

    name: str
    endpoint: str
    proxy: str = ""
    model_id: str = ""
    alias: str = ""


class ModelDownloadKind:
    name = "model-download"
    arguments = ModelDownload
    pause: PauseBy = "exit"
    may_freeze = True

    def title(self, arguments: ModelDownload) -> str:
        name = parse_hub_name(arguments.name, arguments.endpoint)
        which = name.file or name.quantization
        return f"Download {name.repository}" + (f" ({which})" if which else "")

    def run(self, context: JobContext, arguments: ModelDownload) -> Iterator[JobEvent]:
        name = parse_hub_name(arguments.name, arguments.endpoint)
        imported = fetch_model(
            context.app.catalogue,
            name,
            endpoint=arguments.endpoint,
            proxy=arguments.proxy,
            model_id=arguments.model_id,
            alias=arguments.alias,
            stop=context.stop,
            on_progress=_Reporter(context, name),
        )
        yield from imported.notices
        yield JobResult(imported_json(imported))

    def clean(self, context: JobContext, arguments: ModelDownload, *, for_good: bool) -> None:
        staging.remove_leftovers(context.app.paths.models)
        ours = (context.checkpoint or {}).get("partials", []) if for_good else []
        for partial in list_partials(context.app.paths):
            if partial.id in ours and not partial.running:
                remove_partial(context.app.paths, partial.id)


class _Reporter:
    """Passes progress on; notes once which unfinished download is this job's, and where new data came."""

    def __init__(self, context: JobContext, name: HubName) -> None:
        self._context, self._name = context, name
        self._is_noted = False
        self._done: float | None = None

    def __call__(self, progress: Progress) -> None:
        if not self._is_noted:
            self._note()
        if progress.what == "Downloading":
            if self._done is not None and progress.done > self._done:
                self._context.got_further()
            self._done = progress.done
        self._context.tell(progress)

    def _note(self) -> None:
        """The folder is locked by now, by this process."""
        self._is_noted = True
        beginning = f"hf://{self._name.repository}"
        found = [
            partial.id
            for partial in list_partials(self._context.app.paths)
            if partial.running and partial.name.startswith((beginning + "/", beginning + "@"))
        ]
        known = self._context.checkpoint
        if known is None or not set(found) <= set(known["partials"]):
            self._context.save_checkpoint({"partials": sorted({*found, *(known or {}).get("partials", [])})})


KIND = ModelDownloadKind()
