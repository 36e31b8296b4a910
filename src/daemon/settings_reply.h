/* The answer of /Dsp.Settings: what the settings in force were made of, to make them again. */
#ifndef DSP_SETTINGS_REPLY_H
#define DSP_SETTINGS_REPLY_H

#include "dockerd_facts.h"
#include "snapshot.h"

/*
 * {"version", "pid", "generation", "since" (seconds since 1970), "managed", "broken" (the reason;
 * empty: the settings are valid), "socket", "environment" (NAME=value, in base64), "env_file" and
 * "policy_file" (paths; null: none), "env_text" and "policy_text" (their bytes in base64; null:
 * none was read), "data_root", "dockerd" (what dsp-resolve said of it: "known", and in base64
 * "default_runtime", "seccomp", "version"; null: dspd guesses), "image_files" (pairs of a path and
 * the bytes of a file that lists images), "grants" (how many are open)}. Paths are absolute, in base64 too:
 * they may hold any bytes. The caller frees it with mem_free. NULL without memory.
 */
char *settings_reply_write(
	const struct snapshot *s, const struct known_dockerd *dockerd, size_t grants);

#endif
