"""The cloud's heart: a plan says what is computed, one engine runs it."""
