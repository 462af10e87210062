"""The models this user has: listed, found by name, given aliases and sampler defaults. Records only, plus removal.

Files of owned models lie below `paths.models` and are recorded relative to it, so the data folder can be moved.
"""

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rushlight import Error
from rushlight.assistant.models.model import Model, ModelFile, Remote, check_id, short_forms
from rushlight.assistant.paths import Paths
from rushlight.assistant.store.database import Row, Store, Value

HOW_TO_IMPORT = (
    "Import a GGUF file: rushlight models import FILE (rushlight models find lists those of other programs)."
)
_COLUMNS = (
    "id, owned, size_bytes, sha256, architecture, n_params, n_ctx_train, quantization, purpose, "
    "chat_template_sha256, license, added_at"
)


@dataclass(frozen=True, slots=True)
class NewModel:
    """What an import records."""

    id: str
    owned: bool
    sha256: str
    files: tuple[ModelFile, ...]
    architecture: str
    n_params: int
    n_ctx_train: int
    quantization: str
    purpose: str
    chat_template_sha256: str
    license: str
    sampling: Mapping[str, float]
    remote: Remote | None = None  # runs on another machine; then there are no files


class Catalogue:
    """catalogue = Catalogue(open_store(paths), paths); catalogue.find("smollm2").path"""

    def __init__(self, store: Store, paths: Paths) -> None:
        self.store = store
        self.paths = paths

    def list(self) -> tuple[Model, ...]:
        """All models, by id."""
        return self._load("", ())

    def find(self, name: str) -> Model:
        """The model called `name`: its id, an alias, or a short form or beginning that only one model has; case does
        not matter.

        Raises `Error(kind="model-not-found")` with the nearest name, or `kind="model-ambiguous"` with the choices.
        """
        exact = self._load("WHERE id = ? OR id = (SELECT model_id FROM model_aliases WHERE alias = ?)", (name, name))
        if exact:
            return exact[0]
        models = self.list()
        folded = name.casefold()
        for fits in (_is_name, _is_short_form, _begins_name):
            hits = [model for model in models if fits(model, folded)]
            if len(hits) == 1:
                return hits[0]
            if hits:
                raise Error(
                    f"The name {name!r} fits {len(hits)} models.",
                    hint=f"Name one of them: {', '.join(model.id for model in hits)}",
                    kind="model-ambiguous",
                )
        raise self._not_found(name, models)

    def find_sha256(self, sha256: str) -> Model | None:
        """The model with this content."""
        found = self._load("WHERE sha256 = ?", (sha256,))
        return found[0] if found else None

    def default(self) -> Model:
        """The model that answers when none is named: alias "default", else the chat model added last. One that runs on
        another machine is only taken where it was chosen: adding it must not send anybody's words there."""
        found = self._load("WHERE id = (SELECT model_id FROM model_aliases WHERE alias = 'default')", ())
        if not found:
            here = "purpose = 'chat' AND id NOT IN (SELECT model_id FROM remote_models)"
            found = self._load(f"WHERE {here} ORDER BY added_at DESC, rowid DESC LIMIT 1", ())
        if found:
            return found[0]
        if self.store.rows("SELECT 1 FROM models JOIN remote_models ON model_id = id WHERE purpose = 'chat' LIMIT 1"):
            raise Error(
                "There is no model on this machine that can chat; those elsewhere only answer when they are named.",
                hint="Choose one for always: rushlight models default NAME",
                kind="no-model",
            )
        if self.store.rows("SELECT 1 FROM models LIMIT 1"):
            raise Error(
                "There is no model that can chat; those in the catalogue only make embeddings.",
                hint=HOW_TO_IMPORT,
                kind="no-model",
            )
        raise Error("There is no model yet.", hint=HOW_TO_IMPORT, kind="no-model")

    def add(self, new: NewModel) -> Model:
        """Record an imported model. Raises `Error(kind="id-taken")` when the id or an alias has its name."""
        check_id(new.id)
        with self.store.transaction():
            self.refuse_taken(new.id)
            self.store.execute(
                f"INSERT INTO models ({_COLUMNS}) VALUES ({', '.join('?' * 12)})",
                (
                    new.id,
                    int(new.owned),
                    sum(file.size_bytes for file in new.files),
                    new.sha256,
                    new.architecture,
                    new.n_params,
                    new.n_ctx_train,
                    new.quantization,
                    new.purpose,
                    new.chat_template_sha256,
                    new.license,
                    time.time(),
                ),
            )
            self._insert_files(new.id, new.files, new.owned)
            if new.remote is not None:
                self.store.execute(
                    "INSERT INTO remote_models VALUES (?, ?, ?)", (new.id, new.remote.url, new.remote.model)
                )
            for name, value in new.sampling.items():
                self.store.execute("INSERT INTO model_sampling VALUES (?, ?, 'file', ?)", (new.id, name, float(value)))
            if new.chat_template_sha256:
                self.store.execute(
                    "INSERT OR IGNORE INTO model_templates VALUES (?, ?, ?)",
                    (new.id, new.chat_template_sha256, time.time()),
                )
        return self.find(new.id)

    def relocate(self, model_id: str, files: Iterable[ModelFile], owned: bool) -> Model:
        """Record that a model's files, with the same content, now lie elsewhere or were touched."""
        with self.store.transaction():
            self.store.execute("UPDATE models SET owned = ? WHERE id = ?", (int(owned), model_id))
            self.store.execute("DELETE FROM model_files WHERE model_id = ?", (model_id,))
            self._insert_files(model_id, files, owned)
        return self.find(model_id)

    def remove(self, name: str) -> Model:
        """Forget a model; files of our own folder are deleted, files used in place stay. Returns what was removed."""
        model = self.find(name)
        with self.store.transaction():
            self.store.execute("DELETE FROM models WHERE id = ?", (model.id,))
        if model.owned:
            from rushlight.quant.proof_file import proof_path  # not needed to find a model

            self._delete(proof_path(model.path))
            for file in reversed(model.files):
                self._delete(file.path)
        if model.is_remote:
            from rushlight.assistant.models import remote_tokens

            remote_tokens.forget(self.paths, model.id)
        return model

    def alias(self, name: str, alias: str) -> Model:
        """Give a model another name. Only "default" moves silently from one model to another."""
        model = self.find(name)
        check_id(alias, what="alias")
        with self.store.transaction():
            if self.store.rows("SELECT 1 FROM models WHERE id = ?", (alias,)):
                raise Error(f"{alias!r} is the id of a model.", hint="Choose another alias.", kind="alias-taken")
            taken = self.store.rows(
                "SELECT model_id FROM model_aliases WHERE alias = ? AND model_id <> ?", (alias, model.id)
            )
            if taken and alias != "default":
                raise Error(
                    f"The alias {alias!r} already stands for {taken[0][0]!s}.",
                    hint=f"Take it back first: rushlight models alias --remove {alias}",
                    kind="alias-taken",
                )
            self.store.execute("INSERT OR REPLACE INTO model_aliases VALUES (?, ?)", (alias, model.id))
        return self.find(model.id)

    def remove_alias(self, alias: str) -> None:
        """Take an alias back. Raises `Error(kind="alias-not-found")` when there is none of this name."""
        with self.store.transaction():
            if not self.store.rows("SELECT 1 FROM model_aliases WHERE alias = ?", (alias,)):
                raise Error(
                    f"There is no alias {alias[:80]!r}.", hint="See: rushlight models list", kind="alias-not-found"
                )
            self.store.execute("DELETE FROM model_aliases WHERE alias = ?", (alias,))

    def set_sampling(self, name: str, values: Mapping[str, float | None]) -> Model:
        """Set sampler defaults of the user; None takes one back, so that the file's own holds again."""
        model = self.find(name)
        with self.store.transaction():
            for field, value in values.items():
                if value is None:
                    self.store.execute(
                        "DELETE FROM model_sampling WHERE model_id = ? AND name = ? AND source = 'user'",
                        (model.id, field),
                    )
                else:
                    self.store.execute(
                        "INSERT OR REPLACE INTO model_sampling VALUES (?, ?, 'user', ?)",
                        (model.id, field, float(value)),
                    )
        return self.find(model.id)

    def set_load(self, name: str, values: Mapping[str, str | None]) -> Model:
        """Set how the model is loaded unless told otherwise; None takes an option back."""
        model = self.find(name)
        with self.store.transaction():
            for option, value in values.items():
                if value is None:
                    self.store.execute("DELETE FROM model_load WHERE model_id = ? AND name = ?", (model.id, option))
                else:
                    self.store.execute("INSERT OR REPLACE INTO model_load VALUES (?, ?, ?)", (model.id, option, value))
        return self.find(model.id)

    def sampling_sources(self, model: Model) -> dict[str, str]:
        """For each field of `model.sampling`: "file" or "user"."""
        rows = self.store.rows(
            "SELECT name, source FROM model_sampling WHERE model_id = ? ORDER BY source", (model.id,)
        )
        return {str(name): str(source) for name, source in rows}

    def templates_seen(self, model_id: str) -> tuple[str, ...]:
        """sha256 of every chat template that came under this id, oldest first, also of models since removed."""
        rows = self.store.rows("SELECT sha256 FROM model_templates WHERE model_id = ? ORDER BY seen_at", (model_id,))
        return tuple(str(row[0]) for row in rows)

    def refuse_taken(self, model_id: str) -> None:
        """Raise when a model or an alias has this name."""
        if self.store.rows(
            "SELECT 1 FROM models WHERE id = ? UNION SELECT 1 FROM model_aliases WHERE alias = ?", (model_id, model_id)
        ):
            raise Error(
                f"The name {model_id!r} is taken by another model with other content.",
                hint="Give this one another name with --id, or remove the other first: "
                f"rushlight models remove {model_id}",
                kind="id-taken",
            )

    def _insert_files(self, model_id: str, files: Iterable[ModelFile], owned: bool) -> None:
        for part, file in enumerate(files):
            path = file.path.relative_to(self.paths.models) if owned else file.path
            self.store.execute(
                "INSERT INTO model_files VALUES (?, ?, ?, ?, ?, ?, ?)",
                (model_id, part, os.fsencode(path), file.size_bytes, file.mtime_ns, file.sha256, file.edges_sha256),
            )

    def _load(self, where: str, bindings: tuple[Value, ...]) -> tuple[Model, ...]:
        order = "" if "ORDER BY" in where else " ORDER BY id"
        rows = self.store.rows(f"SELECT {_COLUMNS} FROM models {where}{order}", bindings)
        models = (self._model(row) for row in rows)
        return tuple(model for model in models if model is not None)

    def _model(self, row: Row) -> Model | None:
        """None: another process has removed it since its row was read."""
        (
            model_id,
            owned,
            size_bytes,
            sha256,
            architecture,
            n_params,
            n_ctx_train,
            quantization,
            purpose,
            template,
            licence,
            added_at,
        ) = row
        files = tuple(
            ModelFile(self._file_path(path, bool(owned)), int(size), int(mtime), str(digest), str(edges))  # type: ignore[arg-type]
            for path, size, mtime, digest, edges in self.store.rows(
                "SELECT path, size_bytes, mtime_ns, sha256, edges_sha256 FROM model_files WHERE model_id = ? "
                "ORDER BY part",
                (model_id,),
            )
        )
        remote = None if files else self._remote(str(model_id))
        if not files and remote is None:
            return None
        aliases = self.store.rows("SELECT alias FROM model_aliases WHERE model_id = ? ORDER BY alias", (model_id,))
        # "file" sorts before "user", so the user's value is the one that stays.
        defaults = self.store.rows(
            "SELECT name, value FROM model_sampling WHERE model_id = ? ORDER BY source, name", (model_id,)
        )
        load = self.store.rows("SELECT name, value FROM model_load WHERE model_id = ? ORDER BY name", (model_id,))
        return Model(
            id=str(model_id),
            path=files[0].path if files else Path("remote:" + str(model_id)),
            size_bytes=int(size_bytes),  # type: ignore[arg-type]
            sha256=str(sha256),
            architecture=str(architecture),
            n_params=int(n_params),  # type: ignore[arg-type]
            n_ctx_train=int(n_ctx_train),  # type: ignore[arg-type]
            quantization=str(quantization),
            chat_template_sha256=str(template),
            license=str(licence),
            aliases=tuple(str(alias[0]) for alias in aliases),
            owned=bool(owned),
            added_at=float(added_at),  # type: ignore[arg-type]
            sampling={str(name): _number(str(name), float(value)) for name, value in defaults},  # type: ignore[arg-type]
            purpose=str(purpose),
            files=files,
            remote=remote,
            load={str(name): str(value) for name, value in load},
        )

    def _remote(self, model_id: str) -> Remote | None:
        rows = self.store.rows("SELECT url, name FROM remote_models WHERE model_id = ?", (model_id,))
        return Remote(str(rows[0][0]), str(rows[0][1])) if rows else None

    def _file_path(self, stored: Value, owned: bool) -> Path:
        assert isinstance(stored, bytes)
        path = Path(os.fsdecode(stored))
        return self.paths.models / path if owned else path

    def _delete(self, path: Path) -> None:
        """Delete one of our files and the folders it leaves empty. Never anything outside the models folder."""
        root = self.paths.models
        if ".." in path.relative_to(root).parts:
            raise Error(f"The store names a file outside the models folder: {path}.", kind="store-corrupt")
        try:
            path.unlink(missing_ok=True)
        except OSError as failure:
            raise Error(
                f"The model was forgotten, but its file {path} could not be deleted: {failure.strerror}.",
                hint="Delete it by hand to get the space back.",
                kind="file-undeletable",
            ) from failure
        for folder in path.parents:
            if folder == root:
                break
            try:
                folder.rmdir()
            except OSError:
                break

    def _not_found(self, name: str, models: tuple[Model, ...]) -> Error:
        if not models:
            return Error(
                f"There is no model {name[:80]!r}; the catalogue is empty.", hint=HOW_TO_IMPORT, kind="model-not-found"
            )
        import difflib  # only when a name was wrong

        names = {form: model.id for model in models for form in short_forms(model)}
        names |= {alias.casefold(): alias for model in models for alias in model.aliases}
        names |= {model.id.casefold(): model.id for model in models}
        near = difflib.get_close_matches(name.casefold(), names, n=1, cutoff=0.5)
        hint = f"Did you mean {names[near[0]]}?" if near else "See: rushlight models list"
        return Error(f"There is no model {name[:80]!r}.", hint=hint, kind="model-not-found")


def _is_name(model: Model, folded: str) -> bool:
    return folded == model.id.casefold() or folded in (alias.casefold() for alias in model.aliases)


def _is_short_form(model: Model, folded: str) -> bool:
    return folded in short_forms(model)


def _begins_name(model: Model, folded: str) -> bool:
    """`smollm2` is enough for smollm2-135m-instruct.q4_1; one or two letters are more likely a slip."""
    return len(folded) >= 3 and any(form.startswith(folded) for form in short_forms(model))


def _number(field: str, value: float) -> float:
    from rushlight.assistant.models.sampling_defaults import BOUNDS, typed

    return typed(field, value) if field in BOUNDS else value
