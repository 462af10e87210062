"""What an engine is asked, as the JSON that servers with OpenAI's interface take. Knows shapes; knows no connection.

What every such server knows is sent in OpenAI's words. What only some know (more samplers, grammars) is sent only
when it was asked for, in the words of llama.cpp, vLLM and ourselves; a grammar that the other side cannot hold is
refused here, since it would be ignored there without a word.
"""

import json
import math
from typing import Any

import msgspec

from rushlight import Error
from rushlight.assistant.engine.request import EmbedRequest, GenerateRequest, Grammar, Message, Sampling, ScoreRequest

# Fields of `Sampling` that OpenAI's interface does not have -> their name at llama.cpp (vLLM knows the first three).
_MORE = {
    "top_k": "top_k",
    "min_p": "min_p",
    "typical_p": "typical_p",
    "top_n_sigma": "top_n_sigma",
    "xtc_probability": "xtc_probability",
    "xtc_threshold": "xtc_threshold",
    "dry_multiplier": "dry_multiplier",
    "dry_base": "dry_base",
    "dry_allowed_length": "dry_allowed_length",
    "dry_penalty_last_n": "dry_penalty_last_n",
    "temperature_range": "dynatemp_range",
    "temperature_exponent": "dynatemp_exponent",
    "mirostat": "mirostat",
    "mirostat_tau": "mirostat_tau",
    "mirostat_eta": "mirostat_eta",
    "penalty_last_n": "repeat_last_n",
}
RUSHLIGHT, VLLM, LLAMA_CPP, OTHER = "rushlight", "vllm", "llama.cpp", ""


def is_chat(request: GenerateRequest) -> bool:
    """A conversation; else a raw prompt."""
    return bool(request.messages)


def generate_body(request: GenerateRequest, name: str, kind: str) -> dict[str, Any]:
    """The body of /chat/completions or /completions. `kind`: which server it is, as far as that is known."""
    if request.lora:
        raise Error(
            "An adapter of this machine cannot be used by a model on another one.",
            hint="Load it there, and add it as a model of its own.",
            kind="not-supported",
        )
    body: dict[str, Any] = {"model": name, "stream": True, "stream_options": {"include_usage": True}}
    body |= _sampling(request.sampling)
    if request.max_tokens >= 0:
        body["max_tokens"] = request.max_tokens
    if request.stop:
        body["stop"] = list(request.stop)
    if request.grammar is not None:
        body |= _grammar(request.grammar, kind, chat=is_chat(request))
    if not is_chat(request):
        body["prompt"] = request.prompt or list(request.token_ids)
        if request.logprobs >= 0:
            body["logprobs"] = request.logprobs
        if request.max_tokens < 0:
            body["max_tokens"] = -1 if kind in (RUSHLIGHT, LLAMA_CPP) else 2048
        if request.parse_special and kind == RUSHLIGHT:
            body["parse_special"] = True
        return body
    body["messages"] = [_message(message) for message in request.messages]
    if request.logprobs >= 0:
        body |= {"logprobs": True, "top_logprobs": request.logprobs}
    if request.tools:
        body["tools"] = json.loads(request.tools)
    if request.continue_final:
        body |= {"continue_final_message": True, "add_generation_prompt": False}
    options = {key: json.loads(value) for key, value in request.template_options}
    if request.reasoning == "off":
        options.setdefault("enable_thinking", False)
    effort = options.pop("reasoning_effort", None)
    if isinstance(effort, str):
        body["reasoning_effort"] = effort
    if options and kind != OTHER:
        body["chat_template_kwargs"] = options
    return body


def _sampling(sampling: Sampling) -> dict[str, Any]:
    body: dict[str, Any] = {"temperature": sampling.temperature}
    neutral = Sampling()
    if sampling.top_p != neutral.top_p:
        body["top_p"] = sampling.top_p
    for name in ("frequency_penalty", "presence_penalty"):
        if getattr(sampling, name):
            body[name] = getattr(sampling, name)
    if sampling.repeat_penalty != neutral.repeat_penalty:
        body |= {"repeat_penalty": sampling.repeat_penalty, "repetition_penalty": sampling.repeat_penalty}
    if sampling.seed >= 0:
        body["seed"] = sampling.seed
    if sampling.logit_bias:
        body["logit_bias"] = {
            str(token_id): -100.0 if bias == -math.inf else max(-100.0, min(100.0, bias))
            for token_id, bias in sampling.logit_bias
        }
    for name, theirs in _MORE.items():
        if getattr(sampling, name) != getattr(neutral, name):
            body[theirs] = getattr(sampling, name)
    if sampling.dry_sequence_breakers != neutral.dry_sequence_breakers:
        body["dry_sequence_breakers"] = list(sampling.dry_sequence_breakers)
    return body


def _grammar(grammar: Grammar, kind: str, *, chat: bool) -> dict[str, Any]:
    if kind == RUSHLIGHT:
        return {"grammar": {"kind": grammar.kind, "text": grammar.text}}
    if grammar.kind in ("json", "json_schema") and chat:
        if grammar.kind == "json":
            return {"response_format": {"type": "json_object"}}
        schema = {"name": "answer", "strict": True, "schema": json.loads(grammar.text)}
        return {"response_format": {"type": "json_schema", "json_schema": schema}}
    if kind == VLLM and grammar.kind in ("regex", "gbnf", "json_schema"):
        key = {"regex": "regex", "gbnf": "grammar", "json_schema": "json"}[grammar.kind]
        value = json.loads(grammar.text) if grammar.kind == "json_schema" else grammar.text
        return {"structured_outputs": {key: value}}
    if kind == LLAMA_CPP and grammar.kind == "gbnf":
        return {"grammar": grammar.text}
    if kind == LLAMA_CPP and grammar.kind == "json_schema":
        return {"json_schema": json.loads(grammar.text)}
    raise Error(
        f"This remote model cannot be held to a grammar of the kind {grammar.kind}.",
        hint="JSON schemas are understood by most servers; grammars by llama.cpp's, vLLM and Rushlight.",
        kind="not-supported",
    )


def _message(message: Message) -> dict[str, Any]:
    made: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        made["tool_calls"] = json.loads(message.tool_calls)
        made["content"] = message.content or None
    if message.reasoning:
        made["reasoning_content"] = message.reasoning
    if message.name:
        made["name"] = message.name
    if message.tool_call_id:
        made["tool_call_id"] = message.tool_call_id
    return made


def embed_body(request: EmbedRequest, name: str, first: int, count: int) -> dict[str, Any]:
    """The body of /embeddings for some of the texts."""
    return {"model": name, "input": list(request.texts[first : first + count]), "encoding_format": "float"}


def score_body(request: ScoreRequest, name: str, kind: str) -> dict[str, Any]:
    """The body of /completions that writes nothing and says how likely the prompt is."""
    if request.lora:
        raise Error("An adapter of this machine cannot be used by a model on another one.", kind="not-supported")
    body: dict[str, Any] = {
        "model": name,
        "prompt": request.prompt or list(request.token_ids),
        "max_tokens": 0,
        "echo": True,
        "logprobs": request.logprobs,
        "temperature": 0.0,
    }
    if request.parse_special and kind == RUSHLIGHT:
        body["parse_special"] = True
    return body


def kind_of(listing: Any) -> str:
    """Which server lists its models so."""
    entries = listing.get("data") if isinstance(listing, dict) else None
    known = {"rushlight": RUSHLIGHT, "vllm": VLLM, "llamacpp": LLAMA_CPP}
    for entry in entries if isinstance(entries, list) else ():
        owner = entry.get("owned_by") if isinstance(entry, dict) else None
        if isinstance(owner, str) and owner in known:
            return known[owner]
    return OTHER


class Listed(msgspec.Struct, frozen=True):
    """A model that the other side lists."""

    name: str
    n_ctx: int = 0  # 0 = it does not say


def listed(listing: Any) -> tuple[Listed, ...]:
    """The models of an answer to GET /models; what is no model is left out."""
    entries = listing.get("data") if isinstance(listing, dict) else None
    found = []
    for entry in entries if isinstance(entries, list) else ():
        name = entry.get("id") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not 0 < len(name) <= 200 or not name.isprintable():
            continue
        meta = entry.get("meta")
        told = [entry.get("context_length"), entry.get("max_model_len")]
        told += [meta.get("n_ctx"), meta.get("n_ctx_train")] if isinstance(meta, dict) else []
        n_ctx = next((n for n in told if isinstance(n, int) and not isinstance(n, bool) and 0 < n < 2**31), 0)
        found.append(Listed(name, n_ctx))
        if len(found) >= 1000:
            break
    return tuple(found)
