#include "root_answers.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "ask_grant.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/system/clock.h"
#include "exchange.h"
#include "grants.h"

/* A call of dsp approve or dsp refuse, until the request has ended or changed. */
struct root_call {
	TAILQ_ENTRY(root_call) link;
	struct call *call;
	const struct held *held; /* NULL: reply is what became of it */
	char id[ASK_ID_ROOM];
	char grant[GRANT_ID_ROOM]; /* that dsp approve --for gave; empty: none */
	char *reply;               /* owned; NULL: no memory */
};

/* --- what a request asks for -------------------------------------------------------------------*/

enum { TEXT_MOST = 1024, DETAILS_MOST = 256 };

/* A text that fills its room, or nearly, may have been cut: it counts as one that is left out. */
static void count_cut(const char *shown, size_t room, size_t *left_out)
{
	*left_out += strlen(shown) + sizeof("\\xff...") >= room;
}

static json_t *escaped(struct span text, size_t *left_out)
{
	char shown[TEXT_MOST];

	text_escape(text, shown, sizeof(shown));
	count_cut(shown, sizeof(shown), left_out);
	return json_string(shown);
}

static json_t *subject_text(const struct subject *subject)
{
	char shown[HELD_USER_ROOM];

	subject_write(subject, shown, sizeof(shown));
	return json_string(shown);
}

/* Those that are a direct way to root first. */
static json_t *powers_of(const struct powerset *powers)
{
	json_t *list = json_array();

	for (int rank = ROOT_DIRECT; rank <= (int)ROOT_NO; rank++) {
		for (size_t i = 0; i < POWER_COUNT; i++) {
			const struct power_info *p = power_info((enum power)i);

			if (powerset_has(powers, (enum power)i) && (int)p->root == rank)
				(void)json_array_append_new(list,
					json_pack("{s:s, s:s, s:s}", "power", p->name, "root",
						root_name(p->root), "what", p->what));
		}
	}
	return list;
}

/* "/srv/x -> /x (rw)", and where the source really is. */
static json_t *detail_text(const struct attribute *a, size_t *left_out)
{
	char text[2 * TEXT_MOST];
	struct line l;

	line_init(&l, text, sizeof(text));
	attribute_write(a, text, TEXT_MOST);
	count_cut(text, TEXT_MOST, left_out);
	l.n = strlen(text);
	if (a->kind == ATTRIBUTE_MOUNT && a->mount_info && a->mount_info->path[0] &&
		!span_equal(a->clean, span_of(a->mount_info->path))) {
		char shown[TEXT_MOST / 2];

		text_escape(span_of(a->mount_info->path), shown, sizeof(shown));
		count_cut(shown, sizeof(shown), left_out);
		line_add(&l, ", which is %s", shown);
	}
	return json_string(text);
}

static const struct attribute *first_of(const struct facts *f, enum attribute_kind kind)
{
	for (size_t i = 0; i < f->attributes.count; i++) {
		if (f->attributes.items[i].kind == kind)
			return &f->attributes.items[i];
	}
	return NULL;
}

/* Adds what the request names, its command and the names of its variables: values may be secret. */
static void add_details(json_t *o, const struct facts *f, size_t left_out)
{
	json_t *details = json_array();
	json_t *command = json_array();
	json_t *variables = json_array();

	for (size_t i = 0; i < f->attributes.count; i++) {
		const struct attribute *a = &f->attributes.items[i];
		bool words = a->kind == ATTRIBUTE_COMMAND || a->kind == ATTRIBUTE_ENVIRONMENT;
		json_t *list = a->kind == ATTRIBUTE_COMMAND ? command : words ? variables : details;

		if (!attribute_is_detail(a))
			continue;
		if (json_array_size(list) >= DETAILS_MOST)
			left_out++;
		else
			(void)json_array_append_new(list,
				words ? escaped(a->text, &left_out) : detail_text(a, &left_out));
	}
	(void)json_object_set_new(o, "command", command);
	(void)json_object_set_new(o, "variables", variables);
	(void)json_object_set_new(o, "details", details);
	(void)json_object_set_new(o, "details_left_out", json_integer((json_int_t)left_out));
}

char *root_answers_describe(const struct decision_event *e)
{
	const struct facts *f = e->facts;
	const struct attribute *image = first_of(f, ATTRIBUTE_IMAGE);
	size_t left_out = 0;
	json_auto_t *o = json_pack("{s:o, s:s, s:o, s:o, s:o?, s:o, s:b, s:o}", "user",
		subject_text(e->subject), "operation", decision_event_operation(f), "path",
		escaped(f->target.path, &left_out), "name", escaped(f->name, &left_out), "image",
		image ? escaped(image->text, &left_out) : NULL, "rule",
		escaped(e->decision->rule->name, &left_out), "unseen",
		f->incomplete || f->invisible_mount || !powerset_empty(&f->maybe), "powers",
		powers_of(&f->powers));

	if (o)
		add_details(o, f, left_out);
	return o ? json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
}

/* --- the list ----------------------------------------------------------------------------------*/

static json_t *row_of(const struct held *r, uint64_t now)
{
	json_auto_t *what = r->what ? json_loads(r->what, 0, NULL) : NULL;
	json_t *row = json_pack("{s:s, s:s?, s:I, s:I}", "id", r->ask.id, "changed_from",
		r->ask.was[0] ? r->ask.was : NULL, "age_s",
		(json_int_t)((now - r->asked_at) / 1000), "left_s",
		(json_int_t)(r->deadline > now ? (r->deadline - now) / 1000 : 0));

	(void)json_object_update(row, what);
	return row;
}

static char *list(const struct service *service)
{
	const struct held_requests *h = &service->held;
	uint64_t now = clock_now();
	json_t *rows = json_array();
	json_auto_t *o = NULL;
	const struct held *r;

	TAILQ_FOREACH (r, &h->list, link) {
		if (r->answer.end == ASK_NOT_ENDED)
			(void)json_array_append_new(rows, row_of(r, now));
	}
	o = json_pack("{s:o, s:i}", "pending", rows, "most", HELD_MOST);
	return o ? json_dumps(o, JSON_COMPACT) : NULL;
}

/* --- answers -----------------------------------------------------------------------------------*/

static bool parse_number(struct span text, unsigned *ret)
{
	char digits[12];
	char *end;
	unsigned long n;

	if (text.n == 0 || text.n >= sizeof(digits))
		return false;
	text_copy(text, digits, sizeof(digits));
	n = strtoul(digits, &end, 10);
	*ret = (unsigned)n;
	return *end == '\0' && digits[0] != '-' && digits[0] != '+' && n <= UINT32_MAX;
}

/* "UID LOGIN NAME" at the start of *text. */
static int parse_root(struct span *text, struct grant_by *ret, struct err *e)
{
	struct span uid = span_cut(text, ' ');
	struct span login = span_cut(text, ' ');
	struct span name = span_cut(text, ' ');

	unsigned number = 0;
	bool valid = parse_number(uid, &number);

	*ret = (struct grant_by){ .uid = number, .login_uid = -1 };
	if (!span_equal(login, SPAN("-"))) {
		valid = valid && parse_number(login, &number);
		ret->login_uid = number;
	}
	if (!valid)
		return FAIL(e, EINVAL, "who answers");
	if (!span_equal(name, SPAN("-")))
		text_escape(name, ret->name, sizeof(ret->name));
	return 0;
}

/*
 * A grant of what the request asks for: "SECONDS" or "SECONDS yes-root". It is for requests that
 * come from now on: root has the others that wait in the list, and answers each.
 */
static int give(struct service *service, const struct held *held, const struct grant_by *by,
	struct span what, struct err *e)
{
	const struct exchange *x = held->tag;
	struct span text = span_cut(&what, ' ');
	struct grant_wish wish = {
		.by = *by, .yes_root = span_equal(what, SPAN("yes-root")), .answers = true
	};
	char reason[48];
	unsigned seconds;
	AUTO_MEM char *rule = NULL;

	if (!parse_number(text, &seconds))
		return FAIL(e, EINVAL, "the time");
	/* While it is judged again, its facts are not there. */
	if (held->judging)
		return FAIL(e, EBUSY, "%s", held->ask.id);
	rule = ask_grant_rule(
		&(struct ask_request){ &x->subject, &x->facts, x->asked.rule->conditions,
			{ x->body, x->body ? x->request.body_len : 0 } },
		e);
	if (!rule)
		return -1;
	(void)snprintf(reason, sizeof(reason), "dsp approve %s", held->ask.id);
	wish.rule = rule;
	wish.seconds = seconds;
	wish.reason = reason;
	return grants_give(service->grants, &wish, e);
}

static int answer_one(struct service *service, struct span what, struct root_call *c, struct err *e)
{
	struct held *held;
	struct span verb = span_cut(&what, ' ');
	struct span id = span_cut(&what, ' ');
	bool approve = span_equal(verb, SPAN("approve"));
	struct grant_by by;

	if (!approve && !span_equal(verb, SPAN("refuse")))
		return FAIL(e, EINVAL, "the command");
	if (parse_root(&what, &by, e) != 0)
		return -1;
	held = held_requests_find(&service->held, id, e);
	if (!held)
		return -1;
	if (approve && what.n > 0) {
		if (give(service, held, &by, what, e) != 0)
			return -1;
		text_copy(span_of(grants_newest(service->grants)), c->grant, sizeof(c->grant));
	}
	if (approve)
		held_requests_approve(held, &by);
	else
		held_requests_refuse(held, &by, what);
	c->held = held;
	memcpy(c->id, held->ask.id, sizeof(c->id));
	return 0;
}

static int status_of(const struct err *e)
{
	return e->code == EINVAL    ? 400
		: e->code == EPERM  ? 403
		: e->code == ENOENT ? 404
		: e->code == ENOMEM ? 500
				    : 409;
}

enum answer root_answers(void *ctx, struct call *call)
{
	struct service *service = ctx;
	struct span what = span_of(call->argument);
	struct root_call *waiting;
	struct err e;
	char *text;

	if (what.n == 0 || span_equal(what, SPAN("list"))) {
		text = list(service);
		reply_owned(&call->reply, text, text ? strlen(text) : 0);
		return ANSWER_NOW;
	}
	waiting = mem_array(1, sizeof(*waiting));
	if (!waiting)
		err_set(&e, ENOMEM, "out of memory");
	if (!waiting || answer_one(service, what, waiting, &e) != 0) {
		reply_error(&call->reply, (unsigned)status_of(&e), e.text);
		mem_free(waiting);
		return ANSWER_NOW;
	}
	waiting->call = call;
	TAILQ_INSERT_TAIL(&service->root_calls, waiting, link);
	call->state = waiting;
	return ANSWER_LATER;
}

void root_answers_drop(void *ctx, struct call *call)
{
	struct service *service = ctx;
	struct root_call *c = call->state;

	TAILQ_REMOVE(&service->root_calls, c, link);
	mem_free(c->reply);
	mem_free(c);
}

struct call *root_answers_next(struct service *service)
{
	struct root_call *c;
	struct call *call;

	TAILQ_FOREACH (c, &service->root_calls, link) {
		if (!c->held)
			break;
	}
	if (!c)
		return NULL;
	call = c->call;
	reply_owned(&call->reply, c->reply, c->reply ? strlen(c->reply) : 0);
	c->reply = NULL;
	root_answers_drop(service, call);
	return call;
}

static void reply_to(struct service *service, const struct held *held, const char *result,
	const char *id, const char *message)
{
	struct root_call *c;

	TAILQ_FOREACH (c, &service->root_calls, link) {
		json_auto_t *o = NULL;

		if (c->held != held)
			continue;
		c->held = NULL;
		o = json_pack("{s:s, s:s, s:s?, s:s, s:s?}", "id", c->id, "result", result, "now",
			id, "message", message, "grant", c->grant[0] ? c->grant : NULL);
		c->reply = o ? json_dumps(o, JSON_COMPACT) : NULL;
	}
}

void root_answers_ended(struct service *service, const struct held *held, const struct decision *d,
	const char *message)
{
	reply_to(service, held,
		d->answer.end != ASK_NOT_ENDED        ? ask_end_name(d->answer.end)
			: d->verdict == VERDICT_ALLOW ? "allowed"
						      : "denied",
		NULL, message);
}

void root_answers_changed(struct service *service, const struct held *held)
{
	struct root_call *c;

	TAILQ_FOREACH (c, &service->root_calls, link) {
		if (c->held == held && strcmp(c->id, held->ask.id) != 0)
			break;
	}
	if (c)
		reply_to(service, held, "changed", held->ask.id, "");
}
