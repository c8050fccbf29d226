# make run and make test are all that a new machine needs; both install what is missing into .venv.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# Nothing that is started from here may phone home.
export DAGSTER_DISABLE_TELEMETRY := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export DO_NOT_TRACK := 1
export GX_ANALYTICS_ENABLED := false
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export LEVENDE_HOME ?= $(CURDIR)/data

# Real files of other libraries, beside the project where somebody has put them.
export LEVENDE_REAL ?= $(CURDIR)/../shared/real

.PHONY: help run test real ui bench check install clean

help: ## Say what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/'

install: $(INSTALLED) ## Install into .venv

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

run: $(INSTALLED) ## Simulate a library and take its bytes all the way to published figures
	$(BIN)/levende sandbox run

test: $(INSTALLED) ## Run all tests
	$(BIN)/python -m pytest

real: $(INSTALLED) ## The same job on files that real systems wrote
	@if [ -d "$(LEVENDE_REAL)" ]; then \
		LEVENDE_HOME=$(LEVENDE_HOME)/real $(BIN)/levende run --config examples/newcastle && \
		LEVENDE_HOME=$(LEVENDE_HOME)/real-auckland $(BIN)/levende run --config examples/auckland; \
	else \
		echo "skipped: the real files are not at $(LEVENDE_REAL); set LEVENDE_REAL to the folder that holds them."; \
	fi

ui: $(INSTALLED) ## Start the operators' UI and the staff's read-only UI
	$(BIN)/levende ui

bench: $(INSTALLED) ## Measure, as ratios taken side by side
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,bench]'
	$(BIN)/python -m benchmarks

check: $(INSTALLED) ## Lint, types, SQL and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	LEVENDE_WAREHOUSE=:memory: $(BIN)/sqlfluff lint --processes 2 --disable-progress-bar dbt_project/models dbt_project/tests

clean: ## Remove everything that can be built again; landing stays
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache dbt_project/target dbt_project/logs
