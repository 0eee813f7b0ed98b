# The two commands: `make demo` sets up and shows alref at work, `make test` sets up and checks everything.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check bench site clean

demo: .venv/.run
	$(BIN)/alref demo

# one process of tests for each core, of one thread each
test: export OMP_NUM_THREADS ?= 1
test: .venv/.test check
	$(BIN)/python -m pytest -n auto --dist loadfile --cov --cov-report=term:skip-covered --cov-fail-under=90

check: .venv/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: .venv/.test
	for script in bench/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

site: .venv/.test
	$(BIN)/zensical build --strict

clean:
	rm -rf .venv .cache alref-out site

.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

.venv/.run: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/.test: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable . --group test
	touch $@ .venv/.run
