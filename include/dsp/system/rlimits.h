/* Resource limits of this process. */
#ifndef DSP_RLIMITS_H
#define DSP_RLIMITS_H

/*
 * Raises the soft limit of open files to the hard limit, at most 65536. Returns how many
 * descriptors are left for connections.
 */
unsigned rlimits_raise_files(void);

#endif
