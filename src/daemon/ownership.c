#include "ownership.h"

#include <stdio.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/owners/expected.h"
#include "dsp/owners/owners.h"
#include "dsp/system/clock.h"
#include "dsp/system/log.h"

enum { SETTLE_MS = 5000 };

/* In the place of an id: of a volume for which the client gave no name. */
static const struct span any_name = SPAN_INIT("*");

static const struct span inherit = SPAN_INIT("inherit");

int ownership_configure(struct service *service, struct err *e)
{
	const struct config *c = service->snapshot->config;

	if (!service->owners)
		return 0;
	return owners_configure(service->owners, c->settings.owners,
		rules_speak_of_owners(c->policy.file_rules), e);
}

unsigned ownership_asks_about(const struct rules *rules, size_t subject, size_t operation)
{
	size_t i = 0;

	if (!rules_speak_of_owners(rules))
		return 0;
	if (operation == OP_VOLUME_CREATE)
		return 1U << ATTRIBUTE_VOLUME;
	if (operation != OP_CONTAINER_DELETE && operation != OP_CONTAINER_RENAME)
		return 0;
	for (; (i = rules_next(rules, subject, OP_CONTAINER_CREATE, i)) < rules->count; i++) {
		if (span_equal(rules->items[i].owner, inherit))
			return 1U << ATTRIBUTE_CONTAINER;
	}
	return 0;
}

/* --- what a request makes, removes or renames --------------------------------------------------*/

/* What a request does to a thing that can have an owner. */
enum deed { DEED_NONE, DEED_MAKE, DEED_REMOVE, DEED_RENAME };

struct meaning {
	enum deed deed;
	enum attribute_kind kind;
};

static struct meaning meaning_of(const struct route *route)
{
	static const struct {
		enum operation operation;
		struct meaning meaning;
	} rows[] = {
		{ OP_CONTAINER_CREATE, { DEED_MAKE, ATTRIBUTE_CONTAINER } },
		{ OP_NETWORK_CREATE, { DEED_MAKE, ATTRIBUTE_NETWORK } },
		{ OP_VOLUME_CREATE, { DEED_MAKE, ATTRIBUTE_VOLUME } },
		{ OP_CONTAINER_DELETE, { DEED_REMOVE, ATTRIBUTE_CONTAINER } },
		{ OP_NETWORK_DELETE, { DEED_REMOVE, ATTRIBUTE_NETWORK } },
		{ OP_VOLUME_DELETE, { DEED_REMOVE, ATTRIBUTE_VOLUME } },
		{ OP_CONTAINER_RENAME, { DEED_RENAME, ATTRIBUTE_CONTAINER } },
	};

	for (size_t i = 0; route && i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].operation == route->operation)
			return rows[i].meaning;
	}
	return (struct meaning){ DEED_NONE, ATTRIBUTE_OPTION };
}

/* The thing itself; not those that it is made with. NULL: there is none. */
static const struct attribute *thing_of(const struct facts *f, struct meaning m)
{
	for (size_t i = 0; i < f->attributes.count; i++) {
		const struct attribute *a = &f->attributes.items[i];

		if (a->kind == m.kind && !a->whole && a->made == (m.deed == DEED_MAKE))
			return a;
	}
	return NULL;
}

const struct refusal *ownership_refusal(struct service *service, const struct decision_event *e)
{
	static char text[480];
	static const struct refusal refusal = { REFUSED_OWNERS, text };
	const char *why;

	if (!owners_on(service->owners) || e->decision->verdict != VERDICT_ALLOW ||
		e->decision->monitored || meaning_of(e->facts->route).deed != DEED_MAKE ||
		owners_can_record(service->owners, &why))
		return NULL;
	(void)snprintf(text, sizeof(text),
		"the owner of what this request makes cannot be recorded: %s; see: dsp doctor",
		why);
	return &refusal;
}

/* --- who shall own it --------------------------------------------------------------------------*/

/* The subject as an owner, written to room. Empty: its name is too long for one. */
static struct span owner_of(const struct subject *s, char room[OWNER_MOST + 1])
{
	struct line l;

	line_init(&l, room, OWNER_MOST + 1);
	line_add(&l, "%s%.*s", s->is_unknown_certificate ? "cn:" : "", (int)s->name.n, s->name.s);
	return (struct span){ room, l.n };
}

/* Of what a rule's users make. given: what the rule says; empty: nothing. */
static struct span owner_by_rule(
	const struct service *service, struct span given, struct span subject, struct span name)
{
	struct span owner = subject;

	if (span_equal(given, inherit))
		(void)expected_find_departed(service->expected, name, subject, clock_now(), &owner);
	else if (given.n > 0)
		owner = given;
	return owner;
}

/*
 * The same where dspd started since it allowed the request, and so does not know by which rule: if
 * all rules that can have allowed it say the same.
 */
static struct span owner_by_all_rules(
	const struct rules *rules, const struct subject *s, struct meaning m, struct span subject)
{
	enum operation operation = m.kind == ATTRIBUTE_NETWORK ? OP_NETWORK_CREATE
							       : OP_CONTAINER_CREATE;
	struct span owner = { NULL, 0 };
	bool first = true;
	size_t i = 0;

	if (!rules)
		return subject;
	for (; (i = rules_next(rules, s->id, operation, i)) < rules->count; i++) {
		const struct rule *rule = &rules->items[i];

		if (rule->deny)
			continue;
		if (!first && !span_equal(rule->owner, owner))
			return subject;
		owner = rule->owner;
		first = false;
	}
	return owner.n > 0 && owner.s[0] == '@' ? owner : subject;
}

/* --- AuthZReq ----------------------------------------------------------------------------------*/

static void set_made(struct expectation *x, const struct service *service,
	const struct decision_event *e, const struct attribute *a)
{
	const struct rule *rule = e->decision->rule;
	struct span name = a ? a->text : (struct span){ NULL, 0 };

	x->makes = true;
	x->texts[EXPECTED_OWNER] = owner_by_rule(service,
		rule ? rule->owner : (struct span){ NULL, 0 }, x->texts[EXPECTED_SUBJECT], name);
	if (x->kind != ATTRIBUTE_VOLUME)
		return;
	x->fresh = name.n == 0 || (a->object && a->object->state == OBJECT_MADE);
	x->texts[EXPECTED_NAME] = name;
	if (name.n == 0)
		x->texts[EXPECTED_ID] = any_name;
}

/* What is removed or renamed is known if dockerd was asked about it, or the client named its id. */
static void set_known(struct expectation *x, const struct service *service, const struct facts *f,
	const struct attribute *a)
{
	const struct object_info *o = a ? a->object : NULL;
	struct span *texts = x->texts;

	if (o && o->state == OBJECT_FOUND) {
		texts[EXPECTED_ID] = o->id;
		texts[EXPECTED_NAME] = o->name;
	} else if (owned_id_is_valid(x->kind, f->name)) {
		texts[EXPECTED_ID] = f->name;
	}
	if (texts[EXPECTED_ID].n > 0)
		(void)owners_find(
			service->owners, x->kind, texts[EXPECTED_ID], &texts[EXPECTED_OWNER]);
}

void ownership_expect(struct service *service, const struct decision_event *e)
{
	struct meaning m = meaning_of(e->facts->route);
	struct expectation x = { .kind = m.kind };
	const struct attribute *a;
	char subject[OWNER_MOST + 1];

	if (!owners_on(service->owners) || m.deed == DEED_NONE)
		return;
	a = thing_of(e->facts, m);
	x.texts[EXPECTED_METHOD] = e->request->method;
	x.texts[EXPECTED_TARGET] = e->request->target;
	x.texts[EXPECTED_USER] = e->request->user;
	x.texts[EXPECTED_SUBJECT] = owner_of(e->subject, subject);
	if (m.deed == DEED_MAKE)
		set_made(&x, service, e, a);
	else
		set_known(&x, service, e->facts, a);
	expected_add(service->expected, &x, clock_now());
}

bool ownership_may_come(const struct service *service, enum attribute_kind kind)
{
	return service->expected && expected_makes(service->expected, kind, clock_now());
}

void ownership_dockerd_restarted(struct service *service)
{
	if (service->expected)
		expected_clear(service->expected);
}

/* --- AuthZRes ----------------------------------------------------------------------------------*/

/* What dockerd calls the new thing: its id, of a volume its name. Empty: it is not known. */
static struct span made_by(json_ref answer, enum attribute_kind kind)
{
	const char *key = kind == ATTRIBUTE_VOLUME ? "Name" : "Id";
	struct span id = json_value_text(json_value_member(answer, key));

	return owned_id_is_valid(kind, id) ? id : (struct span){ NULL, 0 };
}

/* Who sent the request, as it was repeated. False: that is not known. */
static bool identify(const struct service *service, const struct request_outcome *o,
	struct response *r, struct subject *ret)
{
	struct request rq = { .method = o->method, .target = o->target, .user = o->user };

	if (!authz_more_token(&r->more, &rq.has_token, &rq.token))
		return false;
	*ret = subject_identify(service->snapshot->config->policy.file_rules, &rq);
	return ret->doubt == SUBJECT_SURE;
}

/* The owner of what was made; empty: nobody. Its text lives until the next such call. */
static struct span find_owner(struct service *service, const struct request_outcome *o,
	const struct subject *s, enum attribute_kind kind, struct span id)
{
	static char room[OWNER_MOST + 1];
	struct span subject = owner_of(s, room);
	struct expectation x = { .kind = kind };
	struct span nobody = { NULL, 0 };
	bool found;

	x.texts[EXPECTED_METHOD] = o->method;
	x.texts[EXPECTED_TARGET] = o->target;
	x.texts[EXPECTED_USER] = o->user;
	x.texts[EXPECTED_SUBJECT] = subject;
	if (kind == ATTRIBUTE_VOLUME)
		x.texts[EXPECTED_NAME] = id;
	found = expected_end(service->expected, &x);
	if (!found && kind == ATTRIBUTE_VOLUME) {
		x.texts[EXPECTED_NAME] = nobody;
		x.texts[EXPECTED_ID] = any_name;
		found = expected_end(service->expected, &x);
	}
	if (kind == ATTRIBUTE_VOLUME)
		return found && x.fresh ? x.texts[EXPECTED_OWNER] : nobody;
	if (found)
		return x.texts[EXPECTED_OWNER];
	return owner_by_all_rules(service->snapshot->config->policy.file_rules, s,
		(struct meaning){ DEED_MAKE, kind }, subject);
}

static void log_nobody(enum attribute_kind kind, const struct request_outcome *o, const char *why)
{
	char target[128];

	text_escape(o->target, target, sizeof(target));
	log_line("owners: nobody owns the %s that %s made: %s", attribute_kind_name(kind), target,
		why);
}

static uint64_t record_made(struct service *service, const struct request_outcome *o,
	struct response *r, json_ref answer, enum attribute_kind kind)
{
	struct span id = made_by(answer, kind);
	struct span owner;
	struct subject s;
	uint64_t ticket;
	struct err e;

	if (id.n == 0 || !identify(service, o, r, &s)) {
		log_nobody(kind, o,
			id.n == 0 ? "dockerd does not show which one it is"
				  : "dsp cannot see who sent the request");
		return 0;
	}
	/* Whoever was first made a volume: a create of an existing one makes nothing. */
	if (kind == ATTRIBUTE_VOLUME && owners_find(service->owners, kind, id, &owner))
		return 0;
	owner = find_owner(service, o, &s, kind, id);
	if (owner.n == 0)
		return 0;
	ticket = owners_give(service->owners, kind, id, owner, &e);
	if (ticket == 0)
		log_nobody(kind, o, e.text);
	return ticket;
}

static uint64_t record_pruned(struct service *service, json_ref answer)
{
	static const struct {
		enum attribute_kind kind;
		const char *key;
	} lists[] = { { ATTRIBUTE_CONTAINER, "ContainersDeleted" },
		{ ATTRIBUTE_VOLUME, "VolumesDeleted" } };
	uint64_t last = 0;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		json_ref list = json_value_member(answer, lists[i].key);

		for (json_ref id = json_value_first(list); id; id = json_value_next(list, id)) {
			uint64_t ticket = owners_gone(
				service->owners, lists[i].kind, json_value_text(id));

			last = ticket > 0 ? ticket : last;
		}
	}
	return last;
}

/* Of a request whose response's body was kept. */
static uint64_t record_more(
	struct service *service, const struct request_outcome *o, struct response *r)
{
	static const enum attribute_kind kinds[] = { [AUTHZ_MAKES_CONTAINER] = ATTRIBUTE_CONTAINER,
		[AUTHZ_MAKES_NETWORK] = ATTRIBUTE_NETWORK,
		[AUTHZ_MAKES_VOLUME] = ATTRIBUTE_VOLUME };
	struct json_value *answer = NULL;
	uint64_t ticket;
	size_t where;
	struct err e;
	char *body;
	size_t n;

	if (!authz_more_body(&r->more, &body, &n) ||
		json_value_parse(body, n, &answer, &where, &e) != 0)
		answer = NULL;
	if (r->more.deed == AUTHZ_PRUNES)
		ticket = record_pruned(service, answer);
	else
		ticket = record_made(service, o, r, answer, kinds[r->more.deed]);
	mem_free(answer);
	return ticket;
}

/* Of a request that was remembered and makes nothing, or that failed. */
static uint64_t record_known(struct service *service, const struct request_outcome *o)
{
	struct expectation x = { .kind = ATTRIBUTE_OPTION };

	x.texts[EXPECTED_METHOD] = o->method;
	x.texts[EXPECTED_TARGET] = o->target;
	x.texts[EXPECTED_USER] = o->user;
	if (!expected_end(service->expected, &x) || o->status / 100 != 2)
		return 0;
	if (x.kind == ATTRIBUTE_CONTAINER)
		expected_add_departed(service->expected, &x, clock_now());
	return span_equal(o->method, SPAN("DELETE"))
		? owners_gone(service->owners, x.kind, x.texts[EXPECTED_ID])
		: 0;
}

bool ownership_wait(struct service *service, struct response *r, uint64_t ticket)
{
	if (ticket == 0 || owners_is_settled(service->owners, ticket, NULL))
		return false;
	r->ticket = ticket;
	r->waits = true;
	r->deadline = clock_now() + SETTLE_MS;
	LIST_INSERT_HEAD(&service->settling, r, link);
	return true;
}

bool ownership_record(
	struct service *service, const struct request_outcome *outcome, struct response *r)
{
	bool read = span_equal(outcome->method, SPAN("GET")) ||
		span_equal(outcome->method, SPAN("HEAD"));

	if (!owners_on(service->owners) || read)
		return false;
	if (r->more.deed != AUTHZ_OTHER && outcome->status / 100 == 2 &&
		span_equal(outcome->method, SPAN("POST")))
		return ownership_wait(service, r, record_more(service, outcome, r));
	return ownership_wait(service, r, record_known(service, outcome));
}

void ownership_forget(struct response *r)
{
	if (r->waits)
		LIST_REMOVE(r, link);
	r->waits = false;
}

struct response *ownership_next(struct service *service)
{
	struct response *r;

	if (!service->owners)
		return NULL;
	owners_receive(service->owners);
	LIST_FOREACH (r, &service->settling, link) {
		if (!owners_is_settled(service->owners, r->ticket, NULL) &&
			clock_now() < r->deadline)
			continue;
		ownership_forget(r);
		return r;
	}
	return NULL;
}

int ownership_timeout(const struct service *service)
{
	uint64_t now = clock_now();
	const struct response *r;
	int wait = -1;

	LIST_FOREACH (r, &service->settling, link)
		wait = clock_earlier(wait, now, r->deadline);
	return wait;
}
