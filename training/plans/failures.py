"""Side by side: sets where the pivot's attention maps draw the pivot's features on others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from PIL import Image, ImageDraw

from obclip.cloud.planner import recipe
from obclip.evaluation.benchmark import case, entries
from obclip.evaluation.sharing import Seen, Studio
from training.plans.run import EXACT

SHOWN = (EXACT, "paper-reuse", "balanced")
SIDE, GAP, LABEL = 96, 4, 14  # pixels
#: Sets that are drawn.
MOST = 4


def worst(rows: list[dict[str, Any]]) -> list[tuple[float, int]]:
    """(how much less sure the judge is of a man's gender under pivot reuse, set), largest first.

    Sets of four candidates at most, so that the picture stays small, and only those whose man
    ``exact`` and ``balanced`` draw as one.
    """
    found = []
    for row in rows:
        men = [i for i, asked in enumerate(row["asked"]) if asked.get("gender") == "man"]
        if len(row["asked"]) > 4 or not men:
            continue
        if any("sure" not in row["plans"].get(p, {}) for p in SHOWN):
            continue
        sure = {p: [row["plans"][p]["sure"][i]["gender"] for i in men] for p in SHOWN}
        if min(sure[EXACT] + sure["balanced"]) < 0.5:
            continue
        lost = max(a - b for a, b in zip(sure[EXACT], sure["paper-reuse"], strict=True))
        found.append((lost, row["set"]))
    return sorted(found, reverse=True)


def sheet(drawn: list[tuple[str, tuple[dict[str, str], ...], dict[str, Seen]]]) -> Image.Image:
    """A block a set: a column a candidate, a row a plan, the judge's gender under each picture."""
    left = 90
    across = max(len(asked) for _, asked, _ in drawn)
    line = SIDE + LABEL + GAP
    block = LABEL + len(SHOWN) * line + 8
    out = Image.new("RGB", (max(left + across * (SIDE + GAP), 560), len(drawn) * block), "white")
    pen = ImageDraw.Draw(out)
    for b, (prompt, asked, plans) in enumerate(drawn):
        top = b * block
        pen.text((4, top), prompt, fill="black")
        for r, name in enumerate(SHOWN):
            y = top + LABEL + r * line
            pen.text((4, y + SIDE // 2), name, fill="black")
            for c, picture in enumerate(plans[name].pictures):
                x = left + c * (SIDE + GAP)
                small = Image.fromarray(picture.permute(1, 2, 0).numpy())
                out.paste(small.resize((SIDE, SIDE), Image.Resampling.LANCZOS), (x, y))
                seen, right = plans[name].values[c]["gender"], asked[c]["gender"]
                colour = "black" if seen == right else "#c00000"
                said = f"{right}" if seen == right else f"{right}: {seen}"
                pen.text((x, y + SIDE), f"{said} {plans[name].sure[c]['gender']:.2f}", fill=colour)
    return out


def draw(studio: Studio, rows: list[dict[str, Any]], file: Path) -> None:
    """Finds the sets in the results and draws them again."""
    found = worst(rows)
    flipped = sum(lost > 0.5 for lost, _ in found)
    click.echo(f"{len(found)} sets with a man that exact draws as one; {flipped} lose it")
    known = entries()
    drawn = []
    for lost, number in found[:MOST]:
        one = case(known[number])
        plans = {name: studio.plan(name, recipe(name), one) for name in SHOWN}
        drawn.append((one.entry.prompt, one.asked, studio.draw(one, plans)))
        click.echo(f"{lost:.2f} {one.entry.prompt}")
    if not drawn:
        raise click.ClickException("no such set in the results")
    file.parent.mkdir(parents=True, exist_ok=True)
    sheet(drawn).save(file, optimize=True)
