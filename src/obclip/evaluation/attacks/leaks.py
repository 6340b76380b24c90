"""Clients that leak on purpose. They live here and nowhere else; each must be caught by a game."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import httpx
import numpy as np

from obclip.client.download import Report, download
from obclip.client.transport import Connection
from obclip.errors import ObclipError
from obclip.evaluation.attacks.clients import Got, Oblivious, own
from obclip.evaluation.attacks.stage import CHANNELS, FACTOR, FACTS, SIDE, Stage, honest
from obclip.privacy import CandidateSet, Expansion, PrivacySettings, expand
from obclip.protocol.codec import Latents, decode_latents


def reordered(found: CandidateSet, order: Sequence[int]) -> CandidateSet:
    """The members in another order, or some of them; no product set any more."""
    return replace(found, prompts=tuple(found.prompts[i] for i in order), negatives=())


class Leak(Oblivious):
    """A planted leak; ``private`` is off, since none is promised."""

    private = False
    leak = "leak"

    def __init__(self, settings: PrivacySettings) -> None:
        super().__init__(settings)
        self.name = f"planted: {self.leak}"


class OwnFirst(Leak):
    """Order leak: the user's own prompt heads the list."""

    leak = "own prompt first"

    def order(self, n: int, at: int) -> list[int]:
        return [at, *(i for i in range(n) if i != at)]

    def ask(self, prompt: str, stage: Stage, seed: int) -> Got:
        expansion = expand(prompt, self.settings)
        order = self.order(expansion.candidates.n, own(expansion))
        return self._download(reordered(expansion.candidates, order), stage, seed)


class PivotByChoice(OwnFirst):
    """The reused attention map comes from the first row: the own candidate is turned there."""

    leak = "pivot by choice"

    def order(self, n: int, at: int) -> list[int]:
        return [(at + i) % n for i in range(n)]


class TemplateBlocks(Leak):
    """Smaller sets, cut anew for each template: every one holds the own value, few hold another."""

    leak = "blocks by template"

    def ask(self, prompt: str, stage: Stage, seed: int) -> Got:
        expansion = expand(prompt, self.settings)
        found, at = expansion.candidates, own(expansion)
        key = hashlib.sha256(found.prompts[0].encode()).digest()
        order = np.random.default_rng(list(key)).permutation(found.n).tolist()
        place = order.index(at) // 2 * 2
        kept = sorted(order[place : place + 2])
        if len(kept) < 2:
            kept = sorted({*kept, order[0]})
        return self._download(reordered(found, kept), stage, seed)


class PromptCache(Leak):
    """Remembers pictures by the prompt, so a repeat is silent and an edit is not."""

    leak = "cache keyed by the prompt"

    def __init__(self, settings: PrivacySettings) -> None:
        super().__init__(settings)
        self.seen: dict[str, Got] = {}

    def ask(self, prompt: str, stage: Stage, seed: int) -> Got:
        if prompt not in self.seen:
            self.seen[prompt] = super().ask(prompt, stage, seed)
        return self.seen[prompt]


class EarlyCancel(Leak):
    """Looks at its own latents first, and cancels the job as soon as they look wrong."""

    leak = "early cancel"

    def ask(self, prompt: str, stage: Stage, seed: int) -> Got:
        expansion = expand(prompt, self.settings)
        seen = _Peek(stage.connection())
        got = Got(error="answer_invalid")
        with suppress(ObclipError):
            answer = download(
                expansion.candidates, self.public(), FACTS, seen, seed=seed, report=Report()
            )
            got = Got(answer.latents.items[own(expansion)])
        if _looks_bad(seen.raw, expansion):
            seen._client.delete("/v1/generations/0")
        seen.really_close()
        return got


class _Peek(Connection):
    """A connection that lies about being closed, and keeps the last bytes that came over it."""

    def __init__(self, of: Connection) -> None:
        self.__dict__.update(of.__dict__)
        self.raw = b""

    @property
    def is_closed(self) -> bool:
        return True

    def close(self) -> None:
        """Stays open: this is the leak."""

    def really_close(self) -> None:
        super().close()

    def _exchange(self, method: str, path: str, body: bytes, cap: int) -> bytes:
        self.raw = super()._exchange(method, path, body, cap)
        return self.raw


class Reconnect(Leak):
    """Judges its own latents alone, and asks again when they are bad."""

    leak = "reconnect on a bad latent"

    def ask(self, prompt: str, stage: Stage, seed: int) -> Got:
        expansion = expand(prompt, self.settings)
        seen = _Peek(stage.connection())
        with suppress(ObclipError):
            download(expansion.candidates, self.public(), FACTS, seen, seed=seed, report=Report())
        seen.really_close()
        if _looks_bad(seen.raw, expansion):
            return super().ask(prompt, stage, seed + 1)
        return Got()


def _looks_bad(raw: bytes, expansion: Expansion) -> bool:
    shape = (1, expansion.candidates.n, CHANNELS, SIDE // FACTOR, SIDE // FACTOR)
    try:
        mine = decode_latents(raw, shape)[0, own(expansion)].astype(np.float32)
    except ObclipError:
        return False
    return bool(not np.isfinite(mine).all() or np.abs(mine).max() > 6 or mine.std() < 0.5)


class _Greedy(_Peek):
    """Reads whatever comes, however long or broken, and keeps it."""

    def _exchange(self, method: str, path: str, body: bytes, cap: int) -> bytes:
        if not path.endswith("/latents"):
            return super()._exchange(method, path, body, cap)
        for _ in range(3):
            with suppress(httpx.HTTPError), self._client.stream(method, path) as response:
                self.raw = b"".join(response.iter_raw())
                return self.raw
        return b""


class Preview(Leak):
    """Knows from a preview what its own latents must be, and asks again when they are not there.

    It reads leniently, as far as an answer goes, so even a broken one shows what it looked for.
    """

    leak = "own latents held against a preview"

    def ask(self, prompt: str, stage: Stage, seed: int) -> Got:
        expansion = expand(prompt, self.settings)
        seen = _Greedy(stage.connection())
        with suppress(ObclipError):
            download(expansion.candidates, self.public(), FACTS, seen, seed=seed, report=Report())
        seen.really_close()
        if not _found(seen.raw, honest(stage.view.asked[0]), own(expansion)):
            return super().ask(prompt, stage, seed + 1)
        return Got()


def _found(raw: bytes, expected: Latents, at: int) -> bool:
    """Whether the own latents stand at their place, or in a broken answer at any."""
    mine = expected[:, at]
    try:
        return bool(np.array_equal(decode_latents(raw, expected.shape)[:, at], mine))
    except ObclipError:
        cropped = np.ascontiguousarray(mine[..., :-1])
        return mine.tobytes() in raw or cropped.tobytes() in raw


class HangUp(Leak):
    """Stops reading as soon as its own candidate has come."""

    leak = "hangs up once its own has come"

    def ask(self, prompt: str, stage: Stage, seed: int) -> Got:
        expansion = expand(prompt, self.settings)
        seen = _Impatient(stage.connection())
        seen.place = own(expansion)
        with suppress(ObclipError):
            download(expansion.candidates, self.public(), FACTS, seen, seed=seed, report=Report())
        seen.really_close()
        return Got()


class _Impatient(_Peek):
    place = 0

    def _exchange(self, method: str, path: str, body: bytes, cap: int) -> bytes:
        if not path.endswith("/latents"):
            return super()._exchange(method, path, body, cap)
        with self._client.stream(method, path) as response:
            for i, _ in enumerate(response.iter_raw()):
                if i == self.place:
                    break
        return b""


LEAKS: tuple[type[Leak], ...] = (
    OwnFirst, PivotByChoice, TemplateBlocks, PromptCache, EarlyCancel, Reconnect, Preview, HangUp,
)  # fmt: skip
