"""Where settings come from, what is said about wrong ones, and that nobody's file is damaged."""

import os
import threading
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from rushlight import Error
from rushlight.assistant.paths import Paths, find_paths
from rushlight.assistant.settings import SETTINGS, find_setting, load_settings, read_settings
from rushlight.assistant.settings_file import set_setting, unset_setting


@pytest.fixture
def paths(own_home: Path) -> Paths:
    return find_paths()


def write(paths: Paths, text: str) -> None:
    paths.settings.write_text(text, encoding="utf-8")


def test_defaults_and_their_types(paths: Paths) -> None:
    settings = load_settings(paths)
    assert settings.text("chat.system_prompt") == "You are a helpful assistant."
    assert settings.number("engine.context") == 8192
    assert settings.source("engine.context") == "default"
    assert not paths.settings.exists()
    for setting in SETTINGS.values():
        assert setting.accept(setting.default) == setting.default
        assert setting.help.endswith(".") and setting.expects


def test_each_source_wins_over_the_one_before(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    write(paths, "# mine\n[engine]\ncontext = 1024\nbatch = 64\nthreads = 3\n")
    monkeypatch.setenv("RUSHLIGHT_ENGINE_CONTEXT", "2048")
    monkeypatch.setenv("RUSHLIGHT_ENGINE_BATCH", "65")
    settings = load_settings(paths, {"engine.context": "4096"})
    assert (settings.number("engine.context"), settings.source("engine.context")) == (4096, "option")
    assert (settings.number("engine.batch"), settings.source("engine.batch")) == (65, "RUSHLIGHT_ENGINE_BATCH")
    assert (settings.number("engine.threads"), settings.source("engine.threads")) == (3, "settings.toml line 5")
    changed = settings.changed({"engine.threads": 2})
    assert (changed.number("engine.threads"), changed.source("engine.threads")) == (2, "option")
    assert changed.number("engine.batch") == 65 and settings.number("engine.threads") == 3


def test_all_problems_are_reported_at_once(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    write(paths, '[engine]\ncontext = "many"\nbach = 3\nkv_type = "q9"\n\n[other]\nx = 1\n')
    monkeypatch.setenv("RUSHLIGHT_ENGINE_THREDS", "2")
    monkeypatch.setenv("RUSHLIGHT_ENGINE_QUEUE", "-5")
    with pytest.raises(Error) as caught:
        load_settings(paths, {"engine.gpu_layer": 3})
    message = caught.value.message
    assert caught.value.kind == "bad-settings"
    assert f"{paths.settings} line 2: engine.context must be a whole number from 0" in message
    assert "line 3: there is no setting named 'engine.bach'. Did you mean engine.batch?" in message
    assert "line 4: engine.kv_type must be one of f16, q8_0, q4_0, not 'q9'" in message
    assert "'other.x'" in message
    assert "RUSHLIGHT_ENGINE_THREDS sets nothing. Did you mean RUSHLIGHT_ENGINE_THREADS?" in message
    assert "RUSHLIGHT_ENGINE_QUEUE: engine.queue must be" in message
    assert "Did you mean engine.gpu_layers?" in message


@pytest.mark.parametrize(
    ("content", "line"),
    [(b"[engine]\ncontext = = 3\n", 2), (b"[engine]\ncontext = 1\ncontext = 2\n", 3), (b"[engine]\n\xff\xfe = 1\n", 2),
     (b"[engine\n", 1), (b'a = """\nendless\n', 3)],
)  # fmt: skip
def test_a_broken_file_is_named_with_its_line_and_left_alone(paths: Paths, content: bytes, line: int) -> None:
    paths.settings.write_bytes(content)
    with pytest.raises(Error) as caught:
        load_settings(paths)
    assert f"{paths.settings} line {line}" in caught.value.message
    settings, problems = read_settings(paths)  # faces that must start in any case
    assert len(problems) == 1 and settings.number("engine.context") == 8192
    for change in (lambda: set_setting(paths, "engine.batch", "64"), lambda: unset_setting(paths, "engine.batch")):
        with pytest.raises(Error, match=f"line {line}"):
            change()
    assert paths.settings.read_bytes() == content


@given(st.binary(max_size=200))
@hypothesis_settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_file_content_escapes_as_a_bug(content: bytes) -> None:
    paths = find_paths()
    paths.settings.write_bytes(content)
    read_settings(paths)
    try:
        set_setting(paths, "engine.batch", 64)
    except Error:
        assert paths.settings.read_bytes() == content
    else:
        assert tomllib.loads(paths.settings.read_text(encoding="utf-8").removeprefix("\ufeff"))["engine"]["batch"] == 64


def test_a_folder_in_place_of_the_file(paths: Paths) -> None:
    paths.settings.mkdir()
    assert len(read_settings(paths)[1]) == 1
    with pytest.raises(Error, match=r"settings\.toml"):
        set_setting(paths, "engine.batch", 64)


MINE = """# My settings. Do not touch!

[engine]          # the engine
context = 4096    # for the laptop
future_thing = [1,
  2, 3]           # of a newer version
kv_type = 'f16'

[unknown.deep]
text = \"\"\"
[engine]
context = 1
\"\"\"
"""


def test_a_change_keeps_comments_and_unknown_lines(paths: Paths) -> None:
    write(paths, MINE)
    set_setting(paths, "engine.context", "2048")
    assert paths.settings.read_text() == MINE.replace("context = 4096 ", "context = 2048 ")
    set_setting(paths, "engine.context", "4096")
    set_setting(paths, "engine.batch", 64)
    assert paths.settings.read_text() == MINE.replace("kv_type = 'f16'\n", "kv_type = 'f16'\nbatch = 64\n")
    assert unset_setting(paths, "engine.batch")
    assert paths.settings.read_text() == MINE
    set_setting(paths, "host.idle_s", 5)
    assert paths.settings.read_text() == MINE + "\n[host]\nidle_s = 5\n"
    assert unset_setting(paths, "engine.future_thing")
    assert "2, 3]" not in paths.settings.read_text()
    assert "# My settings" in paths.settings.read_text()


@pytest.mark.parametrize(
    "before",
    ["", "engine.threads = 3\n", "engine.threads = 3", "[engine]", "[engine]\r\nthreads = 3\r\n",
     "\ufeff[engine]\nbatch = 3\n", "[ \"engine\" ]\n\"batch\" = 3 # c\n", "[[list]]\nbatch = 1\n[engine]\n",
     "[engine]\nbatch = \"\"\"x\ny\"\"\"\n",
     "[engine.sub]\nx = 1\n"],
)  # fmt: skip
def test_setting_works_in_every_way_of_writing(paths: Paths, before: str) -> None:
    paths.settings.write_bytes(before.encode())
    set_setting(paths, "engine.batch", 64)
    after = paths.settings.read_bytes().decode()
    assert tomllib.loads(after.removeprefix("\ufeff"))["engine"]["batch"] == 64
    assert ("\r\n" in after) == ("\r\n" in before)
    assert unset_setting(paths, "engine.batch")
    assert not unset_setting(paths, "engine.batch")


def test_what_cannot_be_edited_safely_is_refused(paths: Paths) -> None:
    write(paths, "engine = { batch = 3 }\n")
    with pytest.raises(Error, match="cannot be changed safely"):
        set_setting(paths, "engine.batch", 64)
    assert paths.settings.read_text() == "engine = { batch = 3 }\n"


def test_set_refuses_wrong_names_and_values(paths: Paths) -> None:
    with pytest.raises(Error) as caught:
        set_setting(paths, "engine.contxt", 1)
    assert "engine.context" in caught.value.hint and caught.value.kind == "unknown-setting"
    with pytest.raises(Error) as caught:
        find_setting("context")
    assert "engine.context" in caught.value.hint
    for name, value in (
        ("engine.context", "-1"),
        ("engine.context", "1e3"),
        ("engine.context", True),
        ("engine.kv_type", "q9"),
        ("download.endpoint", "ftp://x"),
        ("chat.model", "a\0b"),
        ("chat.model", "\udcff"),
        ("chat.system_prompt", "x" * 100_000),
    ):
        with pytest.raises(Error, match=name):
            set_setting(paths, name, value)
    assert not paths.settings.exists()
    with pytest.raises(Error, match="no setting named"):
        unset_setting(paths, "engine.nothing")


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200))
@hypothesis_settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_text_comes_back(text: str) -> None:
    paths = find_paths()
    set_setting(paths, "chat.system_prompt", text)
    assert load_settings(paths).text("chat.system_prompt") == text


def test_the_file_is_private_and_links_and_modes_stay(paths: Paths, tmp_path: Path) -> None:
    set_setting(paths, "engine.batch", 64)
    assert paths.settings.stat().st_mode & 0o777 == 0o600
    target = tmp_path / "dotfiles.toml"
    target.write_text("# elsewhere\n")
    target.chmod(0o640)
    paths.settings.unlink()
    paths.settings.symlink_to(target)
    set_setting(paths, "engine.batch", 65)
    assert paths.settings.is_symlink() and target.read_text().startswith("# elsewhere\n")
    assert target.stat().st_mode & 0o777 == 0o640


def test_changes_at_the_same_time_are_all_kept(paths: Paths) -> None:
    names = [("engine.batch", 64), ("engine.threads", 2), ("engine.queue", 3), ("host.idle_s", 4),
             ("engine.context", 5), ("memory.reserve_mib", 6)]  # fmt: skip
    threads = [threading.Thread(target=set_setting, args=(paths, *pair)) for pair in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    settings = load_settings(paths)
    assert [settings.number(name) for name, _ in names] == [value for _, value in names]


def test_a_failed_write_leaves_the_old_file(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    set_setting(paths, "engine.batch", 64)
    before = paths.settings.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Error, match="No space left"):
        set_setting(paths, "engine.batch", 65)
    assert paths.settings.read_bytes() == before
    assert [file.name for file in paths.data.iterdir() if "settings" in file.name] == ["settings.toml"]
