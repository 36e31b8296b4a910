# What an installation ships, and its ways in: make install, make uninstall, make deb. Included by the top-level
# Makefile.
#
#   make install prefix=/usr DESTDIR=/tmp/stage
#   make deb                      build/deb/dsp_VERSION_ARCHITECTURE.deb
#
# The directories, which one may set. /etc/dsp stays where it is: it is one of the places that dsp
# itself guards. Of unitdir systemd reads /usr/local/lib/systemd/system and /usr/lib/systemd/system.

prefix := /usr/local
bindir := $(prefix)/bin
datadir := $(prefix)/share
mandir := $(datadir)/man
docdir := $(datadir)/doc/dsp
unitdir := $(prefix)/lib/systemd/system
sysusersdir := $(prefix)/lib/sysusers.d
privatedir := $(prefix)/lib/dsp
bashdir := $(datadir)/bash-completion/completions
zshdir := $(datadir)/zsh/site-functions
fishdir := $(datadir)/fish/vendor_completions.d
# What was installed, for make uninstall; "-": keep no record (a package has its own).
RECORD := $(privatedir)/installed
DOCUMENTS := README.md SECURITY.md CHANGELOG.md

SHIP := $(B)/ship
MAN := $(B)/man
PAGES := $(patsubst plugin/man/%.md,%,$(wildcard plugin/man/*.md))
UNITS := $(notdir $(wildcard $(addprefix plugin/systemd/*.,socket service timer)))
SHELLS := bash zsh fish
SHIPPED := $(UNITS:%=$(SHIP)/%) $(SHELLS:%=$(SHIP)/dsp.%) $(SHIP)/dsp.env

# The program is built without the converter of the manual; an installation needs it.
.PHONY: shipped manual
all: shipped $(if $(shell command -v lowdown),manual)
shipped: $(SHIPPED)
manual: $(PAGES:%=$(MAN)/%)

# What the program says of itself, for the completions and the tables of the documents.
$(SHIP)/program.tsv: $(B)/dsp $(B)/dspd plugin/program.awk
	@mkdir -p $(@D)
	$(Q)$(AWK) -v program=$(B)/dsp -f plugin/program.awk > $@.new
	$(Q)mv $@.new $@

# The first line of a page is its title, as a code host shows it. A page has the date of its version, by Debian's changelog,
# which lies in debian/ while a package is built.
LOWDOWN := lowdown -s -Tman --nroff-nolinks --out-no-smarty $(addprefix --parse-no-,deflists metadata super footnotes intraemph)
CHANGES := $(wildcard plugin/debian/changelog debian/changelog)
PAGE_DATE = $(shell sed -n 's/^ -- .*>  //p;T;q' $(CHANGES))
$(MAN)/%: plugin/man/%.md plugin/man/tidy.awk $(CHANGES) include/dsp/core/base/version.h
	@command -v lowdown > /dev/null || { \
		echo "The manual needs lowdown. On Debian: apt-get install lowdown" >&2; exit 1; }
	@mkdir -p $(@D)
	$(Q)sed 1d $< | $(LOWDOWN) -m shiftheadinglevelby=-1 -m title=$(basename $*) -m section=$(patsubst .%,%,$(suffix $*)) \
		-m date="$$(date -u -d "$(PAGE_DATE)" +%F)" -m source="dsp $(VERSION)" -m volume="dsp manual" \
		> $@.lowdown
	$(Q)$(AWK) -f plugin/man/tidy.awk $@.lowdown > $@.new
	$(Q)rm $@.lowdown && mv $@.new $@

$(SHELLS:%=$(SHIP)/dsp.%): $(SHIP)/dsp.%: plugin/completions.awk $(SHIP)/program.tsv \
	src/core/tables/routes.tab src/core/tables/powers.tab
	$(Q)$(AWK) -v shell=$* -f $< $(filter-out $<,$^) > $@.new
	$(Q)mv $@.new $@

$(SHIP)/dsp.env: plugin/env.awk src/core/tables/flags.tab src/core/tables/powers.tab
	@mkdir -p $(@D)
	$(Q)$(AWK) -f $< $(filter-out $<,$^) > $@.new
	$(Q)mv $@.new $@

# The units name the program by the place that it is installed in, which each make may set.
$(UNITS:%=$(SHIP)/%): $(SHIP)/%: plugin/systemd/% FORCE
	@mkdir -p $(@D)
	$(Q)sed 's,/usr/bin/dsp,$(bindir)/dsp,g' $< > $@.new
	$(Q)cmp -s $@.new $@ && rm $@.new || mv $@.new $@
.PHONY: FORCE

# --- MODE:SOURCE:TARGET for install.sh ---------------------------------------------------------

in = $(foreach file,$(2),644:$(file):$(1)/$(notdir $(file)))
FILES = 755:$(B)/dspd:$(bindir)/dspd 755:$(B)/dsp:$(bindir)/dsp 755:$(B)/dsp-resolve:$(bindir)/dsp-resolve \
	755:$(B)/dsp-gate:$(bindir)/dsp-gate \
	755:plugin/named-by-docker.sh:$(privatedir)/named-by-docker.sh \
	conf:$(SHIP)/dsp.env:/etc/dsp/dsp.env conf:plugin/policy.json:/etc/dsp/policy.json \
	644:plugin/systemd/dsp.sysusers:$(sysusersdir)/dsp.conf \
	644:$(SHIP)/dsp.bash:$(bashdir)/dsp 644:$(SHIP)/dsp.zsh:$(zshdir)/_dsp \
	644:$(SHIP)/dsp.fish:$(fishdir)/dsp.fish $(call in,$(unitdir),$(UNITS:%=$(SHIP)/%)) \
	$(foreach page,$(PAGES),$(call in,$(mandir)/man$(subst .,,$(suffix $(page))),$(MAN)/$(page))) \
	$(call in,$(docdir),$(DOCUMENTS) plugin/audit.schema.json plugin/policy.schema.json \
		plugin/prometheus-rules.yml plugin/grafana-dashboard.json) \
	$(call in,$(docdir)/policies,$(wildcard plugin/policies/*)) \
	$(call in,$(docdir)/drop-ins,$(wildcard plugin/systemd/drop-ins/*))

.PHONY: install uninstall
install: all manual
	$(Q)plugin/install.sh install "$(DESTDIR)" "$(RECORD)" $(FILES)
uninstall:
	$(Q)plugin/install.sh uninstall "$(DESTDIR)" "$(RECORD)"

# A Debian package, with plugin/debian as its debian/.
.PHONY: deb
deb: packages-deb
	@mkdir -p $(B)
	@plugin/progress.sh "building the Debian package" $(B)/deb.log plugin/deb.sh $(B)/deb $(VERSION)
	@ls $(B)/deb/*.deb
