/* An error as a value on the caller's stack: made once where it is found, printed by the caller. */
#ifndef DSP_ERR_H
#define DSP_ERR_H

#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define MUST_USE __attribute__((warn_unused_result))

struct err {
	int code;       /* an errno value, or 0 for bad input */
	char text[320]; /* one line for a person, terminated */
};

/*
 * Writes the text (and ": " with the meaning of code, when code is not 0). Longer text is cut.
 * The first error of an operation is the one that counts, so callers do not overwrite one.
 */
void err_set(struct err *e, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* For "return FAIL(e, errno, ...)": the constant -1 stays visible to compilers and analyzers. */
#define FAIL(...) (err_set(__VA_ARGS__), -1)

#endif
