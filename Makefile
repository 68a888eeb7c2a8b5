# Everything a newcomer or CI does. Needs Python >= 3.11 and make; the rest is installed into .venv by name and hash.
PYTHON ?= python3
BIN := .venv/bin
TESTS ?= tests
DATA ?= ../shared/data

.PHONY: help setup demo test check contracts format train bench clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/'

setup: .venv/.ready ## install Frottis and its tools into .venv

.venv/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Frottis needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## read a demonstration slide of real cells, from the scan on the share to the acknowledged report
	$(BIN)/frottis demo --out out/demo

test: setup promtool ## every test
	$(BIN)/python -m pytest -n 2 $(TESTS)

check: setup ## style, types, layers, generated code, contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python proto/generate --check
	$(BIN)/buf lint proto
	$(BIN)/python proto/breaking

contracts: setup ## generate services/kit/contracts from proto/
	$(BIN)/python proto/generate

format: setup ## rewrite the code in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

train: .venv-train/.ready ## train, evaluate and export the models from DATA
	.venv-train/bin/python -m services.training train --data $(DATA)

.venv-train/.ready: requirements-train.lock
	$(PYTHON) -m venv .venv-train
	.venv-train/bin/python -m pip install --quiet --require-hashes -r requirements-train.lock
	@touch $@

bench: setup .venv-bench/.ready ## speed and memory, as ratios within one run
	$(BIN)/python -m benchmarks

.venv-bench/.ready: requirements-bench.lock
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --require-hashes -r requirements-bench.lock
	@touch $@

# promtool checks the metrics' names in the tests; it comes with Debian's prometheus package.
.PHONY: promtool
promtool:
	@command -v promtool >/dev/null || { apt-get update -q && apt-get install -yq --no-install-recommends prometheus; } \
	  || echo "promtool cannot be installed here: the test that needs it will say so" >&2

clean: ## remove what was made
	rm -rf .venv .venv-train .venv-bench out build *.egg-info
