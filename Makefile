# dsp: a Docker authorization plugin.
#   sudo make run      a private dockerd with dsp in it, a short tour, and a shell's worth of play
#   sudo make check    every test
#   make               build/dsp, its manual and all that an installation ships
#   sudo make install  puts it there (plugin/install.mk); sudo make uninstall takes it away again
#   make plugin        build/plugin, for docker plugin create
# The variables that one may set: CC, CFLAGS and LDFLAGS (added last), SANITIZE (as -fsanitize=), B (build
# directory), and those of plugin/install.mk.

CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
AWK ?= awk
B ?= build
SANITIZE ?=
VERSION := 0.1.0

# V=1 shows the commands.
Q := $(if $(V),,@)
SAY := @$(if $(V),:,echo)

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
LIBS := -lmicrohttpd -ljansson -lb64 -lnettle -pthread
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

TABLES := routes powers flags proxies fields grants metrics
GEN := $(TABLES:%=$(B)/gen/%_tab.h) $(B)/gen/version.h $(B)/gen/report_css.h
.SECONDARY: $(GEN)
CORE := $(patsubst %.c,$(B)/%.o,$(sort $(wildcard src/core/*/*.c)))
MAINS := src/cli/main.c src/daemon/main.c
REST := $(patsubst %.c,$(B)/%.o,$(filter-out $(MAINS),$(sort $(wildcard src/*/*.c))))

.PHONY: all tables
all: $(B)/dspd $(B)/dsp
tables: $(GEN)

# dspd decides: core, system, host, protocol, config, audit, daemon. dsp is the tool.
$(B)/dspd: $(B)/src/daemon/main.o
$(B)/dsp: $(B)/src/cli/main.o
$(B)/dspd $(B)/dsp: $(B)/libdsp.a $(B)/libdsp-core.a
	$(SAY) "  LINK  $@"
	$(Q)$(CC) $(LINK) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS)

# From an archive the linker takes only what a program needs.
$(B)/libdsp-core.a: $(CORE)
$(B)/libdsp.a: $(REST)
$(B)/%.a:
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

# What the compiler must find, said in one line and not in a hundred.
HEADERS := microhttpd.h jansson.h b64/cdecode.h nettle/sha2.h
$(B)/gen/found:
	@mkdir -p $(@D)
	@printf '\#include <%s>\n' $(HEADERS) | $(CC) -E -x c - > /dev/null 2> $@.why || { cat $@.why >&2; \
		echo "A compiler or a library is missing. On Debian: apt-get install" \
			"$$(sed -n "s/^build='\(.*\)'/\1/p" tests/lab/packages.sh)" >&2; exit 1; }
	@mv $@.why $@

# Tests may also look at what a room keeps to itself.
$(B)/%.o: %.c $(GEN) Makefile | $(B)/gen/found
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

$(B)/gen/version.h: Makefile
	@mkdir -p $(@D)
	$(Q)echo '#define DSP_VERSION "$(VERSION)"' > $@

-include $(CORE:.o=.d) $(REST:.o=.d) $(MAINS:%.c=$(B)/%.d)

.PHONY: clean
clean:
	rm -rf build

include plugin/managed/plugin.mk
include plugin/install.mk
include tests/tests.mk
