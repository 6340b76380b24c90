"""The split is a slice of one run of one schedule."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from obclip.diffusion.denoiser import UNetDenoiser
from obclip.diffusion.loading import Parts, load
from obclip.diffusion.pairs import Source
from obclip.diffusion.sampling import initial_noise, make_scheduler, run
from obclip.errors import RequestError
from obclip.protocol.limits import SCHEDULERS
from tests.tiny import write

STEPS = 12


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    return load(Source(str(write(tmp_path_factory.mktemp("sampling") / "sd"))), vae=False)


def sample(parts: Parts, name: str, slices: list[tuple[int, int]], **options: Any) -> torch.Tensor:
    denoiser = UNetDenoiser(parts)
    cond = denoiser.encode(["a photo of a woman", "a photo of a man"], 64, 64)
    latents = initial_noise(3, 2, 4, 64, 64, 8)
    for start, stop in slices:
        scheduler = make_scheduler(name, parts.scheduler_config, STEPS)
        latents = run(
            denoiser, scheduler, latents, cond, denoiser.encode_empty(2, 64, 64),
            guidance=4.0, start=start, stop=stop, **options,
        )  # fmt: skip
    return latents


@pytest.mark.parametrize("split", [0, 1, 5, STEPS])
def test_two_slices_of_ddim_are_one_run(parts: Parts, split: int) -> None:
    whole = sample(parts, "ddim", [(0, STEPS)])
    assert torch.equal(sample(parts, "ddim", [(0, split), (split, STEPS)]), whole)


@pytest.mark.parametrize(("split", "bound"), [(0, 0), (1, 0.03), (5, 0.002), (STEPS - 1, 0)])
def test_the_first_order_restart_of_dpm_costs_little(
    parts: Parts, split: int, bound: float
) -> None:
    """One first-order step in T, as a share of the latents' size; the last step is one anyway."""
    whole = sample(parts, "dpm++", [(0, STEPS)])
    split_run = sample(parts, "dpm++", [(0, split), (split, STEPS)])
    assert float((split_run - whole).norm() / whole.norm()) <= bound


@pytest.mark.parametrize("name", SCHEDULERS)
def test_equal_inputs_give_equal_bytes(parts: Parts, name: str) -> None:
    first, again = (sample(parts, name, [(0, 4)]) for _ in range(2))
    assert first.numpy().tobytes() == again.numpy().tobytes()


def test_every_step_is_reported_and_an_error_stops_the_run(parts: Parts) -> None:
    seen: list[int] = []

    def stop(step: int, _: torch.Tensor) -> None:
        seen.append(step)
        if step == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample(parts, "ddim", [(4, STEPS)], on_step=stop)
    assert seen == [4, 5, 6]


def test_noise_is_a_function_of_the_seed_and_the_pictures_differ() -> None:
    noise = initial_noise(11, 3, 4, 64, 128, 8)
    assert noise.shape == (3, 4, 8, 16)
    assert torch.equal(noise, initial_noise(11, 3, 4, 64, 128, 8))
    assert torch.equal(noise[:1], initial_noise(11, 1, 4, 64, 128, 8))
    assert not torch.equal(noise[0], noise[1])


def test_an_unknown_scheduler_is_told(parts: Parts) -> None:
    with pytest.raises(RequestError, match="unknown scheduler"):
        make_scheduler("euler", parts.scheduler_config, 5)
