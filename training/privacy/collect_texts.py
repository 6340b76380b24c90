"""Collects openly licensed prompts and captions into one file of texts.

Usage: ``python -m training.privacy.collect_texts CLONES OUT.jsonl``, where ``CLONES`` holds one
git clone (bare or not) a source, named ``owner+name``. Every file is read at the pinned commit,
so the result is the same whoever runs it. The texts are raw material for counts and are not
shipped: only the counts are (``build_counts.py``).
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path


def _json_field(*fields: str) -> Callable[[str], list[str]]:
    def read(blob: str) -> list[str]:
        rows = json.loads(blob)
        return [str(row[field]) for row in rows for field in fields if row.get(field)]

    return read


def _coco(blob: str) -> list[str]:
    return [str(row["caption"]) for row in json.loads(blob)["annotations"]]


def _csv_column(name: str) -> Callable[[str], list[str]]:
    def read(blob: str) -> list[str]:
        return [row[name] for row in csv.DictReader(io.StringIO(blob))]

    return read


def _first_tab_column(blob: str) -> list[str]:
    return [line.split("\t", 1)[0] for line in blob.splitlines()[1:]]


def _lines(blob: str) -> list[str]:
    return blob.splitlines()


@dataclass(frozen=True, slots=True)
class Source:
    """One public collection: where it lies, under which licence, and how its files are read."""

    name: str
    repo: str
    commit: str
    licence: str
    files: tuple[tuple[str, Callable[[str], list[str]]], ...]


SOURCES: tuple[Source, ...] = (
    Source(
        "DiffusionDB prompts, as sampled by ImageReward",
        "THUDM/ImageReward",
        "c1392c6dd0fd6ecd6d416c96959ab744a6d0a8fb",
        "CC0-1.0 (DiffusionDB), Apache-2.0 (ImageReward)",
        (
            ("data/refl_data.json", _json_field("text")),
            ("data/test.json", _json_field("prompt")),
            ("benchmark/benchmark-prompts.json", _json_field("prompt")),
        ),
    ),
    Source(
        "COCO val2017 captions",
        "ruizewang/evaluate",
        "1152656d3b8c66c48fc6a4357e159f5e21bd2d2d",
        "CC-BY-4.0 (COCO Consortium annotations)",
        (("annotations/captions_val2017.json", _coco),),
    ),
    Source(
        "TIFA v1.0 (COCO, DrawBench, PartiPrompts, PaintSkills)",
        "Yushi-Hu/tifa",
        "8e37050f44ab4ee681e4251f3c8a9d4cc86e901e",
        "Apache-2.0",
        (("tifa_v1.0/tifa_v1.0_text_inputs.json", _json_field("caption")),),
    ),
    Source(
        "PartiPrompts",
        "google-research/parti",
        "5a657978134374ce28973948331b319adef164bd",
        "Apache-2.0",
        (("PartiPrompts.tsv", _first_tab_column),),
    ),
    Source(
        "DSG-1k",
        "j-min/DSG",
        "7330119a39f76ff90e619a8bd3ff321e71aa986b",
        "Apache-2.0",
        (("dsg/data/dsg-1k-anns.csv", _csv_column("text")),),
    ),
    Source(
        "T2I-CompBench",
        "Karine-Huang/T2I-CompBench",
        "1b7094991a57f3c22abdd4f6e8ba6c1a15517073",
        "MIT",
        (
            ("examples/dataset/non_spatial.txt", _lines),
            ("examples/dataset/complex.txt", _lines),
            ("examples/dataset/numeracy.txt", _lines),
            ("examples/dataset/spatial.txt", _lines),
        ),
    ),
    Source(
        "VBench",
        "Vchitect/VBench",
        "45e79ec14e69a2187202c675d2dbce1a71843d53",
        "Apache-2.0",
        (
            ("prompts/all_dimension.txt", _lines),
            ("prompts/all_category.txt", _lines),
            ("VBench-2.0/prompts/VBench2_full_text.txt", _lines),
        ),
    ),
)


def read_source(source: Source, clones: Path) -> Iterable[str]:
    """Every text of ``source``, as written.

    Raises:
        subprocess.CalledProcessError: the clone or the pinned commit is missing.
    """
    folder = clones / source.repo.replace("/", "+")
    for path, parse in source.files:
        blob = subprocess.run(
            ["git", "-C", str(folder), "show", f"{source.commit}:{path}"],
            check=True,
            capture_output=True,
        ).stdout.decode("utf-8")
        yield from parse(blob)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("clones", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    seen: set[str] = set()
    kept: Counter[str] = Counter()
    with args.out.open("w", encoding="utf-8") as out:
        for source in SOURCES:
            for text in read_source(source, args.clones):
                key = " ".join(text.lower().split())
                if not key or key in seen:
                    continue
                seen.add(key)
                kept[source.name] += 1
                out.write(json.dumps({"text": text, "source": source.name}) + "\n")
    for name, count in kept.items():
        print(f"{count:7d} {name}")


if __name__ == "__main__":
    main()
