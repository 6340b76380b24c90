"""Where a plan branches, in log-SNR: the amount of noise, whatever the model or T. No torch.

log-SNR is log(alpha_bar / (1 - alpha_bar)): about -5 in pure noise, rising to +5 in a picture.
Steps are those of DPM-Solver++ over the same schedule (DDIM's lie within one step of them).
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from math import cos, inf, log, pi, sqrt

from obclip.errors import PlanError
from obclip.protocol.limits import DISTILLED
from obclip.protocol.schedule import NoiseSchedule

#: Stable Diffusion's own: what a plan is made for unless told.
SD = NoiseSchedule(
    num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
    prediction_type="epsilon", rescale_betas_zero_snr=False, timestep_spacing="leading",
    steps_offset=1,
)  # fmt: skip


#: A spacing of ours: the steps of a latent consistency model, out of the fifty of its teacher.
LCM, LCM_STEPS = "lcm", 50


def stepped(schedule: NoiseSchedule, scheduler: str) -> NoiseSchedule:
    """The schedule as a request's ``scheduler`` goes through it."""
    return replace(schedule, timestep_spacing=LCM) if scheduler == DISTILLED else schedule


@lru_cache(maxsize=64)
def log_snr(schedule: NoiseSchedule, steps: int) -> tuple[float, ...]:
    """log-SNR at which each of ``steps`` steps begins, ascending.

    Raises:
        PlanError: a schedule with another kind of betas or spacing.
    """
    alphas = _alpha_bar(schedule)
    out = []
    for t in _timesteps(schedule, steps):
        a = alphas[min(max(t, 0), len(alphas) - 1)]
        out.append(-inf if a <= 0 else log(a / (1 - a)))
    return tuple(out)


def first_step(schedule: NoiseSchedule, steps: int, at: float) -> int:
    """The first step that begins at log-SNR ``at`` or above; ``steps`` if none does."""
    values = log_snr(schedule, steps)
    return next((i for i, value in enumerate(values) if value >= at), steps)


def _alpha_bar(s: NoiseSchedule) -> list[float]:
    n, low, high = s.num_train_timesteps, s.beta_start, s.beta_end
    share = [i / max(1, n - 1) for i in range(n)]
    if s.beta_schedule == "scaled_linear":
        betas = [(sqrt(low) + (sqrt(high) - sqrt(low)) * x) ** 2 for x in share]
    elif s.beta_schedule == "linear":
        betas = [low + (high - low) * x for x in share]
    elif s.beta_schedule == "squaredcos_cap_v2":

        def bar(x: float) -> float:
            return cos((x + 0.008) / 1.008 * pi / 2) ** 2

        betas = [min(1 - bar((i + 1) / n) / bar(i / n), 0.999) for i in range(n)]
    else:
        raise PlanError(
            "unknown noise schedule", code="bad_schedule", got=s.beta_schedule,
            expected="scaled_linear, linear or squaredcos_cap_v2",
        )  # fmt: skip
    out, product = [], 1.0
    for beta in betas:
        product *= 1 - beta
        out.append(product)
    if not s.rescale_betas_zero_snr:
        return out
    # Lin et al. 2023 (arXiv 2305.08891), algorithm 1: the last step is pure noise
    first, last = sqrt(out[0]), sqrt(out[-1])
    return [((sqrt(a) - last) * first / (first - last)) ** 2 for a in out]


def _timesteps(s: NoiseSchedule, steps: int) -> list[int]:
    n = s.num_train_timesteps
    if s.timestep_spacing == "leading":
        ratio = n // (steps + 1)
        return [i * ratio + s.steps_offset for i in range(steps, 0, -1)]
    if s.timestep_spacing == "trailing":
        return [round(n - i * n / steps) - 1 for i in range(steps)]
    if s.timestep_spacing == "linspace":
        return [round((n - 1) * i / steps) for i in range(steps, 0, -1)]
    if s.timestep_spacing == LCM and 1 <= steps <= LCM_STEPS:
        each = n // LCM_STEPS
        return [each * (LCM_STEPS - LCM_STEPS * i // steps) - 1 for i in range(steps)]
    raise PlanError(
        "unknown timestep spacing", code="bad_schedule", got=s.timestep_spacing,
        expected="leading, trailing or linspace",
    )  # fmt: skip
