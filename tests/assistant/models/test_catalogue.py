"""Models are found by every name people use, and records change all or not at all."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight import Error
from rushlight.assistant.models.catalogue import Catalogue, NewModel
from rushlight.assistant.models.importing import import_model
from rushlight.assistant.models.model import ID_PATTERN, Model, ModelFile, check_id
from rushlight.assistant.models.naming import safe_part
from rushlight.assistant.store.database import open_store

Add = Callable[..., Model]


@pytest.fixture
def add(catalogue: Catalogue, tmp_path: Path) -> Add:
    def add(model_id: str, *, purpose: str = "chat", file: str = "", template: str = "") -> Model:
        path = tmp_path / (file or f"{model_id.rsplit('/', 1)[-1]}.gguf")
        return catalogue.add(
            NewModel(
                id=model_id,
                owned=False,
                sha256=model_id,
                files=(ModelFile(path, 1, 2, model_id, "edges"),),
                architecture="llama",
                n_params=3,
                n_ctx_train=4,
                quantization="Q4_0",
                purpose=purpose,
                chat_template_sha256=template,
                license="mit",
                sampling={"temperature": 0.6, "top_k": 20},
            )
        )

    return add


@pytest.mark.parametrize(
    "name",
    [
        "org/Tiny-Llama@Q4_0",
        "ORG/tiny-llama@q4_0",
        "org/Tiny-Llama",
        "tiny-llama",
        "Tiny-Llama@Q4_0",
        "the-file.v1",
        "small",
        "SMALL",
        "tiny-l",
        "the-file",
    ],
)
def test_every_name_leads_to_the_model(catalogue: Catalogue, add: Add, name: str) -> None:
    add("org/Tiny-Llama@Q4_0", file="the-file.v1.gguf")
    add("other/unrelated@Q8_0")
    catalogue.alias("org/Tiny-Llama@Q4_0", "small")
    assert catalogue.find(name).id == "org/Tiny-Llama@Q4_0"


def test_a_name_of_two_models_is_refused_with_both(catalogue: Catalogue, add: Add) -> None:
    add("org/tiny@Q4_0")
    add("org/tiny@Q8_0")
    with pytest.raises(Error) as caught:
        catalogue.find("tiny")
    assert caught.value.kind == "model-ambiguous"
    assert "org/tiny@Q4_0" in caught.value.hint and "org/tiny@Q8_0" in caught.value.hint
    assert catalogue.find("tiny@Q8_0").id == "org/tiny@Q8_0"


def test_a_whole_name_goes_before_a_beginning(catalogue: Catalogue, add: Add) -> None:
    add("org/tiny@Q4_0", file="a.gguf")
    add("org/tiny-chat@Q4_0", file="b.gguf")
    assert catalogue.find("tiny").id == "org/tiny@Q4_0"


def test_a_wrong_name_gets_the_nearest(catalogue: Catalogue, add: Add) -> None:
    add("org/mistral-7b@Q4_0")
    with pytest.raises(Error) as caught:
        catalogue.find("mitsral-7b")
    assert caught.value.kind == "model-not-found"
    assert "mistral-7b" in caught.value.hint


def test_a_name_is_never_a_path_or_a_query(catalogue: Catalogue, add: Add, tiny_gguf: Path) -> None:
    add("org/tiny@Q4_0")
    for name in (str(tiny_gguf), "../org/tiny", "' OR 1=1 --", "%", "_", ""):
        with pytest.raises(Error) as caught:
            catalogue.find(name)
        assert caught.value.kind == "model-not-found"


def test_the_default(catalogue: Catalogue, add: Add) -> None:
    with pytest.raises(Error) as caught:
        catalogue.default()
    assert caught.value.kind == "no-model" and "models import" in caught.value.hint
    add("org/embedder@F16", purpose="embedding")
    with pytest.raises(Error) as caught:
        catalogue.default()
    assert caught.value.kind == "no-model"
    add("org/first@Q4_0")
    add("org/second@Q4_0")
    assert catalogue.default().id == "org/second@Q4_0"
    catalogue.alias("first", "default")
    assert catalogue.default().id == "org/first@Q4_0"
    catalogue.alias("second", "default")
    assert catalogue.default().aliases == ("default",)
    assert catalogue.find("first").aliases == ()


def test_aliases_are_not_stolen_and_do_not_hide_models(catalogue: Catalogue, add: Add) -> None:
    add("org/one@Q4_0")
    add("org/two@Q4_0")
    catalogue.alias("one", "a")
    catalogue.alias("one", "a")  # twice is once
    for alias, kind in (("a", "alias-taken"), ("org/one@Q4_0", "alias-taken"), ("sp ace", "bad-id"), ("-x", "bad-id")):
        with pytest.raises(Error) as caught:
            catalogue.alias("two", alias)
        assert caught.value.kind == kind
    with pytest.raises(Error) as caught:
        add("a")
    assert caught.value.kind == "id-taken"
    catalogue.remove_alias("a")
    with pytest.raises(Error) as caught:
        catalogue.remove_alias("a")
    assert caught.value.kind == "alias-not-found"
    add("a")


def test_sampler_defaults_of_the_user_go_before_the_files(catalogue: Catalogue, add: Add) -> None:
    add("org/tiny@Q4_0")
    model = catalogue.set_sampling("tiny", {"temperature": 1.0, "min_p": 0.05})
    assert model.sampling == {"temperature": 1.0, "min_p": 0.05, "top_k": 20}
    assert isinstance(model.sampling["top_k"], int)
    assert catalogue.sampling_sources(model) == {"temperature": "user", "min_p": "user", "top_k": "file"}
    assert catalogue.set_sampling("tiny", {"temperature": None}).sampling["temperature"] == pytest.approx(0.6)


def test_removal_deletes_our_file_and_empty_folders(catalogue: Catalogue, tiny_gguf: Path) -> None:
    model = import_model(catalogue, tiny_gguf, alias="t").model
    assert model.path.is_file()
    catalogue.remove("t")
    assert list(catalogue.paths.models.iterdir()) == []
    assert catalogue.list() == ()
    assert tiny_gguf.is_file()


def test_removal_leaves_a_file_in_place(catalogue: Catalogue, tiny_gguf: Path) -> None:
    model = import_model(catalogue, tiny_gguf, how="in-place").model
    assert not model.owned and model.path == tiny_gguf.resolve()
    catalogue.remove(model.id)
    assert tiny_gguf.is_file()


def test_the_data_folder_can_be_moved(catalogue: Catalogue, tiny_gguf: Path, tmp_path: Path) -> None:
    from rushlight.assistant.paths import Paths
    from rushlight.assistant.store.database import open_store

    import_model(catalogue, tiny_gguf)
    catalogue.store.close()
    moved = tmp_path / "moved"
    catalogue.paths.data.rename(moved)
    paths = Paths(data=moved, cache=moved, runtime=moved)
    again = Catalogue(open_store(paths), paths)
    assert again.default().path.is_relative_to(moved) and again.default().path.is_file()
    again.store.close()


def test_a_path_out_of_the_folder_in_the_store_is_not_followed(
    catalogue: Catalogue, tiny_gguf: Path, tmp_path: Path
) -> None:
    victim = tmp_path / "victim.gguf"
    victim.write_text("precious")
    model = import_model(catalogue, tiny_gguf).model
    catalogue.store.execute("UPDATE model_files SET path = ?", (b"../../victim.gguf",))
    with pytest.raises(Error):
        catalogue.remove(model.id)
    assert victim.read_text() == "precious"


def test_a_file_name_that_is_no_text(catalogue: Catalogue, tiny_gguf: Path, tmp_path: Path) -> None:
    import os

    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.gguf"))
    odd.write_bytes(tiny_gguf.read_bytes())
    model = import_model(catalogue, odd, how="in-place").model
    assert catalogue.find(model.id).path == odd.resolve()


@given(st.text())
def test_safe_parts_are_always_good_ids_and_file_names(text: str) -> None:
    part = safe_part(text, "fallback")
    assert ID_PATTERN.fullmatch(part)
    assert not part.startswith((".", "-")) and ".." not in part and "/" not in part and len(part) <= 80
    assert check_id(part) == part


def test_a_model_that_another_process_removes_while_it_is_listed_is_left_out(
    catalogue: Catalogue, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    add("org/stays")
    add("org/goes")
    elsewhere = Catalogue(open_store(catalogue.paths), catalogue.paths)
    rows = catalogue.store.rows

    def read_then_removed(sql: str, *bindings: object) -> object:
        found = rows(sql, *bindings)  # type: ignore[arg-type]
        if "FROM models" in sql and len(elsewhere.store.rows("SELECT 1 FROM models")) == 2:
            elsewhere.remove("org/goes")
        return found

    monkeypatch.setattr(catalogue.store, "rows", read_then_removed)
    assert [model.id for model in catalogue.list()] == ["org/stays"]
    elsewhere.store.close()
