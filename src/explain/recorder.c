#include "recorder.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "dsp/core/base/mem.h"
#include "dsp/explain/explain.h"
#include "dsp/protocol/envelope.h"

enum {
	KEPT_MOST = ENVELOPE_BODY_MOST, /* bytes of a body: dockerd shows a plugin no longer one */
	REQUESTS_MOST = 1000,           /* that differ */
	HEADER_ROOM = 1024,
	POOL_BYTES = 128 << 10, /* of a connection: for a request's head */
};

/* One request while it comes in. */
struct exchange {
	char *target; /* as the client sent it */
	char *body;
	size_t n;    /* bytes of body */
	size_t sent; /* bytes that the client sent */
	bool begun;
};

/* MHD splits and decodes the target for its callback; dsp needs it as it came. */
static void *begin_exchange(void *cls, const char *target, struct MHD_Connection *c)
{
	struct exchange *x = mem_array(1, sizeof(*x));

	(void)cls;
	(void)c;
	if (x)
		x->target = mem_copy(target, strlen(target));
	return x;
}

static void end_exchange(
	void *cls, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode code)
{
	struct exchange *x = *state;

	(void)cls;
	(void)c;
	(void)code;
	if (!x)
		return;
	mem_free(x->target);
	mem_free(x->body);
	mem_free(x);
	*state = NULL;
}

/* Keeps as much as dockerd might show; reads all of it. False: no memory. */
static bool keep(struct exchange *x, const char *bytes, size_t n)
{
	size_t room = KEPT_MOST - x->n;
	size_t more = n < room ? n : room;
	char *body = more > 0 ? mem_resize(x->body, x->n + more) : x->body;

	x->sent += n;
	if (more == 0)
		return true;
	if (!body)
		return false;
	memcpy(body + x->n, bytes, more);
	x->body = body;
	x->n += more;
	return true;
}

/* --- headers -----------------------------------------------------------------------------------*/

struct headers {
	char *items[CLIENT_HEADERS_MOST + 1]; /* "Name: value"; ends with NULL */
	size_t count;
	bool chunked;
};

static enum MHD_Result add_header(
	void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct headers *h = cls;
	char line[HEADER_ROOM];
	int n = snprintf(line, sizeof(line), "%s: %s", name, value ? value : "");

	(void)kind;
	/* What dockerd does not show, or dsp does not read, may be cut. */
	if (h->count < CLIENT_HEADERS_MOST && n > 0)
		h->items[h->count] = mem_copy(line, strlen(line));
	h->count += h->count < CLIENT_HEADERS_MOST && h->items[h->count];
	h->chunked = h->chunked || strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0;
	return MHD_YES;
}

static void drop_headers(struct headers *h, const char *name)
{
	size_t kept = 0;
	size_t n = strlen(name);

	for (size_t i = 0; i < h->count; i++) {
		if (strncasecmp(h->items[i], name, n) == 0 && h->items[i][n] == ':')
			mem_free(h->items[i]);
		else
			h->items[kept++] = h->items[i];
	}
	h->items[kept] = NULL;
	h->count = kept;
}

/* As dockerd shows them: Go takes the framing of a chunked body away. */
static void read_headers(struct MHD_Connection *c, struct headers *h)
{
	*h = (struct headers){ .count = 0 };
	(void)MHD_get_connection_values(c, MHD_HEADER_KIND, add_header, h);
	if (h->chunked)
		drop_headers(h, MHD_HTTP_HEADER_CONTENT_LENGTH);
	drop_headers(h, MHD_HTTP_HEADER_TRANSFER_ENCODING);
}

static void free_headers(struct headers *h)
{
	for (size_t i = 0; i < h->count; i++)
		mem_free(h->items[i]);
}

/* --- recording ---------------------------------------------------------------------------------*/

/* Counts an account that is there already, or adds it. */
static void add_account(struct recorder *r, json_t *account)
{
	json_t *other;
	size_t i;

	(void)json_object_set_new(account, "times", json_integer(1));
	json_array_foreach (r->requests, i, other) {
		json_t *times = json_object_get(other, "times");
		json_int_t n = json_integer_value(times);

		(void)json_integer_set(times, 1);
		if (json_equal(account, other)) {
			(void)json_integer_set(times, n + 1);
			json_decref(account);
			return;
		}
		(void)json_integer_set(times, n);
	}
	r->lost += i == REQUESTS_MOST;
	if (i == REQUESTS_MOST)
		json_decref(account);
	else
		(void)json_array_append_new(r->requests, account);
}

/* Records a decision, and finds the answer to it. */
static void record(struct recorder *r, const struct exchange *x, const struct simulation *j,
	struct stand_in_answer *ret)
{
	json_t *account = explain_account(r->policy, j);
	char text[MESSAGE_MOST + 64];

	r->count++;
	if (account)
		add_account(r, account);
	else
		r->lost++;
	if (j->decision.verdict == VERDICT_ALLOW) {
		stand_in_answer(&r->stand_in, &j->facts, (struct span){ x->body, x->n }, ret);
		r->over = r->over || ret->last;
		return;
	}
	r->denied++;
	/* dockerd's words (moby pkg/authorization/authz.go). */
	(void)snprintf(text, sizeof(text), "authorization denied by plugin dsp: %s", j->message);
	*ret = (struct stand_in_answer){ .status = 403, .text = stand_in_error(text) };
}

/* What the client made: dsp-resolve would say it. NULL and r->fault. */
static struct target_objects *made_objects(struct recorder *r)
{
	json_auto_t *list = stand_in_objects(&r->stand_in, r->owner);
	AUTO_MEM char *text = json_dumps(list, JSON_COMPACT);
	struct target_objects *ret = NULL;

	if (!text || target_objects_parse(span_of(text), &ret, &r->fault) != 0)
		return NULL;
	return ret;
}

/* Decides what a plugin would be shown. -1 and r->fault. */
static int decide_exchange(struct recorder *r, struct MHD_Connection *c, const char *method,
	const struct exchange *x, struct stand_in_answer *ret)
{
	AUTO_MEM struct simulation *j = mem_array(1, sizeof(*j));
	AUTO_MEM char *question = NULL;
	struct target_objects *objects = made_objects(r);
	struct span body = { x->body, x->n };
	struct headers h;
	bool shown;
	int rc = -1;

	read_headers(c, &h);
	shown = simulate_shows_body(
		r->policy->daemon, x->target, (const char *const *)h.items, x->sent);
	question = envelope_request(span_of(method), span_of(x->target), (struct span){ NULL, 0 },
		(const char *const *)h.items, shown ? &body : NULL);
	free_headers(&h);
	if (j && question && objects)
		rc = simulate(r->policy,
			&(struct simulated_question){ question, strlen(question), r->as, objects },
			j, &r->fault);
	else
		err_set(&r->fault, ENOMEM, "a request");
	if (rc == 0) {
		subject_write(&j->subject, r->owner, sizeof(r->owner));
		record(r, x, j, ret);
	}
	if (j)
		simulation_free(j);
	target_objects_free(objects);
	return rc;
}

/* --- answers -----------------------------------------------------------------------------------*/

/* NOLINTNEXTLINE(readability-function-size): the parameters are MHD's. */
static void close_stream(void *cls, struct MHD_Connection *c, void *state, const char *extra,
	size_t n, MHD_socket socket, struct MHD_UpgradeResponseHandle *stream)
{
	(void)cls;
	(void)c;
	(void)state;
	(void)extra;
	(void)n;
	/* MHD closes it later, when another request comes. */
	(void)shutdown(socket, SHUT_RDWR);
	(void)MHD_upgrade_action(stream, MHD_UPGRADE_ACTION_CLOSE);
}

/* A client that reads events: suspended while there are none. */
struct event_stream {
	struct event_stream *next;
	struct recorder *recorder;
	struct MHD_Connection *mhd;
	size_t sent; /* events */
	char *text;  /* the rest of the event that is being sent; owned */
	size_t at;
	bool suspended;
};

/* Sends the next piece of an event, or waits; an MHD_ContentReaderCallback. */
static ssize_t read_event(void *cls, uint64_t offset, char *out, size_t most)
{
	struct event_stream *s = cls;
	const json_t *event = json_array_get(s->recorder->stand_in.events, s->sent);
	size_t n;

	(void)offset;
	if (!s->text && event) {
		s->text = json_dumps(event, JSON_COMPACT);
		s->sent++;
		s->at = 0;
	}
	if (!s->text) {
		MHD_suspend_connection(s->mhd);
		s->suspended = true;
		return 0;
	}
	n = strlen(s->text) - s->at;
	n = n < most ? n : most;
	memcpy(out, s->text + s->at, n);
	s->at += n;
	if (s->text[s->at] == '\0') {
		mem_free(s->text);
		s->text = NULL;
	}
	return (ssize_t)n;
}

static void end_stream(void *cls)
{
	struct event_stream *s = cls;
	struct event_stream **at = &s->recorder->streams;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	mem_free(s->text);
	mem_free(s);
}

static struct MHD_Response *make_stream(struct recorder *r, struct MHD_Connection *c)
{
	struct event_stream *s = mem_array(1, sizeof(*s));
	struct MHD_Response *made;

	if (!s)
		return NULL;
	*s = (struct event_stream){ .next = r->streams, .recorder = r, .mhd = c };
	r->streams = s;
	made = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, read_event, s, end_stream);
	if (!made)
		end_stream(s);
	return made;
}

/* Resumes the streams that have something to send; all: to end them. */
static void resume_streams(struct recorder *r, bool all)
{
	for (struct event_stream *s = r->streams; s; s = s->next) {
		if (!s->suspended || (!all && s->sent >= json_array_size(r->stand_in.events)))
			continue;
		s->suspended = false;
		MHD_resume_connection(s->mhd);
	}
}

/* Every answer has what a client looks for in the ones to its ping, and to a HEAD of an archive. */
static const struct {
	const char *name;
	const char *value;
} common[] = {
	{ "Ostype", "linux" },
	{ "Server", "dsp explain (linux)" },
	{ "Docker-Experimental", "false" },
	{ "Builder-Version", "2" },
	{ "Swarm", "inactive" },
	/* A directory: {"name":"x","size":0,"mode":2147484141,"mtime":"2020-01-01T00:00:00Z"} */
	{ "X-Docker-Container-Path-Stat",
		"eyJuYW1lIjoieCIsInNpemUiOjAsIm1vZGUiOjIxNDc0ODQxNDEsIm10aW1lIjoiMjAyMC0wMS0wMVQwMDowMDowMFoifQ==" },
};

static struct MHD_Response *make_response(
	struct recorder *r, struct MHD_Connection *c, struct stand_in_answer *a)
{
	struct MHD_Response *made;

	if (a->events)
		return make_stream(r, c);
	if (a->streams) {
		made = MHD_create_response_for_upgrade(close_stream, NULL);
		if (made)
			(void)MHD_add_response_header(made, MHD_HTTP_HEADER_UPGRADE, "tcp");
		return made;
	}
	if (!a->text)
		return MHD_create_response_from_buffer(
			0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
	made = MHD_create_response_from_buffer_with_free_callback(
		strlen(a->text), a->text, mem_free);
	if (made)
		(void)MHD_add_response_header(
			made, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	else
		mem_free(a->text);
	return made;
}

static enum MHD_Result send_answer(
	struct recorder *r, struct MHD_Connection *c, struct stand_in_answer *a)
{
	struct MHD_Response *made = make_response(r, c, a);
	enum MHD_Result rc;

	if (!made)
		return MHD_NO;
	(void)MHD_add_response_header(made, "Api-Version", r->stand_in.api);
	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
		(void)MHD_add_response_header(made, common[i].name, common[i].value);
	rc = MHD_queue_response(c, a->status, made);
	MHD_destroy_response(made);
	return rc;
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are MHD's. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *path,
	const char *method, const char *version, const char *bytes, size_t *n, void **state)
{
	struct recorder *r = cls;
	struct exchange *x = *state;
	struct stand_in_answer a = { .status = 500 };

	(void)path;
	(void)version;
	if (!x || !x->target)
		return MHD_NO;
	if (!x->begun) {
		x->begun = true;
		return MHD_YES;
	}
	if (*n > 0) {
		bool kept = keep(x, bytes, *n);

		*n = 0;
		return kept ? MHD_YES : MHD_NO;
	}
	if (decide_exchange(r, c, method, x, &a) != 0) {
		r->lost++;
		a.text = stand_in_error(r->fault.text);
	}
	return send_answer(r, c, &a);
}

/* --- the server --------------------------------------------------------------------------------*/

int recorder_begin(struct recorder *r, int listener, const struct policy *policy, const char *as,
	struct err *e)
{
	*r = (struct recorder){ .policy = policy, .as = as, .requests = json_array() };
	if (stand_in_init(&r->stand_in, policy->daemon, e) != 0)
		return -1;
	r->mhd = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_UPGRADE | MHD_ALLOW_SUSPEND_RESUME, 0,
		NULL, NULL, on_request, r, MHD_OPTION_LISTEN_SOCKET, listener,
		MHD_OPTION_URI_LOG_CALLBACK, begin_exchange, NULL, MHD_OPTION_NOTIFY_COMPLETED,
		end_exchange, NULL, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES,
		MHD_OPTION_END);
	return r->mhd ? 0 : FAIL(e, errno, "libmicrohttpd");
}

int recorder_descriptor(const struct recorder *r)
{
	return MHD_get_daemon_info(r->mhd, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int recorder_serve(struct recorder *r)
{
	MHD_UNSIGNED_LONG_LONG wait;

	(void)MHD_run(r->mhd);
	resume_streams(r, false);
	return MHD_get_timeout(r->mhd, &wait) == MHD_YES ? (int)(wait < 1000 ? wait : 1000) : -1;
}

void recorder_end(struct recorder *r)
{
	resume_streams(r, true);
	if (r->mhd)
		MHD_stop_daemon(r->mhd);
	stand_in_free(&r->stand_in);
	json_decref(r->requests);
	*r = (struct recorder){ .policy = NULL };
}
