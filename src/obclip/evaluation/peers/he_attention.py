"""What it would take to hide the prompt: cross-attention's keys and values under encryption.

One token's prompt state is encrypted and multiplied by a layer's ``to_k`` and ``to_v`` in clear
weights, with TenSEAL's CKKS. That is *measured*. The figure for all tokens, layers and steps, and
the one for a whole network, are *extrapolated* from it, and say so in every field's name.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import torch

from obclip.errors import ModelError

#: CKKS parameters for one product with clear weights: 128-bit security, depth one.
DEGREE, CHAIN, SCALE_BITS = 8192, (60, 40, 60), 40


@dataclass(frozen=True, slots=True)
class Layer:
    """One cross-attention's keys and values: prompt width in, attention width out."""

    name: str
    width_in: int
    width_out: int


@dataclass(frozen=True, slots=True)
class Products:
    """Seconds of one token's ``to_k`` and ``to_v`` under encryption, and what follows from them.

    ``measured_seconds_token`` is wall clock. Fields that begin with ``extrapolated_`` are products
    of it with counts. The text encoder, softmax, normalisation and activations, which CKKS cannot
    do without approximations or help of the client, are in none of them.
    """

    layer: Layer
    measured_seconds_token: float
    measured_error: float
    tokens: int
    layers: int
    extrapolated_seconds_all_keys_and_values: float
    extrapolated_seconds_all_products_of_one_pass: float
    extrapolated_seconds_all_products_of_a_picture: float


def layers_of(unet_config: dict[str, Any]) -> list[Layer]:
    """Every cross-attention of an architecture, counted on the meta device."""
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(unet_config)
    return [
        Layer(name, module.to_k.in_features, module.to_k.out_features)
        for name, module in unet.named_modules()
        if name.endswith("attn2")
    ]


def measure(
    unet_config: dict[str, Any], pass_flops: int, *, tokens: int = 77, steps: int = 25,
    weights: tuple[torch.Tensor, torch.Tensor] | None = None, state: torch.Tensor | None = None,
    layer: int = 0,
) -> Products:  # fmt: skip
    """Measures one token of one layer; extrapolates the rest by multiply-adds.

    Args:
        pass_flops: of one whole pass of batch 1 (two for a multiply-add).
        weights: ``to_k`` and ``to_v`` (out, in); random ones cost the same and are used unless
            given, as is ``state`` (in,).

    Raises:
        ModelError: TenSEAL is missing, or the architecture has no cross-attention.
    """
    from obclip.evaluation.peers.he import context as needs_tenseal

    needs_tenseal()
    import tenseal

    found = layers_of(unet_config)
    if not found:
        raise ModelError("no cross-attention there", code="bad_model", expected="one or more")
    one = found[layer]
    generator = torch.Generator().manual_seed(0)
    shape = (one.width_out, one.width_in)
    to_k, to_v = weights or tuple(
        torch.randn(shape, generator=generator) / one.width_in**0.5 for _ in "kv"
    )
    token = torch.randn(one.width_in, generator=generator) if state is None else state
    keys = tenseal.context(
        tenseal.SCHEME_TYPE.CKKS, poly_modulus_degree=DEGREE, coeff_mod_bit_sizes=list(CHAIN)
    )
    keys.global_scale = 2**SCALE_BITS
    keys.generate_galois_keys()
    columns = [w.T.tolist() for w in (to_k, to_v)]
    start = time.perf_counter()
    vector = tenseal.ckks_vector(keys, token.tolist())
    answers = [vector.matmul(matrix).decrypt() for matrix in columns]
    seconds = time.perf_counter() - start
    error = max(
        float((torch.tensor(a) - w @ token).abs().max())
        for a, w in zip(answers, (to_k, to_v), strict=True)
    )
    macs = 2 * one.width_in * one.width_out
    each = seconds / macs
    all_macs = sum(2 * x.width_in * x.width_out for x in found) * tokens
    return Products(
        one,
        seconds,
        error,
        tokens,
        len(found),
        extrapolated_seconds_all_keys_and_values=each * all_macs,
        extrapolated_seconds_all_products_of_one_pass=each * pass_flops / 2,
        extrapolated_seconds_all_products_of_a_picture=each * pass_flops / 2 * 2 * steps,
    )
