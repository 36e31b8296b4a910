/* Untrusted text in an HTML page: it never becomes markup, and no character of it is invisible. */
#ifndef DSP_HTML_H
#define DSP_HTML_H

#include <stdio.h>

/*
 * Writes text as the content of an element or of a quoted attribute. Invisible characters, and
 * those that change the direction of text, become \u{NNNN}; bytes that are not UTF-8 \xNN.
 */
void html_text(FILE *out, const char *text);

#endif
