"""``obclip bench``: every method on the same prompts, drawn, timed, counted and judged."""
