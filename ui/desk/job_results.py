"""What came of a job, in one line of words. Knows the results of the built-in kinds; of others it says nothing."""

from typing import Any

from rushlight.assistant.jobs.job import Job
from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.words import plural, text


def result_text(job: Job) -> str:
    """ "" while there is no result, or none that words are known for."""
    if job.state != "done":
        return ""
    model = result_model(job)
    if model:
        if job.result.get("already_there"):
            return text("{model} was in the catalogue already.", model=plain_line(model))
        return text("{model} is ready.", model=plain_line(model))
    if job.kind in ("quant-make", "quant-smaller", "quant-convert", "quant-plan", "quant-calibrate"):
        path = job.result.get("path")
        return text("Made: {path}", path=plain_line(path)) if isinstance(path, str) and path else ""
    if job.kind == "quant-compare":
        models = job.result.get("models")
        return text("Compared: {count} files.", count=len(models)) if isinstance(models, list) else ""
    if job.kind == "quant-proof":
        proof = job.result.get("proof")
        state = proof.get("state") if isinstance(proof, dict) else ""
        return {"passed": text("Proven."), "partial": text("Proven in part."), "failed": text("The proof failed.")}.get(
            str(state), ""
        )
    if job.kind == "conversation-import":
        parts = [
            plural("{count} chat", "{count} chats", _number(job.result.get("imported"))),
            plural("{count} message", "{count} messages", _number(job.result.get("messages"))),
        ]
        known = _number(job.result.get("known"))
        if known:
            parts.append(plural("{count} was here already", "{count} were here already", known))
        left_out = job.result.get("skipped")  # of many only the first are named
        n_left_out = _number(job.result.get("n_skipped")) or (len(left_out) if isinstance(left_out, list) else 0)
        if n_left_out:
            parts.append(plural("{count} left out", "{count} left out", n_left_out))
        return " · ".join(parts)
    return ""


def result_model(job: Job) -> str:
    """The id of the model that the job made, or ""."""
    found = job.result.get("id") if job.kind in ("model-import", "model-download", "quant-smaller") else ""
    return found if job.state == "done" and isinstance(found, str) else ""


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0
