#include "http.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "dsp/core/base/mem.h"
#include "dsp/core/base/span.h"
#include "dsp/system/unix_socket.h"

/* One connection, and the request that it carries. */
struct http_client {
	struct connection connection;
	LIST_ENTRY(http_client) pending_link;
	const struct endpoint *endpoint; /* NULL: error is the answer */
	const struct reply *error;
	struct body_buffer body;
	struct call call;
	bool begun;    /* the head of the request is whole */
	bool pending;  /* suspended, until its call's answer comes */
	bool answered; /* it has come, and is not sent yet */
	char empty_body;
};

#define ERROR_REPLY(status_code, words)                                                            \
	{                                                                                          \
		.status = (status_code), .text = "{\"Err\":\"" words "\"}",                        \
		.len = sizeof("{\"Err\":\"" words "\"}") - 1,                                      \
	}

static const struct reply no_such_path = ERROR_REPLY(404, "dsp has no such endpoint");
static const struct reply only_post = ERROR_REPLY(405, "dsp's endpoints accept POST only");
static const struct reply no_memory = ERROR_REPLY(500, "dsp is out of memory");
static const struct reply too_big = ERROR_REPLY(413, "the request is too large");
static const struct reply no_room = ERROR_REPLY(
	503, "dsp handles too many bytes of requests now; try again");

static const struct reply *const faults[] = {
	[BODY_FINE] = NULL,
	[BODY_TOO_BIG] = &too_big,
	[BODY_NO_ROOM] = &no_room,
	[BODY_NO_MEMORY] = &no_memory,
};

pid_t call_peer(struct call *call)
{
	if (call->peer == 0)
		call->peer = unix_socket_peer(call->fd);
	return call->peer;
}

/* --- connections ------------------------------------------------------------------------------*/

static void update_count(const struct http *h)
{
	if (h->options->connections)
		*h->options->connections = h->connections.count;
}

static struct http_client *client_begin(struct http *h, struct MHD_Connection *c)
{
	int fd = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	struct http_client *client = mem_array(1, sizeof(*client));

	if (client) {
		client->connection.fd = client->call.fd = fd;
		client->connection.mhd = c;
	}
	if (!client || connections_add(&h->connections, &client->connection) != 0) {
		mem_free(client);
		(void)shutdown(fd, SHUT_RDWR);
		return NULL;
	}
	h->accepted++;
	h->came = true;
	update_count(h);
	return client;
}

static void client_end(struct http *h, struct http_client *client)
{
	connections_remove(&h->connections, &client->connection);
	update_count(h);
	body_buffer_free(&client->body, &h->budget);
	mem_free(client);
}

void http_on_connection(void *cls, struct MHD_Connection *c, void **context,
	enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		*context = client_begin(cls, c);
	else if (*context)
		client_end(cls, *context);
}

/* --- requests ---------------------------------------------------------------------------------*/

void *http_on_first_line(void *cls, const char *target, struct MHD_Connection *c)
{
	struct http *h = cls;
	struct http_client *client =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;

	(void)target;
	h->came = true;
	if (!client)
		return NULL;
	client->begun = false;
	connections_begin_request(&h->connections, &client->connection);
	return client;
}

/* An error waits until the whole request is read: dockerd takes an early reply for a break. */
static void request_begin(
	struct http *h, struct http_client *client, const char *path, const char *method)
{
	const struct server_options *o = h->options;

	client->begun = true;
	client->endpoint = NULL;
	client->error = &no_such_path;
	for (size_t i = 0; i < o->count; i++) {
		if (strcmp(path, o->endpoints[i].path) != 0)
			continue;
		if (strcmp(method, "POST") == 0)
			client->endpoint = &o->endpoints[i];
		else
			client->error = &only_post;
		break;
	}
	client->call.state = NULL;
	client->call.argument = NULL;
	if (client->endpoint && client->endpoint->argument)
		client->call.argument = MHD_lookup_connection_value(
			client->connection.mhd, MHD_GET_ARGUMENT_KIND, client->endpoint->argument);
	body_buffer_begin(&client->body, client->endpoint ? client->endpoint->max : 0);
}

/* The claimed length is only looked up for bodies that come in more than one piece. */
static void request_piece(struct http *h, struct http_client *client, struct span piece)
{
	struct body_buffer *body = &client->body;
	const char *claimed = NULL;

	if (client->endpoint && client->endpoint->parse_piece) {
		client->endpoint->parse_piece(h->options->ctx, &client->call, piece.s, piece.n);
		return;
	}
	if (body->len > 0 && body->top == body->max)
		claimed = MHD_lookup_connection_value(
			client->connection.mhd, MHD_HEADER_KIND, "Content-Length");
	if (claimed)
		body_buffer_expect(body, strtoull(claimed, NULL, 10));
	body_buffer_append(body, &h->budget, piece.s, piece.n);
}

static enum MHD_Result send_reply(struct http *h, struct http_client *client, const struct reply *r)
{
	client->answered = false;
	body_buffer_free(&client->body, &h->budget);
	connections_begin_reply(&h->connections, &client->connection);
	return responses_queue(&h->responses, client->connection.mhd, r, h->stopping) ? MHD_YES
										      : MHD_NO;
}

/* Nothing is read from the client, and no time-out runs, until http_send_answers resumes it. */
static enum MHD_Result suspend(struct http *h, struct http_client *client)
{
	client->pending = true;
	LIST_INSERT_HEAD(&h->pending, client, pending_link);
	connections_pause(&h->connections, &client->connection);
	MHD_suspend_connection(client->connection.mhd);
	return MHD_YES;
}

static enum MHD_Result request_end(struct http *h, struct http_client *client)
{
	struct body_buffer *body = &client->body;

	if (client->answered)
		return send_reply(h, client, &client->call.reply);
	if (!client->endpoint)
		return send_reply(h, client, client->error);
	if (faults[body->fault])
		return send_reply(h, client, faults[body->fault]);
	client->call.body = body->bytes ? body->bytes : &client->empty_body;
	client->call.len = body->len;
	if (client->endpoint->answer(h->options->ctx, &client->call) == ANSWER_LATER)
		return suspend(h, client);
	return send_reply(h, client, &client->call.reply);
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are MHD's. */
enum MHD_Result http_on_request(void *cls, struct MHD_Connection *c, const char *path,
	const char *method, const char *version, const char *bytes, size_t *n, void **state)
{
	struct http_client *client = *state;

	(void)c;
	(void)version;
	if (!client)
		return MHD_NO;
	if (!client->begun) {
		request_begin(cls, client, path, method);
		return MHD_YES;
	}
	if (*n == 0)
		return request_end(cls, client);
	request_piece(cls, client, (struct span){ bytes, *n });
	*n = 0;
	return MHD_YES;
}

void http_on_completed(
	void *cls, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode code)
{
	struct http *h = cls;
	struct http_client *client = *state;

	(void)c;
	(void)code;
	if (!client)
		return;
	/* The connection breaks before the answer has come, or was sent, or could be asked for. */
	if (client->pending) {
		LIST_REMOVE(client, pending_link);
		client->endpoint->drop(h->options->ctx, &client->call);
	} else if (client->answered) {
		mem_free(client->call.reply.owned);
	} else if (client->endpoint && client->endpoint->parse_piece && client->call.state) {
		client->endpoint->drop(h->options->ctx, &client->call);
	}
	client->pending = client->answered = false;
	body_buffer_free(&client->body, &h->budget);
	connections_end_request(&h->connections, &client->connection);
}

/* --- answers that came later ------------------------------------------------------------------*/

/* MHD calls http_on_request once more for a connection that is resumed. */
static void resume(struct http *h, struct http_client *client)
{
	LIST_REMOVE(client, pending_link);
	client->pending = false;
	client->answered = true;
	h->resumed = true;
	connections_resume(&h->connections, &client->connection);
	MHD_resume_connection(client->connection.mhd);
}

/* The reply goes nowhere: with it MHD sees that the connection is gone, and ends it. */
static void drop_gone(struct http *h)
{
	struct http_client *next;

	h->connections.hung_up = false;
	for (struct http_client *c = LIST_FIRST(&h->pending); c; c = next) {
		next = LIST_NEXT(c, pending_link);
		if (!c->connection.hung_up || !c->endpoint->ends_with_client ||
			!c->endpoint->ends_with_client(&c->call))
			continue;
		c->endpoint->drop(h->options->ctx, &c->call);
		c->call.reply = no_such_path;
		resume(h, c);
	}
}

void http_send_answers(struct http *h)
{
	struct call *call;

	if (h->connections.hung_up)
		drop_gone(h);
	while ((call = h->options->next_answer(h->options->ctx)) != NULL) {
		struct http_client *client =
			(void *)((char *)call - offsetof(struct http_client, call));

		resume(h, client);
	}
}

void http_resume_all(struct http *h)
{
	struct http_client *client;

	LIST_FOREACH (client, &h->pending, pending_link)
		MHD_resume_connection(client->connection.mhd);
}
