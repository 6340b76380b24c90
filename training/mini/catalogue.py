"""Which pictures there are: one :class:`Item` for each people emoji of each style.

Names, hence labels, are Unicode's own: gender and skin tone are written into the code point
sequence, age into the name. Nothing is labelled by looking at a picture.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: style word -> the package that holds its SVG files (versions are pinned in ``fetch.py``).
STYLES: dict[str, str] = {
    "noto": "@iconify-json/noto",
    "twemoji": "@iconify-json/twemoji",
    "fluent": "@iconify-json/fluent-emoji-flat",
}

GENDERS = ("unspecified", "woman", "man")
AGES = ("child", "adult", "elderly")
TONES = ("yellow", "light", "medium-light", "medium", "medium-dark", "dark")
_MODIFIERS = ("", "\U0001f3fb", "\U0001f3fc", "\U0001f3fd", "\U0001f3fe", "\U0001f3ff")

HELD_OUT_SHARE = 0.10


@dataclass(frozen=True, slots=True)
class Concept:
    """A thing a person is, wears or does.

    ``kind`` decides the grammar of its captions: ``portrait`` (the person alone), ``role``
    (``words`` are nouns) or ``trait`` (``words`` follow the person). ``names`` are the Unicode
    names for (unspecified, woman, man); ``None`` where there is no such emoji.
    """

    key: str
    kind: str
    words: tuple[str, ...]
    names: tuple[str | None, str | None, str | None]
    age: str = "adult"


def _role(name: str, *words: str) -> Concept:
    return Concept(name, "role", words or (name,), (name, f"woman {name}", f"man {name}"))


def _trait(key: str, name: str, *words: str) -> Concept:
    return Concept(key, "trait", words, (f"person {name}", f"woman {name}", f"man {name}"))


CONCEPTS: tuple[Concept, ...] = (
    Concept("person", "portrait", (), ("person", "woman", "man")),
    Concept("child", "portrait", (), ("child", "girl", "boy"), age="child"),
    Concept("elder", "portrait", (), ("older person", "old woman", "old man"), age="elderly"),
    _role("health worker", "doctor", "health worker", "nurse"),
    _role("student", "student", "graduate"),
    _role("teacher", "teacher", "professor"),
    _role("judge"),
    _role("farmer", "farmer", "gardener"),
    _role("cook", "cook", "chef"),
    _role("mechanic", "mechanic", "plumber"),
    _role("factory worker", "factory worker", "welder"),
    _role("office worker", "office worker", "manager"),
    _role("scientist", "scientist", "chemist"),
    _role("technologist", "programmer", "technologist"),
    _role("singer", "singer", "rock star"),
    _role("artist", "artist", "painter"),
    _role("pilot"),
    _role("astronaut"),
    _role("firefighter"),
    _role("police officer"),
    _role("detective", "detective", "spy"),
    _role("guard", "guard", "royal guard"),
    _role("construction worker", "construction worker", "builder"),
    _role("superhero"),
    _role("supervillain", "supervillain", "villain"),
    _role("mage", "mage", "sorcerer"),
    _role("vampire"),
    _role("elf"),
    _trait("blond hair", "blond hair", "with blond hair", "blond hair"),
    _trait("red hair", "red hair", "with red hair", "red hair"),
    _trait("curly hair", "curly hair", "with curly hair", "curly hair"),
    _trait("white hair", "white hair", "with white hair", "white hair"),
    _trait("bald", "bald", "with a bald head", "bald"),
    _trait("beard", "beard", "with a beard", "beard"),
    _trait("turban", "wearing turban", "wearing a turban", "in a turban"),
    _trait("tuxedo", "in tuxedo", "in a tuxedo", "wearing a suit"),
    _trait("veil", "with veil", "with a veil", "wearing a wedding veil"),
    _trait("frowning", "frowning", "frowning", "looking sad"),
    _trait("gesturing no", "gesturing NO", "with crossed arms", "gesturing no"),
    _trait("gesturing ok", "gesturing OK", "with arms over the head", "gesturing ok"),
    _trait("tipping hand", "tipping hand", "tipping a hand", "with an open hand"),
    _trait("raising hand", "raising hand", "raising a hand", "waving"),
    _trait("facepalming", "facepalming", "facepalming", "covering the face with a hand"),
    _trait("shrugging", "shrugging", "shrugging"),
    Concept(
        "deaf", "trait", ("who is deaf", "pointing at the ear"),
        ("deaf person", "deaf woman", "deaf man"),
    ),
    Concept(
        "headscarf", "trait", ("with a headscarf", "wearing a hijab"),
        (None, "woman with headscarf", None),
    ),
    Concept(
        "wheelchair", "trait", ("in a wheelchair", "using a wheelchair"),
        (
            "person in manual wheelchair",
            "woman in manual wheelchair",
            "man in manual wheelchair",
        ),
    ),
    Concept(
        "pregnant", "trait", ("who is pregnant", "expecting a baby"),
        ("pregnant person", "pregnant woman", "pregnant man"),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Item:
    """One real picture: its labels and its SVG source."""

    style: str
    concept: str
    gender: str
    age: str
    tone: str
    svg: str

    @property
    def combination(self) -> str:
        """What is held out together, in every style."""
        return f"{self.concept}|{self.gender}|{self.tone}"

    @property
    def held_out(self) -> bool:
        """True for the share of combinations that no training stage of the generators sees."""
        return held_out(self.combination)


def held_out(combination: str) -> bool:
    """A fixed pseudo-random tenth of the combinations, the same on every machine."""
    digest = hashlib.sha256(f"obclip-mini-split-1|{combination}".encode()).digest()
    return int.from_bytes(digest[:4], "big") < HELD_OUT_SHARE * 2**32


def concept(key: str) -> Concept:
    """The concept with this key; ``KeyError`` if there is none."""
    return {c.key: c for c in CONCEPTS}[key]


def _code(sequence: str) -> str:
    """Code points as the icon packages write them, without the variation selector."""
    return "-".join(f"{ord(c):x}" for c in sequence if ord(c) != 0xFE0F)


def _icons(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """(code -> icon name, icon name -> SVG document) of one unpacked icon package."""
    icons = json.loads((folder / "icons.json").read_text("utf-8"))
    chars = json.loads((folder / "chars.json").read_text("utf-8"))
    width, height = icons.get("width", 16), icons.get("height", 16)
    names = {"-".join(p for p in k.split("-") if p != "fe0f"): v for k, v in chars.items()}

    def document(icon: dict[str, object]) -> str:
        w, h = icon.get("width", width), icon.get("height", height)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" '
            f'xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 {w} {h}">'
            f"{icon['body']}</svg>"
        )

    svgs = {name: document(icon) for name, icon in icons["icons"].items()}
    for name, alias in icons.get("aliases", {}).items():
        if alias.get("parent") in svgs:
            svgs[name] = svgs[alias["parent"]]
    return names, svgs


def load(packages: Path) -> Iterator[Item]:
    """Every picture of every style under ``packages`` (see ``fetch.py``), in a fixed order.

    A picture that a package lacks is left out; two labels that share one drawing (some styles
    draw no gender) are kept only for the first label, so that no picture has two truths.
    """
    unicode_names = json.loads((packages / "unicode-emoji-json/data-by-emoji.json").read_text())
    by_name = {entry["name"]: emoji for emoji, entry in unicode_names.items()}
    for style, package in STYLES.items():
        codes, svgs = _icons(packages / package.rsplit("/", 1)[-1])
        seen: set[str] = set()
        for c in CONCEPTS:
            for gender, name in zip(GENDERS, c.names, strict=True):
                if name is None or name not in by_name:
                    continue
                base = by_name[name]
                for tone, modifier in zip(TONES, _MODIFIERS, strict=True):
                    svg = svgs.get(codes.get(_code(base[0] + modifier + base[1:]), ""))
                    if svg is None or svg in seen:
                        continue
                    seen.add(svg)
                    yield Item(style, c.key, gender, c.age, tone, svg)
