"""The operator's own judgement of sets: one verdict for the whole set, all or none.

The hook is given every prompt of the set, in canonical order, and nothing of who asks. It must
not, and cannot through this, answer for single members: that would let a device learn which word
was refused, and a user's next request would tell the cloud which one was meant.
"""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import entry_points

from obclip.errors import RequestError, ServerError
from obclip.protocol.messages import GenerateRequest

#: (prompts, negative prompts) of a whole set; True lets it through.
Hook = Callable[[Sequence[str], Sequence[str]], bool]
SECONDS = 10.0
#: Calls of the hook at once; one that never returns keeps its place for good.
AT_ONCE = 8


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


class Moderator:
    """Asks the hook, on threads of its own: one that hangs keeps nothing else waiting."""

    def __init__(self, hook: Hook | None) -> None:
        self._hook = hook
        self._room = asyncio.Semaphore(AT_ONCE)

    async def judge(self, request: GenerateRequest) -> None:
        """Returns if the set may be drawn; fails closed.

        Raises:
            RequestError: code ``refused``.
            ServerError: code ``moderation``: the hook failed or took too long.
        """
        if self._hook is not None:
            await _judge(self._hook, self._room, request)


async def _judge(hook: Hook, room: asyncio.Semaphore, request: GenerateRequest) -> None:
    try:
        async with asyncio.timeout(SECONDS):
            await room.acquire()
            verdict = await _apart(hook, room, request)
    except Exception:  # its text could quote the set
        raise ServerError(
            "the set could not be judged", code="moderation", expected="try again later"
        ) from None
    if verdict is not True:
        raise RequestError(
            "this cloud does not draw this set", code="refused",
            expected="another prompt; the verdict is on the whole set",
        )  # fmt: skip


def _apart(hook: Hook, room: asyncio.Semaphore, request: GenerateRequest) -> asyncio.Future[bool]:
    """The verdict to come. A daemon's: the server ends without those that hang."""
    loop = asyncio.get_running_loop()
    verdict: asyncio.Future[bool] = loop.create_future()

    def over(said: list[bool]) -> None:
        room.release()
        if verdict.done():
            return
        if said:
            verdict.set_result(said[0])
        else:
            verdict.set_exception(RuntimeError())

    def ask() -> None:
        said: list[bool] = []
        with suppress(BaseException):  # its text could quote the set
            said.append(hook(request.prompts, request.negatives))
        with suppress(RuntimeError):  # the server has stopped
            loop.call_soon_threadsafe(over, said)

    threading.Thread(target=ask, name="moderation", daemon=True).start()
    return verdict
