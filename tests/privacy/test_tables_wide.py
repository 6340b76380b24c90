"""Whole classes of words that once left in clear, a few of each; and things that must stay."""

import pytest

from obclip.errors import PromptRefused
from obclip.privacy import expand
from obclip.privacy.lexicon import lexicon

MASKED = {
    "gender": [
        "a butler standing in a hall",
        "a footman and a valet",
        "an archduke on a horse",
        "a priestess in a temple",
        "a giantess on a hill",
        "two handmaids in a hall",
        "a pharaoh on a throne",
        "a kunoichi in the rain",
        "an amazon warrior with a spear",
    ],
    "nationality": [
        "a Parisian woman",
        "a Norse warrior",
        "a Soviet soldier",
        "a Finn fishing",
        "two Slovenes at a table",
        "two Icelanders at a table",
        "a New Yorker in the rain",
    ],
    "ethnicity": [
        "an Inca woman",
        "a Shoshone warrior",
        "a Kikuyu farmer",
        "two Incas at a market",
        "a Blasian woman",
    ],
    "religion": [
        "an Orthodox woman",
        "a Quaker woman",
        "two Mormons on bicycles",
        "a reverend in a church",
        "a chaplain with soldiers",
    ],
    "disability": [
        "a man without an arm",
        "a man with prosthetic arms in a park",
        "a woman with a guide dog",
        "a hunchbacked woman",
        "a man who cannot see",
        "a woman using crutches",
        "a bedridden woman",
    ],
    "skin_tone": [
        "a mocha-skinned woman",
        "a woman with sunkissed skin",
        "a melanated woman",
        "a swarthy man",
    ],
    "age": ["a kindergartener", "two grandparents", "a wizened man", "a tyke in a yard"],
}


@pytest.mark.parametrize(
    ("attribute", "text"), [(name, text) for name, texts in MASKED.items() for text in texts]
)
def test_the_word_is_masked_and_its_set_is_closed(attribute, text):
    found = expand(text).candidates
    assert attribute in [a.name for a in found.attributes]
    assert all(expand(member).candidates.prompts == found.prompts for member in found.prompts)


@pytest.mark.parametrize(
    "word", ["prepubescent", "hunchback", "cripple", "leper", "odalisque", "virago", "satanist"]
)
def test_a_word_without_a_natural_partner_is_refused_by_name(word):
    with pytest.raises(PromptRefused) as refused:
        expand(f"a {word} in a hall")
    assert refused.value.text == word


@pytest.mark.parametrize(
    "text",
    [
        "French toast on a plate",
        "a Persian cat on a rug",
        "polish on a wooden table",
        "a flag pole in the snow",
        "the Inca trail in the mountains",
        "a zen garden in Kyoto",
        "an orthodox approach to painting",
        "a parisian cafe in the rain",
        "a siberian tiger in the snow",
        "a garden rake on the lawn",
        "a leather jacket with studs",
        "pops of red on a grey wall",
        "count the sheep in the field",
        "a Soviet propaganda poster",
    ],
)
def test_a_thing_stays_as_it_is(text):
    assert expand(text).candidates.prompts == (text,)


def test_no_partner_is_coined_from_an_agent_noun_and_man():
    coined = ("priestman", "poetman", "authorman", "tutorman", "giantman", "demonman", "seerman")
    assert not set(coined) & set(lexicon().first)


@pytest.mark.parametrize("name", ["Zeynep", "Sabine", "Devika", "Namjoon", "Tinashe", "Alondra"])
def test_a_first_name_of_many_cultures_is_masked(name):
    assert expand(f"{name} reading a book").candidates.n == 12
