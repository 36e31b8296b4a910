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
#include "dsp/dockerd/dockerd_api.h"
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
	struct dsp_process dsp_process;
	struct config *config; /* its settings as they are on disk now; NULL: memory ran out */
	bool config_good;
	struct err config_bad;

	struct dockerd *dockerd; /* NULL: no_dockerd */
	struct err no_dockerd;
	bool api; /* it answers on its socket */
	struct err no_api;
	enum probe_result probe;
	struct err probe_error;
	int namesake; /* as doctor_managed */
	struct err namesake_why;

	char *file_text; /* of daemon.json; NULL: file_bad, where code ENOENT is an ordinary case */
	json_t *file;    /* read; NULL: none, or file_bad */
	bool file_twice; /* it has a key twice */
	struct err file_bad;
	struct unit units[UNIT_COUNT];
};

/* Looks at everything that several checks need. doctor_free frees it. */
void doctor_survey(struct doctor *d);
void doctor_free(struct doctor *d);

/* As dockerd_api_managed, and where that does not answer, by what is on disk. */
int doctor_managed(const struct doctor *d, const char *name, struct err *e);

/* The socket of the managed plugin dsp. */
bool doctor_managed_socket(const struct doctor *d, char *out, size_t cap);

/* Where dockerd is told to ask the plugin: in daemon.json, on its command line. */
bool doctor_in_file(const struct doctor *d);
bool doctor_in_flags(const struct doctor *d);

typedef void doctor_check(const struct doctor *d, struct check_result *result);

doctor_check doctor_check_dockerd, doctor_check_asked, doctor_check_version, doctor_check_bodies,
	doctor_check_grpc, doctor_check_listeners, doctor_check_docker_socket,
	doctor_check_containerd, doctor_check_isolation;
doctor_check doctor_check_daemon_json, doctor_check_named, doctor_check_flag_and_file,
	doctor_check_flag_only, doctor_check_chain;
doctor_check doctor_check_namesake, doctor_check_second_socket, doctor_check_spec_file,
	doctor_check_socket, doctor_check_serving, doctor_check_settings, doctor_check_monitor,
	doctor_check_same_version, doctor_check_open_ways, doctor_check_one_dsp;
doctor_check doctor_check_env_file, doctor_check_policy_file, doctor_check_on_disk,
	doctor_check_pending, doctor_check_readable;
doctor_check doctor_check_socket_unit, doctor_check_service_unit, doctor_check_sandbox,
	doctor_check_docker_unit, doctor_check_restart;

#endif
