# What a person types. PROFILE=production adds TorchSharp, EventStoreDB's client and prometheus-net (design.md, section 6).
PROFILE ?= embedded
ARGS ?=
dotnet_options := -c Release -p:Profile=$(PROFILE) -v quiet --nologo

export DOTNET_NOLOGO := 1
export DOTNET_CLI_TELEMETRY_OPTOUT := 1
export MSBUILDDISABLENODEREUSE := 1   # Build nodes that stay behind keep pipes open and memory taken.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo build run test simulate bench soak chaos format clean librdkafka

help:                 ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## */\1\t/p' $(MAKEFILE_LIST) | expand -t 10
	@echo "PROFILE=production builds with the GPU, EventStoreDB and prometheus-net; embedded is the default."

demo: build           ## build, then show the whole thing at work: artifacts/driftwatch demo
	@artifacts/driftwatch demo $(ARGS)

# Code that is compiled ahead starts sooner; its compiler is a package that not every registry has.
ready_to_run = $(if $(filter embedded,$(PROFILE)),$(shell dotnet restore src/Daemon -p:Profile=embedded -p:ReadyToRun=true -v quiet >/dev/null 2>&1 && echo -p:ReadyToRun=true))

built := artifacts/.built-$(PROFILE)

build: librdkafka $(built)   ## leave a runnable artifacts/driftwatch

run: build            ## artifacts/driftwatch ARGS, as in make run ARGS="run --config dw.yaml"
	@artifacts/driftwatch $(ARGS)

test:                  ## build everything in Release and run every test; ARGS go to the test runner
	@PROFILE=$(PROFILE) eng/test $(ARGS)

simulate: librdkafka  ## crashes, outages and rebalances by seed: ARGS="--seeds 100000" tries many, ARGS="--seed 17" repeats one
	@PROFILE=$(PROFILE) eng/simulate $(ARGS)

bench: librdkafka     ## run the benchmarks; ARGS="encode" picks one
	dotnet run --project tests/Benchmarks -c Release -p:Profile=$(PROFILE) -- $(or $(ARGS),encode)

soak: build           ## one daemon under full load on a real Kafka: memory, speed, every row; ARGS="60" minutes
	dotnet run --project tests/Benchmarks -c Release -- soak $(ARGS)

chaos: build          ## three daemons on a real Kafka and PostgreSQL, killed while messages are sent; ARGS="--kills 200"
	dotnet run --project tests/Chaos -c Release -- $(ARGS)

format: librdkafka    ## dotnet format
	dotnet format DriftWatch.sln $(ARGS)

clean:                ## remove what was built; librdkafka stays in its cache
	rm -rf artifacts src/*/bin src/*/obj tests/*/bin tests/*/obj

librdkafka:
	@eng/librdkafka

# Folders are inputs too, so that a deleted file is noticed. The stamp's time is the build's start: a file saved meanwhile is built next time.
inputs := $(shell find src eng Directory.*.props global.json .editorconfig BannedSymbols.txt \( -name bin -o -name obj \) -prune -o -print)

$(built): $(inputs)
	@mkdir -p artifacts $(foreach project,$(wildcard src/*/),$(project)bin $(project)obj)
	@$(if $(filter-out $@,$(wildcard artifacts/.built-*)),rm -rf artifacts/app)
	@touch artifacts/.start
	dotnet publish src/Daemon -o artifacts/app $(dotnet_options) $(ready_to_run)
	@install -m 755 eng/launch artifacts/driftwatch
	@rm -f artifacts/.built-* && mv artifacts/.start $@
