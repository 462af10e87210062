"""Which adapter a teaching may begin with: one that learned the same lesson, or practised, over the same model.

What is held out of a lesson stays held out, so what such an adapter has not seen still proves it. What it learned from
comes along: the new one is as stale as the old one when a conversation is deleted.
"""

import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rushlight import Error
from rushlight.assistant.learn.kinds.practice import PracticeLesson
from rushlight.assistant.registry.scopes import PRACTICE

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.learn.example import Lesson
    from rushlight.assistant.models.model import Model
    from rushlight.assistant.registry.values import Adapter, LessonUse


def check_file_is_here(model: "Model") -> None:
    """An `Error` for one that answers from another machine."""
    if model.is_remote:
        raise Error(
            f"{model.id} runs on another machine and cannot be taught here.",
            "Name a model whose file is here: -m NAME; see: rushlight models list",
            kind="remote-model",
        )


def taught_by(app: "App", lesson: "Lesson") -> "dict[str, Adapter]":
    """The adapter that learned this lesson over each model, by the model's sha256: the one that serves, else the
    newest; none that is stale. One that the gate has stopped may be gone on from: perhaps it had too little time."""
    found: dict[str, Adapter] = {}
    for one in sorted(app.registry.adapters(lesson.scope), key=lambda one: (one.state == "promoted", one.created_at)):
        if one.run_id and not one.is_stale:
            uses = app.registry.run(one.run_id).lessons
            if any(use.lesson_id == lesson.id for use in uses):
                found[one.base_sha256] = one
    return found


def adapter_to_go_on(app: "App", lesson: "Lesson", model: "Model") -> "Adapter":
    found = taught_by(app, lesson).get(model.sha256)
    if found is None:
        raise Error(
            f"There is nothing to go on from: no adapter of {model.id} has learned {lesson.name}, or what it learned "
            "from was deleted since.",
            "Teach it anew, without --go-on.",
            kind="nothing-to-go-on",
        )
    return found


def practised(app: "App", model: "Model", form: str = PracticeLesson.form, scope: str = PRACTICE) -> "Adapter | None":
    """What the model has practised last in this form of prompts; None where it never did."""
    own = [
        one
        for one in app.registry.adapters(scope)
        if one.base_sha256 == model.sha256 and one.state != "retired" and one.form == form
    ]
    return max(own, key=lambda one: one.created_at, default=None)


def bring(adapter: "Adapter", model: "Model", folder: Path) -> None:
    """The adapter as a PEFT folder, from which a training goes on; in the place of what an earlier try has brought."""
    from rushlight.quant.adapters import adapter_to_peft

    if folder.exists():
        shutil.rmtree(folder)
    adapter_to_peft(adapter.path, model.path, folder)


def begin_with(
    app: "App", lesson: "Lesson", model: "Model", folder: Path, settings: Mapping[str, Any], *, go_on: bool,
    from_practice: bool,
) -> "Adapter | None":  # fmt: skip
    """The adapter that a teaching begins with, brought to `folder`: with `go_on` the one that learned the lesson, else
    what the model has practised, where it fits what was told of the training."""
    if go_on:
        start = adapter_to_go_on(app, lesson, model)
        bring(start, model, folder)
        start_settings(folder, settings)
        return start
    found = practised(app, model, lesson.form) if from_practice and lesson.kind == "database" else None
    if found is None:
        return None
    bring(found, model, folder)
    try:
        start_settings(folder, settings)
    except Error:
        shutil.rmtree(folder)
        return None
    return found


def start_settings(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """[adapter] of a training that goes on from the adapter in `folder`. What was told otherwise is an `Error`."""
    from rushlight.trainer.start import settings_of

    found = settings_of(folder)
    if settings.get("method") == "rslora":
        found["alpha"] /= math.sqrt(found["rank"])
    told = {name: settings[f"adapter.{name}"] for name in found if f"adapter.{name}" in settings}
    odd = [f"adapter.{name} is {value}, there it is {found[name]}" for name, value in told.items()
           if (sorted(value) if name == "modules" else value) != found[name]]  # fmt: skip
    if odd:
        raise Error(
            f"Cannot go on from an adapter that was taught with other settings: {'; '.join(odd)}.",
            "Leave them out, or teach it anew, without --go-on.",
            kind="bad-config",
        )
    return {**found, "start": str(folder)}


def with_those_before(own: "LessonUse", before: "Sequence[LessonUse]") -> "tuple[LessonUse, ...]":
    """The lessons of a run that goes on: its own, and all that the one before had learned, sources included."""
    others = [one for one in before if one.lesson_id != own.lesson_id]
    same = [one for one in before if one.lesson_id == own.lesson_id]
    known = {(one.kind, one.source) for one in own.sources}
    earlier = [source for one in same for source in one.sources if (source.kind, source.source) not in known]
    return (replace(own, sources=(*own.sources, *earlier)), *others)
