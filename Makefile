# Kanal's front door. Needs Python 3.11+, git and make; everything else is fetched into .venv and the user's cache.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST := $(BIN)/python -m pytest -p no:cacheprovider
MINUTES ?= 10
REKT ?= yes

.PHONY: help demo up test test-unit test-containers test-kube test-cluster rekt chaos lint fix check docs clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Kanal needs Python 3.11 or newer; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@echo "Setting up $(VENV) (once) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## start everything, send events, watch them arrive and fail, stop
	@$(BIN)/python examples/quickstart/demo.py

up: $(READY) ## the same stack, left running until ctrl-C
	@exec $(BIN)/kanal up examples/quickstart --display event-display --display faulty=500 --display dead-letters

test: $(READY) ## the whole suite, on a real Kafka
	@$(PYTEST) -m "not containers and not kube and not cluster"

test-unit: $(READY) ## the tests that need nothing but Python
	@$(PYTEST) tests/unit tests/contract -m "not kafka and not containers"

test-containers: $(READY) ## build the image and drive it with testcontainers and compose (needs a Docker engine)
	@$(PYTEST) -m containers

test-kube: $(READY) ## build a Kubernetes API server (once, minutes) and run what needs one (needs Go, etcd, kubectl)
	@$(BIN)/python tests/kube/kube_binaries.py
	@$(PYTEST) -m kube

test-cluster: $(READY) ## install the chart on a true cluster of one node and try it; REKT=no leaves Knative's own tests out (needs root, Docker, Go)
	@$(BIN)/python tests/kube/kube_binaries.py cluster
	@[ "$(REKT)" = no ] || PYTHONPATH=.:tests/kube:tests/stands $(BIN)/python tests/cluster/rekt_suite.py
	@$(PYTEST) -m "cluster$(if $(filter no,$(REKT)), and not rekt)"

rekt: $(READY) ## Knative's own acceptance tests for channels and brokers, alone, on such a cluster
	@$(BIN)/python tests/kube/kube_binaries.py cluster
	@PYTHONPATH=.:tests/kube:tests/stands $(BIN)/python tests/cluster/rekt_suite.py
	@$(PYTEST) -m rekt

chaos: $(READY) ## kill and disturb everything for MINUTES=10 under load, then print what became of each event
	@PYTHONPATH=tests/stands $(BIN)/python tests/chaos/long.py --minutes $(MINUTES)

lint: $(READY) ## format, style, types and import contracts, read-only
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fix: $(READY) ## format and mend what a machine can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: $(READY) ## write again what is generated: pages of docs/, definitions and schema of the chart
	@$(BIN)/python -m kanal.reference docs && $(BIN)/python charts/generate.py

check: lint test ## what CI runs, containers apart

clean: ## remove what `make` made here; data and caches of Kanal stay
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
