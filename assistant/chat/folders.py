"""The folders that conversations lie in: a tree of names, addressed by id or by a path such as "Work/Clients"."""

import time
from collections.abc import Sequence
from typing import Any

from rushlight import Error
from rushlight.assistant.chat.conversation import Folder
from rushlight.assistant.chat.ids import new_id
from rushlight.assistant.chat.text_rules import one_line
from rushlight.assistant.store.database import Store

MAX_NAME_CHARS = 100
MAX_DEPTH = 20


class Folders:
    """Every method that writes is one transaction and is on the disk when it returns. Unknown ids are an `Error`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def list(self) -> list[Folder]:
        """All folders, by path."""
        return sorted(self._all().values(), key=lambda folder: folder.path.casefold().split("/"))

    def get(self, folder_id: str) -> Folder:
        """The folder of that id."""
        folder = self._all().get(folder_id)
        if folder is None:
            raise Error(f"There is no folder with the id {folder_id[:60]!r}.", kind="folder-not-found")
        return folder

    def counts(self) -> dict[str, int]:
        """How many conversations lie in each folder itself, by id; empty ones are left out."""
        rows: list[Sequence[Any]] = list(
            self._store.rows(
                "SELECT f.id, count(*) FROM conversations c CROSS JOIN folders f ON f.number = c.folder "
                "WHERE c.deleted_at IS NULL GROUP BY f.id"
            )
        )
        return dict(rows)  # type: ignore[arg-type]

    def at(self, path: str, *, create: bool = False) -> Folder:
        """The folder at a path of names; with `create`, what is missing of it is made."""
        names = [part for part in (part.strip() for part in path.split("/")) if part]
        if not names:
            raise Error("A folder's path is expected, such as Work/Clients.", kind="bad-folder")
        with self._store.writing():
            found: Folder | None = None
            for name in names:
                parent_id = found.id if found else None
                below = [one for one in self._all().values() if one.parent_id == parent_id]
                match = next((one for one in below if one.name == one_line(name, MAX_NAME_CHARS)), None)
                if match is None and not create:
                    raise _no_such_path(path, name, [one.name for one in below])
                found = match or self.create(name, parent_id)
        assert found is not None
        return found

    def create(self, name: str, parent_id: str | None = None) -> Folder:
        """A new folder in another one, or at the top."""
        name = _checked(name)
        with self._store.writing():
            parent = self.get(parent_id) if parent_id is not None else None
            if parent is not None and parent.path.count("/") + 2 > MAX_DEPTH:
                raise Error(f"Folders can lie at most {MAX_DEPTH} deep in each other.", kind="bad-folder")
            self._refuse_twin(name, parent_id, None)
            folder_id = new_id()
            self._store.execute(
                "INSERT INTO folders (id, name, parent, created_at) "
                "VALUES (?, ?, (SELECT number FROM folders WHERE id = ?), ?)",
                (folder_id, name, parent_id, time.time()),
            )
            return self.get(folder_id)

    def rename(self, folder_id: str, name: str) -> Folder:
        """Another name for the folder."""
        name = _checked(name)
        with self._store.writing():
            self._refuse_twin(name, self.get(folder_id).parent_id, folder_id)
            self._store.execute("UPDATE folders SET name = ? WHERE id = ?", (name, folder_id))
            return self.get(folder_id)

    def move(self, folder_id: str, parent_id: str | None) -> Folder:
        """Put the folder into another one, or at the top. Never into itself or what is in it."""
        with self._store.writing():
            folders = self._all()
            folder = self.get(folder_id)
            depth = 1
            above = parent_id
            while above is not None:
                if above == folder_id:
                    raise Error(f"The folder {folder.path} cannot be moved into itself.", kind="bad-folder")
                above = (folders.get(above) or self.get(above)).parent_id
                depth += 1
            height = max(
                one.path.count("/")
                for one in folders.values()
                if one.path == folder.path or one.path.startswith(folder.path + "/")
            )
            if depth + height - folder.path.count("/") > MAX_DEPTH:
                raise Error(f"Folders can lie at most {MAX_DEPTH} deep in each other.", kind="bad-folder")
            self._refuse_twin(folder.name, parent_id, folder_id)
            self._store.execute(
                "UPDATE folders SET parent = (SELECT number FROM folders WHERE id = ?) WHERE id = ?",
                (parent_id, folder_id),
            )
            return self.get(folder_id)

    def delete(self, folder_id: str) -> None:
        """Remove the folder only: what lies in it, folders and conversations, moves up into its parent."""
        with self._store.writing():
            folder = self.get(folder_id)
            # Its name is free for what moves up.
            self._store.execute("UPDATE folders SET name = id WHERE id = ?", (folder_id,))
            for one in self._all().values():
                if one.parent_id == folder_id:
                    twins = [
                        other.name
                        for other in self._all().values()
                        if other.parent_id == folder.parent_id and other.id != folder_id
                    ]
                    name = next(name for name in _numbered(one.name) if name not in twins)
                    self._store.execute(
                        "UPDATE folders SET name = ?, parent = (SELECT parent FROM folders WHERE id = ?) WHERE id = ?",
                        (name, folder_id, one.id),
                    )
            self._store.execute(
                "UPDATE conversations SET folder = (SELECT parent FROM folders WHERE id = ?1) "
                "WHERE folder = (SELECT number FROM folders WHERE id = ?1)",
                (folder_id,),
            )
            self._store.execute("DELETE FROM folders WHERE id = ?", (folder_id,))

    def _refuse_twin(self, name: str, parent_id: str | None, itself: str | None) -> None:
        for one in self._all().values():
            if one.name == name and one.parent_id == parent_id and one.id != itself:
                raise Error(f"There is a folder {one.path} already.", hint="Choose another name.", kind="folder-exists")

    def _all(self) -> dict[str, Folder]:
        rows: list[Sequence[Any]] = list(
            self._store.rows("""
            WITH RECURSIVE down (number, id, name, parent_id, path, created_at) AS (
                SELECT number, id, name, NULL, name, created_at FROM folders WHERE parent IS NULL
                UNION ALL
                SELECT f.number, f.id, f.name, down.id, down.path || '/' || f.name, f.created_at
                FROM down CROSS JOIN folders f ON f.parent = down.number)
            SELECT id, name, parent_id, path, created_at FROM down ORDER BY number""")
        )
        return {row[0]: Folder(*row) for row in rows}


def _checked(name: str) -> str:
    name = one_line(name, MAX_NAME_CHARS)
    if not name or "/" in name:
        raise Error("A folder needs a name, without a slash.", kind="bad-folder")
    return name


def _numbered(name: str) -> list[str]:
    return [name, *(f"{name} ({number})" for number in range(2, 10_000))]


def _no_such_path(path: str, name: str, there: list[str]) -> Error:
    import difflib

    near = difflib.get_close_matches(name, there, n=1)
    return Error(
        f"There is no folder {path[:200]!r}." + (f" Did you mean {near[0]}?" if near else ""), kind="folder-not-found"
    )
