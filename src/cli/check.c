#include <getopt.h>
#include <jansson.h>
#include <stdio.h>

#include "dsp/cli.h"
#include "dsp/escape.h"
#include "dsp/mem.h"

/* What is open of one kind, as lines and as JSON. */
struct findings {
	const struct config *config;
	json_t *direct;         /* ways to root on the host */
	json_t *through_others; /* ways through what containers and images hold already */
};

static const char *flag_state(const struct policy *policy, enum power p, char *out, size_t cap)
{
	size_t flag = policy->said_by[p];
	const char *profile = profile_info(policy->profile)->name;

	if (flag < FLAG_COUNT && policy->flags[flag] == SETTING_ON)
		(void)snprintf(out, cap, "%s is 1", flag_at(flag)->name);
	else
		(void)snprintf(out, cap, "%s is not 0 in profile %s", power_info(p)->flag, profile);
	return out;
}

static void look_at(struct findings *f, enum power p)
{
	const struct power_info *info = power_info(p);
	const struct route *route;
	char state[96];
	char text[256];

	if (info->root == ROOT_NO || !escape_find(&f->config->policy, p, &route))
		return;
	(void)flag_state(&f->config->policy, p, state, sizeof(state));
	(void)snprintf(text, sizeof(text), "anonymous clients can %s: %s", info->escape, state);
	(void)json_array_append_new(info->root == ROOT_DIRECT ? f->direct : f->through_others,
		json_pack("{s:s, s:s, s:s, s:s, s:s}", "power", info->name, "root",
			root_name(info->root), "operation", route ? route->name : "unknown",
			"closed_by", info->flag, "text", text));
}

static const char *text_of(const json_t *finding, const char *key)
{
	return json_string_value(json_object_get(finding, key));
}

static void print_direct(const struct findings *f)
{
	size_t i;
	const json_t *v;

	if (json_array_size(f->direct) == 0) {
		(void)printf("No direct way to root on the host is known to stay open.\n");
		return;
	}
	(void)printf("Ways to root on the host that stay open:\n");
	json_array_foreach (f->direct, i, v) {
		(void)printf("  %s; %s=0 closes it\n", text_of(v, "text"), text_of(v, "closed_by"));
		if (strcmp(text_of(v, "power"), power_info(POWER_HOST_MOUNTS)->name) == 0)
			(void)printf(
				"    (mounts of /, /etc, /run, /run/docker hold what keeps dsp "
				"in force: its socket, the configuration of both, their "
				"units)\n");
	}
	if (f->config->policy.profile == PROFILE_GUARD)
		(void)printf("Profile guard is no wall against a client that may create "
			     "containers; DSP_PROFILE=hardened closes these ways.\n");
}

static void print_through_others(const struct findings *f)
{
	size_t i;
	const json_t *v;

	if (json_array_size(f->through_others) == 0)
		return;
	(void)printf("Open, and worth root where a container or an image already holds it:\n  ");
	json_array_foreach (f->through_others, i, v)
		(void)printf("%s%s", i > 0 ? ", " : "", text_of(v, "power"));
	(void)printf("\n");
}

static void print_json(const struct findings *f, const char *broken)
{
	json_auto_t *o = json_pack("{s:o, s:s?, s:s?, s:O, s:O}", "errors",
		broken ? json_pack("[s]", broken) : json_array(), "profile",
		f->config && !broken ? profile_info(f->config->policy.profile)->name : NULL,
		"notices", f->config ? f->config->settings.notices : NULL, "escapes", f->direct,
		"through_others", f->through_others);

	(void)json_dumpf(o, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	(void)printf("\n");
}

static void print_text(const struct findings *f, const char *broken)
{
	if (broken) {
		(void)printf("error: %s\n", broken);
		return;
	}
	(void)printf("%s", f->config->settings.notices);
	(void)printf("The settings are well-formed: profile %s.\n",
		profile_info(f->config->policy.profile)->name);
	print_direct(f);
	print_through_others(f);
}

struct arguments {
	const char *env_file;
	bool fail_on_escape;
	bool json;
};

static int take_arguments(struct arguments *a, int argc, char **argv)
{
	static const struct option options[] = { { "env-file", required_argument, NULL, 'e' },
		{ "fail-on", required_argument, NULL, 'f' }, { "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 } };
	int o;

	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	while ((o = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (o == 'e')
			a->env_file = optarg;
		else if (o == 'f' && strcmp(optarg, "escape") == 0)
			a->fail_on_escape = true;
		else if (o == 'f')
			return cli_usage("check", "--fail-on %s: it may be escape", optarg);
		else if (o == 'j')
			a->json = true;
		else
			return cli_usage(
				"check", "%s: unknown, or its value is missing", argv[optind - 1]);
	}
	if (optind < argc)
		return cli_usage("check", "%s: not expected", argv[optind]);
	return 0;
}

static int check(const struct config *c, const struct arguments *a, const char *broken)
{
	json_auto_t *direct = json_array();
	json_auto_t *through_others = json_array();
	struct findings f = { .config = c, .direct = direct, .through_others = through_others };

	for (size_t i = 0; !broken && i < POWER_COUNT; i++)
		look_at(&f, (enum power)i);
	if (a->json)
		print_json(&f, broken);
	else
		print_text(&f, broken);
	if (broken || (a->fail_on_escape && json_array_size(direct) > 0))
		return EXIT_FINDINGS;
	return EXIT_FINE;
}

int cli_check(int argc, char **argv)
{
	struct arguments a = { .env_file = NULL };
	AUTO_MEM struct config *c = NULL;
	struct err e;
	int rc = take_arguments(&a, argc, argv);

	if (rc != 0)
		return rc;
	rc = config_read(a.env_file, NULL, &c, &e);
	return check(c, &a, rc != 0 ? e.text : NULL);
}
