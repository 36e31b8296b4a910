#include "reply.h"

#include "dsp/protocol/envelope.h"

void reply_static(struct reply *ret, unsigned status, struct span text)
{
	*ret = (struct reply){ .status = status, .text = text.s, .len = text.n };
}

void reply_owned(struct reply *ret, char *text, size_t n)
{
	if (text)
		*ret = (struct reply){ 200, text, n, text };
	else
		reply_static(ret, 500, SPAN("{\"Err\":\"dsp ran out of memory\"}"));
}

void reply_allow(struct reply *ret)
{
	reply_static(ret, 200, SPAN("{\"Allow\":true}"));
}

void reply_deny(struct reply *ret, const char *message)
{
	char *text = envelope_denial(message);

	if (text)
		*ret = (struct reply){ 200, text, strlen(text), text };
	else
		reply_static(ret, 200,
			SPAN("{\"Allow\":false,\"Msg\":\"refused; dsp ran out of memory\"}"));
}

void reply_error(struct reply *ret, unsigned status, const char *text)
{
	char *owned = envelope_error(text);

	if (owned)
		*ret = (struct reply){ status, owned, strlen(owned), owned };
	else
		reply_static(ret, status, SPAN("{\"Err\":\"dsp ran out of memory\"}"));
}
