# Everything a newcomer or CI does. Needs Python >= 3.11 and make; the rest is installed into .venv by name and hash.
PYTHON ?= python3
BIN := .venv/bin
TESTS ?= tests
DATA ?= ../shared/data
MODEL ?=
PATIENTS ?= 100

.PHONY: help setup demo test check contracts format train evaluate evaluate-slides release bench clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/'

setup: .venv/.ready ## install Frottis and its tools into .venv

.venv/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Frottis needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## read a demonstration slide of real cells, from the scan on the share to the acknowledged report
	$(BIN)/frottis demo --out out/demo

test: setup servers ## every test
	$(BIN)/python -m pytest -n 2 $(TESTS)

check: setup ## style, types, layers, generated code, contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python proto/generate --check
	$(BIN)/python deploy/triton/generate --check
	$(BIN)/python deploy/grafana/generate --check
	$(BIN)/python deploy/images/locks --check
	$(BIN)/buf lint proto
	$(BIN)/python proto/breaking

contracts: setup ## generate services/kit/contracts from proto/, and the models' Triton configuration
	$(BIN)/python proto/generate
	$(BIN)/python deploy/triton/generate

format: setup ## rewrite the code in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

train: setup .venv-train/.ready ## train candidates for the models from DATA, into out/candidates, with their cards
	.venv-train/bin/python -m services.training train --data $(DATA)

evaluate: setup ## compare the candidates with the released models; fails where one is worse
	$(BIN)/python -m services.training compare $(MODEL) --data $(DATA)

evaluate-slides: setup .venv-train/.ready ## films of PATIENTS known patients, cell by cell, through all of Frottis
	$(BIN)/python -m trials read --data $(DATA) --patients $(PATIENTS)
	.venv-train/bin/python -m trials show

release: setup ## put the candidates in the released models' place, where they are not worse
	$(BIN)/python -m services.training release $(MODEL) --data $(DATA)
	$(BIN)/python deploy/triton/generate

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

# promtool and amtool check metrics, rules and routes in the tests; they come with Debian's packages.
# The JVM, Maven and OpenSSL run the real Kafka of the integration tests, Debian's PostgreSQL comes with TLS.
.PHONY: servers
servers:
	@{ command -v promtool && command -v amtool; } >/dev/null \
	  || { apt-get update -q && apt-get install -yq --no-install-recommends prometheus prometheus-alertmanager; } \
	  || echo "promtool and amtool cannot be installed here: the tests that need them will say so" >&2
	@{ command -v java && command -v mvn && command -v openssl; } >/dev/null \
	  || { apt-get update -q && apt-get install -yq --no-install-recommends openjdk-17-jre-headless maven openssl; } \
	  || echo "Kafka cannot be run here: the tests that need it will say so" >&2
	@command -v docker-compose >/dev/null \
	  || { apt-get update -q && apt-get install -yq --no-install-recommends docker-compose; } \
	  || echo "docker-compose cannot be installed here: the tests that need it will say so" >&2
	@ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 \
	  || { apt-get update -q && apt-get install -yq --no-install-recommends postgresql; } \
	  || echo "PostgreSQL cannot be run here: the tests that need it will say so" >&2

clean: ## remove what was made
	rm -rf .servers .venv .venv-train .venv-bench out build *.egg-info

# Built or fetched once, so that neither the stack nor the tests wait for it.
.PHONY: fetched stack
fetched: setup servers
	@$(BIN)/python -m stack.fetch

test: fetched

stack: setup servers fetched ## the demonstration slide through Kafka, Triton, PostgreSQL, S3, each service a process
	$(BIN)/python -m stack --out out/stack

.PHONY: chaos
chaos: setup servers fetched ## kills, freezes, full disks and a hostile LIS while slides flow; counts what came of it
	$(BIN)/python -m stack.chaos --out out/chaos

.PHONY: images
images: setup ## install and start what each container image holds, without a container engine
	$(BIN)/python -m stack.images
