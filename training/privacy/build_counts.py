"""Counts, over public prompts, what a guesser could learn: the data file behind the best guess.

Usage: ``python -m training.privacy.build_counts TEXTS.jsonl`` (made by ``collect_texts``); writes
``src/obclip/privacy/data/cooccurrence.json``. Every text is read by the package's own analysis, so
that a "clear word" here is what stays in clear there. Three things are counted:

- ``attributes``: in how many texts each value of an attribute is the only one named;
- ``words``: in how many of those texts each clear word stands, value by value. Kept when a G test
  against independence passes 0.1 % and the word stands in at least ``MIN_TEXTS`` texts;
- ``forms``: how often each surface form of the table, and each word in such a form, is written.

``pull`` is the weight, in texts, of the prior in a word's estimate. Words are not independent, so
the sum of their log ratios is divided by (number of counted words) to the ``power``: 0 trusts them
as if they were, 1 takes their mean. Both are chosen by log loss on the half of the texts that was
not counted, and the figures on that half are written beside them; the shipped counts are of all
texts. First names and forms that name nobody are left out (``observe``).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from obclip.errors import PromptRefused
from training.privacy.collect_texts import SOURCES
from training.privacy.observe import Observation, observe, table_forms

OUT = Path(__file__).parents[2] / "src" / "obclip" / "privacy" / "data" / "cooccurrence.json"
MIN_TEXTS = 5
G_LIMIT = {1: 10.83, 2: 13.82, 3: 16.27, 4: 18.47, 5: 20.52}  # 0.1 %, by degrees of freedom
PULLS = (2.0, 5.0, 10.0, 20.0, 50.0)
POWERS = (0.0, 0.25, 0.5, 0.75, 1.0)

#: Counts measured earlier on real prompts and reported in the project's notes, (man, woman) texts.
REPORTED = {"beard": (111, 0), "handsome": (64, 4), "beautiful": (107, 743)}


class Table(NamedTuple):
    """Counts of one attribute: texts a value, and texts a word and value."""

    values: tuple[str, ...]
    texts: list[int]
    words: dict[str, list[int]]


def count(observed: Iterable[Observation], attribute: str, values: Sequence[str]) -> Table:
    """Texts that name exactly one value of ``attribute``, and the clear words they hold."""
    place = {value: i for i, value in enumerate(values)}
    texts = [0] * len(values)
    words: dict[str, list[int]] = defaultdict(lambda: [0] * len(values))
    for one in observed:
        named = one.values.get(attribute, frozenset())
        if len(named) != 1 or (value := next(iter(named))) not in place:
            continue
        texts[place[value]] += 1
        for word in one.clear:
            words[word][place[value]] += 1
    return Table(tuple(values), texts, kept(words, texts))


def kept(words: dict[str, list[int]], texts: list[int]) -> dict[str, list[int]]:
    """Words that go with a value more often than chance explains (G test, 0.1 %)."""
    total = sum(texts)
    used = [i for i, n in enumerate(texts) if n]
    limit = G_LIMIT.get(len(used) - 1, 20.52)
    found = {}
    for word, row in words.items():
        stands = sum(row)
        if stands < MIN_TEXTS or len(used) < 2:
            continue
        g = 0.0
        for i in used:
            for seen, expected in (
                (row[i], texts[i] * stands / total),
                (texts[i] - row[i], texts[i] * (total - stands) / total),
            ):
                if seen and expected:
                    g += 2 * seen * math.log(seen / expected)
        if g >= limit:
            found[word] = row
    return found


def posterior(table: Table, clear: Iterable[str], pull: float, power: float) -> list[float]:
    """The guess: prior times shrunk likelihood ratios. Mirrors ``obclip.privacy.leakage``."""
    total = sum(table.texts) + len(table.values)
    prior = [(n + 1) / total for n in table.texts]
    rows = [table.words[word] for word in clear if word in table.words]
    scale = len(rows) ** -power if rows else 0.0
    logs = [math.log(p) for p in prior]
    for row in rows:
        stands = sum(row)
        for i, p in enumerate(prior):
            logs[i] += scale * math.log((row[i] + pull * p) / (stands + pull) / p)
    top = max(logs)
    weights = [math.exp(x - top) for x in logs]
    return [w / sum(weights) for w in weights]


def evaluate(
    table: Table, attribute: str, held: list[Observation], pull: float, power: float
) -> dict[str, float]:
    """Log loss, share guessed right, and (two values) the area under the curve, on ``held``."""
    place = {value: i for i, value in enumerate(table.values)}
    loss, right, base, n, sure, sure_right = 0.0, 0, 0, 0, 0, 0
    scored: list[tuple[float, int]] = []
    common = max(range(len(table.texts)), key=table.texts.__getitem__)
    for one in held:
        named = one.values.get(attribute, frozenset())
        if len(named) != 1 or (value := next(iter(named))) not in place:
            continue
        truth = place[value]
        guess = posterior(table, one.clear, pull, power)
        hit = guess.index(max(guess)) == truth
        loss -= math.log(guess[truth])
        right += hit
        base += truth == common
        n += 1
        if max(guess) >= 0.8:
            sure += 1
            sure_right += hit
        scored.append((guess[0], int(truth == 0)))
    if not n:
        return {}
    figures = {"texts": n, "log_loss": loss / n, "right": right / n, "right_by_prior": base / n}
    if sure:
        figures |= {"texts_above_0.8": sure, "right_above_0.8": sure_right / sure}
    if len(table.values) == 2:
        figures["auc"] = area(scored)
    return {key: round(value, 4) for key, value in figures.items()}


def area(scored: list[tuple[float, int]]) -> float:
    """Area under the curve by ranks, ties shared."""
    scored = sorted(scored)
    ranks, i = 0.0, 0
    while i < len(scored):
        j = i
        while j < len(scored) and scored[j][0] == scored[i][0]:
            j += 1
        ranks += sum(hit for _, hit in scored[i:j]) * (i + j + 1) / 2
        i = j
    hits = sum(hit for _, hit in scored)
    misses = len(scored) - hits
    return (ranks - hits * (hits + 1) / 2) / (hits * misses) if hits and misses else 0.5


def fit(
    observed: list[Observation], attribute: str, values: Sequence[str]
) -> tuple[Table, dict[str, Any]]:
    """The table over all texts, with the parameters and figures of the held-out half."""
    half = count([one for one in observed if not one.held], attribute, values)
    held = [one for one in observed if one.held]
    best: tuple[float, float, float, dict[str, float]] | None = None
    for pull in PULLS:
        for power in POWERS:
            figures = evaluate(half, attribute, held, pull, power)
            if figures and (best is None or figures["log_loss"] < best[0]):
                best = (figures["log_loss"], pull, power, figures)
    _, pull, power, figures = best or (0.0, 5.0, 0.5, {})
    table = count(observed, attribute, values)
    return table, {"pull": pull, "power": power, "held_out": figures}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("texts", type=Path)
    args = parser.parse_args()
    observed: list[Observation] = []
    refused: Counter[str] = Counter()
    sources: Counter[str] = Counter()
    for line in args.texts.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        held = hashlib.sha256(row["text"].encode()).digest()[0] % 2 == 1
        try:
            one = observe(row["text"], held)
        except PromptRefused as error:
            refused[error.code] += 1
            continue
        sources[row["source"]] += 1
        observed.append(one)
    spaces, forms = table_forms()
    attributes: dict[str, Any] = {}
    words: dict[str, dict[str, list[int]]] = defaultdict(dict)
    for attribute, values in spaces.items():
        table, parameters = fit(observed, attribute, values)
        attributes[attribute] = {"values": list(values), "texts": table.texts, **parameters}
        for word, row in table.words.items():
            words[word][attribute] = row
        print(attribute, json.dumps(attributes[attribute]))
    for word, (man, woman) in REPORTED.items():
        own = words[word].get("gender", [0, 0])
        if man + woman > sum(own):
            words[word]["gender"] = [woman, man]
    written: Counter[str] = sum((one.forms for one in observed), Counter())
    plain: Counter[str] = Counter()
    for one in observed:
        plain.update(one.words)
    needed = {word for form in forms for word in form.split(" ")}
    write(attributes, words, written, plain, needed, sources, refused)


def write(
    attributes: dict[str, Any],
    words: dict[str, dict[str, list[int]]],
    written: Counter[str],
    plain: Counter[str],
    needed: set[str],
    sources: Counter[str],
    refused: Counter[str],
) -> None:
    """The data file: facts with their sources, one word a line so that changes can be read."""
    head = {
        "about": "Counts over public prompts and captions; no text is kept. See docs/privacy.md.",
        "made_by": "training/privacy/collect_texts.py, then training/privacy/build_counts.py",
        "sources": [
            {
                "name": source.name,
                "repository": f"https://github.com/{source.repo}",
                "commit": source.commit,
                "licence": source.licence,
                "texts": sources[source.name],
            }
            for source in SOURCES
        ],
        "left_out": {"texts the transform refuses": sum(refused.values())},
        "reported": {
            "about": "texts about women and about men, measured earlier on real prompts; used where"
            " they are more than the texts counted here",
            **{word: [woman, man] for word, (man, woman) in REPORTED.items()},
        },
        "attributes": attributes,
        "written": sum(plain.values()),
    }
    with OUT.open("w", encoding="utf-8") as out:
        out.write(json.dumps(head, indent=1, ensure_ascii=False)[:-2] + ",\n")
        for name, table in (
            ("words", dict(words)),
            ("forms", {form: n for form, n in written.items() if " " in form}),
            ("singles", {word: plain[word] for word in needed if plain[word]}),
        ):
            rows = [
                f"{json.dumps(k, ensure_ascii=False)}: {json.dumps(table[k])}"
                for k in sorted(table)
            ]
            end = "\n}" if name == "singles" else "\n},"
            out.write(f'"{name}": {{\n' + ",\n".join(rows) + end + "\n")
        out.write("}\n")
    print(
        f"{OUT.name}: {OUT.stat().st_size} bytes, {len(words)} words, {sum(sources.values())} texts"
    )


if __name__ == "__main__":
    main()
