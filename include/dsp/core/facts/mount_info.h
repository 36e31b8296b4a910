/*
 * What is at a mount's source, as the host's files have it (host/mount_lookup.h).
 */
#ifndef DSP_MOUNT_INFO_H
#define DSP_MOUNT_INFO_H

#include <stdbool.h>
#include <stdint.h>

struct mount_info {
	bool visible;  /* path is the source; else it is the nearest visible parent, and the rest */
	bool socket;   /* it is, or holds, Docker's or containerd's socket */
	bool dsp_file; /* it is, or is below, what keeps dsp in force */
	bool device;   /* it is a device, or holds devices */
	bool unknown; /* it may be anything: dsp may not look there, or each process sees another */
	bool maybe_socket; /* or hold one: on which sockets dockerd listens is not known */
	bool holds_mounts; /* something is mounted below it, or that is not known */
	char node;         /* 'b', 'c': a device with these numbers; 'd': a directory; 0: neither */
	unsigned major, minor;
	char path[256]; /* resolved, terminated, cut where it is longer; empty: not known */
	/*
	 * The place in its file system, "8:1/dir", which is the same under each path where that is
	 * mounted. Terminated; empty: not known, or too long.
	 */
	char place[256];
	uint64_t file_system, inode; /* its inode there, which hard links share; 0: not known */
};

/* How far down a read-only mount is read-only, where something is mounted below its source. */
enum depth {
	DEPTH_WHOLE,     /* nothing below can be written */
	DEPTH_BY_KERNEL, /* nothing, with Linux 5.12 or later (mount_setattr) */
	DEPTH_TOP,       /* each mount below its source stays writable */
};

#endif
