"""Draws benchmark sets under several plans and keeps what the judge sees, a JSON line a set.

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
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

import click
import numpy as np
from torch import Tensor

from obclip.client.sizes import sizes_of
from obclip.cloud.cost import Count, counter, plan_cost
from obclip.cloud.planner import recipe
from obclip.diffusion.pairs import Pair
from obclip.errors import PromptRefused
from obclip.evaluation.benchmark import Case, case, entries
from obclip.evaluation.judge import FOLDER
from obclip.evaluation.metrics import paired_distance, psnr
from obclip.evaluation.sharing import Seen, Studio

EXACT = "exact"


def header(studio: Studio, pair: Pair, plans: list[str]) -> dict[str, Any]:
    """Everything that decides the figures; files of two headers never mix."""
    models = {"cloud": pair.cloud.folder, "device": pair.device.folder, "judge": FOLDER}
    return {
        "pair": pair.name,
        "plans": {name: json.loads(json.dumps(asdict(recipe(name)))) for name in plans},
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

    Plans of a later file take the place of the same names; only sets that have all plans stay.
    """
    heads = [head for head, _ in files]
    same = [{k: v for k, v in head.items() if k != "plans"} for head in heads]
    if any(one != same[0] for one in same):
        raise click.ClickException("the files were made with other weights or numbers")
    plans: dict[str, Any] = {}
    sets: dict[int, dict[str, Any]] = {}
    for head, rows in files:
        plans |= head["plans"]
        for row in rows:
            before = sets.get(row["set"], row)
            if before["asked"] != row["asked"]:
                raise click.ClickException(f"set {row['set']} differs between the files")
            sets[row["set"]] = {**row, "plans": {**before["plans"], **row["plans"]}}
    whole = [row for row in sets.values() if set(row["plans"]) == set(plans)]
    return {**heads[0], "plans": plans}, whole


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


def chosen(count: int, least: int, cap: int, name: str = "benchmark") -> Iterator[tuple[int, Case]]:
    """The first ``count`` sets of ``least`` to ``cap`` candidates, in the file's order."""
    left = count
    for number, entry in enumerate(entries(name)):
        if left == 0:
            return
        try:
            found = case(entry)
        except PromptRefused:
            continue
        if least <= found.candidates.n <= cap:
            left -= 1
            yield number, found


def row(
    number: int, found: Case, drawn: dict[str, Seen], ratios: dict[str, float]
) -> dict[str, Any]:
    """What is kept of one set."""
    exact = drawn[EXACT]
    plans = {}
    for name, seen in drawn.items():
        plans[name] = {
            "ratio": round(ratios[name], 4),
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
    studio: Studio, pair: Pair, plans: list[str], file: Path, sets: int, least: int, cap: int
) -> None:
    """Draws what is missing in ``file``, with progress and the time left."""
    stream, done = open_results(file, header(studio, pair, plans))
    unet, s = studio.engine.parts, studio.sampling
    cells = s.height // unet.latent_factor, s.width // unet.latent_factor
    tokens = int(unet.tokenizers[0].model_max_length)
    count: Count = counter(dict(unet.unet.config), *cells, tokens)
    start, drawn_here = time.perf_counter(), 0
    with stream:
        for place, (number, found) in enumerate(chosen(sets, least, cap), start=1):
            if number in done:
                continue
            made = {name: studio.plan(name, recipe(name), found) for name in plans}
            ratios = {name: plan_cost(plan, count).ratio for name, plan in made.items()}
            write(stream, row(number, found, studio.draw(found, made), ratios))
            drawn_here += 1
            each = (time.perf_counter() - start) / drawn_here
            click.echo(
                f"{place}/{sets} sets (N = {found.candidates.n}), {each:.1f} s a set, "
                f"about {each * (sets - place) / 60:.0f} minutes left"
            )
