"""What is not promised, measured all the same: correlated words, and a published picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from obclip.client.device import Device, Sampling
from obclip.cloud.engine import Engine, Job
from obclip.cloud.planner import make_plan
from obclip.diffusion.pairs import find
from obclip.errors import ObclipError
from obclip.evaluation.attacks.stats import Outcome
from obclip.evaluation.bench.prompts import captions, sets
from obclip.privacy import PrivacySettings, expand
from obclip.privacy.leakage import report

#: Prompts as people write them, the gender with its usual company.
PEOPLE = (
    "a bearded man chopping wood in a forest", "a handsome man in a suit, city at night",
    "portrait of a beautiful woman with long hair", "a woman in a flowing dress on a balcony",
    "a muscular man lifting weights", "a pretty woman with red lipstick",
    "a man with a moustache smoking a pipe", "a woman with a bun knitting by the fire",
    "a gorgeous woman wearing earrings", "a strong man with tattoos on a motorbike",
    "a cute woman with freckles and a flower crown", "a rugged man with stubble, cowboy hat",
)  # fmt: skip


def correlated(file: Path | None = None) -> Outcome:
    """Guesses gender by the shipped counts: the words in clear and the forms, nothing else.

    The prompts hold the true value; chance is what 1/N would be. One trial a text.
    """
    settings = PrivacySettings(protect=("gender",))
    texts: Sequence[str] = PEOPLE if file is None else captions(file)
    wins = trials = 0
    for text in texts:
        try:
            expansion = expand(text, settings)
        except ObclipError:
            continue
        if expansion.candidates.n != 2:
            continue
        trials += 1
        guess = _guess(text, settings)
        wins += guess == expansion.choice.reveal()
    return Outcome(wins, max(1, trials), 0.5)


def _guess(text: str, settings: PrivacySettings) -> int:
    """The likelier member by the words that all share: each hint is a vote."""
    expansion = expand(text, settings)
    values = expansion.candidates.attributes[0].values
    votes = dict.fromkeys(values, 0)
    for word in report(expansion).clear:
        for value in word["hints"].get("gender", []):
            if value in votes:
                votes[value] += 1
    return int(np.argmax([votes[v] for v in values]))


@torch.inference_mode()
def published(trials: int, pair_name: str = "mini", plan: str = "exact", n: int = 2) -> Outcome:
    """The user publishes the picture: the server finishes all latents itself and compares.

    With the real models of a pair; nearest picture by mean squared difference.
    """
    pair = find(pair_name)
    cloud, device = Device.of(pair.cloud), Device.of(pair.device)
    engine = Engine(cloud.parts)
    side = cloud.parts.side
    sampling = Sampling("dpm++", 25, pair.guidance, side, side)
    rng = np.random.default_rng(0)
    wins = 0
    for wanted in sets("benchmark", n, trials):
        members = list(wanted.candidates.prompts)
        at = int(rng.integers(n))
        job = Job(members, (), "dpm++", pair.guidance, side, side, 1, wanted.seed)
        made = make_plan(plan, n, 25, 10, (n,), cloud.parts.schedule)
        latents = engine.run(job, made)[0].half().float()
        (shown,) = device.finish(latents[[at]], [members[at]], [], sampling, 10)
        own = cloud.finish(latents, members, [], sampling, 10)
        gaps = [float(np.square(np.asarray(p, float) - np.asarray(shown, float)).mean())
                for p in own]  # fmt: skip
        wins += int(np.argmin(gaps)) == at
    return Outcome(wins, trials, 1 / n)
