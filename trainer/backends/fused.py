"""Parts of a model on a processor, computed by the faster library and in fewer passes over memory: linear layers with
and without LoRA, RMS norms, RoPE.

Norms and RoPE are tried against what they replace, value and gradient, and stay as they were where they differ.
Letters: T tokens, r rank.
"""

import sys
from types import MethodType
from typing import Any, Final

import torch

from rushlight.trainer.products import linear, linear_onto, times, transposed

_MOST_APART: Final = 2e-5


def fuse(model: Any) -> None:
    """Replace what can be replaced in `model`, on a processor in float32."""
    from peft.tuners.lora.layer import Linear

    known: dict[type, bool] = {}
    for module in model.modules():
        kind = type(module)
        if kind is torch.nn.Linear:
            module.forward = MethodType(_linear, module)
        elif isinstance(module, Linear):
            if _is_plain(module):
                module.forward = MethodType(_lora, module)
        elif kind.__name__.endswith("RMSNorm") and _eps(module) is not None:
            if kind not in known:
                known[kind] = _norm_is_same(module)
            if known[kind]:
                module.forward = MethodType(_norm, module)
    for name in {type(module).__module__ for module in model.modules()}:
        place: Any = sys.modules.get(name) if name.startswith("transformers.models.") else None
        rotate = getattr(place, "apply_rotary_pos_emb", None)
        if rotate is not None and not hasattr(rotate, "replaces"):
            ours = _rotary_for(rotate)
            if _rotation_is_same(rotate, ours):
                place.apply_rotary_pos_emb = ours


# --- LoRA ---------------------------------------------------------------------------------------------------------
def _is_plain(module: Any) -> bool:
    """A linear layer in float32 with one adapter, no dropout, and nothing but A and B."""
    base, names = module.base_layer, list(module.lora_A)
    if type(base) is not torch.nn.Linear or base.weight.dtype != torch.float32 or base.weight.requires_grad:
        return False
    if len(names) != 1 or module.lora_variant or getattr(module, "fan_in_fan_out", False):
        return False
    name = names[0]
    a, b = module.lora_A[name], module.lora_B[name]
    has_dropout = not isinstance(module.lora_dropout[name], torch.nn.Identity)
    return not (has_dropout or a.bias is not None or b.bias is not None or a.weight.dtype != torch.float32)


def _lora(self: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    name = next(iter(self.lora_A))
    if (
        args
        or kwargs
        or self.disable_adapters
        or self.merged
        or self.active_adapters != [name]
        or x.dtype != torch.float32
    ):
        return type(self).forward(self, x, *args, **kwargs)
    a, b = self.lora_A[name].weight, self.lora_B[name].weight
    return _Lora.apply(x, self.base_layer.weight, self.base_layer.bias, a, b, self.scaling[name])


class _Lora(torch.autograd.Function):
    """x W^T + bias + factor (x A^T) B^T, each product added into the one before."""

    @staticmethod
    def forward(ctx: Any, x: Any, weight: Any, bias: Any, a: Any, b: Any, factor: float) -> Any:
        flat = x.reshape(-1, x.shape[-1])
        low = linear(flat, a).mul_(factor)  # (T, r)
        out = linear_onto(linear(flat, weight, bias), low, b)
        ctx.save_for_backward(flat, low, weight, a, b)
        ctx.factor = factor
        return out.view(*x.shape[:-1], out.shape[-1])

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        flat, low, weight, a, b = ctx.saved_tensors
        given = gradient.reshape(-1, gradient.shape[-1])
        narrow = times(given, b).mul_(ctx.factor)  # (T, r)
        of_b = transposed(given, low)
        of_a = transposed(narrow, flat)
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = linear_onto(times(given, weight), narrow, a.T).view(*gradient.shape[:-1], flat.shape[-1])
        return of_x, None, None, of_a, of_b, None


# --- other linear layers --------------------------------------------------------------------------------------------
def _linear(self: Any, x: Any) -> Any:
    if x.dtype != torch.float32 or self.weight.dtype != torch.float32 or torch.is_autocast_enabled("cpu"):
        return torch.nn.functional.linear(x, self.weight, self.bias)
    return _Linear.apply(x, self.weight, self.bias)


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any, weight: Any, bias: Any) -> Any:
        flat = x.reshape(-1, x.shape[-1])
        ctx.save_for_backward(flat if weight.requires_grad else None, weight)
        return linear(flat, weight, bias).view(*x.shape[:-1], weight.shape[0])

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        flat, weight = ctx.saved_tensors
        given = gradient.reshape(-1, gradient.shape[-1])
        wants_x, wants_weight, wants_bias = ctx.needs_input_grad
        of_x = times(given, weight).view(*gradient.shape[:-1], weight.shape[1]) if wants_x else None
        return of_x, transposed(given, flat) if wants_weight else None, given.sum(0) if wants_bias else None


# --- RMS norms ------------------------------------------------------------------------------------------------------
def _eps(module: Any) -> float | None:
    found = getattr(module, "variance_epsilon", getattr(module, "eps", None))
    weight = getattr(module, "weight", None)
    is_plain = isinstance(weight, torch.nn.Parameter) and weight.dtype == torch.float32 and not weight.requires_grad
    return float(found) if isinstance(found, float) and is_plain else None


def _norm(self: Any, hidden_states: Any) -> Any:
    if hidden_states.dtype != torch.float32 or self.weight.requires_grad:
        return type(self).forward(self, hidden_states)
    return _Norm.apply(hidden_states, self.weight, _eps(self))


class _Norm(torch.autograd.Function):
    """x / sqrt(mean(x^2) + eps) * weight (Zhang & Sennrich 2019, arXiv:1910.07467); the weight is not trained."""

    @staticmethod
    def forward(ctx: Any, x: Any, weight: Any, eps: float) -> Any:
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        scale = (length.square_() / x.shape[-1] + eps).rsqrt_()
        ctx.save_for_backward(x, weight, scale)
        return (x * scale).mul_(weight)

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        x, weight, scale = ctx.saved_tensors
        found = gradient * weight
        along = torch.linalg.vecdot(found, x)[..., None]
        along.mul_(scale.pow(3)).div_(x.shape[-1])
        return found.mul_(scale).addcmul_(x, along, value=-1.0), None, None


def _norm_is_same(module: Any) -> bool:
    x = torch.randn(1, 5, module.weight.shape[-1], generator=torch.Generator().manual_seed(1)).requires_grad_()
    try:
        with torch.enable_grad():
            return _agree(type(module).forward(module, x), _norm(module, x), (x,))
    except (RuntimeError, TypeError, AttributeError):
        return False


# --- rotary positions -----------------------------------------------------------------------------------------------
def _rotary_for(rotate: Any) -> Any:
    """RoPE (Su et al. 2021, arXiv:2104.09864) of queries and keys, in the two halves that Hugging Face's models have;
    by `rotate` where only a part of a head turns."""

    def turned(q: Any, k: Any, cos: Any, sin: Any, *args: Any, unsqueeze_dim: int = 1, **kwargs: Any) -> Any:
        if args or kwargs or not q.dtype == k.dtype == cos.dtype == torch.float32 or cos.shape[-1] != q.shape[-1]:
            return rotate(q, k, cos, sin, *args, unsqueeze_dim=unsqueeze_dim, **kwargs)
        cos, sin = cos.unsqueeze(unsqueeze_dim), sin.unsqueeze(unsqueeze_dim)
        return _Rotation.apply(q, cos, sin), _Rotation.apply(k, cos, sin)

    turned.replaces = rotate  # type: ignore[attr-defined]
    return turned


class _Rotation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any, cos: Any, sin: Any) -> Any:
        ctx.save_for_backward(cos, sin)
        return _rotated(x, cos, sin, 1.0)

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        cos, sin = ctx.saved_tensors
        return _rotated(gradient, cos, sin, -1.0), None, None


def _rotated(x: Any, cos: Any, sin: Any, sign: float) -> Any:
    half = x.shape[-1] // 2
    out = x * cos
    out[..., :half].addcmul_(x[..., half:], sin[..., :half], value=-sign)
    out[..., half:].addcmul_(x[..., :half], sin[..., half:], value=sign)
    return out


def _rotation_is_same(rotate: Any, ours: Any) -> bool:
    chance = torch.Generator().manual_seed(2)
    q, k = (torch.randn(1, n, 5, 8, generator=chance).requires_grad_() for n in (4, 2))
    angles = torch.randn(1, 5, 4, generator=chance).repeat(1, 1, 2)
    try:
        with torch.enable_grad():
            old, new = (torch.cat([one.flatten() for one in turn(q, k, angles.cos(), angles.sin())])
                        for turn in (rotate, ours))  # fmt: skip
            return _agree(old, new, (q, k))
    except (RuntimeError, TypeError, AttributeError):
        return False


def _agree(old: Any, new: Any, inputs: tuple[Any, ...]) -> bool:
    """Whether two results are the same, and their gradients in `inputs`."""
    weights = torch.randn(old.shape, generator=torch.Generator().manual_seed(3))
    of_old, of_new = (torch.autograd.grad((one * weights).sum(), inputs) for one in (old, new))
    pairs = [(old.detach(), new.detach()), *zip(of_old, of_new, strict=True)]
    return all(float((one - other).abs().max()) <= _MOST_APART for one, other in pairs)
