# Every target sets up what it needs: `make test` on a fresh clone is enough. `make help` lists the targets.

PYTHON ?= python3
BIN := .venv/bin

# What several verbs take.
board = $(if $(BOARD),--board "$(BOARD)")
config = $(if $(CONFIG),--config "$(CONFIG)")
port = $(if $(PORT),--port "$(PORT)")

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile
	@echo 'ARGS="..." is handed on to what is a verb of hublink, or a simulation: `make hub ARGS=--help` tells what it takes.'

setup: ## make this machine ready; at once when it is
	@"$(PYTHON)" tools/setup_desk.py

demo: setup ## a node on this desk talks to a hub on this desk: make demo HUB=clearblade (omnicore, azure, generic)
	@$(BIN)/hublink demo $(if $(HUB),--hub "$(HUB)") $(ARGS)

test: lint ## all tests: lint, unit, MicroPython, system
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile

lint: setup ## read the code for mistakes
	$(BIN)/ruff check

unit: setup ## the tests that run on CPython alone
	$(BIN)/python -m pytest host_tests/unit

micropython: setup ## the tests that run on CPython and on MicroPython
	$(BIN)/python -m pytest host_tests/both

system: setup ## the tests with real MicroPython, brokers and certificates
	$(BIN)/python -m pytest host_tests/system

long: setup ## 10,000 messages of each QoS over 50 cuts, 1,000 connections: takes minutes
	$(BIN)/python -m pytest -s --long host_tests/system/test_long_run.py

SEEDS ?= 200
simulate: setup ## years of bad weather in virtual time: make simulate SEEDS=200, or ARGS="--seed N", "--plan FILE", "--planted", "--quiet"
	@$(BIN)/python -m host_tests.simulation --seeds $(SEEDS) $(ARGS)

MINUTES ?= 10
soak: setup ## a real node in bad weather, in real time: make soak MINUTES=60, or ARGS="--seed N"
	@$(BIN)/python -m host_tests.soak --minutes $(MINUTES) $(ARGS)

run: config-is-given setup ## run a node on this desk: make run CONFIG=config.json
	@$(BIN)/hublink run "$(CONFIG)" $(ARGS)

hub: setup ## run a hub on this desk: make hub ARGS="--dialect ... --ca ... --cert ... --key ..."
	@$(BIN)/hublink hub $(ARGS)

ca: setup ## the authority that signs devices, and those of hubs: make ca ARGS=init
	@$(BIN)/hublink ca $(ARGS)

device: setup ## devices, their keys and certificates: make device ARGS="add sensor-1 --hub scaleway ..."
	@$(BIN)/hublink device $(ARGS)

check: config-is-given setup ## check a configuration, and ask the hub: make check CONFIG=config.json ARGS=--connect
	@$(BIN)/hublink config check "$(CONFIG)" $(ARGS)

build: setup ## compile what a board needs: make build BOARD=RPI_PICO_W CONFIG=config.json
	@$(BIN)/hublink build $(board) $(config) $(ARGS)

flash: setup ## put MicroPython onto a board: make flash BOARD=RPI_PICO_W FIRMWARE=file.uf2 PORT=/dev/ttyACM0
	@$(BIN)/hublink flash $(board) $(if $(FIRMWARE),--firmware "$(FIRMWARE)") $(port) $(ARGS)

deploy: setup ## bring what was built onto a board: make deploy BOARD=RPI_PICO_W CONFIG=config.json ARGS=--with-keys
	@$(BIN)/hublink deploy $(board) $(config) $(port) $(ARGS)

repl: setup ## talk to a board
	@$(BIN)/hublink repl $(port) $(ARGS)

logs: setup ## follow what a board prints: make logs ARGS="--file sensor-1.log"
	@$(BIN)/hublink logs $(port) $(ARGS)

doctor: setup ## examine a board, for a report that one can paste
	@$(BIN)/hublink doctor $(port) $(ARGS)

watch: setup ## watch a fleet as its hub sees it: make watch CONFIG=config.json, or ARGS="--replay FILE"
	@$(BIN)/hublink watch $(config) $(ARGS)

events: setup ## follow what hubs report about a fleet: make events CONFIG=config.json, or ARGS="--webhook 8890"
	@$(BIN)/hublink events $(config) $(ARGS)

size: setup ## measure the firmware against its budgets
	@$(BIN)/hublink size $(ARGS)

bench: setup ## compare a publish with umqtt.simple and with the least that can be done
	@$(BIN)/hublink bench $(ARGS)

wear: setup ## measure what messages cost that are kept on flash
	@$(BIN)/hublink flash-cost $(ARGS)

lock: setup ## pin the Python packages anew, after a change in pyproject.toml; UPGRADE=--upgrade takes newer ones
	$(BIN)/python -m venv --clear build/lock
	build/lock/bin/python -m pip install --quiet uv
	build/lock/bin/uv pip compile --quiet --universal --generate-hashes --no-annotate --python-version 3.10 \
		--extra build --extra test --custom-compile-command "make lock" $(UPGRADE) \
		--output-file tools/requirements.lock pyproject.toml

clean: ## remove what was built, and caches
	rm -rf build .pytest_cache .ruff_cache .hypothesis
	find . -path ./.venv -prune -o -name __pycache__ -prune -exec rm -rf {} +

distclean: clean ## remove what set-up made, too
	rm -rf .venv .deps

config-is-given:
	@test -n "$(CONFIG)" || { echo "make $(MAKECMDGOALS): say which node: make $(MAKECMDGOALS) CONFIG=path/to/config.json" >&2; exit 2; }

.PHONY: help setup demo test lint unit micropython system long simulate soak run hub ca device check build flash deploy repl logs doctor watch events size bench wear lock clean distclean config-is-given
