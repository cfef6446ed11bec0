# The whole interface: make demo | test | check | e2e | bench | docs | golden | help.
# Each target sets up what it needs and does nothing twice: stamps under .venv say what is up to date.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.seaway
RUN := $(CURDIR)/demo
# Python 3.10 has no wheels of some newer versions, so it has a list of its own.
REQUIREMENTS := requirements-dev$(shell $(PYTHON) -c 'import sys; print("-3.10" if sys.version_info[:2] == (3, 10) else "")' 2>/dev/null).txt
# How long each fuzz target runs within `make test`.
export SEAWAY_FUZZ_SECONDS ?= 10
# TensorFlow is used by tests and the demo only; its chatter hides what they say.
export TF_CPP_MIN_LOG_LEVEL ?= 3
export CUDA_VISIBLE_DEVICES ?=
# pyo3 links its tests against this interpreter.
export PYO3_PYTHON := $(CURDIR)/$(BIN)/python

RUST_SOURCES := $(shell find crates proto -type f -not -path '*/target/*' 2>/dev/null) Cargo.toml Cargo.lock
PYTHON_CODE := src tests examples
say = @printf '\033[1m==> %s\033[0m\n' $(1)

.DEFAULT_GOAL := help
.PHONY: help demo test check e2e unit rust bench docs golden setup tools clean

help: ## Show what there is to make
	@echo "make demo        train and serve two models on real data and show it working (ONCE=1: exit at the end)"
	@echo "make test        everything: Rust, short fuzz runs, unit, conformance and end-to-end tests"
	@echo "make check       formatting, lint, types, layers, docs are current"
	@echo "make e2e         only the tests that start real servers"
	@echo "make bench       measure throughput, latency and memory on this machine"
	@echo "make docs        regenerate the reference pages"
	@echo "make golden      rewrite expected outputs; review the diff"
	@echo "make clean       remove what was built (not the caches of cargo and pip)"

tools:
	@PYTHON=$(PYTHON) tools/check_tools.sh

$(STAMPS)/venv: | tools
	$(call say,"creating $(VENV)")
	@$(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/packages: $(REQUIREMENTS) requirements-dev-nodeps.txt $(STAMPS)/venv
	$(call say,"installing Python packages: the first time this downloads TensorFlow and takes minutes")
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $(REQUIREMENTS)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-dev-nodeps.txt
	@touch $@

$(STAMPS)/core: $(RUST_SOURCES) pyproject.toml $(STAMPS)/packages
	$(call say,"building the data plane: the first time this compiles for minutes")
	@PATH="$(CURDIR)/$(BIN):$$PATH" VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(BIN)/maturin develop --release --quiet >$(STAMPS)/build.log 2>&1 \
		|| { cat $(STAMPS)/build.log >&2; exit 1; }
	@touch $@

setup: tools $(STAMPS)/core

demo: setup ## Train, serve, predict, swap versions under load
	$(call say,"demo: its files go to $(RUN)")
	@$(BIN)/python -m examples.demo --directory "$(RUN)" $(if $(ONCE),--once)

rust: setup
	$(call say,"Rust tests and fuzz runs of $(SEAWAY_FUZZ_SECONDS) s each")
	@SEAWAY_TF_LIBRARY="$$($(BIN)/python -c 'from seaway.engines import tensorflow; print(tensorflow.find().library)')" \
		SEAWAY_TEST_MODELS="$$($(BIN)/python -m tests.models.build | tail -1)" \
		cargo test --workspace --quiet

test: rust
	$(call say,"unit and conformance and end-to-end tests")
	@$(BIN)/python -m pytest --e2e --durations=25 --durations-min=5

unit: setup
	@$(BIN)/python -m pytest

e2e: setup
	@$(BIN)/python -m pytest --e2e -m "e2e or conformance"

check: setup
	$(call say,"format")
	@$(BIN)/ruff format --check $(PYTHON_CODE)
	@cargo fmt --all --check
	$(call say,"lint")
	@$(BIN)/ruff check $(PYTHON_CODE)
	@cargo clippy --workspace --all-targets --quiet -- -D warnings
	$(call say,"types and layers")
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	$(call say,"generated docs are current")
	@$(BIN)/python -m seaway.cli.reference --check

docs: setup
	@$(BIN)/python -m seaway.cli.reference

golden: setup
	@SEAWAY_GOLDEN=rewrite $(BIN)/python -m pytest tests -k golden
	@git --no-pager diff --stat -- tests docs

bench: setup
	@$(BIN)/python -m tests.models.build --only half_plus_two --only mnist_cnn --only mobilenet_v2 --only resnet50 >/dev/null
	@cargo build --release --quiet -p seaway-bench
	@$(BIN)/python -m bench.run

clean:
	@rm -rf target dist artifacts demo .cache $(STAMPS)/core
	@rm -f src/seaway/*.so

.PHONY: dist hooks

# EXTRA=openvino tries the wheel on that engine instead of TensorFlow; SDIST=1 builds a wheel from the sdist too.
dist: setup ## Build wheel and source distribution, and try them in a clean environment
	$(call say,"dist: a wheel and a source distribution")
	@rm -rf dist
	@export PATH="$(CURDIR)/$(BIN):$$PATH" VIRTUAL_ENV="$(CURDIR)/$(VENV)"; \
		{ maturin build --release --quiet --out dist && maturin sdist --out dist; } >$(STAMPS)/dist.log 2>&1 \
		|| { cat $(STAMPS)/dist.log >&2; exit 1; }
	$(call say,"trying them as a user gets them: the first time this downloads an engine")
	@$(BIN)/python tools/check_dist.py --model "$$($(BIN)/python -m tests.models.build --only half_plus_two | tail -1)/half_plus_two" \
		$(if $(EXTRA),--extra $(EXTRA)) $(if $(filter-out 0,$(SDIST)),--sdist)

hooks: setup ## Have Git run format and lint before each commit
	@$(BIN)/pre-commit install
