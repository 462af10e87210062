"""Where things live. The only module that knows directories.

`RUSHLIGHT_HOME` overrides them all: data, cache and runtime folders are then inside it.
"""

import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from rushlight import Error


@dataclass(frozen=True, slots=True)
class Paths:
    """The folders and files of one user's Rushlight. Nothing is created until it is needed."""

    data: Path
    cache: Path
    runtime: Path  # sockets; short, private to the user

    @property
    def models(self) -> Path:
        return self.data / "models"

    @property
    def store(self) -> Path:
        return self.data / "rushlight.db"

    @property
    def settings(self) -> Path:
        return self.data / "settings.toml"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def downloads(self) -> Path:
        """Unfinished downloads, beside the models so that the last step is a rename."""
        return self.data / "downloads"

    @property
    def jobs(self) -> Path:
        """A folder per job, named by its id: its log, and what it needs to go on."""
        return self.data / "jobs"

    @property
    def jobs_lock(self) -> Path:
        """Held by the one process that runs the jobs of this data folder."""
        return self.data / "jobs.lock"

    @property
    def adapters(self) -> Path:
        """GGUF adapters, called by the name of their file."""
        return self.data / "adapters"

    @property
    def runs(self) -> Path:
        """A folder per teaching: its examples, checkpoints, manifest, suite and proof."""
        return self.data / "runs"

    @property
    def server_token(self) -> Path:
        """The token of `rushlight serve`. Mode 0600."""
        return self.data / "server-token"

    @property
    def servers(self) -> Path:
        """A note for each running `rushlight serve`, beside a lock that it holds."""
        return self.data / "servers"

    @property
    def remote_tokens(self) -> Path:
        """The tokens of remote models, a file each of mode 0600. Mode 0700."""
        return self.data / "remote-tokens"

    @property
    def host_lock(self) -> Path:
        return self.data / "host.lock"

    @property
    def host_record(self) -> Path:
        """Where the running host can be found: socket, process id, version. Mode 0600."""
        return self.data / "host.json"

    @property
    def host_socket(self) -> Path:
        """A UNIX socket path is at most 107 bytes long, hence the hash."""
        name = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]
        return self.runtime / f"{name}.sock"


def find_paths() -> Paths:
    """The folders of this user, from `RUSHLIGHT_HOME` or the platform's custom."""
    home = os.environ.get("RUSHLIGHT_HOME")
    if home:
        base = Path(home).expanduser().absolute()
        return Paths(data=base, cache=base / "cache", runtime=_runtime_folder())
    if sys.platform.startswith("linux"):
        # What platformdirs answers on Linux, without its import: `ask` starts in the first second.
        user = Path.home()
        data = Path(os.environ.get("XDG_DATA_HOME") or user / ".local/share") / "rushlight"
        cache = Path(os.environ.get("XDG_CACHE_HOME") or user / ".cache") / "rushlight"
    else:
        import platformdirs

        data = Path(platformdirs.user_data_dir("Rushlight", appauthor=False))
        cache = Path(platformdirs.user_cache_dir("Rushlight", appauthor=False))
    return Paths(data=data, cache=cache, runtime=_runtime_folder())


def with_home(name: str | Path) -> Path:
    """What people write, ~ and ~user as the home that is meant; as it stands where there is no such home."""
    path = Path(name)
    try:
        return path.expanduser()
    except (RuntimeError, ValueError):  # ValueError: a zero byte in the name
        return path


def _runtime_folder() -> Path:
    given = os.environ.get("XDG_RUNTIME_DIR")
    if given and Path(given).is_dir() and os.access(given, os.W_OK):
        return Path(given) / "rushlight"
    if hasattr(os, "getuid"):
        return Path("/tmp") / f"rushlight-{os.getuid()}"
    return Path(os.environ["TEMP"]) / "rushlight"


def private_folder(path: Path) -> Path:
    """Create `path` with mode 0700 and make sure that it is this user's own and no link."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if hasattr(os, "getuid"):
        status = path.lstat()
        if path.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o077:
            raise Error(
                f"The folder {path} is not private to you.",
                hint=f"Remove it, or make it yours: chmod 700 {path}",
                kind="unsafe-folder",
            )
    return path
