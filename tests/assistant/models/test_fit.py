"""Memory estimates: against what llama.cpp really allocates, and its rules for every kind of attention."""

import re
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight import Error
from rushlight.assistant.models.fit import estimate, judge, largest_context, refuse_too_large
from rushlight.assistant.models.layers import read_shape
from rushlight.assistant.models.memory import Gpu, Memory, available_memory, parse_nvidia_smi
from rushlight.quant.gguf_check import check
from rushlight.quant.gguf_values import GgufFile, TensorInfo

MIB, GIB = 1 << 20, 1 << 30

# llama.cpp loads the model in a process of its own and tells its buffers' sizes in its log.
_LOAD = """
import sys
import llama_cpp.llama_cpp as L
log = L.llama_log_callback(lambda level, text, data: print(text.decode(), end=""))
L.llama_log_set(log, None)
L.llama_backend_init()
path, n_ctx, kv_type, n_batch, flash, full = sys.argv[1:]
model = L.llama_model_load_from_file(path.encode(), L.llama_model_default_params())
params = L.llama_context_default_params()
params.n_ctx, params.n_batch, params.n_ubatch, params.n_threads = int(n_ctx), int(n_batch), int(n_batch), 1
params.type_k = params.type_v = {"f16": 1, "q8_0": 8, "q4_0": 2}[kv_type]
params.flash_attn_type = {"auto": -1, "off": 0, "on": 1}[flash]
params.swa_full = full == "1"
assert L.llama_init_from_model(model, params)
"""


def allocated(path: Path, *arguments: object) -> dict[str, float]:
    """MiB of weights, KV cache and compute buffer as llama.cpp logs them."""
    done = subprocess.run(
        [sys.executable, "-c", _LOAD, str(path), *map(str, arguments)], capture_output=True, text=True, check=True
    )

    def total(kind: str) -> float:
        return sum(float(size) for size in re.findall(rf"{kind} buffer size =\s+([\d.]+) MiB", done.stdout))

    return {"weights": total("CPU_Mapped model"), "kv": total("KV"), "compute": total("CPU compute")}


@pytest.mark.model
@pytest.mark.parametrize(
    ("n_ctx", "kv_type", "n_batch", "flash"),
    [
        (2048, "f16", 512, "auto"),
        (8192, "f16", 512, "auto"),
        (2048, "q8_0", 512, "auto"),
        (8192, "q8_0", 512, "auto"),
        (8192, "f16", 512, "off"),
        (3000, "q4_0", 128, "on"),
    ],
)
def test_the_demo_model_takes_what_was_estimated(
    demo_model: Path, n_ctx: int, kv_type: str, n_batch: int, flash: str
) -> None:
    real = allocated(demo_model, n_ctx, kv_type, n_batch, flash, 1)
    fit = estimate(
        check(demo_model), n_ctx=n_ctx, kv_type=kv_type, n_gpu_layers=0, n_batch=n_batch, flash_attention=flash
    )
    assert fit.weights_bytes / MIB == pytest.approx(real["weights"], rel=0.01)
    assert fit.kv_bytes / MIB == pytest.approx(real["kv"], rel=0.01)
    assert fit.compute_bytes / MIB == pytest.approx(real["compute"], rel=0.10)


def model(architecture: str, *, tensors: tuple[TensorInfo, ...] = (), **keys: Any) -> GgufFile:
    metadata: dict[str, Any] = {"general.architecture": architecture}
    metadata |= {f"{architecture}.{key.replace('__', '.')}": value for key, value in keys.items()}
    return GgufFile(Path("x.gguf"), 3, 32, 0, 0, MappingProxyType(metadata), tensors, MappingProxyType({}))


def kv(file: GgufFile, n_ctx: int = 1024, **options: Any) -> int:
    return estimate(file, n_ctx=n_ctx, n_gpu_layers=0, **options).kv_bytes


BASE: dict[str, Any] = {"block_count": 4, "embedding_length": 512, "attention__head_count": 8, "context_length": 4096}


def test_grouped_heads() -> None:
    assert kv(model("llama", **BASE)) == 4 * 1024 * (8 * 64 * 2) * 2
    assert kv(model("llama", **BASE, attention__head_count_kv=2)) == 4 * 1024 * (2 * 64 * 2) * 2
    assert kv(model("llama", **BASE, attention__head_count_kv=[2, 1, 1, 0])) == 1024 * (4 * 64 * 2) * 2
    sizes = {"attention__key_length": 128, "attention__value_length": 32}
    assert kv(model("llama", **BASE, **sizes)) == 4 * 1024 * 8 * (128 + 32) * 2


def test_number_formats_and_padding() -> None:
    file = model("llama", **BASE)
    f16 = kv(file)
    assert kv(file, kv_type="q8_0") == f16 * 34 // 64
    assert kv(file, kv_type="q4_0") == f16 * 18 // 64
    assert kv(file, kv_type="f32") == f16 * 2
    assert kv(file, 1000) == f16  # rounded up to 1024
    assert kv(file, 0) == f16 * 4  # the model's own context


def test_compressed_attention_keeps_keys_only() -> None:
    """DeepSeek's MLA: one head of 512 + 64 numbers a layer and token."""
    file = model(
        "deepseek2",
        **BASE,
        attention__head_count_kv=1,
        attention__key_length=576,
        attention__value_length=512,
        attention__key_length_mla=192,
        attention__value_length_mla=128,
    )
    assert kv(file) == 4 * 1024 * 576 * 2


def test_sliding_windows() -> None:
    """Gemma 3: five of six layers look back 512 tokens. Windows are rounded up with a batch added."""
    keys = BASE | {"block_count": 12}
    file = model("gemma3", **keys, attention__sliding_window=512)
    row = 8 * 64 * 2 * 2
    assert kv(file, 8192, full_windows=True) == 12 * 8192 * row
    assert kv(file, 8192, full_windows=False) == (2 * 8192 + 10 * 1024) * row
    assert kv(file, 512, full_windows=False) == 12 * 512 * row
    listed = model("gemma3", **keys, attention__sliding_window=512, attention__sliding_window_pattern=[True] * 12)
    assert kv(listed, 8192, full_windows=False) == 12 * 1024 * row
    unused = model("phi3", **keys, attention__sliding_window=512)
    assert kv(unused, 8192, full_windows=False) == 12 * 8192 * row


def test_shared_and_recurrent_layers() -> None:
    row = 8 * 64 * 2 * 2
    shared = model(
        "gemma4",
        **BASE,
        attention__sliding_window=512,
        attention__sliding_window_pattern=[False] * 4,
        attention__shared_kv_layers=3,
    )
    assert kv(shared) == 1024 * row
    mamba = model(
        "mamba",
        block_count=4,
        embedding_length=512,
        context_length=4096,
        ssm__conv_kernel=4,
        ssm__inner_size=1024,
        ssm__state_size=16,
    )
    state = 4 * (3 * 1024 + 16 * 1024)
    assert kv(mamba) == kv(mamba, 4096) == 4 * state
    hybrid = model(
        "qwen3next", **BASE, full_attention_interval=4, ssm__conv_kernel=4, ssm__inner_size=1024, ssm__state_size=16
    )
    assert kv(hybrid) == 3 * state + 1024 * row
    assert (
        kv(model("lfm2", **BASE, shortconv__l_cache=3, attention__head_count_kv=[0, 0, 8, 8]))
        == 2 * 4 * 512 * 2 + 2 * 1024 * row
    )
    assert kv(model("falcon-h1", **BASE, ssm__conv_kernel=4, ssm__inner_size=1024, ssm__state_size=16)) == 4 * (
        state + 1024 * row
    )
    assert kv(model("bert", **BASE)) == 0


def weights(n_layers: int, layer_bytes: int, *, tied: bool) -> tuple[TensorInfo, ...]:
    names = [f"blk.{number}.ffn_up.weight" for number in range(n_layers)]
    tensors = [TensorInfo(name, (1, 1), "F16", 0, layer_bytes, 1) for name in names]
    tensors.append(TensorInfo("token_embd.weight", (512, 1000), "F16", 0, 1_024_000, 512_000))
    if not tied:
        tensors.append(TensorInfo("output.weight", (512, 1000), "F16", 0, 2_048_000, 512_000))
    return tuple(tensors)


def test_layers_on_the_card_are_as_many_as_fit() -> None:
    file = model("llama", **BASE, tensors=weights(4, 100 * MIB, tied=False))
    nothing = estimate(file, n_ctx=1024)
    assert (nothing.gpu_layers, nothing.gpu_bytes, nothing.main_bytes) == (0, 0, nothing.total_bytes)
    plenty = estimate(file, n_ctx=1024, gpu_free_bytes=8 * GIB)
    assert plenty.gpu_layers == 5  # four and the output
    some = estimate(file, n_ctx=1024, gpu_free_bytes=300 * MIB + 230 * MIB)
    assert some.gpu_layers == 3  # the output and two layers of 104 MiB
    assert some.gpu_bytes <= 230 * MIB
    asked = estimate(file, n_ctx=1024, n_gpu_layers=2)
    assert asked.gpu_layers == 2 and asked.gpu_bytes > 100 * MIB
    assert estimate(file, n_ctx=1024, n_gpu_layers=999).gpu_layers == 5
    assert asked.main_bytes + asked.gpu_bytes == asked.total_bytes


def test_a_tied_embedding_is_copied_to_the_card() -> None:
    tied = estimate(model("llama", **BASE, tensors=weights(4, MIB, tied=True)), n_ctx=256, n_gpu_layers=1)
    untied = estimate(model("llama", **BASE, tensors=weights(4, MIB, tied=False)), n_ctx=256, n_gpu_layers=1)
    assert untied.gpu_bytes - tied.gpu_bytes == 2_048_000 - 1_024_000


def test_the_verdict_says_all_figures() -> None:
    file = model("llama", **BASE, tensors=weights(4, 100 * MIB, tied=False))
    fit = estimate(file, n_ctx=4096, n_gpu_layers=0)
    need = fit.total_bytes
    assert judge(fit, Memory(need + 512 * MIB, 16 * GIB)).state == "fits"
    assert judge(fit, Memory(need + 511 * MIB, 16 * GIB)).state == "tight"
    refused = judge(fit, Memory(need - 1, 16 * GIB))
    assert refused.state == "does-not-fit" and refused.hint
    assert "weights" in refused.sentence and "4,096 tokens" in refused.sentence
    with pytest.raises(Error) as caught:
        refuse_too_large(fit, Memory(need - 1, 16 * GIB), "m")
    assert caught.value.kind == "out-of-memory"
    refuse_too_large(fit, Memory(need, 16 * GIB), "m")
    on_card = estimate(file, n_ctx=4096, n_gpu_layers=5)
    card = Memory(16 * GIB, 16 * GIB, gpus=(Gpu("card", GIB, 10 * MIB),))
    assert judge(on_card, card).state == "does-not-fit" and "graphics card" in judge(on_card, card).sentence


def test_the_largest_context_fits_and_the_next_does_not() -> None:
    file = model("llama", **BASE | {"context_length": 100_000}, tensors=weights(4, MIB, tied=False))
    memory = Memory(600 * MIB, 16 * GIB)
    largest = largest_context(file, memory)
    assert 0 < largest < 100_000 and largest % 256 == 0

    def state(n_ctx: int) -> str:
        return judge(estimate(file, n_ctx=n_ctx, n_gpu_layers=0), memory).state

    assert state(largest) == "fits" and state(largest + 256) != "fits"
    assert largest_context(file, Memory(64 * GIB, 64 * GIB)) == 100_000
    assert largest_context(file, Memory(0, 0)) == 0


def test_wrong_values_are_named() -> None:
    file = model("llama", **BASE)
    for options in ({"kv_type": "q3_x"}, {"n_ctx": -1}, {"n_batch": 0}):
        with pytest.raises(Error):
            estimate(file, **({"n_ctx": 256} | options))


_ANY = st.one_of(
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.booleans(),
    st.lists(st.integers() | st.text(max_size=2), max_size=6),
)


_KEYS = [
    "block_count", "embedding_length", "attention.head_count", "attention.head_count_kv", "context_length",
    "attention.key_length", "attention.sliding_window", "attention.sliding_window_pattern", "ssm.inner_size",
    "feed_forward_length", "full_attention_interval", "nextn_predict_layers", "attention.shared_kv_layers",
]  # fmt: skip


@given(
    st.sampled_from(["llama", "gemma3", "gemma4", "qwen3next", "mamba", "lfm2", "deepseek2", "bert", "x"]),
    st.dictionaries(st.sampled_from(_KEYS), _ANY),
)
def test_hostile_metadata_never_breaks_the_arithmetic(architecture: str, keys: dict[str, Any]) -> None:
    file = model(architecture, **{key.replace(".", "__"): value for key, value in keys.items()})
    fit = estimate(file, n_ctx=512)
    assert fit.kv_bytes >= 0 and fit.compute_bytes >= 0 and len(read_shape(file).layers) <= 4096


# ---------------------------------------------------------------- what is free
def test_this_machine_has_memory() -> None:
    memory = available_memory()
    assert 0 < memory.available_bytes <= memory.total_bytes


@pytest.mark.parametrize("version", [1, 2])
def test_the_control_groups_limit_counts(tmp_path: Path, version: int) -> None:
    proc, groups = tmp_path / "proc", tmp_path / "groups"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text("MemTotal: 8388608 kB\nMemAvailable: 4194304 kB\n")
    names = {
        1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        2: ("memory.max", "memory.current", "inactive_file"),
    }[version]
    (proc / "self/cgroup").write_text({1: "4:cpu,memory:/a/b\n", 2: "0::/a/b\n"}[version])
    root = groups / "memory" if version == 1 else groups
    inner, outer = root / "a/b", root / "a"
    inner.mkdir(parents=True)
    for folder, limit, used, cached in (
        (inner, "max" if version == 2 else str(2**63 - 4096), 0, 0),
        (outer, str(2 * GIB), GIB, GIB // 2),
    ):
        (folder / names[0]).write_text(limit)
        (folder / names[1]).write_text(str(used))
        (folder / "memory.stat").write_text(f"anon 5\n{names[2]} {cached}\n")
    memory = available_memory(proc=proc, cgroups=groups)
    assert (memory.available_bytes, memory.total_bytes, memory.limit) == (2 * GIB - GIB // 2, 2 * GIB, "control group")


def test_without_groups_the_machine_decides(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 8 kB\nMemAvailable: 4 kB\n")
    memory = available_memory(proc=tmp_path, cgroups=tmp_path)
    assert (memory.available_bytes, memory.limit) == (4096, "memory")


def test_the_drivers_answer_is_read() -> None:
    text = "NVIDIA H100, 80GB HBM3, 81559, 80000\nTesla, 15360, 15000\nbroken line\n[N/A], [N/A], [N/A]\n"
    assert parse_nvidia_smi(text) == (
        Gpu("NVIDIA H100, 80GB HBM3", 81559 * MIB, 80000 * MIB),
        Gpu("Tesla", 15360 * MIB, 15000 * MIB),
    )
