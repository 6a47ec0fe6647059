# Thin shorthands: every target is `python3 -m deploy TARGET`, which sets up what it needs. Variables reach it through the
# environment: make demo CHECK=1, make simulate SEEDS=1000, make bench BENCH=ingest, make test ARGS="tests/unit -k merkle".
PYTHON3 ?= python3
DEPLOY = $(PYTHON3) -m deploy
export CHECK SEEDS SEED SHARE BENCH DRILL QUICK

.DEFAULT_GOAL := help
.PHONY: help demo test lint types simulate bench county-year nightly wheelhouse setup lock clean

help: ## print this
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

demo: ## one county on one machine (CHECK=1 runs it through without a person)
	@$(DEPLOY) demo $(ARGS)

test: ## lint, types and all tests (QUICK=1 leaves out types and slow tests; ARGS=… goes to pytest alone)
	@$(DEPLOY) test $(ARGS)

lint: ## rules and layout of every file (ARGS=--fix repairs what it can)
	@$(DEPLOY) lint $(ARGS)

types: ## the strict type checker
	@$(DEPLOY) types $(ARGS)

simulate: ## the whole network under faults in virtual time (SEEDS=n, or SEED=n to replay one)
	@$(DEPLOY) simulate $(ARGS)

bench: ## measure (BENCH=ingest, wire, agent, casework, bundle, audit or reverify)
	@$(DEPLOY) bench $(ARGS)

county-year: ## one county's year of 344,000 cases, folded and counted (SHARE=0.01 takes seconds)
	@$(DEPLOY) county-year $(ARGS)

nightly: ## the drills that need hours or rights, one JSON line each (DRILL=thin_line carries out one)
	@$(DEPLOY) nightly $(ARGS)

wheelhouse: ## a folder from which a village PC installs without any network (ARGS="--for windows")
	@$(DEPLOY) wheelhouse $(ARGS)

setup: ## only make the environment
	@$(DEPLOY) setup

lock: ## make both requirements locks again (needs uv)
	@$(DEPLOY) lock $(ARGS)

clean: ## delete .venv, dist and caches
	@$(DEPLOY) clean
