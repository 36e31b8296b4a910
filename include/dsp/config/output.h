/* What all commands of the tool print in the same way. */
#ifndef DSP_OUTPUT_H
#define DSP_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

struct json_t;

/* Prints a value on standard output: indented by two, in ASCII, with a newline behind it. */
void output_json(const struct json_t *value);

/* Obeys "=auto" (as at the start), "=always", "=never", or "" (always). False: it is none of them. */
bool output_set_color(const char *when);

/*
 * Whether to write colours to a stream. With auto: on a terminal that has them, unless NO_COLOR is
 * set (https://no-color.org).
 */
bool output_has_color(FILE *to);

#endif
