"""Fast enough to run on every keystroke: closure verified, nothing memoised."""

import subprocess
import sys
from time import perf_counter

import pytest

from obclip.privacy import expand


def best(text):
    times = []
    for _ in range(15):
        start = perf_counter()
        expand(text)
        times.append(perf_counter() - start)
    return min(times)


@pytest.mark.parametrize(
    ("text", "n", "limit"),
    [("Two men and a woman sit on a park bench", 4, 0.002), ("A boy holds and a girl paints a piece of wood.", 64, 0.030)],
)
def test_expand_is_fast(text, n, limit):
    assert expand(text).candidates.n == n
    assert best(text) < limit


def test_privacy_is_standard_library_only():
    code = "import sys, obclip.privacy; print(*sorted({m.split('.')[0] for m in sys.modules} - set(sys.stdlib_module_names)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert [name for name in loaded if not name.startswith(("__", "_"))] == ["obclip"]
