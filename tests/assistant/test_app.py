"""The composition root: settings, model card and options become the right load and the right request."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error, Progress, Stop
from rushlight.assistant.app import App, open_app
from rushlight.assistant.ask_options import AskOptions, option_names, parse_options, sampling_from
from rushlight.assistant.engine.engine import FakeEngine
from rushlight.assistant.engine.request import LoadSettings, Message, Sampling
from rushlight.assistant.events import Finished, TextDelta
from rushlight.assistant.models.importing import import_model
from rushlight.assistant.models.model import Model
from rushlight.assistant.paths import find_paths
from rushlight.assistant.settings import load_settings


class Opener:
    """Opens fakes and remembers what for."""

    def __init__(self, *scripts: Any) -> None:
        self.loads: list[LoadSettings] = []
        self.engines: list[Any] = []
        self._scripts = iter(scripts)

    def __call__(self, load: LoadSettings, stop: Stop, on_progress: Any) -> Any:
        on_progress(Progress("Loading", 1, 2))
        self.loads.append(load)
        self.engines.append(next(self._scripts, None) or FakeEngine(["Hello"]))
        return self.engines[-1]


class Dying:
    """An engine whose worker dies in the middle of its answer."""

    closed = False

    def generate(self, request: Any, stop: Stop) -> Iterator[Any]:
        yield TextDelta("half")
        raise Error("The worker died.", kind="worker-died")

    def close(self) -> None:
        self.closed = True


class Unloaded:
    """An engine that answers once and is unloaded before the second question."""

    def __init__(self) -> None:
        self.answers = 0

    def generate(self, request: Any, stop: Stop) -> Iterator[Any]:
        self.answers += 1
        if self.answers > 1:
            raise Error("The model was unloaded.", kind="unloaded")
        yield TextDelta("first")
        yield Finished("stop")


@pytest.fixture
def model(own_home: Path, tiny_gguf: Path) -> Model:
    with open_app() as app:
        return import_model(app.catalogue, tiny_gguf, how="in-place").model


def fake_app(opener: Opener, **overrides: Any) -> App:
    paths = find_paths()
    return App(paths, load_settings(paths, {k.replace("__", "."): v for k, v in overrides.items()}), open_engine=opener)


def test_an_answer_and_one_engine_for_equal_loads(model: Model) -> None:
    opener, seen = Opener(), []
    with fake_app(opener) as app:
        events = list(app.ask("Hi", on_progress=seen.append))
        list(app.ask("Again", model=model.id))
        list(app.ask("Other", options=parse_options([("context", "64")])))
    assert events[0] == TextDelta("Hello") and events[-1] == Finished("stop")
    assert seen == [Progress("Loading", 1, 2)]
    assert [load.n_ctx for load in opener.loads] == [min(8192, model.n_ctx_train), 64]
    assert opener.loads[0].path == str(model.path) and not opener.loads[0].embeddings
    assert [len(engine.requests) for engine in opener.engines] == [2, 1]


@pytest.mark.parametrize(("setting", "expected"), [(0, "trained"), (64, 64), (16_777_216, "trained")])
def test_the_context_is_the_setting_up_to_the_models_own(model: Model, setting: int, expected: Any) -> None:
    with fake_app(Opener(), engine__context=setting) as app:
        assert app.load_settings(model).n_ctx == (model.n_ctx_train if expected == "trained" else expected)


def test_settings_reach_the_load(model: Model) -> None:
    with fake_app(Opener(), engine__kv_type="q8_0", engine__gpu_layers=3, engine__threads=2, engine__batch=64) as app:
        load = app.load_settings(model, parse_options([("kv_type", "q4_0")]), embeddings=True)
    assert (load.kv_type, load.n_gpu_layers, load.n_threads, load.n_batch, load.embeddings) == ("q4_0", 3, 2, 64, True)


def test_who_may_set_the_system_prompt(model: Model) -> None:
    with fake_app(Opener(), chat__system_prompt="S") as app:

        def roles(*args: Any, **more: Any) -> list[tuple[str, str]]:
            return [(m.role, m.content) for m in app.request(*args, model, **more).messages]

        own = [Message("system", "own"), Message("user", "x")]
        assert roles("x") == [("system", "S"), ("user", "x")]
        assert roles("x", system="T") == [("system", "T"), ("user", "x")]
        assert roles("x", system="") == [("user", "x")]
        assert roles(own) == [("system", "own"), ("user", "x")]


def test_a_dead_engine_is_opened_anew(model: Model) -> None:
    dying = Dying()
    opener = Opener(dying)
    with fake_app(opener) as app:
        with pytest.raises(Error, match="worker died"):
            list(app.ask("x"))
        assert dying.closed
        assert next(iter(app.ask("x"))) == TextDelta("Hello")
    assert len(opener.loads) == 2


def test_a_model_that_was_unloaded_meanwhile_is_loaded_again_by_itself(model: Model) -> None:
    opener = Opener(Unloaded(), FakeEngine(["second"]))
    with fake_app(opener) as app:
        assert TextDelta("first") in list(app.ask("One"))
        assert TextDelta("second") in list(app.ask("Two"))
    assert len(opener.loads) == 2


def test_an_engine_that_is_gone_at_once_is_not_tried_for_ever(model: Model) -> None:
    engines = [Unloaded(), Unloaded(), Unloaded()]
    for engine in engines:
        engine.answers = 1
    opener = Opener(*engines)
    with fake_app(opener) as app, pytest.raises(Error) as caught:
        list(app.ask("One"))
    assert caught.value.kind == "unloaded" and len(opener.loads) == 2, "another model may have needed the room"


def test_a_file_that_changed_is_refused_before_anybody_loads_it(model: Model, own_home: Path) -> None:
    copy = own_home / "copy.gguf"
    copy.write_bytes(model.path.read_bytes() + b"")
    opener = Opener()
    with fake_app(opener) as app:
        app.catalogue.remove(model.id)
        found = import_model(app.catalogue, copy, how="in-place").model
        copy.write_bytes(copy.read_bytes()[:-1])
        with pytest.raises(Error) as caught:
            list(app.ask("x", model=found))
    assert caught.value.kind == "model-truncated" and opener.loads == []


def test_which_model_answers(model: Model) -> None:
    with fake_app(Opener(), chat__model="nobody") as app, pytest.raises(Error) as caught:
        app.model()
    assert caught.value.kind == "model-not-found"
    with fake_app(Opener()) as app:
        assert app.model() == app.model(model.id) == app.models[0]
        fit = app.fit()
    assert fit.total_bytes > 0 and fit.n_ctx == min(8192, model.n_ctx_train)


def test_bad_settings_are_one_error(own_home: Path) -> None:
    with pytest.raises(Error) as caught:
        open_app(overrides={"engine.context": -1, "engine.batch": "x"})
    assert caught.value.kind == "bad-settings" and "2 problems" in caught.value.message


def test_in_process_host_answers_and_ends(model: Model) -> None:
    """A real worker and a real model of random weights: what it says is noise, how it says it is not."""
    with open_app(host="in-process") as app:
        events = list(app.ask("Hello", max_tokens=3))
        assert isinstance(events[-1], Finished)
        assert [one.load.path for one in app.host.status().engines] == [str(model.path)]
    assert not find_paths().host_record.exists()


def test_every_sampler_field_is_an_option() -> None:
    samples = {
        "temperature_exponent": "2",
        "top_p": "0.5",
        "typical_p": "0.5",
        "repeat_penalty": "2",
        "min_keep": "2",
        "dry_allowed_length": "3",
        "dry_sequence_breakers": '["a", "b"]',
        "logit_bias": '{"1": "-inf"}',
    }
    for name in option_names():
        if not hasattr(Sampling(), name):
            continue
        options = parse_options([(name, samples.get(name, "1"))])
        assert getattr(sampling_from(options.sampling), name) != getattr(Sampling(), name), name


def test_layers_of_the_sampler() -> None:
    card = {"temperature": 0.6, "top_k": 20.0}
    sampling = sampling_from({"seed": 1}, card, {"top_k": 5})
    assert (sampling.seed, sampling.temperature, sampling.top_k) == (1, 0.6, 5)
    assert isinstance(sampling.top_k, int)
    with pytest.raises(Error, match="temperature"):
        sampling_from({"temprature": 1})
    with pytest.raises(Error, match="top_k must be a whole number"):
        sampling_from({"top_k": 1.5})


@pytest.mark.parametrize(
    "pair",
    [("temperature", "nan"), ("temperature", "hot"), ("top_k", "1.5"), ("top_k", "9" * 5000), ("reasoning", "maybe"),
     ("cache_prompt", "perhaps"), ("logit_bias", "[1]"), ("logit_bias", '{"a": 1}'), ("logit_bias", "{"),
     ("dry_sequence_breakers", "[1]"), ("max_tokens", "-2"), ("seed", str(2**64)), ("", "1"), ("\x1b[31m", "1")],
)  # fmt: skip
def test_bad_options_are_errors(pair: tuple[str, str]) -> None:
    with pytest.raises(Error) as caught:
        parse_options([pair])
    assert caught.value.kind == "bad-option"


def test_no_options_change_nothing() -> None:
    assert parse_options([]) == AskOptions()
    assert sampling_from() == Sampling()
