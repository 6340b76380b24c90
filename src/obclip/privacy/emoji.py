"""People emoji: gender, age and skin tone in the picture itself.

Protects: an emoji of a person is a word like any other. A group emoji (couples, families), whose
gender cannot be changed in the sequence, is refused, and so is a sign of faith, of disability or of
gender that stands in no row. Does not protect: emoji that are not people.
"""

from __future__ import annotations

import re

from obclip.privacy.normalise import refuse

TONES = dict(
    zip(("light", "medium-light", "medium", "medium-dark", "dark"), "🏻🏼🏽🏾🏿", strict=True)
)
_TONE_OF = {char: tone for tone, char in TONES.items()}
_PEOPLE = {
    ("woman", "child"): "👧", ("woman", "young"): "👩", ("woman", "elderly"): "👵",
    ("man", "child"): "👦", ("man", "young"): "👨", ("man", "elderly"): "👴",
    ("", "child"): "🧒", ("", "young"): "🧑", ("", "elderly"): "🧓",
}  # fmt: skip
_OF = {char: key for key, char in _PEOPLE.items()}
_SIGNS = {"woman": "♀", "man": "♂"}
_PAIRS = {"👸": "🤴", "💃": "🕺", "🤶": "🎅", "🤰": "🫃"}
# No row has a sign for every other value: headscarf, turban, cap, baby, deaf person, aids ...
_NO_ROW = "🧕👳👲👶👼🧏🦻🦾🦿🦯🦽🦼♿✝☪✡🕉☸🕎☦🪯⚧♀♂"
_WITHOUT_SIGN = "🧔👰🤵"  # drawn with a gender unless a sign says one
_FLAG = "🏳"
_GROUPS = "👪👫👬👭💏💑👯"
AGES = ("child", "young", "elderly")
_ZWJ, _VS = "\u200d", "\ufe0f"
CLUSTER = re.compile(
    f"[{''.join(_PEOPLE.values())}{''.join(_PAIRS)}{''.join(_PAIRS.values())}{_GROUPS}"
    f"{_NO_ROW}{_WITHOUT_SIGN}{_FLAG}]{_VS}?[🏻-🏿]?(?:{_ZWJ}[^\\s\\w]{_VS}?[🏻-🏿]?)*"
    f"|[^\\s\\w]{_VS}?[🏻-🏿]?{_ZWJ}[♀♂]{_VS}?|[^\\s\\w]{_VS}?[🏻-🏿]"
)


def read_emoji(text: str) -> tuple[str, list[tuple[str, str]]] | None:
    """(shape, [(attribute, value)]) of an emoji of a person; None if it says nothing of one.

    Raises:
        PromptRefused: a group, or a sequence that cannot be taken apart.
    """
    base, rest = text[0], text[1:]
    tones = [c for c in rest if c in _TONE_OF]
    said: list[tuple[str, str]] = []
    others = [c for c in rest.split(_ZWJ)[1:] if c]
    people = [c for c in others if c[0] in _OF or c[0] in _GROUPS]
    if base in _GROUPS or people or len(tones) > 1:
        raise refuse("group_emoji", f"{text} shows several people in one sign", text)
    sign = bool(others) and others[-1][0] in _SIGNS.values()
    if (
        base in _NO_ROW
        or (base in _WITHOUT_SIGN and not sign)
        or (base == _FLAG and others)
        or any(c[0] in _NO_ROW for c in (others[:-1] if sign else others))
    ):
        raise refuse(
            "person_emoji", f"{text} stands in no row", text, "say it in words, or rephrase"
        )
    shape = "".join(_ZWJ + c for c in others)
    if base in _OF:
        gender, age = _OF[base]
        if gender:
            said.append(("gender", gender))
        if not others:
            said.append(("age", age))
        shape = "person" + shape
    elif sign:
        said.append(("gender", "woman" if others[-1][0] == _SIGNS["woman"] else "man"))
        shape = f"sign{base}" + "".join(_ZWJ + c for c in others[:-1])
    else:
        for woman, man in _PAIRS.items():
            if base in (woman, man):
                said.append(("gender", "woman" if base == woman else "man"))
                shape = f"pair{woman}" + shape
                break
        else:
            shape = f"base{base}" + shape
    if tones:
        said.append(("skin_tone", _TONE_OF[tones[0]]))
    return (shape, said) if said else None


def emoji_text(shape: str, attributes: tuple[str, ...], values: tuple[str, ...]) -> str:
    """The sign for given values."""
    given = dict(zip(attributes, values, strict=True))
    tone = TONES.get(given.get("skin_tone", ""), "")
    if shape.startswith("person"):
        base = _PEOPLE[given.get("gender", ""), given.get("age", "young")]
        return base + tone + shape[6:]
    if shape.startswith("sign"):
        return shape[4] + tone + shape[5:] + _ZWJ + _SIGNS[given["gender"]] + _VS
    if shape.startswith("pair"):
        woman = shape[4]
        return (woman if given["gender"] == "woman" else _PAIRS[woman]) + tone + shape[5:]
    return shape[4] + tone + shape[5:]


def spaces(shape: str) -> dict[str, tuple[str, ...]]:
    """The values an emoji's attributes can take."""
    return {"gender": ("woman", "man"), "age": AGES, "skin_tone": tuple(TONES)}
