"""The composition root: one object that a face holds and asks, made by `open_app`.

Turns settings, a model and a question into what an engine understands. Knows the catalogue, the host's client and
the settings; knows no terminal and no window. Nothing is opened before it is needed.

    with open_app() as app:
        for event in app.ask("What is the capital of France?"):
            print(event)
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from msgspec.structs import replace

from rushlight import Error, Progress, Stop
from rushlight.assistant.ask_options import AskOptions, sampling_from
from rushlight.assistant.engine.request import GenerateRequest, Grammar, LoadSettings, LoraUse, Message
from rushlight.assistant.events import Event
from rushlight.assistant.paths import Paths, find_paths
from rushlight.assistant.settings import Settings, load_settings

if TYPE_CHECKING:
    from rushlight.assistant.chat.conversations import Conversations
    from rushlight.assistant.chat.feedback import FeedbackBook
    from rushlight.assistant.chat.presets import Presets
    from rushlight.assistant.chat.session import ChatSession
    from rushlight.assistant.engine.engine import Engine
    from rushlight.assistant.host.client import HostClient
    from rushlight.assistant.host.start import Starting
    from rushlight.assistant.jobs.jobs import Jobs
    from rushlight.assistant.models.catalogue import Catalogue
    from rushlight.assistant.models.fit import Fit
    from rushlight.assistant.models.model import Model
    from rushlight.assistant.registry.registry import Registry
    from rushlight.assistant.registry.values import Adapter
    from rushlight.assistant.store.database import Store

# Kinds of an `Error` of an engine that was opened for an earlier question and has ended since, without a fault of
# this one.
GONE_SINCE = {"unloaded", "worker-died", "host-died", "host-ended", "connection-lost"}

HostPlace = Literal["process", "in-process"]
OnProgress = Callable[[Progress], None]
OpenEngine = Callable[[LoadSettings, Stop, OnProgress], "Engine"]


def _ignore(progress: Progress) -> None:
    """Where nobody wants to see how loading goes on."""


def open_app(
    paths: Paths | None = None, overrides: Mapping[str, object] | None = None, host: HostPlace = "process"
) -> "App":
    """The app of this user. `overrides` are settings for this start only; bad settings raise one `Error`.

    `host`: "process" shares loaded models with all other faces through the background process; "in-process" keeps
    host and workers to this process, for tests and for use as a library.
    """
    paths = paths or find_paths()
    return App(paths, load_settings(paths, overrides), host=host)


class App:
    """What a face talks to, from one thread. A context manager; `close` gives back the store and the host."""

    def __init__(
        self,
        paths: Paths,
        settings: Settings,
        *,
        host: HostPlace = "process",
        catalogue: "Catalogue | None" = None,
        open_engine: OpenEngine | None = None,
    ) -> None:
        self.paths = paths
        self.settings = settings
        self._host_place: HostPlace = host
        self._catalogue = catalogue
        self._store: Store | None = None
        self._jobs: Jobs | None = None
        self._host: HostClient | None = None
        self._starting: Starting | None = None
        self._open_engine = open_engine
        self._engines: dict[LoadSettings, Engine] = {}

    def __enter__(self) -> "App":
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back what was opened. The host goes on for others and ends by itself when idle."""
        engines, self._engines = self._engines, {}
        for engine in engines.values():
            _close(engine)
        if self._starting is not None:
            self._starting.abandon()
            self._starting = None
        if self._host is not None:
            self._host.close()
            self._host = None
        if self._store is not None:
            self._store.close()
            self._store = self._catalogue = self._jobs = None

    @property
    def catalogue(self) -> "Catalogue":
        """The model files this user has."""
        if self._catalogue is None:
            from rushlight.assistant.models.catalogue import Catalogue

            self._catalogue = Catalogue(self.store, self.paths)
        return self._catalogue

    @property
    def store(self) -> "Store":
        """The one connection to the store that everything of this app shares."""
        if self._store is None:
            from rushlight.assistant.store.database import open_store

            self._store = open_store(self.paths)
        return self._store

    @property
    def conversations(self) -> "Conversations":
        """What was said."""
        from rushlight.assistant.chat.conversations import Conversations

        return Conversations(self.store)

    @property
    def feedback(self) -> "FeedbackBook":
        """What the user thought of it."""
        from rushlight.assistant.chat.feedback import FeedbackBook

        return FeedbackBook(self.conversations)

    @property
    def jobs(self) -> "Jobs":
        """Background work."""
        if self._jobs is None:
            from rushlight.assistant.jobs.jobs import Jobs

            self._jobs = Jobs(self.store, self.paths, lambda: self.host)
        return self._jobs

    @property
    def registry(self) -> "Registry":
        """Runs and adapters: what they learned from, and which of them serves where."""
        from rushlight.assistant.registry.registry import Registry

        return Registry(self.store, self.paths)

    @property
    def presets(self) -> "Presets":
        """System prompts and options under a name."""
        from rushlight.assistant.chat.presets import Presets

        return Presets(self.store)

    def session(
        self,
        conversation_id: str,
        *,
        options: Mapping[str, str] | None = None,
        adjust: Callable[[GenerateRequest], GenerateRequest] | None = None,
        adapter: str = "",
        on_progress: OnProgress = _ignore,
    ) -> "ChatSession":
        """The stored conversation, ready to go on. `options` and `adjust` change its requests, not what is stored.

        `adapter` is the name of what `adjust` loads; without one, the adapter that is promoted for chats is live.
        """
        from rushlight.assistant.chat.session import ChatSession

        return ChatSession(
            self,
            self.conversations,
            conversation_id,
            options=options,
            adapter=adapter,
            live=self.chat_adapter,
            adjust=adjust or (lambda request: request),
            on_progress=on_progress,
        )

    def chat_adapter(self, model: "Model", name: str = "") -> "Adapter | None":
        """The adapter that answers in chats with this model now, None where the model answers alone. `name` is what
        was chosen in a chat; where that one may not answer, the promoted one does."""
        from rushlight.assistant.registry.live import chat_adapter

        return chat_adapter(self.registry, model, name)

    def chat_adapters(self, model: "Model") -> "list[Adapter]":
        """All adapters that may answer in chats with this model, the promoted one first."""
        from rushlight.assistant.registry.live import chat_adapters

        return chat_adapters(self.registry, model)

    @property
    def models(self) -> "tuple[Model, ...]":
        """What the catalogue lists."""
        return self.catalogue.list()

    @property
    def host(self) -> "HostClient":
        """What holds the loaded models: the background process, started if it is not there, or our own."""
        if self._host is None:
            if self._host_place == "in-process":
                from rushlight.assistant.host.inprocess import InProcessHost

                self._host = InProcessHost(self.paths, self.settings)
            else:
                from rushlight.assistant.host.client import connect

                starting, self._starting = self._starting, None
                self._host = connect(self.paths, self.settings, starting=starting)
        return self._host

    def begin(self) -> None:
        """Start the host ahead, if there is none, while the caller still finds out what it wants of it."""
        if self._host_place == "process" and self._host is None and self._starting is None and not self._open_engine:
            from rushlight.assistant.host.start import begin

            self._starting = begin(self.paths, self.settings)

    def model(self, name: str = "") -> "Model":
        """The model of that name; without one, that of the setting chat.model, else the catalogue's default."""
        name = name or self.settings.text("chat.model")
        return self.catalogue.find(name) if name else self.catalogue.default()

    def engine(
        self,
        model: "Model | str" = "",
        *,
        options: AskOptions | None = None,
        embeddings: bool = False,
        stop: Stop | None = None,
        on_progress: OnProgress = _ignore,
    ) -> "Engine":
        """The loaded model, kept for further calls. Looks at the file first; the host refuses what does not fit.

        Whether it fits is the host's to say: it knows what else is loaded, and it looks while the worker starts.
        `fit` says it to a person beforehand.
        """
        found = self.model(model) if isinstance(model, str) else model
        load = self.load_settings(found, options, embeddings=embeddings)
        engine = self._engines.get(load)
        if engine is None and found.is_remote:
            engine = self._engines[load] = self._open_remote(found)
        if engine is None:
            from rushlight.assistant.models import quick_check

            quick_check(found)
            stop = stop or Stop()
            if self._open_engine is not None:
                engine = self._open_engine(load, stop, on_progress)
            else:
                keep_alive_s = float(self.settings_for(found, options).number("engine.keep_alive_s"))
                engine = self.host.open_engine(load, stop, on_progress, keep_alive_s=keep_alive_s)
            self._engines[load] = engine
        return engine

    def settings_for(self, model: "Model", options: AskOptions | None = None) -> Settings:
        """The settings that hold for this model: its own load options over them, those of this call over both."""
        settings = self.settings
        if model.load:
            from rushlight.assistant.models.load_defaults import as_settings

            settings = settings.changed(as_settings(model.load))
        if options is not None and options.settings:
            settings = settings.changed(options.settings)
        return settings

    def _open_remote(self, model: "Model") -> "Engine":
        """A model on another machine, if the user allows any."""
        from rushlight.assistant.engine.remote import Place, RemoteEngine
        from rushlight.assistant.models import remote_tokens

        assert model.remote is not None
        if not self.settings.flag("engine.allow_remote"):
            raise Error(
                f"{model.id} runs on another machine ({model.remote.url}), and remote models are off: what is written "
                "to them leaves this machine.",
                hint="If you want that: rushlight settings set engine.allow_remote true",
                kind="remote-off",
            )
        token = remote_tokens.find(self.paths, model.id)
        place = Place(model.remote.url, model.remote.model, token)
        return RemoteEngine(place, wait_s=self.settings.number("engine.remote_wait_s"))

    def fit(self, model: "Model | str" = "", *, options: AskOptions | None = None) -> "Fit":
        """What loading the model under these settings needs, worked out from its file; nothing is loaded."""
        from rushlight.assistant.models.fit import estimate
        from rushlight.quant.gguf_check import check

        found = self.model(model) if isinstance(model, str) else model
        if found.is_remote:
            raise Error(f"{found.id} runs on another machine; it needs no memory here.", kind="remote-model")
        load = self.load_settings(found, options)
        parts = [check(file.path) for file in found.files] or [check(found.path)]
        return estimate(
            parts,
            n_ctx=load.n_ctx,
            kv_type=load.kv_type,
            n_gpu_layers=load.n_gpu_layers,
            n_batch=load.n_batch,
            flash_attention=load.flash_attention,
        )

    def load_settings(
        self, model: "Model", options: AskOptions | None = None, *, embeddings: bool = False
    ) -> LoadSettings:
        """How `model` is opened under the settings, changed by the options of this call."""
        settings = self.settings_for(model, options)
        wanted = settings.number("engine.context")
        trained = model.n_ctx_train
        if model.remote is not None:  # nothing is loaded; how much it holds is for its machine to say
            return LoadSettings(path=str(model.path), n_ctx=trained, n_slots=settings.number("engine.slots"))
        return LoadSettings(
            path=str(Path(model.path).absolute()),
            n_ctx=min(wanted, trained) if wanted and trained else wanted or trained,
            n_batch=settings.number("engine.batch"),
            n_gpu_layers=settings.number("engine.gpu_layers"),
            n_threads=settings.number("engine.threads"),
            kv_type=settings.text("engine.kv_type"),
            flash_attention=settings.text("engine.flash_attention"),
            embeddings=embeddings,
            n_slots=settings.number("engine.slots"),
            kv_ram_bytes=settings.number("engine.kv_ram_mib") * 1024 * 1024,
            kv_folder=str((self.paths.cache / "kv").absolute()),
            kv_disk_bytes=settings.number("engine.kv_disk_mib") * 1024 * 1024,
            ngram_path="" if embeddings else str(self._ngram_file(model)),
            ngram_tokens=0 if embeddings else settings.number("engine.ngram_tokens"),
            draft_path="" if embeddings else self._draft_path(settings.text("engine.draft_model"), model),
        )

    def _ngram_file(self, model: "Model") -> Path:
        import hashlib

        name = hashlib.sha256(str(model.path).encode()).hexdigest()[:32]
        return (self.paths.cache / "ngrams" / f"{name}.bin").absolute()

    def _draft_path(self, name: str, model: "Model") -> str:
        """The file of the model that guesses ahead; "" = none. A model does not guess for itself."""
        draft = self.catalogue.find(name) if name else None
        return "" if draft is None or draft.path == model.path else str(Path(draft.path).absolute())

    def request(
        self,
        messages: str | Sequence[Message],
        model: "Model",
        *,
        system: str | None = None,
        options: AskOptions | None = None,
        seed: int | None = None,
        max_tokens: int | None = None,
        grammar: Grammar | None = None,
        stop_strings: Sequence[str] = (),
        logprobs: int = -1,
        lora: Sequence[LoraUse] = (),
    ) -> GenerateRequest:
        """What the engine is asked. Sampler: the explicit options over the model card's over greedy.

        `system` None is the setting chat.system_prompt, unless the messages begin with a system message already;
        "" is none. `seed` is used where neither option nor card has one.
        """
        if lora:
            from rushlight.quant.proof_file import refuse_failed

            for use in lora:
                refuse_failed(Path(use.path))
        turns = (Message("user", messages),) if isinstance(messages, str) else tuple(messages)
        if system is None and not (turns and turns[0].role in ("system", "developer")):
            system = self.settings.text("chat.system_prompt")
        if system:
            turns = (Message("system", system), *turns)
        options = options or AskOptions()
        base: Mapping[str, Any] = {} if seed is None else {"seed": seed}
        request = GenerateRequest(
            messages=turns,
            sampling=sampling_from(base, model.sampling, options.sampling),
            grammar=grammar,
            stop=tuple(stop_strings),
            logprobs=logprobs,
            lora=tuple(lora),
        )
        if max_tokens is None:
            max_tokens = options.max_tokens
        if max_tokens is not None:
            request = replace(request, max_tokens=max_tokens)
        if options.reasoning is not None:
            request = replace(request, reasoning=options.reasoning)
        if options.cache_prompt is not None:
            request = replace(request, cache_prompt=options.cache_prompt)
        if options.draft_tokens is not None:
            request = replace(request, draft_tokens=options.draft_tokens)
        elif options.settings.get("engine.draft_model", self.settings.text("engine.draft_model")):
            request = replace(request, draft_tokens=-1)  # where it pays
        return request

    def ask(
        self,
        messages: str | Sequence[Message],
        *,
        model: "Model | str" = "",
        system: str | None = None,
        options: AskOptions | None = None,
        seed: int | None = None,
        max_tokens: int | None = None,
        grammar: Grammar | None = None,
        stop_strings: Sequence[str] = (),
        logprobs: int = -1,
        lora: Sequence[LoraUse] = (),
        stop: Stop | None = None,
        on_progress: OnProgress = _ignore,
    ) -> Iterator[Event]:
        """The answer to a question or a conversation as a stream of events, the last one `Finished`.

        Loads the model if nobody has; `on_progress` hears how that goes. What cannot be done raises `Error`.
        """
        stop = stop or Stop()
        found = self.model(model) if isinstance(model, str) else model
        request = self.request(
            messages,
            found,
            system=system,
            options=options,
            seed=seed,
            max_tokens=max_tokens,
            grammar=grammar,
            stop_strings=stop_strings,
            logprobs=logprobs,
            lora=lora,
        )
        is_known = self.load_settings(found, options) in self._engines
        said_anything = is_second = False
        while True:
            engine = self.engine(found, options=options, stop=stop, on_progress=on_progress)
            try:
                for event in engine.generate(request, stop):
                    said_anything = True
                    yield event
                return
            except Error as err:
                # The worker may be gone: the next question opens a new one, which costs little where it is not.
                self.forget(engine)
                is_worth_it = is_known or err.kind == "unloaded"  # also between loading it and asking
                if err.kind not in GONE_SINCE or said_anything or not is_worth_it or is_second:
                    raise
                is_second = True  # it was loaded earlier and ended meanwhile, as when idle: once more

    def forget(self, engine: "Engine") -> None:
        """Close an engine that has ended; the next call of `engine` opens another."""
        for load in [load for load, known in self._engines.items() if known is engine]:
            del self._engines[load]
        _close(engine)


def _close(engine: "Engine") -> None:
    """Engines of the host have a socket to close, fakes have nothing."""
    close = getattr(engine, "close", None)
    if close is not None:
        close()
