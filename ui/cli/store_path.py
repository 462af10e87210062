"""The `path` verb of every noun that lies in the store."""

from rushlight.ui.cli.output import print_json, say


def tell_store_path(as_json: bool) -> int:
    """Print where the store is; the exit code."""
    from rushlight.assistant.paths import find_paths

    found = find_paths().store
    if as_json:
        print_json({"path": str(found)})
    else:
        say(str(found))
    return 0
