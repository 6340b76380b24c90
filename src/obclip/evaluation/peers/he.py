"""HE-Diffusion, the homomorphic peer, with real CKKS (TenSEAL): what it does, and what it hides.

Its published code (github.com/ChenYaojian/HE-diffusion, ``enc_plms.py``; arXiv 2403.05794) takes,
at every step, the part of the latent that matters most for the picture, encrypts it, multiplies it
by a number, adds the network's prediction, and decrypts it again. The network itself reads latent
and prompt in clear: whoever runs it knows both (``hidden``). Everything here is measured on this
machine; nothing is extrapolated in this module.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 the usual name

from obclip.client.device import Device, Sampling
from obclip.diffusion.sampling import guided, make_scheduler
from obclip.errors import ModelError

#: Parameters of the published sampler.
DEGREE, BITS, CHAIN = 8192, 26, (31, 26, 26, 26, 26, 26, 26, 31)
#: Share of the distortion that the published code leaves in clear.
THRESHOLD = 0.01


@dataclass(slots=True)
class Measured:
    """Seconds by operation over a whole run, values encrypted of all, and bytes of ciphertext."""

    seconds: dict[str, float] = field(default_factory=dict)
    encrypted: int = 0
    values: int = 0
    ciphertext: int = 0
    steps: int = 0

    @property
    def share(self) -> float:
        """Encrypted values over all values."""
        return self.encrypted / max(1, self.values)

    @property
    def total(self) -> float:
        return sum(self.seconds.values())


#: What the computing side of the published code holds in clear, and what not.
HIDDEN: dict[str, bool] = {
    "prompt and its embedding": False,
    "latent that the network reads": False,
    "network's prediction": False,
    "latent between update and decryption": True,
}


def context() -> Any:
    """A CKKS context with the published sampler's parameters.

    Raises:
        ModelError: TenSEAL is not installed.
    """
    try:
        import tenseal
    except ImportError:
        raise ModelError(
            "homomorphic encryption needs TenSEAL", code="no_tenseal", got="nothing",
            expected="the extra eval", action="pip install 'obclip[eval]'",
        ) from None  # fmt: skip
    made = tenseal.context(
        tenseal.SCHEME_TYPE.CKKS, poly_modulus_degree=DEGREE, coeff_mod_bit_sizes=list(CHAIN)
    )
    made.global_scale = 2**BITS
    made.generate_galois_keys()
    return made


def chosen(latents: Tensor, threshold: float = THRESHOLD) -> Tensor:
    """Mask of the values that are encrypted: all but those of least distortion.

    Distortion is |value| times the HILL cost (Li et al. 2014), the cheapest values are left in
    clear until ``threshold`` of the whole distortion is reached, as the published code does.
    """
    return ~_cheap(latents.abs() * _hill(latents), threshold)


def _cheap(distortion: Tensor, threshold: float) -> Tensor:
    order = distortion.flatten().argsort()
    upto = distortion.flatten()[order].cumsum(0) < threshold * distortion.sum()
    mask = torch.zeros(distortion.numel(), dtype=torch.bool)
    mask[order[upto]] = True
    return mask.reshape(distortion.shape)


def _hill(x: Tensor) -> Tensor:
    channels = x.shape[1]
    high = torch.tensor([[-1.0, 2, -1], [2, -4, 2], [-1, 2, -1]])

    def filtered(values: Tensor, kernel: Tensor) -> Tensor:
        side = min(kernel.shape[-1] // 2, values.shape[-1] - 1, values.shape[-2] - 1)
        kernel = kernel[: 2 * side + 1, : 2 * side + 1].expand(channels, channels, -1, -1)
        return F.conv2d(F.pad(values, (side,) * 4, mode="reflect"), kernel)

    rough = filtered(filtered(x, high).abs(), torch.full((3, 3), 1 / (9 * channels)))
    inverse = torch.where(rough == 0, torch.zeros_like(rough), 1 / rough)
    return filtered(inverse, torch.full((15, 15), 1 / (225 * channels)))


@torch.inference_mode()
def run(
    cloud: Device, prompt: str, sampling: Sampling, noise: Tensor, measured: Measured
) -> Tensor:
    """All T steps of one picture, each update under encryption as published.

    The solver is DDIM, whose update is a number times the latent plus a number times the
    prediction. ``measured`` takes the encryption's own costs.

    Returns:
        Finished latents (1, channels, h, w).
    """
    start = time.perf_counter()
    keys = context()
    measured.seconds["keys"] = time.perf_counter() - start
    scheduler = make_scheduler("ddim", cloud.parts.scheduler_config, sampling.steps)
    cond = cloud.denoiser.encode([prompt], sampling.height, sampling.width)
    empty = cloud.denoiser.encode_empty(1, sampling.height, sampling.width)
    latents = noise
    for t in scheduler.timesteps:
        start = time.perf_counter()
        read = latents.to(cloud.parts.unet.device)
        out = cloud.denoiser.predict(read, t, cond)
        if sampling.guidance > 1:
            out = guided(cloud.denoiser.predict(read, t, empty), out, sampling.guidance)
        out = out.float().cpu()  # ciphertexts live on the CPU
        measured.seconds["network, in clear"] = (
            measured.seconds.get("network, in clear", 0.0) + time.perf_counter() - start
        )
        zero, one = torch.zeros(1), torch.ones(1)
        a = float(scheduler.step(zero, t, one, return_dict=False)[0])
        b = float(scheduler.step(one, t, zero, return_dict=False)[0])
        latents = update(keys, latents, out, a, b, measured)
    return latents


def update(
    keys: Any, latents: Tensor, prediction: Tensor, a: float, b: float, measured: Measured
) -> Tensor:
    """``a * latents + b * prediction``, the chosen values under encryption."""
    import tenseal

    mask = chosen(latents)
    plain = latents[mask].tolist()
    added = (b * prediction)[mask].tolist()
    slots = DEGREE // 2
    done: list[float] = []
    for i in range(0, len(plain), slots):
        with _Timed(measured, "encrypt"):
            vector = tenseal.ckks_vector(keys, plain[i : i + slots])
        measured.ciphertext += len(vector.serialize())
        with _Timed(measured, "multiply by a number"):
            vector = vector * a
        with _Timed(measured, "add the prediction"):
            vector = vector + added[i : i + slots]
        with _Timed(measured, "decrypt"):
            done += vector.decrypt()
    measured.encrypted += len(plain)
    measured.values += latents.numel()
    measured.steps += 1
    out = a * latents + b * prediction
    out[mask] = torch.tensor(done, dtype=out.dtype)
    return out


class _Timed:
    def __init__(self, measured: Measured, name: str) -> None:
        self.measured, self.name = measured, name

    def __enter__(self) -> None:
        self.start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        spent = self.measured.seconds
        spent[self.name] = spent.get(self.name, 0.0) + time.perf_counter() - self.start
