"""Peak memory of a plan, estimated before it runs, and the largest batch that fits a budget.

Live tensors of the very calls are counted on the meta device, so weights are not needed. Kernels'
own scratch space is not seen; attention is taken to be fused, as it is wherever torch can.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from obclip.cloud.cost import frozen, meta_unet
from obclip.cloud.passes import chunks
from obclip.cloud.plan import Kind, Plan
from obclip.cloud.sample import kept_bytes, sample_call
from obclip.errors import PlanError

Config = tuple[tuple[str, Any], ...]


def peak_bytes(
    plan: Plan, unet_config: dict[str, Any], height: int, width: int, tokens: int, *,
    batch: int, images: int = 1, element: int = 4, guidance: bool = True,
) -> int:  # fmt: skip
    """Weights, the dearest model call, and what is kept between steps for all rows.

    Args:
        height, width: of the latents, in cells. batch: rows of one call at most.
        element: bytes of a number of the model (4 in fp32, 2 in bf16).
        guidance: whether unconditional passes are made at all.
    """
    config = frozen(unet_config)
    weights = sum(int(p.numel()) for p in meta_unet(config).parameters())
    calls = [
        _call_numbers(config, height, width, tokens, step.kind)
        * (chunk.rows.stop - chunk.rows.start)
        for i, step in enumerate(plan.program)
        for chunk in chunks(plan, i, images, batch, guidance=guidance)
    ]
    rows = [images * (s.conditional + (s.unconditional if guidance else 0)) for s in plan.program]
    kept = [
        n * _kept_numbers(config, height, width, tokens, s.kind)
        for n, s in zip(rows, plan.program, strict=True)
    ]
    return element * (weights + max(calls, default=0) + max(kept, default=0))


def largest_batch(
    plan: Plan, unet_config: dict[str, Any], height: int, width: int, tokens: int, *,
    budget: int, images: int = 1, element: int = 4, guidance: bool = True,
) -> int:  # fmt: skip
    """Rows of one call at most, so that the plan runs within ``budget`` bytes.

    Raises:
        PlanError: not even one row at a time fits.
    """

    def peak(batch: int) -> int:
        return peak_bytes(
            plan, unet_config, height, width, tokens, batch=batch, images=images, element=element,
            guidance=guidance,
        )  # fmt: skip

    least = peak(1)
    if least > budget:
        raise PlanError(
            "the plan does not fit the memory", code="no_memory",
            got=f"a budget of {budget} bytes", expected=f"{least} bytes or more",
        )  # fmt: skip
    low, high = 1, max((2 * images * len(s.nodes) for s in plan.program), default=1)
    while low < high:  # the peak rises with the batch
        middle = (low + high + 1) // 2
        low, high = (middle, high) if peak(middle) <= budget else (low, middle - 1)
    return low


@lru_cache(maxsize=64)
def _kept_numbers(config: Config, height: int, width: int, tokens: int, kind: Kind) -> int:
    return kept_bytes(meta_unet(config), height, width, tokens, kind) // 4  # made in fp32


@lru_cache(maxsize=64)
def _call_numbers(config: Config, height: int, width: int, tokens: int, kind: Kind) -> int:
    call = sample_call(meta_unet(config), height, width, tokens, kind, 1)
    live = _Live()
    with live, _Fused(), torch.inference_mode():
        call()
    return live.peak // 4


class _Fused(TorchFunctionMode):
    """Attention as a kernel that keeps no map."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.nn.functional.scaled_dot_product_attention:
            query, _, value = args[:3]
            return query.new_empty(*query.shape[:-1], value.shape[-1])
        return func(*args, **(kwargs or {}))


class _Live(TorchDispatchMode):
    """Follows the bytes of all tensors made inside it that are still alive."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = 0
        self._seen: dict[int, tuple[Any, int]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self._seen = {k: v for k, v in self._seen.items() if not v[0].expired()}
        for value in tree_leaves(out):
            if isinstance(value, Tensor):
                storage = value.untyped_storage()
                weak: Any = StorageWeakRef(storage)  # type: ignore[no-untyped-call]
                self._seen[storage._cdata] = (weak, storage.nbytes())
        self.peak = max(self.peak, sum(size for _, size in self._seen.values()))
        return out
