"""The states a device model really meets: what the cloud hands over, and its own next steps.

Distilled on noised pictures alone, a device model is never shown its own mistakes, nor the cloud's
latents at the split, which are cleaner and more typical than any noised picture. Here it finishes
real hand-overs, and the states on the way become practice, answered by the cloud model (dataset
aggregation: Ross et al. 2011, arXiv 1011.0686).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel

from obclip.diffusion.denoiser import Conditioning
from obclip.diffusion.sampling import make_scheduler, run
from training.mini import text as reading

STEPS, GUIDANCE, SOLVER = 25, 2.5, "dpm++"
#: Hand-overs kept at each of these splits; the device practises on all of them.
SPLITS = (5, 10)
HANDED = {"cpu": 960, "cuda": 4096}
ROLL = {"cpu": 64, "cuda": 256}  # pictures finished at a time


class Net:
    """A UNet and nothing else behind the denoiser contract (no prompts to encode)."""

    def __init__(self, unet: UNet2DConditionModel) -> None:
        self.unet = unet

    def encode(self, prompts: Any, height: int, width: int) -> Conditioning:
        raise NotImplementedError("practice works on encoded captions")

    @torch.no_grad()
    def predict(self, latents: Tensor, timestep: Tensor | float, cond: Conditioning) -> Tensor:
        out: Tensor = self.unet(latents, timestep, encoder_hidden_states=cond.states).sample
        return out


class Practice:
    """A store of hand-overs, and a pool of states reached from them.

    Every state is (latents, timestep, token ids). ``work/handed.pt`` keeps the hand-overs.
    """

    def __init__(
        self, work: Path, data: Any, text: CLIPTextModel, teacher: UNet2DConditionModel,
        config: dict[str, Any], *, seed: int,
    ) -> None:  # fmt: skip
        self.text, self.config = text, config
        place = text.device
        words = reading.tokens(data.tokenizer, [""]).to(place)
        self.empty = text(words).last_hidden_state.detach()
        self.generator = torch.Generator(place).manual_seed(seed)
        self.roll = ROLL[place.type]
        file = work / "handed.pt"
        if not file.exists():
            torch.save(self._hand_over(data, teacher, HANDED[place.type]), file)
        self.handed: dict[str, Tensor] = torch.load(file, weights_only=True, map_location=place)
        self.pool: list[tuple[Tensor, Tensor, Tensor]] = []

    def _states(self, ids: Tensor) -> tuple[Conditioning, Conditioning]:
        with torch.no_grad():
            cond = self.text(ids).last_hidden_state
        return Conditioning(cond), Conditioning(self.empty.expand(len(ids), -1, -1))

    def _hand_over(self, data: Any, teacher: UNet2DConditionModel, count: int) -> dict[str, Tensor]:
        """The cloud's latents at every split for ``count`` captions of the training set."""
        found: dict[int, list[Tensor]] = {split: [] for split in SPLITS}
        tokens = []
        for _ in range(0, count, self.roll):
            x, ids = data.batch(self.roll)
            start = self._draw(torch.randn, x.shape)
            cond, empty = self._states(ids)

            def keep(step: int, latents: Tensor) -> None:
                if step + 1 in found:
                    found[step + 1].append(latents.clone())

            run(
                Net(teacher), make_scheduler(SOLVER, self.config, STEPS), start, cond, empty,
                guidance=GUIDANCE, start=0, stop=max(SPLITS), on_step=keep,
            )  # fmt: skip
            tokens.append(ids)
        return {"ids": torch.cat(tokens), **{str(k): torch.cat(v) for k, v in found.items()}}

    def refill(
        self, student: UNet2DConditionModel, rolls: int = 4, *, deepest_only: bool = False
    ) -> None:
        """Adds what one finish of some hand-overs passes through; keeps the last ``rolls``.

        A quarter of the hand-overs are at the earlier split, unless ``deepest_only``.
        """
        late = deepest_only or float(self._draw(torch.rand, (1,))) < 0.75
        split = SPLITS[int(late)]
        rows = self._below(len(self.handed["ids"]), self.roll)
        ids, start = self.handed["ids"][rows], self.handed[str(split)][rows]
        cond, empty = self._states(ids)
        solver = make_scheduler(SOLVER, self.config, STEPS)
        seen = [start]
        run(
            Net(student), solver, start, cond, empty, guidance=GUIDANCE, start=split, stop=STEPS,
            on_step=lambda step, latents: seen.append(latents),
        )  # fmt: skip
        times = solver.timesteps[split:].repeat_interleave(self.roll).to(start.device)
        self.pool.append((torch.cat(seen[:-1]), times, ids.repeat(STEPS - split, 1)))
        del self.pool[:-rolls]

    def batch(self, size: int) -> tuple[Tensor, Tensor, Tensor]:
        """``size`` random states of the pool: latents, timesteps, token ids."""
        x, t, ids = self.pool[int(self._below(len(self.pool), 1))]
        rows = self._below(len(x), size)
        return x[rows], t[rows].long(), ids[rows]

    def _draw(self, how: Callable[..., Tensor], shape: Sequence[int]) -> Tensor:
        return how(tuple(shape), generator=self.generator, device=self.generator.device)

    def _below(self, bound: int, count: int) -> Tensor:
        """``count`` integers from 0 to ``bound`` - 1."""
        g = self.generator
        return torch.randint(bound, (count,), generator=g, device=g.device)
