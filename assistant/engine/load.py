"""A model file becomes a loaded engine: settings checked, file checked, weights and context opened.

Knows the order of loading and what to try when the graphics memory is too small; knows nothing of sockets.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from rushlight import Error, Progress
from rushlight.assistant.engine.load_check import check_settings
from rushlight.assistant.engine.request import LoadSettings

if TYPE_CHECKING:
    from rushlight.assistant.engine.abort import AbortFlag
    from rushlight.assistant.engine.context import Context
    from rushlight.assistant.engine.draft_model import DraftModel
    from rushlight.assistant.engine.fallback_templates import ChosenTemplate
    from rushlight.assistant.engine.frames import Ready
    from rushlight.assistant.engine.kv_disk import KvDisk
    from rushlight.assistant.engine.llama import Model
    from rushlight.assistant.engine.lora import Adapters
    from rushlight.assistant.engine.ngram_table import NgramTable
    from rushlight.assistant.engine.prefix import Prefix
    from rushlight.assistant.engine.prefix_memory import PrefixMemory
    from rushlight.assistant.engine.speculate import StepCosts
    from rushlight.assistant.engine.template_process import TemplateProcess
    from rushlight.assistant.engine.thread_tuner import ThreadTuner
    from rushlight.assistant.engine.vocabulary import Vocabulary

_PROGRESS_S = 0.1


@dataclass
class Loaded:
    """An open model with all that one request after another needs. The context and the
    adapters belong to the engine's thread; the vocabulary and the template may be asked beside it."""

    settings: LoadSettings
    model: "Model"
    context: "Context"
    vocabulary: "Vocabulary"
    memory: "PrefixMemory"
    adapters: "Adapters"
    flag: "AbortFlag"
    renderer: "TemplateProcess"
    template: "ChosenTemplate"
    costs: "StepCosts"
    draft_model: "DraftModel | None" = None
    ngrams: "NgramTable | None" = None
    tuner: "ThreadTuner | None" = None  # None: the number of threads was chosen by the user
    spare_sequences: tuple[int, ...] = ()  # of the context, for beam search: no answer is written in them

    @property
    def prefix(self) -> "Prefix":
        """The first sequence: the one that a single answer uses."""
        return self.memory.prefixes[0]

    @cached_property
    def grammar_tokenizer(self) -> Any:
        """What llguidance needs to know of the vocabulary: made when the first grammar comes."""
        import ctypes

        from rushlight.assistant.engine.grammar import GrammarTokenizer

        c, vocabulary = self.model.c, self.vocabulary
        return GrammarTokenizer(
            vocabulary.all_pieces,
            set(vocabulary.special_ids),
            sorted(vocabulary.eog_ids),
            ctypes.cast(self.model.vocab, ctypes.c_void_p).value or 0,
            ctypes.cast(c.llama_tokenize, ctypes.c_void_p).value or 0,
        )

    def close(self) -> None:
        """Give the memory back."""
        if self.memory.disk is not None:
            self.memory.disk.close()
        if self.draft_model is not None:
            self.draft_model.close()
        self.context.close()
        self.model.close()
        self.renderer.close()


def load(
    settings: LoadSettings, renderer: "TemplateProcess", on_progress: Callable[[Progress], None]
) -> tuple[Loaded, "Ready"]:
    """Open the model. Raises `Error`; a file that makes llama.cpp abort ends the process, which others explain."""
    start = time.monotonic()
    path = Path(settings.path)
    _check_files(path)
    from rushlight.assistant.engine.context import Context
    from rushlight.assistant.engine.llama import Model

    check_settings(settings)
    # While llama.cpp reads the file it leaves the interpreter idle: the modules of the first request load meanwhile.
    preload = threading.Thread(target=_import_rest, name="imports")
    preload.start()
    try:
        model = _open_model(settings, path, on_progress, Model)
    finally:
        preload.join()
    from rushlight.assistant.engine.abort import AbortFlag
    from rushlight.assistant.engine.embed import MAX_SEQUENCES, batch_size
    from rushlight.assistant.engine.frames import Ready
    from rushlight.assistant.engine.lora import Adapters
    from rushlight.assistant.engine.prefix_memory import PrefixMemory
    from rushlight.assistant.engine.sampling import SPARE_SEQUENCES
    from rushlight.assistant.engine.speculate import StepCosts
    from rushlight.assistant.engine.threads import n_physical_cores
    from rushlight.assistant.engine.vocabulary import Vocabulary

    _check_kind(settings, model)
    vocabulary = Vocabulary(model)
    # Again native code works alone: meanwhile the vocabulary is scanned and the template tried (and kept compiled).
    words = _Words(settings, model, vocabulary, renderer)
    words.start()
    try:
        n_ctx = min(settings.n_ctx or model.n_ctx_train, model.n_ctx_train) or settings.n_ctx
        n_batch = batch_size(settings.n_batch, n_ctx) if settings.embeddings else settings.n_batch
        n_sequences = MAX_SEQUENCES if settings.embeddings else min(settings.n_slots, n_batch)
        # They share the cells that are there, so they cost a row of logits each; recurrent states would not.
        n_spare = 0 if settings.embeddings or model.is_recurrent else min(SPARE_SEQUENCES, n_batch)
        context = Context(
            model,
            n_ctx=n_ctx,
            n_batch=n_batch,
            n_threads=settings.n_threads or n_physical_cores(),
            kv_type=settings.kv_type,
            flash_attention=settings.flash_attention,
            embeddings=settings.embeddings,
            pooling=settings.pooling,
            n_sequences=n_sequences + n_spare,
        )
    except Error as err:
        if err.kind != "out-of-memory" or not model.gpu_layers or not _may_shrink(settings):
            raise
        words.join()
        n_fewer = model.gpu_layers // 2
        model.close()
        return load(replace(settings, n_gpu_layers=n_fewer, fewer_gpu_layers=True), renderer, on_progress)
    finally:
        words.join()
    template = words.result()
    loaded = Loaded(
        settings=settings,
        model=model,
        context=context,
        vocabulary=vocabulary,
        memory=PrefixMemory(
            context,
            is_recurrent=model.is_recurrent,
            n_sequences=n_sequences,
            ram_bytes=settings.kv_ram_bytes,
            disk=_disk(settings),
        ),
        adapters=Adapters(model, context),
        flag=AbortFlag(context),
        renderer=renderer,
        template=template,
        costs=StepCosts(),
        draft_model=_draft_model(settings, context),
        spare_sequences=tuple(range(n_sequences, n_sequences + n_spare)),
        ngrams=_ngrams(settings),
        tuner=_tuner(settings, context),
    )
    ready = Ready(
        n_ctx=context.n_ctx,
        n_ctx_train=model.n_ctx_train,
        n_vocab=model.n_vocab,
        n_embd=model.n_embd,
        n_layers=model.n_layers,
        n_params=model.n_params,
        size_bytes=model.size_bytes,
        gpu_layers=model.gpu_layers,
        template=template.source,
        description=model.description,
        load_s=time.monotonic() - start,
        system=model.lib.describe(),
        devices=_devices(model),
    )
    return loaded, ready


def _devices(model: "Model") -> str:
    """Where it computes."""
    if not model.gpu_layers:
        return "CPU"
    from rushlight.assistant.engine.devices import devices

    found = [device for device in devices(model.c) if device.kind != "cpu"]
    own = [device for device in found if not device.is_shared] or found
    return ", ".join(f"{device.name} ({device.description})" for device in own) or "CPU"


def _may_shrink(settings: LoadSettings) -> bool:
    return settings.n_gpu_layers < 0 or settings.fewer_gpu_layers


def _disk(settings: LoadSettings) -> "KvDisk | None":
    if settings.embeddings or not settings.kv_folder or not settings.kv_disk_bytes:
        return None
    from rushlight.assistant.engine.kv_disk import KvDisk, model_identity
    from rushlight.assistant.engine.llama import BINDINGS_VERSION
    from rushlight.assistant.models.split import all_parts

    identity = model_identity(
        all_parts(Path(settings.path)), BINDINGS_VERSION, settings.kv_type, settings.flash_attention
    )
    return KvDisk(Path(settings.kv_folder), identity, max_bytes=settings.kv_disk_bytes)


def _ngrams(settings: LoadSettings) -> "NgramTable | None":
    if settings.embeddings or not settings.ngram_path:
        return None
    path = Path(settings.ngram_path)
    if not settings.ngram_tokens:
        try:
            path.unlink(missing_ok=True)
        except OSError:
            pass  # it is not read either
        return None
    from rushlight.assistant.engine.kv_disk import model_identity
    from rushlight.assistant.engine.llama import BINDINGS_VERSION
    from rushlight.assistant.engine.ngram_table import NgramTable
    from rushlight.assistant.models.split import all_parts

    identity = model_identity(all_parts(Path(settings.path)), BINDINGS_VERSION, "", "")
    return NgramTable(path, identity, settings.ngram_tokens)


def _draft_model(settings: LoadSettings, context: "Context") -> "DraftModel | None":
    if settings.embeddings or not settings.draft_path:
        return None
    from rushlight.assistant.engine.draft_model import DraftModel

    path = Path(settings.draft_path)
    try:
        _check_files(path)
        return DraftModel(
            path,
            context,
            kv_type=settings.kv_type,
            flash_attention=settings.flash_attention,
            n_gpu_layers=0,  # what the host plans for the card is the large model's
        )
    except BaseException:
        context.close()
        context.model.close()
        raise


def _tuner(settings: LoadSettings, context: "Context") -> "ThreadTuner | None":
    if settings.n_threads or settings.embeddings or context.n_threads == 1:
        return None
    from rushlight.assistant.engine.machine_load import LoadMeter
    from rushlight.assistant.engine.thread_tuner import ThreadTuner

    return ThreadTuner(context.n_threads, LoadMeter().look)


class _Words(threading.Thread):
    """What the first request needs to know of the vocabulary and the chat template, found beside other work."""

    def __init__(
        self, settings: LoadSettings, model: "Model", vocabulary: "Vocabulary", renderer: "TemplateProcess"
    ) -> None:
        super().__init__(name="words")
        self._arguments = (settings, model, vocabulary, renderer)
        self._template: ChosenTemplate | None = None
        self._error: Exception | None = None

    def run(self) -> None:
        settings, model, vocabulary, renderer = self._arguments
        try:
            from rushlight.assistant.engine.fallback_templates import choose_template

            if not settings.embeddings:
                _ = vocabulary.eog_ids  # 50,000 tokens: 10 ms
            self._template = choose_template(
                model.chat_template(), vocabulary, renderer, setting=settings.chat_template
            )
        except Exception as err:  # raised again where somebody can answer for it
            self._error = err

    def result(self) -> "ChosenTemplate":
        if self._error is not None:
            raise self._error
        assert self._template is not None
        return self._template


def _import_rest() -> None:
    import rushlight.assistant.engine.embed
    import rushlight.assistant.engine.fallback_templates
    import rushlight.assistant.engine.lora
    import rushlight.assistant.engine.scheduler
    import rushlight.assistant.engine.threads
    import rushlight.native  # noqa: F401


def _open_model(
    settings: LoadSettings, path: Path, on_progress: Callable[[Progress], None], model_type: "type[Model]"
) -> "Model":
    """All layers on the GPU, or as many as asked for; where "as many as fit" does not fit, fewer and fewer."""
    size_bytes = path.stat().st_size
    last = time.monotonic()

    def report(fraction: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _PROGRESS_S and fraction > 0:
            last = now
            on_progress(Progress("load", int(fraction * size_bytes), size_bytes, "bytes"))

    n_gpu_layers = settings.n_gpu_layers
    while True:
        try:
            model = model_type(path, n_gpu_layers=n_gpu_layers, use_mmap=settings.use_mmap, on_progress=report)
        except Error as err:
            from rushlight.assistant.engine.llama import library

            if (
                not _may_shrink(settings)
                or n_gpu_layers == 0
                or err.kind != "out-of-memory"
                or not library().can_offload
            ):
                raise
            n_gpu_layers = 48 if n_gpu_layers < 0 else n_gpu_layers // 2
            continue
        if model.gpu_layers < 0 or model.gpu_layers > model.n_layers + 1:
            model.gpu_layers = model.n_layers + 1  # the layers and the output
        return model


def _check_files(path: Path) -> None:
    """The file, and its sisters if it is split, are sound and a model. Nothing native has seen them yet."""
    from rushlight.quant.gguf_check import check

    head = check(path)
    if head.split_count > 1:
        from rushlight.assistant.models.split import all_parts, check_parts

        check_parts([check(part) for part in all_parts(path)])
    # llama.cpp itself ignores general.type and would take an adapter's tensors for a model's.
    if head.kind != "model":
        raise Error(
            f"{path.name} is no model but of the kind {head.kind!r}.",
            hint="An adapter is used beside its model: --lora PATH. A later part of a split model is opened "
            "through its first.",
            kind="wrong-model",
        )


def _check_kind(settings: LoadSettings, model: "Model") -> None:
    """Refuse models that cannot do what they are loaded for: llama.cpp would abort later."""
    if settings.embeddings:
        if model.has_encoder and model.has_decoder:
            raise Error(
                f"{model.path.name} is an encoder-decoder model; it gives no vectors.",
                hint="Choose an embedding model.",
                kind="wrong-model",
            )
        return
    # llama.cpp says of BERT that it has a decoder; what sees the whole text at once cannot write it on.
    sees_all = model.metadata(f"{model.metadata('general.architecture')}.attention.causal") == "false"
    if model.has_encoder or not model.has_decoder or model.is_diffusion or sees_all:
        raise Error(
            f"{model.path.name} is no model that writes text token by token ({model.description}).",
            hint="Choose a chat model for this; embedding models are used by document search.",
            kind="wrong-model",
        )
