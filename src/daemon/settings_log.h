/* What the daemon says of its settings: in the log, and to the service manager. */
#ifndef DSP_SETTINGS_LOG_H
#define DSP_SETTINGS_LOG_H

#include <stdbool.h>

#include <stddef.h>

#include "snapshot.h"

/* Logs profile, flags, rules and socket: what differs from the default. */
void log_settings(const struct snapshot *s);

/* Logs a line for each notice and each warning that reading the settings gave. */
void log_notices(const struct config *c);

/* Logs what of dockerd's sockets a sandbox around dspd hides, if it hides any. */
void log_host_view(bool sees_all);

/* One line: what is in force, and why the last reload failed (NULL: it did not). */
void write_state_line(const struct snapshot *s, const char *trouble, char *out, size_t room);

#endif
