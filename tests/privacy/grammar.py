"""Prompts from a grammar, and mutations of real ones, for the property tests."""

import json
from pathlib import Path

from hypothesis import strategies as st

DEV = [
    json.loads(line)["text"]
    for line in (Path(__file__).parent / "../data/dev_prompts.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
]
PEOPLE = [
    "woman",
    "man",
    "girl",
    "boy",
    "lady",
    "gentleman",
    "guy",
    "gal",
    "women",
    "men",
    "girls",
    "boys",
    "children",
    "child",
    "kid",
    "person",
    "doctor",
    "nurse",
    "king",
    "queen",
    "princess",
    "wizard",
    "mother",
    "father",
    "grandmother",
    "monk",
    "nun",
    "priest",
    "teenager",
    "baby",
    "toddler",
    "Emma",
    "Omar",
    "skateboarder",
    "couple",
    "actress",
    "waiter",
    "cowboy",
    "bride",
    "1girl",
    "schoolboy",
    "Latina",
    "lesbian",
    "amputee",
    "goddess",
    "lad",
]
ADJECTIVES = [
    "young",
    "old",
    "elderly",
    "little",
    "small",
    "Asian",
    "black",
    "white",
    "Chinese",
    "french",
    "Muslim",
    "blind",
    "tall",
    "25-year-old",
    "teenage",
    "beautiful",
    "happy",
    "dark-skinned",
    "gay",
    "smiling",
    "female",
    "older",
    "middle-aged",
    "red",
    "African",
    "tired",
    "pale",
    "Latina",
]
VERBS = (
    "is holding",
    "wearing",
    "sits with",
    "looks at",
    "and",
    "gives",
    "next to",
    "hugs",
    "in front of",
)
OBJECTS = (
    "her dog", "his hat", "a red ball", "her", "him", "the man", "the girl", "himself", "an apple",
    "her mother", "a white dress", "an old house", "a black cat", "a friend of hers",
    "the book is his",
    "king penguins", "Chinese food", "👩🏽 ", "a man in a wheelchair", "in her 30s",
)  # fmt: skip
TAILS = (
    "",
    ".",
    " in the park",
    ", 8k, highly detailed",
    " (masterpiece:1.2)",
    "!",
    " by greg rutkowski",
    " aged 70",
)
STARTS = ("She", "He", "The woman", "Another man", "His brother", "A girl")
WORDS = (
    PEOPLE
    + ADJECTIVES
    + ["she", "her", "his", "he", "and", "the", "a", ",", ".", "-", "(", ")", "'s"]
)


@st.composite
def sentences(draw: st.DrawFn) -> str:
    some = draw(st.lists(st.sampled_from(ADJECTIVES), max_size=2, unique=True))
    person = draw(st.sampled_from(PEOPLE))
    if draw(st.integers(0, 9)) == 0:
        person = f"({person}:1.3)"
    words = [draw(st.sampled_from(("a", "an", "the", "two", "my", ""))), *some, person]
    text = " ".join(word for word in words if word)
    return f"{text} {draw(st.sampled_from(VERBS))} {draw(st.sampled_from(OBJECTS))}"


@st.composite
def generated(draw: st.DrawFn) -> str:
    text = draw(sentences()) + draw(st.sampled_from(TAILS))
    if draw(st.booleans()):
        start = draw(st.sampled_from(STARTS))
        text += f" {start} {draw(st.sampled_from(VERBS))} {draw(st.sampled_from(OBJECTS))}."
    style = draw(st.integers(0, 5))
    return text.upper() if style == 0 else text.title() if style == 1 else text


@st.composite
def mutated(draw: st.DrawFn) -> str:
    words = draw(st.sampled_from(DEV)).split()
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(words) - 1))
        edit = draw(st.integers(0, 3))
        word = draw(st.sampled_from(WORDS))
        if edit == 0:
            words[at] = word
        elif edit == 1:
            words.insert(at, word)
        elif edit == 2 and len(words) > 1:
            del words[at]
        else:
            words[at] = words[at].capitalize()
    return " ".join(words)


prompts = st.one_of(generated(), mutated())
