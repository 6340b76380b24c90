"""Ages written out, brought to one documented spelling before anything is decided.

Protects: "forty-five years old", "in her 40's", "a 30-something", "11 months old" and "aged 30 to
40" are read as the ages they are. Each becomes a spelling that the table reads: digits, a decade
without apostrophe, the table's own "twenty-something". Does not protect: ages said in other words.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from obclip.privacy.lexicon import lexicon

_ONES = {
    word: n
    for n, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ]
    )
}
_TENS = {
    word: 10 * n
    for n, word in enumerate(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2
    )
}
_NUMBER = (
    rf"(?:(?:{'|'.join(_TENS)})(?:[ -](?:{'|'.join(list(_ONES)[1:10])}))?"
    rf"|{'|'.join(reversed(_ONES))}|(?:one )?hundred|(?:one )?thousand)"
)
_SEP = "(?: - |-| )"
_FREE = r"(?<![\w./-])(?<!\d,)"  # no part of another figure
_YEARS = rf"(?:{_SEP})?(?:years?|yrs?){_SEP}olds?\b"
_DECADE = r"(?:[2-9]0s|twenties|thirties|forties|fifties|sixties|seventies|eighties|nineties)"
_BEING = (
    r"\b(?:s?he|they|who|that|age)"
    r"(?:'s|'re| is| was| are| were| has| have| will| just| recently| both| turned| turns| looks?)"
    r"(?: (?:now|just|only|about|around|almost|nearly|over|under|already|turned|turning|turn|been"
    r"|be|going|to|both|recently|roughly|approximately|barely|still|currently|well|not))*"
)
_PERSON = r"\b(?:woman|man|girl|boy|lady|gentleman|gal|guy|female|male|women|men|girls|boys)"
_CUES = re.compile(
    rf"year|yr|month|week|day|someth|ish\b|aged|0s|0's|ties|er than|{_BEING} [a-z0-9]"
    rf"|{_PERSON}(?:,| of) (?:{'|'.join(_TENS)}|[a-z]+teen\b)",
    re.I,
)
_THAN = {"older": "over", "younger": "under"}


class _Patterns(NamedTuple):
    spelled: re.Pattern[str]
    months: re.Pattern[str]
    some: re.Pattern[str]
    ranges: tuple[re.Pattern[str], ...]
    apostrophe: re.Pattern[str]
    middle: re.Pattern[str]
    years: re.Pattern[str]
    said: re.Pattern[str]
    behind: re.Pattern[str]
    older: re.Pattern[str]
    grown: re.Pattern[str]


@cache
def _patterns() -> _Patterns:
    """Compiled for the first prompt that speaks of ages: most do not, and pay nothing."""
    tens = "|".join(_TENS)
    return _Patterns(
        re.compile(
            rf"\b(?P<w>{_NUMBER})(?={_YEARS})|(?<=\baged )(?<!-aged )(?P<v>{_NUMBER})\b(?!-)", re.I
        ),
        re.compile(
            rf"{_FREE}(?:\d{{1,2}}|{_NUMBER})"
            rf"(?P<a>{_SEP})(?:month|week|day)(?P<s>s?)(?P<b>{_SEP})old\b",
            re.I,
        ),
        re.compile(
            rf"\b(?P<t>{tens}|[2-9]0)(?:(?:{_SEP})?something(?P<s>s?)|(?:{_SEP})?ish)\b", re.I
        ),
        (
            re.compile(r"\b(aged (?:between )?\d{1,3})(?: ?- ?| to | and )\d{1,3}\b", re.I),
            re.compile(rf"{_FREE}(\d{{1,3}})(?: ?- ?| to | or )\d{{1,3}}(?={_YEARS})", re.I),
            re.compile(
                rf"({_BEING} \d{{1,3}})(?: ?- ?| to | or | going on )\d{{1,3}}\b"
                r"(?!\s*(?:years?|yrs?|[a-z]))",
                re.I,
            ),
            re.compile(rf"({_BEING} )between (\d{{1,3}}) and \d{{1,3}}\b", re.I),
            re.compile(
                rf"\b({_DECADE})(?: ?- ?| to | or |/)(?:(?:early|mid|late)[ -])?{_DECADE}\b", re.I
            ),
        ),
        re.compile(r"(?<![\w.])([2-9]0)'s\b"),
        re.compile(r"\b(middle)(aged)\b", re.I),
        re.compile(r"\b(aged \d{1,3}) (?:years|yrs)\b(?![ -]old)", re.I),
        re.compile(
            rf"(?P<a>{_BEING} )(?P<w>{_NUMBER})(?=\s*(?:[,.;!?)]|$"
            r"|(?:and|with|but|in|on|at|or so|today|now|when|while|for|next|this|anymore)\b))",
            re.I,
        ),
        re.compile(
            rf"(?P<a>{_PERSON}(?:,| of) )(?P<w>(?:{tens})(?:[ -](?:{'|'.join(list(_ONES)[1:10])}))?"
            rf"|{'|'.join(list(_ONES)[13:])})(?=\s*(?:[,.;!?)]|$|(?:and|with|in|on|at|who)\b))",
            re.I,
        ),
        re.compile(rf"\b(?P<w>older|younger) than(?P<n> (?:\d{{1,3}}|{_NUMBER}))\b", re.I),
        re.compile(rf"\b(?P<d>{_DECADE} )(?P<n>girls?|boys?)\b(?!')", re.I),
    )


def figures_in_digits(text: str) -> str:
    """A prompt with its ages in the documented normal form. Idempotent."""
    if not _CUES.search(text):
        return text
    find = _patterns()
    text = find.middle.sub(r"\1-\2", text)
    text = find.apostrophe.sub(r"\1s", text)
    for pattern in find.ranges:
        text = pattern.sub(lambda m: "".join(g for g in m.groups() if g), text)
    text = text.replace("aged between ", "aged ")
    text = find.years.sub(r"\1", text)
    text = find.months.sub(lambda m: f"8{m['a']}year{m['s']}{m['b']}old", text)
    text = find.some.sub(_some, text)
    text = find.grown.sub(_grown, text)
    text = find.older.sub(lambda m: f"{_THAN[m['w'].lower()]}{m['n']}", text)
    for pattern in (find.said, find.behind):
        text = pattern.sub(lambda m: f"{m['a']}{_number(m['w'].lower())}", text)
    return find.spelled.sub(lambda m: str(_number((m["w"] or m["v"]).lower())), text)


def _number(words: str) -> int:
    total = 0
    for word in re.split("[ -]", words):
        if word == "hundred":
            return 100
        if word == "thousand":
            return 1000
        total += _TENS.get(word, 0) + _ONES.get(word, 0)
    return total


def _grown(match: re.Match[str]) -> str:
    """Spell "an early 20s girl" as "an early 20s woman": one age, said once."""
    noun = match["n"].lower()
    said = {"girl": "woman", "boy": "man", "girls": "women", "boys": "men"}[noun]
    said = said.upper() if match["n"].isupper() else said
    return match["d"] + (said.capitalize() if match["n"].istitle() else said)


def _some(match: re.Match[str]) -> str:
    """Spell "30-something" as "twenty-something", "sixtyish" as "seventyish": the table's words."""
    after = tuple(match.string[match.end() :].lower().split()[:1])
    if after and any(e.words[1:2] == after for e in lexicon().first.get(match[0].lower(), ())):
        return match[0]  # a form of the table is its own spelling
    years = int(match["t"]) if match["t"].isdigit() else _TENS[match["t"].lower()]
    word = "twenty" if years < 40 else "fifty" if years < 60 else "seventy"
    if match["t"][0].isupper():
        word = word.capitalize()
    if match[0].lower().endswith("ish"):
        return f"{word}ish"
    return f"{word}-something{match['s']}"
