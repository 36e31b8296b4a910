/* An error on the caller's stack: set where it is found, printed by the caller, never allocated. */
#ifndef DSP_ERR_H
#define DSP_ERR_H

#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define MUST_USE __attribute__((warn_unused_result))

struct err {
	int code;       /* an errno value, or 0 for bad input */
	char text[320]; /* one line for the user, terminated */
};

/*
 * Sets e to the text and, when code is not 0, ": " with the meaning of code; cut where it does not
 * fit. The first error of an operation is the one that is reported: do not overwrite it.
 */
void err_set(struct err *e, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* For "return FAIL(e, errno, ...)": compilers and analyzers see that the result is -1. */
#define FAIL(...) (err_set(__VA_ARGS__), -1)

#endif
