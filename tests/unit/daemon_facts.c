/* What dockerd says of itself, and what it changes in a request's facts. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/facts/facts.h"
#include "dsp/core/facts/power_rules.h"

static const struct daemon_facts failed = { .known = false };

static struct daemon_facts daemon_with(
	const char *runtime, const char *seccomp, const char *version)
{
	struct daemon_facts d = { .known = true };

	(void)snprintf(d.default_runtime, sizeof(d.default_runtime), "%s", runtime);
	(void)snprintf(d.seccomp, sizeof(d.seccomp), "%s", seccomp);
	(void)snprintf(d.version, sizeof(d.version), "%s", version);
	return d;
}

static void runtimes(void **state)
{
	static const char standard[] = "runc,io.containerd.runc.v2";
	const struct daemon_facts runc = daemon_with("runc", "", "");
	const struct daemon_facts runsc = daemon_with("runsc", "", "");
	const struct daemon_facts nvidia = daemon_with("nvidia", "", "");

	(void)state;
	assert_false(daemon_runtime_is_weaker(NULL, SPAN("runc"), standard));
	assert_true(daemon_runtime_is_weaker(NULL, SPAN("runsc"), standard));
	assert_false(daemon_runtime_is_weaker(&runc, SPAN("io.containerd.runc.v2"), standard));
	assert_true(daemon_runtime_is_weaker(&runc, SPAN("runsc"), standard));
	assert_true(daemon_runtime_is_weaker(&runsc, SPAN("runc"), standard));
	assert_false(daemon_runtime_is_weaker(&runsc, SPAN("runsc"), standard));
	assert_false(daemon_runtime_is_weaker(&nvidia, SPAN("runc"), standard));
	assert_false(daemon_runtime_is_weaker(&nvidia, SPAN("nvidia"), standard));
	assert_true(daemon_runtime_is_weaker(&nvidia, SPAN("runsc"), standard));
	assert_true(daemon_runtime_is_weaker(&failed, SPAN("runc"), standard));
}

static void profiles(void **state)
{
	static const char *const stricter[] = { "/etc/docker/seccomp.json", "Default", "custom" };
	static const char *const others[] = { "", "default", "builtin", "unconfined" };

	(void)state;
	assert_false(daemon_seccomp_is_stricter(NULL));
	assert_true(daemon_seccomp_is_stricter(&failed));
	for (size_t i = 0; i < sizeof(stricter) / sizeof(stricter[0]); i++) {
		const struct daemon_facts d = daemon_with("runc", stricter[i], "");

		assert_true(daemon_seccomp_is_stricter(&d));
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		const struct daemon_facts d = daemon_with("runc", others[i], "");

		assert_false(daemon_seccomp_is_stricter(&d));
	}
}

static void versions(void **state)
{
	static const char *const older[] = { "20.10.24+dfsg1", "17.05.0-ce", "1.13.1", "22.06.0" };
	static const char *const others[] = { "23.0.0", "28.5.2", "", "dev", "20", "2", "x20.10",
		"99999999999999999999.1", "-1.0", "0x1.0", "20-dev.1" };

	(void)state;
	assert_false(daemon_is_older(NULL, 230000));
	assert_false(daemon_is_older(&failed, 230000));
	for (size_t i = 0; i < sizeof(older) / sizeof(older[0]); i++) {
		const struct daemon_facts d = daemon_with("runc", "", older[i]);

		assert_true(daemon_is_older(&d, 230000));
		assert_false(daemon_is_older(&d, 0));
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		const struct daemon_facts d = daemon_with("runc", "", others[i]);

		assert_false(daemon_is_older(&d, 230000));
	}
}

/* The runtimes of a request's attributes, with "(power)" behind those that give one. */
static void describe(const struct daemon_facts *daemon, const char *target, const char *body,
	char *out, size_t cap)
{
	struct request rq = { .method = SPAN("POST"), .target = span_of(target), .daemon = daemon };
	struct facts f;
	struct err e;
	size_t n = 0;

	rq.has_content_type = true;
	rq.content_type = SPAN("application/json");
	rq.body = mem_copy(body, strlen(body));
	assert_non_null(rq.body);
	rq.body_len = strlen(rq.body);
	assert_int_equal(facts_parse(&rq, &f, &e), 0);
	out[0] = '\0';
	for (size_t i = 0; i < f.attributes.count; i++) {
		const struct attribute *a = &f.attributes.items[i];

		if (a->kind == ATTRIBUTE_RUNTIME)
			n += (size_t)snprintf(out + n, cap - n, " %.*s%s%s", (int)a->text.n,
				a->text.s, a->whole ? "!" : "",
				a->power == POWER_RUNTIME ? "(power)" : "");
		assert_true(n < cap);
	}
	facts_free(&f);
	mem_free(rq.body);
}

static void attributes(void **state)
{
	static const char none[] = "{\"HostConfig\":{}}";
	static const char runc[] = "{\"HostConfig\":{\"Runtime\":\"runc\"}}";
	static const char kata[] = "{\"HostConfig\":{\"Runtime\":\"kata\"}}";
	static const char create[] = "/containers/create";
	const struct daemon_facts usual = daemon_with("runc", "default", "20.10.24");
	const struct daemon_facts runsc = daemon_with("runsc", "default", "20.10.24");
	const struct daemon_facts own = daemon_with("kata", "default", "20.10.24");
	const struct {
		const struct daemon_facts *daemon;
		const char *target, *body, *wanted;
	} all[] = {
		{ NULL, create, none, " runc" },
		{ NULL, create, runc, " runc" },
		{ NULL, create, kata, " kata(power)" },
		{ &usual, create, none, " runc" },
		{ &usual, create, runc, " runc" },
		{ &usual, create, kata, " kata(power)" },
		{ &runsc, create, none, " runsc" },
		{ &runsc, create, runc, " runc(power) runc" },
		{ &own, create, kata, " kata" },
		{ &failed, create, none, " *!" },
		{ &failed, create, runc, " runc(power) runc" },
		{ &failed, create, kata, " kata(power)" },
		{ &runsc, "/services/create", "{\"Name\":\"s\"}", " runc runsc" },
		{ &usual, "/services/create", "{\"Name\":\"s\"}", " runc" },
		{ &failed, "/services/create", "{\"Name\":\"s\"}", " *!" },
	};
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		describe(all[i].daemon, all[i].target, all[i].body, text, sizeof(text));
		assert_string_equal(text, all[i].wanted);
	}
}

/* Every route whose requests can have a runtime waits for the defaults; no other does. */
static void which_requests_depend(void **state)
{
	static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS",
		"PATCH", "POST" };
	size_t count;
	const struct route *row = route_rows(&count);
	size_t found = 0;

	(void)state;
	for (; count > 0; count--, row++) {
		struct request rq = { .method = span_of(methods[row->method]) };
		char target[256];
		struct target t;
		char room[256];
		struct err e;
		size_t n = 0;
		struct span name;

		/* The pattern with "x" for each variable. */
		for (const char *p = row->pattern; *p; p++) {
			target[n++] = *p == '{' ? 'x' : *p;
			if (*p == '{')
				p = strchr(p, '}');
		}
		rq.target = (struct span){ target, n };
		assert_int_equal(target_parse(rq.method, rq.target, room, &t, &e), 0);
		/* An earlier row may take it. */
		if (route_find(route_method(rq.method), &t, &name) != row)
			continue;
		found += facts_depend_on_daemon(&rq);
		assert_int_equal(
			facts_depend_on_daemon(&rq), power_rules_have_kind(row, ATTRIBUTE_RUNTIME));
	}
	assert_int_equal(found, 7);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(runtimes),
		cmocka_unit_test(profiles),
		cmocka_unit_test(versions),
		cmocka_unit_test(attributes),
		cmocka_unit_test(which_requests_depend),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
