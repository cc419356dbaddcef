# Everything here needs python3 >= 3.11 and make; the rest is installed into .venv from hashed files.
PYTHON   ?= python3
VENV     := .venv
BIN      := $(VENV)/bin
PROTO_VENV := .venv-proto
PEERS_VENV := .venv-peers

# A stamp is named after its input's content: a changed file reinstalls, a touched one does not.
stamp     = .installed-$(notdir $(1))-$(shell cksum < $(1) | cut -d' ' -f1)
RUN      := $(VENV)/$(call stamp,requirements/run.txt)
PROJECT  := $(VENV)/$(call stamp,pyproject.toml)
TEST     := $(VENV)/$(call stamp,requirements/test.txt)
CHECK    := $(VENV)/$(call stamp,requirements/check.txt)
FUZZ     := $(VENV)/$(call stamp,requirements/fuzz.txt)
PROTO    := $(PROTO_VENV)/$(call stamp,requirements/proto.txt)
PEERS    := $(PEERS_VENV)/$(call stamp,requirements/peers.txt)
PEERS_PROJECT := $(PEERS_VENV)/$(call stamp,pyproject.toml)

TYPESCRIPT := sdk/typescript/node_modules/$(call stamp,sdk/typescript/package-lock.json)

PIP      := -m pip --quiet --quiet --disable-pip-version-check install --no-deps
HASHED   := --require-hashes --only-binary=:all: --requirement

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(RUN) $(PROJECT) ## watch a grant, handoffs, a call, and every refusal, on real processes
	@$(BIN)/delegation demo

.PHONY: test
test: $(RUN) $(PROJECT) $(TEST) ## run the tests (ARGS="tests/unit -k narrowing" for some of them)
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: check lint types doors contract
check: lint types doors contract ## lint, format, types, import rules, the contract (-k: all of them, whatever fails)

lint: $(RUN) $(PROJECT) $(TEST) $(CHECK)
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet

types: $(RUN) $(PROJECT) $(TEST) $(CHECK)
	@$(BIN)/mypy

doors: $(RUN) $(PROJECT) $(TEST)
	@$(BIN)/lint-imports --no-logo

contract: $(RUN) $(PROJECT) $(TEST) $(CHECK) $(PROTO)
	@$(BIN)/buf lint proto
	@$(BIN)/buf format proto --diff --exit-code
	@$(PROTO_VENV)/bin/python proto/generate.py --check

.PHONY: format
format: $(RUN) $(PROJECT) $(TEST) $(CHECK) ## put code and contract into their one format
	@$(BIN)/ruff check --quiet --fix-only
	@$(BIN)/ruff format --quiet
	@$(BIN)/buf format proto --write

.PHONY: bench
bench: $(RUN) $(PROJECT) $(TEST) ## measure against the bars; writes build/bench/results.json
	@$(BIN)/python tests/benchmarks/run.py

.PHONY: bench-growth
bench-growth: $(RUN) $(PROJECT) $(TEST) ## measure again after a million calls, on both databases (some ten minutes)
	@$(BIN)/python tests/benchmarks/run.py growth growth-postgres --output build/bench/growth.json $(ARGS)

.PHONY: bench-peers
bench-peers: $(PEERS) $(PEERS_PROJECT) ## measure against others on the same work (ARGS=--quick, ARGS=--markdown)
	@$(PEERS_VENV)/bin/python tests/benchmarks/peers/run.py $(ARGS)

.PHONY: typescript
typescript: $(TYPESCRIPT) ## build the verifier in sdk/typescript and run the conformance vectors (needs Node 20)
	@cd sdk/typescript && npm run --silent build && npm test --silent

.PHONY: vectors
vectors: $(RUN) $(PROJECT) $(TEST) ## write proto/vectors from the programs in tests/conformance/make
	@PYTHONPATH=tests $(BIN)/python -m conformance.make

.PHONY: attacks
attacks: $(RUN) $(PROJECT) $(TEST) ## try every class of attack, print what came of it (ARGS=--markdown: docs/attacks.md)
	@PYTHONPATH=tests $(BIN)/python -m attacks.suite $(ARGS)

.PHONY: faults
faults: $(RUN) $(PROJECT) $(TEST) faketime ## break a real service under load, count its writes (ARGS="--kills 5 kills disk")
	@PYTHONPATH=tests $(BIN)/python -m faults $(ARGS)

.PHONY: soak
soak: $(RUN) $(PROJECT) $(TEST) ## load a real service for SECONDS (3600); does memory, handles or latency grow?
	@PYTHONPATH=tests $(BIN)/python -m soak $(if $(SECONDS),--seconds $(SECONDS)) $(ARGS)

# Puts the clock of one process forward and back. Where it cannot be had, that scenario says so.
.PHONY: faketime
faketime:
	@ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && { apt-get update -qq && apt-get install -y -qq faketime; } >/dev/null 2>&1 || true; }

.PHONY: fuzz
fuzz: $(RUN) $(PROJECT) $(TEST) $(FUZZ) ## try every decoder (SECONDS=60 or RUNS=1000000 a target, TARGETS="proof bundle")
	@$(BIN)/python tests/fuzz/run.py $(if $(RUNS),--runs $(RUNS)) $(if $(SECONDS),--seconds $(SECONDS)) $(TARGETS)

.PHONY: proto
proto: $(PROTO) ## write delegation/v1 from proto/
	@$(PROTO_VENV)/bin/python proto/generate.py

.PHONY: dev
dev: $(RUN) $(PROJECT) $(TEST) $(CHECK) $(PROTO) ## install everything a change needs, run nothing

# Needs uv on the PATH. Each file constrains the next: what the demo runs with is what the tests run with.
.PHONY: lock
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header
lock: ## resolve requirements/*.txt anew (needs uv)
	@$(LOCK) pyproject.toml --extra all --group build -o requirements/run.txt
	@$(LOCK) pyproject.toml --extra all --group build --group test -c requirements/run.txt -o requirements/test.txt
	@$(LOCK) pyproject.toml --extra all --group build --group test --group check -c requirements/test.txt -o requirements/check.txt
	@$(LOCK) --group proto -o requirements/proto.txt
	@$(LOCK) --group fuzz -o requirements/fuzz.txt
	@$(LOCK) pyproject.toml --group build --group peers -c requirements/run.txt -o requirements/peers.txt

.PHONY: clean
clean: ## remove what these targets made
	@rm -rf $(VENV) $(PROTO_VENV) $(PEERS_VENV) build dist sdk/typescript/dist sdk/typescript/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.PHONY: python
python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + ": make PYTHON=/path/to/python3")'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python needs its venv module (Debian: apt install python3-venv)" >&2; exit 1; }

$(RUN): | python
	@echo "Installing into $(VENV) (once; about half a minute) ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python $(PIP) $(HASHED) requirements/run.txt
	@touch $@

# Its own step: a file with hashes cannot name an editable project.
$(PROJECT): | $(RUN)
	@$(BIN)/python $(PIP) --no-build-isolation --editable .
	@rm -f $(VENV)/.installed-pyproject.toml-*; touch $@

$(TEST): | $(RUN)
	@echo "Adding what the tests need ..."
	@$(BIN)/python $(PIP) $(HASHED) requirements/test.txt
	@rm -f $(VENV)/.installed-test.txt-*; touch $@

$(CHECK): | $(RUN) $(TEST)
	@echo "Adding the linters ..."
	@$(BIN)/python $(PIP) $(HASHED) requirements/check.txt
	@rm -f $(VENV)/.installed-check.txt-*; touch $@

$(FUZZ): | $(RUN)
	@echo "Adding the fuzzer ..."
	@$(BIN)/python $(PIP) $(HASHED) requirements/fuzz.txt
	@rm -f $(VENV)/.installed-fuzz.txt-*; touch $@

$(PROTO): | python
	@echo "Installing the generator into $(PROTO_VENV) ..."
	@$(PYTHON) -m venv --clear $(PROTO_VENV)
	@$(PROTO_VENV)/bin/python $(PIP) $(HASHED) requirements/proto.txt
	@touch $@

.PHONY: node
node:
	@node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' 2>/dev/null || { echo "Node 20 or newer is needed" >&2; exit 1; }

$(TYPESCRIPT): | node
	@echo "Installing the TypeScript compiler into sdk/typescript/node_modules ..."
	@cd sdk/typescript && npm ci --silent
	@touch $@

$(PEERS): | python
	@echo "Installing this project and others into $(PEERS_VENV) ..."
	@$(PYTHON) -m venv --clear $(PEERS_VENV)
	@$(PEERS_VENV)/bin/python $(PIP) $(HASHED) requirements/peers.txt
	@touch $@

$(PEERS_PROJECT): | $(PEERS)
	@$(PEERS_VENV)/bin/python $(PIP) --no-build-isolation --editable .
	@rm -f $(PEERS_VENV)/.installed-pyproject.toml-*; touch $@
