#include "ownership.h"

#include <stdio.h>

#include "dsp/core/base/digest.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/rule_index.h"
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
enum deed { DEED_NONE, DEED_MAKE, DEED_REMOVE, DEED_RENAME, DEED_PRUNE };

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
		{ OP_CONTAINER_PRUNE, { DEED_PRUNE, ATTRIBUTE_CONTAINER } },
		{ OP_VOLUME_PRUNE, { DEED_PRUNE, ATTRIBUTE_VOLUME } },
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
	enum deed deed;
	const char *why;

	if (!owners_on(service->owners) || e->decision->verdict != VERDICT_ALLOW ||
		e->decision->monitored)
		return NULL;
	deed = meaning_of(e->facts->route).deed;
	if (deed == DEED_NONE)
		return NULL;
	why = authz_response_obstacle(e->request);
	if (why) {
		(void)snprintf(text, sizeof(text), "%s", why);
		return &refusal;
	}
	if (deed != DEED_MAKE || owners_can_record(service->owners, &why))
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

		if (rule->verb == RULE_DENY)
			continue;
		if (!first && !span_equal(rule->owner, owner))
			return subject;
		owner = rule->owner;
		first = false;
	}
	return owner.n > 0 && owner.s[0] == '@' ? owner : subject;
}

/* --- AuthZReq ----------------------------------------------------------------------------------*/

/* What AuthZRes repeats of a request. room: for its sender. */
static void set_repeated(
	struct expectation *x, const struct request *rq, unsigned char room[DIGEST_SIZE])
{
	const struct span parts[] = { rq->token, rq->peer, rq->certificate };
	struct digest_sum sum;

	x->texts[EXPECTED_METHOD] = rq->method;
	x->texts[EXPECTED_TARGET] = rq->target;
	x->texts[EXPECTED_USER] = rq->user;
	x->texts[EXPECTED_SENDER] = SPAN("user alone");
	if (!rq->has_token && !rq->has_peer && rq->certificate.n == 0)
		return;
	digest_begin(&sum);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		digest_add(&sum, parts[i]);
		digest_add(&sum, SPAN("\n")); /* no header has one, nor base64 */
	}
	digest_end(&sum, room);
	x->texts[EXPECTED_SENDER] = (struct span){ (const char *)room, DIGEST_SIZE };
}

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
	/* A longer name is none that AuthZRes is matched with. */
	x->texts[EXPECTED_NAME] = name;
	if (name.n > OWNED_ID_MOST)
		x->texts[EXPECTED_NAME].n = OWNED_ID_MOST + 1;
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

/* What is to come of it, where owners are recorded. */
static void expect(struct service *service, const struct decision_event *e)
{
	struct meaning m = meaning_of(e->facts->route);
	struct expectation x = { .kind = m.kind };
	unsigned char sender[DIGEST_SIZE];
	const struct attribute *a;
	char subject[OWNER_MOST + 1];

	if (m.deed == DEED_NONE || m.deed == DEED_PRUNE || authz_response_obstacle(e->request))
		return;
	a = thing_of(e->facts, m);
	set_repeated(&x, e->request, sender);
	x.texts[EXPECTED_SUBJECT] = owner_of(e->subject, subject);
	if (m.deed == DEED_MAKE)
		set_made(&x, service, e, a);
	else
		set_known(&x, service, e->facts, a);
	expected_add(service->expected, &x, clock_now());
}

void ownership_expect(struct service *service, const struct decision_event *e)
{
	if (owners_on(service->owners))
		expect(service, e);
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

/* A request that has ended, as AuthZRes repeats it: without its body. */
struct ended {
	struct request request;
	bool has_sender; /* its headers are known */
	bool done;       /* with success */
	struct meaning meaning;
	struct span name; /* in its path */
};

/* What dockerd calls the new thing: its id, of a volume its name. Empty: it is not known. */
static struct span made_by(json_ref answer, enum attribute_kind kind)
{
	const char *key = kind == ATTRIBUTE_VOLUME ? "Name" : "Id";
	struct span id = json_value_text(json_value_member(answer, key));

	return owned_id_is_valid(kind, id) ? id : (struct span){ NULL, 0 };
}

/* Who sent the request. False: that is not known. */
static bool identify(const struct service *service, const struct ended *d, struct subject *ret)
{
	if (!d->has_sender)
		return false;
	*ret = subject_identify(service->snapshot->config->policy.file_rules, &d->request);
	return ret->doubt == SUBJECT_SURE;
}

/* Ends what was expected of the request. name and id: of the thing, where they are known. */
static enum expected_found end_expected(struct service *service, const struct ended *d,
	struct span name, struct span id, struct expectation *x)
{
	unsigned char sender[DIGEST_SIZE];

	*x = (struct expectation){ .kind = d->meaning.kind };
	set_repeated(x, &d->request, sender);
	if (!d->has_sender)
		x->texts[EXPECTED_SENDER] = (struct span){ NULL, 0 };
	x->texts[EXPECTED_NAME] = name;
	x->texts[EXPECTED_ID] = id;
	return expected_end(service->expected, x);
}

/*
 * Of a volume: the create that named it, else one that named none; for such a volume dockerd makes
 * a name as long as an id. Where there is neither, the answer of another has ended the right one,
 * and this ends one in return: as many end as were expected.
 */
static enum expected_found end_volume(
	struct service *service, const struct ended *d, struct span name, struct expectation *x)
{
	static const struct span none = { NULL, 0 };
	enum expected_found found = end_expected(service, d, name, none, x);

	if (found == EXPECTED_NONE && owned_id_is_valid(ATTRIBUTE_CONTAINER, name))
		found = end_expected(service, d, none, any_name, x);
	if (found == EXPECTED_NONE)
		(void)end_expected(service, d, none, none, x);
	return found;
}

/* The owner of what was made; empty: nobody. Its text lives until the next such call. */
static struct span find_owner(struct service *service, const struct ended *d, struct span id)
{
	static char room[OWNER_MOST + 1];
	static const struct span none = { NULL, 0 };
	struct expectation x;
	struct subject s;

	if (d->meaning.kind == ATTRIBUTE_VOLUME)
		return end_volume(service, d, id, &x) == EXPECTED_ONE && x.fresh
			? x.texts[EXPECTED_OWNER]
			: none;
	if (end_expected(service, d, none, none, &x) == EXPECTED_ONE)
		return x.texts[EXPECTED_OWNER];
	if (!identify(service, d, &s))
		return none;
	return owner_by_all_rules(
		service->snapshot->config->policy.file_rules, &s, d->meaning, owner_of(&s, room));
}

static void log_nobody(const struct ended *d, const char *why)
{
	char target[128];

	text_escape(d->request.target, target, sizeof(target));
	log_line("owners: nobody owns the %s that %s made: %s",
		attribute_kind_name(d->meaning.kind), target, why);
}

static uint64_t record_made(struct service *service, const struct ended *d, json_ref answer)
{
	enum attribute_kind kind = d->meaning.kind;
	struct span id = made_by(answer, kind);
	struct span owner = find_owner(service, d, id);
	struct span before;
	uint64_t ticket;
	struct err e;

	if (id.n == 0) {
		log_nobody(d, "dockerd does not show which one it is");
		return 0;
	}
	/* Whoever was first made a volume: a create of an existing one makes nothing. */
	if (kind == ATTRIBUTE_VOLUME && owners_find(service->owners, kind, id, &before))
		return 0;
	if (owner.n == 0) {
		if (kind != ATTRIBUTE_VOLUME || !d->has_sender)
			log_nobody(d, "dsp cannot see who sent the request");
		return 0;
	}
	ticket = owners_give(service->owners, kind, id, owner, &e);
	if (ticket == 0)
		log_nobody(d, e.text);
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

/* Of a request that made or pruned something. */
static uint64_t record_answer(
	struct service *service, const struct ended *d, struct authz_more *more)
{
	struct json_value *answer = NULL;
	uint64_t ticket;
	size_t where;
	struct err e;
	char *body;
	size_t n;

	if (!authz_more_body(more, &body, &n) ||
		json_value_parse(body, n, &answer, &where, &e) != 0)
		answer = NULL;
	if (!answer && d->meaning.deed == DEED_PRUNE && d->meaning.kind == ATTRIBUTE_VOLUME)
		owners_doubt_all(service->owners);
	ticket = d->meaning.deed == DEED_PRUNE ? record_pruned(service, answer)
					       : record_made(service, d, answer);
	mem_free(answer);
	return ticket;
}

/* Of a request that makes nothing, or that failed. A volume's id is its name. */
static uint64_t record_known(struct service *service, const struct ended *d)
{
	static const struct span none = { NULL, 0 };
	struct expectation x;
	bool known = end_expected(service, d, none, none, &x) == EXPECTED_ONE;
	struct span id = known ? x.texts[EXPECTED_ID] : none;

	if (!d->done) {
		/* A request whose client went away may fail after the volume is gone. */
		if (d->meaning.kind == ATTRIBUTE_VOLUME && d->meaning.deed == DEED_REMOVE)
			owners_doubt(service->owners, id.n > 0 ? id : d->name);
		return 0;
	}
	if (known && x.kind == ATTRIBUTE_CONTAINER)
		expected_add_departed(service->expected, &x, clock_now());
	if (d->meaning.kind == ATTRIBUTE_VOLUME && id.n == 0)
		id = d->name;
	return d->meaning.deed == DEED_REMOVE ? owners_gone(service->owners, d->meaning.kind, id)
					      : 0;
}

static uint64_t record(struct service *service, struct ended *d, struct authz_more *more)
{
	bool answers = d->meaning.deed == DEED_MAKE || d->meaning.deed == DEED_PRUNE;

	d->has_sender = authz_more_sender(more, &d->request);
	if (d->done && answers)
		return record_answer(service, d, more);
	if (d->meaning.deed != DEED_PRUNE)
		return record_known(service, d);
	/* One with a long answer has no status, like one that failed. */
	if (d->meaning.kind == ATTRIBUTE_VOLUME)
		owners_doubt_all(service->owners);
	return 0;
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
	struct ended d = { .request = { .method = outcome->method,
				   .target = outcome->target,
				   .user = outcome->user },
		.done = outcome->status / 100 == 2 };
	bool read = span_equal(outcome->method, SPAN("GET")) ||
		span_equal(outcome->method, SPAN("HEAD"));
	uint64_t ticket = 0;
	struct facts f;
	struct err e;

	if (!owners_on(service->owners) || read)
		return false;
	if (facts_parse(&d.request, &f, &e) == 0) {
		d.meaning = meaning_of(f.route);
		d.name = f.name;
		if (d.meaning.deed != DEED_NONE)
			ticket = record(service, &d, &r->more);
	}
	facts_free(&f);
	return ownership_wait(service, r, ticket);
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
