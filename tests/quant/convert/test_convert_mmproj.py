"""The eyes of a tiny LLaVA: what llama.cpp makes of an image with our file, against torch."""

import ctypes
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import llama_cpp as c
import numpy as np
import pytest

from rushlight import Error
from rushlight.quant.convert.to_gguf import convert
from rushlight.quant.convert.to_mmproj import _CLIP_MEAN, _CLIP_STD, convert_mmproj
from rushlight.quant.gguf_check import check

pytestmark = pytest.mark.torch

SIDE = 56


@pytest.fixture(scope="module")
def llava(hf_builder: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A model that sees, and its folder."""
    t = hf_builder.t
    hf_builder.torch.manual_seed(0)
    config = t.LlavaConfig(
        vision_config={
            "model_type": "clip_vision_model",
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "image_size": SIDE,
            "patch_size": 14,
            "projection_dim": 64,
        },
        text_config=t.LlamaConfig(**hf_builder._SIZES).to_dict(),
        image_token_index=5,
    )
    model = hf_builder.shaken(t.LlavaForConditionalGeneration(config))
    return model, hf_builder.save(tmp_path_factory.mktemp("llava") / "hf", model)


def seen(model_path: Path, mmproj: Path, image: Any) -> Any:
    """What llama.cpp's eyes make of `image`: (patches, width of the language model)."""
    from llama_cpp import mtmd_cpp as m

    c.llama_backend_init()
    model = c.llama_model_load_from_file(str(model_path).encode(), c.llama_model_default_params())
    params = m.mtmd_context_params_default()
    params.use_gpu = params.warmup = params.print_timings = False
    params.n_threads, params.flash_attn_type = 2, 0
    context = m.mtmd_init_from_file(str(mmproj).encode(), model, params)
    assert context
    bitmap = m.mtmd_bitmap_init(SIDE, SIDE, image.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8)))
    chunks = m.mtmd_input_chunks_init()
    prompt = m.mtmd_input_text()
    prompt.text = m.mtmd_default_marker()
    prompt.text_len = len(prompt.text)
    try:
        assert m.mtmd_tokenize(context, chunks, ctypes.byref(prompt), (m.mtmd_bitmap_p_ctypes * 1)(bitmap), 1) == 0
        chunk = m.mtmd_input_chunks_get(chunks, 0)
        assert m.mtmd_encode_chunk(context, chunk) == 0
        count = m.mtmd_input_chunk_get_n_tokens(chunk)
        return np.ctypeslib.as_array(m.mtmd_get_output_embd(context), (count, c.llama_model_n_embd(model))).copy()
    finally:
        m.mtmd_input_chunks_free(chunks)
        m.mtmd_bitmap_free(bitmap)
        m.mtmd_free(context)
        c.llama_model_free(model)


def test_an_image_is_seen_as_torch_sees_it(llava: Any, tmp_path: Path, hf_builder: ModuleType) -> None:
    model, folder = llava
    torch = hf_builder.torch
    convert(folder, tmp_path / "model.gguf", "F32")
    convert_mmproj(folder, tmp_path / "mmproj.gguf", "F32")
    assert check(tmp_path / "model.gguf").architecture == "llama"
    assert check(tmp_path / "mmproj.gguf").kind == "mmproj"
    image = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    found = seen(tmp_path / "model.gguf", tmp_path / "mmproj.gguf", image)

    pixels = (image.astype(np.float32) / 255 - np.array(_CLIP_MEAN, np.float32)) / np.array(_CLIP_STD, np.float32)
    tower = model.model.vision_tower
    tower = getattr(tower, "vision_model", tower)
    with torch.no_grad():
        parts = tower.embeddings
        patches = parts.patch_embedding(torch.tensor(pixels.transpose(2, 0, 1)[None])).flatten(2).transpose(1, 2)
        # llama.cpp 0.3.36 puts the class token behind the patches, not before them as CLIP does (models/llava.cpp):
        # a fault of that version, which no file can make good
        h = torch.cat([patches, parts.class_embedding.expand(1, 1, -1)], 1) + parts.position_embedding.weight[None]
        h = tower.pre_layrnorm(h)
        for layer in tower.encoder.layers[:-1]:
            h = layer(h, None)
            h = h[0] if isinstance(h, tuple) else h
        expected = model.model.multi_modal_projector(h[:, 1:])[0].numpy()
    # the activation comes from a table over float16 numbers
    assert np.abs(found - expected).max() / np.abs(expected).max() < 5e-3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"vision_feature_layer": -1}, "the output of layer -1"),
        ({"vision_feature_select_strategy": "full"}, "without its class token"),
        ({"projector_hidden_act": "relu"}, "has no form for"),
        ({"architectures": ["Qwen2ForCausalLM"]}, "Cannot convert the eyes of Qwen2ForCausalLM"),
    ],
)
def test_other_eyes_are_refused(llava: Any, tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    folder = tmp_path / "hf"
    folder.mkdir()
    for path in llava[1].iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**settings, **changes}))
    with pytest.raises(Error, match=said):
        convert_mmproj(folder, tmp_path / "mmproj.gguf")
