"""A plan as a picture: candidates down, steps across. Text here; drawings in ``drawing``."""

from __future__ import annotations

from obclip.cloud.plan import Attention, Features, Plan, Step

#: Cell -> (mark in text, what it says). A capital is a run of its own, whole or nearly so.
MARKS: dict[str, tuple[str, str]] = {
    "full": ("F", "both passes, whole"),
    "conditional": ("C", "conditional pass, whole; the unconditional one shared or carried"),
    "shallow": ("s", "both passes, outer layers only"),
    "shallow-conditional": ("c", "conditional pass, outer layers only"),
    "pivot": ("P", "both passes with one candidate's attention maps"),
    "cached": ("A", "both passes, attention of an earlier step"),
    "skip": ("b", "both passes, up blocks only"),
    "shared": ("|", "rides on the run above"),
    "sum": ("+", "sum of effects that other runs make"),
    "device": (".", "left to the device"),
}


def cells(plan: Plan) -> tuple[tuple[str, ...], ...]:
    """``cells[candidate][step]`` for the cloud's steps, named as in ``MARKS``."""
    columns = [_column(step, plan.n) for step in plan.program]
    return tuple(tuple(column[i] for column in columns) for i in range(plan.n))


def _column(step: Step, n: int) -> list[str]:
    # a run is drawn at the first of its members that stands for no other run yet
    word, out = _word(step), ["shared"] * n
    if sum(len(node) for node in step.nodes) > n:
        out = ["sum"] * n
    taken: set[int] = set()
    for node in step.nodes:
        place = next((i for i in node if i not in taken), node[0])
        taken.add(place)
        out[place] = word
    return out


def _word(step: Step) -> str:
    kind = step.kind
    if kind.features is Features.SKIP:
        return "skip"
    if kind.attention is not Attention.OWN:
        return str(kind.attention.value)
    alone = step.unconditional < step.conditional
    if kind.features is Features.SHALLOW:
        return "shallow-conditional" if alone else "shallow"
    return "conditional" if alone else "full"


#: The same, of a cloud that makes no unconditional pass.
_ALONE = {
    "full": "whole", "conditional": "whole", "shallow": "outer layers only",
    "shallow-conditional": "outer layers only", "pivot": "with one candidate's attention maps",
    "cached": "attention of an earlier step", "skip": "up blocks only",
}  # fmt: skip


def as_text(plan: Plan) -> str:
    """A line a candidate, a mark a step; steps left to the device are dots."""
    rest = MARKS["device"][0] * (plan.steps - plan.split)
    return "\n".join("".join(MARKS[c][0] for c in row) + rest for row in cells(plan))


def legend(plan: Plan, *, guidance: bool = True) -> str:
    """What the marks of this plan's picture say, one a line; the extra passes are counted.

    Args:
        guidance: whether the cloud makes unconditional passes at all.
    """
    used = {c for row in cells(plan) for c in row}
    used |= {"device"} if plan.split < plan.steps else set()
    lines = [
        f"{mark}: {says if guidance else _ALONE.get(word, says)}"
        for word, (mark, says) in MARKS.items()
        if word in used
    ]
    if not guidance:
        return "\n".join(lines)
    shared = sum(s.unconditional for s in plan.program if s.unconditional < s.conditional)
    if shared:
        lines.append(f"besides, {shared} unconditional passes for the whole set")
    return "\n".join(lines)
