"""Fused words (Latina nurse, Frenchwoman), brought to the spelling whose partners are natural.

Protects: "a Filipina nurse" is read as "a Filipino female nurse" and "a Latina doctor" as "a Latin
female doctor", so that every member has an adjective and no member a noun where an adjective
stands; "a Frenchman" as "a French man", "born in Nigeria" as "from Nigeria". Does not protect:
Latina and Filipina without a noun behind them, which are nouns of their own rows.
"""

from __future__ import annotations

import re

from obclip.privacy.alone import alone
from obclip.privacy.judge import Judge
from obclip.privacy.lexicon import Lexicon
from obclip.privacy.normalise import refuse
from obclip.privacy.scan import scan

# word -> (adjective, gender); Latina before a noun of gender agrees with it (see persons.py).
_ADJECTIVES = {
    "latina": ("Latin", "woman"),
    "latino": ("Latin", "man"),
    "filipina": ("Filipino", "woman"),
}
_PEOPLES = {
    "french": "French", "english": "English", "irish": "Irish", "scots": "Scottish",
    "dutch": "Dutch", "welsh": "Welsh", "norse": "Norse", "cornish": "Cornish", "manx": "Manx",
}  # fmt: skip
_TITLE = re.compile(r"\b(Ms|Mstr)\.(?= [A-Z])")  # beside "Mister", which has no point
_PEOPLE = re.compile(rf"(?<!flying )\b({'|'.join(_PEOPLES)})((?:wo)?m[ae]n)\b", re.I)
# Words said of persons that have a kinder or plainer spelling, which is the table's.
_PLAIN = {
    "gypsy": "Romani", "moslem": "Muslim", "islamic": "Muslim", "judaic": "Jewish",
    "hindoo": "Hindu",
}  # fmt: skip
_ALWAYS = {
    "gypsies": "Romanies", "moslems": "Muslims", "jewess": "Jewish woman",
    "jewesses": "Jewish women",
}  # fmt: skip
_BORN = re.compile(r"\b(?:born and raised|born|raised|hailing) (?:in|from) ", re.I)
_SAID = {"woman": "female", "man": "male"}
_CUES = (*_ADJECTIVES, *_PLAIN, "gypsies", "jewess")


def apart(text: str, table: Lexicon) -> str:
    """A prompt with its fused adjectives taken apart. Idempotent.

    Raises:
        PromptRefused: the word and its noun say two genders.
    """
    low = text.lower()
    if "." in text:
        text = _TITLE.sub(r"\1", text)
    if "man" in low or "men" in low:
        text = _PEOPLE.sub(_people, text)
    if "born" in low or "raised" in low or "hailing" in low:
        text = _BORN.sub(lambda found: _from(found, table), text)
    if not any(word in low for word in _CUES):
        return text
    units = scan(text, table)
    judge = Judge(units)
    out, last = [], 0
    for i, unit in enumerate(units):
        plain = _ALWAYS.get(unit.low) or _plain(judge, i)
        if plain:
            out += [text[last : unit.start], plain.upper() if unit.text.isupper() else plain]
            last = unit.end
            continue
        adjective, gender = _ADJECTIVES.get(unit.low, ("", ""))
        noun = _noun(judge, i) if adjective and unit.row is not None else -1
        if adjective and _afro(judge, i):
            out += [
                text[last : units[i - 2].start],
                "Afro-Latino" + _afro_noun(judge, noun, gender),
            ]
            last = unit.end
            continue
        if noun < 0:
            continue
        row = units[noun].row
        if row is not None and "gender" in row.attributes:
            if unit.low != "filipina":
                continue
            if row.kind != "name" and units[noun].values[0] != gender:
                raise refuse(
                    "contradiction",
                    f"{unit.text!r} and {units[noun].text!r} say two genders",
                    unit.text,
                )
            words = adjective
        else:
            words = f"{adjective} {_SAID[gender]}"
        out += [text[last : unit.start], words.upper() if unit.text.isupper() else words]
        last = unit.end
    return "".join([*out, text[last:]])


def _plain(judge: Judge, i: int) -> str:
    """The table's word for a word of a person: "a gypsy woman", "a gypsy", not "a gypsy moth"."""
    word = _PLAIN.get(judge.units[i].low, "")
    return word if word and (_noun(judge, i) >= 0 or alone(judge, i)) else ""


def _people(match: re.Match[str]) -> str:
    """As in "Frenchwoman": "French woman"."""
    people = _PEOPLES[match[1].lower()]
    return f"{people.upper() if match[0].isupper() else people} {match[2]}"


def _from(found: re.Match[str], table: Lexicon) -> str:
    """As in "born in Nigeria": "from Nigeria", a form of the table; "born in spring" stays."""
    words = tuple(re.findall(r"[^\W_]+", found.string[found.end() :].lower())[:4])
    known = any(
        entry.words[1:] == words[: len(entry.words) - 1] for entry in table.first.get("from", ())
    )
    return "from " if known else found[0]


def _afro(judge: Judge, i: int) -> bool:
    return i > 1 and [unit.low for unit in judge.units[i - 2 : i]] == ["afro", "-"]


def _afro_noun(judge: Judge, noun: int, gender: str) -> str:
    """What says the gender of "Afro-Latina" where its noun does not."""
    if noun < 0:
        return f" {gender}"
    row = judge.units[noun].row
    return "" if row is not None and "gender" in row.attributes else f" {_SAID[gender]}"


def _noun(judge: Judge, i: int) -> int:
    """The person noun that follows, adjectives and nouns of its compound between, or -1."""
    j = i + 1
    while j < len(judge.units) and judge.units[j].gap:
        if judge.is_person(j):
            return -1 if judge.units[j].row is None and judge.belongs_to_thing(j) else j
        if not judge.modifier(j):
            return -1
        j += 1
    return -1
