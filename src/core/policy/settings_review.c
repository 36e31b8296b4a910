#include "dsp/core/policy/settings_review.h"

/* The place of a flag in the rules of the proxy; proxy_rule_count: it has none. */
static size_t find_rule(const struct policy *p, size_t flag)
{
	size_t i = 0;

	while (i < p->proxy_rule_count && p->proxy_rule_flags[i] != flag)
		i++;
	return i;
}

/* Whether 1 opens what the profile closes by default: exactly so in each proxy's profile. */
static bool opens_closed(size_t flag)
{
	enum power power = flag_at(flag)->powers[0];

	return power == POWER_PLUGIN_CONTROL || power == POWER_DSP_FILES || power == POWER_UNKNOWN;
}

static void add_name(struct line *l, size_t flag)
{
	line_add(l, "%s%s", l->n > 0 ? ", " : "", flag_at(flag)->name);
}

/* In a profile of a proxy: flags of 1 without a rule, and those whose rule comes after POST's. */
static void review_proxy(struct settings *s, const struct policy *p)
{
	const char *profile = profile_info(p->profile)->name;
	size_t writes = find_rule(p, FLAG_POST);
	bool post = s->flags[FLAG_POST] == SETTING_ON;
	char silent[600];
	char behind[200];
	struct line silent_line;
	struct line behind_line;

	line_init(&silent_line, silent, sizeof(silent));
	line_init(&behind_line, behind, sizeof(behind));
	for (size_t i = FLAG_POST + 1; i < FLAG_COUNT; i++) {
		enum flag_kind kind = flag_at(i)->kind;
		size_t rule = find_rule(p, i);

		if ((kind != FLAG_KIND_POWER && kind != FLAG_KIND_GROUP) ||
			s->flags[i] != SETTING_ON || opens_closed(i))
			continue;
		if (rule == p->proxy_rule_count)
			add_name(&silent_line, i);
		else if (!post && rule > writes)
			add_name(&behind_line, i);
	}
	if (behind_line.n > 0)
		line_add(&s->notice_line,
			"%s: 1 opens nothing in profile %s without POST=1, which opens other writes "
			"too; profile readonly with ALLOW_START=1, ALLOW_STOP=1, ALLOW_RESTART=1 "
			"opens these alone\n",
			behind, profile);
	if (silent_line.n > 0)
		line_add(&s->notice_line,
			"%s: 1 opens nothing in profile %s, where sections and POST open; 0 closes\n",
			silent, profile);
	if (post && s->flags[flag_of_section(SECTION_EXEC)] == SETTING_ON &&
		s->flags[flag_of_power(POWER_EXEC)] != SETTING_ON)
		line_add(&s->notice_line,
			"EXEC=1 begins no exec in profile %s: to create one needs ALLOW_EXEC=1\n",
			profile);
}

void settings_review(struct settings *s, const struct policy *p)
{
	if (policy_is_proxy(p))
		review_proxy(s, p);
}
