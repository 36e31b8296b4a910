# Targets that test, measure and show dsp. Included by the top-level Makefile.

.PHONY: packages-run packages-check packages-long packages-daemons packages-bench packages-lint packages-plugin packages-deb
packages-run packages-check packages-long packages-daemons packages-bench packages-lint packages-plugin packages-deb: packages-%:
	tests/lab/packages.sh $*

# The sub-makes begin only when the packages are there: the compiler may be one of them.
.PHONY: run
run: packages-run
	@$(MAKE) --no-print-directory all
	tests/lab/tour.sh $(TOUR)

.PHONY: check check-long
check: packages-check
	tests/run check
check-long: packages-long
	tests/run long

# make check-daemons DAEMONS="28 29": the suites that drive a dockerd, on others than this machine's.
.PHONY: check-daemons
check-daemons: packages-daemons
	tests/daemons $(DAEMONS)

# make effects N=20000 SEED=1 DAEMON=28: what dockerd makes of random requests; tests/integration/effects.py.
.PHONY: effects
effects: $(if $(DAEMON),packages-daemons,packages-check)
	@$(MAKE) --no-print-directory all $(B)/cases/ask
	$(if $(DAEMON),programs=$$(tests/lab/daemon.sh $(DAEMON)) && export LAB_PROGRAMS="$$programs" &&) \
		EFFECTS=$(N) EFFECTS_SEED=$(SEED) tests/integration/daemon.py effects

# make test T="slow unit/paths" runs these suites, make test lists them all.
.PHONY: test
test: $(if $(T),packages-check)
	@tests/run $(T)

# --- bench: CPU time per call, against a bare server and a Go plugin ---------------------------
# make bench ROUNDS=3 SECONDS=0.5; with BENCH_STRICT=1 a figure that does not hold is an error.

BENCH := $(B)/bench/loadgen $(B)/bench/bare
$(BENCH): $(B)/bench/%: $(B)/tests/bench/%.o
	@mkdir -p $(@D)
	$(SAY) "  LINK  $@"
	$(Q)$(CC) $(LINK) -o $@ $<
BENCH_CORE := $(B)/bench/body $(B)/bench/decide
$(BENCH_CORE): $(B)/bench/%: $(B)/tests/bench/%.o $(B)/libdsp-core.a
	@mkdir -p $(@D)
	$(SAY) "  LINK  $@"
	$(Q)$(CC) $(LINK) -o $@ $^ $(LIBS)
-include $(BENCH:$(B)/bench/%=$(B)/tests/bench/%.d) $(BENCH_CORE:$(B)/bench/%=$(B)/tests/bench/%.d)

.PHONY: bench bench-plots
bench: packages-check
	@$(MAKE) --no-print-directory all $(BENCH) $(BENCH_CORE)
	tests/bench/bench.sh $(B) "$(ROUNDS)" "$(SECONDS)"

# What a call costs against the files, listeners and mounts of a host, rules, connections: SVG in build/bench/plots.
bench-plots: packages-bench
	@$(MAKE) --no-print-directory all $(BENCH) $(BENCH_CORE)
	tests/bench/plots.py $(B) $(B)/bench/plots $(ROUNDS)

# --- lint: make lint, or make lint STEP=tidy --------------------------------------------------

.PHONY: lint
lint: packages-lint
	tests/lint/lint.sh $(STEP)

# --- wire: server.c by itself, for tests/wire/server.py ----------------------------------------

$(B)/wire/echo_server: $(B)/tests/wire/echo_server.o $(ARCHIVES)
	@mkdir -p $(@D)
	$(CC) $(LINK) -o $@ $^ $(LIBS)
-include $(B)/tests/wire/echo_server.d

# --- fuzz: make fuzz T=60 (seconds for each target), or make fuzz T=600 TARGET=body -----------

FUZZ := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_PARTS := $(B)/tests/fuzz/fuzz.o $(ARCHIVES)

# With the fuzzer (clang), and with a main that runs stored inputs (any compiler).
$(FUZZ:%=$(B)/fuzz_%): $(B)/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(FUZZ_PARTS)
	$(SAY) "  LINK  $@"
	$(Q)$(CC) $(LINK) -fsanitize=fuzzer -o $@ $^ $(LIBS)
$(FUZZ:%=$(B)/replay_%): $(B)/replay_%: $(B)/tests/fuzz/fuzz_%.o $(B)/tests/fuzz/replay.o $(FUZZ_PARTS)
	$(SAY) "  LINK  $@"
	$(Q)$(CC) $(LINK) -o $@ $^ $(LIBS)

.PHONY: fuzz fuzz-targets replay-targets
fuzz-targets: $(FUZZ:%=$(B)/fuzz_%)
replay-targets: $(FUZZ:%=$(B)/replay_%)
fuzz: packages-check
	@$(MAKE) --no-print-directory CC=clang B=build/fuzz \
		SANITIZE=address,undefined,fuzzer-no-link fuzz-targets
	tests/fuzz/fuzz.sh build/fuzz "$(or $(T),60)" $(or $(TARGET),$(FUZZ))

-include $(wildcard $(B)/tests/fuzz/*.d)

# --- mutants: make mutants FILE=src/core/policy/decide.c SAMPLE=50 SECONDS=600 JOBS=2; tests/mutants/run.py ----

.PHONY: mutants
mutants: packages-check
	SAMPLE="$(SAMPLE)" SEED="$(SEED)" SECONDS="$(SECONDS)" JOBS="$(JOBS)" tests/mutants/run.py $(FILE)

# --- dockerd-parser: make dockerd-parser N=200000 SEED=1 compares with dockerd's own code in Go ------

# Debian's go, and the sources that Debian's dockerd is built from; no network.
GO := /usr/bin/go
GO_ENV := GO111MODULE=off GOPATH=/usr/share/gocode GOFLAGS= GOTOOLCHAIN=local \
	GOCACHE=$(abspath $(B))/go-cache
DOCKERD_PARSER := $(wildcard tests/dockerd-parser/*.go)

$(B)/dockerd-parser/facts: $(B)/tests/dockerd-parser/facts.o $(ARCHIVES)
	@mkdir -p $(@D)
	$(SAY) "  LINK  $@"
	$(Q)$(CC) $(LINK) -o $@ $^ $(LIBS)
$(B)/dockerd-parser/dockerd: $(DOCKERD_PARSER)
	@mkdir -p $(@D)
	$(SAY) "  GO    $@"
	$(Q)$(GO_ENV) $(GO) build -o $@ $(DOCKERD_PARSER)
-include $(B)/tests/dockerd-parser/facts.d

.PHONY: dockerd-parser
dockerd-parser: packages-check
	@$(MAKE) --no-print-directory $(B)/dockerd-parser/facts $(B)/dockerd-parser/dockerd
	$(B)/dockerd-parser/dockerd -facts $(B)/dockerd-parser/facts -n "$(or $(N),200000)" -seed "$(or $(SEED),1)"

# --- docs: the tables of README.md, the manual, config.json and policy.schema.json, made from what the program prints ---------------------------

.PHONY: docs
docs: all
	DSP=$(B)/dsp tests/docs/tables.py write
	DSP=$(B)/dsp tests/docs/manifest.py write
	DSP=$(B)/dsp tests/docs/policy_schema.py write

# --- unit: one program for each file, under the sanitizers -------------------------------------

UNIT := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*.c))
$(UNIT:%=$(B)/unit/%): $(B)/unit/%: $(B)/tests/unit/%.o $(ARCHIVES)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LINK) -o $@ $^ $(LIBS) -lcmocka
-include $(UNIT:%=$(B)/tests/unit/%.d)

.PHONY: unit
unit:
	@tests/run unit

# --- cases: what the daemon and `dsp explain` answer, asked in one process ----------------------

$(B)/cases/ask: $(B)/tests/cases/ask.o $(ARCHIVES)
	@mkdir -p $(@D)
	$(SAY) "  LINK  $@"
	$(Q)$(CC) $(LINK) -o $@ $^ $(LIBS)
-include $(B)/tests/cases/ask.d

$(B)/cases/monotone: $(B)/tests/cases/monotone.o $(ARCHIVES)
	@mkdir -p $(@D)
	$(SAY) "  LINK  $@"
	$(Q)$(CC) $(LINK) -o $@ $^ $(LIBS)
-include $(B)/tests/cases/monotone.d

# --- faults: look-ups in which a system call fails ----------------------------------------------

FAULTS := open openat __open_2 __openat_2 fstat stat fstatat fstatfs statx readlink readlinkat lseek poll read opendir readdir \
	inotify_init1 inotify_add_watch
$(B)/faults/lookups: $(B)/tests/faults/lookups.o $(ARCHIVES)
	@mkdir -p $(@D)
	$(SAY) "  LINK  $@"
	$(Q)$(CC) $(LINK) $(FAULTS:%=-Wl,--wrap=%) -o $@ $^ $(LIBS)
-include $(B)/tests/faults/lookups.d
