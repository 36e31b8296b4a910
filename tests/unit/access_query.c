/* Who may do something: by flags, by rules, by an item that a rule's list covers. */
#include "world.h"

#include "dsp/core/policy/access_query.h"

static const char rules[] =
	"{'users': {'anna': {'common_names': ['anna']}, 'bob': {'common_names': ['bob']}},"
	" 'rules': [{'name': 'anna runs', 'who': ['anna'], 'allow': ['container_create'],"
	"            'powers': ['create'], 'mounts': ['/srv'], 'ports': ['127.0.0.1:8080']},"
	"           {'name': 'bob', 'who': ['bob'], 'allow': ['*'],"
	"            'powers': ['create', 'privileged']}],"
	" 'otherwise': 'deny'}";

/* The first route of an operation; NULL: none has this name. */
static const struct route *route_of(const char *name)
{
	size_t count;
	const struct route *route = route_rows(&count);

	for (; count > 0; count--, route++) {
		if (strcmp(route->name, name) == 0)
			return route;
	}
	return NULL;
}

static const struct row {
	const char *flags, *file, *user, *operation;
	enum power power;
	char answer; /* y: may, n: may not, -: no such request can ask for that */
} table[] = {
	{ "", NULL, NULL, "container_exec_create", POWER_EXEC, 'n' },
	{ "ALLOW_EXEC=1", NULL, NULL, "container_exec_create", POWER_EXEC, 'y' },
	{ "", NULL, NULL, "container_list", POWER_COUNT, 'y' },
	{ "", NULL, NULL, "container_list", POWER_EXEC, '-' },
	{ "", NULL, NULL, "container_create", POWER_PRIVILEGED, 'y' },
	{ "DSP_PROFILE=hardened", NULL, NULL, "container_create", POWER_PRIVILEGED, 'n' },
	{ "", NULL, NULL, "unknown", POWER_COUNT, 'n' },
	{ "ALLOW_UNKNOWN=1", NULL, NULL, "unknown", POWER_UNKNOWN, 'y' },
	{ "", NULL, NULL, "unknown", POWER_EXEC, '-' },
	{ "", rules, "anna", "container_create", POWER_COUNT, 'y' },
	{ "", rules, "anna", "container_create", POWER_PRIVILEGED, 'n' },
	{ "", rules, "bob", "container_create", POWER_PRIVILEGED, 'y' },
	/* Of an item that the rule's list covers. */
	{ "", rules, "anna", "container_create", POWER_HOST_MOUNTS, 'y' },
	{ "", rules, "anna", "container_create", POWER_PUBLISH_PORTS, 'y' },
	{ "", rules, "bob", "container_create", POWER_HOST_MOUNTS, 'n' },
	{ "", rules, NULL, "container_create", POWER_COUNT, 'n' },
};

static void each_row(void **state)
{
	static struct world w;

	(void)state;
	for (const struct row *r = table; r < table + sizeof(table) / sizeof(table[0]); r++) {
		struct request rq = { .user = span_of(r->user) };
		struct access_query query = { .power = r->power };
		struct access_answer a;
		struct subject subject;
		char got = '-';

		world_open(&w, r->flags, r->file);
		subject = subject_identify(w.file.rules, &rq);
		if (access_query_answer(&w.policy, &subject, route_of(r->operation), &query, &a)) {
			got = a.decision.verdict == VERDICT_ALLOW ? 'y' : 'n';
			assert_true((got == 'n') == (a.message[0] != '\0'));
		}
		if (got != r->answer)
			fail_msg("%s %s: %c", r->flags, r->operation, got);
		world_close(&w);
	}
}

/* With attributes of its own a query tries no other items. */
static void with_item(void **state)
{
	static const struct {
		const char *path;
		bool may;
	} rows[] = { { "/srv", true }, { "/etc", false } };
	static struct world w;
	struct request rq = { .user = SPAN("anna") };
	struct subject subject;

	(void)state;
	world_open(&w, "", rules);
	subject = subject_identify(w.file.rules, &rq);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mount_info mount = { .visible = true };
		struct attribute item = { .power = POWER_HOST_MOUNTS,
			.kind = ATTRIBUTE_MOUNT,
			.text = span_of(rows[i].path),
			.mount_info = &mount };
		struct facts with = { .attributes = { .items = &item, .count = 1 } };
		struct access_query query = { .power = POWER_COUNT, .with = &with };
		struct access_answer a;

		memcpy(mount.path, rows[i].path, strlen(rows[i].path));
		powerset_add(&with.powers, POWER_HOST_MOUNTS);
		assert_true(access_query_answer(
			&w.policy, &subject, route_of("container_create"), &query, &a));
		assert_int_equal(a.decision.verdict == VERDICT_ALLOW, rows[i].may);
		/* No mount can be asked for there. */
		assert_false(access_query_answer(
			&w.policy, &subject, route_of("container_list"), &query, &a));
	}
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row),
		cmocka_unit_test(with_item),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
