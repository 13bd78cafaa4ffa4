# One way to run everything. Needs Python 3.11 or later, git and make; the rest is set up here.
PYTHON ?= python3
UV := .venv/bin/uv
RUN := $(UV) run --frozen --
DEMO ?= demo

.PHONY: help setup demo check test format docs bench clean
help:            ## what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

.venv/.ready: pyproject.toml uv.lock
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	test -x $(UV) || .venv/bin/python -m pip install --quiet --disable-pip-version-check 'uv==0.13.9'
	$(UV) sync --frozen --quiet --inexact --compile-bytecode
	touch $@

# Spark's 456 MB, which only tests and figures of that engine need, and they need Java; without it
# those tests are skipped and say so
SPARK := $(if $(or $(shell command -v java),$(JAVA_HOME)),.venv/.spark)
.venv/.spark: .venv/.ready
	$(UV) sync --frozen --quiet --inexact --group spark
	touch $@

setup: .venv/.ready  ## the environment, from the lock file

demo: setup      ## the closed loop: three labs, a hub, a campaign; banned at one, recognised at two
	@$(RUN) python -m examples.closed_loop --out "$(DEMO)"

check: setup $(SPARK)  ## format, lint, types, import contracts, tests
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy
	$(RUN) lint-imports
	$(RUN) pytest -n 2

test: setup $(SPARK)  ## tests only
	$(RUN) pytest -n 2

format: setup    ## rewrite to the house format
	$(RUN) ruff format .
	$(RUN) ruff check --fix .

docs: setup      ## rewrite the reference pages that repeat the code
	$(RUN) python -m docs.generate

bench: setup $(SPARK)  ## repeat every figure of bench/RESULTS.md
	$(RUN) python bench/run.py

clean:           ## remove what the targets made
	rm -rf "$(DEMO)" .venv .pytest_cache .mypy_cache .ruff_cache
