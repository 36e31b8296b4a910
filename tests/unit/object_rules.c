/* What words such as own, label:x and name:x cover in an allow rule, and touch in a deny rule. */
#include "questions.h"

#include <stdio.h>

#include "dsp/core/policy/rule_match.h"

#define LABELS(...)                                                                                \
	.labels = (const struct object_label[]){ __VA_ARGS__ },                                    \
	.label_count = sizeof((const struct object_label[]){ __VA_ARGS__ }) /                      \
		sizeof(struct object_label)
#define LABEL(k, v)                                                                                \
	{                                                                                          \
		SPAN_INIT(k), SPAN_INIT(v)                                                         \
	}
#define OWNED(who)                                                                                 \
	{                                                                                          \
		.state = OBJECT_FOUND, .name = SPAN_INIT("web"), .owner = SPAN_INIT(who)           \
	}
#define NAMED(n)                                                                                   \
	{                                                                                          \
		.state = OBJECT_FOUND, .name = SPAN_INIT(n)                                        \
	}
#define IMAGE(n)                                                                                   \
	{                                                                                          \
		.state = OBJECT_FOUND, .name = SPAN_INIT("web"), .image = SPAN_INIT(n)             \
	}

/* Users ana (in @red), bob (in @blue) and carl (in both); cn:x is in a rule; "cn:?" is unknown. */
static const char head[] =
	"{'users': {'ana': {'common_names': ['ana']}, 'bob': {'common_names': ['bob']}, "
	"'carl': {'common_names': ['carl']}}, "
	"'groups': {'red': ['ana', 'carl'], 'blue': ['bob', 'carl'], 'none': []}, 'rules': ["
	"{'name': 'x', 'who': ['cn:x'], 'deny': ['image_list']},";

static const struct object_info missing = { .state = OBJECT_MISSING };
static const struct object_info unknown = { .state = OBJECT_UNKNOWN };
static const struct object_info unsure_owner = {
	.state = OBJECT_FOUND, .name = SPAN_INIT("web"), .owner_unsure = true
};
static const struct object_info of_nobody = OWNED("");
static const struct object_info of_ana = OWNED("ana");
static const struct object_info of_bob = OWNED("bob");
static const struct object_info of_red = OWNED("@red");
static const struct object_info of_x = OWNED("cn:x");
static const struct object_info of_y = OWNED("cn:y");
static const struct object_info of_anonymous = OWNED("anonymous");
static const struct object_info of_gone = OWNED("@gone");
static const struct object_info made = { .state = OBJECT_MADE,
	.name = SPAN_INIT("web"),
	LABELS(LABEL("team", "red")),
	.labels_unsure = true };
static const struct object_info made_unnamed = { .state = OBJECT_MADE };
static const struct object_info made_unsure = { .state = OBJECT_MADE, .owner_unsure = true };
static const struct object_info web = NAMED("web");
static const struct object_info web1 = NAMED("web-1");
static const struct object_info labelled = { .state = OBJECT_FOUND,
	.name = SPAN_INIT("web"),
	LABELS(LABEL("team", "red"), LABEL("empty", ""), LABEL("a", "b=c")) };
static const struct object_info unsure = { .state = OBJECT_FOUND,
	.name = SPAN_INIT("web"),
	LABELS(LABEL("team", "red")),
	.labels_unsure = true };
static const struct object_info nginx = IMAGE("docker.io/library/nginx:1");
static const struct object_info port = IMAGE("Registry.corp:443/a/nginx:1");
static const struct object_info by_id = IMAGE("docker.io/library/cafe:latest");
static const struct object_info by_digest = IMAGE("docker.io/library/nginx:1@sha256:ab");
static const struct object_info full_id = IMAGE("sha256:cafe");

enum { NO, YES };

static const struct row {
	const char *list;
	const char *word;
	const struct object_info *object; /* NULL: not looked up */
	const char *user;                 /* "": anonymous; "?": a certificate of nobody */
	bool covers;
	bool touches;
	const char *more; /* members of the allow rule, before the list */
} table[] = {
	/* What dsp does not know: only "*" covers it, and every word of a deny rule touches it. */
	{ "containers", "*", NULL, "ana", YES, YES, "" },
	{ "containers", "*", &unknown, "ana", YES, YES, "" },
	{ "containers", "*", &web, "ana", YES, YES, "" },
	{ "containers", "name:*", NULL, "ana", NO, YES, "" },
	{ "containers", "name:*", &unknown, "ana", NO, YES, "" },
	{ "containers", "name:*", &missing, "ana", NO, YES, "" },
	{ "containers", "label:a", NULL, "ana", NO, YES, "" },
	{ "containers", "image:*", &unknown, "ana", NO, YES, "" },
	{ "containers", "own", NULL, "ana", NO, YES, "" },
	{ "containers", "own:bob", &unknown, "ana", NO, YES, "" },
	{ "networks", "own", NULL, "ana", NO, YES, "" },
	{ "volumes", "label:a=b", &unknown, "ana", NO, YES, "" },
	/* names */
	{ "containers", "name:web", &web, "ana", YES, YES, "" },
	{ "containers", "name:web", &web1, "ana", NO, NO, "" },
	{ "containers", "name:web*", &web1, "ana", YES, YES, "" },
	{ "containers", "name:*", &web1, "ana", YES, YES, "" },
	{ "containers", "name:eb", &web, "ana", NO, NO, "" },
	{ "containers", "name:web", &made, "ana", YES, YES, "" },
	{ "containers", "name:db", &made, "ana", NO, NO, "" },
	/* dockerd makes a name up: letters and an underscore, or digits of an id */
	{ "containers", "name:*", &made_unnamed, "ana", YES, YES, "" },
	{ "containers", "name:web*", &made_unnamed, "ana", NO, YES, "" },
	{ "containers", "name:prod-*", &made_unnamed, "ana", NO, NO, "" },
	{ "containers", "name:web", &made_unnamed, "ana", NO, NO, "" },
	{ "containers", "name:brave_curie", &made_unnamed, "ana", NO, YES, "" },
	{ "containers", "name:cafe", &made_unnamed, "ana", NO, YES, "" },
	/* labels: those that are known for certain, and others that may be there */
	{ "containers", "label:team", &labelled, "ana", YES, YES, "" },
	{ "containers", "label:team=red", &labelled, "ana", YES, YES, "" },
	{ "containers", "label:team=re", &labelled, "ana", NO, NO, "" },
	{ "containers", "label:team=", &labelled, "ana", NO, NO, "" },
	{ "containers", "label:empty=", &labelled, "ana", YES, YES, "" },
	{ "containers", "label:a=b=c", &labelled, "ana", YES, YES, "" },
	{ "containers", "label:other", &labelled, "ana", NO, NO, "" },
	{ "containers", "label:Team", &labelled, "ana", NO, NO, "" },
	{ "containers", "label:team=red", &unsure, "ana", YES, YES, "" },
	{ "containers", "label:team=blue", &unsure, "ana", NO, NO, "" },
	{ "containers", "label:other", &unsure, "ana", NO, YES, "" },
	{ "containers", "label:team=red", &made, "ana", YES, YES, "" },
	{ "containers", "label:team=blue", &made, "ana", NO, NO, "" },
	{ "containers", "label:other=x", &made, "ana", NO, YES, "" },
	{ "networks", "label:team=red", &labelled, "ana", YES, YES, "" },
	{ "networks", "label:team=blue", &labelled, "ana", NO, NO, "" },
	{ "volumes", "label:team=red", &labelled, "ana", YES, YES, "" },
	{ "volumes", "label:team=blue", &labelled, "ana", NO, NO, "" },
	{ "volumes", "label:team=blue", &missing, "ana", NO, YES, "" },
	/* images */
	{ "containers", "image:docker.io/library/nginx:*", &nginx, "ana", YES, YES, "" },
	{ "containers", "image:docker.io/library/nginx:2", &nginx, "ana", NO, NO, "" },
	{ "containers", "image:docker.io/library/ngin", &nginx, "ana", NO, NO, "" },
	{ "containers", "image:*", &web, "ana", YES, YES, "" },
	{ "containers", "image:*/*", &web, "ana", NO, YES, "" },
	{ "containers", "image:docker.io/library/x:1", &web, "ana", NO, YES, "" },
	{ "containers", "image:registry.corp/a/*", &port, "ana", NO, YES, "" },
	{ "containers", "image:REGISTRY.corp:443/a/nginx:1", &nginx, "ana", NO, NO, "" },
	{ "containers", "image:docker.io/library/*", &by_id, "ana", NO, YES, "" },
	{ "containers", "image:docker.io/library/other:1", &by_id, "ana", NO, YES, "" },
	{ "containers", "image:docker.io/library/cafe:latest", &by_id, "ana", YES, YES, "" },
	{ "containers", "image:docker.io/library/nginx:*", &by_digest, "ana", NO, YES, "" },
	{ "containers", "image:sha256:*", &full_id, "ana", NO, YES, "" },
	{ "containers", "image:sha256:cafe", &full_id, "ana", YES, YES, "" },
	{ "containers", "image:sha256:cafe", &nginx, "ana", NO, YES, "" },
	/* own: of this user, or of a group that the user is in */
	{ "containers", "own", &of_ana, "ana", YES, YES, "" },
	{ "containers", "own", &of_bob, "ana", NO, NO, "" },
	{ "containers", "own", &of_nobody, "ana", NO, NO, "" },
	{ "containers", "own", &of_red, "ana", YES, YES, "" },
	{ "containers", "own", &of_red, "carl", YES, YES, "" },
	{ "containers", "own", &of_red, "bob", NO, NO, "" },
	{ "containers", "own", &of_gone, "ana", NO, NO, "" },
	{ "containers", "own", &unsure_owner, "ana", NO, YES, "" },
	{ "containers", "own", &of_anonymous, "", YES, YES, "" },
	{ "containers", "own", &of_ana, "", NO, NO, "" },
	{ "containers", "own", &of_x, "x", YES, YES, "" },
	{ "containers", "own", &of_y, "x", NO, NO, "" },
	/* Rules do not know the name of a certificate that none of them has. */
	{ "containers", "own", &of_y, "?", NO, YES, "" },
	{ "containers", "own", &of_ana, "?", NO, NO, "" },
	{ "containers", "own", &of_nobody, "?", NO, NO, "" },
	{ "networks", "own", &of_ana, "ana", YES, YES, "" },
	{ "networks", "own", &of_bob, "ana", NO, NO, "" },
	{ "volumes", "own", &of_ana, "ana", YES, YES, "" },
	{ "volumes", "own", &of_bob, "ana", NO, NO, "" },
	{ "volumes", "own", &missing, "ana", NO, YES, "" },
	/* own:USER, whoever asks */
	{ "containers", "own:bob", &of_bob, "ana", YES, YES, "" },
	{ "containers", "own:bob", &of_ana, "bob", NO, NO, "" },
	{ "containers", "own:bob", &of_red, "bob", NO, NO, "" },
	{ "containers", "own:carl", &of_red, "bob", YES, YES, "" },
	{ "containers", "own:anonymous", &of_anonymous, "ana", YES, YES, "" },
	{ "containers", "own:cn:x", &of_x, "ana", YES, YES, "" },
	{ "containers", "own:cn:x", &of_y, "ana", NO, NO, "" },
	{ "containers", "own:bob", &unsure_owner, "ana", NO, YES, "" },
	/* own:@GROUP: of the group, and of its members */
	{ "containers", "own:@red", &of_red, "bob", YES, YES, "" },
	{ "containers", "own:@red", &of_ana, "bob", YES, YES, "" },
	{ "containers", "own:@red", &of_bob, "ana", NO, NO, "" },
	{ "containers", "own:@red", &of_nobody, "ana", NO, NO, "" },
	{ "containers", "own:@red", &of_x, "ana", NO, NO, "" },
	{ "containers", "own:@none", &of_ana, "ana", NO, NO, "" },
	{ "containers", "own:@red", &unsure_owner, "ana", NO, YES, "" },
	/* What the request makes will be its user's, or whose the rule says. */
	{ "containers", "own", &made, "ana", YES, YES, "" },
	{ "containers", "own", &made, "", YES, YES, "" },
	{ "containers", "own", &made, "?", YES, YES, "" },
	{ "containers", "own", &made_unsure, "ana", NO, YES, "" },
	{ "containers", "own:ana", &made, "ana", YES, YES, "" },
	{ "containers", "own:ana", &made, "bob", NO, NO, "" },
	{ "containers", "own:@red", &made, "ana", YES, YES, "" },
	{ "containers", "own:@red", &made, "bob", NO, NO, "" },
	{ "containers", "own:@red", &made, "?", NO, NO, "" },
	{ "containers", "own:@red", &made, "carl", NO, YES, "'owner': '@blue', 'who': ['carl'], " },
	{ "containers", "own:ana", &made, "carl", NO, NO, "'owner': '@blue', 'who': ['carl'], " },
	{ "containers", "own:bob", &made, "carl", YES, NO, "'owner': '@blue', 'who': ['carl'], " },
	{ "containers", "own", &made, "carl", YES, YES, "'owner': '@blue', 'who': ['carl'], " },
	{ "containers", "own", &made, "ana", YES, YES, "'owner': 'inherit', 'who': ['ana'], " },
	/* Plain names are names as before, whatever dockerd says. */
	{ "networks", "web", &of_ana, "ana", YES, YES, "" },
	{ "networks", "name:web", NULL, "ana", YES, YES, "" },
	{ "networks", "name:own", &of_ana, "ana", NO, NO, "" },
	{ "volumes", "we*", &missing, "ana", YES, YES, "" },
	{ "volumes", "name:x", &of_ana, "ana", NO, NO, "" },
};

static enum attribute_kind kind_of(const char *list)
{
	if (strcmp(list, "networks") == 0)
		return ATTRIBUTE_NETWORK;
	return strcmp(list, "volumes") == 0 ? ATTRIBUTE_VOLUME : ATTRIBUTE_CONTAINER;
}

static size_t subject_of(const struct world *w, const char *user)
{
	if (user[0] == '?')
		return SUBJECT_UNKNOWN_CERTIFICATE;
	if (strcmp(user, "x") == 0)
		return rules_find_subject(w->file.rules, SPAN("cn:x"));
	return user[0] ? rules_find_subject(w->file.rules, span_of(user)) : SUBJECT_ANONYMOUS;
}

static void open_row(struct world *w, const struct row *r)
{
	char file[1024];

	(void)snprintf(file, sizeof(file),
		"%s{'name': 'a', %s'allow': ['container_create', 'image_pull'], %s'powers': ['*'], '%s': ['%s']},"
		"{'name': 'd', 'who': ['*'], 'deny': ['image_pull'], '%s': ['%s']}], "
		"'otherwise': 'deny'}",
		head, strstr(r->more, "'who'") ? "" : "'who': ['*'], ", r->more, r->list, r->word,
		r->list, r->word);
	world_open(w, "", file);
}

static bool matches(const struct world *w, size_t rule, size_t subject, struct attribute *d)
{
	size_t count;
	struct facts facts = { .route = route_rows(&count), .plain_name = true };
	struct mount_info no_swarm = { .visible = true };

	while (facts.route->operation != OP_IMAGE_PULL)
		facts.route++;
	facts.docker_paths[DOCKER_SWARM].info = &no_swarm;
	facts.attributes = (struct attributes){ .items = d, .count = d ? 1 : 0 };
	return rule_match(&w->file.rules->items[rule], subject, &facts, &facts.powers).result ==
		MATCH_YES;
}

enum { ALLOW = 1, DENY };

static void each_word(void **state)
{
	static struct world w;

	(void)state;
	for (const struct row *r = table; r < table + sizeof(table) / sizeof(table[0]); r++) {
		struct attribute d = { .power = POWER_COUNT,
			.kind = kind_of(r->list),
			.text = SPAN("web"),
			.object = r->object };
		size_t subject;

		open_row(&w, r);
		subject = subject_of(&w, r->user);
		if (matches(&w, ALLOW, subject, &d) != r->covers)
			fail_msg("%zu: %s covers", (size_t)(r - table), r->word);
		if (matches(&w, DENY, subject, &d) != r->touches)
			fail_msg("%zu: %s touches", (size_t)(r - table), r->word);
		/* Anything of its kind, or only a list of such things. */
		d.whole = true;
		assert_int_equal(matches(&w, ALLOW, subject, &d), strcmp(r->word, "*") == 0);
		assert_true(matches(&w, DENY, subject, &d));
		d.listing = true;
		assert_int_equal(matches(&w, ALLOW, subject, &d), strcmp(r->word, "*") == 0);
		assert_false(matches(&w, DENY, subject, &d));
		/* A request that names nothing of the kind. */
		assert_true(matches(&w, ALLOW, subject, NULL));
		assert_false(matches(&w, DENY, subject, NULL));
		world_close(&w);
	}
}

static const struct {
	const char *rule;
	unsigned kinds; /* for ana and container_stop */
	bool owners;
} askers[] = {
	{ "'who': ['ana'], 'allow': ['*'], 'containers': ['*']", 0, false },
	{ "'who': ['ana'], 'allow': ['*'], 'networks': ['x', 'name:own'], 'volumes': ['a*']", 0,
		false },
	{ "'who': ['ana'], 'allow': ['*'], 'containers': ['name:x']", 1u << ATTRIBUTE_CONTAINER,
		false },
	{ "'who': ['ana'], 'allow': ['*'], 'volumes': ['x', 'own'], 'networks': ['label:a']",
		1u << ATTRIBUTE_VOLUME | 1u << ATTRIBUTE_NETWORK, true },
	{ "'who': ['bob'], 'allow': ['*'], 'containers': ['own']", 0, true },
	{ "'who': ['ana'], 'deny': ['container_kill'], 'containers': ['own']", 0, true },
	{ "'who': ['ana'], 'deny': ['*'], 'containers': ['own:bob']", 1u << ATTRIBUTE_CONTAINER,
		true },
	{ "'who': ['ana'], 'deny': ['*'], 'mode': 'monitor', 'containers': ['label:a']",
		1u << ATTRIBUTE_CONTAINER, false },
	{ "'who': ['ana'], 'allow': ['container_create'], 'owner': 'inherit'", 0, true },
	/* A rule before it decides every request of these users and this operation. */
	{ "'who': ['@red'], 'allow': ['*'], 'powers': ['*']}, {'name': 'o', "
	  "'who': ['*'], 'allow': ['*'], 'containers': ['label:a']",
		0, false },
	{ "'who': ['@red'], 'deny': ['container_*']}, {'name': 'o', "
	  "'who': ['*'], 'allow': ['*'], 'containers': ['label:a']",
		0, false },
	/* Not of all these users, or not every request. */
	{ "'who': ['bob'], 'allow': ['*'], 'powers': ['*']}, {'name': 'o', "
	  "'who': ['*'], 'allow': ['*'], 'containers': ['label:a']",
		1u << ATTRIBUTE_CONTAINER, false },
	{ "'who': ['@red'], 'allow': ['*'], 'powers': ['stop']}, {'name': 'o', "
	  "'who': ['*'], 'allow': ['*'], 'containers': ['label:a']",
		1u << ATTRIBUTE_CONTAINER, false },
	{ "'who': ['@red'], 'deny': ['*'], 'powers': ['stop']}, {'name': 'o', "
	  "'who': ['*'], 'allow': ['*'], 'containers': ['label:a']",
		1u << ATTRIBUTE_CONTAINER, false },
	{ "'who': ['@red'], 'deny': ['*'], 'mode': 'monitor'}, {'name': 'o', "
	  "'who': ['*'], 'allow': ['*'], 'containers': ['label:a']",
		1u << ATTRIBUTE_CONTAINER, false },
	{ "'who': ['@red'], 'allow': ['*'], 'powers': ['*'], 'images': ['*']}, {'name': 'o', "
	  "'who': ['*'], 'allow': ['*'], 'containers': ['label:a']",
		1u << ATTRIBUTE_CONTAINER, false },
	{ "'who': ['ana'], 'allow': ['*'], 'owner': '@red'", 0, true },
};

/* Only a word that speaks of what a thing is has dockerd asked. */
static void asked(void **state)
{
	static struct world w;

	(void)state;
	assert_int_equal(rules_ask_about(NULL, 0, OP_CONTAINER_STOP), 0);
	assert_false(rules_speak_of_owners(NULL));
	for (size_t i = 0; i < sizeof(askers) / sizeof(askers[0]); i++) {
		char file[1024];

		(void)snprintf(file, sizeof(file), "%s{'name': 'r', %s}], 'otherwise': 'deny'}",
			head, askers[i].rule);
		world_open(&w, "", file);
		assert_int_equal(
			rules_ask_about(w.file.rules, subject_of(&w, "ana"), OP_CONTAINER_STOP),
			askers[i].kinds);
		assert_int_equal(rules_speak_of_owners(w.file.rules), askers[i].owners);
		world_close(&w);
	}
}

/* A route that dsp does not know may name any container. */
static void unknown_route(void **state)
{
	struct facts facts = { .route = NULL };
	struct powerset powers = { { 0 } };
	static struct world w;

	(void)state;
	powerset_add(&powers, POWER_UNKNOWN);
	world_open(&w, "",
		"{'rules': [{'name': 'a', 'who': ['*'], 'allow': ['*'], 'powers': ['unknown'], "
		"'containers': ['own']}, {'name': 'd', 'who': ['*'], 'deny': ['*'], "
		"'containers': ['own']}, {'name': 'n', 'who': ['*'], 'allow': ['*'], "
		"'powers': ['unknown'], 'images': []}], 'otherwise': 'deny'}");
	assert_int_equal(
		rule_match(&w.file.rules->items[0], 0, &facts, &powers).result, MATCH_NOT_LIST);
	assert_int_equal(rule_match(&w.file.rules->items[1], 0, &facts, &powers).result, MATCH_YES);
	assert_int_equal(rule_match(&w.file.rules->items[2], 0, &facts, &powers).result, MATCH_YES);
	world_close(&w);
}

/* A mount of the directory of volumes holds each of them, also one of another owner. */
static void held_volumes(void **state)
{
	static const struct row row = { "volumes", "own:bob", NULL, "ana", NO, YES, "" };
	static const struct mount_info seen = { .visible = true, .path = "/var/lib/docker" };
	static const struct mount_info other = { .visible = true, .path = "/srv" };
	static struct world w;
	struct attribute d = { .power = POWER_HOST_MOUNTS,
		.kind = ATTRIBUTE_MOUNT,
		.text = SPAN("/x"),
		.clean = SPAN("/x"),
		.mount_info = &seen };

	(void)state;
	open_row(&w, &row);
	assert_true(matches(&w, DENY, subject_of(&w, "ana"), &d));
	d.mount_info = &other;
	assert_false(matches(&w, DENY, subject_of(&w, "ana"), &d));
	world_close(&w);
}

/* What a denied user reads of the thing. */
static void lacks(void **state)
{
	static const struct {
		const char *word;
		const struct object_info *object;
		const char *text, *lack;
	} rows[] = {
		{ "own", &of_bob, "web", "container web (owned by bob)" },
		{ "own", &of_bob, "3f2a", "container 3f2a (web, owned by bob)" },
		{ "own:@red", &of_nobody, "web", "container web (owned by nobody)" },
		{ "own", &unsure_owner, "web", "container web (its owner is not known)" },
		{ "label:x", &of_bob, "web", "container web" },
		{ "name:x", &of_bob, "3f2a", "container 3f2a (web)" },
		{ "own", NULL, "web", "container web (dsp does not know what it is)" },
		{ "label:x", &unknown, "web", "container web (dsp does not know what it is)" },
		{ "own", &missing, "web", "container web (there is none)" },
		{ "name:x", &made, "web", "container web" },
	};
	static struct world w;
	char text[LACK_MOST];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row row = { "containers", rows[i].word, NULL, "", NO, NO, "" };
		struct attribute d = { .power = POWER_COUNT,
			.kind = ATTRIBUTE_CONTAINER,
			.text = span_of(rows[i].text),
			.object = rows[i].object };

		open_row(&w, &row);
		lack_write(&(struct lack){ .power = POWER_COUNT,
				   .list = LIST_CONTAINERS,
				   .item = &d,
				   .by = &w.file.rules->items[ALLOW].lists[LIST_CONTAINERS] },
			text);
		assert_string_equal(text, rows[i].lack);
		world_close(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_word),
		cmocka_unit_test(asked),
		cmocka_unit_test(unknown_route),
		cmocka_unit_test(held_volumes),
		cmocka_unit_test(lacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
