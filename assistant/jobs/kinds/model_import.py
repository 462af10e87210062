"""The job that takes a GGUF file into the catalogue, with the sha256 of every byte.

Copying has no checkpoint: after a kill it begins anew, which costs what the copy costs. So it pauses by waiting.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from rushlight.assistant.jobs.kind import JobContext, JobEvent, JobResult, PauseBy
from rushlight.assistant.models import staging
from rushlight.assistant.models.importing import How, Imported, import_model


class ModelImport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `rushlight models import` is told."""

    path: str  # absolute
    how: How = "copy"
    model_id: str = ""
    alias: str = ""


class ModelImportKind:
    name = "model-import"
    arguments = ModelImport
    pause: PauseBy = "hold"
    may_freeze = True

    def title(self, arguments: ModelImport) -> str:
        return f"Import {Path(arguments.path).name}"

    def run(self, context: JobContext, arguments: ModelImport) -> Iterator[JobEvent]:
        imported = import_model(
            context.app.catalogue,
            Path(arguments.path),
            how=arguments.how,
            model_id=arguments.model_id,
            alias=arguments.alias,
            stop=context.stop,
            on_progress=context.tell,
        )
        yield from imported.notices
        yield JobResult(imported_json(imported))

    def clean(self, context: JobContext, arguments: ModelImport, *, for_good: bool) -> None:
        staging.remove_leftovers(context.app.paths.models)


def imported_json(imported: Imported) -> dict[str, object]:
    """What an import came to, as the result of a job."""
    model = imported.model
    return {
        "id": model.id,
        "path": str(model.path),
        "sha256": model.sha256,
        "size_bytes": model.size_bytes,
        "already_there": imported.already_there,
    }


KIND = ModelImportKind()
