"""``python -m training.service.device JOB``: one device that draws nothing, to be killed at will.

JOB is a JSON object. It runs the product's own download of one candidate set, writes the latents
whole or not at all, and prints one line of JSON: {"ok": true} or {"error": code, "message": text}.
The device's own steps are a pause (``linger``), in which a crash costs no second request.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from obclip.client.cache import ResultCache
from obclip.client.download import Report, download
from obclip.client.errand import Errand
from obclip.client.output import write_bytes
from obclip.client.patience import DEFAULT
from obclip.client.profile import Public
from obclip.client.transport import Connection
from obclip.diffusion.compatibility import read_facts
from obclip.diffusion.pairs import find
from obclip.errors import ObclipError
from obclip.privacy import PrivacySettings, expand
from obclip.privacy.seed import fresh_seed
from obclip.privacy.selection import select
from obclip.protocol.codec import encode_latents


def draw(job: dict[str, Any]) -> None:
    """One generation without a device model.

    Raises:
        ObclipError: the clear line that a user would read.
    """
    import numpy as np

    expansion = expand(job["prompt"], PrivacySettings())
    public = Public(
        pair=job["pair"], steps=job["steps"], split=job["split"], plan=job["plan"],
        scheduler=job["scheduler"],
    )  # fmt: skip
    facts = read_facts(find(public.pair).device)
    patience = replace(DEFAULT, silence=job["silence"], total=job["total"], busy=job["busy"])
    with Errand(ResultCache(Path(job["cache"]))) as errand:
        answer = download(
            expansion.candidates, public, facts,
            Connection(job["server"], patience=patience, key=job.get("key")),
            seed=fresh_seed(), report=Report(), errand=errand,
        )  # fmt: skip
        print("downloaded", flush=True)
        select(answer.latents, expansion.choice)
        time.sleep(job["linger"])
        everything = np.stack(answer.latents.items, axis=1)
        write_bytes(Path(job["out"]), encode_latents(np.ascontiguousarray(everything)))
        errand.done()


def main() -> None:
    try:
        draw(json.loads(sys.argv[1]))
    except ObclipError as error:
        print(json.dumps({"error": error.code, "message": str(error)}), flush=True)
        os._exit(1)
    print(json.dumps({"ok": True}), flush=True)
    os._exit(0)  # nothing is left to be tidied: the answer is on the disk


if __name__ == "__main__":
    main()
