/*
 * Reads JSON text in place, value by value, as strictly as RFC 8259 has it, and allocates nothing:
 * for a text of which few values count. It trusts nothing: whatever the bytes are, it ends at the
 * text's end with a value or with false. Equal keys of one object are the caller's matter.
 */
#ifndef DSP_JSON_READER_H
#define DSP_JSON_READER_H

#include "dsp/core/base/span.h"

struct json_reader {
	char *at; /* the next byte */
	char *end;
};

/* The first byte of the next value, which is not taken, or '\0' at the end. */
char json_reader_peek(struct json_reader *r);

/* Takes the byte c, and blanks before it. */
bool json_reader_accept(struct json_reader *r, char c);

/* Takes a string. ret is its value, decoded where it stands: the text before r->at changes. */
bool json_reader_string(struct json_reader *r, struct span *ret);

/* Takes a value of any type, and all that is in it. */
bool json_reader_skip(struct json_reader *r);

/*
 * Takes what comes before an object's next value: its opening bracket or a comma, the key and the
 * colon; or the closing bracket. 1: ret is the key; 0: the object has ended; -1: this is no object.
 * first is true before the first call, and the callee's from then on.
 */
int json_reader_member(struct json_reader *r, bool *first, struct span *ret);

/* Whether nothing but blanks is left. */
bool json_reader_at_end(struct json_reader *r);

#endif
