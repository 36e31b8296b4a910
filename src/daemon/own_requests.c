#include "own_requests.h"

#include "dsp/protocol/resolve_protocol.h"
#include "resolver.h"

/* The GETs that dsp-resolve sends to dockerd; RESOLVE_KINDS: it sends no such request. */
static enum resolve_kind kind_of(const struct facts *f)
{
	static const enum operation operations[RESOLVE_KINDS] = {
		[RESOLVE_CONTAINER] = OP_CONTAINER_INSPECT,
		[RESOLVE_EXEC] = OP_EXEC_INSPECT,
		[RESOLVE_NETWORK] = OP_NETWORK_INSPECT,
		[RESOLVE_VOLUME] = OP_VOLUME_INSPECT,
		[RESOLVE_IMAGE] = OP_IMAGE_INSPECT,
		[RESOLVE_INFO] = OP_SYSTEM_INFO,
		[RESOLVE_VERSION] = OP_SYSTEM_VERSION,
		[RESOLVE_IDS] = OP_CONTAINER_LIST,
	};
	enum resolve_kind kind = RESOLVE_CONTAINER;

	if (!f->route || f->reading != READING_EXACT)
		return RESOLVE_KINDS;
	while (kind < RESOLVE_KINDS &&
		(f->route->operation != operations[kind] ||
			!span_equal(f->target.query, resolve_query(kind))))
		kind++;
	return kind;
}

/* Two more lists, with which dsp own finds the names of what has an owner. */
static bool is_list_for_own(const struct facts *f)
{
	return f->route && f->reading == READING_EXACT &&
		(f->route->operation == OP_NETWORK_LIST || f->route->operation == OP_VOLUME_LIST) &&
		span_equal(f->target.query, SPAN(RESOLVE_QUERY));
}

/* Of a request with the token: whether it is one of those. */
static int note_own(
	const struct service *service, const struct request *rq, struct call *call, struct err *e)
{
	enum resolve_kind kind = RESOLVE_KINDS;
	bool list = false;
	struct facts f;
	int rc;

	rc = facts_parse(rq, &f, e);
	if (rc == 0) {
		kind = kind_of(&f);
		list = is_list_for_own(&f);
	}
	if (kind < RESOLVE_KINDS)
		object_asks_seen(service->objects, kind, f.name, call_peer(call));
	facts_free(&f);
	if (rc != 0 || kind == RESOLVE_KINDS)
		return rc == 0 ? list : rc;
	dockerd_facts_seen(service->dockerds, call_peer(call), kind);
	return 1;
}

int own_requests_has(
	const struct service *service, const struct request *rq, struct call *call, struct err *e)
{
	if (!rq->has_token || !service->resolver || rq->body || rq->user.n > 0 ||
		!span_equal(rq->method, SPAN("GET")) ||
		!resolver_has_token(service->resolver, rq->token))
		return 0;
	return note_own(service, rq, call, e);
}

bool own_requests_has_outcome(const struct service *service, const struct request_outcome *outcome,
	struct authz_more *more)
{
	struct request rq = { .has_token = false };

	return service->resolver && more->wanted && span_equal(outcome->method, SPAN("GET")) &&
		span_ends(outcome->target, SPAN(RESOLVE_QUERY)) && authz_more_sender(more, &rq) &&
		rq.has_token && resolver_has_token(service->resolver, rq.token);
}
