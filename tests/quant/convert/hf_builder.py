"""Tiny models with random weights, made by transformers, saved as its users save them. Needs torch and transformers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers as t
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_SAMPLE = [
    "The quick brown fox jumps over the lazy dog, 1234 times.",
    "Übergrößen naïve café; Привет мир! 你好，世界 こんにちは नमस्ते العربية 한국어",
    "def f(x):\n    return x ** 2  # comment\n\n\n\tif True: pass",
    "don't DON'T we've I'll 3.14159 $100 user@example.org 🚀🚀 ✅",
] * 20
TEXTS = [
    "The quick brown fox jumps.",
    "Grüße aus Köln, naïve café!",
    "Привет, мир! 你好，世界。こんにちは 한국어",
    "for i in range(10):\n\tprint(i ** 2)  # don't\n\n\n",
    "  spaces   and 12345.678 🚀 नमस्ते दुनिया العربية ",
]
N_VOCAB = 512
t.utils.logging.disable_progress_bar()
t.utils.logging.set_verbosity_error()

_SIZES: dict[str, Any] = {
    "vocab_size": N_VOCAB,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 1,
}


def _more(**changes: Any) -> dict[str, Any]:
    return {**_SIZES, **changes}


LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
LONG_ROPE = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "long_factor": [1.0 + 0.1 * i for i in range(8)],
    "short_factor": [1.0 + 0.05 * i for i in range(8)],
    "original_max_position_embeddings": 256,
}

GENERATORS: dict[str, Callable[[], Any]] = {
    "llama": lambda: t.LlamaForCausalLM(t.LlamaConfig(**_SIZES)),
    "llama-tied": lambda: t.LlamaForCausalLM(t.LlamaConfig(**_more(tie_word_embeddings=True))),
    "llama-bias-wide-heads": lambda: t.LlamaForCausalLM(
        t.LlamaConfig(**_more(attention_bias=True, mlp_bias=True, head_dim=32))
    ),
    "llama3-rope": lambda: t.LlamaForCausalLM(t.LlamaConfig(**_more(rope_parameters=LLAMA3_ROPE))),
    "llama-yarn": lambda: t.LlamaForCausalLM(
        t.LlamaConfig(
            **_more(
                rope_parameters={
                    "rope_type": "yarn",
                    "rope_theta": 10000.0,
                    "factor": 4.0,
                    "original_max_position_embeddings": 64,
                }
            )
        )
    ),
    "llama-linear": lambda: t.LlamaForCausalLM(
        t.LlamaConfig(**_more(rope_parameters={"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0}))
    ),
    "mistral": lambda: t.MistralForCausalLM(t.MistralConfig(**_more(sliding_window=None))),
    "mixtral": lambda: t.MixtralForCausalLM(
        t.MixtralConfig(**_more(num_local_experts=4, num_experts_per_tok=2, sliding_window=None))
    ),
    "qwen2": lambda: t.Qwen2ForCausalLM(t.Qwen2Config(**_SIZES)),
    "qwen3": lambda: t.Qwen3ForCausalLM(t.Qwen3Config(**_more(head_dim=32))),
    "qwen2-moe": lambda: t.Qwen2MoeForCausalLM(
        t.Qwen2MoeConfig(
            **_more(num_experts=4, num_experts_per_tok=2, moe_intermediate_size=32, shared_expert_intermediate_size=64)
        )
    ),
    "qwen3-moe": lambda: t.Qwen3MoeForCausalLM(
        t.Qwen3MoeConfig(
            **_more(num_experts=4, num_experts_per_tok=2, moe_intermediate_size=32, head_dim=16, norm_topk_prob=True)
        )
    ),
    "gemma": lambda: t.GemmaForCausalLM(t.GemmaConfig(**_more(head_dim=16))),
    "gemma2": lambda: t.Gemma2ForCausalLM(
        t.Gemma2Config(**_more(head_dim=16, query_pre_attn_scalar=16, sliding_window=16, num_hidden_layers=4))
    ),
    "gemma3": lambda: t.Gemma3ForCausalLM(
        t.Gemma3TextConfig(**_more(head_dim=16, query_pre_attn_scalar=16, sliding_window=16, num_hidden_layers=8))
    ),
    "phi3": lambda: t.Phi3ForCausalLM(t.Phi3Config(**_more(sliding_window=None))),
    "phi3-long": lambda: t.Phi3ForCausalLM(
        t.Phi3Config(
            **_more(
                sliding_window=None,
                max_position_embeddings=1024,
                original_max_position_embeddings=256,
                rope_parameters=LONG_ROPE,
            )
        )
    ),
    "gpt2": lambda: t.GPT2LMHeadModel(
        t.GPT2Config(
            vocab_size=N_VOCAB, n_embd=64, n_layer=3, n_head=4, n_positions=256, bos_token_id=0, eos_token_id=1
        )
    ),
    "lfm2": lambda: t.Lfm2ForCausalLM(
        t.Lfm2Config(
            **_more(num_hidden_layers=4, layer_types=["conv", "full_attention", "conv", "full_attention"]),
            block_multiple_of=32,
        )
    ),
    "mamba": lambda: t.MambaForCausalLM(
        t.MambaConfig(vocab_size=N_VOCAB, hidden_size=64, num_hidden_layers=3, state_size=16, use_cache=False)
    ),
    "falcon-mamba": lambda: t.FalconMambaForCausalLM(
        t.FalconMambaConfig(
            vocab_size=N_VOCAB, hidden_size=64, num_hidden_layers=3, state_size=16, use_cache=False, mixer_rms_eps=1e-5
        )
    ),
}


def tokenizer(pre: str = "gpt-2", n_vocab: int = N_VOCAB) -> Tokenizer:
    """A byte-level tokenizer of pairs, trained on a few sentences."""
    from rushlight.quant.convert.pre_tokenizers import pre_tokenizer_of, steps_named

    built = Tokenizer(models.BPE())
    base = json.loads(built.to_str())
    base["pre_tokenizer"] = pre_tokenizer_of(steps_named(pre))
    built = Tokenizer.from_str(json.dumps(base))
    built.decoder = decoders.ByteLevel()
    special = ["<|begin|>", "<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    built.train_from_iterator(
        _SAMPLE, trainers.BpeTrainer(vocab_size=n_vocab, special_tokens=special, initial_alphabet=alphabet)
    )
    return built


def bar_tokenizer(n_vocab: int = N_VOCAB) -> Tokenizer:
    """Pairs with bars for spaces and a token for each byte, as Llama 2 and Gemma have."""
    built = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    built.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    built.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    built.train_from_iterator(
        _SAMPLE[:1] * 20, trainers.BpeTrainer(vocab_size=n_vocab, special_tokens=special, limit_alphabet=60)
    )
    raw = json.loads(built.to_str())
    raw["added_tokens"] = [token for token in raw["added_tokens"] if token["id"] < 3]
    built = Tokenizer.from_str(json.dumps(raw))
    built.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 1)])
    return built


def unigram_tokenizer(n_vocab: int = N_VOCAB) -> Tokenizer:
    """Unigrams in XLM-R's form."""
    built = Tokenizer(models.Unigram())
    built.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    built.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")]
    )
    built.decoder = decoders.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    built.train_from_iterator(
        _SAMPLE, trainers.UnigramTrainer(vocab_size=n_vocab, special_tokens=special, unk_token="<unk>")
    )
    built.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return built


def word_piece_tokenizer(n_vocab: int = N_VOCAB) -> Tokenizer:
    built = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    built.normalizer = normalizers.BertNormalizer(lowercase=True)
    built.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    built.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    built.train_from_iterator(_SAMPLE, trainers.WordPieceTrainer(vocab_size=n_vocab, special_tokens=special))
    built.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return built


def save(folder: Path, model: Any, tok: Tokenizer | None = None, **special: str) -> Path:
    """The model with a tokenizer as `save_pretrained` writes them."""
    model.eval().save_pretrained(folder)
    tok = tok or tokenizer()
    names = special or {"bos_token": "<|begin|>", "eos_token": "<|endoftext|>"}
    fast = t.PreTrainedTokenizerFast(tokenizer_object=tok, **names)
    if not special:
        fast.chat_template = CHATML
    fast.save_pretrained(folder)
    return folder


def generator(name: str, seed: int = 0) -> Any:
    """One of GENERATORS with weights large enough that an error shows, and norms that are not all one."""
    torch.manual_seed(seed)
    model = shaken(GENERATORS[name]())
    model.set_attn_implementation("eager")  # the other leaves Gemma 2's soft cap out
    return model


def shaken(model: Any) -> Any:
    with torch.no_grad():
        for label, weights in model.named_parameters():
            if weights.dim() >= 2 and "conv1d" not in label and "A_log" not in label:
                weights.normal_(0.0, 0.15)
            elif "norm" in label.lower() or "ln_" in label or "bias" in label:
                weights.add_(torch.randn_like(weights) * 0.1)
    return model.eval().float()


def logits(model: Any, token_ids: list[int]) -> NDArray[np.float32]:
    with torch.no_grad():
        out: NDArray[np.float32] = model(torch.tensor([token_ids])).logits[0].float().numpy()
    return out


def load(folder: Path) -> Any:
    return t.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
