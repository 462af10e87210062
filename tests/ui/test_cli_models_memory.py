"""`rushlight models load`, `unload`, `ps` and `set`: plans, what is loaded, and what holds for one model."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from rushlight.ui.cli.memory_views import memory_text


def test_a_plan_loads_nothing(rushlight: Any, tiny_model: Any, stopped_host: None) -> None:
    done = rushlight("models", "load", "tiny", "--plan", "-o", "context", "512")
    assert done.returncode == 0, done.stderr
    assert re.match(r"local/Tiny-Llama@F32 fits: \d+ MiB of memory \(0 MiB weights, .* for 512 tokens", done.stdout)
    assert "Up to 512 MiB more for resting conversations." in done.stdout
    assert json.loads(rushlight("models", "ps", "--json").stdout) == []
    refused = rushlight("models", "load", "tiny", "--plan", "--json", env={"RUSHLIGHT_MEMORY_BUDGET_MIB": "10"})
    assert refused.returncode == 1
    plan = json.loads(refused.stdout)
    assert plan["state"] == "does-not-fit" and plan["budget_bytes"] == 10 * 1024 * 1024
    assert "memory.budget_mib" in plan["hint"] and "10 MiB are free" in plan["message"]


def test_load_ps_unload(rushlight: Any, tiny_model: Any, stopped_host: None) -> None:
    assert rushlight("models", "set", "tiny", "context=512", "keep_alive_s=1000", "temperature=0.5").returncode == 0
    done = rushlight("models", "load", "tiny", "--keep-alive", "2000")
    assert (done.returncode, done.stdout) == (0, "local/Tiny-Llama@F32 is loaded (512 tokens of context, processor).\n")
    (one,) = json.loads(rushlight("models", "ps", "--json").stdout)
    assert (one["id"], one["context"], one["runs_on"]) == ("local/Tiny-Llama@F32", 512, "CPU")
    assert one["keep_alive_s"] == 2000 and 1900 < one["expires_s"] <= 2000 and one["memory_bytes"] > 1_000_000
    assert rushlight("ask", "-m", "tiny", "--max-tokens", "8", "Hello").returncode == 0
    (one,) = json.loads(rushlight("models", "ps", "--json").stdout)
    assert one["tokens_per_s"] > 0 and one["keep_alive_s"] == 1000, "the last who asked says how long"
    table = rushlight("models", "ps").stdout.splitlines()
    assert table[0].split() == ["MODEL", "MEMORY", "CONTEXT", "RUNS", "ON", "USERS", "TOKENS/S", "IDLE", "EXPIRES"]
    assert "local/Tiny-Llama@F32" in table[1] and "processor" in table[1] and "in 16 min" in table[1]
    assert rushlight("models", "unload", "tiny").stdout == "1 model was unloaded.\n"
    assert rushlight("models", "unload", "tiny").stdout == "tiny is not loaded.\n"
    assert json.loads(rushlight("models", "unload", "--all", "--json").stdout) == {"unloaded": 0}
    assert rushlight("models", "ps").stdout == "No model is loaded.\n"


def test_set_shows_changes_and_takes_back(rushlight: Any, tiny_model: Any) -> None:
    found = json.loads(rushlight("models", "set", "tiny", "kv-type=q8_0", "top_k=40", "--json").stdout)
    assert (found["load"], found["sampling"]) == ({"kv_type": "q8_0"}, {"top_k": 40})
    found = json.loads(rushlight("models", "set", "tiny", "kv_type=", "top_k=", "--json").stdout)
    assert (found["load"], found["sampling"]) == ({}, {})
    for words, said in (("cntext=5", "context"), ("kv_type=q9", "q8_0"), ("context=-5", "0 to 16777216")):
        done = rushlight("models", "set", "tiny", words)
        assert done.returncode == 1 and said in done.stderr
    assert rushlight("models", "set", "tiny", "nonsense").returncode == 2
    assert "temperature" in rushlight("models", "set", "--help").stdout


@pytest.mark.parametrize(("size", "shown"), [(0, "0 MiB"), (235 * 2**20, "235 MiB"), (int(9.1 * 2**30), "9.1 GiB")])
def test_memory_is_shown_in_the_units_of_the_settings(size: int, shown: str) -> None:
    assert memory_text(size) == shown


def test_hostile_file_names_do_not_reach_the_terminal(rushlight: Any, tmp_path: Path, gguf_builder: Any) -> None:
    path = gguf_builder.tiny_llama_gguf(tmp_path / "\x1b[2Jevil.gguf")
    assert rushlight("models", "import", "--in-place", "--id", "evil", str(path)).returncode == 0
    done = rushlight("models", "load", "evil", "--plan", env={"RUSHLIGHT_MEMORY_BUDGET_MIB": "10"})
    assert "\x1b" not in done.stdout + done.stderr and "evil" in done.stdout
