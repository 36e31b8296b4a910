/* The index of rules by subject, operation and powers: it finds the rules that a plain walk finds,
 * in the same order, and decides as without it. */
#include "equal_decisions.h"

#include <stdio.h>
#include <stdlib.h>

#include "dsp/core/policy/policy_file.h"
#include "dsp/core/policy/rule_index.h"
#include "dsp/core/policy/rule_match.h"

enum { USERS = 70, GROUPS = 4, POLICIES = 300 };

static size_t matches;
static uint64_t state = 88172645463325252U;

static unsigned any(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 33) % n;
}

static enum power any_power(void)
{
	unsigned power = any(POWER_COUNT);

	return (enum power)power;
}

static void write_who(FILE *f)
{
	switch (any(6)) {
	case 0:
		(void)fputs("\"*\"", f);
		break;
	case 1:
		(void)fputs("\"anonymous\"", f);
		break;
	case 2:
		(void)fprintf(f, "\"@g%u\"", any(GROUPS));
		break;
	case 3:
		(void)fprintf(f, "\"u%u\", \"@g%u\"", any(USERS), any(GROUPS));
		break;
	default:
		(void)fprintf(f, "\"u%u\"", any(USERS));
		break;
	}
}

static void write_rule(FILE *f, unsigned i)
{
	static const char *const operations[] = { "*", "read", "container_*", "container_kill",
		"container_create", "section:images", "unknown", "image_*", "system_ping" };
	static const char *const rest[] = { "", "", ", \"powers\": [\"kill\"]",
		", \"powers\": [\"*\"]", ", \"images\": [\"docker.io/library/*\"]",
		", \"mounts\": [\"/srv\"]", ", \"powers\": [\"create\", \"push\"]",
		", \"powers\": [\"host_mounts\"], \"mounts\": [\"/srv\"]" };
	bool deny = any(2);

	(void)fprintf(f, "%s{\"name\": \"r%u\", \"who\": [", i > 0 ? ", " : "", i);
	write_who(f);
	(void)fprintf(f, "], \"%s\": [\"%s\"]%s%s}", deny ? "deny" : "allow",
		operations[any(sizeof(operations) / sizeof(operations[0]))],
		rest[any(sizeof(rest) / sizeof(rest[0]))],
		deny && any(4) == 0 ? ", \"mode\": \"monitor\"" : "");
}

static char *write_policy(void)
{
	unsigned rules = any(3) ? any(10) : any(any(5) ? 150 : 9000);
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	assert_non_null(f);
	(void)fputs("{\"users\": {", f);
	for (unsigned i = 0; i < USERS; i++)
		(void)fprintf(
			f, "%s\"u%u\": {\"common_names\": [\"u%u\"]}", i > 0 ? ", " : "", i, i);
	(void)fputs("}, \"groups\": {", f);
	for (unsigned i = 0; i < GROUPS; i++)
		(void)fprintf(f, "%s\"g%u\": [\"u%u\", \"u%u\"]", i > 0 ? ", " : "", i, i, i + 63);
	(void)fputs("}, \"rules\": [", f);
	for (unsigned i = 0; i < rules; i++)
		write_rule(f, i);
	(void)fprintf(f, "], \"otherwise\": \"%s\"}", any(2) ? "deny" : "profile");
	(void)fclose(f);
	return text;
}

/* Each rule that the index gives is the next one of those that are for both. */
static void same_rules(const struct rules *rules, size_t subject, size_t operation)
{
	size_t given = rules_next(rules, subject, operation, 0);

	for (size_t i = 0; i < rules->count; i++) {
		if (!bit_of(rules->items[i].who, subject) ||
			!bit_of(rules->items[i].operations, operation))
			continue;
		assert_int_equal(given, i);
		given = rules_next(rules, subject, operation, given + 1);
	}
	assert_int_equal(given, rules->count);
	assert_int_equal(rules_next(rules, subject, operation, rules->count + 1), rules->count);
}

static void same_plain_rules(const struct rules *rules, size_t subject, size_t operation)
{
	size_t given = rules_next_plain(rules, subject, operation, 0);

	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *r = &rules->items[i];

		if (!bit_of(r->who, subject) || !bit_of(r->operations, operation) || r->monitor ||
			rule_has_lists(r))
			continue;
		assert_int_equal(given, i);
		given = rules_next_plain(rules, subject, operation, given + 1);
	}
	assert_int_equal(given, rules->count);
}

/* No rule that matches is passed over, whatever powers the request asks for besides its own. */
static void same_matches(const struct rules *rules, size_t subject, const struct facts *facts)
{
	size_t operation = facts->route ? (size_t)facts->route->operation : (size_t)OPERATION_COUNT;
	struct powerset powers = facts->powers;
	struct powerset possible;
	struct rule_choice chosen;
	size_t given = 0;

	for (unsigned n = any(4); n > 0; n--)
		powerset_add(&powers, any_power());
	possible = powers;
	powerset_add(&possible, any_power());
	rules_choose(rules, facts, &powers, &possible, &chosen);
	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *r = &rules->items[i];

		if (rule_match(r, subject, facts, r->verb == RULE_DENY ? &possible : &powers)
				.result != MATCH_YES)
			continue;
		do {
			assert_true(given <= i);
			given = rules_next_chosen(rules, subject, operation, &chosen, given);
		} while (given++ < i);
		assert_int_equal(given, i + 1);
		matches++;
	}
}

/* What a decision says, of a request as its method and target have it. */
static struct decision decide_one(const struct policy *policy, const struct facts *facts, size_t id)
{
	struct subject subject = subject_at(policy->file_rules, id);

	return decide(policy, &subject, facts, NULL);
}

static void same_decisions(struct policy *policy, struct rules *rules, size_t subject)
{
	static const char *const targets[] = { "/containers/a/kill", "/containers/create",
		"/no/such/route", "/images/a/push", "/containers/a/kill?signal=%00" };
	struct rule_index *index = rules->index;

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		struct request rq = { .method = SPAN("POST"), .target = span_of(targets[i]) };
		struct decision with;
		struct decision without;
		struct facts facts;
		struct err e;

		assert_int_equal(facts_parse(&rq, &facts, &e), 0);
		same_matches(rules, subject, &facts);
		with = decide_one(policy, &facts, subject);
		rules->index = NULL;
		without = decide_one(policy, &facts, subject);
		rules->index = index;
		equal_decisions(&with, &without);
		facts_free(&facts);
	}
}

static void random_policies(void **unused)
{
	static struct settings settings;
	static struct policy policy;
	size_t allowed = 0;

	(void)unused;
	settings_init(&settings);
	settings_finish(&settings);
	for (unsigned i = 0; i < POLICIES; i++) {
		char *text = write_policy();
		struct findings findings = { .file = "policy", .text = span_of(text) };
		struct policy_file file = { .rules = NULL };

		assert_int_equal(policy_file_parse(&file, &findings), 0);
		assert_false(findings_fatal(&findings));
		policy_compile(&settings, SETTINGS_SOCKET, file.rules, &policy);
		if (file.rules->count > 0)
			assert_non_null(file.rules->index);
		for (size_t subject = 0; subject < file.rules->subject_count; subject++) {
			for (size_t o = 0; o < RULE_OPERATIONS; o++)
				same_rules(file.rules, subject, o);
			same_plain_rules(file.rules, subject, OP_CONTAINER_KILL);
			same_decisions(&policy, file.rules, subject);
			allowed++;
		}
		findings_free(&findings);
		rules_free(file.rules);
		free(text);
	}
	assert_true(allowed > POLICIES && matches > POLICIES);
	assert_int_equal(rules_next(NULL, 0, 0, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(random_policies) };

	return cmocka_run_group_tests_name("rule_index", tests, NULL, NULL);
}
