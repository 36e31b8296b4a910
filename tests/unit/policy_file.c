/* The policy file: each mistake at its place, and what a file without mistakes means. */
#include "world.h"

#include <stdio.h>

/* A rule with one member more. */
#define RULE(more) "{'rules': [{'name': 'r', 'who': ['*'], " more "}], 'otherwise': 'deny'}"
#define USER(more) "{'users': {'anna': {" more "}}}"
#define DIGEST "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

static const struct {
	const char *file;
	const char *first; /* finding, without the file's name */
} mistakes[] = {
	{ "", "1:1: the file is not JSON here" },
	{ "[]", "1:1: it should be an object" },
	{ "{'a': 1}", "1:2: \"a\": no such key" },
	{ "{'rule': []}", "1:2: \"rule\": no such key; did you mean \"rules\"?" },
	{ "{'mode': 'enforce',\n 'mode': 'enforce'}", "2:2: \"mode\" is there twice" },
	{ "{'profile': 'gurad'}", "1:13: \"gurad\": no such profile; did you mean \"guard\"?" },
	{ "{'profile': 1}", "1:13: it should be the name of a profile" },
	{ "{'flags': []}", "1:11: it should be an object of flags" },
	{ "{'flags': {'ALLOW_EXCE': true}}",
		"1:12: \"ALLOW_EXCE\": no such flag; did you mean \"ALLOW_EXEC\"?" },
	{ "{'flags': {'DSP_MODE': true}}",
		"1:12: \"DSP_MODE\" is not a flag; settings belong to the environment or the env file" },
	{ "{'flags': {'POST': 1}}", "1:20: a flag must be true or false" },
	{ "{'mode': 'off'}", "1:10: mode must be \"enforce\" or \"monitor\"" },
	{ "{'otherwise': 'allow'}", "1:15: otherwise must be \"deny\" or \"profile\"" },
	/* users and groups */
	{ "{'users': {'/': {}}}",
		"1:12: a name has 1 to 64 of a-z A-Z 0-9 . _ - @ and blanks, and begins with a letter or digit" },
	{ "{'users': {'anonymous': {}}}",
		"1:12: \"anonymous\" means clients without a name: a user cannot have it" },
	{ USER(""), "1:20: no client can be this user: add common_names or tokens" },
	{ USER("'tokens': 'x'"), "1:31: it should be a list of strings" },
	{ USER("'tokens': [1]"), "1:32: it should be a string" },
	{ USER("'tokens': ['x']"),
		"1:32: a token must be \"sha256:\" and 64 of 0-9 a-f: make one with dsp token "
		"new" },
	{ USER("'tokens': ['" DIGEST "', '" DIGEST "']"), "1:107: \"anna\" has this token too" },
	{ USER("'common_names': ['']"), "1:38: a certificate's name cannot be empty" },
	{ USER("'common_names': ['a', 'a']"), "1:43: \"a\" is a name of \"anna\" too" },
	{ "{'users': {'anna': {'common_names': ['a']}}, 'groups': {'g': ['anan']}}",
		"1:63: \"anan\": no such user; did you mean \"anna\"?" },
	/* rules */
	{ "{'rules': {}}", "1:11: it should be a list of rules" },
	{ "{'rules': [1]}", "1:12: it should be an object: a rule" },
	{ "{'rules': [{'who': ['*'], 'deny': ['*']}]}", "1:12: the rule has no name" },
	{ "{'rules': [{'name': 'r', 'deny': ['*']}]}",
		"1:12: the rule has no \"who\": \"who\": [\"*\"] means everybody" },
	{ "{'rules': [{'name': 'r', 'who': ['*'], 'allow': ['*']}]}",
		"1:11: a file with allow or ask rules needs \"otherwise\": \"deny\", or \"profile\" (the "
		"flags and the profile decide)" },
	{ RULE("'powers': []"), "1:12: the rule has neither allow nor deny nor ask" },
	{ RULE("'allow': ['*'], 'deny': ['*']"),
		"1:56: a rule must have one of allow, deny and ask" },
	{ RULE("'allow': []"), "1:49: the list is empty: the rule matches nothing" },
	{ RULE("'allow': ['container_crate']"),
		"1:50: \"container_crate\": no such operation; did you mean \"container_create\"?" },
	{ RULE("'allow': ['nothing*']"), "1:50: \"nothing*\": matches no operation" },
	{ RULE("'allow': ['section:image']"),
		"1:50: \"section:image\": no such section; did you mean \"images\"?" },
	{ RULE("'allow': ['*'], 'powers': ['exce']"),
		"1:67: \"exce\": no such power; did you mean \"exec\"?" },
	{ RULE("'allow': ['*'], 'message': 'x'"), "1:56: only a deny rule can have a message" },
	{ RULE("'allow': ['*'], 'mode': 'monitor'"),
		"1:56: only a deny or ask rule can have a mode" },
	{ RULE("'deny': ['*'], 'mode': 'x'"), "1:63: mode must be \"enforce\" or \"monitor\"" },
	{ "{'rules': [{'name': 'r', 'who': ['@g'], 'deny': ['*']}]}",
		"1:34: \"@g\": no such group" },
	{ "{'rules': [{'name': 'r', 'who': ['x'], 'deny': ['*']}]}",
		"1:34: \"x\": no such user (nor @GROUP, anonymous, cn:NAME, *)" },
	{ "{'rules': [{'name': 'r', 'who': ['*'], 'deny': ['*']},\n"
	  " {'name': 'r', 'who': ['*'], 'deny': ['*']}]}",
		"2:11: \"r\": another rule has this name" },
	/* lists */
	{ RULE("'allow': ['*'], 'mounts': ['srv']"),
		"1:67: \"srv\": a mount must be an absolute path of the host; \":ro\" or \"/**\" "
		"may follow it" },
	{ RULE("'allow': ['*'], 'mounts': ['/a/../b']"),
		"1:67: \"/a/../b\": write the path without \"//\", \"/./\", \"/../\"" },
	{ RULE("'allow': ['*'], 'images': ['alpine']"),
		"1:67: \"alpine\": matches no image: write the full name, such as "
		"docker.io/library/NAME:latest, or use *" },
	{ RULE("'allow': ['*'], 'capabilities': ['NET_ADMIN']"),
		"1:73: \"NET_ADMIN\": write a capability as CAP_NET_ADMIN, or ALL" },
	{ RULE("'allow': ['*'], 'devices': ['sda']"),
		"1:68: \"sda\": a device must be a path of the host, gpu:0 or gpu:all, "
		"vendor.com/class=name, or a swarm's KIND=VALUE; each may have *" },
	{ RULE("'allow': ['*'], 'networks': ['']"), "1:69: \"\": it cannot be empty" },
	{ RULE("'allow': ['*'], 'ports': ['9-8']"),
		"1:66: \"9-8\": write a port as 8080, 8000-8999 or 127.0.0.1:8080" },
	{ RULE("'allow': ['*'], 'ports': ['65536']"),
		"1:66: \"65536\": write a port as 8080, 8000-8999 or 127.0.0.1:8080" },
};

static void each_mistake(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		struct findings f = { .file = "p" };
		char *text = quoted(mistakes[i].file);
		struct policy_file file;
		char got[400];

		f.text = span_of(text);
		assert_int_equal(policy_file_parse(&file, &f), 0);
		if (!findings_fatal(&f))
			fail_msg("%s: no mistake", mistakes[i].file);
		(void)snprintf(got, sizeof(got), "%zu:%zu: %s", f.items[0].line, f.items[0].column,
			f.items[0].text);
		assert_string_equal(got, mistakes[i].first);
		findings_free(&f);
		rules_free(file.rules);
		free(text);
	}
}

static size_t find_common_name(const struct rules *r, const char *text)
{
	const struct certificate_name name = { CERTIFICATE_COMMON_NAME, span_of(text) };

	return rules_find_name(r, &name);
}

static void all_of_it(void **state)
{
	static struct world w;
	const struct rules *r;

	(void)state;
	world_open(&w, "",
		"{'profile': 'hardened', 'flags': {'ALLOW_EXEC': true, 'POST': false},\n"
		" 'mode': 'monitor', 'otherwise': 'deny',\n"
		" 'users': {'anna': {'common_names': ['a', 'b'], 'tokens': ['" DIGEST "']},\n"
		"  'bob': {'common_names': ['c']}},\n"
		" 'groups': {'both': ['anna', 'bob'], 'none': []},\n"
		" 'rules': [{'name': 'one', 'who': ['@both', 'cn:d'], 'allow': ['read', 'image_*'],\n"
		"   'powers': ['*'], 'mounts': ['/srv/', '/a:ro'], 'ports': ['1.2.3.4:80-90']},\n"
		"  {'name': 'two', 'who': ['anonymous'], 'deny': ['section:containers'],\n"
		"   'mode': 'monitor', 'message': 'no', 'images': []}]}");
	assert_true(w.file.profile_given && w.file.profile == PROFILE_HARDENED);
	assert_int_equal(w.file.flags[flag_find(SPAN("ALLOW_EXEC"))], SETTING_ON);
	assert_int_equal(w.file.flags[FLAG_POST], SETTING_OFF);
	assert_int_equal(w.file.flags[flag_find(SPAN("ALLOW_KILL"))], SETTING_UNSET);
	assert_int_equal(w.file.mode, MODE_MONITOR);
	r = w.file.rules;
	assert_true(r->default_deny);
	assert_int_equal(r->subject_count, SUBJECT_FIRST + 3);
	assert_int_equal(find_common_name(r, "b"), SUBJECT_FIRST);
	assert_int_equal(find_common_name(r, "d"), SUBJECT_FIRST + 2);
	assert_int_equal(find_common_name(r, "x"), SIZE_MAX);
	assert_int_equal(rules_find_subject(r, SPAN("cn:d")), SUBJECT_FIRST + 2);
	assert_true(r->has_token[SUBJECT_FIRST] && !r->has_token[SUBJECT_FIRST + 1]);
	assert_int_equal(r->count, 2);
	/* the first rule */
	assert_ptr_equal(rules_find_rule(r, SPAN("one")), &r->items[0]);
	assert_int_equal(r->items[0].verb, RULE_ALLOW);
	assert_int_equal(r->items[0].who[0], (uint64_t)7 << SUBJECT_FIRST);
	assert_true(bit_of(r->items[0].operations, OP_CONTAINER_LIST));
	assert_true(bit_of(r->items[0].operations, OP_IMAGE_DELETE));
	assert_false(bit_of(r->items[0].operations, OP_CONTAINER_CREATE));
	assert_false(bit_of(r->items[0].operations, OPERATION_COUNT));
	assert_true(powerset_has(&r->items[0].powers, POWER_PRIVILEGED));
	assert_false(powerset_has(&r->items[0].powers, POWER_PLUGIN_CONTROL));
	assert_false(powerset_has(&r->items[0].powers, POWER_DSP_FILES));
	assert_false(powerset_has(&r->items[0].powers, POWER_UNKNOWN));
	assert_true(rule_has_lists(&r->items[0]));
	assert_true(span_equal(r->items[0].lists[LIST_MOUNTS].items[0].text, SPAN("/srv")));
	assert_true(r->items[0].lists[LIST_MOUNTS].items[1].read_only);
	assert_true(span_equal(r->items[0].lists[LIST_PORTS].items[0].text, SPAN("1.2.3.4")));
	assert_int_equal(r->items[0].lists[LIST_PORTS].items[0].last, 90);
	/* the second */
	assert_true(
		r->items[1].verb == RULE_DENY && r->items[1].monitor && !r->items[1].powers_given);
	assert_int_equal(r->items[1].who[0], 1U << SUBJECT_ANONYMOUS);
	assert_true(bit_of(r->items[1].operations, OP_CONTAINER_CREATE));
	assert_false(bit_of(r->items[1].operations, OP_IMAGE_LIST));
	assert_true(span_equal(r->items[1].message, SPAN("no")));
	assert_true(r->items[1].lists[LIST_IMAGES].given);
	assert_int_equal(r->items[1].lists[LIST_IMAGES].count, 0);
	world_close(&w);
}

/* Every section, operation and power can be named. */
static void every_name(void **state)
{
	static struct world w;
	size_t count;
	const struct route *route = route_rows(&count);
	char file[256];

	(void)state;
	for (size_t i = 0; i < count + SECTION_NONE + POWER_COUNT; i++) {
		size_t k = i - count;
		const char *operation = i < count ? route[i].name : "unknown";
		const char *power = "exec";
		char section[64];

		if (i >= count && k < SECTION_NONE) {
			(void)snprintf(section, sizeof(section), "section:%s",
				flag_at(flag_of_section((enum section)k))->arg);
			operation = section;
		} else if (i >= count) {
			power = power_info((enum power)(k - SECTION_NONE))->name;
		}
		(void)snprintf(file, sizeof(file),
			"{'rules': [{'name': 'r', 'who': ['*'], 'deny': ['%s'], 'powers': ['%s']}]}",
			operation, power);
		world_open(&w, "", file);
		if (i < count)
			assert_true(bit_of(w.file.rules->items[0].operations, route[i].operation));
		else if (k >= SECTION_NONE)
			assert_true(powerset_has(
				&w.file.rules->items[0].powers, (enum power)(k - SECTION_NONE)));
		world_close(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_mistake),
		cmocka_unit_test(all_of_it),
		cmocka_unit_test(every_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
