#include <jansson.h>
#include <stdio.h>

#include "dsp/config/command.h"
#include "dsp/config/config.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/policy/decide.h"

enum form { FORM_TEXT, FORM_JSON, FORM_MARKDOWN };

enum { CELLS = 10 };

/* A table on its way out. */
struct table {
	enum form form;
	const struct config *config; /* NULL: without what is current */
	const char *const *heads;    /* ends with NULL; names of columns, and of JSON keys */
	const int *widths;           /* of the text form; the last column needs none */
	json_t *rows;
};

static void print_text_row(const struct table *t, const char *const *cells, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i + 1 < n)
			(void)printf("%-*s ", t->widths[i], cells[i]);
		else
			(void)printf("%s\n", cells[i]);
	}
}

static void print_markdown_row(const char *const *cells, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void)printf("| %s ", cells[i]);
	(void)printf("|\n");
}

static size_t head_count(const struct table *t)
{
	size_t n = 0;

	while (t->heads[n])
		n++;
	return n;
}

static void add_row(struct table *t, const char *const *cells)
{
	size_t n = head_count(t);
	json_t *row;

	if (t->form == FORM_TEXT) {
		print_text_row(t, cells, n);
	} else if (t->form == FORM_MARKDOWN) {
		print_markdown_row(cells, n);
	} else {
		row = json_object();
		for (size_t i = 0; i < n; i++)
			(void)json_object_set_new(row, t->heads[i], json_string(cells[i]));
		(void)json_array_append_new(t->rows, row);
	}
}

static void begin(struct table *t)
{
	static const char *const rule[CELLS] = { "---", "---", "---", "---", "---", "---", "---",
		"---", "---", "---" };

	if (t->form == FORM_MARKDOWN) {
		print_markdown_row(t->heads, head_count(t));
		print_markdown_row(rule, head_count(t));
	}
	if (t->form == FORM_TEXT)
		print_text_row(t, t->heads, head_count(t));
}

static const char *kind_name(enum flag_kind kind)
{
	switch (kind) {
	case FLAG_KIND_SECTION:
		return "section";
	case FLAG_KIND_WRITE:
		return "writes";
	case FLAG_KIND_GROUP:
		return "group";
	case FLAG_KIND_POWER:
		return "power";
	case FLAG_KIND_SETTING:
		return "setting";
	case FLAG_KIND_ZERO:
	case FLAG_KIND_IGNORED:
		break;
	}
	return "ignored";
}

static const char *current_value(const struct config *c, size_t flag)
{
	static const char *const shown[] = {
		[SETTING_UNSET] = "unset", [SETTING_OFF] = "0", [SETTING_ON] = "1"
	};

	if (flag_at(flag)->kind == FLAG_KIND_SETTING)
		return c->settings.given[flag].n > 0 ? "set" : "unset";
	return shown[c->settings.flags[flag]];
}

static void list_flags(struct table *t)
{
	static const char *const plain[] = { "FLAG", "KIND", "WHAT", NULL };
	static const char *const current[] = { "FLAG", "KIND", "VALUE", "WHAT", NULL };
	static const int widths[] = { 26, 13, 6 };

	t->heads = t->config ? current : plain;
	t->widths = widths;
	begin(t);
	for (size_t i = 0; i < FLAG_COUNT; i++) {
		const struct flag *f = flag_at(i);
		const char *kind = kind_name(f->kind);
		const char *cells[CELLS] = { f->name, kind, f->what };

		if (f->kind == FLAG_KIND_ZERO)
			continue;
		if (t->config) {
			cells[2] = current_value(t->config, i);
			cells[3] = f->what;
		}
		add_row(t, cells);
	}
}

static const char *word(bool closed)
{
	return closed ? "closed" : "open";
}

static void list_powers(struct table *t)
{
	static const char *const plain[] = { "POWER", "FLAG", "ROOT", "GUARD", "READONLY",
		"HARDENED", "WHAT", NULL };
	static const char *const current[] = { "POWER", "FLAG", "ROOT", "GUARD", "READONLY",
		"HARDENED", "NOW", "WHAT", NULL };
	static const int widths[] = { 16, 22, 14, 6, 8, 8, 6 };

	t->heads = t->config ? current : plain;
	t->widths = widths;
	begin(t);
	for (size_t i = 0; i < POWER_COUNT; i++) {
		const struct power_info *p = power_info((enum power)i);
		const char *cells[CELLS] = { p->name, p->flag, root_name(p->root),
			word(p->closed_guard), word(p->closed_readonly), word(p->closed_hardened),
			p->what };

		if (t->config) {
			cells[7] = p->what;
			cells[6] = word(powerset_has(&t->config->policy.closed, (enum power)i));
		}
		add_row(t, cells);
	}
}

/* What the settings say of a route alone, for a plain reference and without query and body. */
static const char *route_verdict(const struct config *c, const struct route *route)
{
	struct facts facts = { .route = route,
		.plain_name = true,
		.powers = route_powers(route),
		.reading = READING_EXACT };

	struct subject anonymous = subject_at(c->policy.file_rules, SUBJECT_ANONYMOUS);

	return decide(&c->policy, &anonymous, &facts).verdict == VERDICT_ALLOW ? "allow" : "deny";
}

static void list_operations(struct table *t)
{
	static const char *const plain[] = { "OPERATION", "METHOD", "PATH", "SECTION", "ACCESS",
		"POWERS", NULL };
	static const char *const current[] = { "OPERATION", "METHOD", "PATH", "SECTION", "ACCESS",
		"NOW", "POWERS", NULL };
	static const char *const methods[] = { [METHOD_GET] = "GET",
		[METHOD_HEAD] = "HEAD",
		[METHOD_POST] = "POST",
		[METHOD_PUT] = "PUT",
		[METHOD_DELETE] = "DELETE",
		[METHOD_OPTIONS] = "OPTIONS",
		[METHOD_ANY] = "any" };
	static const int widths[] = { 22, 7, 46, 12, 6, 5 };
	size_t count;
	const struct route *rows = route_rows(&count);

	t->heads = t->config ? current : plain;
	t->widths = widths;
	begin(t);
	for (const struct route *r = rows; r < rows + count; r++) {
		char powers[64];
		struct line l;
		const char *cells[CELLS] = { r->name, methods[r->method], r->pattern,
			r->section == SECTION_NONE ? "none"
						   : flag_at(flag_of_section(r->section))->arg,
			r->write ? "write" : "read", powers };

		line_init(&l, powers, sizeof(powers));
		for (size_t i = 0; i < 2 && r->powers[i] != POWER_COUNT; i++)
			line_add(&l, "%s%s", i > 0 ? "," : "", power_info(r->powers[i])->name);
		if (t->config) {
			cells[5] = route_verdict(t->config, r);
			cells[6] = powers;
		}
		add_row(t, cells);
	}
}

static void list_profiles(struct table *t)
{
	static const char *const plain[] = { "PROFILE", "WHAT", NULL };
	static const char *const current[] = { "PROFILE", "NOW", "WHAT", NULL };
	static const int widths[] = { 12, 7 };

	t->heads = t->config ? current : plain;
	t->widths = widths;
	begin(t);
	for (size_t i = 0; i < PROFILE_COUNT; i++) {
		const struct profile_info *p = profile_info((enum profile)i);
		const char *cells[CELLS] = { p->name, p->what };

		if (t->config) {
			cells[1] = t->config->policy.profile == (enum profile)i ? "current" : "";
			cells[2] = p->what;
		}
		add_row(t, cells);
	}
}

static const struct listing {
	const char *name;
	void (*print)(struct table *t);
} listings[] = {
	{ "flags", list_flags },
	{ "operations", list_operations },
	{ "powers", list_powers },
	{ "profiles", list_profiles },
};

static int print_listing(const char *name, struct table *t)
{
	for (size_t i = 0; i < sizeof(listings) / sizeof(listings[0]); i++) {
		if (strcmp(listings[i].name, name) != 0)
			continue;
		t->rows = t->form == FORM_JSON ? json_array() : NULL;
		listings[i].print(t);
		if (t->rows) {
			(void)json_dumpf(t->rows, stdout, JSON_INDENT(1));
			(void)printf("\n");
		}
		json_decref(t->rows);
		return EXIT_FINE;
	}
	return command_usage(
		"list", "%s: not a list; there are flags, operations, powers, profiles", name);
}

static const struct option options[] = { { "current", no_argument, NULL, 'c' },
	{ "json", no_argument, NULL, 'j' }, { "markdown", no_argument, NULL, 'm' }, SOURCES_OPTIONS,
	{ NULL, 0, NULL, 0 } };

static int run_list(int argc, char **argv)
{
	AUTO_CONFIG struct config *c = NULL;
	struct table t = { .form = FORM_TEXT };
	struct sources sources = { .policy = NULL };
	bool current = false;
	struct err e;
	int o;

	while ((o = command_option(&list_command, argc, argv)) != -1) {
		if (o == 'c')
			current = true;
		else if (o == 'j')
			t.form = FORM_JSON;
		else if (o == 'm')
			t.form = FORM_MARKDOWN;
		else if (!sources_parse(&sources, o, optarg))
			return EXIT_USAGE;
	}
	if (argc - optind != 1)
		return command_usage(
			"list", "one of flags, operations, powers, profiles is wanted");
	if (current && config_read(&sources, &c, &e) != 0) {
		(void)fprintf(stderr, "dsp list: %s\n", e.text);
		return EXIT_BROKEN;
	}
	t.config = c;
	return print_listing(argv[optind], &t);
}

const struct command list_command = {
	.name = "list",
	.arguments =
		"flags|operations|powers|profiles [--current] [--json|--markdown] [--policy FILE] [--env-file FILE]",
	.run = run_list,
	.options = options,
	.summary =
		"list flags, operations, powers or profiles; --current adds the settings in force",
	.help = "  --current        add what the current settings say\n"
		"  --json           print JSON\n"
		"  --markdown       print a Markdown table\n"
		"  --policy FILE    the policy file (DSP_POLICY)\n"
		"  --env-file FILE  take the flags from FILE, not from the environment\n",
};
