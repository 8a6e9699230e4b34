# Everything there is to do with a checkout. A fresh machine needs python3 (3.11 or newer, with venv) and PyPI.
#
#   make demo          run the apps against what stands in for the outside; APPS="catalog" runs some of them
#   make test          all tests
#   make check         format, lint, types, architecture
#   make conformance   replay what AWS answered; RATCHET=write raises the bar to what passes now
#   make fuzz          bad input for every parser and every door; MINUTES=60 or COUNT=1000000, FUZZ="csv template" some
#   make faults        the long form of tests/faults: power cuts, full disks, moved clocks, wild handlers and clients
#   make kill          the long kill test: 20 times kill -9 with 200 executions in mid-flight; KILLS=1000, SEED=n replays
#   make soak          the simulation with new seeds on all cores; MINUTES=n, SEED=n tells one in full
#   make jsonata-suite run JSONata's official test suite; VERBOSE=--verbose tells each failing case
#   make bench         the benchmarks; BENCH="chain polls" runs some of them
#   make bench-large   those of 100,000 executions and more, once each
#   make bench-peers   Stepwell beside its peers; PEERS="moto Restate" runs some of them
#   make profile       where a server's time goes under load
#   make wheel         build dist/*.whl

PYTHON ?= python3
VENV ?= .venv
RUN := $(VENV)/bin/python
CONFORMANCE := $(or $(STEPWELL_CONFORMANCE),../shared/conformance)
SOURCES := conftest.py stepwell apps tests benchmarks tools

# The tests start many hundreds of processes: what they import is compiled once, whatever the shell says.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test check conformance fuzz faults kill soak jsonata-suite bench bench-large bench-peers profile \
	wheel clean

help:
	@sed -n '3,/^$$/s/^#//p' Makefile

# One virtual environment. What is in it is decided by pyproject.toml alone, and looked at again when that changes:
# the demo installs what the apps need, everything else the tools as well.
$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Stepwell needs Python 3.11 or newer.")'
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'

$(VENV)/.installed-apps: pyproject.toml | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable . --group apps
	@touch $@

$(VENV)/.installed-all: pyproject.toml | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable . --group apps --group test --group check
	@touch $@ $(VENV)/.installed-apps

demo: $(VENV)/.installed-apps
	@$(RUN) -m apps.demo $(APPS)

test: $(VENV)/.installed-all
	@tools/install_packages.sh chromium chromedriver strace faketime
	$(RUN) -m pytest -n 2 --dist loadgroup

check: $(VENV)/.installed-all
	$(RUN) -m ruff check $(SOURCES)
	$(RUN) -m ruff format --check $(SOURCES)
	$(RUN) -m mypy
	$(RUN) -m pytest tests/test_architecture.py

$(VENV)/.installed-conformance: $(VENV)/.installed-all
	$(RUN) -m pip install --quiet --disable-pip-version-check --group conformance
	@touch $@

conformance: $(VENV)/.installed-conformance
	$(RUN) -m tests.conformance --cases $(CONFORMANCE) $(if $(RATCHET),--ratchet $(RATCHET))

fuzz: $(VENV)/.installed-all
	$(RUN) -m tests.fuzz $(if $(COUNT),--count $(COUNT),--minutes $(or $(MINUTES),2)) $(FUZZ)

faults: $(VENV)/.installed-all
	@tools/install_packages.sh strace faketime
	STEPWELL_FAULTS=long $(if $(SEED),STEPWELL_FAULTS_SEED=$(SEED)) $(RUN) -m pytest -s tests/faults

kill: $(VENV)/.installed-all
	STEPWELL_KILL=long $(if $(SEED),STEPWELL_KILL_SEED=$(SEED)) $(if $(KILLS),STEPWELL_KILLS=$(KILLS)) $(RUN) -m pytest -s tests/faults/test_kill.py

soak: $(VENV)/.installed-all
	$(RUN) -m tests.simulation --minutes $(or $(MINUTES),60) $(if $(SEED),--seed $(SEED))

jsonata-suite: $(VENV)/.installed-all
	$(RUN) -m tools.jsonata_suite $(VENV)/cache $(VERBOSE)

bench: $(VENV)/.installed-all
	$(RUN) -m benchmarks $(BENCH)

bench-large: $(VENV)/.installed-all
	$(RUN) -m benchmarks --large $(BENCH)

bench-peers: $(VENV)/.installed-all
	$(RUN) -m benchmarks.peers $(PEERS)

$(VENV)/.installed-profile: $(VENV)/.installed-all
	$(RUN) -m pip install --quiet --disable-pip-version-check --group profile
	@touch $@

profile: $(VENV)/.installed-profile
	$(RUN) -m benchmarks.profile

wheel: $(VENV)/.installed-all
	$(RUN) -m build --wheel

clean:
	rm -rf $(VENV) .demo dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
