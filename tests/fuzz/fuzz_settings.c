/*
 * Settings and the policy that they make. Input: 'f', newline, an env file; or 'e', newline, an
 * environment with NUL between its variables.
 */
#include <stdlib.h>

#include "dsp/core/policy/env_file.h"
#include "dsp/core/policy/policy.h"
#include "dsp/core/policy/settings.h"
#include "fuzz.h"

enum { VARIABLES_MOST = 64 };

/* Every line is printable, and ended. */
static void check_notices(const struct settings *s)
{
	size_t n = strlen(s->notices);

	CHECK(n < sizeof(s->notices) && (n == 0 || s->notices[n - 1] == '\n'));
	for (size_t i = 0; i < n; i++)
		CHECK(s->notices[i] == '\n' || (s->notices[i] >= 0x20 && s->notices[i] < 0x7f));
}

static void check_policy(const struct settings *s)
{
	static struct policy p;

	policy_compile(s, s->socket[0] != '\0' ? s->socket : SETTINGS_SOCKET, NULL, &p);
	CHECK(p.broken[0] == '\0' && p.profile == s->profile &&
		p.proxy_rule_count <= PROXY_RULES_MOST);
	CHECK(p.proxy_rule_count == 0 || policy_is_proxy(&p));
	for (size_t i = 0; i < POWER_COUNT; i++) {
		enum power power = (enum power)i;
		enum setting own = s->flags[flag_of_power(power)];
		bool closed = powerset_has(&p.closed, power);

		CHECK(!closed || !powerset_has(&p.granted, power));
		CHECK(p.decided_by_flag[i] <= FLAG_COUNT);
		if (policy_is_proxy(&p))
			continue;
		/* A power's own flag has the last word. */
		CHECK(own != SETTING_OFF || closed);
		CHECK(own != SETTING_ON || powerset_has(&p.granted, power));
		CHECK(p.decided_by_flag[i] < FLAG_COUNT || !powerset_has(&p.granted, power));
	}
}

static int take_environment(struct settings *s, struct span text, struct err *e)
{
	char *variables[VARIABLES_MOST + 1] = { NULL };
	char *copy = fuzz_room(text.n + 1);
	size_t at = 0;
	int rc;

	if (text.n > 0)
		memcpy(copy, text.s, text.n);
	copy[text.n] = '\0';
	for (size_t i = 0; i < VARIABLES_MOST && at < text.n; i++) {
		variables[i] = copy + at;
		at += strlen(copy + at) + 1;
	}
	rc = settings_parse_environment(s, variables, SOURCE_ENVIRONMENT, e);
	free(copy);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct settings s;
	struct span text = { (const char *)data, size };
	bool file = !span_equal(fuzz_line(text, &text), SPAN("e"));
	char *copy = fuzz_copy(text);
	struct findings f = { .file = "dsp.env" };
	struct err e;
	int rc;

	text.s = copy;
	f.text = text;
	settings_init(&s);
	rc = file ? env_file_parse(&s, &f, &e) : take_environment(&s, text, &e);
	if (rc == 0) {
		settings_finish(&s);
		check_policy(&s);
	} else {
		CHECK(fuzz_printable(e.text) && strlen(e.text) > 0 && e.code == 0);
		CHECK(!file || strncmp(e.text, "dsp.env:", 8) == 0);
	}
	check_notices(&s);
	findings_free(&f);
	free(copy);
	return 0;
}
