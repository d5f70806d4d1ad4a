# make run     the desk with its sample shop on http://localhost:8080
# make test    everything that is checked: style, types, borders, pages, tests
#
# Both set up what they need in .venv (pinned by hash) and are quick the second time.
# Needed: make and Python 3.11 or newer with venv. Node is taken from PyPI where there is none.

SHELL := /bin/sh
VENV ?= .venv
PORT ?= 8080
ARGS ?=
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet
NPM := $(PY) tools/npm.py

# The first interpreter that is new enough.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

.PHONY: help run test lint pytest web web-test setup setup-dev lock docs figures bench soak image-proof clean

help:
	@sed -n '1,5s/^# \{0,1\}//p' Makefile
	@echo "others: make lint pytest web-test docs lock bench soak figures image-proof clean"

# ---- the two commands of the README ------------------------------------------------------------

run: setup
	@exec $(VENV)/bin/zhike demo --port $(PORT) $(ARGS)

test: lint web-test pytest

# ---- parts of make test ------------------------------------------------------------------------

lint: setup-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache

web-test: setup-dev node_modules/.all
	$(NPM) run --silent check
	$(NPM) run --silent test

# How they are run, and which of them side by side: tools/run_tests.py. pytest has the last word.
pytest: setup-dev
	$(PY) tools/run_tests.py $(ARGS)

# ---- setting up --------------------------------------------------------------------------------

setup: $(VENV)/.run $(VENV)/.node web $(VENV)/.editable

setup-dev: $(VENV)/.dev $(VENV)/.node web $(VENV)/.editable

$(PY):
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and was not found." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "Python's venv is missing: on Debian and Ubuntu run: apt install python3-venv" >&2; exit 1; }

$(VENV)/.run: requirements.lock requirements-build.lock | $(PY)
	@echo "installing what zhike needs into $(VENV) …"
	@$(PIP) install --require-hashes -r requirements.lock -r requirements-build.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock | $(PY)
	@echo "installing what the tests need into $(VENV) …"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@ $(VENV)/.run

$(VENV)/.node: requirements-node.lock hatch_build.py | $(PY)
	@$(PY) -c 'import hatch_build as b, sys; sys.exit(b.system_node() is None)' \
	  || { echo "no Node 20.19 or newer here: taking the one on PyPI …"; \
	       $(PIP) install --require-hashes -r requirements-node.lock; }
	@touch $@

# The pages are built from sources with a fingerprint; nothing happens if none changed.
web: | $(PY)
	@$(PY) hatch_build.py

$(VENV)/.editable: pyproject.toml hatch_build.py | $(PY)
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

node_modules/.all: package-lock.json package.json
	@echo "installing what the pages' tests need …"
	@$(NPM) ci --no-audit --no-fund --loglevel=error
	@touch $@

# ---- for maintainers ---------------------------------------------------------------------------

# make lock            bring the lock files in line with pyproject.toml
# make lock ARGS=-U    and take newer versions
lock: | $(PY)
	@$(PY) -c 'import uv' 2>/dev/null || $(PIP) install uv
	$(PY) tools/lock.py $(ARGS)

docs: setup-dev
	$(PY) docs/make_reference.py

figures: setup-dev
	$(PY) docs/make_figures.py

# Figures: JSON files under docs/figures, read by `make figures`. Takes about ten minutes.
bench: setup-dev
	sh tools/bench.sh

# A long ask at a moderate rate. make soak SECONDS=28800
SECONDS ?= 3600
soak: setup
	$(VENV)/bin/zhike bench ask --sessions 2000 --rate 500 --seconds $(SECONDS) $(ARGS)

# Carries out the Dockerfile's steps on a clean root (no Docker engine needed; root is).
image-proof:
	bash deploy/prove_image.sh

clean:
	rm -rf $(VENV) node_modules dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache \
	  src/zhike/web/console src/zhike/web/widget
