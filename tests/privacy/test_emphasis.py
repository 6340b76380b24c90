"""Brackets, quotes and weights do not hide what a word says of a person."""

from __future__ import annotations

import pytest

from obclip.errors import PromptRefused
from obclip.privacy import expand


@pytest.mark.parametrize(
    "prompt, attribute, member",
    [
        ("a (black:1.2) woman", "ethnicity", "a (white:1.2) man"),
        ('a "black" woman', "ethnicity", 'a "white" woman'),
        ("a 'Muslim' man", "religion", "a 'Sikh' woman"),
        ("a (young:1.2) (black:1.1) woman", "ethnicity", "an (elderly:1.2) (white:1.1) man"),
    ],
)
def test_an_emphasised_adjective_is_a_mention(prompt: str, attribute: str, member: str) -> None:
    found = expand(prompt).candidates
    assert attribute in {a.name for a in found.attributes}
    assert member in found.prompts
    assert expand(member).candidates == found


@pytest.mark.parametrize("prompt", ["a w o m a n", "a M.A.N. in a hat", "w-o-m-a-n"])
def test_a_word_spelled_letter_by_letter_is_refused_behind_an_article_too(prompt: str) -> None:
    with pytest.raises(PromptRefused, match="letter by letter"):
        expand(prompt)


def test_an_age_in_figures_that_cannot_be_masked_is_refused() -> None:
    with pytest.raises(PromptRefused, match="cannot be masked") as error:
        expand("aged 70 man")
    assert error.value.code == "age_figure"
    assert "man aged 8" not in expand("man aged 70").normalised
    assert expand("man aged 70").candidates.n == 8
