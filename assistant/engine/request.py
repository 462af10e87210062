"""What an engine can be asked: the values that cross from a front process to the worker.

Plain frozen values with defaults (docs/decisions/0003); msgspec encodes them as they are. Numbers are clamped or
refused by `check()` before any native code sees them.
"""

from msgspec import Struct, field


class LoadSettings(Struct, frozen=True):
    """How a model file is opened. Two loads with equal values share one engine."""

    path: str  # absolute path of the GGUF file (the first part of a split model)
    n_ctx: int = 0  # tokens; 0 = the smaller of the model's own and the setting `engine.context`
    n_batch: int = 512  # most tokens of one llama_decode
    n_gpu_layers: int = -1  # -1 = as many as fit
    fewer_gpu_layers: bool = False  # where so many do not fit after all, fewer will do
    n_threads: int = 0  # 0 = physical cores
    kv_type: str = "f16"  # f16, q8_0, q4_0
    flash_attention: str = "auto"  # auto, on, off
    embeddings: bool = False  # an embedding context (pooled) instead of a generating one
    pooling: str = ""  # "", none, mean, cls, last, rank; "" = the model's own
    chat_template: str = ""  # "" = the file's own
    use_mmap: bool = True
    n_slots: int = 4  # answers written at once; they share the context
    kv_ram_bytes: int = 512 * 1024 * 1024  # for states of conversations that are not being answered
    kv_folder: str = ""  # where such states are kept on disk, absolute; "" = nowhere
    kv_disk_bytes: int = 0  # most that they may take there
    ngram_path: str = ""  # where past replies are kept as guesses for new ones, absolute; "" = nowhere
    ngram_tokens: int = 0  # most that are kept there; 0 = none, and the file is removed
    draft_path: str = ""  # a smaller model of the same vocabulary that guesses ahead; absolute, "" = none


class Sampling(Struct, frozen=True):
    """The sampler chain, in llama.cpp's order: penalties, DRY, top-n-sigma, top-k, typical, top-p, min-p, XTC,
    temperature. The defaults are greedy decoding. Fields at their neutral value add no sampler.
    """

    temperature: float = 0.0  # 0 = greedy
    temperature_range: float = 0.0  # dynamic temperature: temperature +- range by entropy
    temperature_exponent: float = 1.0
    top_k: int = 0  # 0 = off
    top_p: float = 1.0
    min_p: float = 0.0
    typical_p: float = 1.0
    top_n_sigma: float = -1.0  # < 0 = off
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    dry_multiplier: float = 0.0  # 0 = off
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_penalty_last_n: int = -1  # -1 = the whole context
    dry_sequence_breakers: tuple[str, ...] = ("\n", ":", '"', "*")
    repeat_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    penalty_last_n: int = 64  # tokens looked at; -1 = the whole context
    mirostat: int = 0  # 0, 1 or 2; replaces the truncating samplers
    mirostat_tau: float = 5.0
    mirostat_eta: float = 0.1
    min_keep: int = 1
    seed: int = -1  # -1 = a new one each time
    logit_bias: tuple[tuple[int, float], ...] = ()  # (token id, bias); -inf forbids


class Grammar(Struct, frozen=True):
    """What the answer must match. `kind`: "json_schema", "gbnf", "lark", "regex" or "json" (any JSON value).

    `must`: it does not end before it holds a word of each of these groups (`musts.py`), as long as the grammar lets it
    go on; where it cannot, it ends without. `is_bounded`: nothing in a grammar of the kind "lark" goes on for long
    without a choice, so what must come next may be looked for. Only whoever wrote it knows that."""

    kind: str
    text: str = ""
    must: tuple[tuple[str, ...], ...] = ()
    is_bounded: bool = False


class LoraUse(Struct, frozen=True):
    """A GGUF LoRA adapter and how strongly it is applied."""

    path: str
    scale: float = 1.0


class Message(Struct, frozen=True):
    """One turn as the template sees it. Content is hostile text: it never becomes a control token."""

    role: str  # system, developer, user, assistant, tool
    content: str
    reasoning: str = ""
    name: str = ""
    tool_call_id: str = ""
    tool_calls: str = ""  # JSON array in OpenAI's shape, "" = none


class GenerateRequest(Struct, frozen=True):
    """One answer. Exactly one of `messages`, `prompt` and `token_ids` is set.

    `prompt` is raw text; its control tokens are parsed only with `parse_special`. `continue_final` goes on
    with the last assistant message instead of opening a new turn.
    """

    messages: tuple[Message, ...] = ()
    prompt: str = ""
    token_ids: tuple[int, ...] = ()
    parse_special: bool = False
    continue_final: bool = False
    max_tokens: int = -1  # -1 = until the context is full
    sampling: Sampling = field(default_factory=Sampling)
    grammar: Grammar | None = None
    stop: tuple[str, ...] = ()  # looked for in the answer, not in thoughts; one that is a control token ends both
    logprobs: int = -1  # -1 = none, n = with the n likeliest alternatives (at most 20)
    lora: tuple[LoraUse, ...] = ()
    tools: str = ""  # JSON array of OpenAI tool definitions for the template, "" = none
    template_options: tuple[tuple[str, str], ...] = ()  # extra template variables, values as JSON
    reasoning: str = "auto"  # auto = split it from the answer, off = ask for none, raw = no split
    cache_prompt: bool = True  # reuse the KV cache of the common prefix
    cache_key: str = ""  # names the conversation, so that its state is found again after a restart
    # Guesses checked together: 0 = none, n = at most n, -1 = where they pay. Where the two likeliest tokens are nearly
    # equal, a batch of another size may pick the other one: so it is asked for.
    draft_tokens: int = 0


class EmbedRequest(Struct, frozen=True):
    """Texts to turn into vectors with an engine loaded with `embeddings=True`.

    With a `query` a cross-encoder reads each text together with it; its vector is then how well the text answers.
    """

    texts: tuple[str, ...]
    normalize: bool = True
    query: str = ""


class ScoreRequest(Struct, frozen=True):
    """How likely each token of a prompt is, given those before it. Exactly one of `prompt` and `token_ids` is set.

    The first `n_read` of the `token_ids` are read and not scored, which costs less: their log-probability is 0. An
    engine elsewhere may score them all the same.
    """

    prompt: str = ""
    token_ids: tuple[int, ...] = ()
    parse_special: bool = False
    logprobs: int = 0  # with the n likeliest alternatives (at most 20)
    lora: tuple[LoraUse, ...] = ()
    n_read: int = 0


class BeamRequest(Struct, frozen=True):
    """The likeliest whole answers, by beam search. Of `asked` the prompt, the grammar, `max_tokens` and the adapters
    count; nothing is sampled."""

    asked: GenerateRequest
    width: int = 4  # beginnings that are followed at once
    n_best: int = 4  # answers that are wanted
    within: float = 2.0  # nats: one that is so much less likely than the best is not looked for
    far: float = 5.0  # nats: a beginning that is so much less likely than the best is given up
    lack: float = 3.0  # nats: what an answer loses for each thing that it must hold and does not


class TokenizeRequest(Struct, frozen=True):
    """Text to token ids. Control tokens are parsed only with `parse_special`."""

    text: str = ""
    messages: tuple[Message, ...] = ()  # or a conversation, rendered with the template
    parse_special: bool = False
    add_special: bool = False
