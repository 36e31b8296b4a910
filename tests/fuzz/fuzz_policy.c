/*
 * policy_file_read and policy_review. Input: a policy file. Whatever it is, each finding is
 * printable and stands in the text; and a policy that can be used gives nobody plugin_control that
 * no rule names.
 */
#include <stdlib.h>
#include <string.h>

#include "dsp/decide.h"
#include "dsp/message.h"
#include "dsp/policy_file.h"
#include "dsp/policy_review.h"
#include "fuzz.h"

enum { SUBJECTS_MOST = 8 };

static void check_findings(const struct findings *f)
{
	size_t lines = 1;

	for (size_t i = 0; i < f->text.n; i++)
		lines += f->text.s[i] == '\n';
	for (size_t i = 0; i < f->count; i++) {
		const struct finding *item = &f->items[i];

		CHECK(item->text[0] != '\0' && fuzz_printable(item->text));
		CHECK(item->line >= 1 && item->line <= lines);
		CHECK(item->column >= 1 && item->column <= f->text.n + 1);
	}
}

static bool names_plugin_control(const struct rule *rule)
{
	return rule && !rule->deny && rule->powers_given &&
		powerset_has(&rule->powers, POWER_PLUGIN_CONTROL);
}

/* A request of this route as dsp would know it, without details. */
static void check_route(
	const struct policy *policy, const struct subject *subject, const struct route *route)
{
	struct facts facts = { .route = route,
		.plain_name = true,
		.powers = route_powers(route),
		.reading = READING_EXACT };
	struct decision d = decide(policy, subject, &facts);
	char message[MESSAGE_MOST];

	CHECK(d.verdict == VERDICT_ALLOW || d.verdict == VERDICT_DENY);
	message_write(policy, subject, &facts, &d, message);
	CHECK(fuzz_printable(message));
	if (d.verdict == VERDICT_ALLOW && powerset_has(&facts.powers, POWER_PLUGIN_CONTROL))
		CHECK(names_plugin_control(d.rule) ||
			policy->flags[flag_of_power(POWER_PLUGIN_CONTROL)] == SETTING_ON);
}

static void check_decisions(const struct policy *policy)
{
	size_t count;
	const struct route *routes = route_rows(&count);
	size_t subjects = policy->file_rules ? policy->file_rules->subject_count : 0;

	for (size_t s = 0; s < subjects && s < SUBJECTS_MOST; s++) {
		struct subject subject = subject_at(policy->file_rules, s);

		for (size_t i = 0; i < count; i++)
			check_route(policy, &subject, &routes[i]);
	}
}

static void compile(const struct policy_file *file, struct policy *ret)
{
	static struct settings settings;

	settings_init(&settings);
	memcpy(settings.flags, file->flags, sizeof(settings.flags));
	settings.profile = file->profile_given ? file->profile : PROFILE_GUARD;
	settings.mode = file->mode;
	policy_compile(&settings, SETTINGS_SOCKET, file->rules, ret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct policy policy;
	char *copy = fuzz_copy((struct span){ (const char *)data, size });
	struct findings findings = { .file = "policy.json", .text = { copy, size } };
	struct policy_file file;

	CHECK(policy_file_read(&file, &findings) == 0);
	compile(&file, &policy);
	if (policy.file_rules)
		policy_review(&policy, &findings);
	findings_sort(&findings);
	check_findings(&findings);
	if (!findings_fatal(&findings) && !policy.monitor)
		check_decisions(&policy);
	findings_free(&findings);
	rules_free(file.rules);
	free(copy);
	return 0;
}
