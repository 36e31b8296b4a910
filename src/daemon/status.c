#include "status.h"

#include <jansson.h>
#include <unistd.h>

#include "dsp/core/base/text.h"
#include "dsp/core/base/version.h"
#include "grants_reply.h"
#include "metrics.h"

static json_t *probes(const struct probes *p)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < PROBES; i++) {
		if (p->nonces[i][0] == '\0')
			break;
		if (json_array_append_new(list, json_string(p->nonces[i])) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* A text of the settings or of an error: JSON holds no bytes that are not UTF-8. */
static json_t *any_text(const char *text)
{
	char escaped[1024];
	json_t *plain = json_string(text);

	if (plain)
		return plain;
	text_escape(span_of(text), escaped, sizeof(escaped));
	return json_string(escaped);
}

static const char *to_name(enum audit_to to)
{
	static const char *const names[] = { [AUDIT_TO_AUTO] = "off",
		[AUDIT_TO_NOWHERE] = "off",
		[AUDIT_TO_STDERR] = "stderr",
		[AUDIT_TO_JOURNAL] = "journal",
		[AUDIT_TO_FILE] = "file" };

	return names[to];
}

static json_t *outcomes(const struct audit_state *s)
{
	return json_pack("{s:I, s:I, s:I, s:I}", "exact", (json_int_t)s->outcomes[OUTCOME_EXACT],
		"ambiguous", (json_int_t)s->outcomes[OUTCOME_AMBIGUOUS], "unknown",
		(json_int_t)s->outcomes[OUTCOME_UNKNOWN], "unreadable",
		(json_int_t)s->outcomes[OUTCOME_UNREADABLE]);
}

static json_t *audit_log(struct audit *audit)
{
	struct audit_state s;

	if (!audit)
		return json_null();
	s = audit_state(audit);
	return json_pack("{s:s, s:o, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "to",
		to_name(s.to), "path", any_text(s.settings.path), "log",
		audit_log_name(s.settings.log), "full", audit_full_name(s.settings.full),
		"decisions", (json_int_t)s.counts.decisions, "unlogged",
		(json_int_t)s.counts.unlogged, "waiting", (json_int_t)s.counts.waiting, "written",
		(json_int_t)s.counts.written, "folded", (json_int_t)s.counts.folded, "dropped",
		(json_int_t)s.counts.dropped, "queued", (json_int_t)s.queued, "outcomes",
		outcomes(&s), "trouble", any_text(s.trouble));
}

static json_t *lookups(const struct lookup_process_state *s)
{
	if (!s)
		return json_null();
	return json_pack("{s:b, s:b, s:I, s:I, s:o}", "running", s->running, "sees_all",
		s->sees_all, "restarts", (json_int_t)s->restarts, "failures",
		(json_int_t)s->failures, "trouble", any_text(s->trouble));
}

/* The dockerd whose state was set last; what it said only while that is known. */
static json_t *resolver(const struct dockerd_facts *d, const char *path)
{
	static const struct daemon_facts nothing = { .known = false };
	const struct known_dockerd *last = dockerd_facts_last(d);
	enum dockerd_state state = last ? last->state : DOCKERD_NEW;
	const struct daemon_facts *f = state == DOCKERD_KNOWN ? &last->facts : &nothing;

	if (!d || path[0] == '\0')
		return json_null();
	return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "socket", any_text(path),
		"state", dockerd_state_name(state), "trouble", any_text(last ? last->trouble : ""),
		"version", any_text(f->version), "api_version", any_text(f->api_version),
		"default_runtime", any_text(f->default_runtime), "seccomp", any_text(f->seccomp),
		"storage_driver", any_text(f->storage_driver));
}

static json_t *owners(struct owners *all)
{
	struct owners_state s;

	if (!all)
		return json_null();
	s = owners_state(all);
	return json_pack("{s:b, s:b, s:o, s:I, s:I, s:I, s:o}", "on", s.on, "known", s.known,
		"path", any_text(s.path), "count", (json_int_t)s.count, "waiting",
		(json_int_t)s.waiting, "failures", (json_int_t)s.failures, "trouble",
		any_text(s.trouble));
}

static json_t *watched(const struct recent_decisions *recent)
{
	if (!recent)
		return json_null();
	return json_pack("{s:b, s:I, s:I}", "on", recent_decisions_active(recent), "bytes",
		(json_int_t)recent_decisions_bytes(recent), "decisions",
		(json_int_t)recent->decisions);
}

/* --- flags -------------------------------------------------------------------------------------*/

static const char *source_of(const struct config *c, size_t flag)
{
	switch (config_flag_source(c, flag)) {
	case CONFIG_ENVIRONMENT:
		return "environment";
	case CONFIG_ENV_FILE:
		return "env file";
	case CONFIG_POLICY_FILE:
		return "policy file";
	case CONFIG_NOWHERE:
		break;
	}
	return NULL;
}

static const char *value_of(const struct config *c, size_t flag, char *out, size_t cap)
{
	const struct settings *s = &c->settings;

	if (s->given[flag].n > 0) {
		text_copy(s->given[flag], out, cap);
		return out;
	}
	if (flag == flag_find(SPAN("DSP_PROFILE")))
		return profile_info(c->policy.profile)->name;
	if (flag == flag_find(SPAN("DSP_MODE")))
		return c->policy.monitor ? "monitor" : "enforce";
	if (flag == flag_find(SPAN("DSP_DENIALS")))
		return c->policy.short_denials ? "short" : "full";
	return s->flags[flag] == SETTING_ON ? "1" : "0";
}

/* What is set, in the order of flags.tab. Of broken settings nothing is in force. */
static json_t *flags(const struct config *c)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < FLAG_COUNT && c->policy.broken[0] == '\0'; i++) {
		const char *source = source_of(c, i);
		char text[512];

		if (source &&
			json_array_append_new(list,
				json_pack("{s:s, s:o, s:s}", "flag", flag_at(i)->name, "value",
					any_text(value_of(c, i, text, sizeof(text))), "source",
					source)) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* monitored: those allowed ones that are denied without monitor mode. */
static json_t *counts(const struct metrics *m)
{
	json_int_t allowed = 0;
	json_int_t denied = 0;

	for (size_t i = 0; m && i < OPERATION_COUNT + 2; i++) {
		allowed += (json_int_t)m->operations[i][METRICS_ALLOW];
		denied += (json_int_t)m->operations[i][METRICS_DENY];
	}
	return json_pack("{s:I, s:I, s:I}", "allowed", allowed, "denied", denied, "monitored",
		m ? (json_int_t)m->would_deny : 0);
}

char *status_write(const struct state_view *view)
{
	const struct config *c = view->snapshot->config;
	const struct policy *p = &c->policy;
	size_t rules = p->file_rules ? p->file_rules->count : 0;
	const struct metrics *m = view->sinks->metrics;
	json_int_t last = m ? (json_int_t)(m->last_us / 1000000) : 0;
	json_int_t start = m ? (json_int_t)(m->start_us / 1000000) : 0;
	json_auto_t *o = json_pack(
		"{s:s, s:i, s:I, s:I, s:I, s:s, s:s, s:s, s:s, s:o, s:I, s:o, s:b, s:o, s:I, s:o, "
		"s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I}",
		"version", DSP_VERSION, "pid", (int)getpid(), "generation",
		(json_int_t)view->snapshot->generation, "started", start, "since",
		(json_int_t)(view->snapshot->since_us / 1000000), "policy", c->digest, "env_file",
		c->env_digest, "profile", profile_info(p->profile)->name, "mode",
		p->monitor ? "monitor" : "enforce", "flags", flags(c), "rules", (json_int_t)rules,
		"names", any_text(p->names), "broken", p->broken[0] != '\0', "reason",
		any_text(p->broken), "last_request", last, "requests", counts(m), "probes",
		probes(view->probes), "audit", audit_log(view->sinks->audit), "watch",
		watched(view->sinks->recent), "lookups", lookups(view->lookups), "resolver",
		resolver(view->dockerds, p->resolver), "owners", owners(view->owners), "grants",
		grants_reply_list(view->grants), "pending", (json_int_t)view->held->count);

	return o ? json_dumps(o, JSON_COMPACT) : NULL;
}
