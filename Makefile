# dsp, a Docker authorization plugin.
#
#   sudo make run          start a private dockerd with dsp, show a short tour, then give you a shell
#   sudo make check        run all tests (make test lists them; make test T=NAME runs one)
#   sudo make check-daemons    run those with a dockerd on versions 26, 28 and 29 (DAEMONS="28 29")
#   make                   build build/dspd, build/dsp, build/dsp-resolve, build/dsp-gate, the manual and all that an installation ships
#   sudo make install      install it (see plugin/install.mk); sudo make uninstall removes it
#   make deb               build the Debian package
#   make plugin            build build/plugin, for docker plugin create
#
#   make unit              build and run the unit tests, with ASan and UBSan
#   make lint              check the sources (make lint STEP=format runs one step)
#   make format            format the C sources with clang-format
#   make debug             build build/debug/dspd and build/debug/dsp for a debugger (-Og -g3)
#   make compile_commands.json   write build/compile_commands.json for editors and clangd
#   make docs              renew the generated tables of the documents
#   make fuzz T=60         fuzz each parser for 60 seconds (TARGET=body: one of them)
#   make mutants SAMPLE=50 change one thing at a time in the core: which change does no test notice? (FILE=src/core/...)
#   make bench             measure the cost of a call
#   make help              print this
#
# Variables: CC, AWK; CFLAGS and LDFLAGS (added last), SANITIZE (as in -fsanitize=), B (the build
# directory), V=1 (show the commands), and those of plugin/install.mk.

CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
AWK ?= awk
B ?= build
SANITIZE ?=
VERSION := $(shell sed -n 's/^.define DSP_VERSION "\(.*\)"/\1/p' include/dsp/core/base/version.h)

# make -s prints nothing but what is wrong.
Q := $(if $(V),,@)
SAY := @$(if $(V)$(findstring s,$(filter-out --%,$(firstword -$(MAKEFLAGS)))),:,echo)

# --- flags -------------------------------------------------------------------------------------

W_COMMON := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wformat=2 -Wstrict-prototypes \
	-Wmissing-prototypes -Wmissing-declarations -Wold-style-definition -Wredundant-decls -Wnested-externs \
	-Wundef -Wvla -Walloca -Wcast-qual -Wcast-align -Wpointer-arith -Wwrite-strings -Wnull-dereference \
	-Wimplicit-fallthrough -Wswitch-enum -Wfloat-equal -Wdouble-promotion -Wunused-macros -Wdate-time \
	-Wmissing-noreturn -Wmissing-format-attribute -Wframe-larger-than=4096 -Wbad-function-cast
W_GCC := -Wformat-signedness -Wformat-overflow=2 -Wformat-truncation=2 -Walloc-zero -Wcast-align=strict \
	-Wimplicit-fallthrough=5 -Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wrestrict \
	-Wstringop-overflow=4 -Warray-bounds=2 -Warith-conversion -Wshift-overflow=2 -Wstack-usage=8192 \
	-Wtrampolines -Wbidi-chars=any -Wjump-misses-init -Wuse-after-free=3 -Wdangling-pointer=2 \
	-Wsuggest-attribute=noreturn -Wsuggest-attribute=format
W_CLANG := -Wcomma -Wconditional-uninitialized -Wunreachable-code-aggressive -Wassign-enum -Wcast-function-type \
	-Wshorten-64-to-32 -Wmissing-variable-declarations -Wthread-safety -Wloop-analysis \
	-Wtautological-constant-in-range-compare -Wheader-hygiene -Wover-aligned
H_COMMON := -fstack-protector-strong -fcf-protection=full -fPIE -fno-delete-null-pointer-checks \
	-fno-strict-overflow -fno-strict-aliasing -fno-common -fno-plt -fvisibility=hidden \
	-ffunction-sections -fdata-sections
H_FORTIFY := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-clash-protection
H_GCC := -ftrivial-auto-var-init=zero -fzero-call-used-regs=used-gpr
H_CLANG := -ftrivial-auto-var-init=pattern
L_HARDEN := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,nodlopen,-z,separate-code,-z,defs,-z,text,-z,pack-relative-relocs \
	-Wl,--as-needed -Wl,--no-copy-dt-needed-entries -Wl,--warn-execstack -Wl,--fatal-warnings -Wl,--gc-sections

# Compilers differ in what they know: keep of a list what this one takes.
cc-option = $(shell $(CC) -Werror $(1) -x c -c /dev/null -o /dev/null 2>/dev/null && echo $(1))
IS_CLANG := $(shell $(CC) --version 2>/dev/null | grep -c clang)
ifeq ($(IS_CLANG),0)
FLAGS_CC := $(W_GCC) $(H_GCC)
else
FLAGS_CC := $(W_CLANG) $(H_CLANG)
endif

FLAGS := -std=c17 -D_GNU_SOURCE -Iinclude -I$(B)/gen -O2 -g -Werror $(W_COMMON) $(H_COMMON)
LIBS := -lmicrohttpd -ljansson -lb64 -lhogweed -lnettle -lseccomp -lsqlite3 -pthread
# dsp import alone reads YAML.
TOOL_LIBS := -lyaml
ifeq ($(SANITIZE),)
FLAGS += $(H_FORTIFY)
LINK := $(L_HARDEN)
else
# Sanitizers check at run time what fortification replaces, and cost stack of their own.
FLAGS += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer \
	-Wno-frame-larger-than
FLAGS_CC += -Wno-stack-usage
LINK := -pie -fsanitize=$(SANITIZE)
endif
ALL_CFLAGS = $(call flags)
flags = $(eval flags := $(FLAGS) $(foreach f,$(FLAGS_CC),$(call cc-option,$(f))) $(CFLAGS))$(flags)

# --- the program -------------------------------------------------------------------------------

TABLES := routes powers flags proxies fields power_rules metrics meanings versions policy_keys require \
	profiles profile_require
GEN := $(TABLES:%=$(B)/gen/%_tab.h) $(B)/gen/report_css.h
.SECONDARY: $(GEN)
# The rooms of src/ by the program that has them: dspd decides, dsp is the tool, dsp-resolve asks
# dockerd for dspd, dsp-gate brings clients to dockerd. The core computes and does nothing else.
objects = $(patsubst %.c,$(B)/%.o,$(filter-out %/main.c,$(sort $(wildcard $(1:%=src/%/*.c)))))
CORE := $(call objects,core/base core/parse core/facts core/policy core/record)
COMMON := $(call objects,system protocol host config audit owners)
DSPD := $(call objects,daemon)
TOOL := $(call objects,dockerd explain doctor learn report cli)
RESOLVE := $(call objects,resolve)
GATE := $(call objects,gate)
# Only libraries call them (src/daemon/no_tls.c), and the linker cannot see that.
NO_TLS := _gnutls_global_init_skip gnutls_global_init gnutls_global_deinit
MAINS := $(B)/src/daemon/main.o $(B)/src/cli/main.o $(B)/src/resolve/main.o $(B)/src/gate/main.o

.PHONY: all tables
all: $(B)/dspd $(B)/dsp $(B)/dsp-resolve $(B)/dsp-gate
tables: $(GEN)

$(B)/dspd: $(B)/src/daemon/main.o $(B)/libdsp-daemon.a $(B)/libdsp-common.a $(B)/libdsp-core.a
$(B)/dspd: LINK += $(NO_TLS:%=-Wl,--undefined=%,--export-dynamic-symbol=%)
$(B)/dsp: $(B)/src/cli/main.o $(B)/libdsp-tool.a $(B)/libdsp-common.a $(B)/libdsp-core.a
$(B)/dsp: LIBS += $(TOOL_LIBS)
$(B)/dsp-resolve: $(B)/src/resolve/main.o $(B)/libdsp-resolve.a $(B)/libdsp-common.a $(B)/libdsp-core.a
$(B)/dsp-gate: $(B)/src/gate/main.o $(B)/libdsp-gate.a $(B)/libdsp-common.a $(B)/libdsp-core.a
$(B)/dsp-resolve $(B)/dsp-gate: LIBS := -lseccomp
$(B)/dspd $(B)/dsp $(B)/dsp-resolve $(B)/dsp-gate:
	$(SAY) "  LINK  $@"
	$(Q)$(CC) $(LINK) $(LDFLAGS) -o $@ $^ $(LIBS)

# From an archive the linker takes only what a program needs: a test links all of them.
$(B)/libdsp-core.a: $(CORE)
$(B)/libdsp-common.a: $(COMMON)
$(B)/libdsp-daemon.a: $(DSPD)
$(B)/libdsp-tool.a: $(TOOL)
$(B)/libdsp-resolve.a: $(RESOLVE)
$(B)/libdsp-gate.a: $(GATE)
ARCHIVES := $(patsubst %,$(B)/libdsp-%.a,tool daemon resolve gate common core)
$(B)/%.a:
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

# What the compiler must find, said in one line and not in a hundred.
HEADERS := microhttpd.h jansson.h b64/cdecode.h nettle/sha2.h seccomp.h sqlite3.h yaml.h
$(B)/gen/found:
	@mkdir -p $(@D)
	@printf '\#include <%s>\n' $(HEADERS) | $(CC) -E -x c - > /dev/null 2> $@.why || { cat $@.why >&2; \
		echo "A compiler or a library is missing. On Debian: apt-get install" \
			"$$(sed -n "s/^build='\(.*\)'/\1/p" tests/lab/packages.sh)" >&2; exit 1; }
	@mv $@.why $@

# The generated headers must only be there before the first compilation; from then on the compiler's
# own list (-MMD) knows which object needs which. Tests may also include a room's private headers.
$(B)/%.o: %.c Makefile | $(GEN) $(B)/gen/found
	@mkdir -p $(@D)
	$(SAY) "  CC    $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(if $(filter tests/%,$<),-Isrc) -MMD -MP -c -o $@ $<

$(B)/gen/%_tab.h: src/core/tables/%.tab src/core/tables/tables.awk
	@mkdir -p $(@D)
	$(Q)$(AWK) -v table=$* -f src/core/tables/tables.awk $< > $@.new
	$(Q)mv $@.new $@

# As the text of a C string, one for each line.
$(B)/gen/report_css.h: src/report/report.css
	@mkdir -p $(@D)
	$(Q)$(AWK) '{ gsub(/[\\"]/, "\\\\&"); sub(/^\t+/, ""); print "\"" $$0 "\\n\"," }' $< > $@.new
	$(Q)mv $@.new $@

-include $(patsubst %.o,%.d,$(CORE) $(COMMON) $(DSPD) $(TOOL) $(RESOLVE) $(GATE) $(MAINS))

# --- for the people who work on it ---------------------------------------------------------------

.PHONY: help format debug compile_commands.json clean
help:
	@sed -n '3,/^$$/s/^# \{0,1\}//p' Makefile
format:
	clang-format -i $$(git ls-files '*.[ch]')
debug:
	@$(MAKE) --no-print-directory B=build/debug CFLAGS="-Og -g3 $(CFLAGS)" build/debug/dspd build/debug/dsp build/debug/dsp-resolve build/debug/dsp-gate
clean:
	rm -rf build

# An entry for each source that git knows, with the flags that it is compiled with.
compile_commands.json: $(GEN)
	@for file in $$(git ls-files '*.c'); do \
		case $$file in tests/*) more=-Isrc ;; *) more= ;; esac; \
		printf '{ "directory": "%s", "file": "%s", "command": "%s" },\n' "$(CURDIR)" "$$file" \
			'$(CC) $(ALL_CFLAGS)'" $$more -c $$file"; \
	done | sed '1s/^/[\n/; $$s/,$$/\n]/' > $(B)/compile_commands.json

include plugin/managed/plugin.mk
include plugin/install.mk
include tests/tests.mk
