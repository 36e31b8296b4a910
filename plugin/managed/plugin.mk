# The managed plugin. Included by the top-level Makefile.
#   make plugin                   build/plugin, for docker plugin create: one static program, 3.3 MB
#   make plugin ROOTFS=dynamic    the same with Debian's shared libraries, 12 MB: nothing is fetched

ROOTFS ?= static
PLUGIN := $(B)/plugin
# A directory for each version, so that a new one is not mixed up with what was built before.
MHD := $(B)/microhttpd-$(shell dpkg-query -W -f '$${Version}' libmicrohttpd-dev 2>/dev/null)/libmicrohttpd.a

$(MHD): plugin/managed/microhttpd.sh
	$(SAY) "  BUILD $@"
	@mkdir -p $(@D)
	$(Q)plugin/progress.sh "building libmicrohttpd" $(@D)/log plugin/managed/microhttpd.sh $(@D)

# SQLite could load extensions, which a static program cannot: the calls end the process.
NO_DLOPEN := $(foreach f,dlopen dlsym dlclose dlerror,-Wl,--wrap=$(f),--defsym=__wrap_$(f)=abort)

$(B)/static/dspd: $(B)/src/daemon/main.o $(B)/libdsp-daemon.a $(B)/libdsp-common.a $(B)/libdsp-core.a $(MHD)
	@mkdir -p $(@D)
	$(SAY) "  LINK  $@"
	$(Q)$(CC) $(patsubst -pie,-static-pie,$(LINK)) $(NO_DLOPEN) -o $@ $^ $(filter-out -lmicrohttpd,$(LIBS)) -lgmp -lm
$(B)/dynamic/dspd: $(B)/dspd
	@mkdir -p $(@D)
	$(Q)cp $< $@

.PHONY: plugin plugin-directory
plugin: packages-plugin
	@$(MAKE) --no-print-directory plugin-directory
	@plugin/managed/next.sh $(PLUGIN)
# upgrade.sh asks with the tool.
plugin-directory: $(B)/$(ROOTFS)/dspd $(B)/dsp config.json
	$(SAY) "  MAKE  $(PLUGIN)"
	$(Q)plugin/managed/rootfs.sh $< $(PLUGIN)/rootfs
	$(Q)cp config.json $(PLUGIN)/config.json
