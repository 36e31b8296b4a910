/*
 * Every allocation on the way from a question to its answer fails in its turn, and all that come
 * after it in another turn: no answer is an allow that was none before, and nothing leaks.
 * This file's mem_* stand in the place of mem.c's, which is why that is not linked; jansson is
 * given them too.
 */
#include "unit.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "daemon/body_buffer.h"
#include "daemon/endpoints.h"
#include "daemon/service.h"
#include "dsp/core/base/b64.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/policy/env_file.h"

static size_t asked;    /* allocations since the count was begun */
static size_t fails_at; /* the one that fails; 0: none */
static bool and_after;  /* all after it fail too */
static long alive;      /* allocations that were not freed */

static bool fails(void)
{
	asked++;
	return fails_at > 0 && (asked == fails_at || (and_after && asked > fails_at));
}

static void *counted(void *p)
{
	alive += p != NULL;
	return p;
}

void *mem_alloc(size_t n)
{
	return fails() ? NULL : counted(malloc(n));
}

void *mem_array(size_t count, size_t size)
{
	return fails() ? NULL : counted(calloc(count, size));
}

void *mem_resize(void *p, size_t n)
{
	if (!p)
		return mem_alloc(n);
	return fails() ? NULL : realloc(p, n);
}

char *mem_copy(const char *s, size_t n)
{
	return fails() ? NULL : counted(strndup(s, n));
}

void mem_free(void *p)
{
	alive -= p != NULL;
	free(p);
}

static void begin(size_t failing, bool after)
{
	asked = 0;
	fails_at = failing;
	and_after = after;
}

/* A question of method, target and body; the caller frees it. */
static char *question(const char *method, const char *target, const char *body, size_t *len)
{
	char *base64 = body ? b64_encode(span_of(body)) : NULL;
	size_t cap = strlen(target) + (base64 ? strlen(base64) : 0) + 300;
	char *text = malloc(cap);
	int n;

	assert_non_null(text);
	n = snprintf(text, cap,
		"{\"RequestMethod\":\"%s\",\"RequestUri\":\"%s\",\"RequestHeaders\":{\"Content-Type\":"
		"\"application/json\",\"Content-Length\":\"%zu\"}%s%s%s}",
		method, target, body ? strlen(body) : 0, base64 ? ",\"RequestBody\":\"" : "",
		base64 ? base64 : "", base64 ? "\"" : "");
	mem_free(base64);
	*len = (size_t)n;
	return text;
}

/* The status of the answer; allow: whether it opens the door. */
static unsigned ask(struct config *config, const char *text, size_t len, bool *allow)
{
	struct snapshot snapshot = { .config = config, .generation = 1, .holders = 1 };
	struct service service = { .snapshot = &snapshot };
	size_t count;
	const struct endpoint *endpoints = endpoints_all(&count);
	char *message = exactly(text, len);
	struct call call = { .body = message, .len = len };
	const struct reply *reply = &call.reply;
	unsigned status;

	assert_string_equal(endpoints[0].path, "/AuthZPlugin.AuthZReq");
	assert_int_equal(endpoints[0].answer(&service, &call), ANSWER_NOW);
	status = reply->status;
	assert_true(reply->len > 2 && reply->text[0] == '{' && reply->text[reply->len - 1] == '}');
	*allow = status == 200 && reply->len == strlen("{\"Allow\":true}") &&
		memcmp(reply->text, "{\"Allow\":true}", reply->len) == 0;
	if (status == 200 && !*allow)
		assert_memory_equal(reply->text, "{\"Allow\":false,", 15);
	else if (status != 200)
		assert_memory_equal(reply->text, "{\"Err\":", 7);
	mem_free(reply->owned);
	free(message);
	return status;
}

static void check(struct config *config, const char *text, size_t len)
{
	bool allow;
	bool before;
	long kept;
	size_t total;

	begin(0, false);
	kept = alive;
	assert_int_equal(ask(config, text, len, &before), 200);
	assert_int_equal(alive, kept);
	total = asked;
	for (size_t turn = 2; turn < 2 * total + 2; turn++) {
		begin(turn / 2, turn % 2);
		ask(config, text, len, &allow);
		assert_int_equal(alive, kept);
		if (allow)
			fail_msg("allowed when allocation %zu of %zu failed", turn / 2, total);
	}
	begin(0, false);
}

/* A mount so often that the list of attributes grows while the powers of mounts are added. */
#define TWICE(text) text "," text
#define MOUNTS(bind) "{\"HostConfig\":{\"Binds\":[" TWICE(TWICE(TWICE("\"" bind "\""))) "]}}"

/* Everything that takes memory: targets and bodies, long and short, good and bad. */
static void check_all(struct config *config)
{
	static char long_target[3000];
	static char many_keys[4000];
	size_t used = 0;
	const struct {
		const char *method, *target, *body;
	} rows[] = {
		{ "GET", "/info", NULL },
		{ "POST", "/containers/web/kill", NULL },
		{ "POST", long_target, NULL },
		{ "POST", "/containers/create", "{}" },
		{ "POST", "/containers/create",
			"{\"Image\":\"a\",\"HostConfig\":{\"Binds\":[\"/:/h\"]}}" },
		{ "POST", "/containers/create", "{\"a\":1,\"A\":2}" },
		{ "POST", "/containers/create", many_keys },
		{ "POST", "/containers/create", "{\"Labels\":{\"a\":\"b\",\"a\":\"c\"}}" },
		{ "POST", "/containers/create", "[[[[\"x\"]]]]" },
		{ "POST", "/containers/create",
			"{\"Env\":[\"\\u00e9\",\"\\ud83d\\ude00\"],\"x\":1.5e3}" },
		{ "POST", "/containers/create",
			"{\"Image\":\"a\",\"HostConfig\":{\"CapAdd\":[\"sys_admin\"],\"Binds\":[\"/dev:/d\"],"
			"\"PortBindings\":{\"80/tcp\":[{\"HostPort\":\"1\"}]},\"Devices\":[{}]}}" },
		{ "POST", "/containers/create", MOUNTS("/run/docker.sock:/a") },
		{ "POST", "/containers/create", MOUNTS("/dev:/a") },
		{ "POST", "/containers/create", MOUNTS("/etc/dsp:/a") },
		{ "POST", "/images/a/tag?repo=b&tag=c", NULL },
		{ "GET", "/images/get?names=a&names=%62", NULL },
		{ "POST", "/volumes/create",
			"{\"DriverOpts\":{\"type\":\"overlay\",\"device\":\"overlay\","
			"\"o\":\"lowerdir=/a:/b\"}}" },
		{ "POST", "/containers/web/start", "{\"Privileged\":true}" },
		{ "POST", "/containers/web/start", "{}" },
		{ "POST", "/containers/web/exec", "{\"Cmd\":[\"id\"]}" },
		{ "POST", "/commit?container=a", "null" },
		{ "GET", "//x", NULL },
		{ "GET", "/frobnicate", NULL },
	};

	(void)snprintf(long_target, sizeof(long_target), "/containers/%%61%02900d/kill", 0);
	many_keys[used++] = '{';
	for (size_t i = 0; i < 200; i++)
		used += (size_t)snprintf(
			many_keys + used, sizeof(many_keys) - used, "\"k%zu\":[1],", i);
	(void)snprintf(many_keys + used, sizeof(many_keys) - used, "\"K7\":1}");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len;
		char *text = question(rows[i].method, rows[i].target, rows[i].body, &len);

		check(config, text, len);
		free(text);
	}
}

static void under(const char *flags)
{
	static struct settings settings;
	static struct config config;
	struct findings f = { .file = "flags", .text = span_of(flags) };
	struct err e;

	settings_init(&settings);
	assert_int_equal(env_file_parse(&settings, &f, &e), 0);
	settings_finish(&settings);
	policy_compile(&settings, "/run/docker/plugins/dsp.sock", NULL, &config.policy);
	check_all(&config);
}

static void under_guard(void **state)
{
	(void)state;
	under("");
}

static void with_all_closed_powers_opened(void **state)
{
	(void)state;
	under("ALLOW_EXEC=1\nALLOW_KILL=1\nALLOW_UNKNOWN=1\nALLOW_DSP_FILES=1\n");
}

static void under_a_proxy_profile(void **state)
{
	(void)state;
	under("DSP_PROFILE=tecnativa\nCONTAINERS=1\nPOST=1\n");
}

static void with_broken_settings(void **state)
{
	static struct config config;

	(void)state;
	policy_broken("POST=2: not a boolean", &config.policy);
	check_all(&config);
}

static void a_body_that_comes_in(void **state)
{
	static char chunk[40000];
	struct body_budget budget = { .limit = 1 << 20 };

	(void)state;
	for (size_t turn = 1; turn < 8; turn++) {
		struct body_buffer in;

		begin(turn, true);
		body_buffer_begin(&in, 1 << 20);
		for (int i = 0; i < 10; i++)
			body_buffer_append(&in, &budget, chunk, sizeof(chunk));
		if (asked >= turn)
			assert_int_equal(in.fault, BODY_NO_MEMORY);
		body_buffer_free(&in, &budget);
		assert_int_equal(budget.used, 0);
		assert_int_equal(alive, 0);
	}
	begin(0, false);
}

static void who_looks_on(void **state)
{
	struct recent_decisions watch;
	struct err e;

	(void)state;
	recent_decisions_init(&watch);
	for (size_t turn = 1; turn < 12; turn++) {
		const struct request request = { .method = SPAN("GET"), .target = SPAN("/") };
		const struct decision yes = {
			.verdict = VERDICT_ALLOW, .flag = FLAG_COUNT, .reason = ""
		};
		const struct policy policy = { .profile = PROFILE_GUARD };
		const struct decision_event event = { .request = &request,
			.subject = &(struct subject){ .name = SPAN("a") },
			.facts = &(struct facts){ .name = SPAN("") },
			.decision = &yes,
			.policy = &policy,
			.digest = "-",
			.duration_us = 1 };
		char *text;
		size_t len;

		begin(turn / 2, turn % 2);
		if (recent_decisions_read(&watch, SPAN(""), &text, &len, &e) == 0) {
			assert_true(len > 0);
			mem_free(text);
		}
		recent_decisions_add(&watch, &event);
		recent_decisions_free(&watch);
		assert_int_equal(watch.decisions, turn);
		assert_int_equal(alive, 0);
	}
	begin(0, false);
}

static void an_encoding(void **state)
{
	(void)state;
	begin(1, false);
	assert_null(b64_encode(SPAN("x")));
	begin(0, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(under_guard),
		cmocka_unit_test(with_all_closed_powers_opened),
		cmocka_unit_test(under_a_proxy_profile),
		cmocka_unit_test(with_broken_settings),
		cmocka_unit_test(a_body_that_comes_in),
		cmocka_unit_test(who_looks_on),
		cmocka_unit_test(an_encoding),
	};
	int quiet = open("/dev/null", O_WRONLY);

	/* Denials are logged; cmocka says on standard output what went wrong. */
	if (quiet < 0 || dup2(quiet, STDERR_FILENO) < 0)
		return 1;
	json_set_alloc_funcs(mem_alloc, mem_free);
	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
