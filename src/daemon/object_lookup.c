#include "object_lookup.h"

#include <errno.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/parse/reference.h"
#include "dsp/system/clock.h"
#include "object_reference.h"

/* A thing that a request names. */
struct object {
	struct attribute named;
	bool ended;
	const char *advice; /* static; NULL: the trouble says what to do */
	/* The steps, in this order; NULL: not begun. */
	struct object_ask *exec; /* whose container it is */
	struct object_ask *inspect;
	struct object_ask *ids; /* which ids begin with its name */
	struct object_info info;
	struct mem_list memory;
};

struct object_lookup {
	struct object_source source;
	uint64_t begun; /* owners_moment */
	unsigned kinds;
	uint64_t deadline;
	struct object_ask *swarm; /* whether dockerd is in one; NULL: that does not matter */
	size_t count;
	struct object objects[OBJECTS_MOST];
};

static void set_unreadable(struct facts *facts, const struct err *e, const char *advice)
{
	if (facts->reading != READING_EXACT)
		return;
	facts->doubt = *e;
	facts->reading = READING_UNREADABLE;
	facts->advice = advice;
}

/* --- what is asked -----------------------------------------------------------------------------*/

/*
 * dockerd's own networks. Nobody can make or remove one of these names (moby runconfig
 * IsPreDefinedNetwork), nobody owns them, and they have no labels. NULL: it is none of them.
 */
static const struct object_info *predefined(const struct attribute *d)
{
	static const struct object_info all[] = {
		{ .state = OBJECT_FOUND, .name = SPAN_INIT("bridge") },
		{ .state = OBJECT_FOUND, .name = SPAN_INIT("host") },
		{ .state = OBJECT_FOUND, .name = SPAN_INIT("none") },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (d->kind == ATTRIBUTE_NETWORK && span_equal(d->text, all[i].name))
			return &all[i];
	}
	return NULL;
}

/* The create of a volume that is there makes none, and is about that one. */
static bool is_asked(const struct attribute *d, unsigned kinds)
{
	return (kinds >> d->kind & 1) && !d->whole && !d->listing && d->text.n > 0 &&
		(!d->made || d->kind == ATTRIBUTE_VOLUME) && !predefined(d);
}

/*
 * The manager of a swarm removes a cluster volume of this name, or whose id begins with it, where
 * the host has no volume of this name or force is set (moby api/server/router/volume, from 23 on).
 * A network's name may be the start of the id of a swarm's network.
 */
static bool may_be_of_swarm(const struct attribute *d)
{
	return (d->kind == ATTRIBUTE_VOLUME && !d->mounted && !d->made) ||
		(d->kind == ATTRIBUTE_NETWORK && d->maybe_swarm);
}

static struct object *find(struct object_lookup *l, const struct attribute *d)
{
	for (size_t i = 0; i < l->count; i++) {
		struct object *o = &l->objects[i];

		if (o->named.kind == d->kind && o->named.exec == d->exec &&
			span_equal(o->named.text, d->text) && span_equal(o->named.field, d->field))
			return o;
	}
	return NULL;
}

static void end(struct object *o, enum object_state state, const char *trouble)
{
	o->info.state = state;
	o->info.trouble = trouble;
	o->ended = true;
}

static void ask(struct object_lookup *l, struct object *o, struct object_ask **which,
	enum resolve_kind kind, struct span reference)
{
	*which = object_asks_ask(l->source.asks, l->source.path, kind, reference);
	if (!*which)
		end(o, OBJECT_UNKNOWN, "no memory");
}

static void begin(struct object_lookup *l, struct object *o)
{
	if (o->named.exec)
		ask(l, o, &o->exec, RESOLVE_EXEC, o->named.text);
	else if (o->named.kind == ATTRIBUTE_CONTAINER)
		ask(l, o, &o->inspect, RESOLVE_CONTAINER, o->named.text);
	else if (o->named.kind == ATTRIBUTE_NETWORK)
		ask(l, o, &o->inspect, RESOLVE_NETWORK, o->named.text);
	else if (o->named.kind == ATTRIBUTE_IMAGE)
		ask(l, o, &o->inspect, RESOLVE_IMAGE, o->named.text);
	else
		ask(l, o, &o->inspect, RESOLVE_VOLUME, o->named.text);
}

/* Adds what d names. -1 and e: no memory, or (code 0) too many, or dsp-resolve cannot be asked. */
static int add(const struct object_source *source, struct object_lookup **l,
	const struct attribute *d, const char **advice, struct err *e)
{
	if (!source->asks || source->path[0] == '\0') {
		*advice = "set DSP_RESOLVER, or take out the rules that need it";
		return FAIL(e, 0, "dsp cannot find out what it names without dsp-resolve");
	}
	if (!*l)
		*l = mem_array(1, sizeof(**l));
	if (!*l)
		return FAIL(e, ENOMEM, "what a request names");
	if ((*l)->count == OBJECTS_MOST) {
		*advice = "name fewer";
		return FAIL(e, 0, "it names more than %d containers, networks and volumes",
			OBJECTS_MOST);
	}
	(*l)->objects[(*l)->count++].named = *d;
	return 0;
}

static void begin_all(struct object_lookup *l)
{
	l->deadline = clock_now() + OBJECTS_MS;
	l->begun = owners_moment(l->source.owners);
	for (size_t i = 0; i < l->count; i++)
		begin(l, &l->objects[i]);
	for (size_t i = 0; i < l->count && !l->swarm; i++) {
		if (may_be_of_swarm(&l->objects[i].named))
			l->swarm = object_asks_ask(l->source.asks, l->source.path, RESOLVE_INFO,
				(struct span){ "", 0 });
	}
}

int object_lookup_begin(const struct object_source *source, struct facts *facts, unsigned kinds,
	struct object_lookup **ret, struct err *e)
{
	const struct attributes *all = &facts->attributes;
	struct object_lookup *l = NULL;
	const char *advice = NULL;

	*ret = NULL;
	for (size_t i = 0; i < all->count && facts->reading == READING_EXACT; i++) {
		const struct attribute *d = &all->items[i];

		if (!is_asked(d, kinds) || (l && find(l, d)) || add(source, &l, d, &advice, e) == 0)
			continue;
		mem_free(l);
		if (e->code == ENOMEM)
			return -1;
		if (!source->may_fail)
			set_unreadable(facts, e, advice);
		return 0;
	}
	if (!l)
		return 0;
	l->source = *source;
	l->kinds = kinds;
	begin_all(l);
	*ret = l;
	return 0;
}

void object_lookup_free(struct object_lookup *l)
{
	if (!l)
		return;
	object_asks_release(l->source.asks, l->swarm);
	for (size_t i = 0; i < l->count; i++) {
		struct object *o = &l->objects[i];

		object_asks_release(l->source.asks, o->exec);
		object_asks_release(l->source.asks, o->inspect);
		object_asks_release(l->source.asks, o->ids);
		mem_list_free(&o->memory);
	}
	mem_free(l);
}

/* --- answers -----------------------------------------------------------------------------------*/

static const char doctor[] = "try again; dsp doctor checks dsp-resolve";

/* Whether an answer has come that counts. Else o ends, unless it waits. */
static bool has_answer(const struct object_lookup *l, struct object *o, const struct object_ask *a)
{
	if (a->state != ASK_ENDED)
		return false;
	if (a->result == RESOLVE_FAILED)
		end(o, OBJECT_UNKNOWN, a->trouble);
	else if (!object_ask_is_of(a, l->source.dockerd))
		end(o, OBJECT_UNKNOWN,
			"the dockerd that dsp-resolve asks is not the one that asks dspd");
	o->advice = o->ended ? doctor : NULL;
	return !o->ended;
}

static void step_exec(struct object_lookup *l, struct object *o)
{
	const struct object_ask *a = o->exec;

	if (!has_answer(l, o, a))
		return;
	if (a->result == RESOLVE_MISSING)
		end(o, OBJECT_MISSING, NULL);
	else if (!span_equal(a->texts[RESOLVE_ID], o->named.text) ||
		!object_is_id(a->texts[RESOLVE_CONTAINER_ID]))
		end(o, OBJECT_UNKNOWN, "dockerd answers with another exec");
	else
		ask(l, o, &o->inspect, RESOLVE_CONTAINER, a->texts[RESOLVE_CONTAINER_ID]);
}

/* As its create named it: dockerd keeps that text. */
static bool set_image(struct object *o, struct span image)
{
	struct span none = { NULL, 0 };
	char *text;

	o->info.image = image;
	if (image.n == 0)
		return true;
	text = mem_list_alloc(&o->memory, reference_canonical_most(image, none));
	if (!text)
		return false;
	o->info.image = (struct span){ text, reference_canonical(image, none, text) };
	return true;
}

static void set_info(struct object *o)
{
	const struct object_ask *a = o->inspect;

	o->info = (struct object_info){ .state = OBJECT_FOUND,
		.id = a->texts[o->named.kind == ATTRIBUTE_VOLUME ? RESOLVE_NAME : RESOLVE_ID],
		.name = a->texts[RESOLVE_NAME],
		.labels = a->labels,
		.label_count = a->label_count,
		.labels_unsure = a->labels_unsure,
		.command = (o->exec ? o->exec : a)->texts[RESOLVE_COMMAND] };
	if (set_image(o, a->texts[RESOLVE_IMAGE_NAME]))
		o->ended = true;
	else
		end(o, OBJECT_UNKNOWN, "no memory");
}

static void step_inspect(struct object_lookup *l, struct object *o)
{
	const struct object_ask *a = o->inspect;
	struct attribute asked = o->named;
	bool check_ids = false;
	const char *misfit;

	if (!has_answer(l, o, a))
		return;
	if (a->result == RESOLVE_MISSING) {
		if (o->named.kind == ATTRIBUTE_VOLUME)
			owners_gone_since(
				l->source.owners, ATTRIBUTE_VOLUME, o->named.text, l->begun);
		end(o, OBJECT_MISSING, NULL);
		return;
	}
	/* An image has any number of names. */
	if (o->named.kind == ATTRIBUTE_IMAGE) {
		set_info(o);
		return;
	}
	/* Of an exec, the container's id was asked for. */
	asked.text = span_of(a->reference);
	misfit = object_reference_misfit(
		&asked, a->texts[RESOLVE_ID], a->texts[RESOLVE_NAME], &check_ids);
	if (misfit)
		end(o, OBJECT_UNKNOWN, misfit);
	else if (check_ids)
		ask(l, o, &o->ids, RESOLVE_IDS, asked.text);
	else
		set_info(o);
}

static void step_ids(struct object_lookup *l, struct object *o)
{
	const struct object_ask *a = o->ids;

	if (!o->inspect || !has_answer(l, o, a))
		return;
	if (a->result == RESOLVE_FOUND &&
		(!span_equal(a->texts[RESOLVE_ID], o->inspect->texts[RESOLVE_ID]) ||
			a->texts[RESOLVE_OTHER_ID].n > 0))
		end(o, OBJECT_UNKNOWN, "another's id begins with its name; use its id");
	else
		set_info(o);
}

bool object_lookup_step(struct object_lookup *l)
{
	bool late = clock_now() >= l->deadline;
	bool ended = late || !l->swarm || l->swarm->state == ASK_ENDED;

	for (size_t i = 0; i < l->count; i++) {
		struct object *o = &l->objects[i];

		/* A step may be answered at once, as where nothing listens. */
		if (!o->ended && o->exec && !o->inspect)
			step_exec(l, o);
		if (!o->ended && o->inspect && !o->ids)
			step_inspect(l, o);
		if (!o->ended && o->ids)
			step_ids(l, o);
		if (!o->ended && late) {
			end(o, OBJECT_UNKNOWN, "dsp-resolve gave no answer within 2 s");
			o->advice = doctor;
		}
		ended = ended && o->ended;
	}
	return ended;
}

uint64_t object_lookup_deadline(const struct object_lookup *l)
{
	return l->deadline;
}

/* --- what comes of it --------------------------------------------------------------------------*/

/* Where it is not known, it may be in one. */
static bool in_swarm(const struct object_lookup *l)
{
	const struct object_ask *a = l->swarm;

	return !a || a->state != ASK_ENDED || a->result != RESOLVE_FOUND ||
		!object_ask_is_of(a, l->source.dockerd) ||
		!span_equal(a->texts[RESOLVE_SWARM], SPAN("inactive"));
}

static bool is_by_id(const struct attribute *d, const struct object *o)
{
	return d->kind != ATTRIBUTE_VOLUME && span_equal(o->info.id, d->text);
}

/* 'what container "web" is could not be found out: ...' */
static void doubt(struct facts *facts, const struct object *o, const char *why)
{
	const char *what = o->named.exec ? "exec" : attribute_kind_name(o->named.kind);
	char text[72];
	struct err e;

	text_escape(o->named.text, text, sizeof(text));
	if (!why) {
		err_set(&e, 0, "there is no %s \"%s\"", what, text);
		set_unreadable(facts, &e, NULL);
	} else {
		err_set(&e, 0, "what %s \"%s\" is could not be found out: %s", what, text, why);
		set_unreadable(facts, &e, o->advice);
	}
	facts->doubt.code = OBJECT_UNKNOWN_CODE;
}

/*
 * A create makes a volume that is not there, as does one of a container that mounts it. Whatever
 * else is missing may be there when dockerd acts.
 */
static bool is_fine(const struct attribute *d, const struct object *o)
{
	return o->info.state == OBJECT_FOUND ||
		(o->info.state == OBJECT_MISSING && (d->mounted || d->made));
}

/* Only now: it lives until the owners change. Nobody owns an image. */
static void set_owner(const struct object_lookup *l, unsigned coming, struct object *o)
{
	bool known = owners_healthy(l->source.owners);

	o->info.owner = (struct span){ NULL, 0 };
	if (o->named.kind == ATTRIBUTE_IMAGE)
		return;
	if (o->info.state == OBJECT_FOUND && known &&
		owners_find(l->source.owners, o->named.kind, o->info.id, &o->info.owner))
		o->info.owner_unsure = owners_in_doubt(l->source.owners, o->named.kind, o->info.id);
	else
		o->info.owner_unsure = !known || (coming >> o->named.kind & 1);
}

void object_lookup_predefined(struct facts *facts)
{
	for (size_t i = 0; i < facts->attributes.count; i++) {
		struct attribute *d = &facts->attributes.items[i];

		if (!d->whole && !d->made)
			d->object = predefined(d);
	}
}

void object_lookup_attach(struct object_lookup *l, unsigned coming, struct facts *facts)
{
	struct attributes *all = &facts->attributes;

	for (size_t i = 0; i < all->count && facts->reading == READING_EXACT; i++) {
		struct attribute *d = &all->items[i];
		struct object *o = is_asked(d, l->kinds) ? find(l, d) : NULL;

		if (!o)
			continue;
		set_owner(l, coming, o);
		if (!d->made || o->info.state != OBJECT_MISSING)
			d->object = &o->info;
		/* No rule compares the id of an image, and one that is not there is pulled. */
		if (l->source.may_fail || d->kind == ATTRIBUTE_IMAGE)
			continue;
		if (is_fine(d, o) && may_be_of_swarm(d) && !is_by_id(d, o) && in_swarm(l))
			doubt(facts, o,
				d->kind == ATTRIBUTE_VOLUME
					? "in a swarm its name may be that of a cluster volume"
					: "in a swarm the name may mean another; use the full id");
		else if (!is_fine(d, o))
			doubt(facts, o, o->info.trouble);
	}
}
