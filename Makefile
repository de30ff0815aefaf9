# `make demo` shows the system, `make test` tests it; `make help` lists the rest.
# Needs Python 3.11 or later with venv, and a package index that pip reaches; nothing else.

PYTHON =
PORT = 8000
VENV = .venv
PY = $(VENV)/bin/python
PYTEST_ARGS = -n auto --maxprocesses=4
BENCH_ARGS =
UPGRADE =

# Tests and benchmarks keep their servers apart from the demo's.
TEST_ENV = CREDITSYS_ENV=demo CREDITSYS_DATA_DIR="$(CURDIR)/.run/test" CREDITSYS_POSTGRES_FAST=1
BENCH_ENV = CREDITSYS_ENV=demo CREDITSYS_DATA_DIR="$(CURDIR)/.run/bench"
INSTALL = PIP_USER=0 $(PY) -m pip install --require-hashes --no-input --disable-pip-version-check
NO_INSTALL = { echo "Stop: the packages could not be installed (see above). Where the network needs" \
	"a proxy or a mirror of the package index, set PIP_PROXY or PIP_INDEX_URL and try again." >&2; exit 1; }

.PHONY: help demo stop test check lint format types imports migrations-check deploy-check \
	api-check bench lock clean FORCE

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1 - /p' Makefile

demo: $(VENV)/.demo ## build the demo city, rate it and serve it on 127.0.0.1 (PORT=8000)
	@$(PY) manage.py demo
	@$(PY) manage.py demo_applications
	@$(PY) -m creditsys.demo_server start $(PORT)

stop: ## end what `make demo` started
	@if test -x $(PY); then $(PY) -m creditsys.demo_server stop; fi
	@if test -x $(PY); then $(TEST_ENV) $(PY) -m creditsys.embedded_postgres stop --if-idle >/dev/null; fi

# The embedded PostgreSQL, or the server that DATABASE_URL names.
test: $(VENV)/.test ## run the whole test suite (PYTEST_ARGS=...)
	@$(TEST_ENV) $(PY) -m pytest $(PYTEST_ARGS); status=$$?; \
	$(TEST_ENV) $(PY) -m creditsys.embedded_postgres stop --if-idle >/dev/null; exit $$status

check: lint types imports migrations-check deploy-check api-check ## all checks that are not tests

lint: $(VENV)/.test ## style and likely mistakes
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

format: $(VENV)/.test ## let ruff mend the style
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

types: $(VENV)/.test ## static types
	$(TEST_ENV) $(PY) -m mypy

imports: $(VENV)/.test ## who may import whom
	$(TEST_ENV) $(VENV)/bin/lint-imports

migrations-check: $(VENV)/.test ## models and migrations agree
	$(TEST_ENV) $(PY) manage.py makemigrations --check --dry-run

deploy-check: $(VENV)/.test ## Django's own check of the production settings
	CREDITSYS_ENV=production ALLOWED_HOSTS=credit.example.org \
	DATABASE_URL=postgres://nobody@127.0.0.1:5432/none \
	SECRET_KEY=$$($(PY) -c 'import secrets; print(secrets.token_urlsafe(60))') \
	SIGNING_KEY=$$($(PY) -c 'import secrets; print(secrets.token_hex(32))') \
	$(PY) manage.py check --deploy --fail-level WARNING

api-check: $(VENV)/.test ## the description of the public API (OpenAPI) is whole and valid
	$(TEST_ENV) $(PY) manage.py spectacular --validate --fail-on-warn --file /dev/null

bench: $(VENV)/.test ## measure speed and memory (BENCH_ARGS=...)
	@$(BENCH_ENV) $(PY) -m tests.benchmarks $(BENCH_ARGS); status=$$?; \
	$(BENCH_ENV) $(PY) -m creditsys.embedded_postgres stop --if-idle >/dev/null; exit $$status

# The locks name no package index, so that they hold for every mirror. What they pin already
# stays; `make lock UPGRADE=--upgrade` takes the newest versions.
LOCK = .run/lock/bin/uv pip compile pyproject.toml $(UPGRADE) --quiet --universal --generate-hashes \
	--no-emit-index-url --no-strip-extras --python-version 3.11 --no-header
lock: $(VENV)/.made ## pin and hash all packages anew from pyproject.toml
	$(PY) -m venv --clear .run/lock
	.run/lock/bin/python -m pip install --quiet --disable-pip-version-check uv || $(NO_INSTALL)
	$(LOCK) --output-file requirements.txt
	$(LOCK) --extra demo --constraint requirements.txt --output-file requirements-demo.txt
	$(LOCK) --extra test --constraint requirements.txt --output-file requirements-test.txt
	rm -rf .run/lock

clean: stop ## remove all that this Makefile made, the demo's data included
	@if test -x $(PY); then $(BENCH_ENV) $(PY) -m creditsys.embedded_postgres stop >/dev/null; fi
	rm -rf $(VENV) .run .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage

# The environment. A stamp newer than its list of packages means that they are installed.
$(VENV)/.demo: requirements-demo.txt $(VENV)/.made
	@$(INSTALL) -r requirements-demo.txt || $(NO_INSTALL)
	@touch $@

$(VENV)/.test: requirements-test.txt $(VENV)/.made
	@$(INSTALL) -r requirements-test.txt || $(NO_INSTALL)
	@touch $@ $(VENV)/.demo

# Made anew when its Python has gone, for example after an upgrade of the system.
$(VENV)/.made: $(shell test -x $(PY) || echo FORCE)
	@candidates="$(PYTHON)"; \
	for python in $${candidates:-python3 python3.14 python3.13 python3.12 python3.11}; do \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
		python=; \
	done; \
	if test -z "$$python"; then \
		echo "Stop: Python 3.11 or later is needed. Install it, or name it:" \
			"make PYTHON=/path/to/python3.12" >&2; exit 1; \
	fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "Stop: $$python comes without venv. Install it (on Debian and Ubuntu:" \
			"apt-get install python3-venv) and try again." >&2; exit 1; \
	fi; \
	"$$python" -m venv --clear $(VENV)
	@touch $@
