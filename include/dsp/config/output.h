/* What all commands of the tool print in the same way. */
#ifndef DSP_OUTPUT_H
#define DSP_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "dsp/core/base/span.h"

struct json_t;

enum { OUTPUT_FORMAT = 1 }; /* of the JSON of all commands; a key that changes its meaning adds 1 */

/*
 * Prints an object on standard output as JSON: "format" first, indented by two, in ASCII, with a
 * newline behind it.
 */
void output_json(const struct json_t *object);

/* Prints a value in the same form without "format": the content of a file. */
void output_json_file(const struct json_t *value);

/* Obeys "=auto" (as at the start), "=always", "=never" or "" (always). False: none of them. */
bool output_set_color(const char *when);

/*
 * Whether to write colours to a stream. With auto: on a terminal that has them, unless NO_COLOR is
 * set (https://no-color.org).
 */
bool output_has_color(FILE *to);

/* Prints text on standard output, in the colour of a good, a doubtful or a bad state. */
enum output_shade { OUTPUT_PLAIN, OUTPUT_GOOD, OUTPUT_DOUBTFUL, OUTPUT_BAD };
void output_shaded(enum output_shade shade, struct span text);

/* The columns of a terminal, at least 40; 0: the stream is no terminal, and a line has no end. */
size_t output_width(FILE *to);

/*
 * How many characters of text go into a line of width characters: all, or up to a blank, or else
 * behind a mark such as / or a comma; width, where that would leave most of the line empty.
 */
size_t output_piece(const char *text, size_t width);

/*
 * Prints text behind what stands in the first column characters of the line, and a newline; on a
 * terminal in as many lines as it needs, each begun in that column if that is not far to the right.
 */
void output_wrapped(size_t column, const char *text);

/*
 * Reports the progress of long work in a line on standard error, if that is a terminal: at most
 * five times a second, and not in the first second. done, all: bytes; all is 0 if it is not known.
 * output_progress_end takes the line away.
 */
void output_progress(const char *what, uint64_t done, uint64_t all);
void output_progress_end(void);

#endif
