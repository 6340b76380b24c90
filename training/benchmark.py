"""``python -m training.benchmark --work build/mini``: writes the benchmark and the tuning prompts.

The files are fixed and shipped (``src/obclip/evaluation/data``): every figure is on the same
prompts with the same seeds. ``held-out`` prompts ask for combinations that the generators never
saw, every attribute named; ``free`` ones are worded as captions are, with fillers and gaps. No
prompt of one file is in the other, and no held-out combination is among the tuning prompts.

``ages`` are free prompts of portraits: ages are drawn on nothing else, and of the 2,700 candidates
of the benchmark's 600 sets 37 are children: one picture more or less is 2.7 points of them.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from random import Random

import click

from obclip.errors import PromptRefused
from obclip.evaluation.benchmark import FOLDER, PORTRAITS, PROTECT
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
#: Of portraits, which have a child and an elderly person in a set of 4, two of each in one of 8.
AGES = {4: 60, 8: 60}


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


def make_ages(items: list[Item], taken: set[str], seed: int = 12) -> list[dict[str, object]]:
    """Free prompts of portraits, none of which is ``taken``, in a random but fixed order."""
    rng = Random(seed)
    rows = _free([i for i in items if i.concept in PORTRAITS.values()], AGES, rng, set(taken))
    rng.shuffle(rows)
    return rows


@click.command()
@click.option("--work", type=click.Path(path_type=Path), default=Path("build/mini"))
@click.option("--target", type=click.Path(path_type=Path), default=FOLDER)
@click.option("--only-ages", is_flag=True, help="Leaves the other two files as they are.")
def main(work: Path, target: Path, only_ages: bool) -> None:
    items = render.render_all(work / "packages", work)
    target.mkdir(parents=True, exist_ok=True)
    if not only_ages:
        for name, rows in zip(("benchmark", "tuning"), make(items), strict=True):
            _write(target / f"{name}.jsonl", rows)
    known = [target / f"{name}.jsonl" for name in ("benchmark", "tuning")]
    lines = [line for file in known for line in file.read_text("utf-8").splitlines()]
    taken = {json.loads(line)["prompt"] for line in lines}
    _write(target / "ages.jsonl", make_ages(items, taken))


def _write(file: Path, rows: list[dict[str, object]]) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    click.echo(f"{file.stem}: {len(rows)} prompts, {Counter(row['kind'] for row in rows)}")


if __name__ == "__main__":
    main()
