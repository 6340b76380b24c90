"""The peers alone: seconds under encryption, and what differential privacy gives away.

Every row says whether it was measured here or extrapolated from what was.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from obclip.client.device import Device, Sampling
from obclip.cloud.cost import counter
from obclip.cloud.plan import Kind
from obclip.diffusion.architectures import side_of, unet_of
from obclip.diffusion.pairs import Pair
from obclip.evaluation.bench.prompts import sets
from obclip.evaluation.bench.rows import ROWS
from obclip.evaluation.bench.told import words_tell
from obclip.evaluation.peers import dp, he, he_attention

MEASURED, EXTRAPOLATED = "measured", "EXTRAPOLATED"
HEAD = ("peer", "what", "value", "95 % interval", "how known")
PROMPT = "a noto emoji of a woman judge with medium-dark skin"


@dataclass(frozen=True, slots=True)
class Fact:
    """One figure of a peer; ``unit`` is seconds, a share, or bytes. ``low`` and ``high`` are a
    bootstrap interval where there is one.
    """

    peer: str
    what: str
    value: float
    unit: str
    how: str = MEASURED
    low: float | None = None
    high: float | None = None

    def cells(self) -> tuple[str, ...]:
        """One row of ``HEAD``."""
        told = f"{self.value:.3g}" if self.value < 1000 else f"{self.value:.2e}"
        interval = "-" if self.low is None else f"[{self.low:.3f}, {self.high:.3f}]"
        return self.peer, self.what, f"{told} {self.unit}".strip(), interval, self.how


def update(pair: Pair) -> list[Fact]:
    """One picture of 25 steps as HE-Diffusion's public code makes it, and its distance from the
    picture without encryption.

    Raises:
        ModelError: TenSEAL is missing, or the pair's weights.
    """
    cloud = Device.of(pair.cloud)
    side = cloud.parts.side
    sampling = Sampling("ddim", 25, pair.guidance, side, side)
    noise, measured = cloud.noise(sampling, 1, 1), he.Measured()
    hidden = he.run(cloud, PROMPT, sampling, noise, measured)
    plain = cloud.finish_latents(noise, [PROMPT], [], sampling, 0)
    peer = f"HE-Diffusion's update, {side} px, 25 steps"
    out = [Fact(peer, name, value, "s") for name, value in measured.seconds.items()]
    return [
        *out,
        Fact(peer, "share of the values encrypted", measured.share, ""),
        Fact(peer, "ciphertext a step", measured.ciphertext / measured.steps / 1e6, "MB"),
        Fact(peer, "largest error of a latent", float((hidden - plain).abs().max()), ""),
        Fact(peer, "standard deviation of the latents", float(plain.std()), ""),
    ]


def products(pair: Pair) -> list[Fact]:
    """Keys and values of the prompt under encryption, one token of one layer; the rest by counting
    products.

    Raises:
        ModelError: TenSEAL is missing, or an architecture that nobody knows.
    """
    config, factor, tokens = unet_of(pair.cloud)
    cells = side_of(pair, config, factor) // factor
    one_pass = counter(config, cells, cells, tokens)(Kind(), 1)
    p = he_attention.measure(config, one_pass, tokens=tokens)
    peer = f"prompt under CKKS, cloud of {pair.name}"
    shape = f"{p.layer.width_in} to {p.layer.width_out}"
    far = EXTRAPOLATED
    return [
        Fact(peer, f"one token, to_k and to_v of one layer ({shape})", p.measured_seconds_token,
             "s"),
        Fact(peer, "largest error of a product", p.measured_error, ""),
        Fact(peer, f"keys and values, {tokens} tokens, {p.layers} layers",
             p.extrapolated_seconds_all_keys_and_values, "s", far),
        Fact(peer, "all products of one UNet pass",
             p.extrapolated_seconds_all_products_of_one_pass, "s", far),
        Fact(peer, "all products of one picture",
             p.extrapolated_seconds_all_products_of_a_picture, "s", far),
    ]  # fmt: skip


def private(pair: Pair, ns: list[int], rounds: int) -> list[Fact]:
    """How often the choice is read off a prompt under differential privacy, by epsilon.

    Raises:
        ModelError: the pair's weights are missing.
    """
    from obclip.diffusion.loading import load

    vocabulary = dp.Vocabulary.of(load(pair.cloud, vae=False))
    out = []
    for n in ns:
        found = sets("benchmark", n, 40)
        for row in ROWS:
            if row.epsilon is not None:
                each = math.ceil(rounds / len(found))
                told = words_tell(row, found, lambda: vocabulary, rounds=each)
                what = f"own member named from the words, N = {n} (guessing {1 / n:.3f})"
                out.append(Fact(row.title, what, told.value, "", MEASURED, told.low, told.high))
    return out
