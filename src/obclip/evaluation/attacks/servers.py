"""Twelve ways in which a server may misbehave towards one candidate, or towards them all."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import numpy as np

from obclip.evaluation.attacks.stage import Deviate, Late
from obclip.protocol.codec import Latents, encode_latents


def _one(change: Callable[[Latents], Latents], at: int) -> Deviate:
    def deviate(_: bytes, latents: Latents, __: int) -> bytes:
        changed = latents.copy()
        changed[:, at] = change(changed[:, at])
        return encode_latents(changed)

    return deviate


def _noise(x: Latents) -> Latents:
    return (np.random.default_rng(1).standard_normal(x.shape) * 9).astype(np.float16)


def _mark(x: Latents) -> Latents:
    marked = x.copy()
    marked[..., ::2, ::2] += np.float16(8)
    return marked


def _swap(at: int) -> Deviate:
    def deviate(_: bytes, latents: Latents, __: int) -> bytes:
        order = list(range(latents.shape[1]))
        order[at], order[at - 1] = order[at - 1], order[at]
        return encode_latents(np.ascontiguousarray(latents[:, order]))

    return deviate


def _late(at: int) -> Deviate:
    return lambda body, _, __: Late(body, at)


def _cut(at: int) -> Deviate:
    """Breaks the line twice, then sends all candidates but ``at``, which was to come last."""

    def deviate(body: bytes, latents: Latents, count: int) -> bytes:
        if count <= 2:
            raise httpx.RemoteProtocolError("cut off")
        order = [*(i for i in range(latents.shape[1]) if i != at), at]
        whole = encode_latents(np.ascontiguousarray(latents[:, order]))
        return whole[: len(whole) - 2 * latents[:, at].size]

    return deviate


def _stale(at: int) -> Deviate:
    """The answer of another request, but for one candidate, which is the right one."""

    def deviate(_: bytes, latents: Latents, __: int) -> bytes:
        old = np.random.default_rng(2).standard_normal(latents.shape).astype(np.float16)
        old[:, at] = latents[:, at]
        return encode_latents(old)

    return deviate


def _spoilt(x: Latents, at: int) -> Latents:
    out = x.copy()
    out[:, at] = _noise(out[:, at])
    return out


def _shape(at: int) -> Deviate:
    return lambda _, x, __: encode_latents(np.ascontiguousarray(_spoilt(x, at)[..., :-1]))


def _large(at: int) -> Deviate:
    return lambda _, x, __: encode_latents(_spoilt(x, at).repeat(40, 0))


def _fewer(at: int) -> Deviate:
    return lambda _, x, __: encode_latents(np.delete(x, at, axis=1))


#: Name -> what is done to candidate ``at``.
WAYS: dict[str, Callable[[int], Deviate]] = {
    "spoil": lambda at: _one(_noise, at),
    "mark": lambda at: _one(_mark, at),
    "NaN": lambda at: _one(lambda x: np.full_like(x, np.nan), at),
    "swap": _swap,
    "delay": _late,
    "wrong shape": _shape,
    "oversize": _large,
    "truncated": _cut,
    "stale": _stale,
    "repeated": lambda at: lambda _, x, __: encode_latents(np.repeat(x[:, [at]], x.shape[1], 1)),
    "other N": _fewer,
    "other k": lambda at: _one(lambda x: x * np.float16(0.3), at),
}
