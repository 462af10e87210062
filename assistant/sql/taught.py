"""Which model and adapter answer questions to a database: the promoted adapter of its scope over its base, if any; else
what the model has practised, where that was promoted. Beside both who knows the way back, if one was promoted to it.

    found = taught(app, database)
    ask_database(app, database, question, model=found.model, lora=found.lora, form=found.form, back=found.back)

The scope names the tables, so an adapter is not used for other tables than those it was taught. What was practised is
for any, and changes no model: whoever asks another one gets that one alone.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rushlight import Error
from rushlight.assistant.engine.request import LoraUse
from rushlight.assistant.registry.scopes import PRACTICE, WAY_BACK, sql_scope
from rushlight.assistant.sql.database import Database
from rushlight.assistant.sql.memory import schema_hash
from rushlight.assistant.sql.prompt import BACK_FORM, FORM, FORMS

if TYPE_CHECKING:
    from rushlight.assistant.app import App


@dataclass(frozen=True, slots=True)
class Taught:
    """Who answers. `adapter` "" = nobody was taught; then `model` is what was asked for."""

    model: str = ""
    adapter: str = ""
    lora: tuple[LoraUse, ...] = ()
    form: str = FORM
    back: tuple[LoraUse, ...] = ()
    is_practice: bool = False  # it was taught other databases, and not this one


def scope_of(database: Database) -> str:
    """The scope of this database: its name and its tables."""
    return sql_scope(database.sources[0].name, schema_hash(database))


def taught(app: "App", database: Database, model: str = "") -> Taught:
    """What serves this database. A `model` that was named is kept: then only an adapter of that one is used. Without
    one, the adapter of the default model goes first, then the one that was added last, with its own base."""
    registry, scope = app.registry, scope_of(database)
    if registry.promoted(scope) is None and registry.promoted(PRACTICE) is None:  # mostly so: no reason to look for one
        return Taught(model)
    base = _base_of(app, model)
    adapter = registry.promoted(scope, base) if base else None
    if adapter is None and not model:
        adapter = registry.promoted(scope)
    if adapter is None and base:
        adapter = registry.promoted(PRACTICE, base)
    if adapter is None or not adapter.path.is_file() or (adapter.form and adapter.form not in FORMS):
        return Taught(model)
    found = app.catalogue.find_sha256(adapter.base_sha256)
    if found is None:
        return Taught(model)
    return Taught(
        found.id, adapter.name, (adapter.use(),), adapter.form or FORM, way_back_of(app, found.sha256),
        adapter.scope == PRACTICE,
    )  # fmt: skip


def way_back_of(app: "App", base_sha256: str) -> tuple[LoraUse, ...]:
    """Who knows the way back over this model: the adapter that was promoted to it, if its file is there."""
    found = app.registry.promoted(WAY_BACK, base_sha256)
    return (found.use(),) if found is not None and found.path.is_file() and found.form in ("", BACK_FORM) else ()


def _base_of(app: "App", model: str) -> str:
    """The digest of the model that would answer; "" where there is none, or none by that name: whoever asks is told."""
    try:
        return app.model(model).sha256
    except Error:
        return ""
