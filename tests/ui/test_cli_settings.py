"""`rushlight settings`: what is shown, what is written, and where it came from."""

import json
from pathlib import Path
from typing import Any

from rushlight.assistant.settings import SETTINGS


def test_list_shows_every_setting_with_its_source(rushlight: Any, own_home: Path) -> None:
    (own_home / "settings.toml").write_text('[chat]\nsystem_prompt = "Hi\\u001b[31m\\nthere"\n')
    done = rushlight("settings", "list", env={"RUSHLIGHT_ENGINE_CONTEXT": "2048"})
    assert (done.returncode, done.stderr) == (0, "")
    rows = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert set(rows) == {"NAME", *SETTINGS}
    assert rows["engine.context"].split() == ["engine.context", "2048", "RUSHLIGHT_ENGINE_CONTEXT"]
    assert rows["engine.batch"].endswith("default")
    assert rows["chat.system_prompt"].endswith("settings.toml line 2")
    assert "\x1b" not in done.stdout


def test_json_has_values_sources_and_limits(rushlight: Any) -> None:
    listed = json.loads(rushlight("settings", "list", "--json", env={"RUSHLIGHT_ENGINE_CONTEXT": "2048"}).stdout)
    (context,) = [one for one in listed if one["name"] == "engine.context"]
    assert context["value"] == 2048 and context["source"] == "RUSHLIGHT_ENGINE_CONTEXT" and context["default"] == 8192
    assert context["limits"] == [0, 16_777_216] and context["type"] == "number"
    shown = json.loads(rushlight("settings", "show", "engine.kv_type", "--json").stdout)
    assert shown["choices"] == ["f16", "q8_0", "q4_0"]


def test_set_show_unset_and_path(rushlight: Any, own_home: Path) -> None:
    assert rushlight("settings", "path").stdout == f"{own_home / 'settings.toml'}\n"
    assert rushlight("settings", "set", "engine.gpu_layers", "-1").stdout == "engine.gpu_layers = -1\n"
    assert rushlight("settings", "set", "engine.context", "4096").returncode == 0
    shown = rushlight("settings", "show", "engine.context").stdout
    assert shown.startswith("engine.context = 4096  (settings.toml line 3)\n") and "Default: 8192" in shown
    hidden = rushlight("settings", "set", "engine.context", "1024", env={"RUSHLIGHT_ENGINE_CONTEXT": "2"})
    assert "wins over settings.toml" in hidden.stderr
    assert rushlight("settings", "unset", "engine.context").stdout == "engine.context = 8192\n"
    assert "was not set" in rushlight("settings", "unset", "engine.context").stderr


def test_mistakes_are_errors_with_the_nearest_name(rushlight: Any) -> None:
    done = rushlight("settings", "show", "engine.contxt")
    assert (done.returncode, done.stdout) == (1, "") and "Did you mean engine.context?" in done.stderr
    done = rushlight("settings", "set", "engine.context", "lots")
    assert done.returncode == 1 and "a whole number from 0 to 16777216" in done.stderr
    done = rushlight("settings", "show", "nothing", "--json")
    assert done.returncode == 1 and json.loads(done.stdout)["error"]["kind"] == "unknown-setting"


def test_a_broken_file_is_shown_as_far_as_it_goes(rushlight: Any, own_home: Path) -> None:
    (own_home / "settings.toml").write_text("[engine]\nbatch = 64\ncontext = 'x'\n")
    done = rushlight("settings", "list")
    assert done.returncode == 1 and "settings.toml line 3" in done.stderr
    assert any(line.split()[:2] == ["engine.batch", "64"] for line in done.stdout.splitlines())
    assert rushlight("settings", "set", "engine.context", "64").returncode == 0, "mends what it complains of"
    assert rushlight("settings", "list").returncode == 0
