# Every everyday command of Cantor Edge. Needs only make and python3; the rest is fetched and pinned.
#
#   make demo                          a hub, three boxes and a camera pipeline on this machine
#   make demo SOURCE=/dev/video0 MODEL=detector.onnx        the same on your own camera and model
#   make demo BINARY=1                 the same with the agent's binary instead of this Python
#   make test                          everything below, minutes
#   make test TESTS=tests/unit         one folder or file, seconds
#   make sim NODES=100 SEEDS=50        the mesh's rules on a virtual network, by seed
#   make fuzz MINUTES=60               bytes at everything that reads what strangers send

MAKEFLAGS += --warn-undefined-variables --no-builtin-rules
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help environment console demo agent-binary test check-long hil model lint format sim fuzz soak chaos escapes-user escapes-vm compatibility bench docs package package-check lock clean

PYTHON ?= python3
BIN := .venv/bin
CODE := agent devices firmware-bridge hub packaging hil-tests
TESTS ?= tests
PYTEST_OPTIONS ?= -q
NODES ?= 100
SEEDS ?= 20
MINUTES ?= 3
RUNS ?= 50
DECODERS ?=
SEED ?= 1
REPORT ?=
SITE ?=
NAME ?= pipeline
OUT ?= agent/galaxy/models/conveyor.onnx
RIG ?= configs/rigs/simulated.yaml
EXAMPLES ?= 100
SOURCE ?=
MODEL ?=
BINARY ?=
KERNEL ?=
ARGS ?=
FROZEN := agent devices firmware-bridge packaging requirements.lock

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

environment: ## make .venv from the hash lock
	@$(PYTHON) .ci/bootstrap.py environment

console: ## build the web console into the hub's package
	@$(PYTHON) .ci/bootstrap.py console

demo: $(if $(BINARY),agent-binary) ## run the main job here (SOURCE=/dev/video0|rtsp://..|file MODEL=file.onnx BINARY=1 ARGS=)
	@$(PYTHON) .ci/bootstrap.py
	@$(BIN)/cantor demo $(if $(SOURCE),--source $(SOURCE)) $(if $(MODEL),--model $(MODEL)) \
	  $(if $(BINARY),--agent dist/cantor-agent-vision-*/cantor) $(ARGS)

agent-binary: environment
	@wanted=$$({ git rev-parse $(FROZEN:%=HEAD:%); git diff HEAD -- $(FROZEN); } | sha256sum); \
	if [ "$$wanted" != "$$(cat dist/vision-made-from 2>/dev/null)" ] \
	    || ! ls dist/cantor-agent-vision-*/cantor >/dev/null 2>&1; then \
	  rm -rf dist/cantor-agent-vision-*; \
	  $(BIN)/python -m edge_packaging.build vision; \
	  echo "$$wanted" >dist/vision-made-from; \
	fi

test: ## run the tests (TESTS=tests/unit for some of them)
	@$(PYTHON) .ci/bootstrap.py
	$(BIN)/python -m pytest $(PYTEST_OPTIONS) $(TESTS)

check-long: environment ## what is too long for every change: the whole API, asked at random
	ALL_OPERATIONS=$(EXAMPLES) $(BIN)/python -m pytest $(PYTEST_OPTIONS) -o faulthandler_timeout=0 \
	  tests/integration/edge_hub/test_contract.py

hil: environment ## run the hardware-in-the-loop scenarios (RIG=configs/rigs/simulated.yaml)
	$(BIN)/python -m pytest $(PYTEST_OPTIONS) hil-tests/scenarios --rig $(RIG)

model: ## train the demo's detector anew, minutes (PyTorch in .tools/training; OUT=)
	@$(PYTHON) .ci/bootstrap.py training
	.tools/training/bin/python -m edge_hub.training --threads 2 --out $(OUT)

lint: environment ## check style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(CODE) docs tests
	$(BIN)/mypy .ci/*.py
	$(BIN)/lint-imports

format: environment ## bring the code into its one format
	$(BIN)/ruff check --fix --exit-zero --quiet .
	$(BIN)/ruff format .

sim: environment ## run the mesh simulator (NODES=, SEEDS=, REPORT=, SITE=1 for one local network)
	$(BIN)/python -m tests.simulation.run --nodes $(NODES) --seeds $(SEEDS) --processes 2 \
	  --grants $(SEEDS) --shares $(SEEDS) --fetches $(SEEDS) --tasks $(SEEDS) --actors $(SEEDS) \
	  --replicas $(SEEDS) \
	  --variables $(SEEDS) \
	  $(if $(SITE),--site) \
	  --json build/simulation.json $(if $(REPORT),--report $(REPORT))

fuzz: MINUTES = 60
fuzz: ## throw bytes at every decoder, at the lowest priority (MINUTES=60 for all; DECODERS="needs seals")
	@$(PYTHON) .ci/bootstrap.py fuzz
	nice -n 19 .tools/fuzz/bin/python -W ignore -m tests.fuzz.run --minutes $(MINUTES) $(DECODERS)

soak: NODES = 30
soak: environment ## trouble for real agents on real networks (NODES=30 MINUTES=3 SEED=1)
	$(BIN)/python -m tests.soak.run --nodes $(NODES) --minutes $(MINUTES) --seed $(SEED)
	$(BIN)/python -m tests.soak.sites

chaos: environment ## kill workers, agents and programs while durable tasks run (RUNS=50 SEED=1)
	$(BIN)/python -m tests.chaos.run --runs $(RUNS) --seed $(SEED)

escapes-user: environment ## try to leave the sandbox as a user who is nobody, on this machine
	$(BIN)/python -m tests.escapes.user

escapes-vm: environment ## try to leave the sandbox on Debian 12's kernel in QEMU, minutes (KERNEL=bzImage)
	$(BIN)/python -m tests.escapes.vm $(if $(KERNEL),--kernel $(KERNEL))

compatibility: ## run CPython's tests of executors, Joblib's and a graph of Dask on Cantor's executor
	@$(PYTHON) .ci/bootstrap.py compatibility
	PYTHONPATH=. .tools/compatibility/bin/python -m tests.compatibility.run

bench: environment ## measure one thing (NAME=pipeline, or NAME=mesh ONLY=cut,death) into build/bench/NAME.json
	PYTHONPATH=. $(BIN)/python tests/benchmarks/$(NAME)/run.py

docs: environment ## build the documentation site into build/site
	$(BIN)/python -m docs.generate

package-check: environment ## try the binaries in dist: licences, verbs, a mesh, memory
	$(BIN)/python -m pytest $(PYTEST_OPTIONS) tests/packaging

package: environment ## build the agent binaries into dist
	$(BIN)/python -m edge_packaging.build

lock: environment ## choose the newest allowed packages and write their hashes
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate \
	  --no-header --all-extras --python-version 3.11 --upgrade pyproject.toml -o requirements.lock

clean: ## remove what was built (the environment stays)
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find .ci $(CODE) tests -name __pycache__ -type d -prune -exec rm -rf {} +
