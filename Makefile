# The two commands: `make demo` sets up and shows alref at work, `make test` sets up and checks everything.
PYTHON ?= python3
BIN := .venv/bin
# the versions that the checks run with; `make test CONSTRAINTS=` takes the newest ones
CONSTRAINTS ?= constraints.txt
INSTALL := .venv/bin/python -m pip install --quiet $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS)) --editable .

.PHONY: demo test check bench site constraints clean

demo: .venv/.run
	$(BIN)/alref demo

# one process of tests for each core
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

# the newest versions, written down for everybody
constraints: .venv/bin/python
	$(BIN)/python -m pip install --quiet --upgrade --upgrade-strategy eager --editable . --group test
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' > constraints.txt

clean:
	rm -rf .venv .cache alref-out site

.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

.venv/.run: .venv/bin/python pyproject.toml $(CONSTRAINTS)
	$(INSTALL)
	touch $@

.venv/.test: .venv/bin/python pyproject.toml $(CONSTRAINTS)
	$(INSTALL) --group test
	touch $@ .venv/.run
