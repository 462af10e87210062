"""What a model may be loaded with: every number and path of the settings, before any native code sees them."""

from pathlib import Path

from rushlight import Error
from rushlight.assistant.engine.request import LoadSettings

_MAX_BATCH = 8192
_MAX_CONTEXT = 2**24
_MAX_SLOTS = 64
_MAX_NGRAM_TOKENS = 4_194_304


def check_settings(settings: LoadSettings) -> None:
    """Raise one `Error(kind="bad-settings")` that names every problem."""
    from rushlight.assistant.engine.llama import FLASH_ATTENTION, KV_TYPES, POOLING

    problems = []
    if not Path(settings.path).is_absolute() or "\0" in settings.path:
        problems.append(f"the path {settings.path[:200]!r} is not absolute")
    if not 0 <= settings.n_ctx <= _MAX_CONTEXT:
        problems.append(
            f"the context length (engine.context) is {settings.n_ctx}; 0 (the model's own) to {_MAX_CONTEXT} is allowed"
        )
    if not 1 <= settings.n_batch <= _MAX_BATCH:
        problems.append(f"the batch size (engine.batch) is {settings.n_batch}; 1 to {_MAX_BATCH} is allowed")
    if not -1 <= settings.n_gpu_layers <= 100_000:
        problems.append(
            f"the number of GPU layers (engine.gpu_layers) is {settings.n_gpu_layers}; -1 (as many as fit) "
            "or more is allowed"
        )
    if not 0 <= settings.n_threads <= 512:
        problems.append(
            f"the number of threads (engine.threads) is {settings.n_threads}; 0 (the physical cores) to 512 is allowed"
        )
    if not 1 <= settings.n_slots <= _MAX_SLOTS:
        problems.append(
            f"the number of answers at once (engine.slots) is {settings.n_slots}; 1 to {_MAX_SLOTS} is allowed"
        )
    if settings.kv_ram_bytes < 0:
        problems.append(f"the memory for parked conversations is {settings.kv_ram_bytes}; 0 or more is allowed")
    if settings.kv_folder and not Path(settings.kv_folder).is_absolute():
        problems.append(f"the folder for states {settings.kv_folder[:200]!r} is not absolute")
    if settings.ngram_path and not Path(settings.ngram_path).is_absolute():
        problems.append(f"the file for past replies {settings.ngram_path[:200]!r} is not absolute")
    if not 0 <= settings.ngram_tokens <= _MAX_NGRAM_TOKENS:
        problems.append(
            f"the number of tokens of past replies (engine.ngram_tokens) is {settings.ngram_tokens}; "
            f"0 to {_MAX_NGRAM_TOKENS} is allowed"
        )
    if settings.draft_path and (not Path(settings.draft_path).is_absolute() or "\0" in settings.draft_path):
        problems.append(f"the path of the draft model {settings.draft_path[:200]!r} is not absolute")
    if settings.kv_disk_bytes < 0:
        problems.append(f"the room on disk for states is {settings.kv_disk_bytes}; 0 or more is allowed")
    if settings.kv_type not in KV_TYPES:
        problems.append(f"the cache type (engine.kv_type) is {settings.kv_type!r}; {', '.join(KV_TYPES)} is allowed")
    if settings.flash_attention not in FLASH_ATTENTION:
        problems.append(
            f"flash attention (engine.flash_attention) is {settings.flash_attention!r}; "
            f"{', '.join(FLASH_ATTENTION)} is allowed"
        )
    elif settings.flash_attention == "off" and settings.kv_type != "f16" and settings.kv_type in KV_TYPES:
        problems.append(
            f"the cache type {settings.kv_type} (engine.kv_type) needs flash attention, which is off "
            "(engine.flash_attention)"
        )
    if settings.pooling not in POOLING:
        problems.append(
            f"the pooling is {settings.pooling!r}; {', '.join(name for name in POOLING if name)} or nothing is allowed"
        )
    if problems:
        raise Error(
            f"The model cannot be loaded with these settings: {'; '.join(problems)}.",
            hint="Correct them with: rushlight settings",
            kind="bad-settings",
        )
