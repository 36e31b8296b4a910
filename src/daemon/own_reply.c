#include "own_reply.h"

#include <errno.h>
#include <jansson.h>

#include "dsp/core/base/text.h"
#include "dsp/owners/owners.h"

/* An owner may be any bytes of a certificate's name. */
static json_t *any_text(struct span text)
{
	char escaped[4 * OWNER_MOST + 1];
	json_t *plain = json_stringn(text.s, text.n);

	if (plain)
		return plain;
	text_escape(text, escaped, sizeof(escaped));
	return json_string(escaped);
}

/* False: no such kind of things has owners. */
static bool find_kind(struct span name, enum attribute_kind *ret)
{
	static const enum attribute_kind kinds[] = { ATTRIBUTE_CONTAINER, ATTRIBUTE_NETWORK,
		ATTRIBUTE_VOLUME };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		*ret = kinds[i];
		if (span_equal(name, span_of(attribute_kind_name(kinds[i]))))
			return true;
	}
	return false;
}

/* --- list --------------------------------------------------------------------------------------*/

static bool add_row(void *ctx, const struct owned *thing)
{
	json_t *rows = ctx;

	return json_array_append_new(rows,
		       json_pack("{s:s, s:o, s:o, s:I}", "kind", attribute_kind_name(thing->kind),
			       "id", any_text(thing->id), "owner", any_text(thing->owner), "since",
			       (json_int_t)thing->at)) == 0 &&
		json_array_size(rows) <= OWN_PAGE;
}

/* Behind a thing, "KIND ID"; else from the first on. One row more than a page: there are more. */
static char *list(const struct service *service, struct span behind)
{
	struct span kind_name = span_cut(&behind, ' ');
	enum attribute_kind kind = ATTRIBUTE_CONTAINER;
	bool valid = find_kind(kind_name, &kind) && owned_id_is_valid(kind, behind);
	struct span id = valid ? behind : (struct span){ NULL, 0 };
	struct owners_state s = owners_state(service->owners);
	json_t *rows = json_array();
	bool more;
	json_auto_t *o = NULL;

	owners_each(service->owners, kind, id, add_row, rows);
	more = json_array_size(rows) > OWN_PAGE;
	if (more)
		(void)json_array_remove(rows, OWN_PAGE);
	o = json_pack("{s:b, s:b, s:o, s:o, s:I, s:I, s:b, s:o}", "on", s.on, "known", s.known,
		"path", any_text(span_of(s.path)), "trouble", any_text(span_of(s.trouble)), "count",
		(json_int_t)s.count, "waiting", (json_int_t)s.waiting, "more", more, "owners",
		rows);
	return o ? json_dumps(o, JSON_COMPACT) : NULL;
}

/* Whoever can open the plugin socket is root. */
static char *token(const struct service *service)
{
	json_auto_t *o = json_pack("{s:s}", "token", resolver_token(service->resolver));

	return o ? json_dumps(o, JSON_COMPACT) : NULL;
}

/* --- changes -----------------------------------------------------------------------------------*/

static bool is_known_owner(const struct rules *rules, struct span owner)
{
	if (!span_starts(owner, SPAN("@")))
		return rules_find_subject(rules, owner) != SIZE_MAX;
	for (size_t i = 0; i < rules->group_count; i++) {
		if (span_equal(rules->groups[i].name, span_after(owner, 1)))
			return true;
	}
	return false;
}

static int give(
	const struct service *service, const struct owned *thing, uint64_t *ticket, struct err *e)
{
	char shown[80];

	text_escape(thing->owner, shown, sizeof(shown));
	if (!owner_is_valid(thing->owner) ||
		!is_known_owner(service->snapshot->config->policy.file_rules, thing->owner))
		return FAIL(e, EINVAL, "%s: no such user or group in the policy in force", shown);
	*ticket = owners_give(service->owners, thing->kind, thing->id, thing->owner, e);
	return *ticket > 0 ? 0 : -1;
}

/* give, forget and sweep: where owners are recorded. */
static int change(const struct service *service, struct span verb, struct span what,
	uint64_t *ticket, struct err *e)
{
	struct span kind_name = span_cut(&what, ' ');
	struct span id = span_cut(&what, ' ');
	enum attribute_kind kind;

	if (!owners_on(service->owners))
		return FAIL(e, EBUSY, "owners are not recorded: no rule in force speaks of owners");
	if (!owners_healthy(service->owners))
		return FAIL(e, EBUSY, "%s", owners_state(service->owners).trouble);
	if (span_equal(verb, SPAN("sweep")))
		return 0;
	if (!find_kind(kind_name, &kind) || !owned_id_is_valid(kind, id))
		return FAIL(e, EINVAL, "no such command, kind or id");
	if (span_equal(verb, SPAN("give")))
		return give(service, &(struct owned){ .kind = kind, .id = id, .owner = what },
			ticket, e);
	if (!span_equal(verb, SPAN("forget")) || what.n > 0)
		return FAIL(e, EINVAL, "no such command");
	*ticket = owners_gone(service->owners, kind, id);
	return 0;
}

int own_reply(const struct service *service, struct span what, char **text, uint64_t *ticket,
	struct err *e)
{
	struct span verb = span_cut(&what, ' ');

	*text = NULL;
	*ticket = 0;
	if (!service->owners || !service->resolver)
		return FAIL(e, EBUSY, "a managed plugin records no owners");
	if (span_equal(verb, SPAN("list")))
		*text = list(service, what);
	else if (span_equal(verb, SPAN("token")))
		*text = token(service);
	else
		return change(service, verb, what, ticket, e);
	return *text ? 0 : FAIL(e, ENOMEM, "the owners");
}

char *own_reply_changed(const struct service *service, uint64_t ticket)
{
	struct owners_state s = owners_state(service->owners);
	bool saved = true;
	json_auto_t *o = NULL;

	if (ticket > 0)
		(void)owners_is_settled(service->owners, ticket, &saved);
	o = json_pack("{s:b, s:b, s:o}", "changed", ticket > 0, "saved", saved, "trouble",
		any_text(span_of(saved ? "" : s.trouble)));
	return o ? json_dumps(o, JSON_COMPACT) : NULL;
}
