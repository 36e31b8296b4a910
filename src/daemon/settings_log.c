#include "settings_log.h"

#include <stdio.h>

#include "dsp/core/base/text.h"
#include "dsp/core/base/version.h"
#include "dsp/host/listening_sockets.h"
#include "dsp/system/log.h"
#include "sandbox.h"

void log_settings(const struct snapshot *s)
{
	const struct config *c = s->config;
	char text[900];
	struct line l;

	if (c->policy.broken[0]) {
		log_line("%s: denies every request; listens on %s", DSP_VERSION, c->socket);
		return;
	}
	line_init(&l, text, sizeof(text));
	for (size_t i = 0; i < FLAG_COUNT; i++) {
		if (c->settings.flags[i] != SETTING_UNSET)
			line_add(&l, ", %s=%d", flag_at(i)->name,
				c->settings.flags[i] == SETTING_ON);
	}
	if (c->settings.names[0])
		line_add(&l, ", DSP_NAME=%s", c->settings.names);
	if (c->rules)
		line_add(&l, ", %zu rules of %s (%.14s)", c->rules->count, c->findings.file,
			c->digest);
	if (s->generation > 1)
		line_add(&l, ", generation %u", s->generation);
	if (c->policy.mounts_invisible)
		line_add(
			&l, "; managed plugin: user %d, cannot see mount sources", (int)SANDBOX_ID);
	log_line("%s: profile %s%s%s; listens on %s", DSP_VERSION,
		profile_info(c->policy.profile)->name, text, l.cut ? ", ..." : "", c->socket);
	if (c->policy.monitor)
		log_line("MONITOR MODE: dspd logs denials, and allows the requests");
}

/* The loop writes these lines: a large file may have one for each of its rules. */
static void log_findings(const struct findings *findings)
{
	enum { MOST = 20 };
	size_t warnings = 0;

	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *f = &findings->items[i];

		if (f->warning && warnings++ < MOST)
			log_line("notice: %s:%zu:%zu: %s", findings->file, f->line, f->column,
				f->text);
	}
	if (warnings > MOST)
		log_line("notice: %s has %zu more warnings; `dsp check %s` lists them all",
			findings->file, warnings - MOST, findings->file);
}

void log_notices(const struct config *c)
{
	struct span rest = span_of(c->settings.notices);

	while (rest.n > 0) {
		size_t n = span_find(rest, '\n');

		log_line("notice: %.*s", (int)n, rest.s);
		rest = span_after(rest, n < rest.n ? n + 1 : n);
	}
	log_findings(&c->findings);
}

void log_host_view(bool sees_all)
{
	if (!sees_all)
		log_line("notice: without CAP_DAC_READ_SEARCH dspd cannot see mount sources in "
			 "directories that are closed to its user: each counts as every power that "
			 "is closed");
	switch (listening_sockets_access(1)) {
	case LISTENING_KNOWN:
		break;
	case LISTENING_GUESSED:
		log_line(
			"notice: dspd cannot see which sockets are dockerd's: each socket on which "
			"root listens counts as docker_socket");
		break;
	case LISTENING_UNKNOWN:
		log_line(
			"notice: dspd cannot see any listening sockets: each mounted directory counts "
			"as docker_socket, except in profile guard");
		break;
	}
}

void write_state_line(const struct snapshot *s, const char *trouble, char *out, size_t room)
{
	const struct policy *p = &s->config->policy;
	struct line l;

	line_init(&l, out, room);
	if (p->broken[0])
		line_add(&l, "BROKEN SETTINGS, dsp denies every request: %s", p->broken);
	else
		line_add(&l, "%sprofile %s, generation %u, %s", p->monitor ? "MONITOR MODE: " : "",
			profile_info(p->profile)->name, s->generation,
			p->monitor ? "denials are only logged" : "enforcing");
	if (trouble) {
		line_add(&l, "; the last reload failed: ");
		line_add_cut(&l, span_of(trouble));
	}
}
