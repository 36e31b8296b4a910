#include "dsp/core/policy/policy.h"

#include "dsp/core/base/text.h"
#include "dsp/core/facts/paths.h"
#include "dsp/core/parse/reference.h"
#include "dsp/core/policy/conditions_parse.h"

#define ROW(pf, kd, fl, o1, o2, o3)                                                                \
	{ .profile = (pf), .kind = (kd), .flag = (fl), .operations = { (o1), (o2), (o3) } },

static const struct proxy_rule proxy_rules[] = { PROXIES_ROWS(ROW) };

_Static_assert(sizeof(proxy_rules) / sizeof(proxy_rules[0]) <= PROXY_RULES_MOST,
	"a profile's rules fit into a policy");

bool policy_is_proxy(const struct policy *p)
{
	return p->profile == PROFILE_TECNATIVA || p->profile == PROFILE_LINUXSERVER;
}

/* The flag of a row that names several powers, this one among them; else FLAG_COUNT. */
static size_t group_flag(size_t row, enum power power)
{
	const struct flag *f = flag_at(row);

	if (f->powers[0] != power && f->powers[1] != power)
		return FLAG_COUNT;
	if (f->kind == FLAG_KIND_ZERO)
		return flag_find(span_of(f->name));
	return f->kind == FLAG_KIND_GROUP ? row : (size_t)FLAG_COUNT;
}

/*
 * In a proxy's profile: whether 0 closes a flag's powers. Where the proxy has a rule for the flag,
 * 0 is the same as unset and that rule decides.
 */
static bool closes(const struct policy *p, size_t flag)
{
	if (p->flags[flag] != SETTING_OFF)
		return false;
	for (size_t i = 0; i < p->proxy_rule_count; i++) {
		if (p->proxy_rule_flags[i] == flag &&
			(p->proxy_rules[i]->kind == PROXY_GRANT ||
				p->proxy_rules[i]->kind == PROXY_DENY))
			return false;
	}
	return true;
}

static void close_power(struct policy *p, enum power power, size_t flag)
{
	powerset_add(&p->closed, power);
	p->decided_by_flag[power] = (uint16_t)flag;
}

/*
 * In a proxy's profile a flag without a rule never grants: 1 opens what is closed by default, 0
 * closes the power whichever route asks for it.
 */
static void compile_proxy_power(struct policy *p, enum power power)
{
	size_t own = flag_of_power(power);

	if (closes(p, own))
		close_power(p, power, own);
	else if (power_info(power)->closed[p->profile] && p->flags[own] != SETTING_ON)
		close_power(p, power, FLAG_COUNT);
	for (size_t i = 0; i < FLAG_ROWS; i++) {
		size_t flag = group_flag(i, power);

		if (flag != FLAG_COUNT && closes(p, flag))
			close_power(p, power, flag);
	}
}

/* The flag that is set for a power: its own, else one for several powers; else FLAG_COUNT. */
static size_t set_flag(const struct policy *p, enum power power)
{
	size_t own = flag_of_power(power);

	if (p->flags[own] != SETTING_UNSET)
		return own;
	for (size_t i = 0; i < FLAG_ROWS; i++) {
		size_t flag = group_flag(i, power);

		if (flag == FLAG_COUNT || p->flags[flag] == SETTING_UNSET)
			continue;
		/* A zero row counts only when the flag is 0. */
		if (flag_at(i)->kind == FLAG_KIND_GROUP || p->flags[flag] == SETTING_OFF)
			return flag;
	}
	return FLAG_COUNT;
}

static void compile_power(struct policy *p, enum power power)
{
	size_t flag = set_flag(p, power);
	bool closed = power_info(power)->closed[p->profile];

	if (flag != FLAG_COUNT)
		closed = p->flags[flag] == SETTING_OFF;
	if (closed)
		powerset_add(&p->closed, power);
	else if (flag != FLAG_COUNT)
		powerset_add(&p->granted, power);
	p->decided_by_flag[power] = (uint16_t)flag;
}

static void add_proxy_rules(struct policy *p)
{
	for (size_t i = 0; i < sizeof(proxy_rules) / sizeof(proxy_rules[0]); i++) {
		const struct proxy_rule *rule = &proxy_rules[i];

		if (rule->profile != p->profile)
			continue;
		p->proxy_rules[p->proxy_rule_count] = rule;
		p->proxy_rule_flags[p->proxy_rule_count++] = (uint16_t)flag_find(
			span_of(rule->flag));
	}
}

void policy_socket_name(const char *socket, char *out, size_t cap)
{
	const char *slash = strrchr(socket, '/');
	struct span file = span_of(slash ? slash + 1 : socket);

	if (span_ends(file, SPAN(".sock")))
		file.n -= strlen(".sock");
	text_copy(file, out, cap);
}

/*
 * The socket of the dspd that stands in while plugin/managed/upgrade.sh replaces dsp: a managed
 * plugin can be replaced only under its own name, so this dspd alone does not protect "dsp". The
 * name of the socket decides, and no setting or option: a setting could open "dsp" by mistake, and
 * the program of a stand-in may be older than the script, and refuse what it does not know. Who may
 * name dspd's socket can also stop dspd.
 */
static const char STAND_IN[] = "dsp-gate";

/* A managed plugin of this name would be asked instead of dsp. */
static void add_own_name(struct policy *p, struct span name)
{
	struct line l = { .text = p->names, .cap = sizeof(p->names), .n = strlen(p->names) };

	if (policy_owns_name(p, reference_familiar(name)))
		return;
	line_add(&l, "%s%.*s", l.n > 0 ? "," : "", (int)name.n, name.s);
}

void policy_add_own_path(struct policy *p, struct span path)
{
	if (path.n == 0 || path.n >= sizeof(p->own_paths) - p->own_paths_size)
		return;
	p->own_paths_size += path_clean(path, p->own_paths + p->own_paths_size) + 1;
}

struct span policy_own_paths(const struct policy *p)
{
	return (struct span){ p->own_paths, p->own_paths_size };
}

#define REQUIRE_ROW(pf, rq, fl) { (pf), (rq), (fl) },

static const struct {
	enum profile profile;
	const char *require; /* KEY=VALUE */
	const char *flags;   /* 1 in one takes the row away; comma separated, or empty */
} profile_requires[] = { PROFILE_REQUIRE_ROWS(REQUIRE_ROW) };

/* Whether one of these flags is 1, comma separated. */
static bool one_is_on(const struct policy *p, struct span flags)
{
	while (flags.n > 0) {
		if (p->flags[flag_find(span_cut(&flags, ','))] == SETTING_ON)
			return true;
	}
	return false;
}

/* DSP_REQUIRE, and what the profile requires. */
static void compile_require(struct policy *p, const struct settings *s)
{
	struct line l;
	struct err e;

	text_copy(span_of(s->require), p->require_text, sizeof(p->require_text));
	line_init(&l, p->profile_require_text, sizeof(p->profile_require_text));
	for (size_t i = 0; i < sizeof(profile_requires) / sizeof(profile_requires[0]); i++) {
		if (profile_requires[i].profile == p->profile &&
			!one_is_on(p, span_of(profile_requires[i].flags)))
			line_add(&l, "%s%s", l.n > 0 ? " " : "", profile_requires[i].require);
	}
	p->requires = p->require_text[0] != '\0';
	p->profile_requires = l.n > 0;
	if (conditions_parse_text(span_of(p->require_text), p->require_words, &p->require_lists,
		    &p->require, &e) != 0 ||
		conditions_parse_text(span_of(p->profile_require_text), p->profile_require_words,
			&p->require_lists, &p->profile_require, &e) != 0)
		text_copy(span_of(e.text), p->broken, sizeof(p->broken));
}

void policy_compile(
	const struct settings *s, const char *socket, const struct rules *rules, struct policy *ret)
{
	const char *slash = strrchr(socket, '/');
	char name[sizeof(s->socket)];

	*ret = (struct policy){ .profile = s->profile,
		.monitor = s->mode == MODE_MONITOR,
		.short_denials = s->denials == DENIALS_SHORT,
		.file_rules = rules };
	text_copy(span_of(s->data_root), ret->data_root, sizeof(ret->data_root));
	text_copy(span_of(s->resolver), ret->resolver, sizeof(ret->resolver));
	policy_add_own_path(ret, (struct span){ socket, slash ? (size_t)(slash - socket) : 0 });
	policy_socket_name(socket, name, sizeof(name));
	text_copy(span_of(s->names), ret->names, sizeof(ret->names));
	add_own_name(ret, span_of(name));
	if (strcmp(name, STAND_IN) != 0)
		add_own_name(ret, SPAN("dsp"));
	memcpy(ret->flags, s->flags, sizeof(ret->flags));
	compile_require(ret, s);
	add_proxy_rules(ret);
	for (size_t i = 0; i < POWER_COUNT; i++) {
		ret->decided_by_flag[i] = FLAG_COUNT;
		if (policy_is_proxy(ret))
			compile_proxy_power(ret, (enum power)i);
		else
			compile_power(ret, (enum power)i);
	}
}

void policy_broken(const char *text, struct policy *ret)
{
	*ret = (struct policy){ .profile = PROFILE_GUARD };
	text_copy(span_of(text), ret->broken, sizeof(ret->broken));
}

bool policy_owns_name(const struct policy *p, struct span familiar)
{
	struct span rest = span_of(p->names);

	while (rest.n > 0) {
		if (span_equal(reference_familiar(span_cut(&rest, ',')), familiar))
			return true;
	}
	return false;
}
