"""Draws whole sets under several plans and keeps what the judge sees, a JSON line a set.

Safe to kill at any time: a line is written whole or cut off at the next start, sets that stand in
the file are not drawn again, and a file of other weights, plans or numbers is refused.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

import click
import numpy as np
from torch import Tensor

from obclip.client.sizes import sizes_of
from obclip.cloud.cost import Count, counter, plan_cost
from obclip.cloud.recipe import Recipe
from obclip.diffusion.pairs import Pair
from obclip.errors import PromptRefused
from obclip.evaluation.benchmark import Case, case, entries
from obclip.evaluation.judge import FOLDER
from obclip.evaluation.metrics import paired_distance, psnr
from obclip.evaluation.sharing import Seen, Studio, hand_over_loss

EXACT = "exact"
#: Between the numbers of the sets of two files of prompts.
APART = 1_000_000


@dataclass(frozen=True, slots=True)
class Sets:
    """Which sets are drawn: of the prompts of a file, in its order.

    Attributes:
        name: ``benchmark``, or ``tuning`` for choosing.
        count: how many at most. each: of one N at most; 0 for any number.
        least, cap: the smallest and the largest N.
    """

    name: str = "benchmark"
    count: int = 600
    each: int = 0
    least: int = 2
    cap: int = 64


def header(
    studio: Studio, pair: Pair, plans: dict[str, Recipe], prompts: str = "benchmark"
) -> dict[str, Any]:
    """Everything that decides the figures; files of two headers never mix."""
    models = {"cloud": pair.cloud.folder, "device": pair.device.folder, "judge": FOLDER}
    return {
        "pair": pair.name,
        "plans": {name: json.loads(json.dumps(asdict(recipe))) for name, recipe in plans.items()},
        "prompts": prompts,
        "dtype": str(studio.engine.parts.unet.dtype).removeprefix("torch."),
        "weights": {name: _hash(folder) for name, folder in models.items() if folder is not None},
        "sampling": asdict(studio.sampling),
        "split": studio.split,
    }


def _hash(folder: Path) -> str:
    """SHA-256 over all weights of a folder."""
    found = hashlib.sha256()
    for file in sorted(folder.rglob("*.safetensors")):
        found.update(file.read_bytes())
    return found.hexdigest()[:16]


def read(file: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(header, rows) of a result file; a line that was cut off is left out."""
    lines = file.read_text("utf-8").split("\n")[:-1]
    if not lines:
        raise click.ClickException(f"{file} holds no results")
    head, *rows = (json.loads(line) for line in lines)
    return head, rows


def joined(
    files: list[tuple[dict[str, Any], list[dict[str, Any]]]],
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Several result files as one: more plans, more sets, or both.

    Plans of a later file take the place of the same names. A set need not have all plans. Sets of
    another file of prompts are other sets.
    """
    heads = [head for head, _ in files]
    same = [{k: v for k, v in head.items() if k not in ("plans", "prompts")} for head in heads]
    if any(one != same[0] for one in same):
        raise click.ClickException("the files were made with other weights or numbers")
    plans: dict[str, Any] = {}
    prompts = list(dict.fromkeys(str(head["prompts"]) for head in heads))
    sets: dict[int, dict[str, Any]] = {}
    for head, rows in files:
        plans |= head["plans"]
        for row in rows:
            number = row["set"] + APART * prompts.index(head["prompts"])
            before = sets.get(number, row)
            if before["asked"] != row["asked"]:
                raise click.ClickException(f"set {row['set']} differs between the files")
            sets[number] = {**row, "set": number, "plans": {**before["plans"], **row["plans"]}}
    return {**heads[0], "plans": plans, "prompts": "` and `".join(prompts)}, [
        sets[number] for number in sorted(sets)
    ]


def open_results(file: Path, head: dict[str, Any]) -> tuple[TextIO, set[int]]:
    """The file, ready to be appended to, and the sets that stand in it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    stream = file.open("a+", encoding="utf-8")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise click.ClickException(f"another run is writing {file}") from None
    data = file.read_bytes()
    whole = data.rfind(b"\n") + 1
    os.truncate(file, whole)
    if whole == 0:
        write(stream, head)
        return stream, set()
    before, rows = read(file)
    if before != head:
        differ = sorted(key for key in {*before, *head} if before.get(key) != head.get(key))
        raise click.ClickException(
            f"{file} was made with other {', '.join(differ)}: give another --out"
        )
    return stream, {row["set"] for row in rows}


def write(stream: TextIO, row: dict[str, Any]) -> None:
    stream.write(json.dumps(row, separators=(",", ":")) + "\n")
    stream.flush()
    os.fsync(stream.fileno())


def chosen(sets: Sets) -> Iterator[tuple[int, Case]]:
    """(place in the file, set) of each set that is to be drawn."""
    found: Counter[int] = Counter()
    for number, entry in enumerate(entries(sets.name)):
        if found.total() == sets.count:
            return
        try:
            one = case(entry)
        except PromptRefused:
            continue
        n = one.candidates.n
        if sets.least <= n <= sets.cap and not 0 < sets.each <= found[n]:
            found[n] += 1
            yield number, one


def row(
    number: int, found: Case, handed: dict[str, Tensor], drawn: dict[str, Seen],
    ratios: dict[str, float],
) -> dict[str, Any]:  # fmt: skip
    """What is kept of one set; of plans that were not finished, the hand-over alone."""
    plans: dict[str, Any] = {}
    for name, latents in handed.items():
        far, kept = hand_over_loss(latents, handed[EXACT])
        plans[name] = {
            "ratio": round(ratios[name], 4), "far": [round(v, 4) for v in far],
            "kept": [round(v, 4) for v in kept],
        }  # fmt: skip
    for name, seen in drawn.items():
        exact = drawn[EXACT]
        plans[name] |= {
            "values": seen.values,
            "sure": [{k: round(v, 4) for k, v in sure.items()} for sure in seen.sure],
            "distance": _rounded(paired_distance(seen.features, exact.features)),
            "psnr": _rounded(psnr(seen.pictures, exact.pictures).clamp(max=99)),
            "features": packed(seen.features),
        }
    return {
        "set": number,
        "prompt": found.entry.prompt,
        "attributes": [(a.name, len(a.values)) for a in found.candidates.attributes],
        "sizes": sizes_of(found.candidates),
        "asked": found.asked,
        "plans": plans,
    }


def _rounded(values: Tensor) -> list[float]:
    return [round(v, 4) for v in values.tolist()]


def packed(features: Tensor) -> str:
    """(n, d) in half precision as text: a number in two bytes instead of ten."""
    return base64.b64encode(features.numpy().astype(np.float16).tobytes()).decode()


def unpacked(text: str, rows: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    flat = np.frombuffer(base64.b64decode(text), dtype=np.float16)
    return flat.reshape(rows, -1).astype(np.float32)


def run(
    studio: Studio, pair: Pair, plans: dict[str, Recipe], file: Path, sets: Sets, *,
    few: int = 0, on_few: tuple[str, ...] = (), hand_over: bool = False,
) -> None:  # fmt: skip
    """Draws what is missing in ``file``, with progress and the time left.

    Args:
        few, on_few: the plans ``on_few`` are drawn on the first ``few`` sets alone.
        hand_over: nothing is finished and judged; latents are compared where the device begins.
    """
    stream, done = open_results(file, header(studio, pair, plans, sets.name))
    unet, s = studio.engine.parts, studio.sampling
    cells = s.height // unet.latent_factor, s.width // unet.latent_factor
    tokens = int(unet.tokenizers[0].model_max_length)
    count: Count = counter(dict(unet.unet.config), *cells, tokens)
    todo = list(enumerate(chosen(sets)))
    left = sum(one.candidates.n for place, (number, one) in todo if number not in done)
    start, drawn_here = time.perf_counter(), 0
    with stream:
        for place, (number, found) in todo:
            if number in done:
                continue
            names = [n for n in plans if place < few or n not in on_few]
            made = {name: studio.plan(name, plans[name], found) for name in names}
            ratios = {name: plan_cost(plan, count).ratio for name, plan in made.items()}
            handed = studio.hand(found, made)
            drawn = {} if hand_over else studio.finish(found, handed)
            write(stream, row(number, found, handed, drawn, ratios))
            drawn_here += found.candidates.n
            each = (time.perf_counter() - start) / drawn_here
            click.echo(
                f"{place + 1}/{len(todo)} sets (N = {found.candidates.n}), {each:.2f} s a "
                f"candidate, about {each * (left - drawn_here) / 60:.1f} minutes left"
            )
