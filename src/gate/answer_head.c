#include "answer_head.h"

#define SWITCHING "HTTP/1.1 101 "
#define OLD_HIJACK "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n"

enum answer_kind answer_head_kind(struct span answer, const struct request_head *request)
{
	struct span mark = request->upgrade.n > 0 ? SPAN(SWITCHING) : SPAN(OLD_HIJACK);

	if (request->upgrade.n == 0 && !span_equal(request->method, SPAN("POST")))
		return ANSWER_PLAIN;
	if (span_starts(answer, mark))
		return ANSWER_HIJACKED;
	return span_starts(mark, answer) ? ANSWER_UNKNOWN : ANSWER_PLAIN;
}
