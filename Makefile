# The entry point for people and for CI. `make help` lists the targets.
.DEFAULT_GOAL := help
.PHONY: help setup setup-run build ctl schema sim demo run test test-unit test-e2e test-versions
.PHONY: test-clients test-openapi lint golden fuzz bench bench-docs clean

help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z0-9-]+:.*## / { printf "%-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install the missing tools to build, run and test, under .tools/
	@tools/setup.sh

setup-run:
	@tools/setup.sh run

build: setup-run ## Build the filter: build/imagegate.wasm
	@tools/build.sh

ctl: ## Build the tool: build/imagegatectl
	@cargo build --profile tools --package imagegatectl --target-dir target
	@mkdir -p build && cp target/tools/imagegatectl build/.imagegatectl
	@mv build/.imagegatectl build/imagegatectl

schema: ## Write docs/configuration.schema.json, and the chart's schema of it; review the difference
	UPDATE_GOLDEN=1 cargo test --package imagegatectl --test it schema::the_committed
	UPDATE_GOLDEN=1 cargo test --package imagegatectl --test it the_schema_knows_the_configuration

sim: setup-run
	@cargo build --profile tools --package codex-sim --target-dir target

demo: build sim ## Send one request through Envoy and codex-sim, and write build/demo.png
	@tools/demo.sh

run: build sim ## Start Envoy and codex-sim, and run until ^C
	@tools/demo.sh run

# What the tests in Envoy need, built side by side.
.PHONY: test-programs rls-server
test-programs:
	@$(MAKE) --no-print-directory -j2 build sim rls-server

rls-server:
	@tools/rls-server.sh

test: setup test-programs ## Run all tests
	@tools/test.sh all

test-unit: setup-run ## Run the tests that need no Envoy: unit, golden, property, exchange, layering
	@tools/test.sh unit

test-e2e: setup test-programs ## Run the tests in a real Envoy
	@tools/test.sh e2e

# The parts that Limitador needs to count in a Redis, and the Redis.
.PHONY: setup-redis test-redis
setup-redis:
	@tools/setup.sh redis

test-redis: setup-redis build sim ## Run the tests that count in a Redis; starts one
	@tools/test-redis.sh

.PHONY: setup-ratelimit test-ratelimit
setup-ratelimit:
	@tools/setup.sh ratelimit

test-ratelimit: setup-ratelimit build ## Run the tests that envoyproxy/ratelimit counts for, in a Redis
	@tools/test-ratelimit.sh

.PHONY: test-mesh
test-mesh: setup-ratelimit build sim ## Run the manifests of deploy/ in Envoy Gateway and Istio themselves
	@tools/test-mesh.sh

.PHONY: test-helm
test-helm: ## Render the Helm chart of deploy/helm/, and compare it with the manifests
	@tools/test-helm.sh

.PHONY: setup-browser test-browser
setup-browser:
	@tools/setup.sh browser

test-browser: setup-browser build sim ## Run the tests with a page in a headless Chromium
	@tools/test-browser.sh

.PHONY: setup-nginx test-nginx setup-systemd test-systemd
setup-nginx:
	@tools/setup.sh nginx

test-nginx: setup-nginx build ## Run the tests with nginx in front of Envoy
	@tools/test-nginx.sh

setup-systemd:
	@tools/setup.sh systemd

test-systemd: setup-systemd build ctl ## Check the units in deploy/systemd/ with systemd's own parser
	@tools/test-systemd.sh

.PHONY: setup-manifests test-manifests
setup-manifests:
	@tools/setup.sh manifests

test-manifests: setup-manifests ## Check the manifests and the Helm chart against the schemas of their kinds
	@tools/test-manifests.sh

.PHONY: setup-stack test-stack
setup-stack:
	@tools/setup.sh stack

test-stack: setup-stack build sim rls-server ## Check the alerts, the dashboards and the compose file with what reads them
	@tools/test-stack.sh

test-versions: setup test-programs ## Run the tests in the other Envoys (TESTS="routes:: host_models::")
	@tools/test-versions.sh $(TESTS)

test-clients: setup build sim ## Run published clients of the API against the filter
	@tools/test.sh clients

.PHONY: test-client-go test-client-java
test-client-go: setup-run build sim ## Run OpenAI's client for Go against the filter; needs Go, or its wheel
	@tools/test.sh clients-go

test-client-java: setup-run build sim ## Run OpenAI's client for Java against the filter; needs a JDK and Maven, or Debian's
	@tools/test.sh clients-java

test-openapi: setup build sim ## Compare docs/openapi.yaml with the code and a running gate
	@tools/test.sh openapi

.PHONY: setup-lint
setup-lint:
	@tools/setup.sh lint

lint: setup-lint build ## Check format, lints, dependencies, spelling, docs, scripts, configurations
	@tools/lint.sh

.PHONY: check
check: lint test ## Run lint and test, and check that everything is committed
	@test -z "$$(git status --porcelain)" || \
	  { git status --short; echo 'The tree is not clean.'; exit 1; }

golden: ## Write the golden files again; review the difference
	UPDATE_GOLDEN=1 cargo test --test contract --test native

fuzz: ## Fuzz each target for FUZZ_SECONDS (60); installs cargo-fuzz under .tools/
	@tools/fuzz.sh

bench: build ## Measure the filter against the same bytes without it
	@benches/run.sh

bench-docs: ## Write the last figures to docs/bench.json, chart and tables; review the difference
	@benches/run.sh docs

.PHONY: testkit test-testkit
testkit: build sim ## Build imagegate and codex-sim as a Python wheel, for other people's tests
	@tools/testkit.sh

test-testkit: build sim ## Test the wheel in a virtual environment of its own
	@tools/test-testkit.sh

.PHONY: test-images
test-images: setup-stack build sim ## Build the images, and start them and the compose file in containers; needs root
	@tools/test-images.sh

.PHONY: dist test-dist
dist: setup-run ## Write a release to dist/ (COSIGN_KEY=… or SIGNING_KEY=… signs it)
	@tools/dist.sh

test-dist: build ## Test a release: same bytes in two folders, image, signatures, SBOM, the wheel
	@tools/test-dist.sh

clean: ## Remove all build results; .tools/ stays
	rm -rf build dist target
