"""Captions as people write prompts: word order, synonyms, with and without each attribute.

Everything is a function of an item's labels and of a ``random.Random``, so equal seeds give
equal captions. Pictures have a background colour of their own, named or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from training.mini.catalogue import Concept, concept

#: The colours a picture may stand on, sRGB.
BACKGROUNDS: dict[str, tuple[int, int, int]] = {
    "white": (250, 250, 250),
    "gray": (140, 140, 140),
    "black": (20, 20, 20),
    "red": (214, 48, 49),
    "orange": (253, 138, 38),
    "yellow": (253, 216, 70),
    "green": (46, 160, 67),
    "teal": (0, 128, 128),
    "blue": (48, 98, 210),
    "navy": (24, 32, 92),
    "purple": (122, 62, 170),
    "pink": (255, 158, 196),
    "brown": (120, 78, 48),
}

_ADULT = {
    "woman": ("woman", "woman", "woman", "lady", "young woman", "middle-aged woman", "female"),
    "man": ("man", "man", "man", "gentleman", "young man", "middle-aged man", "male"),
    "unspecified": ("person", "person", "adult", "young person", "middle-aged person"),
}
_CHILD = {
    "woman": ("girl", "girl", "little girl", "female child"),
    "man": ("boy", "boy", "little boy", "male child"),
    "unspecified": ("child", "child", "kid", "little child"),
}
_ELDER = {
    "woman": ("elderly woman", "old woman", "elderly lady", "senior woman", "older woman"),
    "man": ("elderly man", "old man", "elderly gentleman", "senior man", "older man"),
    "unspecified": ("elderly person", "old person", "senior", "older person"),
}
_NOUNS = {"adult": _ADULT, "child": _CHILD, "elderly": _ELDER}

_TONE_WORDS = {
    "yellow": ("yellow",),
    "light": ("light", "light", "light", "fair", "pale"),
    "medium-light": ("medium-light",),
    "medium": ("medium", "medium", "medium", "olive", "tan"),
    "medium-dark": ("medium-dark", "medium-dark", "medium-dark", "brown"),
    "dark": ("dark",),
}
_PRONOUNS = {"woman": ("she", "her"), "man": ("he", "his"), "unspecified": ("they", "their")}

#: Words that change nothing in the picture: a prompt is never made of our vocabulary alone.
_FILLER = (
    "highly detailed", "digital art", "4k", "cute", "smiling", "in a garden", "on the street",
    "close up", "beautiful lighting", "simple", "vector", "in the morning", "with a dog",
    "looking at the camera", "realistic", "happy", "sharp focus", "studio light", "cartoon",
    "best quality", "a photo", "in a city", "at work", "at home", "masterpiece", "colorful",
    "sitting at a table", "holding a cup", "in the rain", "cinematic", "soft shadows",
)  # fmt: skip
_PRONOUN_FILLER = (
    "{they} is at {their} desk", "looking at {their} hands", "in {their} house",
    "with {their} friend", "{they} is smiling", "with {their} dog",
)  # fmt: skip


def article(word: str) -> str:
    """``word`` with the indefinite article that fits it."""
    return f"{'an' if word[:1] in 'aeio' else 'a'} {word}"


def _role_noun(c: Concept, gender: str, rng: Random) -> str:
    role = rng.choice(c.words)
    if gender == "unspecified":
        return role
    noun = rng.choice(_ADULT[gender])
    forms = (f"{noun} {role}", f"{role} {noun}", f"{noun} {role}")
    if noun in ("female", "male"):
        return f"{noun} {role}"
    return rng.choice(forms)


def subject(concept_key: str, gender: str, age: str, tone: str | None, rng: Random) -> str:
    """The person with its attributes; ``tone=None`` leaves the skin tone out."""
    c = concept(concept_key)
    noun = _role_noun(c, gender, rng) if c.kind == "role" else rng.choice(_NOUNS[age][gender])
    if noun in ("female", "male"):
        noun += " person"
    before = after = ""
    if tone is not None:
        word = rng.choice(_TONE_WORDS[tone])
        form = rng.randrange(5)
        if form < 2:
            before = f"{word}-skinned "
        else:
            after = (
                f" with {word} skin",
                f", {word} skin tone",
                f" with {article(word)} skin tone",
            )[form - 2]
    phrase = article(before + noun)
    if c.kind != "trait":
        return phrase + after
    trait = rng.choice(c.words)
    if trait in ("bald", "beard") or (trait.endswith(" hair") and not trait.startswith("with")):
        trait = f", {trait}"
    else:
        trait = f" {trait}"
    if after.startswith(" with") and trait.startswith(" with"):
        after = " and" + after
        return phrase + trait + after
    return phrase + (trait + after if rng.random() < 0.7 else after + trait)


@dataclass(frozen=True, slots=True)
class Said:
    """What a caption tells; None for what it leaves open. What the text encoder learns to read."""

    style: str | None
    concept: str | None
    gender: str | None
    age: str | None
    tone: str | None
    background: str | None


#: What the empty caption tells.
NOTHING = Said(None, None, None, None, None, None)


def caption(
    style: str,
    concept_key: str,
    gender: str,
    age: str,
    tone: str,
    background: str,
    rng: Random,
    *,
    complete: bool = False,
) -> str:
    """The text of :func:`caption_and_said` alone."""
    return caption_and_said(
        style, concept_key, gender, age, tone, background, rng, complete=complete
    )[0]


def caption_and_said(
    style: str,
    concept_key: str,
    gender: str,
    age: str,
    tone: str,
    background: str,
    rng: Random,
    *,
    complete: bool = False,
) -> tuple[str, Said]:
    """One caption of a picture with these labels, and which of them it tells.

    Args:
        complete: name style, gender, tone and background always and add no filler (for
            prompts whose pictures are to be judged on every attribute).
    """
    say_style = complete or rng.random() < 0.7
    say_tone = complete or rng.random() < (0.35 if tone == "yellow" else 0.85)
    say_background = complete or rng.random() < 0.7
    said_gender = gender if complete or rng.random() < 0.9 else "unspecified"
    who = subject(concept_key, said_gender, age, tone if say_tone else None, rng)
    parts = [who]
    if say_background:
        on = article(f"{background} background")
        parts[0] += rng.choice((f" on {on}", f" in front of {on}", f", {background} background"))
    if not complete and rng.random() < 0.35:
        filler = list(rng.sample(_FILLER, rng.randrange(1, 4)))
        if rng.random() < 0.4:
            they, their = _PRONOUNS[said_gender]
            filler.append(rng.choice(_PRONOUN_FILLER).format(they=they, their=their))
        parts.append(", ".join(filler))
    if say_style:
        form = rng.randrange(4)
        if form == 0:
            parts.append(f"{style} style")
        elif form == 1:
            parts.insert(0, f"{style} emoji")
        else:
            parts[0] = (article(f"{style} emoji"), f"{style} style picture")[
                form - 2
            ] + f" of {parts[0]}"
    elif rng.random() < 0.4:
        parts[0] = rng.choice(("a portrait of ", "an emoji of ", "a picture of ")) + parts[0]
    said = Said(
        style if say_style else None, concept_key, said_gender, age, tone if say_tone else None,
        background if say_background else None,
    )  # fmt: skip
    return ", ".join(parts), said
