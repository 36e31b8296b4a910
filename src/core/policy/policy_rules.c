#include <stdint.h>

#include "dsp/core/base/text.h"
#include "dsp/core/facts/paths.h"
#include "dsp/core/facts/route.h"
#include "dsp/core/policy/policy_file.h"
#include "dsp/core/policy/rule_match.h"

enum { SHOWN = 48 };

static void set_bit(uint64_t *bits, size_t i)
{
	bits[i / 64] |= (uint64_t)1 << (i % 64);
}

static void complain(struct policy_reader *r, json_ref v, const char *what)
{
	char shown[SHOWN];

	text_escape(v->text, shown, sizeof(shown));
	findings_error(r->findings, v->at, "\"%s\": %s", shown, what);
}

static void complain_near(
	struct policy_reader *r, json_ref v, const char *what, const struct nearest *s)
{
	char near[80];
	char shown[SHOWN];

	text_escape(v->text, shown, sizeof(shown));
	findings_error(r->findings, v->at, "\"%s\": %s%s", shown, what,
		policy_near(s, near, sizeof(near)));
}

/* --- who ---------------------------------------------------------------------------------------*/

static void add_group(struct policy_reader *r, json_ref v, struct rule *rule)
{
	struct span name = span_after(v->text, 1);
	struct nearest s;
	size_t words = (r->rules->subject_count + 63) / 64;

	for (size_t i = 0; i < r->group_count; i++) {
		if (span_equal(r->groups[i].name, name)) {
			for (size_t w = 0; w < words; w++)
				rule->who[w] |= r->groups[i].members[w];
			return;
		}
	}
	s = nearest_to(name, 0);
	for (size_t i = 0; i < r->group_count; i++)
		nearest_try(&s, r->groups[i].name);
	complain_near(r, v, "no such group", &s);
}

static void add_who(struct policy_reader *r, json_ref v, struct rule *rule)
{
	size_t subject = policy_subject(r->rules, v->text);
	struct nearest s;

	if (span_equal(v->text, SPAN("*"))) {
		for (size_t i = 0; i < r->rules->subject_count; i++)
			set_bit(rule->who, i);
		return;
	}
	if (span_starts(v->text, SPAN("@"))) {
		add_group(r, v, rule);
		return;
	}
	if (subject != SIZE_MAX) {
		set_bit(rule->who, subject);
		return;
	}
	s = nearest_to(v->text, 0);
	nearest_try(&s, SPAN("anonymous"));
	for (size_t i = SUBJECT_FIRST; i < r->rules->subject_count; i++)
		nearest_try(&s, r->rules->subjects[i]);
	complain_near(r, v, "no such user (nor @GROUP, anonymous, cn:NAME, *)", &s);
}

/* --- operations --------------------------------------------------------------------------------*/

static bool add_if(struct rule *rule, bool matches, enum operation operation)
{
	if (matches)
		set_bit(rule->operations, operation);
	return matches;
}

static bool add_section(struct rule *rule, struct span name)
{
	size_t count;
	const struct route *route = route_rows(&count);
	bool any = false;

	for (; count > 0; count--, route++) {
		bool in = route->section != SECTION_NONE &&
			span_equal(name, span_of(flag_at(flag_of_section(route->section))->arg));

		any = add_if(rule, in, route->operation) || any;
	}
	return any;
}

static bool add_reads(struct rule *rule)
{
	size_t count;
	const struct route *route = route_rows(&count);

	for (; count > 0; count--, route++)
		(void)add_if(rule, !route->write, route->operation);
	return true;
}

static bool add_glob(struct rule *rule, struct span glob)
{
	static const struct span unknown = SPAN_INIT("unknown");
	size_t count;
	const struct route *route = route_rows(&count);
	bool any = glob_matches(glob, unknown);

	if (any)
		set_bit(rule->operations, OPERATION_COUNT);
	for (; count > 0; count--, route++)
		any = add_if(rule, glob_matches(glob, span_of(route->name)), route->operation) ||
			any;
	return any;
}

static struct nearest near_operation(struct span name)
{
	struct nearest s = nearest_to(name, 0);

	operations_suggest(&s);
	nearest_try(&s, SPAN("read"));
	return s;
}

static struct nearest near_section(struct span name)
{
	struct nearest s = nearest_to(name, 0);

	for (size_t i = 0; i < (size_t)SECTION_NONE; i++)
		nearest_try(&s, span_of(flag_at(flag_of_section((enum section)i))->arg));
	return s;
}

static void add_operation(struct policy_reader *r, json_ref v, struct rule *rule)
{
	struct nearest s;

	if (span_starts(v->text, SPAN("section:"))) {
		struct span section = span_after(v->text, strlen("section:"));
		if (add_section(rule, section))
			return;
		s = near_section(section);
		complain_near(r, v, "no such section", &s);
		return;
	}
	if (span_equal(v->text, SPAN("read")) ? add_reads(rule) : add_glob(rule, v->text))
		return;
	s = near_operation(v->text);
	complain_near(r, v,
		span_find(v->text, '*') < v->text.n ? "matches no operation" : "no such operation",
		&s);
}

/* --- powers ------------------------------------------------------------------------------------*/

/* These are never meant by "*": they undo dsp, or nobody knows what they are. */
static bool must_be_named(enum power p)
{
	return p == POWER_PLUGIN_CONTROL || p == POWER_DSP_FILES || p == POWER_UNKNOWN;
}

static void add_power(struct policy_reader *r, json_ref v, struct rule *rule)
{
	struct nearest s;
	enum power power = power_find(v->text);

	if (span_equal(v->text, SPAN("*"))) {
		for (size_t i = 0; i < POWER_COUNT; i++) {
			if (!must_be_named((enum power)i))
				powerset_add(&rule->powers, (enum power)i);
		}
		return;
	}
	if (power != POWER_COUNT) {
		powerset_add(&rule->powers, power);
		return;
	}
	s = nearest_to(v->text, 0);
	powers_suggest(&s);
	complain_near(r, v, "no such power", &s);
}

/* --- lists -------------------------------------------------------------------------------------*/

static bool read_mount(struct policy_reader *r, json_ref v, struct pattern *p)
{
	struct span path = v->text;
	char *clean;

	p->read_only = span_ends(path, SPAN(":ro"));
	if (p->read_only || span_ends(path, SPAN(":rw")))
		path.n -= strlen(":ro");
	if (path.n == 0 || path.s[0] != '/') {
		complain(r, v, "a mount is a path of the host from \"/\", and perhaps \":ro\"");
		return false;
	}
	clean = mem_list_alloc(&r->rules->memory, path.n + 1);
	if (!clean) {
		r->findings->lost = true;
		return false;
	}
	p->text = (struct span){ clean, path_clean(path, clean) };
	if (span_equal(p->text, path) || (path.n == p->text.n + 1 && path.s[path.n - 1] == '/'))
		return true;
	complain(r, v, "write the path clean, without \"//\", \"/./\", \"/../\"");
	return false;
}

static bool read_image(struct policy_reader *r, json_ref v, struct pattern *p)
{
	size_t slash = span_find(v->text, '/');
	bool wild = v->text.n > 0 && v->text.s[0] == '*';

	p->text = v->text;
	if (wild || span_starts(v->text, SPAN("sha256:")) || slash < v->text.n)
		return true;
	complain(r, v,
		"matches no image: names are whole, as docker.io/library/NAME:latest, or with *");
	return false;
}

static bool read_capability(struct policy_reader *r, json_ref v, struct pattern *p)
{
	bool upper = v->text.n > strlen("CAP_") && span_starts(v->text, SPAN("CAP_"));

	p->text = v->text;
	for (size_t i = 0; i < v->text.n; i++) {
		char c = v->text.s[i];

		upper = upper && ((c >= 'A' && c <= 'Z') || c == '_' || c == '*');
	}
	if (upper || span_equal(v->text, SPAN("ALL")))
		return true;
	complain(r, v, "a capability is written as CAP_NET_ADMIN, or ALL");
	return false;
}

static bool read_device(struct policy_reader *r, json_ref v, struct pattern *p)
{
	p->text = v->text;
	if (v->text.n > 0 && (v->text.s[0] == '/' || v->text.s[0] == '*'))
		return true;
	complain(r, v, "a device is a path of the host, perhaps with *");
	return false;
}

static bool read_word(struct policy_reader *r, json_ref v, struct pattern *p)
{
	p->text = v->text;
	if (v->text.n > 0)
		return true;
	complain(r, v, "it cannot be empty");
	return false;
}

static bool read_number(struct span *s, unsigned *ret)
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

/* "8080", "8000-8999", "127.0.0.1:8080". */
static bool read_port(struct policy_reader *r, json_ref v, struct pattern *p)
{
	struct span rest = v->text;
	size_t colon = rest.n;

	while (colon > 0 && rest.s[colon - 1] != ':')
		colon--;
	p->text = (struct span){ rest.s, colon > 0 ? colon - 1 : 0 };
	rest = span_after(rest, colon);
	if (read_number(&rest, &p->first)) {
		p->last = p->first;
		if (rest.n > 0 && rest.s[0] == '-') {
			rest = span_after(rest, 1);
			if (!read_number(&rest, &p->last))
				rest.n = 1;
		}
		if (rest.n == 0 && p->first <= p->last)
			return true;
	}
	complain(r, v, "a port is 8080, 8000-8999 or 127.0.0.1:8080");
	return false;
}

static bool read_pattern(struct policy_reader *r, json_ref v, enum list_kind k, struct pattern *p)
{
	switch (k) {
	case LIST_MOUNTS:
		return read_mount(r, v, p);
	case LIST_IMAGES:
		return read_image(r, v, p);
	case LIST_CAPABILITIES:
		return read_capability(r, v, p);
	case LIST_DEVICES:
		return read_device(r, v, p);
	case LIST_PORTS:
		return read_port(r, v, p);
	case LIST_NETWORKS:
	case LIST_RUNTIMES:
	case LIST_COUNT:
		break;
	}
	return read_word(r, v, p);
}

static void read_list(struct policy_reader *r, json_ref v, enum list_kind k, struct rule *rule)
{
	struct list *list = &rule->lists[k];

	if (!v || !policy_expect(r, v, JSON_VALUE_LIST, "a list of strings"))
		return;
	list->given = true;
	if (v->count > 0)
		list->items = mem_list_alloc(&r->rules->memory, v->count * sizeof(*list->items));
	if (v->count > 0 && !list->items) {
		r->findings->lost = true;
		return;
	}
	for (json_ref e = json_value_first(v); e; e = json_value_next(v, e)) {
		if (policy_expect(r, e, JSON_VALUE_STRING, "a string") &&
			read_pattern(r, e, k, &list->items[list->count]))
			list->count++;
	}
}

/* --- a rule ------------------------------------------------------------------------------------*/

static void each(struct policy_reader *r, json_ref list, struct rule *rule,
	void (*add)(struct policy_reader *, json_ref, struct rule *))
{
	if (!policy_expect(r, list, JSON_VALUE_LIST, "a list of strings"))
		return;
	if (list->count == 0)
		findings_error(
			r->findings, list->at, "the list is empty: the rule matches nothing");
	for (json_ref e = json_value_first(list); e; e = json_value_next(list, e)) {
		if (policy_expect(r, e, JSON_VALUE_STRING, "a string"))
			add(r, e, rule);
	}
}

static void read_texts(struct policy_reader *r, json_ref v, struct rule *rule)
{
	json_ref name = json_value_member(v, "name");
	json_ref message = json_value_member(v, "message");
	json_ref mode = json_value_member(v, "mode");

	if (!name)
		findings_error(r->findings, v->at, "the rule has no name");
	else if (policy_expect(r, name, JSON_VALUE_STRING, "a name"))
		rule->name = name->text;
	if (message && !rule->deny)
		findings_error(
			r->findings, policy_key_at(r, message), "only a deny rule has a message");
	else if (message && policy_expect(r, message, JSON_VALUE_STRING, "a text"))
		rule->message = message->text;
	if (mode && !rule->deny)
		findings_error(r->findings, policy_key_at(r, mode),
			"only a deny rule has a mode of its own");
	else if (mode && span_equal(json_value_text(mode), SPAN("monitor")))
		rule->monitor = true;
	else if (mode && !span_equal(json_value_text(mode), SPAN("enforce")))
		findings_error(r->findings, mode->at, "mode is \"enforce\" or \"monitor\"");
}

static void read_actions(struct policy_reader *r, json_ref v, struct rule *rule)
{
	json_ref allow = json_value_member(v, "allow");
	json_ref deny = json_value_member(v, "deny");

	rule->deny = deny != NULL;
	if (allow && deny)
		findings_error(
			r->findings, policy_key_at(r, deny), "a rule has allow or deny, not both");
	else if (!allow && !deny)
		findings_error(r->findings, v->at, "the rule has neither allow nor deny");
	else
		each(r, allow ? allow : deny, rule, add_operation);
}

static void check_name_once(struct policy_reader *r, json_ref v, const struct rule *rule)
{
	for (const struct rule *other = r->rules->items; other < rule; other++) {
		if (rule->name.n > 0 && span_equal(other->name, rule->name)) {
			complain(r, json_value_member(v, "name"), "another rule has this name");
			return;
		}
	}
}

static void read_rule(struct policy_reader *r, json_ref v, struct rule *rule)
{
	static const char *const keys[] = { "name", "who", "allow", "deny", "powers", "mounts",
		"images", "capabilities", "devices", "networks", "runtimes", "ports", "message",
		"mode", NULL };
	json_ref who = json_value_member(v, "who");
	json_ref powers = json_value_member(v, "powers");
	size_t found = r->findings->count;

	rule->at = v->at;
	policy_check_keys(r, v, keys);
	read_actions(r, v, rule);
	read_texts(r, v, rule);
	check_name_once(r, v, rule);
	if (!who)
		findings_error(
			r->findings, v->at, "the rule does not say who: \"who\": [\"*\"] is all");
	else
		each(r, who, rule, add_who);
	if (powers) {
		rule->powers_given = true;
		each(r, powers, rule, add_power);
	}
	for (size_t k = 0; k < LIST_COUNT; k++)
		read_list(r, json_value_member(v, list_name((enum list_kind)k)), (enum list_kind)k,
			rule);
	rule->flawed = r->findings->count > found;
}

void policy_rules_parse(struct policy_reader *r, json_ref list)
{
	struct rules *rules = r->rules;
	size_t words = (rules->subject_count + 63) / 64;

	if (!list || list->count == 0)
		return;
	rules->items = mem_list_alloc(&rules->memory, list->count * sizeof(*rules->items));
	for (json_ref v = json_value_first(list); v && rules->items; v = json_value_next(list, v)) {
		struct rule *rule = &rules->items[rules->count];

		rule->who = mem_list_alloc(&rules->memory, words * sizeof(uint64_t));
		if (!rule->who)
			break;
		if (policy_expect(r, v, JSON_VALUE_OBJECT, "an object: a rule")) {
			read_rule(r, v, rule);
			rules->count++;
		}
	}
	if (!rules->items || (rules->count < list->count && !findings_fatal(r->findings)))
		r->findings->lost = true;
}
