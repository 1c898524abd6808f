# make demo: everything on this machine, with real parts.   make test: everything that is checked by running it, but for
# make test-alerts.
# make help lists the rest. The environment in .venv is made on first use, and again when a list of requirements changes.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
PYTHON := $(VENV)/bin/python
PYTHON_VERSION := 3.11
# Found on first use: an interpreter of the version that Airflow's pinned requirements were resolved for.
BASE_PYTHON ?= $(shell command -v python$(PYTHON_VERSION) || command -v python3)
UV := $(shell command -v uv)
DRIVER_VERSIONS := 26.1.0 4.0.2 3.4.2
# The stand-in's own tests: those of the product's reader are for the pinned driver alone.
DRIVER_TESTS := tests/oracle --ignore-glob='*/test_source_*' --confcutdir=tests/oracle
PYTEST := $(PYTHON) -m pytest
RUNNING := tests/flow tests/celery

export PYTHONPATH := $(CURDIR)

.PHONY: help env demo test test-running test-the-rest test-unit test-celery test-alerts test-drivers lint format bench
.PHONY: up down lock

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

env: $(VENV)/.complete  ## make .venv with everything that the demo and the tests need

$(VENV)/.complete: requirements.txt requirements-dev.txt constraints.txt
	@if [ -n "$(UV)" ]; then \
	  [ -x $(PYTHON) ] || "$(UV)" venv --quiet --python $(PYTHON_VERSION) $(VENV); \
	  "$(UV)" pip install --quiet --python $(PYTHON) -r requirements.txt -r requirements-dev.txt -c constraints.txt; \
	else \
	  "$(BASE_PYTHON)" -c 'import sys; v = "%d.%d" % sys.version_info[:2]; v == "$(PYTHON_VERSION)" or sys.exit("Python $(PYTHON_VERSION) is needed, this is " + v + "; set BASE_PYTHON=/path/to/python$(PYTHON_VERSION), or install uv")'; \
	  [ -x $(PYTHON) ] || "$(BASE_PYTHON)" -m venv $(VENV); \
	  $(PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements.txt -r requirements-dev.txt -c constraints.txt; \
	fi
	@touch $@

demo: env  ## load 22 branches from the Oracle stand-in in a real Airflow, then show where; DEMO_ARGS=--exit ends it
	@exec $(PYTHON) -m dev.demo $(DEMO_ARGS)

# Two processes side by side: those that start an Airflow wait much, the others compute.
test: env  ## all tests, nothing skipped
	@$(MAKE) --no-print-directory --jobs=2 --keep-going --output-sync=line test-running test-the-rest

test-running: env  ## the tests with a real scheduler
	$(PYTEST) -q $(TEST_ARGS) tests/flow

# Celery's come last: by then the other process mostly waits.
test-the-rest: env  ## all the others
	@status=0; \
	$(PYTEST) -q $(TEST_ARGS) tests $(RUNNING:%=--ignore=%) || status=1; \
	$(PYTEST) -q $(TEST_ARGS) tests/celery || status=1; \
	exit $$status

test-unit: env  ## the tests of the domain, without Airflow or a database: seconds
	$(PYTEST) $(TEST_ARGS) tests/unit

test-celery: env  ## a month on two Celery workers, one of which is killed
	$(PYTEST) $(TEST_ARGS) tests/celery

# Not part of `make test`: Debian has promtool only with a server that starts. .ci/run takes it out and does both.
test-alerts:  ## when Prometheus' alerts fire and what the dashboard's queries find, by Prometheus' own promtool
	@command -v promtool > /dev/null || { echo "promtool is missing: Debian's package prometheus has it" >&2; exit 1; }
	cd docker/monitoring && promtool check config prometheus/prometheus.yml && promtool check rules prometheus/rules/*.yml
	cd docker/monitoring && promtool test rules prometheus/rules_test.yml grafana/dashboard_test.yml

test-drivers: env  ## the stand-in's tests with each python-oracledb that it speaks to
	@for version in $(DRIVER_VERSIONS); do \
	  $(MAKE) --no-print-directory .venvs/oracledb-$$version/.complete; \
	  echo "python-oracledb $$version"; \
	  .venvs/oracledb-$$version/bin/python -m pytest -q -p no:cacheprovider $(TEST_ARGS) $(DRIVER_TESTS); \
	done

# Without Airflow: the driver's version is the only one that differs from constraints.txt.
.venvs/oracledb-%/.complete: requirements-dev.txt constraints.txt
	@mkdir -p .venvs
	@sed -E '/^oracledb==/d' constraints.txt > .venvs/constraints-$*.txt
	@packages="oracledb==$* cryptography duckdb numpy pyarrow sqlglot pytest pytest-timeout"; \
	if [ -n "$(UV)" ]; then \
	  [ -x $(@D)/bin/python ] || "$(UV)" venv --quiet --python $(PYTHON_VERSION) $(@D); \
	  "$(UV)" pip install --quiet --python $(@D)/bin/python $$packages -c .venvs/constraints-$*.txt; \
	else \
	  [ -x $(@D)/bin/python ] || "$(BASE_PYTHON)" -m venv $(@D); \
	  $(@D)/bin/python -m pip install --quiet --disable-pip-version-check $$packages -c .venvs/constraints-$*.txt; \
	fi
	@touch $@

lint: env  ## style, formatting and strict types of the whole tree
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

format: env  ## correct what can be corrected without thinking
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

bench: env  ## measure the stand-in and a load
	$(PYTHON) -m dev.benchmarks $(BENCH_ARGS)

up:  ## start Airflow and PostgreSQL in containers, as on a server
	docker compose up --detach --build --wait

down:  ## stop the containers; the data stay
	docker compose down

lock:  ## resolve the requirements anew into constraints.txt
	@[ -n "$(UV)" ] || { echo "make lock needs uv: https://docs.astral.sh/uv/" >&2; exit 1; }
	"$(UV)" pip compile --quiet --python-version $(PYTHON_VERSION) requirements.txt requirements-dev.txt -o constraints.txt
