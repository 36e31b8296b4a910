# Targets that test, measure and show dsp. Included by the top-level Makefile.

.PHONY: packages-run packages-check packages-lint
packages-run packages-check packages-lint: packages-%:
	tests/lab/packages.sh $*

# The sub-makes begin only when the packages are there: the compiler may be one of them.
.PHONY: run
run: packages-run
	@$(MAKE) --no-print-directory all
	tests/lab/tour.sh $(TOUR)

.PHONY: check check-long
check: packages-check
	@$(MAKE) --no-print-directory all
	tests/run check
check-long: packages-check
	@$(MAKE) --no-print-directory all
	tests/run long

# --- bench: CPU time per call, against a bare server and a Go plugin ---------------------------
# make bench ROUNDS=3 SECONDS=0.5; with BENCH_STRICT=1 a figure that does not hold is an error.

BENCH := $(B)/bench/loadgen $(B)/bench/bare
$(BENCH): $(B)/bench/%: tests/bench/%.c Makefile tests/tests.mk
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LINK) -o $@ $<

.PHONY: bench
bench: packages-check
	@$(MAKE) --no-print-directory all $(BENCH)
	tests/bench/bench.sh $(B) "$(ROUNDS)" "$(SECONDS)"

# --- lint: make lint, or make lint STEP=tidy --------------------------------------------------

.PHONY: lint
lint: packages-lint
	tests/lint/lint.sh $(STEP)

# --- wire: server.c by itself, for tests/wire/server.py ----------------------------------------

$(B)/wire/echo_server: $(B)/tests/wire/echo_server.o $(B)/libdsp-core.a \
	$(patsubst %,$(B)/src/daemon/%.o,server peers intake process log)
	@mkdir -p $(@D)
	$(CC) $(LINK) -o $@ $(filter %.o,$^) $(B)/libdsp-core.a $(LIBS)
-include $(B)/tests/wire/echo_server.d
