# Everything a contributor runs; CONTRIBUTING.md says when. `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3.14 python3; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$python"; break; }; done)

# Images and shells that set this make each process of ours compile every module again: half a second a start.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup demo conformance test endurance walk coverage check requirements fix reference style bench lock clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

setup: $(STAMP) ## the virtual environment, the reconciler command and the control-plane binaries
	@.ci/system-packages
	@$(BIN)/python -m reconciler dev binaries

$(STAMP): requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name one with: make $(MAKECMDGOALS) PYTHON=/path/to/python" >&2; exit 1; }
	@.ci/system-packages "$(PYTHON)"
	@echo "Installing the pinned requirements into $(VENV)"
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@$(BIN)/python -m pip install --disable-pip-version-check --progress-bar=off --require-hashes -r requirements.txt | awk \
		'/^Collecting/ && ++n % 20 == 0 { print "  " n " packages fetched"; fflush() } /^Installing/ { print "  unpacking " n; fflush() }'
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-build-isolation --no-deps -e .
	@touch $@

demo: setup ## the whole story on this machine, narrated
	@$(BIN)/python -m reconciler demo

# Against an account: make conformance REGION=... ROLE=... BUCKET=... [PROFILE=...] [IMAGE=...] [ARGS="--yes --only jobs"]
conformance: $(STAMP) ## what is believed of SageMaker, against the simulator; or against an account (docs/conformance.md)
	@$(BIN)/python -m reconciler dev conformance $(if $(PROFILE),--profile $(PROFILE)) $(if $(REGION),--region $(REGION)) \
		$(if $(ROLE),--role $(ROLE)) $(if $(BUCKET),--bucket $(BUCKET)) $(if $(IMAGE),--image $(IMAGE)) $(ARGS)

# Three processes for two cores, as some tests wait. Each file runs in one of them, so that what its tests share is started
# once, and in the order of their names: what takes long (contract, e2e) begins first, and the many short ones of unit fill
# the end. (xdist's own order is by number of tests; its finer groups do not work with this pytest: it keeps a test's id
# elsewhere.)
WORKERS ?= 3
PYTEST := $(BIN)/python -m pytest -n $(WORKERS)
test: setup ## the tests for every change; pass arguments with ARGS="-k prune"
	@$(PYTEST) --dist loadfile --no-loadscope-reorder -m "not endurance" $(ARGS)

# Of these each is long by itself and shares little, so each goes to whoever is free.
endurance: setup ## the long tests: random walks, hundreds of objects, a death at every boundary, whole environments, the demo
	@$(PYTEST) --dist load -m endurance $(ARGS)

# From outside: everything is a process of its own, and the audit shares no code with the product. CONTRIBUTING.md has more.
MINUTES ?= 5
walk: setup ## a random walk over real processes, audited; MINUTES=5 SEED=7 STEPS=200, and more by ARGS="--help"
	@$(BIN)/python -m tests.walk --minutes=$(MINUTES) $(if $(SEED),--seed=$(SEED)) $(if $(STEPS),--steps=$(STEPS)) $(ARGS)

# A run of its own and not part of `make test`: tracing makes these tests take a third longer, and twice the processor.
coverage: setup ## how much of core, kinds and the reconcile loop the quick tests reach; fails below the floor in pyproject.toml
	@$(PYTEST) --dist loadfile --no-loadscope-reorder -m "not endurance" --cov --cov-report=term --quiet \
		tests/unit tests/contract $(addprefix tests/integration/,reconcile takeover tenancy) $(ARGS)

check: $(STAMP) ## what CI checks before the tests: lint, format, types, imports, stale files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/python -m tests.support.evidence
	$(BIN)/python -m tests.support.requirements
	$(BIN)/python -m tests.support.words
	$(BIN)/python -m reconciler crds --check crds
	$(BIN)/python -m tests.support.reference --check
	$(BIN)/python -m tests.support.beliefs --check

requirements: $(STAMP) ## each contract of docs/design.md with the tests that hold it
	@$(BIN)/python -m tests.support.requirements --table

fix: $(STAMP) ## let ruff put right what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

reference: $(STAMP) ## write docs/reference anew from the kinds and docs/reference/reasons.yaml, docs/conformance.md from its checks
	@$(BIN)/python -m tests.support.reference
	@$(BIN)/python -m tests.support.beliefs

# Counting needs no requirements; where they are installed it also follows a change through the running code.
style: ## how long, wide and ambiguous the code is; ARGS=--list names the places. Figures, never a gate
	@python=$(BIN)/python; [ -x "$$python" ] || python="$(PYTHON)"; "$$python" -m tests.support.style $(ARGS)

bench: setup ## the figures of ARCHITECTURE.md, measured here
	@$(BIN)/python -m tests.bench

COMPILE := uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --custom-compile-command "make lock"
lock: ## pin the requirements anew from pyproject.toml (needs uv)
	$(COMPILE) --extra build --extra dev --extra test pyproject.toml -o requirements.txt $(ARGS)
	$(COMPILE) --extra build pyproject.toml -c requirements.txt -o deploy/requirements.txt

clean: ## remove the virtual environment, caches and ./.dev; the control-plane binaries stay cached
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m reconciler dev down; fi
	rm -rf $(VENV) .dev .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
