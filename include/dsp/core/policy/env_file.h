/*
 * Env files: lines of NAME=value, blank lines, lines that begin with '#'. What people paste in
 * their place is recognised, so that an error can name it.
 */
#ifndef DSP_ENV_FILE_H
#define DSP_ENV_FILE_H

#include "dsp/core/policy/findings.h"
#include "dsp/core/policy/settings.h"

/* What a line is. */
enum env_shape {
	ENV_BLANK,      /* nothing, or a comment */
	ENV_SETTING,    /* NAME=value */
	ENV_SHELL,      /* export NAME=value */
	ENV_DOCKER_RUN, /* -e NAME=value */
	ENV_DOCKERFILE, /* ENV NAME=value */
	ENV_UNIT,       /* Environment=NAME=value */
	ENV_YAML_LIST,  /* - NAME=value */
	ENV_YAML_MAP,   /* NAME: value */
	ENV_JSON,       /* "NAME": "value", */
	ENV_OTHER,      /* no name can be found in it */
};

struct env_line {
	enum env_shape shape;
	struct span name;
	struct span value;   /* as it is meant: without quotes and inline comment */
	struct span comment; /* an inline comment, from its '#'; empty: there is none */
	bool open_quote;     /* the value begins with a quote that does not end it */
};

/* Parses one line without its newline. The spans of ret point into text. */
void env_line_parse(struct span text, struct env_line *ret);

/* "a YAML map": what a line of a shape other than ENV_BLANK and ENV_SETTING is. */
const char *env_shape_name(enum env_shape shape);

/*
 * Parses the file in findings->file and ->text into settings, to its end. Each error becomes a
 * finding, up to a limit. -1 and e: the first one, with file, line and column. DSP_ON_BROKEN counts
 * in each line that can be parsed, so that the answer to an error does not depend on the order of
 * lines.
 */
MUST_USE int env_file_parse(struct settings *s, struct findings *findings, struct err *e);

#endif
