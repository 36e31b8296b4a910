#include <stdint.h>

#include "dsp/core/base/duration.h"
#include "dsp/core/base/glob.h"
#include "dsp/core/base/mem_list.h"
#include "dsp/core/facts/paths.h"
#include "dsp/core/facts/route.h"
#include "dsp/core/parse/address.h"
#include "dsp/core/parse/reference.h"
#include "dsp/core/policy/conditions_parse.h"
#include "dsp/core/policy/rule_index.h"
#include "mount_rules.h"
#include "policy_keys_tab.h"
#include "policy_parser.h"

/* Reports what is wrong with a string of a rule. */
static void reject(
	struct policy_parser *p, json_ref v, const char *what, const struct nearest *near)
{
	policy_reader_reject(&p->reader, v->at, v->text, what, near);
}

/* --- who, operations, powers -------------------------------------------------------------------*/

static void add_group(struct policy_parser *p, json_ref v, struct rule *rule)
{
	struct span name = span_after(v->text, 1);
	struct nearest near = nearest_to(name, 0);
	size_t words = bits_words(p->rules->subject_count);

	for (size_t i = 0; i < p->rules->group_count; i++) {
		const struct rule_group *g = &p->rules->groups[i];

		if (span_equal(g->name, name)) {
			for (size_t w = 0; w < words; w++)
				rule->who[w] |= g->members[w];
			return;
		}
		nearest_try(&near, g->name);
	}
	reject(p, v, "no such group", &near);
}

/* A word of "who": "*", "@GROUP", a user, "anonymous", or "cn:NAME". */
static void add_who(struct policy_parser *p, json_ref v, struct rule *rule)
{
	size_t subject = rules_find_subject(p->rules, v->text);
	struct nearest near;

	if (span_equal(v->text, SPAN("*"))) {
		for (size_t i = 0; i < p->rules->subject_count; i++)
			bit_set(rule->who, i);
	} else if (span_starts(v->text, SPAN("@"))) {
		add_group(p, v, rule);
	} else if (subject != SIZE_MAX) {
		bit_set(rule->who, subject);
	} else {
		near = nearest_to(v->text, 0);
		nearest_try(&near, SPAN("anonymous"));
		for (size_t i = SUBJECT_FIRST; i < p->rules->subject_count; i++)
			nearest_try(&near, p->rules->subjects[i]);
		reject(p, v, "no such user (nor @GROUP, anonymous, cn:NAME, *)", &near);
	}
}

static void add_section(struct policy_parser *p, json_ref v, struct rule *rule)
{
	struct span name = span_after(v->text, strlen("section:"));
	struct nearest near = nearest_to(name, 0);
	enum section section = SECTION_NONE;
	size_t count;
	const struct route *route = route_rows(&count);

	for (size_t i = 0; i < (size_t)SECTION_NONE; i++) {
		struct span known = span_of(flag_at(flag_of_section((enum section)i))->arg);

		if (span_equal(name, known))
			section = (enum section)i;
		nearest_try(&near, known);
	}
	if (section == SECTION_NONE) {
		reject(p, v, "no such section", &near);
		return;
	}
	for (; count > 0; count--, route++) {
		if (route->section == section)
			bit_set(rule->operations, route->operation);
	}
}

/* A word of "allow" or "deny": "section:NAME", "read", or a glob over the operations' names. */
static void add_operation(struct policy_parser *p, json_ref v, struct rule *rule)
{
	bool read = span_equal(v->text, SPAN("read"));
	bool any = !read && glob_matches(v->text, SPAN("unknown"));
	struct nearest near;
	size_t count;
	const struct route *route = route_rows(&count);

	if (span_starts(v->text, SPAN("section:"))) {
		add_section(p, v, rule);
		return;
	}
	if (any)
		bit_set(rule->operations, OPERATION_COUNT);
	for (; count > 0; count--, route++) {
		if (read ? route->write : !glob_matches(v->text, span_of(route->name)))
			continue;
		bit_set(rule->operations, route->operation);
		any = true;
	}
	if (any)
		return;
	if (policy_reader_reject_known(
		    &p->reader, v->at, v->text, "no such operation", MEANING_OPERATION))
		return;
	near = nearest_to(v->text, 0);
	operations_suggest(&near);
	nearest_try(&near, SPAN("read"));
	reject(p, v,
		span_find(v->text, '*') < v->text.n ? "matches no operation" : "no such operation",
		&near);
}

static void add_power(struct policy_parser *p, json_ref v, struct rule *rule)
{
	enum power power = power_find(v->text);
	struct nearest near;

	if (span_equal(v->text, SPAN("*"))) {
		for (size_t i = 0; i < POWER_COUNT; i++) {
			/* These undo dsp, or nobody knows what they do: a rule must name them. */
			if (i != POWER_PLUGIN_CONTROL && i != POWER_DSP_FILES && i != POWER_UNKNOWN)
				powerset_add(&rule->powers, (enum power)i);
		}
	} else if (power != POWER_COUNT) {
		powerset_add(&rule->powers, power);
	} else if (!policy_reader_reject_known(
			   &p->reader, v->at, v->text, "no such power", MEANING_POWER)) {
		near = nearest_to(v->text, 0);
		powers_suggest(&near);
		reject(p, v, "no such power", &near);
	}
}

/* Adds each string of a list that must not be empty. */
static void add_each(struct policy_parser *p, json_ref list, struct rule *rule,
	void (*add)(struct policy_parser *, json_ref, struct rule *))
{
	if (list->kind == JSON_VALUE_LIST && list->count == 0)
		findings_error(p->reader.findings, list->at,
			"the list is empty: the rule matches nothing");
	for (json_ref e = NULL; (e = policy_reader_next_string(&p->reader, list, e));)
		add(p, e, rule);
}

/* --- lists of items ----------------------------------------------------------------------------*/

/* Each of these parses one word of a list. Returns NULL, or what is wrong with the word. */
typedef const char *parse_pattern(struct policy_parser *p, struct span text, struct pattern *ret);

static const char *parse_mount(struct policy_parser *p, struct span text, struct pattern *ret)
{
	char *clean;

	ret->read_only = span_ends(text, SPAN(":ro"));
	if (ret->read_only || span_ends(text, SPAN(":rw")))
		text.n -= strlen(":ro");
	ret->below = span_ends(text, SPAN("/**"));
	if (ret->below && ret->read_only)
		return "\":ro\" already covers all that is below: remove \"/**\"";
	if (ret->below)
		text.n -= text.n > strlen("/**") ? strlen("/**") : strlen("**");
	if (text.n == 0 || text.s[0] != '/')
		return "a mount must be an absolute path of the host; \":ro\" or \"/**\" may "
		       "follow it";
	clean = mem_list_alloc(&p->rules->memory, text.n + 1);
	if (!clean) {
		p->reader.findings->lost = true;
		return NULL;
	}
	ret->text = (struct span){ clean, path_clean(text, clean) };
	if (span_equal(ret->text, text) || (text.n == ret->text.n + 1 && text.s[text.n - 1] == '/'))
		return NULL;
	return "write the path without \"//\", \"/./\", \"/../\"";
}

const char *rule_mount_end(struct span path, bool read_only)
{
	bool slash = span_ends(path, SPAN("/**"));

	if (read_only)
		return slash ? "/:ro" : ":ro";
	if (slash)
		return "/";
	return span_ends(path, SPAN(":ro")) || span_ends(path, SPAN(":rw")) ? ":rw" : "";
}

static const char *parse_image(struct policy_parser *p, struct span text, struct pattern *ret)
{
	(void)p;
	ret->text = text;
	if (span_starts(text, SPAN("*")) || span_starts(text, SPAN("sha256:")) ||
		span_find(text, '/') < text.n)
		return NULL;
	return "matches no image: write the full name, such as docker.io/library/NAME:latest, or "
	       "use *";
}

static const char *parse_capability(struct policy_parser *p, struct span text, struct pattern *ret)
{
	bool upper = text.n > strlen("CAP_") && span_starts(text, SPAN("CAP_"));

	(void)p;
	ret->text = text;
	for (size_t i = 0; i < text.n; i++) {
		char c = text.s[i];

		upper = upper && ((c >= 'A' && c <= 'Z') || c == '_' || c == '*');
	}
	if (upper || span_equal(text, SPAN("ALL")) || span_equal(text, SPAN("*")))
		return NULL;
	return "write a capability as CAP_NET_ADMIN, or ALL";
}

static const char *parse_device(struct policy_parser *p, struct span text, struct pattern *ret)
{
	(void)p;
	ret->text = text;
	if (span_starts(text, SPAN("/")) || span_starts(text, SPAN("*")) ||
		span_starts(text, SPAN("gpu:")) || span_find(text, '=') < text.n ||
		(span_find(text, '/') < text.n && span_ends(text, SPAN("*"))))
		return NULL;
	return "a device must be a path of the host, gpu:0 or gpu:all, vendor.com/class=name, or "
	       "a swarm's KIND=VALUE; each may have *";
}

static const char *parse_word(struct policy_parser *p, struct span text, struct pattern *ret)
{
	(void)p;
	ret->text = text;
	return text.n > 0 ? NULL : "it cannot be empty";
}

/* Docker's default network, which a container's NetworkMode calls so, is the bridge. */
static const char *parse_network(struct policy_parser *p, struct span text, struct pattern *ret)
{
	return parse_word(p, span_equal(text, SPAN("default")) ? SPAN("bridge") : text, ret);
}

/* Parses digits at the start of *s, and takes them off. False: none, or not a port. */
static bool parse_number(struct span *s, unsigned *ret)
{
	size_t digits = 0;

	*ret = 0;
	while (s->n > 0 && s->s[0] >= '0' && s->s[0] <= '9' && digits < 5) {
		*ret = *ret * 10 + (unsigned)(s->s[0] - '0');
		*s = span_after(*s, 1);
		digits++;
	}
	return digits > 0 && *ret <= 65535;
}

/* Makes an address, perhaps in brackets, canonical. -1: not an address. */
static int parse_address(struct policy_parser *p, struct span *address)
{
	char canonical[ADDRESS_MOST];
	struct span in = *address;
	char *text;
	size_t n;

	if (span_starts(in, SPAN("[")) && span_ends(in, SPAN("]")))
		in = (struct span){ in.s + 1, in.n - 2 };
	n = address_canonical(in, canonical);
	text = mem_list_alloc(&p->rules->memory, n + 1);
	if (!text) {
		p->reader.findings->lost = true;
		return 0;
	}
	memcpy(text, canonical, n);
	*address = (struct span){ text, n };
	return n > 0 ? 0 : -1;
}

/* "8080", "8000-8999", "127.0.0.1:8080". */
static const char *parse_port(struct policy_parser *p, struct span text, struct pattern *ret)
{
	struct span rest = text;
	size_t colon = rest.n;

	while (colon > 0 && rest.s[colon - 1] != ':')
		colon--;
	ret->text = (struct span){ rest.s, colon > 0 ? colon - 1 : 0 };
	if (ret->text.n > 0 && parse_address(p, &ret->text) != 0)
		return "the text before the last colon of a port must be an address, as in "
		       "127.0.0.1:8080";
	rest = span_after(rest, colon);
	if (parse_number(&rest, &ret->first)) {
		ret->last = ret->first;
		if (rest.n > 0 && rest.s[0] == '-') {
			rest = span_after(rest, 1);
			if (!parse_number(&rest, &ret->last))
				rest.n = 1;
		}
		if (rest.n == 0 && ret->first <= ret->last)
			return NULL;
	}
	return "write a port as 8080, 8000-8999 or 127.0.0.1:8080";
}

/* Of a deny rule: the registry's name as reference_plain has it. */
static void make_plain(struct policy_parser *p, struct pattern *item)
{
	char *text = mem_list_alloc(&p->rules->memory, item->text.n + 1);

	if (!text)
		p->reader.findings->lost = true;
	else
		item->text = (struct span){ text, reference_plain(item->text, text) };
}

static void parse_list(struct policy_parser *p, json_ref v, enum list_kind k, struct rule *rule)
{
	static parse_pattern *const parsers[LIST_COUNT] = { [LIST_MOUNTS] = parse_mount,
		[LIST_IMAGES] = parse_image,
		[LIST_CAPABILITIES] = parse_capability,
		[LIST_DEVICES] = parse_device,
		[LIST_NETWORKS] = parse_network,
		[LIST_VOLUMES] = parse_word,
		[LIST_RUNTIMES] = parse_word,
		[LIST_PORTS] = parse_port,
		[LIST_CONTAINERS] = parse_word };
	struct list *list = &rule->lists[k];

	list->given = v && v->kind == JSON_VALUE_LIST;
	if (list->given && v->count > 0) {
		list->items = mem_list_alloc(&p->rules->memory, v->count * sizeof(*list->items));
		if (!list->items) {
			p->reader.findings->lost = true;
			return;
		}
	}
	for (json_ref e = NULL; (e = policy_reader_next_string(&p->reader, v, e));) {
		struct pattern *item = &list->items[list->count];
		struct nearest near = { .edits = 0 };
		struct span text = e->text;
		const char *wrong = object_words_parse(p, k, &text, rule, &near);

		if (!wrong && !item->object)
			wrong = parsers[k](p, text, item);
		if (wrong) {
			reject(p, e, wrong, &near);
			*item = (struct pattern){ .object = NULL }; /* for the next word */
			continue;
		}
		if (k == LIST_IMAGES && rule->verb == RULE_DENY)
			make_plain(p, item);
		list->count++;
	}
}

/* --- a rule ------------------------------------------------------------------------------------*/

static void parse_wait(struct policy_parser *p, json_ref wait, struct rule *rule)
{
	struct findings *f = p->reader.findings;
	uint64_t seconds;

	rule->wait = RULE_WAIT;
	if (!wait)
		return;
	if (rule->verb != RULE_ASK)
		findings_error(f, policy_reader_key_at(&p->reader, wait),
			"only an ask rule can have a wait");
	else if (!duration_parse(json_value_text(wait), &seconds) || seconds < RULE_WAIT_LEAST ||
		seconds > RULE_WAIT_MOST)
		findings_error(f, wait->at, "wait must be from \"1s\" to \"10m\"");
	else
		rule->wait = (unsigned)seconds;
}

static void parse_texts(struct policy_parser *p, json_ref v, struct rule *rule)
{
	struct findings *f = p->reader.findings;
	json_ref name = json_value_member(v, "name");
	json_ref message = json_value_member(v, "message");
	json_ref mode = json_value_member(v, "mode");

	if (!name)
		findings_error(f, v->at, "the rule has no name");
	else if (policy_reader_expect(&p->reader, name, JSON_VALUE_STRING, "a name"))
		rule->name = name->text;
	if (message && rule->verb != RULE_DENY)
		findings_error(f, policy_reader_key_at(&p->reader, message),
			"only a deny rule can have a message");
	else if (message && policy_reader_expect(&p->reader, message, JSON_VALUE_STRING, "a text"))
		rule->message = message->text;
	if (mode && rule->verb == RULE_ALLOW)
		findings_error(f, policy_reader_key_at(&p->reader, mode),
			"only a deny or ask rule can have a mode");
	else if (mode && span_equal(json_value_text(mode), SPAN("monitor")))
		rule->monitor = true;
	else if (mode && !span_equal(json_value_text(mode), SPAN("enforce")))
		findings_error(f, mode->at, "mode must be \"enforce\" or \"monitor\"");
}

/*
 * "require" and "unless". A start with a body (API 1.23 and earlier) replaces what the create said:
 * a deny rule for creates is one for such starts. Other starts meet each condition.
 */
static void parse_conditions(struct policy_parser *p, json_ref v, struct rule *rule)
{
	json_ref require = json_value_member(v, "require");
	json_ref unless = json_value_member(v, "unless");

	if (require && rule->verb == RULE_DENY)
		findings_error(p->reader.findings, policy_reader_key_at(&p->reader, require),
			"only an allow or ask rule can have require; a deny rule can have unless");
	else if (unless && rule->verb != RULE_DENY)
		findings_error(p->reader.findings, policy_reader_key_at(&p->reader, unless),
			"only a deny rule can have unless; an allow or ask rule can have require");
	else if (require || unless)
		rule->conditions = conditions_parse(
			&p->reader, p->rules, require ? require : unless);
	if (rule->conditions && rule->verb == RULE_DENY &&
		bit_of(rule->operations, OP_CONTAINER_CREATE))
		bit_set(rule->operations, OP_CONTAINER_START);
}

/* "allow", "deny" or "ask": whether the rule matches as an allow rule does depends on it. */
static void parse_verb(struct policy_parser *p, json_ref v, struct rule *rule)
{
	static const enum rule_verb verbs[] = { RULE_ALLOW, RULE_DENY, RULE_ASK };
	struct findings *f = p->reader.findings;
	json_ref verb = NULL;
	json_ref other = NULL;

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		json_ref found = json_value_member(v, rule_verb_name(verbs[i]));

		if (verb && found)
			other = found;
		/* Where there are two, the stricter one: other findings depend on it. */
		if (found && (!verb || verbs[i] == RULE_DENY)) {
			verb = found;
			rule->verb = verbs[i];
		}
	}
	if (!verb)
		findings_error(f, v->at, "the rule has neither allow nor deny nor ask");
	else if (other)
		findings_error(f, policy_reader_key_at(&p->reader, other),
			"a rule must have one of allow, deny and ask");
	else
		add_each(p, verb, rule, add_operation);
}

static void parse_rule(struct policy_parser *p, json_ref v, struct rule *rule)
{
	static const char *const keys[] = { POLICY_KEYS_RULE };
	struct findings *f = p->reader.findings;
	json_ref who = json_value_member(v, "who");
	json_ref powers = json_value_member(v, "powers");
	size_t found = f->count;

	rule->at = v->at;
	policy_reader_check_keys(&p->reader, v, keys);
	parse_verb(p, v, rule);
	parse_texts(p, v, rule);
	if (rule->name.n > 0 && rules_find_rule(p->rules, rule->name))
		reject(p, json_value_member(v, "name"), "another rule has this name", NULL);
	else if (rule->name.n > 0)
		span_table_add(&p->rules->by_rule, rule->name, p->rules->count);
	if (!who)
		findings_error(
			f, v->at, "the rule has no \"who\": \"who\": [\"*\"] means everybody");
	else
		add_each(p, who, rule, add_who);
	rule->powers_given = powers != NULL;
	if (powers)
		add_each(p, powers, rule, add_power);
	for (size_t k = 0; k < LIST_COUNT; k++)
		parse_list(p, json_value_member(v, list_name((enum list_kind)k)), (enum list_kind)k,
			rule);
	if (json_value_member(v, "owner"))
		object_words_parse_owner(p, json_value_member(v, "owner"), rule);
	parse_wait(p, json_value_member(v, "wait"), rule);
	parse_conditions(p, v, rule);
	rule->flawed = f->count > found;
}

/* Its commands are compared with what is there to be started. */
static unsigned asks_for_command(const struct rule *rule)
{
	return rule->conditions && rule->conditions->of[CONDITION_COMMANDS].given
		? 1u << ATTRIBUTE_CONTAINER
		: 0;
}

/* What holds of one rule at least. */
static void note_rule(struct rules *rules, const struct rule *rule)
{
	rules->asks_about |= rule->asks_about | asks_for_command(rule);
	rules->asks_root = rules->asks_root || rule->verb == RULE_ASK;
	rules->speaks_of_owners = rules->speaks_of_owners || rule->speaks_of_owners;
}

void policy_rules_parse(struct policy_parser *p, json_ref list)
{
	struct rules *rules = p->rules;
	size_t words = bits_words(rules->subject_count);
	bool lost;

	if (!list || list->count == 0)
		return;
	rules->items = mem_list_alloc(&rules->memory, list->count * sizeof(*rules->items));
	if (span_table_init(&rules->by_rule, &rules->memory, list->count) != 0)
		rules->items = NULL;
	for (json_ref v = json_value_first(list); v && rules->items; v = json_value_next(list, v)) {
		struct rule *rule = &rules->items[rules->count];

		rule->who = mem_list_alloc(&rules->memory, words * sizeof(uint64_t));
		if (!rule->who)
			break;
		if (policy_reader_expect(&p->reader, v, JSON_VALUE_OBJECT, "an object: a rule")) {
			parse_rule(p, v, rule);
			note_rule(rules, rule);
			rules->count++;
		}
	}
	lost = !rules->items || (rules->count < list->count && !findings_fatal(p->reader.findings));
	if (!lost && mount_rules_count(rules) > MOUNT_ITEMS_MOST)
		findings_error(p->reader.findings, list->at,
			"the allow rules have more than %d mounts", MOUNT_ITEMS_MOST);
	else if (lost || mount_rules_relate(rules, p->beside) != 0 || rules_index(rules) != 0)
		p->reader.findings->lost = true;
	rules_settle(rules);
}
