/* What dsp import reads: the variables of a socket proxy, or of an env file, in some form. */
#ifndef DSP_IMPORT_H
#define DSP_IMPORT_H

#include <jansson.h>
#include <stdbool.h>

#include "dsp/core/base/err.h"
#include "dsp/core/base/span.h"

struct import {
	json_t *variables; /* objects: "name", and "value" (missing: the input has none) */
	json_t *notes;     /* texts, for comments */
	bool lost;         /* something that may decide was not carried over */
	char image[128];   /* of the container; empty: not known */
	char service[64];  /* of compose; empty: there is none */
};

/* Adds a variable. value: without s: there is none. */
void import_add(struct import *to, struct span name, struct span value);

/* Adds NAME=value, or NAME alone. */
void import_add_pair(struct import *to, struct span pair);

/* Adds a note about a setting that dsp cannot carry over. */
void import_note(struct import *to, const char *fmt, ...) PRINTF_LIKE(2, 3);

/*
 * Finds an environment in text that is YAML or JSON: of compose, a part of it, Kubernetes, docker
 * inspect. service: of which service (NULL: of the one that has settings of a proxy). 1: read; 0:
 * the text is no such document; -1 and e: it is, and there is none, or more than one.
 */
MUST_USE int import_yaml(struct import *to, struct span text, const char *service, struct err *e);

/* Reads lines: of an env file, of docker run, or pieces of YAML. */
void import_lines(struct import *to, struct span text);

#endif
