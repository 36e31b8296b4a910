/* What all commands of the tool print in the same way. */
#ifndef DSP_OUTPUT_H
#define DSP_OUTPUT_H

struct json_t;

/* Prints a value on standard output: indented by two, in ASCII, with a newline behind it. */
void output_json(const struct json_t *value);

#endif
