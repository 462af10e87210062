"""Names on a Hugging Face hub: `hf://org/repo/file.gguf`, `org/repo:Q4_K_M`, and which files of a repository they mean.

Knows names, sizes and digests; opens no connection (that is `download`).
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from rushlight import Error
from rushlight.assistant.models.split import split_name

MAX_FILE_BYTES = 2 << 40
# What is taken when the name leaves it open: good quality for its size first.
PREFERRED = ("Q4_K_M", "Q4_K_S", "Q5_K_M", "Q4_0", "Q4_1", "IQ4_XS", "Q8_0", "Q6_K", "F16", "BF16")
_PART = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_REPO = re.compile(rf"(?P<org>{_PART})/(?P<repo>{_PART})")
_REVISION = re.compile(r"[A-Za-z0-9._/-]{1,100}")
_FILE = re.compile(r"[^\\\x00-\x1f\x7f?#%]{1,255}")
_HINT = "Give hf://org/repo/file.gguf, org/repo or org/repo:Q4_K_M."


@dataclass(frozen=True, slots=True)
class HubName:
    """What the user asked for. `file` and `quantization` may be empty."""

    org: str
    repo: str
    file: str = ""
    quantization: str = ""
    revision: str = "main"

    @property
    def repository(self) -> str:
        return f"{self.org}/{self.repo}"


@dataclass(frozen=True, slots=True)
class HubFile:
    """A GGUF file of a repository, as its listing tells. `sha256` is "" where the hub gives none."""

    path: str
    size_bytes: int
    sha256: str = ""


def parse_hub_name(text: str, endpoint: str = "https://huggingface.co") -> HubName:
    """Read a name or a link copied from the hub's page. Raises `Error(kind="bad-hub-name")`."""
    given = text.strip()
    rest = given.removeprefix("hf://").removeprefix("hf.co/")
    if given.startswith(("https://", "http://")):
        return _parse_link(given, endpoint)
    parts = rest.split("/")
    if len(parts) < 2:
        raise _bad(text)
    revision = "main"
    quantization = ""
    file = "/".join(parts[2:])
    repo = parts[1]
    if not file and ":" in repo:
        repo, _, quantization = repo.partition(":")
    if "@" in repo:
        repo, _, revision = repo.partition("@")
    return _checked(text, HubName(parts[0], repo, file, quantization.upper(), revision))


def choose_files(name: HubName, files: Sequence[HubFile]) -> tuple[HubFile, ...]:
    """The file (or all parts of the split model) that `name` means among a repository's GGUF files."""
    if name.file:
        hits = [file for file in files if file.path == name.file]
        if not hits:
            raise _none_fits(name, f"no file {name.file}", files)
        return _with_sisters(hits[0], files)
    models = [file for file in files if not _base(file).lower().startswith("mmproj")]
    groups: dict[str, tuple[HubFile, ...]] = {}
    for file in models:
        split = split_name(_base(file))
        if split is None or split[1] == 1:
            groups[file.path] = _with_sisters(file, models)
    if name.quantization:
        fitting = [path for path in groups if _has_type(path, name.quantization)]
        if len(fitting) != 1:
            raise _none_fits(name, f"{len(fitting) or 'no'} files of type {name.quantization}", files)
        return groups[fitting[0]]
    if len(groups) == 1:
        return next(iter(groups.values()))
    for wanted in PREFERRED:
        fitting = [path for path in groups if _has_type(path, wanted)]
        if len(fitting) == 1:
            return groups[fitting[0]]
    raise _none_fits(name, f"{len(groups) or 'no'} GGUF models", files)


def _with_sisters(file: HubFile, files: Sequence[HubFile]) -> tuple[HubFile, ...]:
    split = split_name(_base(file))
    if split is None:
        return (file,)
    folder = file.path[: -len(_base(file))]
    stem, _, count = split
    by_path = {other.path: other for other in files}
    wanted = [f"{folder}{stem}-{part:05d}-of-{count:05d}.gguf" for part in range(1, count + 1)]
    missing = [path for path in wanted if path not in by_path]
    if missing:
        raise Error(
            f"The repository lacks {missing[0]}, a part of the split model {stem}.",
            hint="Choose another file of the repository.",
            kind="missing-part",
        )
    return tuple(by_path[path] for path in wanted)


def _has_type(path: str, quantization: str) -> bool:
    """The type stands between separators: Q4_K is not in a name that says Q4_K_M."""
    return re.search(rf"(?:^|[-._/]){re.escape(quantization)}(?:[-./]|$)", path, re.IGNORECASE) is not None


def _parse_link(text: str, endpoint: str) -> HubName:
    link, home = urlsplit(text), urlsplit(endpoint)
    if link.netloc != home.netloc:
        raise Error(
            f"The link does not lead to {home.netloc}.",
            hint="Other hubs are chosen with the setting download.endpoint.",
            kind="bad-hub-name",
        )
    parts = [unquote(part) for part in link.path.strip("/").split("/")]
    if len(parts) == 2:
        return _checked(text, HubName(parts[0], parts[1]))
    if len(parts) >= 5 and parts[2] in ("resolve", "blob"):
        return _checked(text, HubName(parts[0], parts[1], "/".join(parts[4:]), revision=parts[3]))
    raise _bad(text)


def _checked(text: str, name: HubName) -> HubName:
    if _REPO.fullmatch(name.repository) is None or _REVISION.fullmatch(name.revision) is None:
        raise _bad(text)
    if ".." in name.revision or name.revision.startswith("/"):
        raise _bad(text)
    if name.file and (
        _FILE.fullmatch(name.file) is None or ".." in name.file.split("/") or not name.file.lower().endswith(".gguf")
    ):
        raise _bad(text)
    return name


def safe_path(path: object) -> bool:
    """Whether a path of a listing may be asked for: relative, GGUF, nothing that changes a URL."""
    return (
        isinstance(path, str)
        and _FILE.fullmatch(path) is not None
        and path.lower().endswith(".gguf")
        and not path.startswith("/")
        and ".." not in path.split("/")
    )


def _bad(text: str) -> Error:
    return Error(f"{text[:120]!r} is not a name on the hub.", hint=_HINT, kind="bad-hub-name")


def _none_fits(name: HubName, found: str, files: Sequence[HubFile]) -> Error:
    listed = ", ".join(file.path for file in files[:12]) or "none"
    more = f" and {len(files) - 12} more" if len(files) > 12 else ""
    return Error(
        f"{name.repository} has {found}; one is needed.",
        hint=f"Name a file: hf://{name.repository}/FILE. There are: {listed}{more}",
        kind="hub-choice",
    )


def _base(file: HubFile) -> str:
    return file.path.rsplit("/", 1)[-1]


def listed_file(entry: object) -> HubFile | None:
    """A listing's entry, None for what is no GGUF file or not of the known form."""
    if not isinstance(entry, dict) or entry.get("type") != "file" or not safe_path(entry.get("path")):
        return None
    lfs = entry.get("lfs")
    size, oid = entry.get("size"), lfs.get("oid") if isinstance(lfs, dict) else ""
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= MAX_FILE_BYTES:
        return None
    return HubFile(entry["path"], size, sha256_of(oid) if isinstance(oid, str) else "")


def sha256_of(etag: str) -> str:
    """The digest in an ETag or LFS id; "" when it is something else (a git id, a CDN's own tag)."""
    text = etag.removeprefix("W/").strip('"').lower()
    return text if len(text) == 64 and all(char in "0123456789abcdef" for char in text) else ""


def check_url(url: str, *, local_allowed: bool) -> None:
    """HTTPS only; plain HTTP or this machine only where the endpoint itself is this machine (a local mirror)."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and local_allowed and is_loopback(url):
        return
    raise Error(
        f"{parts.scheme}://{(parts.hostname or '')[:100]} is not a safe place to download from: it must begin "
        "with https://.",
        hint="Look at the setting download.endpoint.",
        kind="download-insecure",
    )


def is_loopback(url: str) -> bool:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "http":
        return False
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
