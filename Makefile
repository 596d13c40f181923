# Every target sets up what it needs: a Python 3.11 to 3.13, make and a package index are enough to begin with.
# PYTHON=/path/to/python3.12 chooses the interpreter; J=4 the number of test processes.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

export UV_PYTHON_DOWNLOADS ?= never
export PATH := $(CURDIR)/.venv/bin:$(PATH)

J ?= 2
CLIENTS := .clients/v2/.ready .clients/v3/.ready .clients/cli/.ready .clients/protocols/cases/.ready

.PHONY: help install demo up test lint types bench docs lock

help: ## Show this list
	@sed -nE 's/^([a-z]+):[^#]*## (.*)/\1\t\2/p' Makefile | expand -t 10

install: .venv/.ready ## Set up .venv and bubblewrap

demo: .venv/.ready .clients/v2/.ready ## Train, deploy and predict on this machine with the unmodified SageMaker SDK
	python examples/run.py churn_sdk_v2.py

up: .venv/.ready ## Start the server on 127.0.0.1:4566
	sagewright up

test: lint types $(CLIENTS) ## Run everything that has to be green: lint, types and all tests
	python -m pytest -n $(J) --dist loadfile --no-loadscope-reorder

lint: .venv/.ready ## Check style, formatting and the direction of imports
	ruff check .
	ruff format --check .
	lint-imports

types: .venv/.ready ## Check types
	mypy

bench: .venv/.ready .clients/bench/.ready .clients/mlflow/.ready ## Measure, and write docs/benchmarks.md
	python -m benchmarks

docs: .venv/.ready ## Write the generated pages, docs/coverage.md for one
	python scripts/coverage.py
	python scripts/frameworks.py
	python scripts/settings.py

lock: .venv/.ready ## Lock all dependencies anew: the server's, the clients', the benchmarks'
	uv lock --upgrade
	for name in v2 v3 cli protocols; do \
	  uv pip compile --quiet --upgrade --universal --python-version 3.11 tests/clients/requirements-$$name.in -o tests/clients/requirements-$$name.txt; \
	done
	for name in requirements requirements-mlflow; do \
	  uv pip compile --quiet --upgrade --universal --python-version 3.11 benchmarks/$$name.in -o benchmarks/$$name.txt; \
	done

.venv/.ready: pyproject.toml uv.lock scripts/setup.sh
	@scripts/setup.sh

# Environments of programs that talk to the server; each is as separate from ours as its users' would be.
.clients/bench/.ready: benchmarks/requirements.txt
.clients/mlflow/.ready: benchmarks/requirements-mlflow.txt
.clients/v2/.ready: tests/clients/requirements-v2.txt
.clients/v3/.ready: tests/clients/requirements-v3.txt
.clients/cli/.ready: tests/clients/requirements-cli.txt
.clients/protocols/.ready: tests/clients/requirements-protocols.txt
.clients/%/.ready: | .venv/.ready
	@echo "setting up .clients/$* (once; up to a minute)" >&2
	@uv venv --quiet --clear --python .venv/bin/python .clients/$*
	@if [ -t 2 ]; then quiet=; else quiet=--quiet; fi; \
	  uv pip sync $$quiet --python .clients/$*/bin/python $(filter %.txt,$^)
	@touch $@

.clients/protocols/cases/.ready: .clients/protocols/.ready scripts/protocol_cases.py uv.lock
	.clients/protocols/bin/python scripts/protocol_cases.py $(@D)
	@touch $@
