"""Taking a GGUF file into the catalogue: copied, moved or used where it is.

The order is what makes a kill harmless: check, copy under a hidden name, sync, check the copy, give it its name, sync
the folder, record it, and only then remove the original of a move. A file that got its name but was not recorded is
complete; importing again finds and records it.
"""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from rushlight import Error, Progress, Stop
from rushlight.assistant.events import Notice
from rushlight.assistant.models import staging
from rushlight.assistant.models.catalogue import Catalogue, NewModel
from rushlight.assistant.models.facts import Facts, read_facts
from rushlight.assistant.models.model import Model, ModelFile, check_id
from rushlight.assistant.models.naming import file_names, id_of, publisher_and_model
from rushlight.assistant.models.split import all_parts, check_parts
from rushlight.assistant.models.verify import OK, fingerprint, hash_file, look
from rushlight.assistant.paths import with_home
from rushlight.quant.gguf_check import check
from rushlight.quant.gguf_values import GgufFile
from rushlight.quant.proof_file import proof_path, read_proof, refuse_failed, write_proof

How: TypeAlias = Literal["copy", "move", "in-place"]


@dataclass(frozen=True, slots=True)
class Imported:
    """The model, whether it was in the catalogue before, and what the user should know (a changed template)."""

    model: Model
    already_there: bool
    notices: tuple[Notice, ...] = ()


def import_model(
    catalogue: Catalogue,
    source: Path,
    *,
    how: How = "copy",
    model_id: str = "",
    alias: str = "",
    known_sha256: Sequence[str] = (),
    place: tuple[str, str] | None = None,
    stop: Stop | None = None,
    on_progress: staging.OnProgress | None = None,
) -> Imported:
    """Import a GGUF file, or all parts of a split model of which `source` is one. Raises `Error`.

    `known_sha256` are the digests of the parts where the caller has just computed them (a download); a move then
    reads the data no second time. `place` is (publisher, model) where the caller knows better than the file.
    """
    return _Import(
        catalogue, source, how, model_id, alias, tuple(known_sha256), place, stop or Stop(), on_progress or _ignore
    ).run()


def model_sha256(digests: Sequence[str]) -> str:
    """A model's digest: its file's own, or for a split model that of its parts' digests, one a line."""
    if len(digests) == 1:
        return digests[0]
    import hashlib

    return hashlib.sha256("".join(f"{digest}\n" for digest in digests).encode()).hexdigest()


class _Import:
    """One import; the fields are its plan, `run` its steps in order."""

    def __init__(
        self,
        catalogue: Catalogue,
        source: Path,
        how: How,
        model_id: str,
        alias: str,
        known_sha256: tuple[str, ...],
        place: tuple[str, str] | None,
        stop: Stop,
        on_progress: staging.OnProgress,
    ) -> None:
        self.catalogue, self.how, self.stop, self.on_progress = catalogue, how, stop, on_progress
        self.root = catalogue.paths.models
        self.alias, self.known_sha256 = alias, known_sha256
        self.given = with_home(source).absolute()
        if model_id:
            check_id(model_id)
        if alias:
            check_id(alias, what="alias")
        self.parts = self._resolve(all_parts(self.given))
        self.files: list[GgufFile] = [check(part) for part in self.parts]
        check_parts(self.files)
        refuse_failed(self.parts[0])
        self.facts: Facts = read_facts(self.files)
        self.size_bytes = sum(file.size_bytes for file in self.files)
        self.place = place or publisher_and_model(self.facts, self.given.name)
        self.model_id = model_id or check_id(id_of(self.place, self.facts))
        self.folder = self.root.joinpath(*self.place)
        self.names = file_names(self.facts, self.given.name, len(self.parts))

    def run(self) -> Imported:
        try:
            return self._run()
        except OSError as failure:
            raise staging.explain_os_error(failure, f"importing {self.given.name}", self.root) from failure

    def _run(self) -> Imported:
        staging.remove_leftovers(self.root)
        there = self._same_content()
        if there is not None and look(there).state == OK:
            return self._already_there(there)
        if there is None:
            try:
                self.catalogue.refuse_taken(self.model_id)
            except Error:
                there = self._same_content()  # another import of the same file may have ended since
                if there is None or look(there).state != OK:
                    raise
                return self._already_there(there)
        if all(part.is_relative_to(self.root.resolve()) for part in self.parts):
            self.parts = [self.root / part.relative_to(self.root.resolve()) for part in self.parts]
            files, owned = self._as_they_lie(), True  # put there by hand, or by an import that was killed
        elif self.how == "in-place":
            files, owned = self._as_they_lie(), False
        else:
            files, owned = (self._move() or self._copy()) if self.how == "move" else self._copy(), True
        sha256 = model_sha256([file.sha256 for file in files])
        notices: tuple[Notice, ...] = ()
        there = self.catalogue.find_sha256(sha256)
        if there is not None:  # recorded, but its file was gone or damaged
            model = self.catalogue.relocate(there.id, files, owned)
        else:
            notices = self._template_notices()
            try:
                model = self.catalogue.add(self._record(files, sha256, owned))
            except Error as taken:
                there = self.catalogue.find_sha256(sha256)  # recorded meanwhile by another import of the same file
                if taken.kind != "id-taken" or there is None:
                    raise
                return self._already_there(there)
        if self.alias:
            model = self.catalogue.alias(model.id, self.alias)
        self._carry_proof(files[0])
        if self.how == "move" and owned:
            self._remove_sources(files)
        return Imported(model, already_there=False, notices=notices)

    def _resolve(self, parts: list[Path]) -> list[Path]:
        """The files behind links. A move or a split model in place cannot go through links; say so early."""
        resolved = []
        for part in parts:
            try:
                real = part.resolve(strict=True)
            except (OSError, RuntimeError) as failure:  # RuntimeError: links in a circle
                reason = getattr(failure, "strerror", None) or "links in a circle"
                raise Error(f"Cannot open {part}: {reason}.", hint="Check the path.", kind="bad-file") from failure
            if part.is_symlink() and self.how == "move":
                raise Error(
                    f"{part} is a link to {real}; moving it would leave a broken link to others.",
                    hint="Use --copy or --in-place.",
                    kind="is-a-link",
                )
            if real.name != part.name and len(parts) > 1 and self.how == "in-place":
                raise Error(
                    f"{part} is a link to a file of another name; the parts of a split model are found by name.",
                    hint="Use --copy.",
                    kind="is-a-link",
                )
            resolved.append(real)
        return resolved

    def _same_content(self) -> Model | None:
        """The catalogue's model of the same content. Hashes only when sizes and edges leave no other guess."""
        sizes = tuple(file.size_bytes for file in self.files)
        candidates = [
            model for model in self.catalogue.list() if tuple(file.size_bytes for file in model.files) == sizes
        ]
        if not candidates:
            return None
        edges = tuple(fingerprint(part, size) for part, size in zip(self.parts, sizes, strict=True))
        if not any(tuple(file.edges_sha256 for file in model.files) == edges for model in candidates):
            return None
        self.known_sha256 = self.known_sha256 or tuple(self._hash_parts())
        return self.catalogue.find_sha256(model_sha256(self.known_sha256))

    def _already_there(self, model: Model) -> Imported:
        if self.alias:
            model = self.catalogue.alias(model.id, self.alias)
        return Imported(model, already_there=True)

    def _hash_parts(self) -> list[str]:
        digests, done = [], 0
        for part, file in zip(self.parts, self.files, strict=True):
            digests.append(hash_file(part, self.stop, self.on_progress, done_bytes=done, total_bytes=self.size_bytes))
            done += file.size_bytes
        return digests

    def _as_they_lie(self) -> tuple[ModelFile, ...]:
        digests = self.known_sha256 or tuple(self._hash_parts())
        return tuple(_recorded(part, digest) for part, digest in zip(self.parts, digests, strict=True))

    def _copy(self) -> tuple[ModelFile, ...]:
        """Copy every part; the first, by which the model is opened, gets its name last."""
        staging.make_folder(self.folder, self.root)
        staging.require_space(self.folder, self.size_bytes, f"A copy of {self.given.name}")
        staged: list[staging.Staged] = []
        try:
            done = 0
            for part, name in zip(self.parts, self.names, strict=True):
                copy = staging.stage(
                    part,
                    self.folder,
                    name,
                    stop=self.stop,
                    on_progress=self.on_progress,
                    done_bytes=done,
                    total_bytes=self.size_bytes,
                )
                staged.append(copy)
                done += copy.size_bytes
            copies = [check(copy.path) for copy in staged]
            self._compare(copies)
            self.stop.check()
            digests = [copy.sha256 for copy in staged]
            names = self._free_names(digests)
            for copy, name in reversed(list(zip(staged, names, strict=True))):
                # False: an earlier import was killed between naming and recording; that file is this content.
                copy.publish(self.folder / name)
        finally:
            for copy in staged:
                copy.discard()
        return tuple(_recorded(self.folder / name, digest) for name, digest in zip(names, digests, strict=True))

    def _move(self) -> tuple[ModelFile, ...] | None:
        """Give files of the same file system a second name in our folder; None where that needs a copy."""
        staging.make_folder(self.folder, self.root)
        if any(part.stat().st_dev != self.folder.stat().st_dev for part in self.parts):
            return None
        before = [part.stat() for part in self.parts]
        digests = list(self.known_sha256 or self._hash_parts())
        names = self._free_names(digests)
        for part, name, seen in reversed(list(zip(self.parts, names, before, strict=True))):
            now = part.stat()
            if (now.st_size, now.st_mtime_ns, now.st_ino) != (seen.st_size, seen.st_mtime_ns, seen.st_ino):
                raise self._changed(part)
            _sync_file(part)
            try:
                os.link(part, self.folder / name)
            except FileExistsError:
                continue  # a killed import has named this content already
            except OSError:
                return None  # no hard links here
        staging.sync_folder(self.folder)
        return tuple(_recorded(self.folder / name, digest) for name, digest in zip(names, digests, strict=True))

    def _free_names(self, digests: list[str]) -> list[str]:
        """The file names, with a piece of the digest where another model's file has them already."""
        for name, digest in zip(self.names, digests, strict=True):
            path = self.folder / name
            if path.exists() and (not path.is_file() or hash_file(path, self.stop) != digest):
                mark = model_sha256(digests)[:8]
                stems = [name.removesuffix(".gguf") for name in self.names]
                if len(stems) == 1:
                    return [f"{stems[0]}.{mark}.gguf"]
                # The part number must stay at the end.
                return [f"{stem[:-15]}.{mark}{stem[-15:]}.gguf" for stem in stems]
        return self.names

    def _compare(self, copies: Sequence[GgufFile]) -> None:
        """The copy is what was looked at: same sizes and metadata, though others may write to the source."""
        for file, copy in zip(self.files, copies, strict=True):
            if copy.size_bytes != file.size_bytes or copy.tensors != file.tensors:
                raise self._changed(file.path)
        self.facts = read_facts(copies)

    def _changed(self, path: Path) -> Error:
        return Error(
            f"{path} changed while it was imported.",
            hint="Wait until the other program has finished writing it, then import it again.",
            kind="file-changed",
        )

    def _template_notices(self) -> tuple[Notice, ...]:
        """A template that differs from the last one under this id may have been tampered with."""
        seen = self.catalogue.templates_seen(self.model_id)
        if not seen or self.facts.chat_template_sha256 in seen:
            return ()
        found = self.facts.chat_template_sha256[:12] or "none"
        return (
            Notice(
                "template-changed",
                f"The chat template of {self.model_id} differs from the one it had before "
                f"(sha256 {found}, was {seen[-1][:12]}). A template can carry hidden instructions; look at it: "
                f"rushlight models show {self.model_id} --template",
            ),
        )

    def _record(self, files: tuple[ModelFile, ...], sha256: str, owned: bool) -> NewModel:
        facts = self.facts
        return NewModel(
            id=self.model_id,
            owned=owned,
            sha256=sha256,
            files=files,
            architecture=facts.architecture,
            n_params=facts.n_params,
            n_ctx_train=facts.n_ctx_train,
            quantization=facts.quantization,
            purpose=facts.purpose,
            chat_template_sha256=facts.chat_template_sha256,
            license=facts.license,
            sampling=facts.sampling,
        )

    def _carry_proof(self, file: ModelFile) -> None:
        """What was proved of these very bytes holds for the copy. A proof that cannot be copied is missed, no more."""
        proof = read_proof(self.parts[0])
        if proof is not None and proof.sha256 == file.sha256 and file.path != self.parts[0]:
            with contextlib.suppress(Error):
                write_proof(file.path, replace(proof, file=file.path.name))

    def _remove_sources(self, files: tuple[ModelFile, ...]) -> None:
        """The last step of a move; the model is safe by now."""
        ours = {file.path for file in files}
        for part in self.parts:
            if part not in ours:
                part.unlink(missing_ok=True)
                proof_path(part).unlink(missing_ok=True)


def _recorded(path: Path, sha256: str) -> ModelFile:
    status = path.stat()
    return ModelFile(path, status.st_size, status.st_mtime_ns, sha256, fingerprint(path, status.st_size))


def _sync_file(path: Path) -> None:
    """A file that its maker never synced must be on the disk before it is recorded as complete."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _ignore(progress: Progress) -> None:
    """Nobody listens."""
