"""``python -m obclip``."""

from obclip.cli.main import main

main()
