"""A refused size names a way out, and the way out works: 100 prompts about two people."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from obclip.errors import PromptRefused
from obclip.privacy import PrivacySettings, expand

PROMPTS = (Path(__file__).parent / "two_people.txt").read_text(encoding="utf-8").splitlines()
NEGATIVES = [
    ("a woman, portrait", "old, mature, 1boy"),
    ("a young man and a woman", "old, ugly"),
    ("a Chinese girl", "old, man"),
    ("a boy and a girl, he gives her a flower", "old"),
]
ROWS = [(prompt, None) for prompt in PROMPTS] + NEGATIVES


def way_out(hint: str) -> list[tuple[PrivacySettings, int]]:
    found = []
    if group := re.search(r"group (.*?) in the profile \((\d+) members\)", hint):
        levels = dict(re.findall(r'(\w+) = "(\w+)"', group[1]))
        found.append((PrivacySettings(groups=levels), int(group[2])))
    if cap := re.search(r"set cap = (\d+) in the profile", hint):
        found.append((PrivacySettings(cap=int(cap[1])), int(cap[1])))
    return found


@pytest.mark.parametrize(("prompt", "negative"), ROWS, ids=[row[0][:40] for row in ROWS])
def test_the_way_out_that_a_refusal_names_works(prompt: str, negative: str | None) -> None:
    try:
        assert expand(prompt, negative=negative).candidates.n <= 64
    except PromptRefused as refused:
        assert refused.code in ("set_too_large", "child_rule")
        if refused.code == "child_rule":
            return
        ways = way_out(refused.hint[1])
        assert ways, refused.hint
        for settings, most in ways:
            assert expand(prompt, settings, negative).candidates.n <= most


def test_at_most_a_quarter_of_two_described_people_is_too_large() -> None:
    """Two people each with an ethnicity or a faith need 144 members: grouped, or a higher cap."""
    refused = 0
    for prompt in PROMPTS:
        try:
            expand(prompt)
        except PromptRefused:
            refused += 1
    assert len(PROMPTS) == 100
    assert refused <= 25


def test_where_nothing_fits_the_refusal_says_so() -> None:
    with pytest.raises(PromptRefused) as refused:
        expand("a man and a woman", negative="man, woman, old, 1boy, 1girl, child, elderly")
    assert refused.value.hint[1] == "no grouping of the profile brings it under the cap"
