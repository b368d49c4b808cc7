# Everything a newcomer needs is two commands: `make demo` and `make test`. `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV ?= .venv
PYTHON ?= python3
SDKS ?= .venv-sdks
BIN := $(VENV)/bin
UV := $(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt

# uv does not read pip's settings; hand the wheel folder on where there is one, and ask PyTorch's CPU index where there is none.
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
ifeq ($(UV_FIND_LINKS),)
unexport UV_FIND_LINKS
export UV_TORCH_BACKEND ?= cpu
endif

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.uv:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "openpersonalize needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q uv==0.13.9
	touch $@

$(VENV)/.train: pyproject.toml constraints.txt $(VENV)/.uv
	$(UV) -e '.[train,report]'
	touch $@

$(VENV)/.demo: $(VENV)/.train
	$(UV) -e '.[train,report,demo]'
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt $(VENV)/.uv
	$(UV) -e '.[train,report,demo,cluster]' --group dev
	touch $@

# Clients of other makes, for tests/sdks: each in an environment of its own, with the versions that stand there.
$(SDKS)/.%: tests/sdks/%.txt $(VENV)/.uv
	$(BIN)/uv venv -q --clear --python $(BIN)/python $(SDKS)/$*
	$(BIN)/uv pip install -q --python $(SDKS)/$*/bin/python -r $<
	touch $@

$(SDKS)/.javascript: tests/sdks/package.json tests/sdks/package-lock.json
	@if command -v npm >/dev/null; then set -ex; mkdir -p $(SDKS)/javascript; cp $^ $(SDKS)/javascript; \
	  npm ci --silent --prefix $(SDKS)/javascript; touch $@; \
	else echo "there is no npm: tests with the AWS SDK for JavaScript will be skipped"; fi

install: $(VENV)/.train ## install the server with everything it needs to serve and to train

demo: $(VENV)/.demo ## real films in, a trained model, recommendations out; then keeps serving
	$(BIN)/openpersonalize demo

test: check ## everything CI runs: format, lint, types, import contracts, tests on SQLite and PostgreSQL

sdks: $(SDKS)/.aws-cli $(SDKS)/.botocore-2022 $(SDKS)/.javascript ## the AWS CLI and SDKs that tests drive the server with

check: $(VENV)/.dev sdks
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest

quick: $(VENV)/.dev ## the part of the checks that takes seconds
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev ## quality, speed and memory; slow, writes to benchmarks/results
	@command -v wrk >/dev/null || { echo "make bench needs wrk: apt-get install wrk"; exit 1; }
	$(BIN)/python -m benchmarks

pins: $(VENV)/.uv ## choose the version of every dependency anew, into constraints.txt
	$(BIN)/uv pip compile -q pyproject.toml --all-extras --group dev --python-version 3.11 --no-annotate --no-header | sed 's/+cpu//' > constraints.new
	mv constraints.new constraints.txt

clean: ## remove the virtual environment and caches, never data
	rm -rf $(VENV) $(SDKS) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

.PHONY: help install demo test check sdks quick bench pins clean
