"""What is not promised, measured all the same: priors, words that tell, and a published picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from obclip.client.device import Device, Sampling
from obclip.cloud.engine import Engine, Job
from obclip.cloud.planner import make_plan
from obclip.diffusion.pairs import find
from obclip.errors import ObclipError, RequestError
from obclip.evaluation.attacks.stats import Outcome
from obclip.evaluation.bench.prompts import captions, sets
from obclip.privacy import Expansion, PrivacySettings, expand
from obclip.privacy.leakage import _posterior, _slots, words_in

#: Prompts as people write them, the gender with its usual company.
PEOPLE = (
    "a bearded man chopping wood in a forest", "a handsome man in a suit, city at night",
    "portrait of a beautiful woman with long hair", "a woman in a flowing dress on a balcony",
    "a muscular man lifting weights", "a pretty woman with red lipstick",
    "a man with a moustache smoking a pipe", "a woman with a bun knitting by the fire",
    "a gorgeous woman wearing earrings", "a strong man with tattoos on a motorbike",
    "a cute woman with freckles and a flower crown", "a rugged man with stubble, cowboy hat",
)  # fmt: skip


def prior_aware(file: Path | None = None, *, words: bool = True) -> Outcome:
    """Guesses gender by the shipped counts, knowing how people write.

    The prompts hold the true value; chance is what 1/N would be. One trial a text.

    Args:
        words: also reads the words that stay in clear; else the mention's own forms alone, how
            often each is written.

    Raises:
        RequestError: a file that cannot be read, or holds no prompt whose set has two members.
    """
    settings = PrivacySettings(protect=("gender",))
    texts: Sequence[str] = PEOPLE if file is None else captions(file)
    wins = trials = 0
    for text in texts:
        try:
            expansion = expand(text, settings)
        except ObclipError:
            continue
        if expansion.candidates.n == 2:
            trials += 1
            wins += _guess(expansion, words) == expansion.choice.reveal()
    if not trials:
        raise RequestError(
            "no prompt there gives a set of two", code="bad_prompts", got=str(file),
            expected="prompts with one person whose gender is said",
        )  # fmt: skip
    return Outcome(wins, trials, 0.5)


def _guess(expansion: Expansion, words: bool) -> int:
    """The likeliest member: its own forms, and the clear words if they are read."""
    place, (name, _, likelihoods) = next(
        (i, slot) for i, slot in enumerate(_slots(expansion.candidates)) if len(slot[2]) == 2
    )
    clear = {w for text in expansion.clear for w in words_in(text)} if words else ()
    posterior = _posterior(name, likelihoods, clear)
    values = expansion.candidates.attributes[place].values
    return int(np.argmax([posterior[v] for v in values]))


@lru_cache(maxsize=1)
def _models(name: str) -> tuple[Device, Device]:
    pair = find(name)
    return Device.of(pair.cloud), Device.of(pair.device)


@torch.inference_mode()
def published(
    trials: int, pair_name: str = "mini", plan: str = "exact", n: int = 2,
    on_done: Callable[[int, int], None] = lambda _, __: None,
) -> Outcome:  # fmt: skip
    """The user publishes the picture: the server finishes all latents itself and compares.

    It does so with its own model, as one that does not know which the device runs; a server with
    the device's model, which is public, has the very picture. Nearest by mean squared difference.
    """
    pair = find(pair_name)
    cloud, device = _models(pair_name)
    engine = Engine(cloud.parts)
    side = cloud.parts.side
    sampling = Sampling("dpm++", 25, pair.guidance, side, side)
    rng = np.random.default_rng(0)
    wins = 0
    for done, wanted in enumerate(sets("benchmark", n, trials)):
        on_done(done, trials)
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
    on_done(trials, trials)
    return Outcome(wins, trials, 1 / n)
