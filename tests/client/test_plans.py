"""Whatever the plan, the exchange is the same whichever member is the user's prompt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from obclip.client.download import Report, download
from obclip.client.profile import Public
from obclip.client.transport import Connection
from obclip.cloud.planner import NAMED
from obclip.diffusion.compatibility import Facts
from obclip.privacy import Choice, Expansion, PrivacySettings, expand, select
from obclip.protocol.codec import decode_request
from tests.client.fakes import Answer, between


@pytest.mark.parametrize("plan", NAMED)
def test_a_plan_run_for_every_choice_gives_equal_transcripts(
    cloud: str, public: Public, facts: Facts, expansion: Expansion, plan: str
) -> None:
    chosen = replace(public, plan=plan, steps=12, split=6)
    sent, came = [], []
    for index, member in enumerate(expansion.candidates.prompts):
        mine = expand(member, PrivacySettings())
        assert mine.choice.reveal() == index
        answers: list[bytes] = []

        def keep(_: str, __: str, answer: Answer, kept: list[bytes] = answers) -> Answer:
            kept.append(answer.body)
            return answer

        with between(cloud, keep) as fake:
            connection = Connection(fake.address)
            found = download(mine.candidates, chosen, facts, connection, seed=7, report=Report())
            # the address of the recorder is another one each time
            port = fake.address.rpartition(":")[2].encode()
            sent.append([r.replace(port, b"PORT") for r in fake.received])
        came.append((answers[0], answers[-1]))  # progress lines depend on the clock
        assert np.isfinite(select(found.latents, Choice(index))).all()
    assert all(one == sent[0] for one in sent)
    assert all(one == came[0] for one in came)
    (request,) = [r for r in sent[0] if r.startswith(b"POST")]
    body = decode_request(request[request.index(b"{") :])
    assert (body.plan, body.sizes) == (plan, (2, 4))
