/* The daemon's life: bind, confine, read the settings, serve, stop. */
#ifndef DSP_SERVE_H
#define DSP_SERVE_H

#include "dsp/config/config.h"

/* Serves until SIGTERM or SIGINT. Returns an exit status; an error has been logged. */
int serve(const struct sources *sources);

#endif
