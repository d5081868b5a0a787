# Two commands do it all: `make demo` runs the main job, `make test` runs every check.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test lint unit docs clean
.DEFAULT_GOAL := help

help: ## Show this list.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(VENV)/installed: pyproject.toml constraints.txt .ci/packages
	@.ci/packages bwrap=bubblewrap libseccomp.so.2=libseccomp2 prlimit=util-linux
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed."; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || .ci/packages python3-venv-missing=python3-venv
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing packages into $(VENV)"
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(VENV)/installed ## Run one notebook blind, end to end. KEEP=1 leaves all running.
	@$(BIN)/pkit demo $(if $(KEEP),--keep)

test: $(VENV)/installed lint unit ## Run every check and every test.

lint: $(VENV)/installed ## Check style, types, imports between zones.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(VENV)/installed
	@.ci/packages runc=runc age=age
	$(BIN)/python -m pytest

docs: $(VENV)/installed ## Write docs/cli.md, which is generated from the code.
	$(BIN)/typer participant_kit.cli.main utils docs --name pkit --output docs/cli.md

clean: ## Remove what was made here.
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
