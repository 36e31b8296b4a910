#include "dsp/core/policy/policy.h"

#include "dsp/core/base/text.h"
#include "dsp/core/parse/reference.h"

#define ROW(pf, kd, fl, o1, o2, o3)                                                                \
	{ .profile = (pf), .kind = (kd), .flag = (fl), .operations = { (o1), (o2), (o3) } },

static const struct proxy_rule proxy_rules[] = { PROXIES_ROWS(ROW) };

bool policy_is_proxy(const struct policy *p)
{
	return p->profile == PROFILE_TECNATIVA || p->profile == PROFILE_LINUXSERVER;
}

/* Whether an explicit 0 of the flag is no more than unset: then the proxies' own rules decide. */
static bool zero_is_unset(const struct policy *p, size_t flag)
{
	for (size_t i = 0; i < p->proxy_rule_count; i++) {
		if (p->proxy_rule_flags[i] == flag &&
			(p->proxy_rules[i]->kind == PROXY_GRANT ||
				p->proxy_rules[i]->kind == PROXY_DENY))
			return true;
	}
	return false;
}

static void close_power(struct policy *p, enum power power, size_t flag)
{
	powerset_add(&p->closed, power);
	p->decided_by_flag[power] = (uint16_t)flag;
}

/*
 * In the proxies' profiles a flag that is no rule never grants; 1 lifts what is closed by
 * default, an explicit 0 closes the power in every spelling.
 */
static void compile_proxy_power(struct policy *p, enum power power)
{
	const struct power_info *info = power_info(power);
	size_t own = flag_of_power(power);

	if (p->flags[own] == SETTING_OFF && !zero_is_unset(p, own))
		close_power(p, power, own);
	else if (info->closed_proxies && p->flags[own] != SETTING_ON)
		close_power(p, power, FLAG_COUNT);
	for (size_t i = 0; i < FLAG_ROWS; i++) {
		const struct flag *f = flag_at(i);
		size_t said = f->kind == FLAG_KIND_ZERO ? flag_find(span_of(f->name)) : i;

		if ((f->kind == FLAG_KIND_GROUP || f->kind == FLAG_KIND_ZERO) &&
			(f->powers[0] == power || f->powers[1] == power) &&
			p->flags[said] == SETTING_OFF && !zero_is_unset(p, said))
			close_power(p, power, said);
	}
}

/* The flag that speaks of a power: its own, else a name for several that covers it. */
static size_t speaking_flag(const struct policy *p, enum power power)
{
	size_t own = flag_of_power(power);

	if (p->flags[own] != SETTING_UNSET)
		return own;
	for (size_t i = 0; i < FLAG_ROWS; i++) {
		const struct flag *f = flag_at(i);
		size_t said = i;

		if (f->powers[0] != power && f->powers[1] != power)
			continue;
		if (f->kind == FLAG_KIND_ZERO) {
			said = flag_find(span_of(f->name));
			if (p->flags[said] != SETTING_OFF)
				continue;
		} else if (f->kind != FLAG_KIND_GROUP) {
			continue;
		}
		if (p->flags[said] != SETTING_UNSET)
			return said;
	}
	return FLAG_COUNT;
}

/* What an unset flag means where the proxies' rules do not speak. */
static bool closed_by_profile(enum profile profile, const struct power_info *info)
{
	switch (profile) {
	case PROFILE_READONLY:
		return info->closed_readonly;
	case PROFILE_HARDENED:
		return info->closed_hardened;
	case PROFILE_GUARD:
	case PROFILE_TECNATIVA:
	case PROFILE_LINUXSERVER:
		break;
	}
	return info->closed_guard;
}

static void compile_power(struct policy *p, enum power power)
{
	const struct power_info *info = power_info(power);
	size_t flag = speaking_flag(p, power);
	bool closed = closed_by_profile(p->profile, info);

	p->decided_by_flag[power] = (uint16_t)flag;
	if (flag != FLAG_COUNT)
		closed = p->flags[flag] == SETTING_OFF;
	if (closed)
		powerset_add(&p->closed, power);
	else if (flag != FLAG_COUNT)
		powerset_add(&p->granted, power);
}

static void compile_rules(struct policy *p)
{
	for (size_t i = 0; i < sizeof(proxy_rules) / sizeof(proxy_rules[0]); i++) {
		if (proxy_rules[i].profile != p->profile)
			continue;
		p->proxy_rules[p->proxy_rule_count] = &proxy_rules[i];
		p->proxy_rule_flags[p->proxy_rule_count] = (uint16_t)flag_find(
			span_of(proxy_rules[i].flag));
		p->proxy_rule_count++;
	}
}

_Static_assert(sizeof(proxy_rules) / sizeof(proxy_rules[0]) <= PROXY_RULES_MOST,
	"a profile's rules fit into a policy");

void policy_socket_name(const char *socket, char *out, size_t cap)
{
	const char *slash = strrchr(socket, '/');
	struct span file = span_of(slash ? slash + 1 : socket);

	if (span_ends(file, SPAN(".sock")))
		file.n -= strlen(".sock");
	text_copy(file, out, cap);
}

static void directory_of_socket(const char *socket, char *out, size_t cap)
{
	const char *slash = strrchr(socket, '/');

	text_copy((struct span){ socket, slash ? (size_t)(slash - socket) : 0 }, out, cap);
}

void policy_compile(
	const struct settings *s, const char *socket, const struct rules *rules, struct policy *ret)
{
	*ret = (struct policy){
		.profile = s->profile, .monitor = s->mode == MODE_MONITOR, .file_rules = rules
	};
	directory_of_socket(socket, ret->socket_dir, sizeof(ret->socket_dir));
	memcpy(ret->flags, s->flags, sizeof(ret->flags));
	if (s->names[0] != '\0')
		text_copy(span_of(s->names), ret->names, sizeof(ret->names));
	else
		policy_socket_name(socket, ret->names, sizeof(ret->names));
	for (size_t i = 0; i < POWER_COUNT; i++)
		ret->decided_by_flag[i] = FLAG_COUNT;
	compile_rules(ret);
	for (size_t i = 0; i < POWER_COUNT; i++) {
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
