/* Rules with ask: how they are parsed, when they decide, what an answer makes of it. */
#include "questions.h"

#include "dsp/core/policy/ask_facts.h"

static const char rules[] =
	"{'rules': [{'name': 'maybe', 'who': ['*'], 'ask': ['container_kill'], 'mode': 'monitor',"
	"            'powers': ['kill']},"
	"           {'name': 'first', 'who': ['*'], 'ask': ['container_create'], 'wait': '3m',"
	"            'powers': ['create', 'host_mounts'], 'images': ['docker.io/library/web:*']},"
	"           {'name': 'then', 'who': ['*'], 'allow': ['container_create'],"
	"            'powers': ['create']}],"
	" 'otherwise': 'deny'}";

static const struct row {
	struct question q;
	enum verdict verdict;
	const char *rule;
} table[] = {
	{ { "POST", "/containers/create", "{'Image': 'web'}", NULL, NULL }, VERDICT_ASK, "first" },
	{ { "POST", "/containers/create", "{'Image': 'web', 'HostConfig': {'Binds': ['/a:/a']}}",
		  NULL, NULL },
		VERDICT_ASK, "first" },
	{ { "POST", "/containers/create", "{'Image': 'other'}", NULL, NULL }, VERDICT_ALLOW,
		"then" },
	{ { "POST", "/containers/create", "{'Image': 'web', 'HostConfig': {'Privileged': true}}",
		  NULL, NULL },
		VERDICT_DENY, NULL },
	/* Only an exact reading is asked about. */
	{ { "POST", "/containers/create", "{'Image': 'web'", NULL, NULL }, VERDICT_DENY, NULL },
	{ { "POST", "/containers/a/kill", NULL, NULL, NULL }, VERDICT_DENY, NULL },
	{ { "POST", "/containers/create", "{'Image': 'web'}", NULL, "x" }, VERDICT_DENY, NULL },
};

static void decisions(void **state)
{
	static struct world w;
	static struct answer a;

	(void)state;
	world_open(&w, "", rules);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct row *row = &table[i];
		struct span name;

		world_ask(&w, &row->q, &a);
		name = a.decision.rule ? a.decision.rule->name : SPAN("");
		assert_int_equal(a.decision.verdict, row->verdict);
		assert_true(!row->rule == !a.decision.rule);
		assert_true(span_equal(name, span_of(row->rule)));
		assert_true(!a.decision.monitored_rule == (i != 5));
		answer_free(&a);
	}
	/* Monitor mode holds nothing, and knows that it would have. */
	w.policy.monitor = true;
	world_ask(&w, &table[0].q, &a);
	assert_int_equal(a.decision.verdict, VERDICT_ALLOW);
	assert_true(a.decision.monitored);
	assert_ptr_equal(decision_would_ask(&a.decision), a.decision.rule);
	answer_free(&a);
	world_close(&w);
}

static void answers(void **state)
{
	static struct world w;
	static struct answer a;
	unsigned char other[DIGEST_SIZE];
	struct ask_answer answer = { .end = ASK_APPROVED };
	struct decision d;

	(void)state;
	world_open(&w, "", rules);
	world_ask(&w, &table[0].q, &a);
	assert_int_equal(a.decision.rule->wait, 180);
	ask_facts_digest(a.decision.rule, &a.subject, &a.facts, answer.facts);
	memcpy(other, answer.facts, sizeof(other));
	other[DIGEST_SIZE - 1] ^= 1;
	d = decide_answered(&a.decision, &answer, answer.facts);
	assert_int_equal(d.verdict, VERDICT_ALLOW);
	assert_int_equal(d.by, DECIDED_BY_ANSWER);
	assert_ptr_equal(d.rule, a.decision.rule);
	assert_int_equal(decide_answered(&a.decision, &answer, other).verdict, VERDICT_ASK);
	answer.end = ASK_NOT_ENDED;
	assert_int_equal(decide_answered(&a.decision, &answer, answer.facts).verdict, VERDICT_ASK);
	for (int end = ASK_REFUSED; end < (int)ASK_END_COUNT; end++) {
		answer.end = (enum ask_end)end;
		d = decide_answered(&a.decision, &answer, answer.facts);
		assert_int_equal(d.verdict, VERDICT_DENY);
		assert_string_equal(d.reason, ask_end_name(answer.end));
		message_write(&(struct message){ &w.policy, &a.subject, &a.facts, &d, &a.near },
			a.message);
		assert_non_null(strstr(a.message, "rule \"first\" asks root first ("));
	}
	/* An approval turns no other decision into an allow. */
	answer.end = ASK_APPROVED;
	a.decision.verdict = VERDICT_DENY;
	assert_int_equal(decide_answered(&a.decision, &answer, answer.facts).verdict, VERDICT_DENY);
	a.decision.verdict = (enum verdict)0;
	assert_int_equal(decide_answered(&a.decision, &answer, answer.facts).verdict, 0);
	answer_free(&a);
	world_close(&w);
}

/* Each of these is another request to root. */
static void facts_differ(void **state)
{
	static struct world w;
	static struct answer a;
	static struct mount_info info = { .visible = true, .path = "/a", .inode = 7 };
	static struct object_info object = { .state = OBJECT_FOUND, .id = SPAN_INIT("x") };
	unsigned char seen[16][DIGEST_SIZE];
	struct attribute *mount;
	size_t n = 0;

	(void)state;
	world_open(&w, "", rules);
	world_ask(&w, &table[1].q, &a);
	mount = a.facts.attributes.items;
	while (mount->kind != ATTRIBUTE_MOUNT)
		mount++;
#define SEEN() ask_facts_digest(a.decision.rule, &a.subject, &a.facts, seen[n++])
	SEEN();
	mount->mount_info = &info;
	SEEN();
	info.inode = 8;
	SEEN();
	info.file_system = 1;
	SEEN();
	memcpy(info.path, "/b", sizeof("/b"));
	SEEN();
	info.dsp_file = true;
	SEEN();
	mount->read_only = true;
	SEEN();
	mount->object = &object;
	SEEN();
	object.id = SPAN("y");
	SEEN();
	object.owner = SPAN("bob");
	SEEN();
	powerset_add(&a.facts.powers, POWER_KILL);
	SEEN();
	a.subject.name = SPAN("bob");
	SEEN();
#undef SEEN
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < i; k++)
			assert_false(digest_equal(seen[i], seen[k]));
	}
	answer_free(&a);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decisions),
		cmocka_unit_test(answers),
		cmocka_unit_test(facts_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
