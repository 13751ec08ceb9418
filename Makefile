# Two commands do all the set-up: `make run`, `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all:

.DEFAULT_GOAL := help
.PHONY: help run demo test check format bench script secrets dashboards lock clean

help: ## list what can be made
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# The stamps hold what was installed, so that a changed lock file installs anew.
$(VENV)/run.stamp: requirements/run.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the locked requirements into $(VENV) …"
	@$(PIP) -r requirements/run.txt
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/run.stamp
	@echo "installing the locked test tools into $(VENV) …"
	@$(PIP) -r requirements/dev.txt
	@touch $@

run: $(VENV)/run.stamp ## serve on the embedded default, or on ./joinwatch.toml
	@exec $(BIN)/python -m proxy serve

demo: $(VENV)/run.stamp ## the simulated world, live: faulty backends, a verifier, browsers
	@exec $(BIN)/python -m proxy demo

test: $(VENV)/dev.stamp ## the whole suite
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(VENV)/dev.stamp ## formatting, lint, types, import layers
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/dev.stamp ## mend what can be mended
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/dev.stamp ## the benchmarks, as ratios taken in one run (needs wrk)
	@$(BIN)/python -m bench

script: ## build the page's script anew (needs npm)
	@cd client && npm ci && npm run build

secrets: ## make what docker-compose.yml needs secret, in ./secrets
	@deploy/make-secrets

dashboards: $(VENV)/dev.stamp ## write dashboards/grafana/*.json anew from dashboards/source
	@$(BIN)/python -m dashboards.source

lock: ## renew requirements/*.txt from pyproject.toml (needs uv)
	@uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate \
		--no-emit-index-url --custom-compile-command "make lock" pyproject.toml -o requirements/run.txt
	@uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate \
		--no-emit-index-url --custom-compile-command "make lock" -c requirements/run.txt \
		pyproject.toml --group dev -o requirements/dev.txt

clean: ## remove what was made, but not ./var
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache artifacts dist
