"""``python -m training.benchmark --work build/mini``: writes the benchmark and the tuning prompts.

Both files are fixed and shipped (``src/obclip/evaluation/data``): every figure is on the same
prompts with the same seeds. ``held-out`` prompts ask for combinations that the generators never
saw, every attribute named; ``free`` ones are worded as captions are, with fillers and gaps. No
prompt of one file is in the other, and no held-out combination is among the tuning prompts.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from random import Random

import click

from obclip.errors import PromptRefused
from obclip.evaluation.benchmark import FOLDER, PROTECT
from obclip.privacy import PrivacySettings, expand
from training.mini import render
from training.mini.captions import BACKGROUNDS, caption_and_said
from training.mini.catalogue import Item

#: Tone words that the captions mean otherwise than the transform's rows do (fair: light in a
#: caption, medium-light in a row): the pair has not learnt the rows, so nothing is asked in them.
_AMBIGUOUS = re.compile(r"\b(?:fair|pale|olive|tan|brown)(?:-skinned| skin)")

#: How many free prompts of each set size: enough of every kind, few of what costs most.
FREE = {2: 300, 4: 60, 5: 60, 8: 60, 10: 30}
TUNING = {2: 60, 4: 12, 5: 12, 8: 16, 10: 12}


def _entry(item: Item, rng: Random, *, complete: bool) -> tuple[dict[str, object], int] | None:
    """A line of the file and its N; None where the transform has nothing to vary, or refuses."""
    text, said = caption_and_said(
        item.style, item.concept, item.gender, item.age, item.tone,
        rng.choice(list(BACKGROUNDS)), rng, complete=complete,
    )  # fmt: skip
    if _AMBIGUOUS.search(text):
        return None
    try:
        n = expand(text, PrivacySettings(protect=PROTECT)).candidates.n
    except PromptRefused:
        return None
    if n < 2:
        return None
    return {
        "prompt": text,
        "seed": rng.randrange(2**31),
        "kind": "held-out" if complete else "free",
        "held_out": item.held_out,
        "style": said.style,
        "concept": item.concept,
        "background": said.background,
    }, n


def _free(
    items: list[Item], quota: dict[int, int], rng: Random, taken: set[str]
) -> list[dict[str, object]]:
    out: list[dict[str, object]] = []
    left = Counter(quota)
    while left.total():
        found = _entry(rng.choice(items), rng, complete=False)
        if found is None or left[found[1]] <= 0 or str(found[0]["prompt"]) in taken:
            continue
        left[found[1]] -= 1
        taken.add(str(found[0]["prompt"]))
        out.append(found[0])
    return out


def make(items: list[Item], seed: int = 11) -> tuple[list[dict[str, object]], ...]:
    """(benchmark, tuning), in a random but fixed order."""
    rng = Random(seed)
    taken: set[str] = set()
    benchmark = []
    for item in items:
        if item.held_out and item.gender != "unspecified":
            found = None
            while found is None:  # another wording, until one says what it means
                found = _entry(item, rng, complete=True)
            taken.add(str(found[0]["prompt"]))
            benchmark.append(found[0])
    benchmark += _free(items, FREE, rng, taken)
    tuning = _free([i for i in items if not i.held_out], TUNING, rng, taken)
    rng.shuffle(benchmark)
    rng.shuffle(tuning)
    return benchmark, tuning


@click.command()
@click.option("--work", type=click.Path(path_type=Path), default=Path("build/mini"))
@click.option("--target", type=click.Path(path_type=Path), default=FOLDER)
def main(work: Path, target: Path) -> None:
    items = render.render_all(work / "packages", work)
    target.mkdir(parents=True, exist_ok=True)
    for name, rows in zip(("benchmark", "tuning"), make(items), strict=True):
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (target / f"{name}.jsonl").write_text(lines, "utf-8")
        click.echo(f"{name}: {len(rows)} prompts, {Counter(row['kind'] for row in rows)}")


if __name__ == "__main__":
    main()
