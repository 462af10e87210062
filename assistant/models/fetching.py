"""From a name on the hub to a model in the catalogue: download, check, import, clean up."""

from rushlight import Stop
from rushlight.assistant.models import staging
from rushlight.assistant.models.catalogue import Catalogue
from rushlight.assistant.models.download import Hub
from rushlight.assistant.models.hub import HubName
from rushlight.assistant.models.importing import Imported, import_model
from rushlight.assistant.models.naming import safe_part


def fetch_model(
    catalogue: Catalogue,
    name: HubName,
    *,
    endpoint: str,
    proxy: str = "",
    model_id: str = "",
    alias: str = "",
    stop: Stop | None = None,
    on_progress: staging.OnProgress | None = None,
) -> Imported:
    """Download what `name` means and import it as org/repo. Stopped or killed, the next call goes on from there."""
    with Hub(endpoint, proxy=proxy, stop=stop, on_progress=on_progress) as hub:
        done = hub.download(name, catalogue.paths)
    try:
        place = (safe_part(name.org, "local"), safe_part(_without_suffix(name.repo), "model"))
        imported = import_model(
            catalogue,
            done.paths[0],
            how="move",
            model_id=model_id,
            alias=alias,
            place=place,
            known_sha256=done.sha256,
            stop=stop,
            on_progress=on_progress,
        )
    except BaseException:
        done.folder.close()  # the data stays: what was wrong may be the name or the space
        raise
    done.folder.close(remove=True)
    return Imported(imported.model, imported.already_there, (*done.notices, *imported.notices))


def _without_suffix(repo: str) -> str:
    """Many repositories are called NAME-GGUF; that they hold GGUF goes without saying here."""
    return repo[:-5] if repo.lower().endswith("-gguf") else repo
