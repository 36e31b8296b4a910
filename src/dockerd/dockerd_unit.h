/* How dockerd would be started, where none runs: by its systemd unit, or by /etc/default/docker. */
#ifndef DSP_DOCKERD_UNIT_H
#define DSP_DOCKERD_UNIT_H

#include <stddef.h>

/*
 * The words of the command line, each with a zero byte after it; mem_free. NULL: nothing could be
 * read, and *len is 0. Variables but DOCKER_OPTS stay as they are written.
 */
char *dockerd_unit_words(size_t *len);

#endif
