# `make quickstart` runs both stages on the built-in benchmark; `make test` the tests.
# Both install what they need into .venv first, once.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
RUN := $(VENV)/bin/python
WORKDIR ?= runs/quickstart

.PHONY: help quickstart test test-slow lint format benchmark clean

help:
	@echo "make quickstart  both stages on the planted benchmark, under 90 seconds"
	@echo "make test        the test suite"
	@echo "make test-slow   its slow tests: fits on two workers, more kills"
	@echo "make benchmark   rates of the data pipeline, alone and with a model"
	@echo "make lint        ruff and mypy"
	@echo "make format      ruff's formatting and fixes"
	@echo "make clean       removes the environment and what was built"

quickstart: $(VENV)/.runtime
	$(RUN) -m experiments.quickstart --workdir=$(WORKDIR)

test: $(VENV)/.dev
	$(RUN) -m pytest

test-slow: $(VENV)/.dev
	$(RUN) -m pytest -m slow

benchmark: $(VENV)/.runtime
	$(RUN) -m experiments.benchmark

lint: $(VENV)/.dev
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

format: $(VENV)/.dev
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v[:2] == (3, 11) else f"moc_tf needs Python 3.11, and {sys.executable} is {v[0]}.{v[1]}: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.runtime: requirements.txt | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.runtime
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
