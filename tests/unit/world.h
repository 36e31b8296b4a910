/* A policy in force, for the tests of core/policy and core/record. */
#ifndef DSP_UNIT_WORLD_H
#define DSP_UNIT_WORLD_H

#include "unit.h"

#include "dsp/core/policy/env_file.h"
#include "dsp/core/policy/policy.h"
#include "dsp/core/policy/policy_file.h"

struct world {
	struct settings settings;
	struct findings findings;
	struct policy_file file;
	struct policy policy;
	char *text; /* of the policy file */
};

/* flags: lines of an env file. file: a policy file with ' for "; NULL: none. */
static inline void world_open(struct world *w, const char *flags, const char *file)
{
	struct findings env = { .file = "flags", .text = span_of(flags) };
	struct err e;

	*w = (struct world){ .findings = { .file = "policy.json" } };
	settings_init(&w->settings);
	assert_int_equal(env_file_parse(&w->settings, &env, &e), 0);
	findings_free(&env);
	w->text = quoted(file);
	w->findings.text = span_of(w->text);
	if (file) {
		assert_int_equal(policy_file_parse(&w->file, &w->findings), 0);
		if (findings_fatal(&w->findings))
			fail_msg("%s", w->findings.items[0].text);
	}
	policy_compile(&w->settings, "/run/docker/plugins/dsp.sock", w->file.rules, &w->policy);
}

static inline void world_close(struct world *w)
{
	rules_free(w->file.rules);
	findings_free(&w->findings);
	free(w->text);
}

#endif
