"""The demonstration as one self-contained page and one poster."""

from __future__ import annotations

import base64
import io
import textwrap
from dataclasses import dataclass
from html import escape
from string import Template
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from obclip.client.sheet import contact_sheet

if TYPE_CHECKING:
    from obclip.client.download import Report
    from obclip.client.profile import Public
    from obclip.evaluation.noninterference import Verdict


@dataclass(frozen=True, slots=True)
class Story:
    """Everything the page shows. ``pictures`` and ``prompts`` are in canonical order."""

    prompt: str
    picture: Image.Image
    pictures: tuple[Image.Image, ...]
    prompts: tuple[str, ...]
    report: Report
    public: Public
    kept: Verdict
    caught: Verdict


_PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>ObCLIP: one private picture</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root { color-scheme: light dark; --line: #8884; --good: #1a7f37; --bad: #cf222e; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem } h2 { font-size: 1.15rem; margin-top: 0 }
.columns { display: grid; grid-template-columns: minmax(14rem, 1fr) 2.4fr; gap: 2rem }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(7.5rem, 1fr)); gap: .8rem }
figure { margin: 0 } figcaption { font-size: .78rem; line-height: 1.25 }
img { width: 100%; border-radius: 8px; display: block }
section { border: 1px solid var(--line); border-radius: 12px; padding: 1.2rem; margin: 1rem 0 }
table { border-collapse: collapse; width: 100%; font-size: .85rem }
td, th { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid var(--line) }
code { font-size: .85em } .pass { color: var(--good); font-weight: 600 }
.fail { color: var(--bad); font-weight: 600 }
@media (max-width: 46rem) { .columns { grid-template-columns: 1fr } }
</style></head><body>
<h1>One private picture</h1>
<p>The cloud was asked to begin $n pictures at once. It drew the first $split of $steps steps of
each, sent everything back, and the connection was closed. Only then did this device take one and
finish it alone.</p>
<div class="columns">
<section><h2>Your picture</h2>
<figure><img alt="the finished picture" src="$picture"><figcaption>$prompt</figcaption></figure>
</section>
<section><h2>What the cloud saw: $n prompts, one order, no mark</h2>
<div class="grid">$grid</div>
<p><small>Finished here with the cloud's own model from the latents that it sent: the pictures
that it could make of the set.</small></p></section>
</div>
<section><h2>The proof that the cloud could not tell</h2>
<p>Each prompt of the set was taken in turn as the true one, expanded from nothing, and its
request hashed (SHA-256). If the bytes were to depend on the choice, the hashes would differ.</p>
<p><span class="$kept_class">$kept_word</span> this client: $kept_distinct distinct hash over $n
prompts. &nbsp; <span class="$caught_class">$caught_word</span> a client that leaks on purpose
(the true prompt first in the list): $caught_distinct distinct hashes, so the check can fail.</p>
<table><tr><th>taken as the true prompt</th><th>this client</th><th>leaking client</th></tr>
$rows</table></section>
<section><h2>What it cost</h2>
<p>$ratio times the cloud's work for one ordinary picture (plan <code>$plan</code>). $up bytes
sent, $down received. $seconds.</p></section>
<section><h2>What this does not hide</h2>
<p>The words outside the coloured slots, the set itself, and who is asking. Words that go along
with an attribute stay word for word and let a server guess. The cloud of this demonstration was a
process on this machine: it shows the scheme, it is not privacy.</p></section>
</body></html>
""")


def _uri(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def html(story: Story) -> str:
    """A page that needs nothing but itself."""
    grid = "".join(
        f'<figure><img alt="candidate {i + 1}" src="{_uri(p)}">'
        f"<figcaption>{escape(text)}</figcaption></figure>"
        for i, (p, text) in enumerate(zip(story.pictures, story.prompts, strict=True))
    )
    rows = "".join(
        f"<tr><td>{escape(member)}</td><td><code>{kept[:16]}</code></td>"
        f"<td><code>{caught[:16]}</code></td></tr>"
        for member, kept, caught in zip(
            story.prompts, story.kept.hashes, story.caught.hashes, strict=True
        )
    )
    good = {True: ("pass", "Passed:"), False: ("fail", "Failed:")}
    kept, caught = good[story.kept.holds], good[not story.caught.holds]
    report = story.report
    return _PAGE.substitute(
        n=len(story.prompts), split=report.steps[0], steps=report.steps[1],
        picture=_uri(story.picture), prompt=escape(story.prompt), grid=grid, rows=rows,
        kept_class=kept[0], kept_word=kept[1], kept_distinct=story.kept.distinct,
        caught_class=caught[0], caught_word=caught[1], caught_distinct=story.caught.distinct,
        ratio=f"{report.ratio:.2f}", plan=escape(story.public.plan),
        up=f"{report.bytes_up:,}", down=f"{report.bytes_down:,}",
        seconds=", ".join(f"{k} {v:.1f} s" for k, v in report.seconds.items()),
    )  # fmt: skip


def poster(story: Story) -> Image.Image:
    """The same three things in one picture: yours, the cloud's set, the proof."""
    own = story.picture.resize((288, 288), Image.Resampling.LANCZOS)
    sheet = contact_sheet(story.pictures, story.prompts, columns=5)
    width = 24 + 288 + 24 + sheet.width + 24
    height = 56 + max(288 + 80, sheet.height) + 120
    out = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(out)
    big, small = ImageFont.load_default(20), ImageFont.load_default(13)
    n = len(story.prompts)
    draw.text((24, 18), "Your picture", fill="black", font=big)
    draw.text((336, 18), f"What the cloud saw: {n} prompts, no mark", fill="black", font=big)
    out.paste(own, (24, 56))
    caption = "\n".join(textwrap.wrap(story.prompt, 44))
    draw.multiline_text((24, 352), caption, fill="black", font=small)
    out.paste(sheet, (336, 56))
    y = height - 108
    for good, text in (
        (
            story.kept.holds,
            f"each prompt as the true one: {story.kept.distinct} distinct request hash over {n}",
        ),
        (
            not story.caught.holds,
            f"a client that leaks on purpose: {story.caught.distinct} distinct hashes, caught",
        ),
    ):
        colour = "#1a7f37" if good else "#cf222e"
        draw.text((24, y), ("PASS  " if good else "FAIL  ") + text, fill=colour, font=big)
        y += 34
    draw.text(
        (24, y), f"cloud work: {story.report.ratio:.2f} x one ordinary generation, plan "
        f"{story.public.plan}", fill="black", font=small,
    )  # fmt: skip
    return out
