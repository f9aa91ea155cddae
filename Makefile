# Every target is one line that calls `python -m`; CI and people call the same ones. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help env doctor up down status train predict test lint bench-up \
	render policies scan preflight teardown sweep pause resume

PYTHON ?= python3
RUN := .venv/bin/python
DATA ?= synthetic
ROWS ?= 200000
SEED ?= 42
STACK ?= dev
OUT ?= render/$(STACK)
RUN_OPTIONS := --data "$(DATA)" --rows $(ROWS) --seed $(SEED)

help: ## List the targets
	@$(PYTHON) -m infra.tools.targets Makefile
env: ## Make the locked environment and find the tools; nothing is started
	@$(PYTHON) -m infra.tools.install
doctor: ## Say what was found where, what is missing and how to get it (JSON=1)
	@$(PYTHON) -m infra.tools.doctor $(if $(JSON),--json)
up: env ## Bring everything up, to a trained model that answers (DATA= ROWS= SEED= PORT_BASE=)
	@$(RUN) -m infra.local.up $(RUN_OPTIONS) $(if $(PORT_BASE),--port-base $(PORT_BASE))
down: ## Take everything down; data stays unless PURGE=1
	@$(RUN) -m infra.local.down $(if $(PURGE),--purge)
status: ## Show each service's health, uptime and memory, the champion, the last run (JSON=1)
	@$(RUN) -m infra.local.status $(if $(JSON),--json)
train: ## Run the training pipeline on the running stack (DATA= ROWS= SEED=)
	@$(RUN) -m infra.local.client pipelines.run training $(RUN_OPTIONS)
predict: ## Ask the deployed bundle for one trip
	@$(RUN) -m infra.local.client serving.ask
lint: env ## Check format, style and types
	@$(RUN) -m ruff format --check . && $(RUN) -m ruff check . && $(RUN) -m pyright
test: lint ## Run all tests, among them a whole stack in a scratch clone
	@$(RUN) -m pytest
bench-up: env ## Print the local stack's figures on this machine: times, memory, overhead
	@$(RUN) -m infra.local.bench
render: env ## Write what a cloud stack is made of, for review, without an account (STACK= OUT=)
	@$(RUN) -m infra.render --stack "$(STACK)" --out "$(OUT)"
policies: env ## Hold the policies against every cloud stack
	@$(RUN) -m infra.policies
scan: env ## Validate and scan the rendered Kubernetes objects of every cloud stack
	@$(RUN) -m infra.scanning
preflight: env ## Say what would fail before a cloud stack is brought up (STACK= JSON=1)
	@$(RUN) -m infra.operations.preflight --stack "$(STACK)" $(if $(JSON),--json)
teardown: env ## Drain and destroy a cloud stack, and look for what is left (STACK=)
	@$(RUN) -m infra.operations.teardown --stack "$(STACK)"
sweep: env ## List what a cloud stack left behind, with its monthly cost (STACK=)
	@$(RUN) -m infra.operations.sweep --stack "$(STACK)"
pause: env ## Take everything down that costs by the hour; data stays (STACK=)
	@$(RUN) -m infra.operations.pause --stack "$(STACK)"
resume: env ## Bring a paused cloud stack back with its data (STACK=)
	@$(RUN) -m infra.operations.resume --stack "$(STACK)"
