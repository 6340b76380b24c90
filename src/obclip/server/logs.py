"""Log lines: JSON on standard error, from a list of events and fields that may be said.

Protects: nothing else gets out. A value that is not a number or a short plain word is left out,
and what libraries say is reduced to who said it and the type of the error; text of theirs could
quote what they were given.
Does not protect: when which key asked, and how large its sets are.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from typing import Any

#: All that a line may hold.
FIELDS = frozenset(
    {
        "method", "route", "status", "code", "seconds", "tenant", "state", "n", "images", "steps",
        "split", "plan", "height", "width", "units", "bytes", "rows", "memory", "jobs", "version",
        "pair", "kind", "address", "reason",
    }
)  # fmt: skip
_WORD = re.compile(r"[\w.:/{}+-]{1,80}", re.ASCII)
_LOG = logging.getLogger("obclip.server")


def say(event: str, level: int = logging.INFO, **fields: Any) -> None:
    """One line. Fields that are not on the list, and values that are no plain words, are left out.

    ``event`` is a constant of the code's.
    """
    if _LOG.isEnabledFor(level):
        known = {k: v for k, v in fields.items() if k in FIELDS and _plain(v)}
        _LOG.log(level, event, extra={"fields": known})


def _plain(value: Any) -> bool:
    if isinstance(value, str):
        return _WORD.fullmatch(value) is not None
    return isinstance(value, int | float)


class Lines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)),
            "level": record.levelname.lower(),
        }
        if record.name == _LOG.name:
            line |= {"event": record.msg, **getattr(record, "fields", {})}
        else:
            line |= {"event": "library", "logger": record.name}
            if record.exc_info and record.exc_info[0] is not None:
                line["kind"] = record.exc_info[0].__name__
        return json.dumps(line)


def set_up(level: str) -> None:
    """Sends all logging of the process through ``Lines``; ``off`` for none."""
    logging.raiseExceptions = False  # a handler that fails would print the record it was given
    root = logging.getLogger()
    root.handlers.clear()
    handler: logging.Handler = logging.NullHandler()
    if level != "off":
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(Lines())
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for name in [n for n in logging.root.manager.loggerDict if not n.startswith("obclip")]:
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    _LOG.setLevel({"info": logging.INFO, "warning": logging.WARNING}.get(level, 100))
