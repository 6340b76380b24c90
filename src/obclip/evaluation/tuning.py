"""Searches recipes on a pair: the cheapest ones whose pictures stay near those of ``exact``.

Only tuning prompts are looked at; what is found is reported on others (``benchmark``). Branch
points are varied in log-SNR, so that a recipe found here holds for another T and another model.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import zip_longest
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from obclip.cloud.cost import Count, plan_cost
from obclip.cloud.planner import NAMED, SINGLE, build
from obclip.cloud.recipe import Recipe
from obclip.errors import PlanError
from obclip.evaluation.benchmark import Case, case, entries
from obclip.evaluation.metrics import paired_distance
from obclip.evaluation.sharing import Seen, Studio
from obclip.evaluation.variations import STARTS, varied

#: Value counts of the sets that a cost limit is stated for.
REFERENCE = ((2,), (2, 3), (2, 3, 5))
#: Times the floor that a loss may be before all sets are drawn; more ends a trial.
HOPELESS = 3.0
#: Times the floor that the worst protected value may lose.
WORST = 2.0
#: Attributes of the judge whose values are protected.
_PROTECTED = ("gender", "age", "tone")


@dataclass(frozen=True, slots=True)
class Trial:
    """What a recipe costs and loses, over all candidates of the tuning sets.

    Attributes:
        cost: FLOPs as a share of those of ``exact``.
        distance: mean distance to the pictures of ``exact`` in the judge's features.
        sure: points that the judge's probability of the asked-for values falls by.
        right: points that the share of pictures with the asked-for values falls by.
        worst: ``sure`` of the protected value that loses most.
        sets: how many were drawn; fewer than asked for if it was hopeless.
    """

    name: str
    recipe: Recipe
    cost: float
    distance: float
    sure: float
    right: float
    worst: float
    sets: int


def tuning_cases(count: int) -> list[Case]:
    """Tuning sets of every size in turn, in the file's order."""
    by_n: dict[int, list[Case]] = {}
    for entry in entries("tuning"):
        found = case(entry)
        by_n.setdefault(found.candidates.n, []).append(found)
    rounds = zip_longest(*(by_n[n] for n in sorted(by_n)))
    return [c for one in rounds for c in one if c is not None][:count]


def front(trials: list[Trial], floor: float, sets: int) -> list[Trial]:
    """Trials within the floor that no other one beats in both cost and distance, cheapest first.

    The mean over all values may lose ``floor`` points, the worst protected value ``WORST`` times
    as many: what is gained elsewhere does not make up for it.
    """
    good = [
        t for t in trials
        if t.sets == sets and max(t.sure, t.right) <= floor and t.worst <= WORST * floor
    ]  # fmt: skip
    return sorted(
        (t for t in good if not any(_beats(o, t) for o in good)), key=lambda t: (t.cost, t.distance)
    )


def _beats(one: Trial, other: Trial) -> bool:
    a, b = (one.cost, one.distance), (other.cost, other.distance)
    return a != b and a[0] <= b[0] and a[1] <= b[1]


class Tuner:
    """A search that may be interrupted and taken up again from its file."""

    def __init__(
        self, studio: Studio, cases: list[Case], count: Count, *, floor: float,
        most: tuple[Count, tuple[float, ...]] | None = None, file: Path | None = None,
        seed: int = 0,
    ) -> None:  # fmt: skip
        """A search over ``cases``.

        Args:
            count: FLOPs of the cloud model's passes. floor: points that may be lost.
            most: recipes that cost more than these ratios for the ``REFERENCE`` sets, by the count
                of a model that may be another one, are not tried.

        Raises:
            PlanError: the file holds another search.
        """
        self.studio, self.cases, self.count, self.floor, self.file = (
            studio, cases, count, floor, file,
        )  # fmt: skip
        self.most = most
        self.trials: list[Trial] = []
        self._exact: list[Seen] = []
        self._seed = seed
        self._head = {
            "sampling": asdict(studio.sampling), "split": studio.split,
            "sets": [c.entry.prompt for c in cases],
            "models": [studio.engine.parts.location, studio.device.parts.location],
        }  # fmt: skip
        if file is not None and file.exists():
            self._read(file)

    def front(self) -> list[Trial]:
        return front(self.trials, self.floor, len(self.cases))

    def run(self, seconds: float, on_trial: Callable[[Trial], None]) -> None:
        """Tries recipes until the time is over; the trial at hand is finished."""
        end = time.monotonic() + seconds
        self._exact = [
            self.studio.draw(c, {"exact": self.studio.plan("exact", Recipe(), c)})["exact"]
            for c in self.cases
        ]
        for name, recipe in self._next():
            if time.monotonic() >= end:
                return
            try:
                if not self._affordable(recipe):
                    continue
                trial = self.trial(name, recipe)
            except PlanError:  # not for this model: deeper than it is, say
                continue
            self.trials.append(trial)
            self._write()
            on_trial(trial)

    def _affordable(self, recipe: Recipe) -> bool:
        if self.most is None:
            return True
        count, limits = self.most
        for sizes, limit in zip(REFERENCE, limits, strict=True):
            plan = build(recipe, prod(sizes), self.studio.sampling.steps, self.studio.split, sizes)
            if plan_cost(plan, count).ratio > limit:
                return False
        return True

    def trial(self, name: str, recipe: Recipe) -> Trial:
        """Draws the tuning sets with one recipe."""
        cost, whole = 0, 0
        plans = [self.studio.plan(name, recipe, c) for c in self.cases]
        for found, plan in zip(self.cases, plans, strict=True):
            cost += plan_cost(plan, self.count).flops
            whole += plan_cost(self.studio.plan("exact", Recipe(), found), self.count).flops
        far: list[float] = []
        sure: list[float] = []
        right: list[float] = []
        by_value: dict[tuple[str, str], list[float]] = {}
        drawn = 0
        for found, plan, exact in zip(self.cases, plans, self._exact, strict=True):
            seen = self.studio.draw(found, {name: plan})[name]
            far += paired_distance(seen.features, exact.features).tolist()
            for i, asked in enumerate(found.asked):
                lost = {a: 100 * (exact.sure[i][a] - seen.sure[i][a]) for a in asked}
                sure += lost.values()
                for a in set(asked) & set(_PROTECTED):
                    by_value.setdefault((a, asked[a]), []).append(lost[a])
                right += [
                    100.0 * ((exact.values[i][a] == v) - (seen.values[i][a] == v))
                    for a, v in asked.items()
                ]
            drawn += 1
            if drawn >= len(self.cases) / 3 and float(np.mean(sure)) > HOPELESS * self.floor:
                break
        worst = max((float(np.mean(v)) for v in by_value.values()), default=0.0)
        distance, lost_sure, lost_right = (float(np.mean(v)) for v in (far, sure, right))
        return Trial(name, recipe, cost / whole, distance, lost_sure, lost_right, worst, drawn)

    def _next(self) -> Iterator[tuple[str, Recipe]]:
        """Known recipes first, then changes to those of the front."""
        tried = {t.recipe for t in self.trials}
        for name, recipe in {**NAMED, **STARTS, **SINGLE}.items():
            if recipe.published is None and recipe != Recipe() and recipe not in tried:
                tried.add(recipe)
                yield name, recipe
        rng = np.random.default_rng((self._seed, len(self.trials)))
        while True:
            parents = self.front() or sorted(self.trials, key=lambda t: t.sure)[:4]
            parent = parents[int(rng.integers(len(parents)))].recipe if parents else Recipe()
            child = varied(parent, rng)
            if child not in tried:
                tried.add(child)
                yield f"trial-{len(self.trials)}", child

    def _write(self) -> None:
        if self.file is None:
            return
        body = {"head": self._head, "trials": [asdict(t) for t in self.trials]}
        part = self.file.with_name(self.file.name + ".part")
        part.write_text(json.dumps(body), "utf-8")
        part.replace(self.file)

    def _read(self, file: Path) -> None:
        try:
            body = json.loads(file.read_text("utf-8"))
            same = body["head"] == json.loads(json.dumps(self._head))
            self.trials = [_trial(t) for t in body["trials"]] if same else []
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PlanError(
                "the search cannot be read", code="bad_search", got=f"{file}: {error}"
            ) from None
        if not same:
            raise PlanError(
                "the file holds another search", code="bad_search", got=str(file),
                expected="the same pair, numbers and tuning sets", action="choose another file",
            )  # fmt: skip


def _trial(fields: dict[str, Any]) -> Trial:
    return Trial(**{**fields, "recipe": Recipe.of(fields["recipe"])})
