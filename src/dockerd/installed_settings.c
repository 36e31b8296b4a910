#include "dsp/dockerd/installed_settings.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dsp/config/command.h"
#include "dsp/config/output.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/base/version.h"
#include "dsp/system/clock.h"
#include "dsp/system/unix_socket.h"

bool settings_choice_parse(struct settings_choice *c, int option, const char *value)
{
	if (option != 'N')
		return sources_parse(&c->sources, option, value);
	c->no_config = true;
	return true;
}

/* --- the installed dsp -------------------------------------------------------------------------*/

/* The socket of a dsp that is not managed may be left behind; then a managed one may run. */
static void ask_running(
	const struct settings_choice *choice, struct installed_settings *s, struct err *e)
{
	const char *socket = command_running_socket(choice->sources.socket);
	char managed[256];

	s->running = running_settings_ask(socket, &s->in_force, e);
	if (s->running != RUNNING_NOT || strcmp(socket, SETTINGS_SOCKET) != 0 ||
		command_managed_socket("dsp", managed, sizeof(managed)) != 1)
		return;
	running_settings_free(&s->in_force);
	s->running = running_settings_ask(managed, &s->in_force, e);
}

/* The process that listens on the socket of a dspd that does not answer; 0: unknown. */
static pid_t find_listener(const struct installed_settings *s)
{
	int fd = unix_socket_connect(command_running_socket(s->socket));
	pid_t pid = 0;

	if (fd >= 0) {
		pid = unix_socket_peer(fd);
		(void)close(fd);
	}
	return pid;
}

/*
 * Finds the files and variables of the installed dsp: by its process, else by its unit. False: they
 * cannot be seen from here.
 */
static bool find_disk(struct installed_settings *s, struct sources *ret)
{
	bool answers = s->running == RUNNING_KNOWN || s->running == RUNNING_OLD;
	AUTO_MEM struct unit *units = mem_array(UNIT_COUNT, sizeof(*units));
	const struct dsp_process *p = &s->process;
	pid_t pid = answers ? s->in_force.pid : find_listener(s);
	struct stat st;

	if (!units || s->in_force.sources.managed)
		return false;
	systemd_units_read(units, stat("/run/systemd/system", &st) == 0);
	dsp_process_find(
		&s->process, pid > 1 ? pid : units[UNIT_SERVICE].pid, &units[UNIT_SERVICE]);
	*ret = (struct sources){ .env_file = p->env_file[0] ? p->env_file : NULL,
		.policy = p->policy[0] ? p->policy : NULL,
		.socket = s->running == RUNNING_KNOWN ? s->in_force.sources.socket : s->socket,
		.in_force = true,
		.environment = p->environment };
	/* The files of a dspd in a container are not those of the same path here. */
	return p->known && (!answers || p->pid == pid);
}

/* --- which settings ----------------------------------------------------------------------------*/

/* What the running dspd knows of dockerd counts for other settings of it too. */
static void learn_dockerd(struct installed_settings *s)
{
	s->config->daemon = s->in_force.daemon;
	if (s->in_force.asked_dockerd)
		s->config->policy.daemon = &s->config->daemon;
}

static enum settings_result read_config(
	const struct sources *sources, struct installed_settings *s, struct err *e)
{
	if (config_read(sources, &s->config, e) == 0) {
		learn_dockerd(s);
		return SETTINGS_VALID;
	}
	/* Root's files, and not the user's own that an option names. */
	return e->code == EACCES && geteuid() != 0 && s->origin == SETTINGS_ON_DISK
		? SETTINGS_CLOSED
		: SETTINGS_BROKEN;
}

static enum settings_result read_in_force(
	const struct settings_choice *choice, struct installed_settings *s, struct err *e)
{
	struct sources sources = s->in_force.sources;
	const char *broken = s->in_force.broken;
	struct err own;

	s->origin = SETTINGS_IN_FORCE;
	sources.managed = sources.managed || choice->sources.managed;
	if (config_read(&sources, &s->config, &own) == 0 && broken[0] == '\0') {
		learn_dockerd(s);
		return SETTINGS_VALID;
	}
	if (!s->config || broken[0] == '\0') {
		err_set(e, 0,
			"this dsp (%s) cannot read the settings in force of the running dspd (%s): %s",
			DSP_VERSION, s->in_force.version, own.text);
		return SETTINGS_BROKEN;
	}
	policy_broken(broken, &s->config->policy);
	return SETTINGS_VALID;
}

/*
 * The installed settings with the files that options name. disk: as they are there; NULL: they
 * cannot be seen, and those in force stand in for them.
 */
static enum settings_result read_disk(const struct settings_choice *choice,
	const struct sources *disk, struct installed_settings *s, struct err *e)
{
	const struct sources *chosen = &choice->sources;
	struct loaded_texts loaded = s->in_force.loaded;
	struct sources sources = disk ? *disk : s->in_force.sources;

	s->origin = SETTINGS_ON_DISK;
	if (!disk)
		sources.loaded = &loaded;
	if (chosen->env_file) {
		sources.env_file = chosen->env_file;
		loaded.has_env_file = false;
	}
	if (chosen->policy) {
		sources.policy = chosen->policy;
		loaded.has_policy = false;
	}
	if (chosen->socket)
		sources.socket = chosen->socket;
	sources.managed = sources.managed || chosen->managed;
	/* The file of an option may be anybody's draft; the other one must not be. */
	sources.in_force = !chosen->env_file;
	return read_config(&sources, s, e);
}

/* Why settings on disk are not known to be in force. */
static void set_why(struct installed_settings *s, const struct err *e)
{
	const char *version = s->in_force.version;

	switch (s->running) {
	case RUNNING_KNOWN:
		break;
	case RUNNING_OLD:
		(void)snprintf(s->why, sizeof(s->why),
			"the running dspd (%s) cannot show its settings to this dsp (%s); "
			"systemctl restart dsp.service",
			version, DSP_VERSION);
		break;
	case RUNNING_NOT:
		(void)snprintf(s->why, sizeof(s->why), "no dspd is running: %s", e->text);
		break;
	case RUNNING_MUTE:
		(void)snprintf(s->why, sizeof(s->why), "%s%s", e->text, command_hint(e));
		break;
	}
}

static enum settings_result read_shell(
	const struct settings_choice *choice, struct installed_settings *s, struct err *e)
{
	s->origin = SETTINGS_OF_SHELL;
	return read_config(&choice->sources, s, e);
}

static bool is_closed(const struct err *e)
{
	return (e->code == EACCES || e->code == EPERM) && geteuid() != 0;
}

/* dsp's variables of this shell; DSP_SOCKET counts, for it names the dspd. */
static void find_unused(struct installed_settings *s)
{
	struct line l;

	line_init(&l, s->unused, sizeof(s->unused));
	for (char *const *at = environ; *at; at++) {
		struct span all = span_of(*at);
		struct span name = { all.s, span_find(all, '=') };
		size_t flag = flag_find(name);
		char shown[64];

		if (all.n <= name.n + 1 || span_equal(name, SPAN("DSP_SOCKET")) ||
			!config_is_setting(name) ||
			(flag < FLAG_COUNT && flag_at(flag)->kind == FLAG_KIND_IGNORED))
			continue;
		text_escape(name, shown, sizeof(shown));
		line_add(&l, "%s%s", l.n > 0 ? ", " : "", shown);
	}
}

/* One sentence: why, and what to do. */
static enum settings_result set_closed(
	const struct installed_settings *s, const char *why, struct err *e)
{
	char text[200];

	text_copy(span_of(s->running == RUNNING_OLD ? s->why : why), text, sizeof(text));
	err_set(e, 0,
		"cannot read the settings of the installed dsp (%s): %s, or choose others with "
		"--no-config",
		text, geteuid() != 0 ? "run the command with sudo" : "restart dspd");
	return SETTINGS_CLOSED;
}

static enum settings_result read_installed(
	const struct settings_choice *choice, struct installed_settings *s, struct err *e)
{
	bool chosen = choice->sources.env_file || choice->sources.policy;
	enum settings_result result;
	struct sources disk;
	struct err asked = { 0, "" };
	bool on_disk;

	ask_running(choice, s, &asked);
	set_why(s, &asked);
	if (s->running == RUNNING_KNOWN && !chosen)
		return read_in_force(choice, s, e);
	on_disk = find_disk(s, &disk);
	if (s->running == RUNNING_NOT && s->process.pid != 0) {
		s->running = RUNNING_MUTE;
		(void)snprintf(s->why, sizeof(s->why),
			"%s; dspd (process %d) listens on another socket: name it with --socket",
			asked.text, (int)s->process.pid);
	}
	if (on_disk || s->running == RUNNING_KNOWN) {
		result = read_disk(choice, on_disk ? &disk : NULL, s, e);
		return result == SETTINGS_CLOSED ? set_closed(s, e->text, e) : result;
	}
	if (s->running == RUNNING_OLD ||
		(s->running == RUNNING_MUTE && (!is_closed(&asked) || dsp_process_any())))
		return set_closed(s, asked.text, e);
	return read_shell(choice, s, e);
}

enum settings_result installed_settings_read(
	const struct settings_choice *choice, struct installed_settings **ret, struct err *e)
{
	struct installed_settings *s = mem_array(1, sizeof(*s));
	enum settings_result result;

	*ret = s;
	if (!s) {
		err_set(e, ENOMEM, "the settings");
		return SETTINGS_BROKEN;
	}
	s->running = RUNNING_NOT;
	s->socket = choice->sources.socket;
	if (choice->no_config || (choice->sources.env_file && choice->sources.policy))
		return read_shell(choice, s, e);
	result = read_installed(choice, s, e);
	if (s->origin != SETTINGS_OF_SHELL)
		find_unused(s);
	return result;
}

/* --- for commands ------------------------------------------------------------------------------*/

void installed_settings_warn(const char *command, const struct installed_settings *s)
{
	if (s->unused[0])
		(void)fprintf(stderr,
			"dsp %s: warning: this shell's %s: not used, because a dsp is installed; "
			"--no-config uses the shell's environment\n",
			command, s->unused);
	if (s->running == RUNNING_KNOWN && strcmp(s->in_force.version, DSP_VERSION) != 0)
		(void)fprintf(stderr,
			"dsp %s: warning: the running dspd is version %s and this dsp %s, so they "
			"may decide differently; systemctl restart dsp.service\n",
			command, s->in_force.version, DSP_VERSION);
}

int installed_settings_open(
	const char *command, const struct settings_choice *choice, struct installed_settings **ret)
{
	struct err e;
	enum settings_result result = installed_settings_read(choice, ret, &e);

	if (*ret)
		installed_settings_warn(command, *ret);
	if (result == SETTINGS_VALID)
		return EXIT_FINE;
	(void)fprintf(stderr, "dsp %s: %s\n", command, e.text);
	return result == SETTINGS_BROKEN ? EXIT_BROKEN : EXIT_USAGE;
}

/* "/etc/dsp/dsp.env and /etc/dsp/policy.json"; other: in place of an env file. */
static void write_names(const struct installed_settings *s, const char *other, struct line *l)
{
	const char *env_file = s->config ? s->config->env_findings.file : NULL;
	const char *policy = s->config ? s->config->findings.file : NULL;
	char shown[300];

	text_escape(span_of(env_file ? env_file : other), shown, sizeof(shown));
	line_add(l, "%s", shown);
	text_escape(span_of(policy), shown, sizeof(shown));
	if (policy)
		line_add(l, " and %s", shown);
}

static void write_since(const struct installed_settings *s, char out[CLOCK_TEXT_ROOM])
{
	clock_write(s->in_force.since * 1000000, out);
	/* Whole seconds. */
	if (strlen(out) > 20)
		memcpy(out + 19, "Z", sizeof("Z"));
}

void installed_settings_write(const struct installed_settings *s, char *out, size_t cap)
{
	char since[CLOCK_TEXT_ROOM];
	struct line l;

	line_init(&l, out, cap);
	line_add(&l, "settings: ");
	switch (s->origin) {
	case SETTINGS_IN_FORCE:
		write_names(s,
			s->in_force.sources.managed ? "the managed plugin's settings"
						    : "the environment of dspd",
			&l);
		write_since(s, since);
		line_add(&l, ", in force since %s", since);
		if (s->in_force.grants > 0)
			line_add(&l, "; open grants are not counted, and allow more: dsp grants");
		break;
	case SETTINGS_ON_DISK:
		write_names(s, "the unit's environment", &l);
		if (s->running == RUNNING_KNOWN)
			line_add(&l, ", not in force: an option chooses them");
		else
			line_add(&l, " on disk, not %s in force: %s",
				s->running == RUNNING_NOT ? "yet" : "known to be", s->why);
		break;
	case SETTINGS_OF_SHELL:
		write_names(s, "this shell's environment", &l);
		break;
	}
}

void installed_settings_print(const struct installed_settings *s)
{
	char text[1200];

	installed_settings_write(s, text, sizeof(text));
	output_wrapped(0, text);
}

static json_t *shown_path(const char *path)
{
	char shown[600];

	if (!path)
		return json_null();
	text_escape(span_of(path), shown, sizeof(shown));
	return json_string(shown);
}

json_t *installed_settings_json(const struct installed_settings *s)
{
	static const char *const origins[] = {
		[SETTINGS_IN_FORCE] = "in force",
		[SETTINGS_ON_DISK] = "on disk",
		[SETTINGS_OF_SHELL] = "environment",
	};
	const struct config *c = s->config;
	bool in_force = s->origin == SETTINGS_IN_FORCE;
	char since[CLOCK_TEXT_ROOM];

	write_since(s, since);
	return json_pack("{s:s, s:o, s:o, s:s?, s:s?, s:s?, s:I}", "origin", origins[s->origin],
		"env_file", shown_path(c ? c->env_findings.file : NULL), "policy_file",
		shown_path(c ? c->findings.file : NULL), "since", in_force ? since : NULL, "why",
		s->why[0] && s->origin == SETTINGS_ON_DISK ? s->why : NULL, "unused",
		s->unused[0] ? s->unused : NULL, "grants",
		(json_int_t)(in_force ? s->in_force.grants : 0));
}

int installed_settings_read_disk(struct installed_settings *s, struct config **ret, struct err *e)
{
	struct sources disk;

	*ret = NULL;
	return s->origin == SETTINGS_IN_FORCE && find_disk(s, &disk) ? config_read(&disk, ret, e)
								     : 1;
}

void installed_settings_free(struct installed_settings *s)
{
	if (!s)
		return;
	config_free(s->config);
	running_settings_free(&s->in_force);
	dsp_process_free(&s->process);
	mem_free(s);
}
