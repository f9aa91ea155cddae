# Every target is one line that calls `python -m`; CI and people call the same ones. `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help env doctor up down status train features score lineage reproduce promotions publish bundle release rollback \
	collect forget logs demo-release demo-drift demo-calm predict edge image \
	test test-stack test-training test-all test-release test-loop test-logs test-page test-image test-admission test-cluster cluster cluster-down cluster-secrets lint bench-up bench-pipeline loadtest bench-serving bench-drift render policies scan preflight \
	teardown sweep \
	pause resume \
	repository codeowners changelog hooks

PYTHON ?= python3
PY := .venv/bin/python
ON_EVERY_CORE := --numprocesses logical --maxprocesses 4
DATA ?= synthetic
ROWS ?= 200000
SEED ?= 42
DATA_VERSION ?= 0
OF ?= bundle:live
RUN ?= latest
STACK ?= dev
OUT ?= render/$(STACK)
NODES ?= real
RUN_OPTIONS := --data "$(DATA)" --rows $(ROWS) --seed $(SEED)

help: ## List the targets
	@$(PYTHON) -m infra.tools.targets Makefile
env: ## Make the locked environment and find the tools; nothing is started
	@$(PYTHON) -m infra.tools.install
doctor: ## Say what was found where, what is missing and how to get it (JSON=1)
	@$(PYTHON) -m infra.tools.doctor $(if $(JSON),--json)
up: env ## Bring everything up, to a trained model that answers (DATA= ROWS= SEED= PORT_BASE= SET="path=value ...")
	@$(PY) -m infra.local.up $(RUN_OPTIONS) $(if $(PORT_BASE),--port-base $(PORT_BASE)) $(foreach one,$(SET),--set "$(one)")
down: ## Take everything down; data stays unless PURGE=1
	@$(PY) -m infra.local.down $(if $(PURGE),--purge)
status: ## Show each service's health, uptime and memory, the champion, the last run (JSON=1)
	@$(PY) -m infra.local.status $(if $(JSON),--json)
logs: ## Find everything that was written about a request or a run, here or on a cloud stack (ID= STACK= HOURS=168)
	@$(PY) $(if $(STACK),-m infra.operations.find_logs --stack "$(STACK)" $(if $(HOURS),--hours "$(HOURS)"),-m infra.local.find_logs) "$(ID)"
train: ## Run the training pipeline on the running stack (DATA= ROWS= SEED= FORCE_REASON=)
	@$(PY) -m infra.local.client pipelines.run training $(RUN_OPTIONS) \
		$(if $(FORCE_REASON),--force-reason "$(FORCE_REASON)")
features: ## Refresh the features by themselves, offline and online (DATA= ROWS= SEED=)
	@$(PY) -m infra.local.client pipelines.run features $(RUN_OPTIONS)
score: ## Predict every trip of a data version with the champion (DATA_VERSION=)
	@$(PY) -m infra.local.client pipelines.run scoring --data-version "$(DATA_VERSION)"
collect: ## Take the service's predictions and outcomes into the tables of the log, and let go of what is too old
	@$(PY) -m infra.local.client monitoring.collect
forget: ## Remove a request or a trip from the log of predictions, to its last byte (KEY=)
	@$(PY) -m infra.local.client monitoring.forget "$(KEY)"
lineage: ## Show what something was made from and what was made from it (OF=model:champion JSON=1 OUT=file.svg)
	@$(PY) -m infra.local.client pipelines.lineage "$(OF)" $(if $(JSON),--json) $(if $(filter command line,$(origin OUT)),--out "$(OUT)")
reproduce: ## Rebuild a training run and compare every step (RUN=latest)
	@$(PY) -m infra.local.client pipelines.reproduce "$(RUN)"
promotions: ## List who promoted which model version, and why (JSON=1)
	@$(PY) -m infra.local.client components.promotion history $(if $(JSON),--json)
publish: env ## Give changed components and pipelines new versions, and publish them
	@$(PY) -m pipelines.compile --bump
bundle: env ## Build the bundle of the champion, and of the challenger if there is one (CHAMPION= CHALLENGER=)
	@$(PY) -m infra.local.client serving.bundle $(if $(CHAMPION),--champion "$(CHAMPION)") \
		$(if $(CHALLENGER),--challenger "$(CHALLENGER)")
release: ## Try the version that the gate let through, step by step, and let it answer or take it back (PATIENCE= seconds)
	@$(PY) -m infra.local.release release $(if $(PATIENCE),--patience "$(PATIENCE)")
rollback: ## Let the other version of the deployed bundle answer again (REASON=)
	@$(PY) -m infra.local.release rollback --reason "$(REASON)"
demo-release: ## Show a better model released and a worse one rolled back, under load (ROWS=)
	@$(PY) -m infra.local.demo_release $(if $(filter command line,$(origin ROWS)),--rows $(ROWS))
demo-drift: ## Show a city's traffic change, and the monitor have a model trained and released (SPEED=2880 DAYS=)
	@$(PY) -m infra.local.demo_drift drift $(if $(SPEED),--speed "$(SPEED)") $(if $(DAYS),--days "$(DAYS)")
demo-calm: ## Show the same city without a change, and the monitor do nothing (SPEED=2880 DAYS=)
	@$(PY) -m infra.local.demo_drift calm $(if $(SPEED),--speed "$(SPEED)") $(if $(DAYS),--days "$(DAYS)")
predict: ## Ask the deployed bundle for one trip
	@$(PY) -m infra.local.client serving.ask
loadtest: env ## Load the deployed bundle at a fixed rate and hold it to its budgets (RATE= SECONDS= URL=)
	@vegeta=$$($(PY) -m infra.tools.program load vegeta) && PATH="$${vegeta%/*}:$$PATH" \
		$(PY) $(if $(URL),-m,-m infra.local.client) serving.loadtest $(if $(RATE),--rate "$(RATE)") \
		$(if $(SECONDS),--seconds "$(SECONDS)") $(if $(URL),--url "$(URL)")
edge: ## Export the champion for devices, as one ONNX file with its preprocessing (OUT=edge)
	@$(PY) -m infra.local.client serving.edge --out "$(if $(filter command line,$(origin OUT)),$(OUT),edge)"
image: env ## Make a container image of a bundle (BUNDLE=tag BASE_IMAGE=with-python IMAGE=repository:tag)
	@$(PY) -m serving.image "$(BUNDLE)" $(if $(BASE_IMAGE),--base-image "$(BASE_IMAGE)") $(if $(IMAGE),--image "$(IMAGE)")
lint: env ## Check format, style, types and workflows
	@$(PY) -m ruff format --check . && $(PY) -m ruff check . && $(PY) -m pyright && $(PY) -m infra.scanning.workflows
versions: env ## Say which components and pipelines changed without a new version
	@$(PY) -m pipelines.compile --check
test: lint ## Run all tests but those that have a target of their own (TESTS=tests/components ...)
ifneq ($(TESTS),)
	@$(PY) -m pytest $(TESTS)
else
# Each core gets whole files, whose fixtures cost more than their tests.
	@$(PY) -m pytest $(ON_EVERY_CORE) --dist loadfile --no-loadscope-reorder
endif
test-stack: env ## Bring a whole stack up in a scratch clone, break it, and look at what it answers
	@$(PY) -m pytest -m stack tests/stack
test-training: env ## Run whole trainings on a real platform: fail, resume, repeat, rebuild to the byte
	@$(PY) -m pytest -m training $(ON_EVERY_CORE) --dist worksteal tests/pipelines
test-admission: env ## Hold every stack's objects against a real API server and a real scheduler (builds them; nodes are simulated)
	@$(PY) -m pytest -m cluster tests/cluster/test_admission.py tests/cluster/scheduling
# What takes times has the machine for itself.
test-all: test test-stack test-training test-admission ## Run what CI runs: the four targets above
test-workflows: env ## Run the workflows on this machine, failures among them, with a scratch stack for each environment
	@$(PY) -m pytest -m workflows tests/infra/delivery
test-release: env ## Release a better model and roll a worse one back on a scratch stack, under load
	@$(PY) -m pytest -m release tests/stack
test-loop: env ## Let the monitor watch a calm and a changing city on a scratch stack, on a faster clock
	@$(PY) -m pytest -m loop tests/stack
test-logs: env ## Send pods' logs to the log store as a cluster does, and find them (builds Loki and a collector)
	@$(PY) -m pytest -m logs tests/infra/observability
test-page: env ## Look at the dashboards' page in a real browser (gets Chromium from Debian)
	@.ci/install-browser && $(PY) -m pytest -m page tests/infra/local
test-image: env ## Build a bundle's image on a base made here, and run it (root; gets buildah from Debian)
	@.ci/install-image-tools && $(PY) -m pytest -s -m image tests/serving/image
test-cluster: env ## Hold the stacks' objects against a real Kubernetes, and run stack cluster on one here (root; KUBECONFIG=)
	@.ci/install-cluster-tools && .ci/install-image-tools && \
		$(if $(filter command line,$(origin KUBECONFIG)),KEELSON_TEST_KUBECONFIG="$(KUBECONFIG)") $(PY) -m pytest -m cluster tests/cluster
cluster: env ## Bring up a Kubernetes of this machine's own, for tests (root; NODES=simulated needs none; KUBECONFIG=)
	@$(PY) -m infra.cluster.up --nodes "$(NODES)" $(if $(filter command line,$(origin KUBECONFIG)),--kubeconfig "$(KUBECONFIG)")
cluster-down: ## Take that Kubernetes and all that it made away
	@$(PY) -m infra.cluster.down
bench-up: env ## Print the local stack's figures on this machine: times, memory, overhead
	@$(PY) -m infra.local.bench
bench-pipeline: env ## Print the training pipeline's time and memory on the running stack (ROWS=1000000)
	@$(PY) -m infra.local.client pipelines.bench $(if $(filter command line,$(origin ROWS)),--rows $(ROWS))
bench-serving: env ## Print the bundle's figures beside other servers of the same model, with the running stack
	@vegeta=$$($(PY) -m infra.tools.program load vegeta) && PATH="$${vegeta%/*}:$$PATH" \
		$(PY) -m infra.local.client serving.loadtest.bench
bench-drift: env ## Print how fast drift is judged, how often it is seen where there is none, and how soon where there is
	@$(PY) -m monitoring.bench
render: env ## Write what a stack on Kubernetes is made of, for review, without an account (STACK= OUT=)
	@$(PY) -m infra.render --stack "$(STACK)" --out "$(OUT)"
cluster-secrets: env ## Write new values for the Secrets of stack cluster, for kubectl (OUT=FILE)
	@$(PY) -m infra.self_hosted.secrets_file --out "$(OUT)"
policies: env ## Hold the policies against every stack on Kubernetes
	@$(PY) -m infra.policies
scan: env ## Validate and scan the rendered Kubernetes objects of every stack on Kubernetes
	@$(PY) -m infra.scanning
preflight: env ## Say what would fail before a cloud stack is brought up (STACK= JSON=1)
	@$(PY) -m infra.operations.preflight --stack "$(STACK)" $(if $(JSON),--json)
teardown: env ## Drain and destroy a cloud stack, and look for what is left (STACK=)
	@$(PY) -m infra.operations.teardown --stack "$(STACK)"
sweep: env ## List what a cloud stack left behind, with its monthly cost (STACK=)
	@$(PY) -m infra.operations.sweep --stack "$(STACK)"
pause: env ## Take everything down that costs by the hour; data stays (STACK=)
	@$(PY) -m infra.operations.pause --stack "$(STACK)"
resume: env ## Bring a paused cloud stack back with its data (STACK=)
	@$(PY) -m infra.operations.resume --stack "$(STACK)"
repository: env ## Show what GitHub would have to be set to, or set it (REPOSITORY=owner/name APPLY=1)
	@$(PY) -m infra.repository --repository "$(REPOSITORY)" $(if $(APPLY),--apply)
codeowners: env ## Write .github/CODEOWNERS for an organization (OWNER=)
	@$(PY) -m infra.repository.codeowners --owner "$(OWNER)"
changelog: env ## Show what the next release's notes say, or write them (VERSION=)
	@$(PY) -m towncrier build --version "$(if $(VERSION),$(VERSION),unreleased)" $(if $(VERSION),--yes,--draft)
hooks: env ## Have git check what is committed and pushed from this clone
	@$(PY) -m pre_commit install --hook-type pre-commit --hook-type pre-push
