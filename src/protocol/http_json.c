/* The parts of http_client.h that need jansson: dsp-resolve does without. */
#include "dsp/protocol/http_client.h"

json_t *http_client_send_dsp(
	const char *path, const struct http_request *q, int *status, struct err *e)
{
	struct http_reply r;
	json_t *o;

	if (http_client_post(path, q, &r, e) != 0)
		return NULL;
	if (status)
		*status = r.status;
	o = http_reply_json(&r);
	if (!json_is_object(o) || (!status && r.status != 200)) {
		json_decref(o);
		o = NULL;
		err_set(e, 0, "%s: a program other than dspd listens there", path);
	}
	http_reply_free(&r);
	return o;
}

json_t *http_client_ask_dsp(
	const char *path, const char *target, unsigned wait_ms, int *status, struct err *e)
{
	return http_client_send_dsp(
		path, &(struct http_request){ .target = target, .wait_ms = wait_ms }, status, e);
}

json_t *http_reply_json(const struct http_reply *r)
{
	return json_loadb(r->body, r->len, 0, NULL);
}
