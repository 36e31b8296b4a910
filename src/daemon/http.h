/*
 * HTTP requests by libmicrohttpd (MHD): reads whole requests within limits, hands their bytes to an
 * endpoint, and sends its reply. The functions are MHD's callbacks; the loop around them is
 * server.c's.
 */
#ifndef DSP_HTTP_H
#define DSP_HTTP_H

#include <microhttpd.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "body_buffer.h"
#include "connections.h"
#include "responses.h"
#include "server.h"

struct http {
	const struct server_options *options;
	struct connections connections;
	LIST_HEAD(http_clients, http_client) pending; /* their answers come later */
	struct body_budget budget;
	struct responses responses;
	unsigned accepted; /* connections made in this round of the loop */
	bool came;         /* something came in this round of the loop */
	bool resumed;      /* connections were, since MHD last ran */
	bool stopping;     /* each reply ends its connection */
};

/* MHD_OPTION_NOTIFY_CONNECTION; cls is a struct http, as below. */
void http_on_connection(void *cls, struct MHD_Connection *c, void **context,
	enum MHD_ConnectionNotificationCode code);

/* MHD_OPTION_URI_LOG_CALLBACK: a request's first line has come. The first state of the next. */
void *http_on_first_line(void *cls, const char *target, struct MHD_Connection *c);

/* Called once with the head, then with each piece of the body, then without a piece. */
enum MHD_Result http_on_request(void *cls, struct MHD_Connection *c, const char *path,
	const char *method, const char *version, const char *bytes, size_t *n, void **state);

/* MHD_OPTION_NOTIFY_COMPLETED: the reply has gone, or the connection breaks. */
void http_on_completed(
	void *cls, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode code);

/* Sends the replies of all pending calls whose answer has come. */
void http_send_answers(struct http *h);

/* MHD does not stop over suspended connections; resumed, it cuts them like the others. */
void http_resume_all(struct http *h);

#endif
