# `make` alone lists the targets.

.DEFAULT_GOAL := help
.PHONY: help setup demo notebooks docs test test-fast test-faults soak bench bench-quick coverage lint hooks audit sbom wheel clean reset java

ROUNDS ?= 100
MINUTES ?= 60
# The stages that `make bench` measures; all, where none is named.
STAGES ?=
SEED ?= 1
# Spark plans in one thread, so two test processes fill two cores; each takes up to 6 GB.
WORKERS ?= 2

PYTHON ?= python3.13 python3.12 python3.11 python3
FITS := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
FAILED := import json, os; failed = {name.split("::")[0] for name in json.load(open(".pytest_cache/v/cache/lastfailed"))}; print(*filter(os.path.exists, failed))
STAMP := .venv/.complete
SOURCES := bronze gold lakehouse notebooks pipelines producers silver tests

# Packages go into .venv, whatever the shell or pip.conf says of other places.
export PIP_USER := 0
unexport PIP_TARGET PIP_PREFIX PIP_ROOT

# Files go to the processes in the order of their names: some with few tests take minutes, and xdist would start them last.
IN_PROCESSES := -n $(WORKERS) --dist loadfile --no-loadscope-reorder

help:
	@awk -F ':.*## ' '/^##@ / { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' \
	  $(firstword $(MAKEFILE_LIST))

##@ Use

setup: java $(STAMP) ## make .venv with all packages, pinned by hash

demo: setup ## run the whole pipeline, small, from simulated shoppers to a report
	@.venv/bin/clickstream demo

notebooks: $(STAMP) ## execute the notebooks on your lake, and save their outputs in them
	@.venv/bin/python -m notebooks.execute

##@ Develop

docs: $(STAMP) ## generate the reference from the code, and build all pages as a site in site/
	@.venv/bin/python -m pipelines.cli.reference
	@NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict --quiet
	@echo "open site/index.html"

lint: $(STAMP) ## check style, types and import rules
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

hooks: $(STAMP) ## let git run the checks of .pre-commit-config.yaml
	@.venv/bin/pre-commit install

test: setup lint ## lint, and run the tests, with real Spark and real Kafka
	@.venv/bin/python -m pytest -m "not long" $(IN_PROCESSES) || { \
	  [ $$? = 1 ] || exit 2; \
	  failed=$$(.venv/bin/python -c '$(FAILED)'); \
	  [ -n "$$failed" ] && [ $$(echo "$$failed" | wc -w) -le 5 ] || exit 1; \
	  echo "The files of failed tests run once more, alone. A test that passes now fails beside others: repair it too."; \
	  .venv/bin/python -m pytest -m "not long" $$failed; \
	}

test-fast: $(STAMP) ## run the tests that need no Spark and no Kafka
	@.venv/bin/python -m pytest -m "not spark and not kafka and not faults and not long" -q --no-header -n $(WORKERS)

test-faults: $(STAMP) ## kill the jobs ROUNDS times, seeded by SEED, and audit the tables (100 take an hour or more); RESUME=1 goes on
	@$(if $(RESUME),,.venv/bin/python -m pytest -m long)
	@.venv/bin/python -m tests.faults.campaign --rounds $(ROUNDS) --seed $(SEED) $(if $(RESUME),--resume)

soak: $(STAMP) ## run `clickstream up` for MINUTES with kills, and measure whether it stays as it was
	@.venv/bin/python -m tests.faults.soak --minutes $(MINUTES) --seed $(SEED)

bench: setup ## measure every stage beside its rivals, and write the result, the tables and the chart (an hour); STAGES="gold batch" for some
	@.venv/bin/python -m tests.benchmarks.compare run $(STAGES)
	@.venv/bin/python -m tests.benchmarks.compare write

bench-quick: setup ## the same, small and once, without what only Spark does (minutes); it writes .benchmarks/ alone
	@.venv/bin/python -m tests.benchmarks.compare run --quick $(STAGES)

coverage: $(STAMP) ## run the tests without Kafka, and list the lines that none of them runs
	@.venv/bin/python -m pytest -m "not kafka and not faults and not long" -q --no-header $(IN_PROCESSES) \
	  --cov --cov-report=term-missing

##@ Supply

audit: $(STAMP) ## look up known weaknesses of all packages; exit code 3 where the advisories cannot be reached (make says "Error 3")
	@.venv/bin/python -m pipelines.cli.audit

sbom: $(STAMP) ## list all packages and jars with versions, licences and hashes: dist/sbom.cdx.json (CycloneDX), dist/licences.tsv
	@.venv/bin/python -m pipelines.cli.sbom

wheel: $(STAMP) ## build the wheel in dist/; the same commit makes the same bytes
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) .venv/bin/python -m pip wheel -q --disable-pip-version-check --no-deps \
	  --no-build-isolation -w dist .
	@cd dist && sha256sum *.whl

##@ Clean up

clean: ## remove .venv and caches; data stays
	rm -rf .venv .venv-dbt dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .benchmarks .coverage*
	find $(SOURCES) conf -name __pycache__ -type d -prune -exec rm -rf {} +

reset: ## stop the embedded Kafka and remove ./lake and ./.clickstream: all data
	@if [ -e .clickstream/kafka/broker.json ]; then \
	  [ -x .venv/bin/python ] || { echo "Kafka may be running in ./.clickstream: run 'make setup' first, so that it can be stopped."; exit 2; }; \
	  env CLICKSTREAM_STATE=./.clickstream .venv/bin/python -m pipelines.cli.broker stop; \
	fi
	rm -rf lake .clickstream

# Not a file: a Java that goes away later is noticed. Only its major version matters.
java:
	@java="$${JAVA_HOME:+$$JAVA_HOME/bin/}java"; \
	version=$$("$$java" -version 2>&1 | sed -n 's/.*version "\(1\.\)\{0,1\}\([0-9]*\).*/\2/p' | head -n 1); \
	if [ "$${version:-0}" -lt 17 ]; then \
	  echo "Java 17 or newer is needed, and $$java is $${version:+Java }$${version:-none}: install one (as in 'apt install openjdk-17-jre-headless'), and set JAVA_HOME to it or put it on the PATH." >&2; \
	  exit 3; \
	fi

# A name on the PATH may be a shim that fails, and a distribution's Python may come without venv: so each is tried.
$(STAMP): requirements.lock pyproject.toml $(wildcard lakehouse/java/*.java)
	@found=""; \
	for python in $(PYTHON); do \
	  if "$$python" -c '$(FITS)' >/dev/null 2>&1; then found="$$python"; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "Python 3.11, 3.12 or 3.13 with venv is needed, and none of '$(PYTHON)' is one: install it (as in 'apt install python3 python3-venv'), or run 'make setup PYTHON=/path/to/python'." >&2; \
	  exit 3; \
	fi; \
	if ! .venv/bin/python -c '$(FITS)' >/dev/null 2>&1; then \
	  echo "making .venv with $$("$$found" --version)"; \
	  "$$found" -m venv --clear .venv || exit 3; \
	fi
	@echo "installing the packages of requirements.lock (the first time takes minutes)"
	@.venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@echo "installing this project"
	@.venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@echo "starting Spark twice: it fetches its jars, and each later start is faster"
	@.venv/bin/python -m pipelines.cli.warm_up
	@touch $@

# The programs of a .venv name its folder: in one that was moved or copied they fail, or run the code of the other.
ifneq ($(wildcard .venv/bin/pip),)
ifeq ($(shell head -n 3 .venv/bin/pip | grep -F "$(CURDIR)/.venv/"),)
$(STAMP): not-moved
.PHONY: not-moved
not-moved:
	@echo ".venv was made in another folder, and is made again"
	@rm -rf .venv
endif
endif
