"""Every method as a client of the stage: the product's own path, and the baselines beside it.

``Oblivious`` is the product: its own expansion, request, transport, validation and selection, in
the order of ``client/generate.py``; nothing here decides anything for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from obclip.client.download import Report, download
from obclip.client.profile import Public
from obclip.errors import ObclipError
from obclip.evaluation.attacks.stage import FACTS, Stage
from obclip.evaluation.peers import dp
from obclip.privacy import (
    CandidateSet,
    Expansion,
    PrivacySettings,
    expand,
    select,
    table_version,
)


@dataclass(slots=True)
class Got:
    """What the device has in the end: latents (images, channels, h, w), or the error it met."""

    latents: Any = None
    error: str = ""


class Client:
    """One device. ``private``: a promise of docs/privacy.md is made for it."""

    name = "client"
    private = False

    def __init__(self, settings: PrivacySettings, *, steps: int = 8, split: int = 3) -> None:
        self.settings = settings
        self.steps, self.split = steps, split
        self.rng = np.random.default_rng(0)  # the device's own: games reseed it

    def public(self, plan: str = "exact") -> Public:
        return Public(pair="mini", plan=plan, steps=self.steps, split=self.split)

    def ask(self, prompt: str, stage: Stage, seed: int) -> Got:
        """Draws one prompt; everything the server sees is in ``stage.view`` afterwards."""
        raise NotImplementedError

    def _download(
        self, found: CandidateSet, stage: Stage, seed: int, plan: str = "exact", index: Any = None
    ) -> Got:
        try:
            answer = download(
                found, self.public(plan), FACTS, stage.connection(), seed=seed, report=Report()
            )
        except ObclipError as error:
            return Got(error=error.code)
        if index is None:
            return Got(answer.latents.items[0])
        return Got(select(answer.latents, index))


class Oblivious(Client):
    """The product under one plan."""

    private = True

    def __init__(self, settings: PrivacySettings, plan: str = "exact", **numbers: int) -> None:
        super().__init__(settings, **numbers)
        self.plan, self.name = plan, f"ObCLIP, {plan}"

    def ask(self, prompt: str, stage: Stage, seed: int) -> Got:
        expansion = expand(prompt, self.settings)
        return self._download(expansion.candidates, stage, seed, self.plan, expansion.choice)


class Vanilla(Oblivious):
    """All steps of all candidates on the cloud."""

    def __init__(self, settings: PrivacySettings) -> None:
        super().__init__(settings, "exact", split=8)
        self.name = "vanilla oblivious"


class Alone(Client):
    """Sends one prompt in clear: cloud-only, Hybrid SD, HE-Diffusion (its network reads it)."""

    def __init__(self, settings: PrivacySettings, name: str, split: int = 8) -> None:
        super().__init__(settings, split=split)
        self.name = name

    def ask(self, prompt: str, stage: Stage, seed: int) -> Got:
        return self._download(self._alone(prompt), stage, seed)

    def _alone(self, prompt: str) -> CandidateSet:
        return CandidateSet((prompt,), (), (), table_version())


class Substitution(Alone):
    """Sends a member at random and repairs it on the device (the paper's figure 4)."""

    def __init__(self, settings: PrivacySettings) -> None:
        super().__init__(settings, "random substitution", split=3)

    def ask(self, prompt: str, stage: Stage, seed: int) -> Got:
        members = expand(prompt, self.settings).candidates.prompts
        return super().ask(members[int(self.rng.integers(len(members)))], stage, seed)


class Private(Alone):
    """Differential privacy on the prompt."""

    def __init__(self, settings: PrivacySettings, mechanism: dp.Mechanism) -> None:
        super().__init__(settings, f"{mechanism.kind.upper()}-like, epsilon {mechanism.epsilon:g}")
        self.mechanism = mechanism

    def ask(self, prompt: str, stage: Stage, seed: int) -> Got:
        expansion = expand(prompt, self.settings)
        vocabulary = self.mechanism.vocabulary
        sensitive = dp.sensitive_tokens(vocabulary, expansion.candidates.prompts)
        sent = self.mechanism.sanitise(expansion.candidates.prompts[expansion.choice.reveal()],
                                       sensitive, self.rng)  # fmt: skip
        text = vocabulary.text(sent) or "."
        found = CandidateSet((text,), (), (), expansion.candidates.table_version)
        return self._download(found, stage, seed)


class DeviceOnly(Client):
    """Opens no connection."""

    name, private = "device-only", True

    def ask(self, prompt: str, stage: Stage, seed: int) -> Got:
        return Got()


def own(expansion: Expansion) -> int:
    """The choice, which an evaluation may know."""
    return expansion.choice.reveal()
