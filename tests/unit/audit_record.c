/* Lines of the audit log, whole; secrets that are hidden; what happens when there is no room. */
#include "questions.h"

#include "dsp/core/base/text.h"

#include "dsp/core/record/audit_record.h"

static const struct audit_record_head head = { .id = "5f-1",
	.time = "2026-11-29T10:35:00.000000Z",
	.host = "web-1",
	.count = 3,
	.since = "2026-11-29T10:34:59.000000Z" };

#define HEAD "{\"v\":1,\"time\":\"2026-11-29T10:35:00.000000Z\",\"id\":\"5f-1\",\"host\":\"web-1\""
#define COUNT ",\"count\":3,\"since\":\"2026-11-29T10:34:59.000000Z\"}\n"

static struct audit_record_line line;

static void record(struct world *w, const struct question *q, struct answer *a)
{
	struct decision_event event = { .request = &a->request,
		.subject = &a->subject,
		.facts = &a->facts,
		.decision = &a->decision,
		.near = &a->near,
		.message = a->message,
		.policy = &w->policy,
		.generation = 2,
		.digest = "-",
		.request_bytes = 9,
		.duration_us = 7,
		.lookup_us = 4 };

	world_ask(w, q, a);
	audit_record_decision(&head, &event, &line);
	assert_int_equal(line.n, strlen(line.text));
}

static void decision(void **state)
{
	const struct question q = { "POST", "/v1.43/containers/create?name=web",
		"{'Image': 'alpine', 'Env': ['A=secret'], 'HostConfig': {'Binds': ['/etc:/a']}}",
		"anna", NULL };
	static struct world w;
	static struct answer a;

	(void)state;
	world_open(&w, "ALLOW_HOST_MOUNTS=0", NULL);
	record(&w, &q, &a);
	assert_string_equal(line.text,
		HEAD ",\"duration_us\":7,\"lookup_us\":4,\"type\":\"decision\","
		     "\"subject\":\"cn:anna\",\"known_by\":\"certificate\",\"method\":\"POST\","
		     "\"target\":\"/v1.43/containers/create?name=web\","
		     "\"path\":\"/containers/create\",\"operation\":\"container_create\","
		     "\"access\":\"write\",\"reading\":\"exact\","
		     "\"powers\":[\"create\",\"host_mounts\"],\"verdict\":\"deny\","
		     "\"decided_by\":\"power\",\"reason\":\"host_mounts\","
		     "\"flag\":\"ALLOW_HOST_MOUNTS\",\"closed\":[\"host_mounts\"],"
		     "\"conditions\":{\"memory\":0,\"cpus\":0,\"pids\":0,\"user\":\"none\","
		     "\"read_only\":false,\"no_new_privileges\":false,\"drops_all\":false,"
		     "\"pinned\":\"none\"},"
		     "\"message\":\"host_mounts is closed (container_create: /etc -> /a (rw)): "
		     "ALLOW_HOST_MOUNTS is 0; ALLOW_HOST_MOUNTS=1 opens it\","
		     "\"mode\":\"enforce\",\"profile\":\"guard\",\"generation\":2,"
		     "\"policy\":\"-\",\"request_bytes\":9,\"details\":["
		     "{\"kind\":\"image\",\"field\":\"Image\","
		     "\"text\":\"docker.io/library/alpine:latest\"},"
		     "{\"power\":\"host_mounts\",\"kind\":\"mount\",\"field\":\"Binds\","
		     "\"text\":\"/etc\",\"target\":\"/a\",\"read_only\":false},"
		     "{\"kind\":\"network\",\"field\":\"NetworkMode\",\"text\":\"bridge\","
		     "\"implied\":true}]}\n");
	assert_memory_equal(line.text + line.stable, ",\"type\"", 7);
	answer_free(&a);
	world_close(&w);
}

/* A denial by the policy file has the nearest rule, and what it lacks, as far as there is room. */
static void nearest(void **state)
{
	static const char file[] =
		"{'rules': [{'name': 'a \\\\ b', 'who': ['*'], 'allow': ['container_create'],"
		"'powers': ['create'], 'images': ['x.org/*']}], 'otherwise': 'deny'}";
	static struct world w;
	static struct answer a;
	char body[4000];
	char image[200];
	struct question q = { "POST", "/containers/create",
		"{'Image': 'nginx', 'HostConfig': {'Privileged': true}}", NULL, NULL };
	struct line l;

	(void)state;
	world_open(&w, "", file);
	record(&w, &q, &a);
	assert_non_null(strstr(line.text,
		",\"decided_by\":\"otherwise\",\"reason\":\"otherwise\",\"nearest_rule\":\"a \\\\\\\\ b\","
		"\"lacks\":[\"power privileged\",\"image docker.io/library/nginx:latest\"],\"conditions\""));
	answer_free(&a);
	memset(image, 'i', sizeof(image));
	line_init(&l, body, sizeof(body));
	line_add(&l, "{'Image': '%.*s', 'HostConfig': {'Binds': [", (int)sizeof(image), image);
	for (int i = 0; i < 20; i++)
		line_add(&l, "%s'/%.*s%d:/t'", i > 0 ? "," : "", 60, image, i);
	line_add(&l, "]}}");
	assert_false(l.cut);
	q.body = body;
	record(&w, &q, &a);
	assert_non_null(strstr(line.text, "],\"lacks_more\":true,\"conditions\""));
	answer_free(&a);
	world_close(&w);
}

/* What a source may give that dsp does not see: a later look at the line needs it. */
static void unseen_powers(void **state)
{
	static const struct mount_info missing = { .visible = false };
	static const struct mount_info unseen = { .unknown = true };
	const struct question q = { "POST", "/containers/create",
		"{'HostConfig': {'Binds': ['/srv:/a']}}", NULL, NULL };
	static struct world w;
	static struct answer a;
	struct err e;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct decision_event event = { .request = &a.request,
			.subject = &a.subject,
			.facts = &a.facts,
			.decision = &a.decision,
			.policy = &w.policy,
			.digest = "-" };

		world_open(&w, "", NULL);
		world_ask(&w, &q, &a);
		a.facts.attributes.items[1].mount_info = i == 0 ? &missing : &unseen;
		assert_int_equal(facts_add_mount_powers(&a.facts, SPAN("/run/dsp"), &e), 0);
		audit_record_decision(&head, &event, &line);
		assert_non_null(strstr(line.text, "\"mounts_unseen\":true"));
		assert_int_equal(i,
			strstr(line.text,
				",\"unseen_powers\":[\"docker_socket\",\"devices\","
				"\"dsp_files\"],\"powers\":[\"create\",\"host_mounts\"]") != NULL);
		answer_free(&a);
		world_close(&w);
	}
}

/* A question that cannot be read has no request. */
static void refused(void **state)
{
	static const struct refusal refusal = { REFUSED_QUESTION, "it is not JSON" };
	static struct world w;
	struct decision_event event = { .refusal = &refusal, .policy = &w.policy, .digest = "-" };

	(void)state;
	world_open(&w, "DSP_MODE=monitor", NULL);
	audit_record_decision(&head, &event, &line);
	assert_string_equal(line.text,
		HEAD ",\"duration_us\":0,\"type\":\"decision\",\"verdict\":\"deny\","
		     "\"decided_by\":\"question\",\"message\":\"it is not JSON\","
		     "\"mode\":\"monitor\",\"profile\":\"guard\",\"generation\":0,"
		     "\"policy\":\"-\",\"request_bytes\":0}\n");
	world_close(&w);
}

static void other_lines(void **state)
{
	const struct request_outcome o = { .method = SPAN_INIT("GET"),
		.target = SPAN_INIT("/info"),
		.user = SPAN_INIT("anna"),
		.status = 200,
		.created = SPAN_INIT("0f"),
		.decision = "5f-0",
		.pair = "exact" };

	(void)state;
	audit_record_outcome(&head, &o, &line);
	assert_string_equal(line.text,
		HEAD
		",\"type\":\"outcome\",\"decision\":\"5f-0\",\"user\":\"anna\","
		"\"method\":\"GET\",\"target\":\"/info\",\"pair\":\"exact\",\"status\":200,\"created\":\"0f\"}\n");
	audit_record_repeats(&head, "5f-0", "decision", &line);
	assert_string_equal(line.text,
		HEAD ",\"type\":\"repeat\",\"of\":\"5f-0\",\"of_type\":\"decision\"" COUNT);
	audit_record_dropped(&head, 2, &line);
	assert_string_equal(line.text, HEAD ",\"type\":\"dropped\",\"decisions\":2" COUNT);
}

static void grants(void **state)
{
	static const struct grant_by by = { .uid = 0, .login_uid = 1000, .name = "carol" };
	static char rule[GRANT_RULE_MOST + 2];
	struct grant_event event = { .step = GRANT_GIVEN,
		.id = "g7f3k",
		.rule = "{\"name\":\"g7f3k\",\"who\":[\"*\"],\"allow\":[\"exec_start\"]}",
		.reason = "INC \"1\"\n",
		.until = "2026-11-29T10:50:00.000000Z",
		.seconds = 900,
		.root = true,
		.by = &by };

	(void)state;
	audit_record_grant(&head, &event, &line);
	assert_string_equal(line.text,
		HEAD ",\"type\":\"grant\",\"step\":\"given\",\"grant\":\"g7f3k\","
		     "\"until\":\"2026-11-29T10:50:00.000000Z\",\"seconds\":900,\"root\":true,"
		     "\"reason\":\"INC \\\"1\\\"\\\\x0a\",\"uid\":0,\"login_uid\":1000,"
		     "\"by\":\"carol\",\"allows\":{\"name\":\"g7f3k\",\"who\":[\"*\"],"
		     "\"allow\":[\"exec_start\"]}}\n");
	event = (struct grant_event){ .step = GRANT_ENDED,
		.id = "g7f3k",
		.rule = "{}",
		.reason = "",
		.why = "its time is over",
		.until = "2026-11-29T10:50:00.000000Z",
		.seconds = 900,
		.uses = 7 };
	audit_record_grant(&head, &event, &line);
	assert_string_equal(line.text,
		HEAD ",\"type\":\"grant\",\"step\":\"ended\",\"grant\":\"g7f3k\","
		     "\"why\":\"its time is over\",\"until\":\"2026-11-29T10:50:00.000000Z\","
		     "\"seconds\":900,\"uses\":7,\"allows\":{}}\n");
	/* The longest rule, and one that is longer. */
	memset(rule, ' ', sizeof(rule) - 1);
	rule[0] = '{';
	rule[GRANT_RULE_MOST] = '}';
	event.rule = rule;
	audit_record_grant(&head, &event, &line);
	assert_null(strstr(line.text, "allows"));
	rule[GRANT_RULE_MOST - 1] = '}';
	rule[GRANT_RULE_MOST] = '\0';
	audit_record_grant(&head, &event, &line);
	assert_non_null(strstr(line.text, "}}\n"));
}

static void secrets(void **state)
{
	static const char *const rows[][2] = {
		{ "/a", "/a" },
		{ "/a?", "/a?" },
		{ "/a?b=c", "/a?b=c" },
		{ "/build?buildargs=x&t=y", "/build?buildargs=(hidden)&t=y" },
		{ "/build?buildargs=&t=y", "/build?buildargs=&t=y" },
		{ "/build?buildargs=x;t=y", "/build?buildargs=(hidden);t=y" },
		{ "/build?%62uildargs=x", "/build?%62uildargs=(hidden)" },
		{ "/commit?changes=ENV+A", "/commit?changes=(hidden)" },
		{ "/build?remote=https://u:p@h/x", "/build?remote=(hidden)@h/x" },
		{ "/build?remote=https://u:p%40h/x", "/build?remote=(hidden)%40h/x" },
		{ "/build?remote=https://h/x%3Fkey", "/build?remote=https://h/x?(hidden)" },
		{ "/images/create?fromSrc=http://h/x?k=v",
			"/images/create?fromSrc=http://h/x?(hidden)" },
	};
	struct request_outcome o = { .method = SPAN_INIT("GET"), .pair = "unknown" };
	char want[200];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct line l;

		o.target = span_of(rows[i][0]);
		audit_record_outcome(&head, &o, &line);
		line_init(&l, want, sizeof(want));
		line_add(&l, "\"target\":\"%s\"", rows[i][1]);
		if (!strstr(line.text, want))
			fail_msg("%s", line.text);
	}
}

/* Texts are cut, details left out; the line is shorter than its room, and says what is missing. */
static void no_room(void **state)
{
	struct question q = { "POST", NULL, NULL, NULL, NULL };
	static struct world w;
	static struct answer a;
	static char target[3000];
	static char body[9000];
	struct line l;

	(void)state;
	world_open(&w, "", NULL);
	line_init(&l, target, sizeof(target));
	line_add(&l, "/containers/create?name=");
	while (!l.cut)
		line_add(&l, "%%01n");
	q.target = target;
	line_init(&l, body, sizeof(body));
	line_add(&l, "{'HostConfig': {'Binds': ['/:/a'");
	for (int i = 0; i < 400; i++)
		line_add(&l, ", '/%d:/a'", i);
	line_add(&l, "]}}");
	q.body = body;
	record(&w, &q, &a);
	assert_true(line.n < AUDIT_RECORD_MOST);
	assert_int_equal(line.text[line.n - 1], '\n');
	assert_null(memchr(line.text, '\n', line.n - 1));
	assert_non_null(strstr(line.text, "\"details_left_out\":"));
	assert_non_null(strstr(line.text, "\"cut\":[\"target\""));
	answer_free(&a);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decision),
		cmocka_unit_test(nearest),
		cmocka_unit_test(unseen_powers),
		cmocka_unit_test(refused),
		cmocka_unit_test(other_lines),
		cmocka_unit_test(grants),
		cmocka_unit_test(secrets),
		cmocka_unit_test(no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
