"""Fast enough to run on every keystroke: closure verified, nothing memoised."""

import subprocess
import sys
from time import process_time

import pytest

from obclip.privacy import expand


def best(text):
    times = []
    for _ in range(15):
        start = process_time()
        expand(text)
        times.append(process_time() - start)
    return min(times)


@pytest.mark.parametrize(
    ("text", "n", "limit"),
    [
        ("Two men and a woman sit on a park bench", 4, 0.002),
        ("A boy holds and a girl paints a piece of wood.", 64, 0.030),
        ("a boy and a girl, he gives her a flower", 64, 0.030),  # pronouns by place
    ],
)
def test_expand_is_fast(text, n, limit):
    assert expand(text).candidates.n == n
    assert best(text) < limit


def test_privacy_is_standard_library_only():
    code = (
        "import sys, obclip.privacy\n"
        "roots = {name.split('.')[0] for name in sys.modules}\n"
        "print(*sorted(roots - set(sys.stdlib_module_names)))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert [name for name in loaded if not name.startswith(("__", "_"))] == ["obclip"]
