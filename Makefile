# `make help` lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PY := .venv/bin/python
PORT ?= 8080
FRESH ?= 0
REGIONS ?= 1
TEST_WORKERS ?= 2

.PHONY: help up setup setup-dev test check bench faults faults-ingest faults-analytics eval-recommend check-spark soak loadtest measure eval-search fleet-sim lock proto docs fmt clean

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

up: setup ## Run the whole platform on loopback, with a sample film (PORT=8080; FRESH=1 deletes the state first; REGIONS=2)
	@exec .venv/bin/matinee up --port $(PORT) --fresh $(FRESH) --regions $(REGIONS) --with-parent

setup: ## Install everything without starting it
	@sh tools/setup.sh run

setup-dev:
	@sh tools/setup.sh dev

test: setup-dev ## Run all tests (REQUIRE_ALL=1: fail if an external program is missing)
	@$(PY) -m pytest -n $(TEST_WORKERS) --dist loadgroup $(PYTEST_ARGS)

check: setup-dev ## Check format, lint, types, import contracts and generated files
	@$(PY) -m tools.check

bench: setup-dev ## Benchmark against nginx, Varnish and libCacheSim
	@$(PY) -m tools.bench $(BENCH_ARGS)

faults: setup-dev ## Damage files, kill, reload, fill the disk and break it under an edge, and check every byte (FAULTS_ARGS="--kills 20")
	@$(PY) -m tests.faults.edge $(FAULTS_ARGS)

faults-ingest: setup-dev ## Kill the origin, workers and encoders 200 times over ten ingests (FAULTS_ARGS="--seed 1 --kills 50")
	@$(PY) -m tests.faults $(FAULTS_ARGS)

faults-analytics: setup-dev ## Kill services 50 times while they take in events, and count the lake (FAULTS_ARGS="--seed 1 --kills 20")
	@$(PY) -m tests.faults.analytics $(FAULTS_ARGS)

eval-recommend: setup-dev ## Compare the recommendations with other models (EVAL_ARGS="FOLDER" of a MovieLens data set)
	@$(PY) -m tools.eval_recommend $(EVAL_ARGS)

check-spark: setup-dev ## Compare the training on Spark with that on one machine (needs Java; installs the extra `spark`)
	@.boot/bin/uv pip install -q --python $(PY) 'pyspark>=3.5.9,<4'
	@MATINEE_SPARK=1 $(PY) -m pytest -q tests/services/training/test_spark_trainer.py

soak: setup-dev ## Run ten minutes of faults, purges and crashes, checking every byte (SOAK_ARGS="--seed 1 --minutes 2")
	@$(PY) -m tests.soak $(SOAK_ARGS)

loadtest: setup-dev ## Play the ten load-test stories against a running `make up` (LOADTEST_ARGS="--only premiere")
	@$(PY) -m loadtest.suite $(LOADTEST_ARGS)

eval-search: setup-dev ## Compare search with Tantivy, FTS5 and pg_trgm (EVAL_ARGS="--films FILE --postgres URL")
	@$(PY) -m tools.eval_search $(EVAL_ARGS)

measure: setup-dev ## Measure a running `make up` for docs/scale.md, in six minutes (MEASURE_ARGS="--players 100")
	@$(PY) -m loadtest.planner.measure $(MEASURE_ARGS)

fleet-sim: setup-dev ## Run control with a thousand simulated edges and check the targets (SIM_ARGS="--agents 200 --quick")
	@$(PY) -m tools.fleet_sim $(SIM_ARGS)

# Every extra but `spark`, whose package is larger than all others together; clusters bring their own.
LOCKED := $(foreach extra,oidc loadtest media codecs search valkey recommend,--extra $(extra))

lock: setup-dev ## Update the lock files
	.boot/bin/uv pip compile -q --generate-hashes --no-emit-index-url --no-deps tools/uv.in -o tools/uv.lock.txt --custom-compile-command "make lock"
	.boot/bin/uv pip compile -q --generate-hashes --no-emit-index-url $(LOCKED) pyproject.toml -o requirements.lock --custom-compile-command "make lock"
	.boot/bin/uv pip compile -q --generate-hashes --no-emit-index-url $(LOCKED) --group dev pyproject.toml -o requirements-dev.lock --custom-compile-command "make lock"

proto: setup-dev ## Generate the gRPC stubs
	$(PY) -m grpc_tools.protoc -I. --python_out=. --pyi_out=. --grpc_python_out=. rpc/v1/control.proto

docs: setup-dev ## Generate the reference pages in docs/
	$(PY) -m tools.docs
	$(PY) -m loadtest.planner.scale_page

fmt: setup-dev ## Format the code
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix-only -q .

clean: ## Delete everything that set-up and runs created, including the films in .matinee
	rm -rf .boot .venv .matinee .bench node_modules .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
