/* Untrusted text in an HTML page: it never becomes markup, and no character of it is invisible. */
#ifndef DSP_HTML_H
#define DSP_HTML_H

#include <stdint.h>
#include <stdio.h>

#include "counter.h"

/*
 * Writes text as the content of an element or of a quoted attribute. Invisible characters, and
 * those that change the direction of text, become \u{NNNN}; bytes that are not UTF-8 \xNN.
 */
void html_text(FILE *out, const char *text);

/*
 * Writes text as a code element, which a browser may break between words and parts of paths, and
 * within words of more than 40 characters. A container's id becomes short, with its name behind it
 * where names has it.
 */
void html_code(FILE *out, const char *text, const struct counter *names);

/* Writes "1,234", and "1,234 requests" or "1 request". */
void html_number(FILE *out, uint64_t n);
void html_count(FILE *out, uint64_t n, const char *one, const char *many);

#endif
