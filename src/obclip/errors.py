"""Every error the product raises, drawn first.

Each carries a stable ``code`` for programs and ``got`` / ``expected`` / ``action`` for people.
Only `PromptRefused`, which never leaves the device, names a word of the prompt; no other error
carries prompt text, so any of them may be logged or sent.
"""

from __future__ import annotations

__all__ = [
    "AnswerInvalid",
    "ModelError",
    "ObclipError",
    "OutputError",
    "PlanError",
    "ProfileError",
    "PromptRefused",
    "ProtocolError",
    "RequestError",
    "SelectionError",
    "ServerError",
    "TaxonomyError",
    "TransportError",
]


class ObclipError(Exception):
    """Root of the tree. ``str(error)`` is one line: message, got, expected, what to do."""

    default_code = "error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        got: object = None,
        expected: object = None,
        action: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.got = got
        self.expected = expected
        self.action = action

    def __str__(self) -> str:
        parts = [self.message]
        if self.got is not None:
            parts.append(f"got {self.got}")
        if self.expected is not None:
            parts.append(f"expected {self.expected}")
        if self.action:
            parts.append(self.action)
        return "; ".join(" ".join(printable(part).split()) for part in parts)


def printable(text: str) -> str:
    """Without what a terminal would obey: others' words are among an error's."""
    return "".join(c if c.isprintable() else " " for c in text)


class PromptRefused(ObclipError):  # noqa: N818 an answer, not a fault
    """The prompt cannot be closed, so nothing is sent. Raised on the device only.

    ``text`` is the word that stopped it; ``hint`` lists what the user can do.
    """

    default_code = "prompt_refused"

    def __init__(self, code: str, message: str, text: str = "", hint: tuple[str, ...] = ()) -> None:
        super().__init__(message, code=code, action=" or ".join(hint) or None)
        self.text = text
        self.hint = hint


class ProfileError(ObclipError):
    """A standing choice (protected attribute, grouping, cap) is not one that exists."""

    default_code = "profile"


class TaxonomyError(ObclipError):
    """A table is broken: a surface form in two rows, a missing cell, an unknown value."""

    default_code = "taxonomy"


class PlanError(ObclipError):
    """A plan that cannot be made or run."""

    default_code = "plan"


class RequestError(ObclipError):
    """A request that must not be built or cannot be read."""

    default_code = "request"


class ServerError(ObclipError):
    """The cloud answered that it could not."""

    default_code = "server"


class TransportError(ObclipError):
    """The bytes did not get through."""

    default_code = "transport"


class ProtocolError(ObclipError):
    """The bytes got through but are not the protocol."""

    default_code = "protocol"


class AnswerInvalid(ProtocolError):  # noqa: N818
    """The cloud's answer failed the one predicate every latent must pass."""

    default_code = "answer_invalid"


class SelectionError(ObclipError):
    """Selecting before the connection was closed."""

    default_code = "selection"


class ModelError(ObclipError):
    """A model that cannot be loaded, or two that do not make a pair."""

    default_code = "model"


class OutputError(ObclipError):
    """The picture cannot be written."""

    default_code = "output"
