"""One canonical spelling of a prompt before anything is decided.

Protects: two spellings of one prompt cannot give two sets; characters that hide words (zero-width,
look-alike scripts, spaced letters) are cleaned or refused. Does not protect: the clear words.
"""

from __future__ import annotations

import re
import unicodedata

from obclip.errors import PromptRefused

MAX_CHARS = 5000
DEVICE_ONLY = "draw it on this device alone (--device-only)"
REPHRASE = "rephrase"

_QUOTES = str.maketrans(
    {"’": "'", "‘": "'", "ʼ": "'", "`": "'", "“": '"', "”": '"',
     "‐": "-", "‑": "-", "‒": "-", "–": "-", "−": "-", "—": " - ", "―": " - "}
)  # fmt: skip
_INVISIBLE = re.compile("[\u00ad\u200b\u200c\u2060\ufeff\u180e]")
_SPACE = re.compile(r"\s+")
_LORA = re.compile(r"<\s*\w+\s*:", re.ASCII)
# dark_skin; but "score_9_up" is one tag of a model's own, which knows it with its underscores
_TAG = re.compile(r"(?<=[^\W_])(?<!\bscore)(?<!\bscore_\d)_(?=[^\W_])", re.IGNORECASE)
_WILDCARD = re.compile(r"__[^\s_]")
_SPELLED = re.compile(r"(?<![^\W_])[^\W\d_](?:[ .\-*][^\W\d_]){2,}(?![^\W_])")
_CHAIR = re.compile(r"\b(wheel)[ -](chair)", re.IGNORECASE)
_JOINED = re.compile(r"\b(non|gender)(?:-| - | )(binary|queer|fluid)\b", re.IGNORECASE)
_LEET = str.maketrans("013457@$!", "oieastasi")
_EMOJI_GLUE = "\u200d\ufe0f\u20e3"


def refuse(code: str, message: str, text: str = "", *hint: str) -> PromptRefused:
    """A refusal with what the user can do about it."""
    return PromptRefused(code, message, text, (*(hint or (REPHRASE,)), DEVICE_ONLY))


def normalise(text: str) -> str:
    """NFKC, plain quotes and spaces, no invisible characters. Idempotent.

    Raises:
        PromptRefused: empty, too long, control characters, another script, alternation syntax.
    """
    if len(text) > MAX_CHARS:
        raise refuse(
            "too_long", f"the prompt has {len(text)} characters, at most {MAX_CHARS} are read"
        )
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_QUOTES)
        text = _INVISIBLE.sub("", text)
        text = unicodedata.normalize("NFKC", text)
        if len(text) > MAX_CHARS:
            raise refuse("too_long", f"the prompt has more than {MAX_CHARS} characters")
    elif "`" in text:
        text = text.replace("`", "'")
    if "_" in text:
        text = _TAG.sub(" ", text)
    text = _SPACE.sub(" ", text).strip()
    if "hair" in text or "HAIR" in text:
        text = _CHAIR.sub(r"\1\2", text)
    if "inary" in text or "ender" in text or "INARY" in text or "ENDER" in text:
        text = _JOINED.sub(_join, text)
    if not text:
        raise refuse("empty_prompt", "the prompt is empty")
    if not text.isprintable():
        _check_invisible(text)
    if not text.isascii():
        _check_scripts(text)
    _check_syntax(text)
    return text


def _join(match: re.Match[str]) -> str:
    """One word, one spelling: "Non-Binary" as "Nonbinary"."""
    tail = match[2] if match[1].isupper() else match[2].lower()
    return match[1] + tail


def _check_invisible(text: str) -> None:
    for char in text:
        if not char.isprintable() and char not in _EMOJI_GLUE:
            code = f"U+{ord(char):04X}"
            raise refuse(
                "control_character", f"the prompt holds a control character ({code})", code
            )


def _check_scripts(text: str) -> None:
    for word in re.findall(r"[^\W\d_]+", text):
        if word.isascii():
            continue
        latin = [unicodedata.name(c, "").startswith("LATIN") for c in word]
        if all(latin):
            continue
        if any(latin):
            raise refuse("mixed_scripts", f"the word {word!r} mixes scripts", word)
        raise refuse("other_language", f"{word!r} is not English, which alone can be closed", word)


def _check_syntax(text: str) -> None:
    found = ""
    if "{" in text or "}" in text:
        found = "{" if "{" in text else "}"
    elif "<" in text and (match := _LORA.search(text)):
        found = match[0]
    elif "__" in text and (match := _WILDCARD.search(text)):
        found = "__"
    elif "|" in text or "[" in text:
        found = _bracket_choice(text)
    if found:
        raise refuse(
            "prompt_syntax",
            f"alternation, wildcards and LoRA tags cannot be closed ({found})",
            found,
        )


def _bracket_choice(text: str) -> str:
    depth = 0
    for char in text:
        if char == "[":
            depth += 1
        elif char == "]":
            depth -= 1
        elif depth > 0 and char == "|":
            return "|"
        elif depth > 0 and char == ":":
            return "[:]"
    return ""


def plain(word: str) -> str:
    """A word with digits and signs read as the letters they imitate."""
    return word.translate(_LEET)


def spelled_out(text: str) -> list[str]:
    """Words written letter by letter ("w o m a n"), joined."""
    if not _SPELLED.search(text):
        return []
    return [re.sub(r"[ .\-*]", "", m[0]) for m in _SPELLED.finditer(text)]
