/*
 * dsp doctor: what it finds out once, and its checks, each of which judges one thing by that.
 * Nothing here changes anything, and every wait ends.
 */
#ifndef DSP_DOCTOR_H
#define DSP_DOCTOR_H

#include <jansson.h>
#include <stdbool.h>

#include "check_result.h"
#include "dsp/config/command.h"
#include "dsp/config/config.h"
#include "dsp/core/base/err.h"
#include "dsp/dockerd/dockerd_process.h"
#include "dsp/dockerd/dsp_process.h"
#include "dsp/dockerd/systemd_units.h"

struct doctor {
	const char *host; /* as --host; may be NULL */
	char socket[256]; /* dsp's */
	char name[128];   /* under which dockerd knows a plugin with this socket */
	bool root;        /* we are */
	bool systemd;     /* it runs here */

	json_t *status;    /* of the dsp that serves; NULL: no_dsp */
	struct err no_dsp; /* code: ENOENT, ECONNREFUSED, ETIMEDOUT, EACCES, ... */
	bool activates;    /* it answers dockerd's first question rightly */
	bool managed;      /* it is a managed plugin */
	struct manner manner;
	struct config *config; /* its settings as they are on disk now; NULL: memory ran out */
	bool config_good;
	struct err config_bad;

	struct dockerd *dockerd; /* NULL: no_dockerd */
	struct err no_dockerd;
	bool api; /* it answers on its socket */
	struct err no_api;
	enum asked asked;
	struct err asked_why;
	int namesake; /* as doctor_managed */
	struct err namesake_why;

	char *file_text; /* of daemon.json; NULL: file_bad, where code ENOENT is an ordinary case */
	json_t *file;    /* read; NULL: none, or file_bad */
	bool file_twice; /* it has a key twice */
	struct err file_bad;
	struct unit units[UNIT_COUNT];
};

/* Looks at everything that several checks need. doctor_end frees it. */
void doctor_look(struct doctor *d);
void doctor_end(struct doctor *d);

/* As dockerd_managed, and where that does not answer, by what is on disk. */
int doctor_managed(const struct doctor *d, const char *name, struct err *e);

/* The socket of the managed plugin dsp. */
bool doctor_managed_socket(const struct doctor *d, char *out, size_t cap);

/* The next process after that number which is a dsp that serves, here; 0: there is none. */
pid_t doctor_next_dsp(pid_t after);

/* Where dockerd is told to ask the plugin: in daemon.json, on its command line. */
bool doctor_in_file(const struct doctor *d);
bool doctor_in_flags(const struct doctor *d);

typedef void doctor_check(const struct doctor *d, struct outcome *o);

doctor_check check_dockerd, check_asked, check_version, check_bodies, check_grpc, check_listeners,
	check_docker_socket, check_containerd, check_isolation;
doctor_check check_daemon_json, check_named, check_flag_and_file, check_flag_only, check_chain;
doctor_check check_namesake, check_second_socket, check_spec_file, check_socket, check_serving,
	check_settings, check_monitor, check_same_version, check_open_ways, check_one_dsp;
doctor_check check_env_file, check_policy_file, check_on_disk, check_pending, check_readable;
doctor_check check_socket_unit, check_service_unit, check_sandbox, check_docker_unit, check_restart;

#endif
