# Two commands do it all: `make demo` runs the main job, `make test` runs every check.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LABEXTENSION := participant_kit/labextension
NODE_MODULES := extension/node_modules/.package-lock.json
# Folders are listed too: they change when a file is removed.
EXTENSION_SOURCES := $(shell find extension/src extension/schema extension/style -not -path '*/__tests__*') \
	extension/package.json extension/package-lock.json extension/tsconfig.json
# Where Jupyter looks for the extension; here a link, so that what was built last is what is shown.
LINK := $(VENV)/share/jupyter/labextensions/participant-kit
NPM := PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix extension --no-audit --no-fund --loglevel=error
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help sample demo lab test test-hub test-network test-slurm test-vm lint unit ready packages pytest attacks bench fuzz \
	kill web-attacks deploy-check extension wheel docs notebooks pictures first-score clean
.DEFAULT_GOAL := help

help: ## Show this list.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/installed: pyproject.toml constraints.txt tests/tables.txt .ci/packages
	@.ci/packages bwrap=bubblewrap libseccomp.so.2=libseccomp2 prlimit=util-linux
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed."; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || .ci/packages python3-venv-missing=python3-venv
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing packages into $(VENV)"
	@rm -rf $(LINK)
	@SKIP_JUPYTER_BUILDER=1 $(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@$(BIN)/python -m pip install --quiet --no-deps --upgrade --target $(VENV)/tables --requirement tests/tables.txt
	@touch $@

$(NODE_MODULES): extension/package-lock.json
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null && command -v npm >/dev/null || \
		{ echo "Node.js 20 or later with npm is needed to build the JupyterLab extension."; exit 1; }
	@echo "Installing packages into extension/node_modules"
	@$(NPM) ci >/dev/null
	@touch $@

$(LABEXTENSION)/package.json: $(EXTENSION_SOURCES) $(NODE_MODULES) | $(VENV)/installed
	@echo "Building the JupyterLab extension"
	@$(NPM) run --silent build:prod
	@touch $@
# `npm run build` leaves a log: it builds for debugging, which is not what is shipped.
ifneq ($(wildcard $(LABEXTENSION)/build_log.json),)
.PHONY: $(LABEXTENSION)/package.json
endif

demo: $(VENV)/installed ## Run one notebook blind, end to end. KEEP=1 leaves all running.
	@$(BIN)/pkit demo $(if $(KEEP),--keep)

lab: $(VENV)/installed extension ## The same, and then JupyterLab as the participant has it.
	@$(BIN)/pkit demo --lab

test: ## Run every check and every test. DATABASE=postgresql runs all on that, LONG=1 the long ones too.
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=line lint ready
	@$(MAKE) --no-print-directory pytest

lint: $(VENV)/installed $(NODE_MODULES) ## Check style, types, imports between zones.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(NPM) run --silent lint:check

# DATABASE=postgresql runs everything on PostgreSQL; without it, the gateway's tests run on both, all others on SQLite.
# Three workers, and a thread for each: half of the time a test waits for a process. What failed runs once more, alone, on a
# machine that does nothing else: what passes then is named above all the same, and is a test or a race to mend.
ALL = $(shell sed -n "s/^addopts.* -m '\(.*\) and not long'.*/\1/p" pyproject.toml)
PYTEST = OMP_NUM_THREADS=1 $(if $(DATABASE),PKIT_TEST_DATABASE=$(DATABASE)) $(BIN)/python -m pytest $(if $(LONG),-m "$(ALL)")
unit: ready
	@$(MAKE) --no-print-directory pytest

ready: packages extension $(NODE_MODULES)
	$(NPM) test --silent

packages: $(VENV)/installed # which installs packages too, and only one may at a time
	@.ci/packages runc=runc age=age chromium=chromium initdb=postgresql

pytest: $(VENV)/installed
	$(PYTEST) --numprocesses 3 --dist loadfile --no-loadscope-reorder || \
		{ test $$? -eq 1 && $(PYTEST) --last-failed --last-failed-no-failures none; }

attacks: $(VENV)/installed ## Run every attack of the corpus, each alone, and write docs/attacks.md.
	@rm -f $(VENV)/attacks.csv
	OMP_NUM_THREADS=1 PKIT_ATTACKS_RECORD=$(VENV)/attacks.csv $(BIN)/python -m pytest tests/attacks -m "" \
		--deselect tests/attacks/test_attacks_search.py::test_the_page_lists_every_attack_and_how_it_ended \
		--numprocesses 2 --dist loadfile --durations 15; status=$$?; test $$status -le 1 || exit $$status; \
		mv $(VENV)/attacks.csv docs/attacks.csv && $(BIN)/python docs/attacks.py; exit $$status

SECONDS ?= 60
fuzz: $(VENV)/installed ## Give every parser bytes that reach more and more of its code, for SECONDS=60 each.
	@$(BIN)/python -c 'import atheris' 2>/dev/null || \
		$(BIN)/python -m pip install --quiet --constraint constraints.txt atheris || \
		{ echo "atheris, which make fuzz is made of, cannot be had: it needs Linux and a Python from 3.11 to 3.13."; exit 1; }
	@PYTHONPATH=tests OMP_NUM_THREADS=1 $(BIN)/python -m fuzz $(SECONDS)

kill: $(VENV)/installed ## Kill gateway, runners and workers at KILLS=200 random moments under load, and compare the books.
	OMP_NUM_THREADS=1 KILLS=$(or $(KILLS),200) SITE_KILLS=$(or $(KILLS),50) $(BIN)/python -m pytest -s -m "" \
		tests/end_to_end/test_killing.py tests/end_to_end/test_killing_at_random.py tests/end_to_end/test_site.py

test-vm: $(VENV)/installed ## Try every wall on Debian's own kernel, with control groups of version 2, in a virtual machine: four minutes.
	@.ci/packages qemu-system-x86_64=qemu-system-x86 busybox=busybox-static
	tests/vm/run.sh $(BIN)/python

test-slurm: $(VENV)/installed ## Run notebooks in jobs of a Slurm that is started here, as root.
	@.ci/packages slurmctld=slurm-wlm munged=munge
	OMP_NUM_THREADS=1 PKIT_SLURM=1 $(BIN)/python -m pytest tests/end_to_end/test_slurm.py

deploy-check: ## Check deploy/ with systemd-analyze, hadolint and the schemas of Kubernetes.
	@.ci/packages systemd-analyze=systemd
	@test -x $(VENV)/deploy/bin/hadolint || { $(PYTHON) -m venv $(VENV)/deploy && \
		$(VENV)/deploy/bin/pip install --quiet --requirement deploy/requirements.txt; }
	@deploy/check.sh $(VENV)/deploy/bin

bench: $(VENV)/installed ## Measure how long a participant waits, beside peers in one run: half an hour of a quiet machine.
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/speed.py --graders $(VENV)/graders --plot docs/pictures/speed.svg

test-network: $(VENV)/installed ## Put gateway, participant and runner on hosts of their own, and make the links bad; takes root.
	@.ci/packages ip=iproute2 nft=nftables nsenter=util-linux nginx=nginx-light
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/network -m network -s

# The Hub has an environment of its own, as it has where there is one; its proxy is a program of Node.js.
$(VENV)/hub/installed: tests/hub/requirements.txt | $(VENV)/installed
	@test -x $(VENV)/hub/bin/jupyterhub || $(PYTHON) -m venv $(VENV)/hub
	@$(VENV)/hub/bin/pip install --quiet --requirement tests/hub/requirements.txt
	@test -x $(VENV)/hub/node_modules/.bin/configurable-http-proxy || \
		npm install --silent --no-audit --no-fund --prefix $(VENV)/hub configurable-http-proxy@5.3.0
	@touch $@

test-hub: $(VENV)/hub/installed ## Let a real JupyterHub start the gateway as its service, and people log in there without a token.
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/hub -m hub

web-attacks: $(VENV)/hub/installed ## Run every attack on what browsers see, and write docs/web-attacks.md.
	@.ci/packages initdb=postgresql
	OMP_NUM_THREADS=1 $(BIN)/python docs/web_attacks.py

extension: $(LABEXTENSION)/package.json ## Build the JupyterLab extension and link it into the environment.
	@rm -rf $(LINK) && mkdir -p $(dir $(LINK)) && ln -s $(CURDIR)/$(LABEXTENSION) $(LINK)

wheel: $(VENV)/installed extension ## Build what everybody installs, into dist/.
	@$(BIN)/python -m build --wheel --no-isolation --outdir dist . >/dev/null
	@ls dist/*.whl

docs: $(VENV)/installed ## Write docs/cli.md, which is generated from the code.
	$(BIN)/typer participant_kit.cli.main utils docs --name pkit --output docs/cli.md

notebooks: $(VENV)/installed ## Write the demonstration's notebooks, and their pages in docs/notebooks.
	$(BIN)/python docs/notebooks.py

sample: $(VENV)/installed ## Make sample_data/ anew: the demonstration's private sample, with the report on it.
	$(BIN)/python -m participant_kit.organizer.demonstration.publish sample_data

pictures: $(VENV)/installed extension ## Take the pictures of the documentation, in a real browser.
	@.ci/packages chromium=chromium
	$(BIN)/python docs/pictures.py

first-score: $(VENV)/installed extension ## Go from an empty gateway to a first score by the pages alone, and count clicks and minutes.
	@.ci/packages bwrap=bubblewrap chromium=chromium
	OMP_NUM_THREADS=1 $(BIN)/python docs/first_score.py

clean: ## Remove what was made here.
	rm -rf extension/node_modules extension/lib extension/coverage extension/tsconfig.tsbuildinfo $(LABEXTENSION)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
