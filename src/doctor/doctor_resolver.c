/* The doctor's check of dsp-resolve: its socket, its units, and what dspd says of its answers. */
#include <errno.h>
#include <sys/stat.h>

#include "doctor.h"
#include "dsp/core/policy/settings.h"

static const char *text_at(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

static bool is_loaded(const struct unit *u)
{
	return strcmp(u->load, "loaded") == 0;
}

/* False: there is none, which result has then. */
static bool report_socket(const struct doctor *d, const char *path, struct check_result *result)
{
	const struct unit *u = &d->units[UNIT_RESOLVE_SOCKET];
	bool wanted = strcmp(path, SETTINGS_RESOLVER) == 0 && is_loaded(u);
	struct stat st;

	if (lstat(path, &st) != 0) {
		check_result_add(result, wanted ? CHECK_WARNING : CHECK_NOTE,
			"%s does not exist, so dspd guesses dockerd's defaults: runtime runc, "
			"Docker's own seccomp profile",
			path);
		check_result_advise(result,
			wanted ? "systemctl start dsp-resolve.socket"
			       : "install dsp-resolve.socket and dsp-resolve.service: dsp-resolve(8)");
		return false;
	}
	if (!S_ISSOCK(st.st_mode))
		check_result_add(result, CHECK_WARNING, "%s is not a socket", path);
	if (st.st_mode & 077) {
		check_result_add(result, CHECK_WARNING, "%s has mode %o: other users can use it",
			path, (unsigned)(st.st_mode & 07777));
		check_result_advise(result, "chmod 600 %s", path);
	}
	return true;
}

static void report_unit(const struct unit *u, struct check_result *result)
{
	if (!is_loaded(u))
		return;
	if (u->user[0] == '\0' || strcmp(u->user, "root") == 0 || strcmp(u->user, "0") == 0)
		check_result_add(result, CHECK_WARNING, "dsp-resolve runs as root");
	if (strcmp(u->no_new_privileges, "yes") != 0)
		check_result_add(
			result, CHECK_WARNING, "NoNewPrivileges= is off in dsp-resolve.service");
	if (u->drop_ins[0])
		check_result_add(
			result, CHECK_NOTE, "dsp-resolve.service is changed by %s", u->drop_ins);
	if (result->state >= CHECK_WARNING)
		check_result_advise(result, "systemctl revert dsp-resolve.service");
}

/* What dspd was answered last. */
static void report_state(const json_t *o, struct check_result *result)
{
	const char *seccomp = text_at(o, "seccomp");
	const char *state = text_at(o, "state");
	char text[300];

	if (strcmp(state, "known") == 0) {
		check_result_add(result, CHECK_OK,
			"dockerd %s: default runtime %s, seccomp profile %s", text_at(o, "version"),
			text_at(o, "default_runtime"), seccomp[0] != '\0' ? seccomp : "none");
	} else if (strcmp(state, "failed") == 0) {
		text_escape(span_of(text_at(o, "trouble")), text, sizeof(text));
		check_result_add(result, CHECK_WARNING,
			"dsp-resolve does not answer: %s. Until it does, a named runtime and "
			"seccomp=builtin need the powers runtime and unconfined",
			text);
		if (strstr(text, "Permission denied"))
			check_result_advise(result,
				"systemctl edit dsp-resolve.service: SupplementaryGroups= with the "
				"group of Docker's socket");
	} else {
		check_result_add(
			result, CHECK_OK, "dspd asks at the next request that depends on it");
	}
}

void doctor_check_resolver(const struct doctor *d, struct check_result *result)
{
	const json_t *o = json_object_get(d->status, "resolver");

	if (d->managed) {
		check_result_add(result, CHECK_NOTE,
			"a managed plugin has no dsp-resolve: dsp guesses dockerd's defaults");
	} else if (json_is_null(o)) {
		check_result_add(
			result, CHECK_NOTE, "DSP_RESOLVER=off: dspd guesses dockerd's defaults");
	} else if (!json_is_object(o)) {
		check_result_add(result, CHECK_UNKNOWN, "dspd does not report it");
	} else if (report_socket(d, text_at(o, "socket"), result)) {
		report_unit(&d->units[UNIT_RESOLVE], result);
		report_state(o, result);
	}
}
