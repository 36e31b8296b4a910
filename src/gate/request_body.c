#include "request_body.h"

#include <stdio.h>
#include <string.h>

#include "dsp/core/base/text.h"

/* Of the size of a chunk: more than any chunk has, and no overflow. */
enum { DIGITS_MOST = 15 };

void request_body_init(struct request_body *b, const struct request_head *head)
{
	*b = (struct request_body){ .state = BODY_ENDED };
	if (head->framing == FRAMING_CHUNKED)
		b->state = BODY_SIZE;
	else if (head->length > 0)
		*b = (struct request_body){ .state = BODY_PLAIN, .left = head->length };
}

/* Bytes of a plain body or of a chunk; of a chunk they become a chunk of their own. */
static size_t copy(struct request_body *b, struct span in, char *out, size_t *written)
{
	size_t n = in.n < b->left ? in.n : (size_t)b->left;
	int size = 0;

	if (b->state == BODY_CHUNK)
		size = snprintf(out, REQUEST_BODY_MORE, "%zx\r\n", n);
	memcpy(out + size, in.s, n);
	*written = (size_t)size + n;
	if (b->state == BODY_CHUNK) {
		/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): it has a length */
		memcpy(out + *written, "\r\n", 2);
		*written += 2;
	}
	b->left -= n;
	if (b->left == 0)
		b->state = b->state == BODY_CHUNK ? BODY_CHUNK_CR : BODY_ENDED;
	return n;
}

static enum body_state read_size(struct request_body *b, char c)
{
	int digit = text_hex(c);

	if (c == '\r' && b->digits > 0)
		return BODY_SIZE_END;
	if (digit < 0 || b->digits == DIGITS_MOST)
		return BODY_BROKEN;
	b->digits++;
	b->left = b->left << 4 | (unsigned)digit;
	return BODY_SIZE;
}

/* The state after one byte that frames a chunk. */
static enum body_state read_frame(struct request_body *b, char c)
{
	switch (b->state) {
	case BODY_SIZE:
		return read_size(b, c);
	case BODY_SIZE_END:
		if (c != '\n')
			return BODY_BROKEN;
		return b->left > 0 ? BODY_CHUNK : BODY_LAST_CR;
	case BODY_CHUNK_CR:
		b->digits = 0;
		return c == '\r' ? BODY_CHUNK_LF : BODY_BROKEN;
	case BODY_CHUNK_LF:
		return c == '\n' ? BODY_SIZE : BODY_BROKEN;
	case BODY_LAST_CR:
		return c == '\r' ? BODY_LAST_LF : BODY_BROKEN;
	case BODY_LAST_LF:
		return c == '\n' ? BODY_ENDED : BODY_BROKEN;
	case BODY_ENDED:
	case BODY_PLAIN:
	case BODY_CHUNK:
	case BODY_BROKEN:
	default:
		return BODY_BROKEN;
	}
}

size_t request_body_read(struct request_body *b, struct span in, char *out, size_t *written)
{
	size_t at = 0;

	*written = 0;
	while (at < in.n && b->state != BODY_ENDED && b->state != BODY_BROKEN) {
		size_t n = 0;

		if (b->state == BODY_PLAIN || b->state == BODY_CHUNK) {
			at += copy(b, span_after(in, at), out + *written, &n);
		} else {
			bool last = b->state == BODY_LAST_LF;

			b->state = read_frame(b, in.s[at++]);
			if (last && b->state == BODY_ENDED) {
				/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): as above */
				memcpy(out + *written, "0\r\n\r\n", 5);
				n = 5;
			}
		}
		*written += n;
	}
	return at;
}
