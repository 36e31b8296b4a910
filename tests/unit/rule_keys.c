/*
 * The keys by which rules are found: random rules with lists of every kind, and random requests
 * with what a look-up may find, also what no request can have. A walk through all rules finds no
 * match that the index passes over, and decides the same. ROUNDS and SEED make it longer and other.
 */
#include "equal_decisions.h"

#include <stdarg.h>
#include <stdio.h>

#include "dsp/core/base/text.h"
#include "dsp/core/parse/reference.h"
#include "dsp/core/policy/policy_file.h"
#include "dsp/core/policy/rule_index.h"
#include "dsp/core/policy/rule_match.h"

enum { REQUESTS = 40, TEXT = 200, THINGS_MOST = 60, PATHS_MOST = 8192 };

static uint64_t dice;
static bool deep; /* texts are long, and begin alike */
/* A verb: each rule has it, and lists all that begins a little longer than the one before. */
static const char *ladder;
static size_t matches, looked_at, all_rules;
static size_t decided[3]; /* by enum rule_verb */

static unsigned any(unsigned n)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (unsigned)(dice >> 33) % n;
}

static const char *one_of(const char *const *texts, unsigned n)
{
	return texts[any(n)];
}

#define ONE_OF(...)                                                                                \
	one_of((const char *const[]){ __VA_ARGS__ },                                               \
		sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *))

/* --- texts: few pieces, so that they meet ------------------------------------------------------*/

static void add(char out[TEXT], const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(char out[TEXT], const char *format, ...)
{
	size_t n = strlen(out);
	va_list list;

	va_start(list, format);
	(void)vsnprintf(out + n, TEXT - n, format, list);
	va_end(list);
}

/* few: of rules that are many, so that each has another. */
static void add_piece(char out[TEXT], bool many)
{
	if (many && any(4))
		add(out, "%u", any(500));
	else
		add(out, "%s", ONE_OF("a", "b", "ab", "a", "b", "a-b", "a.b", "x"));
}

static enum power any_power(void)
{
	unsigned power = any(POWER_COUNT);

	return (enum power)power;
}

static void path(char out[TEXT], bool many)
{
	unsigned depth = any(deep ? 2 : 8) ? 1 + any(3) : 0;

	out[0] = '\0';
	for (unsigned i = deep ? any(60) : 0; i > 0; i--)
		add(out, "/a");
	for (unsigned i = 0; i < depth; i++) {
		add(out, "/");
		add_piece(out, many && !deep);
	}
	if (out[0] == '\0')
		add(out, "/");
}

static void name(char out[TEXT], bool many)
{
	out[0] = '\0';
	if (any(16) == 0)
		add(out, "%s", ONE_OF("0123456789ab", "abcdefghijklmnopqrstuvwx1", "-a", "a-"));
	else
		add_piece(out, many && !deep);
	for (unsigned i = deep ? any(45) : 0; i > 0; i--)
		add(out, "-a");
	for (unsigned i = any(deep ? 2 : 3); i > 0 && strlen(out) < TEXT / 2; i--) {
		add(out, "%s", ONE_OF("-", "_", ".", "-"));
		add_piece(out, many);
	}
}

static void image(char out[TEXT], bool many)
{
	out[0] = '\0';
	if (any(16) == 0) {
		add(out, "%s",
			ONE_OF("sha256:00", "sha256:0123", "r:5000/a:b:c", "R/a", "r:443/a:1"));
		return;
	}
	add(out, "%s", ONE_OF("r", "r:5000", "docker.io/library", "r", "index.docker.io/library"));
	for (unsigned i = deep ? any(45) : 0; i > 0; i--)
		add(out, "/a");
	for (unsigned i = deep ? any(2) : 1 + any(2); i > 0; i--) {
		add(out, "/");
		add_piece(out, many && !deep);
	}
	if (any(3))
		add(out, "%s", ONE_OF(":1", ":1.0", ":1-a", ":latest", ":2"));
	if (any(5) == 0)
		add(out, "%s", ONE_OF("@sha256:00", "@sha256:0123"));
}

/* Makes a glob of a text, mostly of its start. */
static void star(char text[TEXT])
{
	size_t n = strlen(text);
	char rest[TEXT];
	size_t at = any((unsigned)n + 1);

	if (any(3) == 0)
		return;
	(void)snprintf(rest, sizeof(rest), "%s", text + at + any((unsigned)(n - at) + 1));
	if (any(3))
		rest[0] = '\0';
	text[at] = '\0';
	add(text, "*%s", rest);
}

/* --- rules -------------------------------------------------------------------------------------*/

static void write_item(FILE *f, const char *list, bool many)
{
	char text[TEXT];

	if (list[0] == 'm') {
		path(text, many);
		(void)fprintf(f, "\"%s%s\"", text,
			text[1] ? ONE_OF("", "", ":ro", "/**", ":rw") : ONE_OF("", ":ro"));
	} else if (list[0] == 'i') {
		image(text, many);
		star(text);
		/* The others match no image. */
		(void)fprintf(f, "\"%s%s\"",
			strchr(text, '/') || strncmp(text, "sha256:", 7) == 0 ? "" : "*", text);
	} else if (any(6) == 0) {
		(void)fprintf(f, "\"%s\"",
			ONE_OF("own", "own:u1", "label:k=v", "label:k", "*", "own:@g"));
	} else {
		name(text, many);
		star(text);
		(void)fprintf(f, "\"name:%s\"", text);
	}
}

static void write_rung(FILE *f, const char *list, unsigned height)
{
	bool is_mount = list[0] == 'm';
	bool is_image = list[0] == 'i';

	(void)fprintf(f, ", \"%s\": [\"%s", list, is_mount ? "" : is_image ? "r" : "name:a");
	for (; height > 0; height--)
		(void)fputs(is_mount || is_image ? "/a" : "-a", f);
	(void)fputs(is_mount ? "/**\"]" : is_image ? "/*\"]" : "-*\"]", f);
}

static void write_list(FILE *f, const char *list, bool many)
{
	(void)fprintf(f, ", \"%s\": [", list);
	for (unsigned i = any(10) ? 1 + any(deep ? 40 : any(4) ? 2 : 8) : 0; i > 0; i--) {
		write_item(f, list, many);
		(void)fputs(i > 1 ? ", " : "", f);
	}
	(void)fputs("]", f);
}

static void write_rule(FILE *f, unsigned i, bool many)
{
	static const char *const lists[] = { "mounts", "images", "networks", "volumes",
		"containers" };
	const char *verb = ladder ? ladder : ONE_OF("allow", "deny", "ask", "deny", "allow");

	(void)fprintf(f, "%s{\"name\": \"r%u\", \"who\": [%s], \"%s\": [%s]", i > 0 ? ", " : "", i,
		ONE_OF("\"*\"", "\"u1\"", "\"@g\"", "\"*\""), verb,
		ONE_OF("\"*\"", "\"*\"", "\"container_*\"", "\"unknown\""));
	(void)fputs(ONE_OF("", "", ", \"powers\": [\"*\"]", ", \"powers\": [\"create\"]",
			    ", \"powers\": [\"host_mounts\", \"create\"]"),
		f);
	if (ladder)
		write_rung(f, lists[i % 5], i / 5);
	for (size_t k = 0; k < 5 && !ladder; k++) {
		/* Rules that are many are mostly alike but for one list. */
		if (any(3) == 0)
			write_list(f, lists[k], many && any(3));
	}
	if (any(12) == 0)
		(void)fputs(", \"devices\": [\"/dev/a\", \"/a/b\"]", f);
	if (any(12) == 0)
		(void)fputs(", \"ports\": [\"80\"]", f);
	if (verb[0] != 'a' || verb[1] != 'l')
		(void)fputs(any(4) ? "" : ", \"mode\": \"monitor\"", f);
	(void)fputs("}", f);
}

static char *write_policy(void)
{
	unsigned rules = any(4) ? 1 + any(12) : 1 + any(any(8) || deep ? 100 : 700);
	bool many = rules > 12;
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	assert_non_null(f);
	rules = ladder ? 250 : rules;
	(void)fputs("{\"users\": {\"u1\": {\"common_names\": [\"u1\"]}, \"u2\": {\"common_names\": "
		    "[\"u2\"]}}, \"groups\": {\"g\": [\"u2\"]}, \"rules\": [",
		f);
	for (unsigned i = 0; i < rules; i++)
		write_rule(f, i, many);
	(void)fprintf(f, "], \"otherwise\": \"%s\"}", any(2) ? "deny" : "profile");
	(void)fclose(f);
	return text;
}

/* --- requests ----------------------------------------------------------------------------------*/

struct thing {
	char text[TEXT];
	char clean[TEXT];
	char plain[TEXT];
	struct mount_info info;
	char name[TEXT];
	struct object_info object;
};

static struct thing things[THINGS_MOST];
static struct mount_info paths_info[PATHS_MOST];
static struct rule_path paths[PATHS_MOST];

static void any_info(struct mount_info *ret, const char *at, bool many)
{
	char text[TEXT];

	path(text, many);
	*ret = (struct mount_info){ .visible = any(10) != 0,
		.unknown = any(20) == 0,
		.holds_mounts = any(3) == 0,
		.node = "dcb"[any(3)],
		.file_system = any(2),
		.inode = any(many ? 2000 : 30) };
	if (any(20) == 0) /* it was cut */
		memset(ret->path, 'a', sizeof(ret->path) - 1);
	else
		text_copy(span_of(any(3) ? at : text), ret->path, sizeof(ret->path));
	path(text, many);
	if (any(3))
		(void)snprintf(ret->place, sizeof(ret->place), "8:%u%.200s", any(3), text);
}

/* Makes what a rule lists a little other: longer, shorter, with something for the star. */
static void change(char text[TEXT], enum list_kind k)
{
	char rest[TEXT];
	char *cut = strchr(text, '*');

	if (cut) {
		(void)snprintf(rest, sizeof(rest), "%s", cut + 1);
		*cut = '\0';
		if (any(2))
			add_piece(text, false);
		add(text, "%s", rest);
	}
	if (any(3) == 0)
		return;
	cut = strrchr(text, k == LIST_MOUNTS ? '/' : (int)"-_./:@"[any(6)]);
	if (cut && any(2))
		*cut = '\0';
	if (any(2) == 0)
		return;
	if (k == LIST_MOUNTS)
		add(text, "/%s", ONE_OF("a", "b", "x"));
	else if (k == LIST_IMAGES)
		add(text, "%s", ONE_OF(":1", "@sha256:00", ":2@sha256:0123", "/a", "-a", "1"));
	else
		add(text, "%s", ONE_OF("-a", "_b", ".x", "1"));
}

/* Makes text one that is like an item of a list of this kind, if a rule that is met has one. */
static void of_rules(const struct rules *rules, enum list_kind k, char text[TEXT])
{
	const struct list *list;
	struct span item;

	if (rules->count == 0)
		return;
	list = &rules->items[any((unsigned)rules->count)].lists[k];
	if (list->count == 0)
		return;
	item = list->items[any((unsigned)list->count)].text;
	if (span_starts(item, SPAN("name:")))
		item = span_after(item, strlen("name:"));
	text_copy(item, text, TEXT);
	change(text, k);
	if (text[0] == '\0')
		add(text, "%s", k == LIST_MOUNTS ? "/" : "a");
}

static void any_object(const struct rules *rules, struct thing *t, bool many)
{
	static const struct object_label label = { SPAN_INIT("k"), SPAN_INIT("v") };
	static const enum object_state states[] = { OBJECT_FOUND, OBJECT_MADE, OBJECT_MISSING,
		OBJECT_UNKNOWN };

	name(t->name, many);
	of_rules(rules, LIST_CONTAINERS, t->name);
	t->object = (struct object_info){ .state = states[any(any(4) ? 2 : 4)],
		.name = span_of(any(16) ? t->name : ""),
		.labels = &label,
		.label_count = any(2),
		.labels_unsure = any(2),
		.owner = span_of(ONE_OF("u1", "u2", "@g", "", "anonymous")),
		.owner_unsure = any(16) == 0 };
}

static enum power power_of(enum attribute_kind kind)
{
	if (any(10) == 0)
		return any_power();
	if (kind == ATTRIBUTE_MOUNT)
		return any(4) ? POWER_HOST_MOUNTS : POWER_COUNT;
	if (kind == ATTRIBUTE_NETWORK)
		return any(2) ? POWER_NETWORK_CONNECT : POWER_COUNT;
	return POWER_COUNT;
}

static bool rare(bool usual)
{
	return !usual && any(16) == 0;
}

/* What an attribute says: mostly something like what a rule lists. */
static void any_text(
	const struct rules *rules, enum attribute_kind kind, struct thing *t, bool many)
{
	if (kind == ATTRIBUTE_IMAGE)
		image(t->text, many);
	else if (kind == ATTRIBUTE_MOUNT || kind == ATTRIBUTE_DEVICE)
		path(t->text, many);
	else
		name(t->text, many);
	for (size_t k = 0; k < LIST_COUNT && any(4); k++) {
		if (kind == list_attribute((enum list_kind)k))
			of_rules(rules, (enum list_kind)k, t->text);
	}
}

/* usual: only what requests often have. */
static struct attribute any_attribute(
	const struct rules *rules, struct thing *t, bool usual, bool many)
{
	static const enum attribute_kind kinds[] = { ATTRIBUTE_MOUNT, ATTRIBUTE_IMAGE,
		ATTRIBUTE_NETWORK, ATTRIBUTE_VOLUME, ATTRIBUTE_CONTAINER, ATTRIBUTE_MOUNT,
		ATTRIBUTE_DEVICE, ATTRIBUTE_OPTION };
	enum attribute_kind kind = kinds[any(usual ? 5 : 8)];
	bool whole = rare(usual);
	struct attribute d = { .kind = kind,
		.power = power_of(kind),
		.whole = whole,
		.maybe_id = rare(usual),
		.maybe_swarm = rare(usual),
		.mounted = kind == ATTRIBUTE_VOLUME && any(4) == 0,
		.all_tags = kind == ATTRIBUTE_IMAGE && any(5) == 0,
		.listing = rare(usual),
		.any_file = rare(usual),
		.read_only = any(2),
		.depth = any(2) ? DEPTH_WHOLE : DEPTH_TOP,
		.made = rare(usual),
		.field = span_of(ONE_OF("Binds", "NetworkMode", "VolumesFrom")),
		.mount_info = rare(usual) ? NULL : &t->info,
		.object = rare(usual) ? NULL : &t->object };

	any_text(rules, kind, t, many);
	if (kind != ATTRIBUTE_MOUNT && rare(usual))
		star(t->text);
	path(t->clean, many);
	d.text = whole ? SPAN("*") : span_of(d.made && any(2) ? "" : t->text);
	d.clean = span_of(kind == ATTRIBUTE_MOUNT && any(4) ? t->text : t->clean);
	d.plain = (struct span){ t->plain, reference_plain(d.text, t->plain) };
	if (any(8) == 0)
		d.plain.n = 0;
	any_info(&t->info, t->text, many);
	any_object(rules, t, many);
	return d;
}

static void make_request(const struct rules *rules, struct facts *facts, bool many)
{
	static const struct mount_info none = { .visible = true, .path = "/var/lib/docker/swarm" };
	bool usual = any(3) != 0;
	unsigned count = any(12) ? any(4) : any(THINGS_MOST);

	facts->attributes.count = 0;
	for (unsigned i = 0; i < count; i++) {
		struct attribute d = any_attribute(rules, &things[i], usual, many);

		assert_int_equal(attributes_add(&facts->attributes, &d), 0);
		/* As of "--network container:X": what has a container's network, and the container. */
		if (d.kind != ATTRIBUTE_NETWORK || any(4))
			continue;
		d.kind = ATTRIBUTE_CONTAINER;
		d.power = POWER_COUNT;
		assert_int_equal(attributes_add(&facts->attributes, &d), 0);
		facts->attributes.items[facts->attributes.count - 2].whole = true;
	}
	facts->powers = facts->maybe = (struct powerset){ { 0 } };
	for (unsigned i = any(3); i > 0; i--)
		powerset_add(&facts->powers, any_power());
	if (any(2))
		powerset_add(&facts->powers, POWER_HOST_MOUNTS);
	if (any(4) == 0)
		powerset_add(&facts->maybe, any_power());
	facts->incomplete = rare(usual);
	for (size_t i = 0; i < DOCKER_PATHS; i++)
		facts->docker_paths[i].info = any(4) ? &none : NULL;
	facts->rule_path_count = 0;
	facts->rule_paths = paths;
	for (size_t i = 0; i < rules->paths.count && !rare(false); i++) {
		char text[TEXT];

		text_copy(rules->paths.items[i], text, sizeof(text));
		any_info(&paths_info[i], text, many);
		if (any(4))
			text_copy(rules->paths.items[i], paths_info[i].path,
				sizeof(paths_info[i].path));
		paths[i] = (struct rule_path){ rules->paths.items[i],
			any(20) ? &paths_info[i] : NULL };
		facts->rule_path_count = i + 1;
	}
	if (any(3) == 0)
		facts->rule_path_count = 0;
}

/* --- the index and a walk ----------------------------------------------------------------------*/

static void same_matches(const struct rules *rules, size_t subject, const struct facts *facts)
{
	size_t operation = facts->route ? (size_t)facts->route->operation : (size_t)OPERATION_COUNT;
	struct powerset possible = facts->powers;
	static struct rule_choice chosen;
	size_t given = 0;

	powerset_add_all(&possible, &facts->maybe);
	rules_choose(rules, facts, &facts->powers, &possible, &chosen);
	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *r = &rules->items[i];
		const struct powerset *powers = r->verb == RULE_DENY ? &possible : &facts->powers;

		all_rules += bit_of(r->who, subject) && bit_of(r->operations, operation);
		if (rule_match(r, subject, facts, powers).result != MATCH_YES)
			continue;
		do {
			assert_true(given <= i);
			given = rules_next_chosen(rules, subject, operation, &chosen, given);
			looked_at++;
		} while (given++ < i);
		assert_int_equal(given, i + 1);
		matches++;
	}
	while ((given = rules_next_chosen(rules, subject, operation, &chosen, given)) <
		rules->count) {
		given++;
		looked_at++;
	}
}

static void same_decision(
	struct policy *policy, struct rules *rules, size_t id, const struct facts *facts)
{
	struct rule_index *index = rules->index;
	struct subject subject = subject_at(rules, id);
	struct decision with = decide(policy, &subject, facts, NULL);
	struct decision without;

	rules->index = NULL;
	without = decide(policy, &subject, facts, NULL);
	rules->index = index;
	equal_decisions(&with, &without);
	if (with.rule)
		decided[with.rule->verb]++;
}

static void compare_requests(struct policy *policy, struct rules *rules)
{
	for (unsigned i = 0; i < REQUESTS; i++) {
		struct request rq = { .method = SPAN("POST"),
			.target = span_of(ONE_OF("/containers/create", "/containers/a/kill",
				"/no/such/route", "/images/a/push", "/networks/a/connect")) };
		size_t subject = any((unsigned)rules->subject_count);
		static struct facts facts;
		struct err e;

		assert_int_equal(facts_parse(&rq, &facts, &e), 0);
		facts.reading = READING_EXACT;
		make_request(rules, &facts, rules->count > 12);
		same_matches(rules, subject, &facts);
		same_decision(policy, rules, subject, &facts);
		facts.rule_paths = NULL;
		facts_free(&facts);
	}
}

static void random_rules(void **unused)
{
	static struct settings settings;
	static struct policy policy;
	const char *rounds = getenv("ROUNDS");
	const char *seed = getenv("SEED");
	uint64_t first = seed ? strtoull(seed, NULL, 10) : 1;

	(void)unused;
	settings_init(&settings);
	settings_finish(&settings);
	for (uint64_t i = 0; i < (rounds ? strtoull(rounds, NULL, 10) : 1000); i++) {
		static struct policy_file file;
		struct findings findings = { .file = "policy" };
		char *text;

		/* A failure's round is its SEED, with ROUNDS=1. */
		dice = (first + i) * 0x9e3779b97f4a7c15U;
		deep = any(5) == 0;
		ladder = deep && any(2) ? ONE_OF("allow", "deny") : NULL;
		text = write_policy();
		findings.text = span_of(text);
		file = (struct policy_file){ .rules = NULL };
		assert_int_equal(policy_file_parse(&file, &findings), 0);
		if (findings_fatal(&findings))
			fail_msg("%s\n%s", findings.items[0].text, text);
		assert_true(file.rules->paths.count <= PATHS_MOST);
		policy_compile(&settings, SETTINGS_SOCKET, file.rules, &policy);
		compare_requests(&policy, file.rules);
		findings_free(&findings);
		rules_free(file.rules);
		free(text);
	}
	print_message("%zu matches, %zu of %zu rules compared; decided: deny %zu, allow %zu, ask "
		      "%zu\n",
		matches, looked_at, all_rules, decided[RULE_DENY], decided[RULE_ALLOW],
		decided[RULE_ASK]);
	assert_true(matches > 0 && looked_at < all_rules / 2);
	assert_true(decided[RULE_DENY] > 0 && decided[RULE_ALLOW] > 0 && decided[RULE_ASK] > 0);
}

/* A path is looked up once for each request, however many deny rules have it. */
static void paths_once(void **unused)
{
	static const char text[] =
		"{\"rules\": [{\"name\": \"a\", \"who\": [\"*\"], \"deny\": [\"*\"], \"mounts\": "
		"[\"/x\", \"/y\", \"/x:ro\"]}, {\"name\": \"b\", \"who\": [\"*\"], \"deny\": [\"*\"], "
		"\"mounts\": [\"/y\", \"/z\"], \"devices\": [\"/x\"]}], \"otherwise\": \"deny\"}";
	struct findings findings = { .file = "policy", .text = SPAN(text) };
	static struct policy_file file;
	const struct rule *rules;

	(void)unused;
	assert_int_equal(policy_file_parse(&file, &findings), 0);
	assert_false(findings_fatal(&findings));
	rules = file.rules->items;
	assert_int_equal(rules_paths(file.rules).count, 3);
	assert_int_equal(rules[0].lists[LIST_MOUNTS].items[2].path, 0);
	assert_int_equal(rules[1].lists[LIST_MOUNTS].items[0].path, 1);
	assert_int_equal(rules[1].lists[LIST_MOUNTS].items[1].path, 2);
	assert_int_equal(rules[1].lists[LIST_DEVICES].items[0].path, 0);
	findings_free(&findings);
	rules_free(file.rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(random_rules),
		cmocka_unit_test(paths_once) };

	return cmocka_run_group_tests_name("rule_keys", tests, NULL, NULL);
}
