"""Twelve ways in which a server may misbehave, each aimed at one candidate where that is possible.

Each is a cheat for ``fakes.between``. ``victim`` is the candidate that the server goes after; what
it does depends on that and on the honest answer, never on anything the device keeps to itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from obclip.protocol.codec import decode_latents, encode_latents
from tests.client.fakes import Answer, Cheat, at, stage

Shape = tuple[int, int, int, int, int]
Change = Callable[[Any, int], Any]


def _changed(shape: Shape, victim: int, change: Change) -> Cheat:
    def body(honest: bytes) -> bytes:
        latents = decode_latents(honest, shape).copy()
        return encode_latents(np.ascontiguousarray(change(latents, victim)))

    return at("latents", body=body)


def _spoil(x: Any, i: int) -> Any:
    x[:, i] = np.float16(30.0)
    return x


def _mark(x: Any, i: int) -> Any:
    x[:, i, :, ::2, ::2] += np.float16(0.05)
    return x


def _nan(x: Any, i: int) -> Any:
    x[0, i, 0, 0, 0] = np.nan
    return x


def _swap(x: Any, i: int) -> Any:
    other = (i + 1) % x.shape[1]
    x[:, [i, other]] = x[:, [other, i]]
    return x


def _other_k(x: Any, i: int) -> Any:
    noise = np.random.default_rng(0).standard_normal(x[:, i].shape)
    x[:, i] = (x[:, i] * 0.5 + noise).astype(np.float16)
    return x


def _delay(shape: Shape, victim: int) -> Cheat:
    def cheat(_: str, path: str, answer: Answer) -> Answer:
        if stage(path) == "latents":
            time.sleep(0.02 * (1 + victim))
        return answer

    return cheat


def _truncated(shape: Shape, victim: int) -> Cheat:
    """Ends inside the victim's latents, with a length that claims the rest."""

    def cheat(_: str, path: str, answer: Answer) -> Answer:
        if stage(path) == "latents":
            answer.length = len(answer.body)
            answer.body = answer.body[: len(answer.body) * (victim + 1) // (shape[1] + 1)]
        return answer

    return cheat


def _stale(shape: Shape, victim: int) -> Cheat:
    """An answer of the same form from another day."""
    old = np.random.default_rng(victim).standard_normal(shape).astype(np.float16)
    return at("latents", body=encode_latents(old))


def _repeated(x: Any, i: int) -> Any:
    return np.repeat(x[:, i : i + 1], x.shape[1], axis=1)


#: name -> (maker of the cheat, does the device draw a picture all the same).
MISBEHAVIOURS: dict[str, tuple[Callable[[Shape, int], Cheat], bool]] = {
    "spoil": (lambda s, v: _changed(s, v, _spoil), True),
    "mark": (lambda s, v: _changed(s, v, _mark), True),
    "nan": (lambda s, v: _changed(s, v, _nan), False),
    "swap": (lambda s, v: _changed(s, v, _swap), True),
    "delay": (_delay, True),
    "wrong shape": (lambda s, v: _changed(s, v, lambda x, i: x[..., :-1]), False),
    "oversize": (lambda s, v: at("latents", body=lambda b: b + bytes(1 << 16)), False),
    "truncated": (_truncated, False),
    "stale": (_stale, True),
    "repeated": (lambda s, v: _changed(s, v, _repeated), True),
    "other N": (lambda s, v: _changed(s, v, lambda x, i: np.delete(x, i, axis=1)), False),
    "other k": (lambda s, v: _changed(s, v, _other_k), True),
}
