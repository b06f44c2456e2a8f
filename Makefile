# `make help` lists what there is.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PY := .venv/bin/python
PORT ?= 8080
FRESH ?= 0
TEST_WORKERS ?= 2

.PHONY: help up setup setup-dev test check bench soak fleet-sim lock proto docs fmt clean

help: ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

up: setup ## Run the whole platform on loopback, with a film in it (PORT=8080, FRESH=1 starts anew)
	@exec .venv/bin/matinee up --port $(PORT) --fresh $(FRESH) --with-parent

setup: ## Set everything up, start nothing
	@sh tools/setup.sh run

setup-dev:
	@sh tools/setup.sh dev

test: setup-dev ## Run all tests, real servers included (REQUIRE_ALL=1: a missing program is an error)
	@$(PY) -m pytest -n $(TEST_WORKERS) --dist loadgroup $(PYTEST_ARGS)

check: setup-dev ## Lint, types, import contracts, generated files
	@$(PY) -m tools.check

bench: setup-dev ## Side-by-side benchmarks: ours and the peer's in turn, ratios printed
	@$(PY) -m tools.bench $(BENCH_ARGS)

soak: setup-dev ## Ten minutes of faults, purges and crashes, every byte delivered checked (SOAK_ARGS="--seed 1 --minutes 2")
	@$(PY) -m tests.soak $(SOAK_ARGS)

fleet-sim: setup-dev ## A control and a thousand simulated edges, targets met or missed (SIM_ARGS="--agents 200 --quick")
	@$(PY) -m tools.fleet_sim $(SIM_ARGS)

lock: setup-dev ## Resolve the dependencies anew into the lock files
	.boot/bin/uv pip compile -q --generate-hashes --no-emit-index-url --no-deps tools/uv.in -o tools/uv.lock.txt --custom-compile-command "make lock"
	.boot/bin/uv pip compile -q --generate-hashes --no-emit-index-url --all-extras pyproject.toml -o requirements.lock --custom-compile-command "make lock"
	.boot/bin/uv pip compile -q --generate-hashes --no-emit-index-url --all-extras --group dev pyproject.toml -o requirements-dev.lock --custom-compile-command "make lock"

proto: setup-dev ## Generate the gRPC stubs anew
	$(PY) -m grpc_tools.protoc -I. --python_out=. --pyi_out=. --grpc_python_out=. rpc/v1/control.proto

docs: setup-dev ## Generate docs/settings.md and docs/counters.md anew
	$(PY) -m tools.docs

fmt: setup-dev ## Format the code
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix-only -q .

clean: ## Remove what set-up and runs have made (the films in .matinee too)
	rm -rf .boot .venv .matinee .bench node_modules .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
