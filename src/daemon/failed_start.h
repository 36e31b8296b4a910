/*
 * With broken settings, systemctl start and restart shall fail, so that the administrator sees it;
 * and dspd shall run, to deny every request with the reason. So the first start fails and leaves a
 * mark in the directory that RUNTIME_DIRECTORY names (systemd.exec(5)). systemd starts dspd again
 * at once (Restart=always); that start finds the mark, removes it, and goes on.
 */
#ifndef DSP_FAILED_START_H
#define DSP_FAILED_START_H

#include <stdbool.h>

/* True: the mark is made now, and this start must fail. False: go on; without the directory too. */
bool failed_start_mark(void);

/* Removes a mark: the settings are good. */
void failed_start_clear(void);

#endif
