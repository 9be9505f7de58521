# `make quickstart` runs both stages on the built-in benchmark; `make test` the tests.
# Each target installs what it needs into an environment of its own first, once.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
VENV_TEXT := .venv-text
VENV_BEAM := .venv-beam
RUN := $(VENV)/bin/python
INSTALL := -m pip install --quiet --disable-pip-version-check
WORKDIR ?= runs/quickstart
RESULTS ?= runs/benchmark

.PHONY: help quickstart test test-slow test-text test-beam lint format benchmark clean

help:
	@echo "make quickstart  both stages on the planted benchmark, under 90 seconds"
	@echo "make test        the test suite"
	@echo "make test-slow   its slow tests: two workers, kills, a million vectors"
	@echo "make test-text   the tests of embedding texts, in an environment with PyTorch"
	@echo "make test-beam   the tests of encoding on Apache Beam, in an environment of its own"
	@echo "make benchmark   figures of speed, error and memory; PEERS=DIR adds other systems'"
	@echo "make lint        ruff and mypy"
	@echo "make format      ruff's formatting and fixes"
	@echo "make clean       removes the environments and what was built"

quickstart: $(VENV)/.runtime
	$(RUN) -m experiments.quickstart --workdir=$(WORKDIR)

test: $(VENV)/.dev
	$(RUN) -m pytest --numprocesses=auto --maxprocesses=8 --dist=loadfile

test-slow: $(VENV)/.dev
	$(RUN) -m pytest -m slow

test-text: $(VENV_TEXT)/.text
	HF_HUB_OFFLINE=1 $(VENV_TEXT)/bin/python -m pytest -m text

test-beam: $(VENV_BEAM)/.beam
	$(VENV_BEAM)/bin/python -m pytest -m beam tests/indexing/test_beam_encoding.py

benchmark: $(VENV)/.runtime
	$(RUN) -m experiments.benchmark $(if $(PEERS),--peers=$(PEERS)) --results_dir=$(RESULTS)

lint: $(VENV)/.dev
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

format: $(VENV)/.dev
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

$(VENV)/bin/python $(VENV_TEXT)/bin/python $(VENV_BEAM)/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v[:2] == (3, 11) else f"moc_tf needs Python 3.11, and {sys.executable} is {v[0]}.{v[1]}: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv --clear $(@:/bin/python=) || { rm -rf $(@:/bin/python=); exit 1; }

$(VENV)/.runtime: requirements.txt | $(VENV)/bin/python
	$(RUN) $(INSTALL) -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.runtime
	$(RUN) $(INSTALL) -r requirements-dev.txt
	@touch $@

$(VENV_TEXT)/.text: requirements.txt requirements-dev.txt requirements-text.txt | $(VENV_TEXT)/bin/python
	$(VENV_TEXT)/bin/python $(INSTALL) -r requirements.txt -r requirements-dev.txt -r requirements-text.txt
	@touch $@

$(VENV_BEAM)/.beam: requirements-beam.txt requirements-dev.txt | $(VENV_BEAM)/bin/python
	$(VENV_BEAM)/bin/python $(INSTALL) -r requirements-beam.txt -c requirements-dev.txt pytest
	@touch $@

clean:
	rm -rf $(VENV) $(VENV_TEXT) $(VENV_BEAM) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
