#include "owner_sweep.h"

#include "authorize.h"
#include "dsp/core/base/text.h"
#include "dsp/system/clock.h"
#include "object_asks.h"
#include "service.h"

enum {
	PASS_MS = 30 * 60 * 1000, /* from one pass to the next */
	PAUSE_MS = 50,            /* between two things */
	AGAIN_MS = 500,           /* after a failure to ask about a volume in doubt */
};

static enum resolve_kind ask_kind(enum attribute_kind kind)
{
	if (kind == ATTRIBUTE_CONTAINER)
		return RESOLVE_CONTAINER;
	return kind == ATTRIBUTE_NETWORK ? RESOLVE_NETWORK : RESOLVE_VOLUME;
}

static bool take_first(void *ctx, const struct owned *thing)
{
	struct owner_sweep *s = ctx;

	s->kind = thing->kind;
	text_copy(thing->id, s->id, sizeof(s->id));
	return false;
}

/* Asks about the next thing. False: there is none. */
static bool ask_next(struct service *service)
{
	struct owner_sweep *s = &service->sweep;
	char before[sizeof(s->id)];
	enum attribute_kind kind = s->kind;

	memcpy(before, s->id, sizeof(before));
	owners_each(service->owners, kind, span_of(before), take_first, s);
	if (strcmp(before, s->id) == 0 && kind == s->kind)
		return false;
	s->ask = object_asks_ask(service->objects, service->snapshot->config->policy.resolver,
		ask_kind(s->kind), span_of(s->id));
	return s->ask != NULL;
}

static void end_pass(struct service *service)
{
	struct owner_sweep *s = &service->sweep;

	object_asks_release(service->objects, s->ask);
	s->ask = NULL;
	s->runs = false;
	s->id[0] = '\0';
	s->kind = (enum attribute_kind)0;
	s->next_at = clock_now() + PASS_MS;
}

/* False: dockerd cannot be asked, and the pass ends. */
static bool take_answer(struct service *service)
{
	struct owner_sweep *s = &service->sweep;
	enum resolve_result result = s->ask->result;

	object_asks_release(service->objects, s->ask);
	s->ask = NULL;
	if (result == RESOLVE_FAILED)
		return false;
	owners_seen(service->owners, s->kind, span_of(s->id), result == RESOLVE_FOUND);
	return true;
}

/* The volumes in doubt, one after the other. Returns as owner_sweep_step. */
static unsigned step_check(struct service *service)
{
	struct owner_sweep *s = &service->sweep;
	struct span name;

	if (s->check) {
		enum resolve_result result;

		authorize_receive(service);
		if (s->check->state != ASK_ENDED)
			return PAUSE_MS;
		result = s->check->result;
		object_asks_release(service->objects, s->check);
		s->check = NULL;
		if (result == RESOLVE_FAILED)
			s->check_at = clock_now() + AGAIN_MS;
		else
			owners_end_doubt(service->owners, span_of(s->checked), s->check_moment,
				result == RESOLVE_FOUND);
	}
	if (!owners_next_doubt(service->owners, &name))
		return 0;
	if (clock_now() < s->check_at)
		return AGAIN_MS;
	text_copy(name, s->checked, sizeof(s->checked));
	s->check_moment = owners_moment(service->owners);
	s->check = object_asks_ask(
		service->objects, service->snapshot->config->policy.resolver, RESOLVE_VOLUME, name);
	return PAUSE_MS;
}

static unsigned step_pass(struct service *service)
{
	struct owner_sweep *s = &service->sweep;

	if (s->next_at == 0)
		s->next_at = clock_now() + PASS_MS;
	if (!s->runs && clock_now() < s->next_at)
		return 0;
	s->runs = true;
	if (s->ask) {
		authorize_receive(service);
		if (s->ask->state != ASK_ENDED)
			return PAUSE_MS;
		if (!take_answer(service)) {
			end_pass(service);
			return 0;
		}
	}
	if (ask_next(service))
		return PAUSE_MS;
	end_pass(service);
	return 0;
}

unsigned owner_sweep_step(struct service *service)
{
	struct owner_sweep *s = &service->sweep;
	bool wanted = owners_on(service->owners) && owners_healthy(service->owners) &&
		service->objects && service->snapshot->config->policy.resolver[0] != '\0';
	unsigned check;
	unsigned pass;

	if (!wanted) {
		if (s->runs)
			end_pass(service);
		return 0;
	}
	check = step_check(service);
	pass = step_pass(service);
	return check > 0 && (pass == 0 || check < pass) ? check : pass;
}

void owner_sweep_begin(struct service *service)
{
	if (!service->sweep.runs)
		service->sweep.next_at = 1;
}

void owner_sweep_end(struct service *service)
{
	object_asks_release(service->objects, service->sweep.ask);
	service->sweep.ask = NULL;
	object_asks_release(service->objects, service->sweep.check);
	service->sweep.check = NULL;
}
