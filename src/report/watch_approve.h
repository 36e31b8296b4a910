/* dsp watch --approve: a page of the requests that wait for root, and keys that answer them. */
#ifndef DSP_WATCH_APPROVE_H
#define DSP_WATCH_APPROVE_H

#include <stdbool.h>

/*
 * Shows the requests on the terminal until q, SIGINT or SIGTERM; json: prints a line of JSON for
 * each that comes, changes or ends, and reads no keys. seconds: ends then; 0: never. Returns an
 * exit status.
 */
int watch_approve(const char *socket, bool json, unsigned seconds);

#endif
