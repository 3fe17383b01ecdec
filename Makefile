# Each target does what it needs first, so `make run` in a fresh checkout is enough.
# Nothing here asks for a GPU: without one, no CUDA or torch package is downloaded.

PYTHON ?= python3
ARGS ?=

BIN := .venv/bin
STAMP := .venv/.setup-done
SDKS := .venv-compat/.setup-done tests/compat/node_modules/.package-lock.json
SILERO := silero-vad==6.2.3
# One line on the screen for each step; pip's own lines only when something fails.
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help setup run demo test test-fast check docs proto lock clean weights test-programs sdks

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv with everything that running, testing and checking need

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Starling needs Python 3.11 or newer. Name one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@# Debian's python3 has no venv until python3-venv is there.
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || \
		{ rm -rf .venv; echo "Making .venv"; $(PYTHON) -m venv .venv >/dev/null 2>&1; } || \
		{ rm -rf .venv; $(call apt,python3-venv) && $(PYTHON) -m venv .venv; }
	@echo "Installing Starling and its tools into .venv (about 200 MB to download; a minute or so)"
	@$(PIP_INSTALL) --upgrade 'pip>=25.1'
	@$(PIP_INSTALL) -c constraints.txt -e '.[eval]' --group dev
	@# Its metadata asks for torch, which Starling does not use.
	@$(PIP_INSTALL) --no-deps '$(SILERO)'
	@touch $@
	@echo "Ready. Next: make demo, or make run"

run: setup ## Start the server; options: make run ARGS="--port 9000"
	@$(BIN)/starling serve $(ARGS)

demo: setup ## Caption a short recording, live, in this terminal
	@$(BIN)/starling demo $(ARGS)

test: setup weights test-programs sdks ## Run all tests; fetches two small models and SDKs first
	@# Two files at a time: most of the time tests wait for speech at speaking pace.
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

test-fast: setup ## Run the tests that need no model, network or browser
	@$(BIN)/python -m pytest -m 'unit or property' $(ARGS)

check: setup ## Formatting, lint, types and import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: setup ## Write the generated parts of docs/ anew
	@$(BIN)/python -m server.cli.docs

proto: setup ## Generate the Python of proto/ anew, unless clients would break
	@$(BIN)/python -m tests.support.proto_contract

lock: ## Write constraints.txt anew from the newest versions that pyproject.toml allows
	@rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	@.venv-lock/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	@.venv-lock/bin/python -m pip install --quiet -e '.[eval,mic]' --group dev
	@{ sed -n '/^#/p' constraints.txt; \
		.venv-lock/bin/python -m pip freeze --exclude-editable --exclude torch; } > .venv-lock/new
	@mv .venv-lock/new constraints.txt && rm -rf .venv-lock
	@echo "constraints.txt is new. Next: make test, then commit it"

clean: ## Remove .venv and everything that was built; fetched models stay
	@rm -rf .venv .venv-lock .venv-compat tests/compat/node_modules dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

weights: setup
	@$(BIN)/starling models fetch tiny.en
	@$(BIN)/starling models fetch base

sdks: $(SDKS)

.venv-compat/.setup-done: tests/compat/requirements.txt
	@echo "Installing other vendors' SDKs for the compatibility tests (about 150 MB to download)"
	@rm -rf .venv-compat && $(PYTHON) -m venv .venv-compat
	@.venv-compat/bin/python -m pip install --disable-pip-version-check --quiet -r $<
	@touch $@

tests/compat/node_modules/.package-lock.json: tests/compat/package-lock.json
	@command -v npm >/dev/null || { $(call apt,npm); }
	@npm ci --prefix tests/compat --no-audit --no-fund --loglevel=error
	@touch $@

test-programs:
	@missing=""; \
	command -v chromium >/dev/null && command -v chromedriver >/dev/null || \
		missing="chromium chromium-driver"; \
	command -v ffmpeg >/dev/null || missing="$$missing ffmpeg"; \
	command -v redis-server >/dev/null || missing="$$missing redis-server"; \
	command -v nginx >/dev/null || missing="$$missing nginx"; \
	[ -z "$$missing" ] || { $(call apt,$$missing); }

# Install Debian packages if that is possible here; else say which are needed.
define apt
if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	echo "Installing with apt-get:" $(1); \
	{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(1); } \
		>/dev/null 2>&1 || { echo "apt-get could not install:" $(1) "- install it, then run make again"; exit 1; }; \
else \
	echo "Missing:" $(1) "- install it (Debian, Ubuntu: sudo apt install" $(1)"), then run make again"; \
	exit 1; \
fi
endef
