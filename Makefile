# make help

CARGO ?= cargo
.DEFAULT_GOAL := help
.PHONY: instructions hosts soak limits sim captures help demo build test lint deny packages bench goodput conformance model fuzz

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Kill a route processor twice under a real BGP peer, and hear what the peer has to say (under a minute once built)
	@scripts/packages --demo
	$(CARGO) build --release --locked --bins
	target/release/bgp-demo demo

build: ## Build the binaries, optimised, into target/release
	$(CARGO) build --release --locked --bins

test: instructions ## Run all tests; those with real daemons and devices want root and `make packages`
	$(CARGO) build --workspace --locked --bins
	$(CARGO) test --workspace --locked --no-fail-fast
	$(CARGO) test -p tcp-ha-tests --locked --features schema-v2 --test upgrade --test golden --test seeds
	$(CARGO) test -p tcp-ha-tests --locked --features schema-v2 --test every_cut upgrade

lint: ## Formatting, clippy and documentation, all warnings being errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --locked --no-deps --document-private-items

conformance: ## Run packetdrill's scripts: make conformance PACKETDRILL=program SCRIPTS=directory
	$(CARGO) build --locked --package tcp-ha-packetdrill --features interpose
	@scripts/conformance $(PACKETDRILL) $(SCRIPTS)

deny: ## Licences, banned crates, sources and advisories of the dependencies
	@scripts/deny

sim: ## A million simulated lives of a pair, then every planted fault (half an hour on two free cores)
	$(CARGO) run --profile sim --locked -p tcp-ha-tests --bin sim -- --seeds 1000000
	$(CARGO) run --release --locked -p tcp-ha-tests --features planted --bin sim -- --planted all --seeds 100000

soak: ## A thousand failovers in a row, kills and hangs, under BIRD and FRR in turn, and what the survivors use (root; ten minutes)
	@scripts/packages
	$(CARGO) build --release --locked --bins
	target/release/bgp-demo soak --rounds 1000 --report target/soak.json

hosts: ## Two hosts and three etcds as namespaces: 200 cuts of cables, hosts, etcd and actives, 20 silences (root; five minutes)
	@scripts/packages
	$(CARGO) build --release --locked --bins
	target/release/bgp-demo lab --hosts --rounds 200 --silences 20 --sessions 2 --heartbeat-ms 20 --misses 3 --hold-limit-ms 150 \
		--moment-ms 600 --churn-ms 100 --report target/hosts.json

limits: ## Heartbeats: how fast a hang is found and how often a living active is taken for dead, idle and loaded (root; half an hour)
	$(CARGO) build --release --locked --bins
	target/release/bgp-demo limits

goodput: ## Bulk transfer through loss, ours beside the kernel's, as ratios (root; six minutes)
	$(CARGO) build --release --locked -p tcp-ha-bench
	target/release/goodput --loss 1,5 --rounds 5 --seconds 8

bench: ## Everything measured side by side, rounds in turn, into target/bench.json and target/bench.md (root; under 25 minutes)
	@scripts/packages
	$(CARGO) build --release --locked -p tcp-ha-bench -p active-rp -p standby-rp --bins
	$(CARGO) build --release --locked -p tcp-ha-bench --examples
	target/release/bench

instructions: ## Instructions of the hot paths under callgrind, beside those in bench/instructions.txt (a minute once built)
	$(CARGO) build --release --locked -p tcp-ha-bench --bin instructions
	target/release/instructions

model: ## Check the protocol of gate, register and takeover in every state that a small world can reach (ten minutes, 4 GiB)
	$(CARGO) run --release --locked -p tcp-ha-model

MINUTES ?= 10

fuzz: ## Fuzz all targets, guided by coverage, for MINUTES=10 together
	@scripts/fuzz --minutes $(MINUTES)

packages: ## Install the Debian packages that the tests and the demonstration use
	@scripts/packages

captures: ## Make the captures of other people's TCPs anew (root; real daemons in namespaces)
	$(CARGO) build --locked -p pcaps
	pcaps/make-captures
