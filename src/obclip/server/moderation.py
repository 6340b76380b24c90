"""The operator's own judgement of sets: one verdict for the whole set, all or none.

The hook is given every prompt of the set, in canonical order, and nothing of who asks. It must
not, and cannot through this, answer for single members: that would let a device learn which word
was refused, and a user's next request would tell the cloud which one was meant.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points

from obclip.errors import RequestError, ServerError
from obclip.protocol.messages import GenerateRequest

#: (prompts, negative prompts) of a whole set; True lets it through.
Hook = Callable[[Sequence[str], Sequence[str]], bool]
SECONDS = 10.0


def find(name: str) -> Hook | None:
    """The hook called ``name``: an entry point of ``obclip.moderation``, or ``module:function``.

    Raises:
        ServerError: code ``no_hook``.
    """
    if not name:
        return None
    try:
        for entry in entry_points(group="obclip.moderation", name=name):
            hook: Hook = entry.load()
            return hook
        module, _, function = name.partition(":")
        hook = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError):
        hook = None  # type: ignore[assignment]
    if not callable(hook):
        raise ServerError(
            "no such moderation hook", code="no_hook", got=name,
            expected="package.module:function, or an entry point of obclip.moderation",
        )  # fmt: skip
    return hook


async def judge(hook: Hook | None, request: GenerateRequest) -> None:
    """Asks the hook, in a thread; fails closed.

    Raises:
        RequestError: code ``refused``.
        ServerError: code ``moderation``: the hook failed or took too long.
    """
    if hook is None:
        return
    try:
        async with asyncio.timeout(SECONDS):
            verdict = await asyncio.to_thread(hook, request.prompts, request.negatives)
    except Exception:  # its text could quote the set
        raise ServerError(
            "the set could not be judged", code="moderation", expected="try again later"
        ) from None
    if verdict is not True:
        raise RequestError(
            "this cloud does not draw this set", code="refused",
            expected="another prompt; the verdict is on the whole set",
        )  # fmt: skip
