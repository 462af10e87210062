"""Trains the Llama-shaped model of bench_gptq: 16.3 million parameters, saved as Hugging Face folders along the way.

Width 512 and 1,792 are multiples of 256, so that every K-quant fits. The text is what a machine has: the standard
library's sources, /usr/share/doc, and folders that are named; html is read as text. One file in twenty is kept from
training, by a hash of what it holds; bench_gptq evaluates on those. A run that ends early is taken up from what was
saved last by the same command. Seconds of one core per step: about 0.7.

    python tests/bench/small_llama.py FOLDER [TEXT ...] [--steps N] [--save N,N,N] [--threads N]
"""

import argparse
import gzip
import hashlib
import json
import math
import sysconfig
import time
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH, N_HEADS, N_KV, HEAD, HIDDEN, N_LAYERS, N_VOCAB = 512, 8, 4, 64, 1792, 4, 4096
THETA, EPSILON = 10_000.0, 1e-5
N_CONTEXT, N_BATCH = 128, 4
RATE, WARM_UP, SEED = 1.5e-3, 40, 1
MOST_BYTES, MOST_FILE_BYTES = 48 << 20, 400_000
SUFFIXES = {".py", ".md", ".rst", ".txt", ".html", ".gz", ""}


# --------------------------------------------------------------------------------------------------------- text
class _Words(HTMLParser):
    """The text of a page without its scripts, styles and navigation."""

    _NOT_TEXT = frozenset({"script", "style", "nav", "head"})

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._inside = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._inside += tag in self._NOT_TEXT

    def handle_endtag(self, tag: str) -> None:
        self._inside -= tag in self._NOT_TEXT

    def handle_data(self, data: str) -> None:
        if self._inside <= 0:
            self.parts.append(data)


def _read(path: Path) -> str:
    data = path.read_bytes()[:MOST_FILE_BYTES]
    if path.suffix == ".gz":
        try:
            data = gzip.decompress(path.read_bytes())[:MOST_FILE_BYTES]
        except (OSError, EOFError):
            return ""
    text = data.decode("utf-8", "ignore")
    if "\0" in text:
        return ""
    if path.suffix == ".html":
        page = _Words()
        page.feed(text)
        text = "".join(page.parts)
    return text


def texts(roots: Sequence[Path]) -> Iterator[tuple[bool, str]]:
    """(is kept from training, text) of every file once, in a random order that is always the same."""
    files = [path for root in roots for path in root.rglob("*") if path.suffix in SUFFIXES and path.is_file()]
    files = [path for path in files if not {"site-packages", "test", "tests", "idlelib"} & set(path.parts)]
    files.sort(key=lambda path: hashlib.sha256(str(path).encode()).digest())
    seen, n_bytes = set[bytes](), 0
    for path in files:
        text = _read(path)
        digest = hashlib.sha256(text.encode()).digest()
        if len(text) < 500 or digest in seen:
            continue
        seen.add(digest)
        n_bytes += len(text)
        if n_bytes > MOST_BYTES:
            return
        yield digest[0] % 20 == 0, text


def _prepare(folder: Path, roots: Sequence[Path]) -> None:
    """folder/train.npy, train.txt (its beginning, for calibration), held-out.txt and tokenizer.json."""
    known = [text for is_kept, text in texts(roots) if not is_kept]
    kept = [text for is_kept, text in texts(roots) if is_kept]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=N_VOCAB,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(known[::3], trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    pieces = [np.array([0, *one.ids], np.uint16) for one in tokenizer.encode_batch(known)]
    (folder / "train.txt").write_text("\n\n".join(known)[:4_000_000])
    (folder / "held-out.txt").write_text("\n\n".join(kept)[:2_000_000])
    np.save(folder / "train.npy", np.concatenate(pieces))


# -------------------------------------------------------------------------------------------------------- model
class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.input_norm, self.post_norm = nn.RMSNorm(WIDTH, EPSILON), nn.RMSNorm(WIDTH, EPSILON)
        self.q, self.k = nn.Linear(WIDTH, N_HEADS * HEAD, bias=False), nn.Linear(WIDTH, N_KV * HEAD, bias=False)
        self.v, self.o = nn.Linear(WIDTH, N_KV * HEAD, bias=False), nn.Linear(N_HEADS * HEAD, WIDTH, bias=False)
        self.gate, self.up = nn.Linear(WIDTH, HIDDEN, bias=False), nn.Linear(WIDTH, HIDDEN, bias=False)
        self.down = nn.Linear(HIDDEN, WIDTH, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        B, T, _ = x.shape
        h = self.input_norm(x)
        q, k, v = (m(h).view(B, T, -1, HEAD).transpose(1, 2) for m in (self.q, self.k, self.v))  # (B, heads, T, D)
        mixed = F.scaled_dot_product_attention(
            turned(q, cos, sin), turned(k, cos, sin), v, is_causal=True, enable_gqa=True
        )
        x = x + self.o(mixed.transpose(1, 2).reshape(B, T, -1))
        h = self.post_norm(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


def turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """RoPE, Su et al. 2021, arXiv:2104.09864: pairs (i, i + D/2), as Hugging Face's checkpoints."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1).to(x.dtype)


class SmallLlama(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(N_VOCAB, WIDTH)
        self.layers = nn.ModuleList(Layer() for _ in range(N_LAYERS))
        self.norm = nn.RMSNorm(WIDTH, EPSILON)
        for name, one in self.named_parameters():
            if one.dim() == 2:
                last = name.endswith(("o.weight", "down.weight"))
                nn.init.normal_(one, std=0.02 / math.sqrt(2 * N_LAYERS) if last else 0.02)
        angles = torch.arange(N_CONTEXT)[:, None] * THETA ** (-torch.arange(0, HEAD, 2) / HEAD)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids)
        for layer in self.layers:
            x = layer(x, self.cos, self.sin)
        return F.linear(self.norm(x), self.embed.weight)


_HF_NAMES = {
    "input_norm": "input_layernorm",
    "post_norm": "post_attention_layernorm",
    **{one: f"self_attn.{one}_proj" for one in "qkvo"},
    **{one: f"mlp.{one}_proj" for one in ("gate", "up", "down")},
}


def save(model: SmallLlama, folder: Path, tokenizer: Path) -> None:
    """A Hugging Face folder of the LlamaForCausalLM that this is."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {"model.embed_tokens.weight": model.embed.weight, "model.norm.weight": model.norm.weight}
    for i, layer in enumerate(model.layers):
        for name, one in layer.named_parameters():
            tensors[f"model.layers.{i}.{_HF_NAMES[name.removesuffix('.weight')]}.weight"] = one
    save_file(
        {name: one.detach().contiguous() for name, one in tensors.items()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": N_VOCAB,
        "hidden_size": WIDTH,
        "intermediate_size": HIDDEN,
        "num_hidden_layers": N_LAYERS,
        "num_attention_heads": N_HEADS,
        "num_key_value_heads": N_KV,
        "head_dim": HEAD,
        "hidden_act": "silu",
        "rms_norm_eps": EPSILON,
        "rope_theta": THETA,
        "max_position_embeddings": 512,
        "tie_word_embeddings": True,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "torch_dtype": "float32",
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    (folder / "tokenizer.json").write_bytes(tokenizer.read_bytes())
    about = {"bos_token": "<s>", "eos_token": "</s>", "tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps({**about, "add_bos_token": True}, indent=2))


# ----------------------------------------------------------------------------------------------------- training
def rate_at(step: int, n_steps: int) -> float:
    """Up, level, and over the last half linearly down."""
    return RATE * min(1.0, (step + 1) / WARM_UP, (n_steps - step) / (n_steps / 2))


def train(folder: Path, n_steps: int, saved_at: Sequence[int]) -> None:
    torch.manual_seed(SEED)
    ids = np.load(folder / "train.npy", mmap_mode="r")
    model = SmallLlama()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.95), weight_decay=0.05)
    state_file, start = folder / "state.pt", 0
    if state_file.exists():
        state = torch.load(state_file, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        start = state["step"]
    began = time.monotonic()
    loss_of: list[float] = []
    for step in range(start, n_steps):
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step, n_steps)
        random = np.random.default_rng((SEED, step))
        starts = random.integers(0, len(ids) - N_CONTEXT - 1, N_BATCH)
        batch = torch.from_numpy(np.stack([ids[i : i + N_CONTEXT + 1] for i in starts]).astype(np.int64))
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(batch[:, :-1])
        loss = F.cross_entropy(logits.float().view(-1, N_VOCAB), batch[:, 1:].reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss_of.append(loss.item())
        if (step + 1) % 10 == 0:
            seconds = (time.monotonic() - began) / (step + 1 - start)
            print(f"step {step + 1} loss {np.mean(loss_of[-10:]):.3f} {seconds:.2f} s each", flush=True)
        if step + 1 in saved_at or step + 1 == n_steps:
            save(model, folder / f"steps-{step + 1}", folder / "tokenizer.json")
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1}
            torch.save(state, state_file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("roots", type=Path, nargs="*", metavar="TEXT")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--save", default="300,1000", metavar="N,N,N")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(given.threads)
    if not (given.folder / "train.npy").exists():
        _prepare(given.folder, [Path(sysconfig.get_paths()["stdlib"]), Path("/usr/share/doc"), *given.roots])
    train(given.folder, given.steps, [int(one) for one in given.save.split(",")])


if __name__ == "__main__":
    main()
