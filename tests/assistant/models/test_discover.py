"""Other programs' models are found as they name them; hostile folders and manifests lead nowhere."""

import json
import os
import time
from pathlib import Path

import pytest

from rushlight import Error
from rushlight.assistant.models.discover import Found, Place, find_models, find_reference, known_places

GGUF = b"GGUF" + bytes(60)


def put(path: Path, content: bytes = GGUF) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def ollama_model(folder: Path, name: str, digest: str = "a" * 64, content: bytes = GGUF) -> None:
    put(folder / "blobs" / f"sha256-{digest}", content)
    manifest = {
        "layers": [
            {"mediaType": "application/vnd.ollama.image.license", "digest": "sha256:" + "f" * 64},
            {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digest}"},
        ]
    }
    put(folder / "manifests" / name, json.dumps(manifest).encode())


def names(*places: Place) -> list[str]:
    return [model.reference for model in find_models(places)]


def test_every_programs_layout(tmp_path: Path) -> None:
    put(tmp_path / "lms/lmstudio-community/Qwen/Qwen-Q4_K_M.gguf")
    put(tmp_path / "lms/lmstudio-community/Qwen/mmproj-Qwen.gguf")
    ollama_model(tmp_path / "ollama", "registry.ollama.ai/library/llama3/8b")
    ollama_model(tmp_path / "ollama", "registry.ollama.ai/someone/tiny/latest", "b" * 64)
    ollama_model(tmp_path / "ollama", "hf.co/bartowski/Phi/Q4", "c" * 64)
    put(tmp_path / "jan/llama/model.gguf")
    blob = put(tmp_path / "hub/models--org--repo/blobs/1234")
    snapshot = tmp_path / "hub/models--org--repo/snapshots/rev/sub"
    snapshot.mkdir(parents=True)
    (snapshot / "x.gguf").symlink_to(blob)
    put(tmp_path / "gpt4all/Nous.Q4_0.gguf")
    apps = {"lmstudio": "lms", "ollama": "ollama", "jan": "jan", "huggingface": "hub", "gpt4all": "gpt4all"}
    found = names(*(Place(app, tmp_path / folder) for app, folder in apps.items()))
    assert found == [
        "gpt4all:Nous.Q4_0",
        "huggingface:org/repo/sub/x",
        "jan:llama/model",
        "lmstudio:lmstudio-community/Qwen/Qwen-Q4_K_M",
        "ollama:hf.co/bartowski/Phi:Q4",
        "ollama:llama3:8b",
        "ollama:someone/tiny:latest",
    ]


def test_the_places_of_this_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "OLLAMA_MODELS", "HF_HOME", "HF_HUB_CACHE", "LLAMA_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    put(tmp_path / ".lmstudio/models/a/b/c.gguf")
    put(tmp_path / "mine/d.gguf")
    put(tmp_path / "hf/hub/models--o--r/snapshots/1/e.gguf")
    put(tmp_path / ".local/share/nomic.ai/GPT4All/f.gguf")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    places = known_places(f"{tmp_path / 'mine'}{os.pathsep} {os.pathsep}~/nowhere")
    found = [name for name in names(*places) if not name.startswith("ollama")]
    assert found == ["folder:d", "gpt4all:f", "huggingface:o/r/e", "lmstudio:a/b/c"]


def test_parts_are_one_model_and_incomplete_ones_say_so(tmp_path: Path) -> None:
    for part in (1, 2, 3):
        put(tmp_path / f"m/big-0000{part}-of-00003.gguf")
    put(tmp_path / "m/half-00001-of-00002.gguf")
    put(tmp_path / "m/tail-00002-of-00002.gguf")
    big, half = find_models([Place("folder", tmp_path)])
    assert (big.name, big.n_parts, big.complete, big.size_bytes) == ("m/big", 3, True, 3 * 64)
    assert (half.name, half.complete) == ("m/half", False)
    assert big.path.name == "big-00001-of-00003.gguf"


def test_files_that_only_pretend_are_left_out(tmp_path: Path) -> None:
    put(tmp_path / "zip.gguf", b"PK\x03\x04")
    put(tmp_path / "empty.gguf", b"")
    (tmp_path / "folder.gguf").mkdir()
    os.mkfifo(tmp_path / "pipe.gguf")
    (tmp_path / "dangling.gguf").symlink_to(tmp_path / "nothing")
    assert names(Place("folder", tmp_path)) == []


def test_circles_and_depth_end(tmp_path: Path) -> None:
    put(tmp_path / "a/real.gguf")
    (tmp_path / "a/up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "a/self").symlink_to(tmp_path / "a", target_is_directory=True)
    (tmp_path / "a/loop").symlink_to(tmp_path / "a/loop")
    put(tmp_path.joinpath(*"0123456789", "deep.gguf"))
    begun = time.monotonic()
    assert names(Place("folder", tmp_path)) == ["folder:a/real"]
    assert time.monotonic() - begun < 5


def test_a_file_that_two_places_hold_is_listed_once(tmp_path: Path) -> None:
    put(tmp_path / "a/x.gguf")
    assert names(Place("lmstudio", tmp_path / "a"), Place("folder", tmp_path)) == ["lmstudio:x"]
    assert names(Place("lmstudio", tmp_path / "missing")) == []


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b"\xff\xfe",
        b'{"layers": 3}',
        b'{"layers": [3]}',
        b'{"layers": [{"mediaType": 1}]}',
        b'{"layers": [{"mediaType": "application/vnd.ollama.image.model"}]}',
        b'{"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": 7}]}',
        b'{"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:../../../../etc/passwd"}]}',
        b'{"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:' + b"a" * 63 + b'/"}]}',
        b"[" * 200_000,
        b'{"layers": [' + b"[" * 5000,
    ],
)
def test_hostile_manifests_name_nothing(tmp_path: Path, manifest: bytes) -> None:
    put(tmp_path / "secret.gguf")
    put(tmp_path / "ollama/manifests/registry.ollama.ai/library/evil/1", manifest)
    assert names(Place("ollama", tmp_path / "ollama")) == []


def test_a_huge_manifest_is_not_read(tmp_path: Path) -> None:
    ollama_model(tmp_path, "registry.ollama.ai/library/good/1")
    path = put(tmp_path / "manifests/registry.ollama.ai/library/huge/1", b"")
    with path.open("wb") as file:
        file.truncate(1 << 40)
    assert names(Place("ollama", tmp_path)) == ["ollama:good:1"]


def test_references(tmp_path: Path) -> None:
    ollama_model(tmp_path / "o", "registry.ollama.ai/library/llama3/8b")
    put(tmp_path / "f/same.gguf")
    put(tmp_path / "g/same.gguf")
    places = [Place("ollama", tmp_path / "o"), Place("folder", tmp_path / "f"), Place("jan", tmp_path / "g")]
    assert find_reference(places, "ollama:llama3:8b") == find_reference(places, "llama3:8b")
    assert isinstance(find_reference(places, "jan:same"), Found)
    with pytest.raises(Error) as caught:
        find_reference(places, "same")
    assert caught.value.kind == "model-ambiguous"
    with pytest.raises(Error) as caught:
        find_reference(places, "ollama:lama3:8b")
    assert "ollama:llama3:8b" in caught.value.hint
