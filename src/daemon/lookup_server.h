/* The look-up process itself, and its keeper (lookup_process.h). */
#ifndef DSP_LOOKUP_SERVER_H
#define DSP_LOOKUP_SERVER_H

#include "dsp/host/mount_lookup.h"

/*
 * The keeper: starts the look-up process on the control socket (lookup_message.h) until dspd has
 * closed its end. places: LOOKUP_PLACES of them, shared with dspd. SIGUSR1: the process hangs, and
 * another must take its place.
 */
_Noreturn void lookup_server_keep(int control, struct lookup_place *places);

#endif
