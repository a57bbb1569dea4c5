# `make demo` and `make test` need nothing but a Rust toolchain: they install what is missing and build.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

TARGET := $(or $(CARGO_TARGET_DIR),target)
# Reference networks for the acceptance tests: not part of the project.
DATA ?= ../shared/data
TOOLS := $(TARGET)/tools
# How many seeds of the simulated cluster `make simulate` lives, and from which on.
SEEDS ?= 10000
FROM ?= 0

# Tests that start processes take the binaries of the same build.
export NETPLANNER_BIN_DIR = $(abspath $(TARGET))/debug

.PHONY: help setup demo test simulate chaos check check-deep fmt clippy doc deny kubernetes acceptance bench bench-publish bench-recovery bench-physics build-debug build-release

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: ## install what building and running need, if it is missing
	@scripts/setup

# one selection of packages for all that runs optimised: another would build their dependencies anew
build-release: setup
	cargo build --release --locked -p coordinator -p worker -p cli -p bench

build-debug: setup
	cargo build --locked --workspace --all-targets

demo: build-release ## start a private cluster, plan a sample network, show the result
	@$(TARGET)/release/netplanner demo

test: build-debug ## run every test
	cargo test --locked --workspace

chaos: build-debug ## kill, freeze and cut off real processes in networks of their own, every case, as root (minutes)
	NETPLANNER_CHAOS=required cargo test --locked -p testkit --test chaos -- --include-ignored --nocapture

simulate: setup ## live SEEDS=10000 seeds of the simulated cluster, or tell the story of one: SEED=n
	@cargo build --locked -p testkit --bin simulate
	@$(TARGET)/debug/simulate $(if $(SEED),seed $(SEED),seeds $(SEEDS) $(FROM))

check: setup fmt clippy doc deny kubernetes ## format, lints, docs, dependencies, manifests

check-deep: ## run the fuzz targets of the importers, a minute each (installs a nightly compiler and cargo-fuzz)
	@scripts/fuzz

fmt:
	cargo fmt --all --check

clippy:
	cargo clippy --locked --workspace --all-targets -- -D warnings

doc: # private items are documented too, so links to them hold
	RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" cargo doc --locked --workspace --no-deps --document-private-items

deny: # the table of dependencies, licences, bans and sources; advisories where cargo-deny and its database are there
	cargo test --locked -p testkit --test dependencies
	@if cargo deny --version >/dev/null 2>&1; then cargo deny --locked check; \
	else echo "cargo-deny is not installed: its advisories are not checked (cargo install --locked cargo-deny)"; fi

kubernetes: # the manifests render and are valid
	@TOOLS=$(TOOLS) scripts/check-kubernetes

acceptance: build-debug ## run the tests against the reference networks in $(DATA)
	@test -d "$(DATA)" || { echo "no reference data at $(DATA): set DATA=<folder>"; exit 1; }
	NETPLANNER_TEST_DATA="$(abspath $(DATA))" cargo test --locked --workspace acceptance_ -- --ignored --test-threads=1

# one of all, throughput, workers, latency, efficiency, memory, peers: each writes target/bench/<question>.json
QUESTION ?= all
bench: build-release ## measure the engine (QUESTION=latency for one question of it); writes target/bench/engine.json
	NETPLANNER_BIN_DIR=$(abspath $(TARGET))/release $(TARGET)/release/bench $(QUESTION)
	$(TARGET)/release/bench engine

bench-publish: ## put the figures of the last `make bench` into the README
	mkdir -p bench/figures && cp target/bench/*.json bench/figures/ && rm -f bench/figures/peers-raw.json
	$(TARGET)/release/bench table --output bench/figures --write

bench-recovery: build-release ## measure how soon others go on after a loss, as root; writes target/bench/recovery.json
	NETPLANNER_BIN_DIR=$(abspath $(TARGET))/release $(TARGET)/release/recovery --output target/bench/recovery.json

bench-physics: ## measure the physics beside GNPy's, where it can be installed; writes target/bench/physics.json
	cargo bench --locked -p optics --bench propagation
	bench/gnpy --data "$(abspath $(DATA))" --output target/bench/gnpy.json || echo "GNPy was not measured here: its published times are compared with"
	cargo bench --locked -p optics --bench physics -- --output "$(abspath target/bench/physics.json)" --gnpy "$(abspath target/bench/gnpy.json)" \
		$(if $(wildcard $(DATA)/gnpy),--data "$(abspath $(DATA))")
