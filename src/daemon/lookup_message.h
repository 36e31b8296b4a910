/*
 * What dspd and its look-up process say to each other. Both are one program, so numbers stand as
 * the machine has them.
 *
 * dspd sends one byte on the control socket (SOCK_SEQPACKET) for each process that it wants for
 * look-ups: the number of a lookup_place in memory that both share, where the process writes which
 * source it is at. With it come (SCM_RIGHTS) one end of a stream socket of its own, and
 * /proc/self/mountinfo, if there is one. The answer on that stream is one LOOKUP_BEGUN.
 * For one look-up after the other, dspd writes one lookup_request with its texts. The answer
 * is lookup_reply records, all of one size: for each source in its order LOOKUP_FOUND; at last one
 * LOOKUP_ENDED. Who does not want to go on closes the stream.
 *
 * dspd takes each other order, number, flag or text for a failure, as it does the end of a stream
 * that is not complete: the look-up is a denial.
 */
#ifndef DSP_LOOKUP_MESSAGE_H
#define DSP_LOOKUP_MESSAGE_H

#include <stdint.h>

/* Followed by: the directory, the sockets' paths, and each source as a uint32_t and its bytes. */
struct lookup_request {
	int32_t docker;      /* the dockerd that asks; 0: unknown */
	int32_t known;       /* enum listening */
	uint32_t dir;        /* bytes: the directory of dsp's socket */
	uint32_t sockets;    /* bytes: paths of sockets, each with its NUL */
	uint32_t sources;    /* bytes */
	uint32_t count;      /* of the sources */
	uint32_t all_mounts; /* mount_lookup_set_all_mounts */
};

enum { LOOKUP_REQUEST_MOST = 8 << 20 }; /* bytes after the head */

enum lookup_reply_kind {
	LOOKUP_BEGUN = 1, /* number: which look-up process it is, from 1 */
	LOOKUP_FOUND,     /* number: the index; flags; path: the resolved source */
	LOOKUP_ENDED,     /* number: 0, or an errno value */
};

enum {
	LOOKUP_FLAG_VISIBLE = 1,
	LOOKUP_FLAG_SOCKET = 2,
	LOOKUP_FLAG_DSP_FILE = 4,
	LOOKUP_FLAG_DEVICE = 8,
	LOOKUP_FLAG_UNKNOWN = 16,
	LOOKUP_FLAG_MAYBE_SOCKET = 32,
	LOOKUP_FLAG_HOLDS_MOUNTS = 64,
	LOOKUP_FLAG_LAST = 128, /* of LOOKUP_ENDED: the process makes no more look-ups */
	LOOKUP_FLAGS = 255,
};

struct lookup_reply {
	uint32_t kind;
	uint32_t number;
	uint32_t flags;
	uint32_t node; /* of struct mount_info, as the next ones */
	uint32_t major;
	uint32_t minor;
	uint64_t file_system;
	uint64_t inode;
	char path[256];  /* terminated */
	char place[256]; /* the same */
};

#endif
