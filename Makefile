PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: demo test lint train clean

# torch first and alone: its range admits a CPU build, and nothing after it replaces it.
# Byte code is written here: pip leaves an editable install to be compiled at each start where
# PYTHONDONTWRITEBYTECODE is set, which doubles the start of `obclip expand`.
$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet 'torch>=2.6,<2.14'
	$(BIN)/pip install --quiet -e '.[dev]'
	$(BIN)/python -m compileall -q src
	touch $@

demo: $(STAMP)
	$(BIN)/obclip demo --output out

test: $(STAMP)
	$(BIN)/python -m pytest

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

train: $(STAMP)
	$(BIN)/python -m training.mini all --work build/mini

clean:
	rm -rf build dist out
