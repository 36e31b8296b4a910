/*
 * dsp doctor: one survey of dsp and dockerd, and checks that each judge one thing by it. Nothing
 * here changes anything, and every wait is bounded.
 */
#ifndef DSP_DOCTOR_H
#define DSP_DOCTOR_H

#include <jansson.h>
#include <stdbool.h>

#include "check_result.h"
#include "dsp/config/command.h"
#include "dsp/config/config.h"
#include "dsp/core/base/err.h"
#include "dsp/dockerd/daemon_config.h"
#include "dsp/dockerd/dockerd_api.h"
#include "dsp/dockerd/dockerd_http2.h"
#include "dsp/dockerd/dockerd_process.h"
#include "dsp/dockerd/dsp_process.h"
#include "dsp/dockerd/running_settings.h"
#include "dsp/dockerd/systemd_units.h"

/* What the survey found. */
struct doctor {
	const char *host; /* of --host; may be NULL */
	char socket[256]; /* dsp's */
	char name[128];   /* by which dockerd finds a plugin with this socket */
	bool root;        /* this process runs as root */
	bool systemd;     /* systemd runs here */

	json_t *status;       /* of the dspd that answers on socket; NULL: see dsp_error */
	struct err dsp_error; /* code: ENOENT, ECONNREFUSED, ETIMEDOUT, EACCES, ... */
	bool activates;       /* it says that it is an authorization plugin */
	bool managed;         /* it is a managed plugin */
	struct dsp_process process;
	struct config *config; /* its settings as they are on the disk; NULL: out of memory */
	bool config_ok;        /* they are valid; else see config_error */
	struct err config_error;
	struct running_settings running;
	struct config *in_force; /* the settings of the running dspd; NULL: unknown or broken */

	struct dockerd *dockerd; /* NULL: see dockerd_error */
	struct err dockerd_error;
	bool api; /* it answers on its socket; else see api_error */
	struct err api_error;
	struct dockerd_http2 http2;
	enum probe_result probe;
	struct err probe_error;
	int namesake; /* doctor_managed of name */
	struct err namesake_error;

	struct daemon_config file; /* daemon.json; all zero: see file_error */
	bool file_read;            /* false: see file_error, whose code is ENOENT if none exists */
	struct err file_error;
	struct unit units[UNIT_COUNT];
};

/* Fills d; host, socket (empty: the usual one) and root are set already. doctor_free frees it. */
void doctor_survey(struct doctor *d);
void doctor_free(struct doctor *d);

/* As dockerd_api_managed; when dockerd does not answer, by dockerd's files on the disk. */
int doctor_managed(const struct doctor *d, const char *name, struct err *e);

/* The socket of the managed plugin dsp; false: dockerd does not tell it. */
bool doctor_managed_socket(const struct doctor *d, char *out, size_t cap);

/* The settings in force or, if they are unknown, those on disk; NULL: neither can be read. */
const struct config *doctor_config(const struct doctor *d);

/* Whether daemon.json, or the command line of dockerd, names the plugin. */
bool doctor_in_file(const struct doctor *d);
bool doctor_in_flags(const struct doctor *d);

/* Each adds to result, which is initialised. The table in doctor.c says what each checks. */
typedef void doctor_check(const struct doctor *d, struct check_result *result);

doctor_check doctor_check_dockerd, doctor_check_others, doctor_check_asked, doctor_check_version,
	doctor_check_bodies, doctor_check_grpc, doctor_check_listeners, doctor_check_docker_socket,
	doctor_check_containerd, doctor_check_lookups, doctor_check_data_root,
	doctor_check_isolation, doctor_check_resolver, doctor_check_owners, doctor_check_gates,
	doctor_check_grants, doctor_check_asks;
doctor_check doctor_check_daemon_json, doctor_check_named, doctor_check_flag_and_file,
	doctor_check_flag_only, doctor_check_chain;
doctor_check doctor_check_namesake, doctor_check_second_socket, doctor_check_spec_file,
	doctor_check_socket, doctor_check_serving, doctor_check_settings, doctor_check_monitor,
	doctor_check_same_version, doctor_check_open_ways, doctor_check_one_dsp;
doctor_check doctor_check_env_file, doctor_check_policy_file, doctor_check_on_disk,
	doctor_check_pending, doctor_check_readable, doctor_check_audit_log;
doctor_check doctor_check_socket_unit, doctor_check_service_unit, doctor_check_sandbox,
	doctor_check_docker_unit, doctor_check_restart;

#endif
