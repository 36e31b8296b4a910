/* The words that lists of containers, networks and volumes have, beside names. */
#ifndef DSP_OBJECT_WORDS_H
#define DSP_OBJECT_WORDS_H

#include <stddef.h>

struct object_word_info {
	const char *form;  /* "label:KEY=VALUE" */
	const char *lists; /* "containers, networks, volumes" */
	const char *what;
};

/* All of them. */
const struct object_word_info *object_word_rows(size_t *count);

#endif
