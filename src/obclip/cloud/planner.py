"""Named plans, and how a recipe becomes the plan of one set. Knows no torch and no prompt."""

from __future__ import annotations

from dataclasses import replace

from obclip.cloud import sets
from obclip.cloud.plan import (
    Attention,
    Features,
    Guidance,
    Kind,
    Mix,
    Node,
    Plan,
    Step,
    check_numbers,
    singles,
)
from obclip.cloud.recipe import Published, Recipe
from obclip.cloud.schedule import SD, first_step, log_snr
from obclip.errors import PlanError
from obclip.protocol.schedule import NoiseSchedule

# log-SNR of steps of 25 on Stable Diffusion's schedule, between them and the step before
_S1, _S4, _S6, _S8 = -4.7, -3.4, -2.75, -2.15
#: What is kept ages with log-SNR, not with steps, and faster where the picture appears. Stable
#: Diffusion's first ten steps of 25 end before the second of these.
_RENEW = (_S1, -3.35, -1.55, -0.8, 0.0, 0.8, 1.55, 3.1)
_COMMON = -4.0  # latents are nearly equal until here, and so is what they show without the prompt
_ALONE = -2.7  # sums of main effects end here: interactions grow with what a latent already shows

#: The plans a request may name. How they were chosen, and their figures: docs/plans.md.
NAMED: dict[str, Recipe] = {
    "exact": Recipe(),
    "paper-cache": Recipe(published=Published()),
    "paper-reuse": Recipe(published=Published(reuse=True)),
    "balanced": Recipe(
        share_until=_COMMON, guidance_every=2, renew=_RENEW, refresh=7, depth=1,
        additive=12, alone=3, alone_from=_ALONE, catch_up=0.75,
    ),
    "fast": Recipe(
        share_until=_COMMON, guidance_every=7, renew=_RENEW, refresh=7, depth=1,
        additive=12, alone=3, alone_from=_ALONE, catch_up=0.75,
    ),
}  # fmt: skip

#: One technique each, to be measured on its own; no request may name them.
SINGLE: dict[str, Recipe] = {
    "first-step": Recipe(share_equal=True),
    "trunk": Recipe(branch=(_S4,), tree=False),
    "catch-up": Recipe(branch=(_S4,), tree=False, catch_up=1.0),
    "tree": Recipe(branch=(_S4, _S6, _S8)),
    "shared-uncond": Recipe(shared=True),
    "carried": Recipe(guidance_every=3),
    "interval": Recipe(guided=(_S4, 99.0)),
    "deep": Recipe(refresh=2),
    "additive": Recipe(branch=(_S4,), additive=4),
}


def recipe(name: str) -> Recipe:
    """The parameters of a named plan or of a single technique.

    Raises:
        PlanError: unknown name.
    """
    if name in NAMED:
        return NAMED[name]
    if name in SINGLE:
        return SINGLE[name]
    raise PlanError("unknown plan", code="unknown_plan", got=name, expected=" or ".join(NAMED))


def make_plan(
    name: str,
    n: int,
    steps: int,
    split: int,
    sizes: tuple[int, ...] | None = None,
    schedule: NoiseSchedule = SD,
) -> Plan:
    """The plan called ``name`` for ``n`` candidates, ``split`` of ``steps`` steps on the cloud.

    Args:
        sizes: values of each attribute, in the order of the candidates. A set that is not their
            product gets neither tree nor sums, and ``Plan.note`` says so.

    Raises:
        PlanError: unknown name, n below 1, steps below 1, or split outside 0..steps.
    """
    return build(recipe(name), n, steps, split, sizes, schedule, name=name)


def build(
    recipe: Recipe,
    n: int,
    steps: int,
    split: int,
    sizes: tuple[int, ...] | None = None,
    schedule: NoiseSchedule = SD,
    *,
    name: str = "recipe",
) -> Plan:
    """The plan of ``recipe`` for one set. Arguments and errors as for ``make_plan``."""
    check_numbers(n, steps, split)
    note = ""
    if sizes is not None and not sets.fits(n, sizes):
        product = " x ".join(map(str, sizes)) or "no attribute"
        note = f"{n} candidates are not {product}: neither tree nor sums"
    known = sizes if sizes is not None and not note else (n,)
    maker = _Maker(recipe, n, steps, split, known, schedule)
    program, answer = maker.program()
    alone = None
    if (n, split) != (1, steps):
        alone = build(recipe, 1, steps, steps, None, schedule, name=name)
    return Plan(name, n, steps, split, program, answer, note, alone)


#: (first step, (nodes, how they are made of the stage before)).
_Stage = tuple[int, tuple[tuple[Node, ...], Mix | None]]


class _Maker:
    """Lays out the steps of one plan: nodes first, then what each step runs."""

    def __init__(
        self, recipe: Recipe, n: int, steps: int, split: int, sizes: tuple[int, ...],
        schedule: NoiseSchedule,
    ) -> None:  # fmt: skip
        self.recipe, self.n, self.steps, self.split = recipe, n, steps, split
        self.sizes, self.schedule = sizes, schedule

    def program(self) -> tuple[tuple[Step, ...], Mix | None]:
        if self.recipe.published is not None:
            return self._published(self.recipe.published), None
        stages = self._stages()
        program: list[Step] = []
        for index in range(self.split):
            nodes, mix = next(s for at, s in reversed(stages) if at <= index)
            begins = any(at == index and index > 0 for at, _ in stages)
            program.append(Step(nodes, mix if begins else None))
        answer = stages[-1][1][1] if stages[-1][0] == self.split > 0 else None
        return tuple(self._savings(program)), answer

    def _stages(self) -> list[_Stage]:
        """Stages in order; the first begins at step 0."""
        recipe, n, sizes = self.recipe, self.n, self.sizes
        axes = sets.order(sizes)
        last = max(0, self.split - recipe.alone)  # where everyone runs alone at the latest
        if recipe.alone_from is not None:
            last = min(last, first_step(self.schedule, self.steps, recipe.alone_from))
        at, whole = self._branchings() or [0], (tuple(range(n)),)
        if recipe.additive and n >= recipe.additive and len(axes) > 1:
            nodes = sets.marginals(sizes, recipe.crossed)
            effects = sets.main_effects(sizes, recipe.crossed)
            if at[0] < last:
                after: _Stage = (last, (singles(n), effects))
                if at[0] == 0:
                    return [(0, (nodes, None)), after]
                return [(0, (whole, None)), (at[0], (nodes, sets.copies(whole, nodes))), after]
        if n == 1 or not recipe.branch:
            return [(0, (singles(n), None))]
        told = [axes[: i + 1] for i in range(len(axes))] if recipe.tree else [axes]
        begins: dict[int, tuple[Node, ...]] = {0: whole}
        for i, axis in enumerate(told):  # of two that begin together the later one stands
            begins[at[min(i, len(at) - 1)]] = sets.level(sizes, axis)
        stages: list[_Stage] = []
        before: tuple[Node, ...] | None = None
        for start, nodes in sorted(begins.items()):
            mix = None if before is None else sets.copies(before, nodes)
            stages.append((start, (nodes, mix)))
            before = nodes
        return stages

    def _branchings(self) -> list[int]:
        """The steps at which the first, second, ... attribute branches off."""
        # a branch that no step runs draws nobody
        latest = max(0, self.split - max(1, self.recipe.alone))
        return [min(first_step(self.schedule, self.steps, b), latest) for b in self.recipe.branch]

    def _savings(self, program: list[Step]) -> list[Step]:
        recipe = self.recipe
        snr = log_snr(self.schedule, self.steps)
        renewed = {first_step(self.schedule, self.steps, at) for at in recipe.renew}
        if self.split < self.steps:  # nobody would use what the last step keeps
            renewed.discard(self.split - 1)
        if self.n == 1:  # who has nobody to branch off renews at the same noise as everyone else
            renewed |= set(self._branchings())
        since_full: int | None = None
        since_guided: int | None = None
        features = False
        out = []
        for index, step in enumerate(program):
            trunk = len(step.nodes) == 1 < self.n  # costs little, and all begin with its errors
            new = step.mix is not None or index in renewed or trunk
            if since_full is None or new or since_full >= recipe.refresh - 1:
                since_full = 0
            else:
                since_full += 1
            full = since_full == 0
            kind = Kind() if full else Kind(Features.SHALLOW, depth=recipe.depth)
            low, high = recipe.guided or (-float("inf"), float("inf"))
            due = since_guided is None or since_guided >= recipe.guidance_every - 1
            # a parent's difference says nothing of what its children differ by; that of a sum does
            copied = step.mix is not None and sets.are_copies(step.mix)
            if step.mix is not None and not copied and recipe.refresh > 1 and not recipe.shared:
                due = False
            due = due or copied or trunk or index in renewed
            if not low <= snr[index] <= high:
                guidance = Guidance.NONE
            elif due and (full or features):
                equal = index == 0 or (step.mix is not None and len(step.mix[0]) == 1)
                early = recipe.share_until is not None and snr[index] <= recipe.share_until
                common = recipe.shared or (recipe.share_equal and equal) or early
                guidance, since_guided = Guidance.SHARED if common else Guidance.OWN, 0
            elif since_guided is None:
                guidance = Guidance.NONE
            else:
                guidance, since_guided = Guidance.CARRIED, since_guided + 1
            if full:  # a shallow unconditional pass stands on the features of a whole one
                features = guidance in (Guidance.OWN, Guidance.SHARED)
            late = recipe.catch_up if step.mix is not None else 0.0
            out.append(replace(step, guidance=guidance, kind=kind, catch_up=late))
        return out

    def _published(self, paper: Published) -> tuple[Step, ...]:
        r, s = paper.points(self.split)
        program = []
        for index in range(self.split):
            attention = Attention.OWN
            if index < r:
                attention = Attention.PIVOT if paper.reuse else Attention.OWN
            elif (index - r + 1) % paper.refresh:
                attention = Attention.CACHED
            skip = Features.SKIP if index >= s else Features.FULL
            program.append(Step(singles(self.n), kind=Kind(skip, attention)))
        return tuple(program)
