"""Twelve ways in which a server may misbehave towards one candidate, or towards them all."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx
import numpy as np

from obclip.evaluation.attacks.stage import Deviate
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
    def deviate(body: bytes, _: Latents, __: int) -> bytes:
        time.sleep(0.0005 * at)
        return body

    return deviate


def _cut(at: int) -> Deviate:
    def deviate(body: bytes, latents: Latents, count: int) -> bytes:
        if count <= 2:
            raise httpx.RemoteProtocolError("cut off")
        return body[: len(body) - 2 * latents[:, at].size]

    return deviate


def _stale(at: int) -> Deviate:
    """The answer of another request, but for one candidate, which is the right one."""

    def deviate(_: bytes, latents: Latents, __: int) -> bytes:
        old = np.random.default_rng(2).standard_normal(latents.shape).astype(np.float16)
        old[:, at] = latents[:, at]
        return encode_latents(old)

    return deviate


def _shape(at: int) -> Deviate:
    return lambda _, x, __: encode_latents(np.ascontiguousarray(np.roll(x, at, 1)[..., :-1]))


def _large(at: int) -> Deviate:
    return lambda _, x, __: encode_latents(np.concatenate([x, x[:, [at]]], axis=1).repeat(40, 0))


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
