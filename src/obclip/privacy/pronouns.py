"""Cases of her/his/him/hers, and which pronouns go together. Decided on masked units only.

Protects: "her dog" becomes "his dog" and "give it to her" becomes "give it to him", and the case is
read from the words around the masked pronoun, so that it is the same in every member. Pronouns are
tied to a noun by position, never by agreement of gender. Does not protect: they/them in clear.
"""

from __future__ import annotations

from obclip.privacy.judge import Judge

SUBJECT, OBJECT, DETERMINER, POSSESSIVE, REFLEXIVE = (
    "subject",
    "object",
    "determiner",
    "possessive",
    "reflexive",
)
FORMS = {
    SUBJECT: ("she", "he", "they"),
    OBJECT: ("her", "him", "them"),
    DETERMINER: ("her", "his", "their"),
    POSSESSIVE: ("hers", "his", "theirs"),
    REFLEXIVE: ("herself", "himself", "themself"),
}
_NOUNS_TOO = frozenset(
    [
        "looks",
        "look",
        "smile",
        "play",
        "dance",
        "walk",
        "run",
        "talk",
        "drink",
        "jump",
        "drinks",
        "ride",
        "reading",
        "art",
        "style",
        "front",
        "back",
        "painting",
        "sleep",
    ]
)
_PLACES = frozenset(["behind", "beside", "near", "around", "toward", "towards"])
GENDERS = ("woman", "man", "non-binary")


def gender_of(word: str, case: str) -> str | None:
    """The gender a pronoun says in a case, None where it has no such case."""
    return GENDERS[FORMS[case].index(word)] if word in FORMS[case] else None


def one_gender(first: str, second: str) -> bool:
    """Whether two pronouns, whatever their cases, are of one gender."""
    genders = [
        {forms.index(word) for forms in FORMS.values() if word in forms} for word in (first, second)
    ]
    return genders[0] == genders[1]


def case_of(judge: Judge, i: int) -> str:
    """The case of the masked pronoun at i."""
    key = judge.units[i].key
    if key == "she*":
        return SUBJECT
    if key == "herself*":
        return REFLEXIVE
    return _oblique(judge, i)


def _oblique(judge: Judge, i: int) -> str:
    units, classes = judge.units, judge.classes
    before = units[i - 1].low if i else ""
    if i + 1 == len(units):
        if before == "not" and (said := _earlier(judge, i)) >= 0:
            return _oblique(judge, said)
        return POSSESSIVE if _owns(judge, i) else OBJECT
    after = units[i + 1]
    low = after.low
    if after.row is not None or after.figure is not None or after.emoji is not None:
        if after.row is not None and after.row.kind == "pronoun":
            return OBJECT
        return DETERMINER
    noun = low in _NOUNS_TOO and i + 2 < len(units) and units[i + 2].low in classes["aux"]
    if noun:
        return DETERMINER  # "her looks are fine"
    if (i == 0 or before in classes["clause"] or before == ",") and low in classes["aux"]:
        return POSSESSIVE  # "his is frightful"
    if low in ("and", "or") and i + 2 < len(units) and units[i + 2].key == "her*":
        if before in classes["prepositions"] or before == "of":
            return OBJECT  # "a selfie of her and her cat"
        return _oblique(judge, i + 2)  # "his and her towels"
    if before == "not" and i > 2 and (said := _earlier(judge, i)) >= 0:
        return _oblique(judge, said)  # "it is hers, not his"
    if not (low[0].isalnum() or low[0] in "\"'(") or low in ("'s", "'ll", "'d"):
        return POSSESSIVE if _owns(judge, i) else OBJECT
    if low in classes["bare"] and before in classes["causative"]:
        return OBJECT
    if low in ("like", "own", "left", "front", "back", "outside", "inside", "next", "style", "art"):
        return DETERMINER if low not in ("like", "outside", "inside") else OBJECT
    if low in classes["stop"] and not _noun_like(judge, i + 1):
        return POSSESSIVE if _owns(judge, i) else OBJECT
    if low in classes["adverb"] and (i + 2 == len(units) or judge.ends(i + 2)):
        return OBJECT
    if low.endswith("ly") and low not in classes["not_adverb"] and judge.ends(i + 2):
        return OBJECT
    if low in classes["gift"] and before in classes["give"]:
        return OBJECT
    if low.endswith("ing") and low not in classes["ing_nouns"]:
        if before in classes["causative"] and judge.ends(i + 2):
            return OBJECT
        place = units[i - 2].low == "front" if before == "of" and i > 1 else before in _PLACES
        if place:
            return OBJECT  # "the man behind her holding a cup"
        if before in classes["prepositions"] and before != "with" and _closed_off(judge, i + 2):
            return OBJECT
    return DETERMINER


def _earlier(judge: Judge, i: int) -> int:
    """The pronoun that "not" at i - 1 sets another against, or -1."""
    for k in range(i - 2, max(-1, i - 5), -1):
        if judge.units[k].key == "her*":
            return k
    return -1


def _noun_like(judge: Judge, i: int) -> bool:
    """A word of the stop list that is a noun here: "her looks", "his play", "her smile"."""
    low = judge.units[i].low
    return low in _NOUNS_TOO


def _closed_off(judge: Judge, i: int) -> bool:
    """Whether nothing but an adverb or a function word stands at i."""
    return judge.ends(i) or judge.units[i].low in judge.classes["adverb"]


def _owns(judge: Judge, i: int) -> bool:
    """As in "the book is hers", "a friend of hers"."""
    if i == 0:
        return False
    before = judge.units[i - 1].low
    if before in judge.classes["aux"]:
        return True
    return before == "of" and i > 1 and judge.units[i - 2].low in judge.classes["of_friend"]


class Topic:
    """Which pronouns form a chain, by position alone.

    One person noun before the pronoun: it follows that noun. Several: within a sentence that has
    named one person so far it follows that one; where a sentence has named several, its pronouns
    are a chain of their own; a sentence that has named none goes on with the last topic.
    """

    __slots__ = (
        "_clauses",
        "_fronted",
        "_here",
        "_kept",
        "_met",
        "_people",
        "_seen",
        "_sentence",
        "_splits",
        "_subjects",
        "_topic",
        "_turns",
    )

    def __init__(self) -> None:
        self._sentence = 0
        self._here = 0  # persons named in this sentence
        self._people = 0
        self._clauses = 0
        self._seen: set[int] = set()
        self._topic: object = ("free", 0)
        self._kept: object = None  # topic of a sentence that opened with a pronoun
        self._met = False  # a second person is named by a pronoun alone ("she kisses him")
        self._fronted = False  # a pronoun came before the sentence's first person
        self._splits = 0  # clauses of a sentence that names several persons
        self._turns = 0  # clauses that a subject pronoun opens behind "and", "while" ...
        self._subjects = 0  # subject pronouns of this sentence

    def end_sentence(self) -> None:
        if self._kept is not None and self._people:
            self._topic = self._kept
        self._sentence += 1
        self._here = 0
        self._kept = None
        self._met = self._fronted = False
        self._subjects = 0

    def person(self, who: int) -> None:
        """A singular person noun at unit ``who``."""
        if who not in self._seen:
            self._seen.add(who)
            self._people += 1
        self._here += 1
        several = self._here > 1 or self._kept is not None or self._fronted
        self._topic = ("several", self._sentence) if several else who

    def other(self, i: int) -> object:
        """The object of a verb whose subject is the only person named: somebody else."""
        self.person(~i)
        self._met = True
        return ("oblique", self._sentence, self._splits, self._turns)

    def pronoun(self, case: str, opens: bool = False) -> object:
        """The chain of the next pronoun: a unit index, or a chain of its own.

        ``opens``: it stands right behind a word that can open a clause ("..., and she is short").
        """
        self._subjects += case == SUBJECT
        self._turns += case == SUBJECT and opens
        if case == SUBJECT and opens and self._several() and self._subjects > 1:
            self._splits += 1  # "he is tall and she is short": each clause its own
            self._topic = ("several", self._sentence, self._splits)
        own = ("oblique", self._sentence, self._splits, self._turns)
        if case == OBJECT and self._people == 0 and self._kept is not None:
            self._met = True
            return own  # "she kisses him"
        if case == DETERMINER and self._met:
            return ("owner", *own)  # "she stands beside him, holding his hand"
        if self._people == 0 and self._kept is not None:
            if case == SUBJECT:  # "she walks and he runs": each clause its own
                self._clauses += 1
                self._kept = ("clause", self._clauses)
            return self._kept
        if case == SUBJECT:
            if self._kept is None and self._here == 0:
                self._kept = self._topic if not self._several() else ("several", self._sentence)
            return self._topic if self._kept is None else self._kept
        if self._here == 0:
            self._fronted = self._people > 0
        if case == REFLEXIVE and self._kept is not None:
            return self._kept
        if (case == OBJECT and self._people > 1) or (self._several() and case != REFLEXIVE):
            return own
        return self._topic

    def _several(self) -> bool:
        return isinstance(self._topic, tuple) and self._topic[0] == "several"
