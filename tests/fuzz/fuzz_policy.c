/*
 * policy_file_parse, policy_review, and what an accepted policy decides. Input: a policy file.
 * Whatever it is, each finding is printable and stands in the text; and of what a policy that can
 * be used allows, a plain second reading finds the rule that says so, or the flag. Its allow rules,
 * as grants, take nothing away.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsp/core/policy/decide.h"
#include "dsp/core/policy/escalation.h"
#include "dsp/core/policy/message.h"
#include "dsp/core/policy/policy_file.h"
#include "dsp/core/policy/policy_review.h"
#include "fuzz.h"

enum {
	SUBJECTS_MOST = 6,
	RULES_MOST = 6,
	ITEMS_MOST = 3,
	TEXT_MOST = 96,
};

/* "*" never means these in a rule; the first two are not open by a mode either. */
static const enum power named[] = { POWER_PLUGIN_CONTROL, POWER_DSP_FILES, POWER_UNKNOWN };
enum { NAMED = sizeof(named) / sizeof(named[0]), LASTING = 2 };

static const struct {
	enum list_kind list;
	enum power covers;
	enum attribute_kind kind;
} lists[LIST_COUNT] = {
	{ LIST_MOUNTS, POWER_HOST_MOUNTS, ATTRIBUTE_MOUNT },
	{ LIST_IMAGES, POWER_COUNT, ATTRIBUTE_IMAGE },
	{ LIST_CAPABILITIES, POWER_CAPABILITIES, ATTRIBUTE_CAPABILITY },
	{ LIST_DEVICES, POWER_DEVICES, ATTRIBUTE_DEVICE },
	{ LIST_NETWORKS, POWER_NETWORK_CONNECT, ATTRIBUTE_NETWORK },
	{ LIST_VOLUMES, POWER_COUNT, ATTRIBUTE_VOLUME },
	{ LIST_RUNTIMES, POWER_RUNTIME, ATTRIBUTE_RUNTIME },
	{ LIST_PORTS, POWER_PUBLISH_PORTS, ATTRIBUTE_PORT },
	{ LIST_CONTAINERS, POWER_COUNT, ATTRIBUTE_CONTAINER },
};

/* A policy, and the rules of its file as another reader of JSON has them; NULL: it does not. */
struct world {
	struct policy policy;
	json_t *plain;
	struct rules *grants; /* its allow rules, where they can be grants; else NULL */
};

/* A request that asks for one thing beyond its route, and in what way. */
struct request_for {
	const struct route *route;
	struct facts facts;
	struct attribute item;
	struct mount_info mount_info;
	enum list_kind list;
	unsigned port; /* of a port: the host's */
	char text[TEXT_MOST];
};

/* --- findings ----------------------------------------------------------------------------------*/

/* How many bytes line number n has; the text has that many lines. */
static size_t line_length(struct span text, size_t n)
{
	for (; n > 1; n--)
		text = span_after(text, span_find(text, '\n') + 1);
	return span_find(text, '\n');
}

static void check_findings(const struct findings *f)
{
	size_t lines = 1;

	for (size_t i = 0; i < f->text.n; i++)
		lines += f->text.s[i] == '\n';
	for (size_t i = 0; i < f->count; i++) {
		const struct finding *item = &f->items[i];

		CHECK(item->text[0] != '\0' && fuzz_printable(item->text));
		CHECK(item->line >= 1 && item->line <= lines);
		CHECK(item->column >= 1);
		CHECK(item->column <= line_length(f->text, item->line) + 1);
	}
}

/* --- a plain reading of what a rule covers -----------------------------------------------------*/

/* NOLINTNEXTLINE(misc-no-recursion): a text of TEXT_MOST bytes */
static bool matches(struct span glob, struct span text)
{
	if (glob.n == 0)
		return text.n == 0;
	if (glob.s[0] == '*')
		return matches(span_after(glob, 1), text) ||
			(text.n > 0 && matches(glob, span_after(text, 1)));
	return text.n > 0 && glob.s[0] == text.s[0] &&
		matches(span_after(glob, 1), span_after(text, 1));
}

/* A glob that this plain way of matching would not end with in time. */
static bool is_hard(struct span glob)
{
	size_t stars = 0;

	for (size_t i = 0; i < glob.n; i++)
		stars += glob.s[i] == '*';
	return stars > 3;
}

static bool is_below(struct span path, struct span dir)
{
	return span_equal(dir, SPAN("/")) || span_equal(path, dir) ||
		(span_starts(path, dir) && path.s[dir.n] == '/');
}

static bool means(const struct pattern *p, const struct request_for *rq)
{
	const struct attribute *item = &rq->item;
	struct span path = span_of(rq->mount_info.path);

	/* dockerd was not asked what the thing is. */
	if (p->object)
		return false;
	if (rq->list == LIST_MOUNTS)
		return rq->mount_info.visible && is_below(path, p->text) &&
			(item->read_only || !p->read_only);
	if (rq->list == LIST_PORTS)
		return p->text.n == 0 && rq->port >= p->first && rq->port <= p->last;
	if (item->maybe_id && (rq->list == LIST_IMAGES || rq->list == LIST_NETWORKS))
		return span_equal(p->text, item->text) || span_equal(p->text, SPAN("*"));
	return is_hard(p->text) || matches(p->text, item->text);
}

static bool is_listed(const struct list *list, const struct request_for *rq)
{
	for (size_t i = 0; i < list->count; i++) {
		if (means(&list->items[i], rq))
			return true;
	}
	return false;
}

/* Every power is named, or the one that the item gives is covered by its list. */
static void check_covered(const struct rule *rule, const struct request_for *rq)
{
	const struct list *list = &rule->lists[rq->list];
	enum power listed = list->given ? lists[rq->list].covers : POWER_COUNT;

	for (size_t i = 0; i < POWER_COUNT; i++) {
		enum power p = (enum power)i;

		if (!powerset_has(&rq->facts.powers, p) || powerset_has(&rule->powers, p))
			continue;
		CHECK(p == listed && rq->facts.attributes.count > 0);
	}
	if (list->given && rq->facts.attributes.count > 0)
		CHECK(is_listed(list, rq) && !rq->facts.incomplete);
}

/* --- decisions ---------------------------------------------------------------------------------*/

/* Whether the rule's own text has the power's name, and not only "*". */
static bool names_power(const struct world *world, const struct rule *rule, const char *name)
{
	size_t at = (size_t)(rule - world->policy.file_rules->items);
	const json_t *list = json_object_get(
		json_array_get(json_object_get(world->plain, "rules"), at), "powers");
	const json_t *v;
	size_t i;

	json_array_foreach (list, i, v) {
		if (strcmp(json_string_value(v), name) == 0)
			return true;
	}
	return !world->plain;
}

static void check_rule(const struct world *world, const struct decision *d,
	const struct subject *subject, const struct request_for *rq)
{
	const struct rule *rule = d->rule;
	size_t operation = rq->route ? (size_t)rq->route->operation : (size_t)OPERATION_COUNT;

	CHECK(rule != NULL && !rule->flawed);
	CHECK(bit_of(rule->who, subject->id) && bit_of(rule->operations, operation));
	CHECK((rule->verb == RULE_DENY) == (d->verdict == VERDICT_DENY || d->monitored));
	if (rule->verb == RULE_DENY)
		return;
	CHECK(rq->facts.reading == READING_EXACT);
	check_covered(rule, rq);
	for (size_t i = 0; i < NAMED; i++) {
		if (powerset_has(&rq->facts.powers, named[i]))
			CHECK(names_power(world, rule, power_info(named[i])->name));
	}
}

static void check_message(const struct world *world, const struct decision *d,
	const struct subject *subject, const struct request_for *rq)
{
	char message[MESSAGE_MOST];
	struct nearest_rule near;

	nearest_rule_find(&world->policy, subject, &rq->facts, d, &near);
	CHECK(!near.rule || (near.count > 0 && bit_of(near.rule->who, subject->id)));
	message_write(&(struct message){ &world->policy, subject, &rq->facts, d, &near }, message);
	CHECK(message[0] != '\0' && fuzz_printable(message));
}

/* d: the decision without grants. */
static void check_grants(const struct world *world, const struct subject *subject,
	const struct request_for *rq, const struct decision *d)
{
	struct grant_rules grants = { .rules = world->grants };
	struct decision with = decide(&world->policy, subject, &rq->facts, &grants);
	size_t operation = rq->route ? (size_t)rq->route->operation : (size_t)OPERATION_COUNT;

	CHECK(with.verdict == d->verdict && with.by == d->by);
	grants.live = UINT64_MAX;
	with = decide(&world->policy, subject, &rq->facts, &grants);
	if (with.by != DECIDED_BY_TEMPORARY) {
		CHECK(with.verdict == d->verdict && with.by == d->by);
		return;
	}
	CHECK(with.verdict == VERDICT_ALLOW && !with.monitored && with.grant && !with.rule);
	CHECK(rq->facts.reading == READING_EXACT && with.grant->verb == RULE_ALLOW);
	CHECK(bit_of(with.grant->who, subject->id) && bit_of(with.grant->operations, operation));
	CHECK(d->by != DECIDED_BY_BROKEN && d->by != DECIDED_BY_OWN_NAME &&
		d->by != DECIDED_BY_IDENTITY);
}

static void check_decision(
	const struct world *world, const struct subject *subject, const struct request_for *rq)
{
	struct decision d = decide(&world->policy, subject, &rq->facts, NULL);

	CHECK(d.verdict == VERDICT_ALLOW || d.verdict == VERDICT_DENY);
	CHECK(!d.monitored || (world->policy.monitor && d.verdict == VERDICT_ALLOW));
	check_message(world, &d, subject, rq);
	if (world->grants)
		check_grants(world, subject, rq, &d);
	if (d.monitored_rule)
		CHECK(d.monitored_rule->verb == RULE_DENY && d.monitored_rule->monitor);
	if (d.by == DECIDED_BY_FILE)
		check_rule(world, &d, subject, rq);
	CHECK(d.verdict != VERDICT_ALLOW || d.monitored || rq->facts.reading == READING_EXACT);
	/* Open by a rule that names them (above), or by their flag, never by a mode. */
	for (size_t i = 0; i < LASTING; i++) {
		if (d.verdict == VERDICT_ALLOW && powerset_has(&rq->facts.powers, named[i]) &&
			(d.by != DECIDED_BY_FILE || d.monitored))
			CHECK(world->policy.flags[flag_of_power(named[i])] == SETTING_ON);
	}
}

/* The same as it is, when it cannot be read, when its query may be another, and when unseen. */
static void check_ways(
	const struct world *world, const struct subject *subject, struct request_for *rq)
{
	check_decision(world, subject, rq);
	rq->facts.incomplete = true;
	check_decision(world, subject, rq);
	rq->facts.incomplete = false;
	rq->facts.reading = READING_UNREADABLE;
	check_decision(world, subject, rq);
	rq->facts.reading = READING_EXACT;
	if (rq->facts.attributes.count == 0 || rq->item.kind != ATTRIBUTE_MOUNT)
		return;
	rq->mount_info.visible = false;
	rq->facts.invisible_mount = true;
	check_decision(world, subject, rq);
}

static struct request_for plain_request(const struct route *route)
{
	struct request_for rq = { .route = route };

	rq.facts = (struct facts){ .route = route, .plain_name = true, .reading = READING_EXACT };
	rq.facts.doubt.text[0] = '?';
	if (route)
		rq.facts.powers = route_powers(route);
	else
		powerset_add(&rq.facts.powers, POWER_UNKNOWN);
	return rq;
}

static void check_power(const struct world *world, const struct subject *subject,
	struct request_for rq, enum power p)
{
	if (rq.route && escalation_can_ask(rq.route, p, &rq.facts.powers))
		check_decision(world, subject, &rq);
}

static void check_route(
	const struct world *world, const struct subject *subject, const struct route *route)
{
	struct request_for rq = plain_request(route);

	check_ways(world, subject, &rq);
	if (!route)
		return;
	/* One of seven is enough for the others: no code is about one of them. */
	for (size_t p = 0; p < POWER_COUNT; p += 7)
		check_power(world, subject, rq, (enum power)p);
	for (size_t i = 0; i < NAMED; i++)
		check_power(world, subject, rq, named[i]);
}

static void check_routes(const struct world *world, const struct subject *subject)
{
	size_t count;
	const struct route *route = route_rows(&count);

	check_route(world, subject, NULL);
	for (; count > 0; count--, route++)
		check_route(world, subject, route);
}

/* --- what the rules' lists speak of ------------------------------------------------------------*/

/* A text that a pattern means, or nearly: its stars become two letters, and more comes behind. */
static void write_like(struct request_for *rq, const struct pattern *p, const char *behind)
{
	size_t n = 0;

	for (size_t i = 0; i < p->text.n && n < TEXT_MOST - 8; i++) {
		bool star = p->text.s[i] == '*';

		rq->text[n++] = star ? 'a' : p->text.s[i];
		if (star)
			rq->text[n++] = 'b';
	}
	memcpy(rq->text + n, behind, strlen(behind));
	rq->item.text = (struct span){ rq->text, n + strlen(behind) };
}

static void write_port(struct request_for *rq, const struct pattern *p, unsigned beyond)
{
	rq->port = beyond ? p->last + beyond : p->first;
	(void)snprintf(rq->text, sizeof(rq->text), "%u:80/tcp", rq->port);
	rq->item.text = span_of(rq->text);
}

static void ask_for(const struct world *world, const struct subject *subject,
	const struct pattern *p, enum list_kind k)
{
	static const char *const behind[] = { "", "/x", "x" };
	size_t count;
	const struct route *route = route_rows(&count);

	while (route->operation != OP_CONTAINER_CREATE)
		route++;
	for (size_t i = 0; i < 2 * sizeof(behind) / sizeof(behind[0]); i++) {
		struct request_for rq = plain_request(route);

		rq.list = k;
		rq.item = (struct attribute){ .power = lists[k].covers,
			.kind = lists[k].kind,
			.field = SPAN("Field"),
			.read_only = i % 2 == 1,
			.maybe_id = i % 2 == 1 };
		if (k == LIST_PORTS)
			write_port(&rq, p, (unsigned)i / 2);
		else
			write_like(&rq, p, behind[i / 2]);
		rq.mount_info.visible = true;
		memcpy(rq.mount_info.path, rq.text, sizeof(rq.text));
		if (k == LIST_MOUNTS)
			rq.item.mount_info = &rq.mount_info;
		if (lists[k].covers != POWER_COUNT)
			powerset_add(&rq.facts.powers, lists[k].covers);
		rq.facts.attributes = (struct attributes){ .items = &rq.item, .count = 1 };
		check_ways(world, subject, &rq);
	}
}

static void check_lists(const struct world *world, const struct subject *subject)
{
	const struct rules *rules = world->policy.file_rules;

	for (size_t i = 0; rules && i < rules->count && i < RULES_MOST; i++) {
		for (size_t k = 0; k < LIST_COUNT; k++) {
			const struct list *list = &rules->items[i].lists[k];

			for (size_t n = 0; n < list->count && n < ITEMS_MOST; n++)
				ask_for(world, subject, &list->items[n], (enum list_kind)k);
		}
	}
}

static void check_decisions(const struct world *world)
{
	const struct rules *rules = world->policy.file_rules;
	size_t subjects = rules ? rules->subject_count : (size_t)SUBJECT_FIRST;

	for (size_t s = 0; s < subjects && s < SUBJECTS_MOST; s++) {
		struct subject subject = subject_at(rules, s);

		check_routes(world, &subject);
		check_lists(world, &subject);
	}
}

/* --- the target --------------------------------------------------------------------------------*/

/* As config.c joins a file with an environment that says nothing. */
static void compile(const struct policy_file *file, const struct rules *rules, struct policy *ret)
{
	static struct settings settings;

	settings_init(&settings);
	memcpy(settings.flags, file->flags, sizeof(settings.flags));
	settings.profile = file->profile_given ? file->profile : PROFILE_GUARD;
	settings.profile_given = file->profile_given;
	settings.mode = file->mode;
	settings_finish(&settings);
	policy_compile(&settings, SETTINGS_SOCKET, rules, ret);
}

/* What can be a grant is one, and what cannot has a reason. */
static struct rules *parse_grants(struct span list, const struct rules *users)
{
	struct rules *grants;
	struct err e = { .text = "" };
	char how[160];

	if (grant_rules_parse("it", list, users, &grants, &e) != 0) {
		CHECK(!grants && fuzz_printable(e.text) && e.text[0] != '\0');
		return NULL;
	}
	CHECK(grants->count <= GRANTS_MOST);
	for (size_t i = 0; i < grants->count; i++) {
		bool root = grant_rule_gives_root(&grants->items[i], users, how, sizeof(how));

		CHECK(grants->items[i].verb == RULE_ALLOW && fuzz_printable(how));
		for (size_t k = 0; k < NAMED; k++)
			CHECK(root || !powerset_has(&grants->items[i].powers, named[k]));
	}
	return grants;
}

/* The allow rules of a file as grants; NULL: they cannot be. */
static struct rules *grants_of(const json_t *file, const struct rules *users)
{
	json_t *list = json_array();
	struct rules *grants = NULL;
	const json_t *rule;
	char *text;
	size_t i;

	json_array_foreach (json_object_get(file, "rules"), i, rule) {
		if (json_object_get(rule, "allow") && json_array_size(list) < GRANTS_MOST)
			(void)json_array_append(list, (json_t *)(uintptr_t)rule);
	}
	text = json_dumps(list, 0);
	if (text)
		grants = parse_grants(span_of(text), users);
	free(text);
	json_decref(list);
	return grants;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world world;
	char *copy = fuzz_copy((struct span){ (const char *)data, size });
	struct findings findings = { .file = "policy.json", .text = { copy, size } };
	struct policy_file file;

	CHECK(policy_file_parse(&file, &findings) == 0);
	compile(&file, file.rules, &world.policy);
	policy_review(&world.policy, &findings);
	findings_sort(&findings);
	check_findings(&findings);
	if (!findings_fatal(&findings)) {
		world.plain = json_loadb(copy, size, JSON_ALLOW_NUL, NULL);
		world.grants = grants_of(world.plain, file.rules);
		check_decisions(&world);
		rules_free(world.grants);
		world.grants = parse_grants((struct span){ copy, size }, file.rules);
		rules_free(world.grants);
		world.grants = NULL;
		/* The flags and the profile alone, as when no file has rules. */
		compile(&file, NULL, &world.policy);
		check_decisions(&world);
		json_decref(world.plain);
	}
	findings_free(&findings);
	rules_free(file.rules);
	free(copy);
	return 0;
}
