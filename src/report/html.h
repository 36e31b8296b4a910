/* Texts of strangers in an HTML page: nothing of them is ever markup, and all of them is seen. */
#ifndef DSP_HTML_H
#define DSP_HTML_H

#include <stdio.h>

/*
 * Writes text as the content of an element or of a quoted attribute. Characters that are not seen,
 * or that turn the direction of what stands around them, come as \u{NNNN}, and bytes that are no
 * UTF-8 as \xNN.
 */
void html_text(FILE *out, const char *text);

#endif
