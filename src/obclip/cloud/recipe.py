"""What a plan saves on, as parameters: few numbers that hold for any set, T, k and model.

A recipe is what a tuner varies; ``planner.build`` turns it into the plan of one set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from obclip.errors import PlanError


@dataclass(frozen=True, slots=True)
class Published:
    """The three points of the paper, as shares of the split; ``reuse`` adds the batch part.

    Before ``r`` of k steps the attention maps are a pivot's (only with ``reuse``), from ``r`` on
    attention is cached and refreshed every ``refresh`` steps, from ``s`` on blocks are skipped.
    """

    reuse: bool = False
    refresh: int = 5

    def points(self, split: int) -> tuple[int, int]:
        """(r, s) for a split of k: as published for k = 5 and 10, in proportion elsewhere."""
        known = {10: (4, 6), 5: (3, 3)}
        r, s = known.get(split, (round(0.4 * split), round(0.6 * split)))
        return max(1, r), max(1, s)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to draw a whole set for less. The defaults save nothing.

    Attributes:
        branch: log-SNR at which the first, second, ... attribute branches off the common trunk;
            further attributes branch with the last. Empty: everyone runs alone from the start.
        tree: attributes branch one after the other; else all at the first point.
        alone: steps at the end that every candidate runs alone, whatever ``branch`` says. 0 lets
            an additive plan end in a sum.
        alone_from: log-SNR from which every candidate of an additive plan runs alone, if that is
            sooner; None for no such point.
        additive: product sets of at least this many candidates run as main effects between the
            first branch point (or the start) and the steps alone; 0 for never.
        crossed: attributes (fewest values first) whose interactions the additive form keeps.
        catch_up: share of what new nodes differ by that is made up for when they begin, as if they
            had been there from the start; of a sum of main effects, the interactions. More than 1
            where the difference seen at a common latent is less than the one seen at their own.
        shared: one unconditional pass for all nodes, on their mean latent, in all steps.
        share_equal: the unconditional pass is common where all latents are equal, in step 0 and
            where nodes leave a common trunk: this changes nothing but the cost.
        share_until: log-SNR until which the unconditional pass is common: while latents are nearly
            noise, what they show without the prompt is nearly one.
        guidance_every: the guidance difference is renewed every so many steps and wherever nodes
            branch off others, else carried.
        guided: (from, to) in log-SNR: outside, the conditional prediction stands alone.
        refresh: the whole network runs every so many steps, else its outer layers only.
        depth: skip connections that such a shallow pass renews.
        renew: log-SNR at which both are renewed besides, the whole network and the guidance.
        published: the paper's temporal and batch reuse; excludes all others.
    """

    branch: tuple[float, ...] = ()
    tree: bool = True
    alone: int = 1
    alone_from: float | None = None
    additive: int = 0
    crossed: int = 0
    catch_up: float = 0.0
    shared: bool = False
    share_equal: bool = False
    share_until: float | None = None
    guidance_every: int = 1
    guided: tuple[float, float] | None = None
    refresh: int = 1
    depth: int = 2
    renew: tuple[float, ...] = ()
    published: Published | None = None

    def __post_init__(self) -> None:
        for field, low in (
            ("alone", 0), ("additive", 0), ("crossed", 0), ("guidance_every", 1), ("refresh", 1),
            ("depth", 1),
        ):  # fmt: skip
            value = getattr(self, field)
            if value < low:
                raise _bad(field, value, f"{low} or more")
        if not 0 <= self.catch_up <= 2:
            raise _bad("catch_up", self.catch_up, "0 to 2")
        for field, point in (("alone_from", self.alone_from), ("share_until", self.share_until)):
            if point is not None and not -100 <= point <= 100:
                raise _bad(field, point, "a log-SNR of -100 to 100, or none")
        for field, points in (("branch", self.branch), ("renew", self.renew)):
            if list(points) != sorted(points):
                raise _bad(field, points, "ascending log-SNR")
        if self.alone == 0 and not self.additive:
            raise _bad("alone", 0, "1 or more, but in an additive recipe")
        if self.published is not None and replace(self, published=None) != Recipe():
            raise _bad("published", "other savings besides", "the published ones alone")

    @staticmethod
    def of(said: Mapping[str, Any]) -> Recipe:
        """A recipe from its fields as JSON has them; those not said are the defaults.

        Raises:
            PlanError: an unknown field, or a value of another type or range.
        """
        known = [f.name for f in fields(Recipe)]
        unknown = sorted(set(said) - set(known))
        if unknown:
            raise _bad("field", unknown[0], ", ".join(known))
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in said.items()
        }
        try:
            if values.get("published") is not None:
                values["published"] = Published(**values["published"])
            return Recipe(**values)
        except TypeError as error:
            raise _bad("value", str(error), "numbers, lists of numbers, true or false") from None


def _bad(field: str, got: object, expected: str) -> PlanError:
    return PlanError(f"recipe: {field} out of range", code="bad_recipe", got=got, expected=expected)
