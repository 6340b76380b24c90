"""The numbers behind ``obclip plan``: cost, memory and seconds of a plan on one model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from obclip.cloud.cost import Cost, Count
    from obclip.cloud.plan import Plan
    from obclip.diffusion.pairs import Pair
    from obclip.protocol.schedule import NoiseSchedule

GIB = 1 << 30
#: Bytes of a number.
ELEMENT = {"float32": 4, "bfloat16": 2, "float16": 2}


@dataclass(frozen=True)
class Model:
    """A pair's cloud model at one picture size, known by its architecture alone.

    ``cells`` is the side of a latent, ``side`` that of a picture in pixels.
    """

    pair: Pair
    config: dict[str, Any]
    side: int
    cells: int
    tokens: int
    dtype: str
    schedule: NoiseSchedule

    @staticmethod
    def of(pair: Pair, size: int | None, dtype: str) -> Model:
        """Raises RequestError for a size that the model cannot make."""
        from obclip.cloud.schedule import stepped
        from obclip.diffusion.architectures import schedule_of, side_of, unet_of
        from obclip.diffusion.compatibility import unsaid
        from obclip.errors import ModelError, RequestError
        from obclip.protocol.limits import MAX_SIDE

        config, factor, tokens = unet_of(pair.cloud)
        lacking = unsaid(pair, config.get("time_cond_proj_dim") is not None)
        if lacking:
            raise ModelError(
                "this cloud cannot be used as it is named", code="not_a_pair",
                got="; ".join(lacking), expected="such as CLOUD@guidance=8@lcm=8/4,DEVICE",
            )  # fmt: skip
        side = side_of(pair, config, factor) if size is None else size
        multiple = factor * 2 ** (len(config["block_out_channels"]) - 1)
        if not multiple <= side <= MAX_SIDE or side % multiple:
            raise RequestError(
                "size does not fit the model", code="bad_size", got=side,
                expected=f"a multiple of {multiple}, {multiple} to {MAX_SIDE}",
            )  # fmt: skip
        own = pair.cloud_steps
        schedule = stepped(schedule_of(pair.cloud), own.scheduler if own else "")
        return Model(pair, config, side, side // factor, tokens, dtype, schedule)

    @property
    def guidance(self) -> bool:
        """Whether the cloud makes unconditional passes; a distilled one makes none."""
        return self.pair.cloud_steps is None

    @cached_property
    def count(self) -> Count:
        from obclip.cloud.cost import counter

        return counter(self.config, self.cells, self.cells, self.tokens)

    def check(self, plan: Plan) -> None:
        """Raises PlanError if the model cannot run this plan; computes nothing."""
        from obclip.cloud.cost import frozen, meta_unet
        from obclip.cloud.plan import Kind
        from obclip.cloud.unet import check_fits

        for kind in {step.kind for step in plan.program} - {Kind()}:
            check_fits(meta_unet(frozen(self.config)), kind)

    def cost(self, plan: Plan) -> Cost:
        from obclip.cloud.cost import plan_cost

        return plan_cost(plan, self.count, guidance=self.guidance)

    def peak(self, plan: Plan, batch: int) -> int:
        """Bytes at most with ``batch`` rows a model call."""
        from obclip.cloud.memory import peak_bytes

        return peak_bytes(
            plan, self.config, self.cells, self.cells, self.tokens, batch=batch,
            element=ELEMENT[self.dtype], guidance=self.guidance,
        )  # fmt: skip

    def batch_for(self, plan: Plan, budget: int, others: Sequence[Plan] = ()) -> int:
        """Rows of a model call, so that the plan runs within ``budget`` bytes.

        Raises:
            PlanError: not even one row fits; it names those of ``others`` that would.
        """
        from obclip.cloud.memory import largest_batch
        from obclip.errors import PlanError

        try:
            return largest_batch(
                plan, self.config, self.cells, self.cells, self.tokens, budget=budget,
                element=ELEMENT[self.dtype], guidance=self.guidance,
            )  # fmt: skip
        except PlanError as error:
            fitting = [p.name for p in others if self.peak(p, 1) <= budget]
            raise PlanError(
                error.message, code=error.code, got=f"a budget of {budget / GIB:.3g} GiB",
                expected=f"{self.peak(plan, 1) / GIB:.3g} GiB or more",
                action=f"plans that fit: {', '.join(fitting) or 'none'}",
            ) from None  # fmt: skip

    def seconds(self, plan: Plan, batch: int) -> tuple[float, bool]:
        """(predicted seconds on this machine, whether the weights were random).

        Times a few calls of each kind that the plan makes.
        """
        import torch

        from obclip.cloud.seconds import calibrate

        unet, random = self.unet(getattr(torch, self.dtype))
        found = calibrate(unet, plan, self.cells, self.cells, self.tokens, rows=2, runs=2)
        return found.of(plan, batch=batch, guidance=self.guidance), random

    def unet(self, dtype: Any) -> tuple[Any, bool]:
        """The UNet from the pair's folder; with random weights where only a name is known."""
        import torch
        from diffusers import UNet2DConditionModel

        from obclip.diffusion.loading import load, quiet

        source = self.pair.cloud
        if source.folder is not None or source.file is not None:
            return load(source, dtype=dtype, vae=False).unet, False
        quiet()
        before = torch.get_default_dtype()
        torch.set_default_dtype(dtype)  # half the memory, and no second copy
        try:
            unet = UNet2DConditionModel.from_config(self.config)
        finally:
            torch.set_default_dtype(before)
        return unet.eval().requires_grad_(False), True
