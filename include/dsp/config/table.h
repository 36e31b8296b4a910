/* A table of text, for all commands: on a terminal it fits in. */
#ifndef DSP_TABLE_H
#define DSP_TABLE_H

struct json_t;

enum { TABLE_COLUMNS = 12 }; /* at most */

/*
 * Prints rows on standard output under the names of their columns. keys: at most TABLE_COLUMNS,
 * ends with NULL; a column is the member of this name in each row, a text or a list of texts. On a
 * terminal the widest columns are wrapped until all fit, and the last one stands below the others
 * where too little is left for it.
 */
void table_print(const char *const *keys, const struct json_t *rows);

/* The same as a table of Markdown. */
void table_print_markdown(const char *const *keys, const struct json_t *rows);

#endif
