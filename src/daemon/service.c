#include "dsp/service.h"

#include <errno.h>
#include <stdio.h>

#include "dsp/envelope.h"
#include "dsp/log.h"
#include "dsp/mem.h"
#include "dsp/message.h"

static void reply_static(struct reply *ret, unsigned status, struct span text)
{
	*ret = (struct reply){ .status = status, .text = text.s, .len = text.n };
}

/* An error is a status other than 200: in a 200 dockerd does not look at Err. */
static void reply_error(struct reply *ret, unsigned status, const char *text)
{
	char *owned = envelope_error(text);

	reply_static(ret, status, SPAN("{\"Err\":\"dsp ran out of memory\"}"));
	if (owned)
		*ret = (struct reply){ status, owned, strlen(owned), owned };
}

static void reply_denial(struct reply *ret, const char *message)
{
	char *owned = envelope_denial(message);

	reply_static(
		ret, 200, SPAN("{\"Allow\":false,\"Msg\":\"refused; dsp ran out of memory\"}"));
	if (owned)
		*ret = (struct reply){ 200, owned, strlen(owned), owned };
}

static void answer_activate(void *ctx, char *body, size_t len, struct reply *ret)
{
	(void)ctx;
	(void)body;
	(void)len;
	reply_static(ret, 200, SPAN("{\"Implements\":[\"authz\"]}"));
}

/* AuthZRes comes after the action: it can protect nothing, so it is never in the way. */
static void answer_response(void *ctx, char *body, size_t len, struct reply *ret)
{
	(void)ctx;
	(void)body;
	(void)len;
	reply_static(ret, 200, SPAN("{\"Allow\":true}"));
}

static unsigned status_of(const struct err *e)
{
	return e->code == EMSGSIZE ? 413 : 500;
}

static void answer_request(void *ctx, char *body, size_t len, struct reply *ret)
{
	const struct service *service = ctx;
	char message[MESSAGE_MOST];
	struct request request;
	struct decision d;
	struct facts facts;
	struct err e;

	if (envelope_read(body, len, &request, &e) != 0) {
		log_line("error: %s", e.text);
		reply_error(ret, status_of(&e), e.text);
		return;
	}
	if (facts_read(&request, &facts, &e) != 0 ||
		facts_judge_mounts(&facts, span_of(service->policy->socket_dir), &e) != 0) {
		log_line("error: %s", e.text);
		reply_error(ret, status_of(&e), e.text);
	} else {
		d = decide(service->policy, &facts);
		if (d.verdict == VERDICT_ALLOW) {
			reply_static(ret, 200, SPAN("{\"Allow\":true}"));
		} else {
			message_write(service->policy, &facts, &d, message);
			log_line("denied %s: %s", facts.route ? facts.route->name : "request",
				message);
			reply_denial(ret, message);
		}
	}
	facts_free(&facts);
}

static const struct endpoint endpoints[] = {
	{ "/AuthZPlugin.AuthZReq", ENVELOPE_MOST, answer_request },
	{ "/AuthZPlugin.AuthZRes", 0, answer_response },
	{ "/Plugin.Activate", 0, answer_activate },
};

const struct endpoint *service_endpoints(size_t *count)
{
	*count = sizeof(endpoints) / sizeof(endpoints[0]);
	return endpoints;
}
