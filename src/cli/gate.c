/* dsp gate: Docker sockets with a name, by dsp-gate(8). */
#include <errno.h>
#include <grp.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dsp/config/command.h"
#include "dsp/config/output.h"
#include "dsp/config/table.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/settings.h"
#include "dsp/core/policy/subject.h"
#include "dsp/dockerd/installed_settings.h"
#include "dsp/system/file.h"
#include "gate_setup.h"
#include "policy_users.h"

static const struct option options[] = { { "group", required_argument, NULL, 'g' },
	{ "policy-user", required_argument, NULL, 'u' }, { "policy", required_argument, NULL, 'p' },
	{ "socket", required_argument, NULL, 's' }, { "json", no_argument, NULL, 'j' },
	{ NULL, 0, NULL, 0 } };

struct arguments {
	struct settings_choice choice;
	struct gate_wish wish;
	struct gate gate;
	bool json;
	char **words;
	int count;
};

/* The policy file: of the option, else of the settings. NULL: they name none, or cannot be read. */
static const char *find_policy(
	const struct arguments *a, struct installed_settings **s, struct err *e)
{
	if (a->choice.sources.policy)
		return a->choice.sources.policy;
	if (installed_settings_read(&a->choice, s, e) != SETTINGS_VALID)
		return NULL;
	if (!(*s)->config->findings.file)
		err_set(e, 0,
			"the settings name no policy file, which has the users: set DSP_POLICY, or "
			"name one by --policy");
	return (*s)->config->findings.file;
}

/* --- list --------------------------------------------------------------------------------------*/

/* The users of the policy file who have the gate's token, as a list. */
static json_t *users_of(const struct gate *g, const char *policy)
{
	AUTO_MEM char *text = NULL;
	char digest[DIGEST_ROOM];
	struct span span;
	struct err e;

	if (!policy || gate_digest(g, digest, &e) != 0 ||
		file_read(policy, 1 << 20, &text, &span.n, &e) != 0)
		return NULL;
	span.s = text;
	return policy_users_of(span, digest, &e);
}

static json_t *row_of(const struct gate *g, const char *policy)
{
	json_auto_t *users = users_of(g, policy);
	char group[64];
	struct stat st;

	gate_group(g, group, sizeof(group));
	return json_pack("{s:s, s:s?, s:s, s:s, s:s}", "name", g->name, "user",
		json_string_value(json_array_get(users, 0)), "group",
		group[0] != '\0' ? group : "root", "socket", g->socket, "state",
		stat(g->socket, &st) == 0 && S_ISSOCK(st.st_mode) ? "listening" : "missing");
}

static int list(struct arguments *a)
{
	static const char *const keys[] = { "name", "user", "group", "socket", "state", NULL };
	AUTO_SETTINGS struct installed_settings *s = NULL;
	AUTO_MEM char(*names)[GATE_NAME_MOST + 1] = mem_array(GATES_MOST, sizeof(*names));
	json_auto_t *o = json_pack("{s:[]}", "gates");
	struct err e;
	const char *policy;
	size_t count;

	if (!names || !o)
		err_set(&e, ENOMEM, "dsp");
	if (!names || !o || gates_list(names, GATES_MOST, &count, &e) != 0)
		return command_failed("gate", a->json, &e);
	policy = find_policy(a, &s, &e);
	for (size_t i = 0; i < count; i++) {
		gate_places(names[i], &a->gate);
		(void)json_array_append_new(json_object_get(o, "gates"), row_of(&a->gate, policy));
	}
	if (a->json)
		output_json(o);
	else if (count == 0)
		(void)puts("There is no gate. To make one: dsp gate add NAME --group GROUP");
	else
		table_print(keys, json_object_get(o, "gates"));
	return EXIT_FINE;
}

/* --- add, remove -------------------------------------------------------------------------------*/

static int print_done(const struct arguments *a, const struct gate_done *done, bool added)
{
	const struct gate *g = &a->gate;
	json_auto_t *o = NULL;

	if (a->json) {
		o = json_pack("{s:s, s:s?, s:s, s:s?, s:b, s:b, s:b}", "name", g->name, "user",
			added ? a->wish.user : NULL, "socket", g->socket, "policy", a->wish.policy,
			"changed", done->changed, "dspd_runs", !done->not_running, "systemd_runs",
			!done->no_systemd);
		output_json(o);
		return EXIT_FINE;
	}
	if (!added)
		(void)printf(
			done->changed ? "Gate %s is gone.\n" : "There is no gate %s.\n", g->name);
	else
		(void)printf("Gate %s%s: requests on %s are of user %s.\nClients use it by:\n\n"
			     "  export DOCKER_HOST=unix://%s\n",
			g->name, done->changed ? "" : " was there already", g->socket, a->wish.user,
			g->socket);
	if (done->not_running)
		(void)printf("No dspd runs: it reads %s when it starts.\n", a->wish.policy);
	if (done->no_systemd)
		(void)puts(
			added ? "systemd does not run: start dsp-gate in another way, as dsp-gate(8) says."
			      : "systemd does not run: stop its dsp-gate.");
	return EXIT_FINE;
}

static int change(struct arguments *a, bool add)
{
	AUTO_SETTINGS struct installed_settings *s = NULL;
	struct gate_done done = { .changed = false };
	struct err e;

	if (geteuid() != 0) {
		err_set(&e, EPERM, "only root can %s a gate", add ? "add" : "remove");
		return command_failed("gate", a->json, &e);
	}
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	if (add && a->wish.group && !getgrnam(a->wish.group)) {
		err_set(&e, 0, "there is no group %s; to make it: groupadd --system %s",
			a->wish.group, a->wish.group);
		return command_failed("gate", a->json, &e);
	}
	a->wish.socket = command_running_socket(a->choice.sources.socket);
	a->wish.policy = find_policy(a, &s, &e);
	if (!a->wish.policy)
		return command_failed("gate", a->json, &e);
	if ((add ? gate_add : gate_remove)(&a->gate, &a->wish, &done, &e) != 0)
		return command_failed("gate", a->json, &e);
	return print_done(a, &done, add);
}

static int parse_name(struct arguments *a)
{
	if (!gate_name_is_valid(span_of(a->words[1])))
		return command_usage("gate",
			"%s: a gate's name has 1 to %d of a-z, 0-9 and -, and begins with a letter",
			a->words[1], GATE_NAME_MOST);
	gate_places(a->words[1], &a->gate);
	if (!a->wish.user)
		a->wish.user = a->gate.name;
	if (!subject_name_is_valid(span_of(a->wish.user)) || strcmp(a->wish.user, "anonymous") == 0)
		return command_usage("gate", "%s: not a user's name", a->wish.user);
	return 0;
}

static int run_gate(int argc, char **argv)
{
	struct arguments a = { .json = false };
	bool add;
	int o;

	while ((o = command_option(&gate_command, argc, argv)) != -1) {
		if (o == 'g')
			a.wish.group = optarg;
		else if (o == 'u')
			a.wish.user = optarg;
		else if (o == 'j')
			a.json = true;
		else if (!settings_choice_parse(&a.choice, o, optarg))
			return EXIT_USAGE;
	}
	a.words = argv + optind;
	a.count = argc - optind;
	if (a.count == 1 && strcmp(a.words[0], "list") == 0)
		return list(&a);
	add = a.count == 2 && strcmp(a.words[0], "add") == 0;
	if (!add && (a.count != 2 || strcmp(a.words[0], "remove") != 0))
		return command_usage("gate", "write add NAME, remove NAME, or list");
	o = parse_name(&a);
	return o != 0 ? o : change(&a, add);
}

const struct command gate_command = {
	.name = "gate",
	.arguments = "add NAME [--group GROUP] [--policy-user USER] | remove NAME | list "
		     "[--policy FILE] [--socket PATH] [--json]",
	.run = run_gate,
	.options = options,
	.summary = "make a Docker socket whose clients dsp knows",
	.help = "  add     make a token, give it to a user of the policy file, and make the socket\n"
		"          /run/dsp-gate/NAME.sock, whose requests get the token\n"
		"  remove  take all of that away\n"
		"  list    list the gates\n"
		"  --group GROUP       the group that may connect (default of a new gate: root)\n"
		"  --policy-user USER  the user (default: NAME); a new one, if the policy file has none\n"
		"  --policy FILE       the policy file (default: that of the settings)\n"
		"  --socket PATH       the socket of dspd (DSP_SOCKET; default " SETTINGS_SOCKET
		")\n"
		"  --json              print JSON\n"
		"\n"
		"For root. A step that fails undoes those before it; add can be repeated, with another\n"
		"group too. The running dspd reads the policy file again. What the user may do is for\n"
		"rules of the policy file to say: dsp-policy(5), dsp-gate(8).\n",
};
