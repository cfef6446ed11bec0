# The whole interface: `make help` lists it. Each target sets up what it needs and does nothing twice: stamps under .venv
# say what is up to date.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.seaway
RUN := $(CURDIR)/demo
# Python 3.10 has no wheels of some newer versions, so it has a list of its own.
REQUIREMENTS := requirements-dev$(shell $(PYTHON) -c 'import sys; print("-3.10" if sys.version_info[:2] == (3, 10) else "")' 2>/dev/null).txt
CORES := $(shell nproc 2>/dev/null || echo 2)
# Tests that start servers mostly wait, so more of them run at once than there are cores.
E2E_JOBS ?= $(shell expr $(CORES) \* 2)
# SHUFFLE=1 runs tests in a random order, SHUFFLE=NUMBER in that one again. ARGS goes to pytest; K selects by name.
SHUFFLE ?=
ARGS ?=
K ?=
PYTEST = $(BIN)/python -m pytest $(if $(SHUFFLE),$(if $(filter-out 1,$(SHUFFLE)),--randomly-seed=$(SHUFFLE)),-p no:randomly) $(if $(K),-k "$(K)") $(ARGS)
# How long each fuzz target runs within `make test`.
export SEAWAY_FUZZ_SECONDS ?= 10
# TensorFlow is used by tests and the demo only; its chatter hides what they say.
export TF_CPP_MIN_LOG_LEVEL ?= 3
export CUDA_VISIBLE_DEVICES ?=
# pyo3 links its tests against this interpreter.
export PYO3_PYTHON := $(CURDIR)/$(BIN)/python
export PATH := $(CURDIR)/$(BIN):$(PATH)
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
# Each server, worker and command under test is a new Python; none of them compiles the sources again.
unexport PYTHONDONTWRITEBYTECODE

RUST_SOURCES := $(shell find crates proto -type f -not -path '*/target/*' 2>/dev/null) Cargo.toml Cargo.lock
PYTHON_CODE := src tests examples bench
say = @printf '\033[1m==> %s\033[0m\n' $(1)

.DEFAULT_GOAL := help
.PHONY: help demo test unit rust e2e python-tests check format fix docs golden bench dist hooks setup tools clean

help: ## Show what there is to make
	@echo "make demo            train and serve two models on real data and show it working (ONCE=1: exit at the end)"
	@echo "make test            Rust, unit, property, conformance, contract and integration tests, and one scenario of each kind"
	@echo "make e2e             every test that starts real servers (K=NAME: those whose name has it)"
	@echo "make unit            the quick loop: Python tests that start no server (ARGS=tests/unit/cli, K=NAME, SHUFFLE=1)"
	@echo "make rust            the Rust tests (ARGS='-p seaway-plane', ARGS=NAME)"
	@echo "make check           formatting, lint, types, layers, licences, known vulnerabilities, docs are current"
	@echo "make format | fix    format the code | the same, and correct what the linters can"
	@echo "make docs | golden   regenerate the reference pages | rewrite expected outputs; review the diff"
	@echo "make bench           measure throughput, latency and memory on this machine"
	@echo "make dist            build a wheel and an sdist, install the wheel in a clean environment and serve a model from it"
	@echo "make hooks           have git check formatting and lint before each commit"
	@echo "make clean           remove what was built (not the caches of cargo and pip)"

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

# While pip downloads, the compiler works. (A cargo that saw this make's job server would take one core of all.)
$(STAMPS)/compiled: $(RUST_SOURCES) $(STAMPS)/venv
	$(call say,"compiling the data plane: the first time this takes minutes")
	@env -u MAKEFLAGS -u MFLAGS cargo build --workspace --features seaway-py/extension-module,seaway-py/as-in-tests --quiet
	@touch $@

# The profile `dev` has no link-time optimisation, and is the one of the Rust tests, so this compiles nothing that they do
# not need too. `make bench` and `make dist` build what is released.
$(STAMPS)/core: pyproject.toml $(STAMPS)/packages $(STAMPS)/compiled
	$(call say,"linking the data plane into $(VENV)")
	@env -u MAKEFLAGS -u MFLAGS maturin develop --features pyo3/extension-module,as-in-tests --quiet >$(STAMPS)/build.log 2>&1 || { cat $(STAMPS)/build.log >&2; exit 1; }
	@rm -f $(STAMPS)/core-release
	@touch $@

$(STAMPS)/core-release: $(RUST_SOURCES) pyproject.toml $(STAMPS)/packages
	$(call say,"building the data plane as it is released: this compiles for minutes")
	@maturin develop --release --quiet >$(STAMPS)/build.log 2>&1 || { cat $(STAMPS)/build.log >&2; exit 1; }
	@rm -f $(STAMPS)/core
	@touch $@

# Small real SavedModels, which every kind of test loads; TensorFlow makes them, in a process of its own.
$(STAMPS)/models: $(wildcard tests/models/*.py) $(STAMPS)/packages
	$(call say,"building the models of the tests")
	@$(BIN)/python -m tests.models.build >$(STAMPS)/models.log 2>&1 || { cat $(STAMPS)/models.log >&2; exit 1; }
	@touch $@

setup: tools
	@$(MAKE) --no-print-directory -j2 $(STAMPS)/core

demo: setup ## Train, serve, predict, swap versions under load
	$(call say,"demo: its files go to $(RUN)")
	@$(BIN)/python -m examples.demo --directory "$(RUN)" $(if $(ONCE),--once)

rust: setup $(STAMPS)/models
	$(call say,"Rust tests and fuzz runs of $(SEAWAY_FUZZ_SECONDS) s each")
	@SEAWAY_TF_LIBRARY="$$($(BIN)/python -c 'from seaway.engines import tensorflow; print(tensorflow.find().library)')" \
		SEAWAY_TEST_MODELS="$$($(BIN)/python -c 'from tests.models import cache; print(cache.default_directory())')" \
		cargo nextest run --profile ci --workspace $(ARGS)

unit: setup
	@$(PYTEST) -n $(CORES)

test: rust
	$(call say,"Python tests; of the scenarios one of each kind")
	@$(PYTEST) -n $(E2E_JOBS) --e2e -m "smoke or not scenario"

e2e: setup $(STAMPS)/models
	$(call say,"every test that starts real servers")
	@$(PYTEST) -n $(E2E_JOBS) --e2e -m "e2e or conformance"

# What `make test` and `make e2e` have of Python, each test once: two runs would start some servers twice, and wait for two
# last tests.
python-tests: setup $(STAMPS)/models
	$(call say,"every Python test")
	@$(PYTEST) -n $(E2E_JOBS) --e2e

check: setup
	$(call say,"format")
	@ruff format --check $(PYTHON_CODE)
	@cargo fmt --all --check
	$(call say,"lint")
	@ruff check $(PYTHON_CODE)
	@cargo clippy --workspace --all-targets --quiet -- -D warnings
	$(call say,"types and layers")
	@mypy
	@lint-imports
	$(call say,"licences and known vulnerabilities")
	@cargo deny --offline -L error check licenses bans sources
	@tools/check_advisories.sh
	$(call say,"generated docs are current")
	@$(BIN)/python -m seaway.cli.reference --check

format: $(STAMPS)/packages
	@ruff format $(PYTHON_CODE)
	@cargo fmt --all

fix: $(STAMPS)/packages
	@ruff check --fix $(PYTHON_CODE)
	@$(MAKE) --no-print-directory format

docs: setup
	@$(BIN)/python -m seaway.cli.reference

golden: setup
	@SEAWAY_GOLDEN=rewrite $(PYTEST) tests/unit -k golden
	@git --no-pager diff --stat -- tests docs

bench: $(STAMPS)/core-release
	@$(BIN)/python -m tests.models.build --only half_plus_two --only mnist_cnn --only mobilenet_v2 --only resnet50 >/dev/null
	@cargo build --release --quiet -p seaway-bench
	@$(BIN)/python -m bench.run

# EXTRA=openvino tries the wheel on that engine instead of TensorFlow; SDIST=1 builds a wheel from the sdist too.
dist: setup
	$(call say,"dist: a wheel and a source distribution")
	@rm -rf dist
	@{ maturin build --release --quiet --out dist && maturin sdist --out dist; } >$(STAMPS)/dist.log 2>&1 \
		|| { cat $(STAMPS)/dist.log >&2; exit 1; }
	$(call say,"trying them as a user gets them: the first time this downloads an engine")
	@$(BIN)/python tools/check_dist.py --model "$$($(BIN)/python -m tests.models.build --only half_plus_two | tail -1)/half_plus_two" \
		$(if $(EXTRA),--extra $(EXTRA)) $(if $(filter-out 0,$(SDIST)),--sdist)

hooks: $(STAMPS)/packages
	@$(BIN)/pre-commit install

clean:
	@rm -rf target dist artifacts demo .cache $(STAMPS)/core $(STAMPS)/core-release $(STAMPS)/compiled $(STAMPS)/models
	@rm -f src/seaway/*.so
