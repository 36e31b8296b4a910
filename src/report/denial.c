#include "denial.h"

#include <string.h>

#include "dsp/core/base/text.h"
#include "dsp/core/facts/powers.h"
#include "dsp/core/facts/route.h"

enum { THINGS_MOST = 5, DETAILS_ROOM = 400 };

/* --- what would allow it -----------------------------------------------------------------------*/

const char *remedy_text(enum remedy remedy)
{
	static const char *const texts[] = {
		[REMEDY_FLAG] = "a flag:",
		[REMEDY_ADDITION] = "more in rule",
		[REMEDY_RULE] = "a rule for",
		[REMEDY_COMMAND] = "a command:",
		[REMEDY_GIVE] = "a request that meets",
		[REMEDY_CHANGE] = "another rule than",
		[REMEDY_READABLE] = "a form that dsp can parse",
		[REMEDY_TOKEN] = "a token that a user in the policy file has, or none",
		[REMEDY_SETTINGS] = "valid settings: sudo dsp check",
		[REMEDY_RECORD] = "an audit log that dspd can write",
		[REMEDY_OTHER] = "no setting allows it",
	};

	return texts[remedy];
}

/* What a message proposes: "POST=1", "a rule for anna", "no flag"; empty: nothing. */
static struct span proposal(const struct audit_entry *l)
{
	static const char *const ends[] = { " opens it", " open it", " opens this alone",
		" lifts this" };
	static const char warning[] = "if you accept that, ";
	const char *message = audit_entry_text(l, "message");
	const char *start = message;

	for (const char *next = message; (next = strstr(next, "; ")); next += 2)
		start = next + 2;
	for (size_t i = 0; start > message && i < sizeof(ends) / sizeof(ends[0]); i++) {
		const char *end = strstr(start, ends[i]);

		if (end) {
			if (strncmp(start, warning, strlen(warning)) == 0)
				start += strlen(warning);
			return (struct span){ start, (size_t)(end - start) };
		}
	}
	return (struct span){ NULL, 0 };
}

/* Writes the flags of the closed powers, or what the message proposes, or the flag that decided. */
static void write_flags(const struct audit_entry *l, struct span proposed, struct line *text)
{
	/* What is closed for buildx's builder is not what a build needs (policy/way.h). */
	bool closed = audit_entry_word(l, "closed", 0) != NULL &&
		!span_starts(span_of(audit_entry_text(l, "message")), SPAN("buildx makes"));

	for (size_t i = 0; closed && audit_entry_word(l, "closed", i); i++) {
		enum power p = power_find(span_of(audit_entry_word(l, "closed", i)));

		if (p != POWER_COUNT)
			line_add(text, "%s%s=1", text->n > 0 ? " " : "", power_info(p)->flag);
	}
	if (closed)
		return;
	line_add_cut(text, proposed);
	if (text->n == 0 && audit_entry_text(l, "flag")[0])
		line_add(text, "%s=1", audit_entry_text(l, "flag"));
}

/* Writes what a rule must allow: "container_create (create, host_mounts)". */
static void write_rule(const struct audit_entry *l, struct line *text)
{
	const char *power;
	size_t i;

	line_add_cut(text, span_of(audit_entry_text(l, "operation")));
	for (i = 0; (power = audit_entry_word(l, "powers", i)); i++)
		line_add(text, "%s%s", i == 0 ? " (" : ", ", power);
	if (i > 0)
		line_add(text, ")");
}

/* Writes the nearest rule and what it lacks: "anna runs: image x.org/a:1, power exec". */
static void write_addition(const struct audit_entry *l, struct line *text)
{
	const char *thing;

	line_add_cut(text, span_of(audit_entry_text(l, "nearest_rule")));
	for (size_t i = 0; (thing = audit_entry_word(l, "lacks", i)); i++)
		line_add(text, "%s%s", i == 0 ? ": " : ", ", thing);
	if (json_is_true(json_object_get(l->object, "lacks_more")))
		line_add(text, ", ...");
}

/* What flags can do: themselves, or where the message proposes something narrower, that. */
static enum remedy write_setting(const struct audit_entry *l, struct line *text)
{
	static const char mkdir[] = "sudo mkdir -p ";
	struct span proposed = proposal(l);
	const char *command = strstr(audit_entry_text(l, "message"), mkdir);

	/* Docker's socket counts only since nothing is at a mount source. */
	if (command && audit_entry_word(l, "closed", 0) && !audit_entry_word(l, "closed", 1) &&
		!audit_entry_has(l, "powers", "docker_socket")) {
		line_add(text, "%s%.*s", mkdir, (int)strcspn(command + strlen(mkdir), " "),
			command + strlen(mkdir));
		return REMEDY_COMMAND;
	}
	if (span_starts(proposed, SPAN("a rule")) || span_starts(proposed, SPAN("no flag"))) {
		write_rule(l, text);
		return REMEDY_RULE;
	}
	write_flags(l, proposed, text);
	if (text->n > 0)
		return REMEDY_FLAG;
	write_rule(l, text);
	return REMEDY_RULE;
}

/* Writes the condition that was not met: "memory (container_create, rule limits)". */
static void write_condition(const struct audit_entry *l, struct line *text)
{
	const char *rule = audit_entry_text(l, "rule");

	line_add(text, "%s (%s, ", audit_entry_text(l, "condition"),
		audit_entry_text(l, "operation"));
	if (rule[0])
		line_add(text, "rule ");
	line_add_cut(text, span_of(rule[0] ? rule : audit_entry_text(l, "profile")));
	line_add(text, rule[0] ? ")" : " or DSP_REQUIRE)");
}

enum remedy denial_remedy(const struct audit_entry *l, char *out, size_t cap)
{
	static const struct {
		const char *decided_by;
		enum remedy remedy;
	} rows[] = { { "rule", REMEDY_CHANGE }, { "require", REMEDY_RULE },
		{ "otherwise", REMEDY_RULE }, { "power", REMEDY_FLAG }, { "post", REMEDY_FLAG },
		{ "section", REMEDY_FLAG }, { "proxy_rule", REMEDY_FLAG },
		{ "reading", REMEDY_READABLE }, { "question", REMEDY_READABLE },
		{ "identity", REMEDY_TOKEN }, { "readonly", REMEDY_RULE },
		{ "broken", REMEDY_SETTINGS }, { "audit", REMEDY_RECORD } };
	const char *decided_by = audit_entry_text(l, "decided_by");
	const char *monitored = audit_entry_text(l, "monitored_rule");
	enum remedy remedy = monitored[0] ? REMEDY_CHANGE : REMEDY_OTHER;
	struct line text;

	line_init(&text, out, cap);
	for (size_t i = 0; !monitored[0] && i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].decided_by, decided_by) == 0)
			remedy = rows[i].remedy;
	}
	if (audit_entry_text(l, "condition")[0]) {
		write_condition(l, &text);
		return REMEDY_GIVE;
	}
	if (!monitored[0] && audit_entry_text(l, "nearest_rule")[0]) {
		write_addition(l, &text);
		return REMEDY_ADDITION;
	}
	if (remedy == REMEDY_CHANGE)
		line_add_cut(
			&text, span_of(monitored[0] ? monitored : audit_entry_text(l, "rule")));
	else if (remedy == REMEDY_RULE)
		write_rule(l, &text);
	else if (remedy == REMEDY_FLAG)
		return write_setting(l, &text);
	return remedy;
}

/* --- what was asked for ------------------------------------------------------------------------*/

static const char *member(const json_t *detail, const char *name)
{
	const char *text = json_string_value(json_object_get(detail, name));

	return text ? text : "";
}

/* Writes a mount, from its source on. */
static void write_mount(const json_t *detail, struct line *l)
{
	const char *text = member(detail, "text");
	const char *resolved = member(detail, "resolved");

	line_add_cut(l, span_of(text[0] ? text : member(detail, "field")));
	if (resolved[0] && strcmp(resolved, text) != 0)
		line_add(l, " (%s)", resolved);
	if (member(detail, "target")[0])
		line_add(l, " -> %s", member(detail, "target"));
	if (json_is_true(json_object_get(detail, "read_only")))
		line_add(l, " (read-only)");
}

void denial_detail(const json_t *detail, char *out, size_t cap)
{
	struct line l;

	line_init(&l, out, cap);
	write_mount(detail, &l);
}

/* Writes "mount /srv (read-only)", "PidMode host", "Privileged". Empty: it says nothing new. */
static void write_thing(const json_t *detail, char *out, size_t cap)
{
	static const char named[] = "image,capability,device,network,volume,port,runtime,container";
	const char *kind = member(detail, "kind");
	const char *text = member(detail, "text");
	struct line l;

	line_init(&l, out, cap);
	if (json_is_true(json_object_get(detail, "implied")) ||
		json_is_true(json_object_get(detail, "whole")))
		return;
	if (strcmp(kind, "mount") == 0)
		line_add(&l, "mount %s%s", text,
			json_is_true(json_object_get(detail, "read_only")) ? " (read-only)" : "");
	else if (text_in_list(span_of(kind), named))
		line_add(&l, "%s %s", kind, text);
	else
		line_add(&l, "%s%s%s", member(detail, "field"), text[0] ? " " : "", text);
}

/* Writes what the details name, each thing once: a mount is there once for each of its powers. */
static void write_details(const struct audit_entry *l, struct line *text)
{
	const json_t *detail;
	unsigned shown = 0;
	unsigned more = 0;
	char thing[300];
	size_t i;

	json_array_foreach (json_object_get(l->object, "details"), i, detail) {
		write_thing(detail, thing, sizeof(thing));
		if (thing[0] == '\0' || strstr(text->text, thing))
			continue;
		if (shown == THINGS_MOST)
			more++;
		else
			line_add(text, "%s%s", text->n > 0 ? ", " : "", thing);
		shown += shown < THINGS_MOST;
	}
	if (more > 0)
		line_add(text, " and %u more", more);
}

void denial_thing(const struct audit_entry *l, char *out, size_t cap)
{
	const char *operation = audit_entry_text(l, "operation");
	const char *name = audit_entry_text(l, "name");
	const char *path = strcmp(operation, "unknown") == 0 ? "path" : "target";
	char details[DETAILS_ROOM];
	struct line all;
	struct line text;

	line_init(&all, details, sizeof(details));
	write_details(l, &all);
	line_init(&text, out, cap);
	/* "container web": what the path names, and of which kind it is by the operation's name. */
	if (name[0] && !strstr(details, name))
		line_add(&text, "%.*s %s%s", (int)span_find(span_of(operation), '_'), operation,
			name, all.n > 0 ? ", " : "");
	line_add_cut(&text, span_of(details));
	if (text.n == 0 && (strcmp(operation, "unknown") == 0 || strcmp(operation, "none") == 0))
		line_add_cut(&text, span_of(audit_entry_text(l, path)));
}

/* --- a grant -----------------------------------------------------------------------------------*/

/* Whether a grant stands before the step that denied. */
static bool can_grant(const struct audit_entry *l)
{
	static const char steps[] = "rule,otherwise,power,require,proxy_rule,post,section,readonly";

	return text_in_list(span_of(audit_entry_text(l, "decided_by")), steps) &&
		strcmp(audit_entry_text(l, "reading"), "exact") == 0 &&
		operation_find(span_of(audit_entry_text(l, "operation"))) != OPERATION_COUNT;
}

/* The container that a request is about, by its name; "": it is about none, or has but an id. */
static const char *container_of(const struct audit_entry *l)
{
	const char *operation = audit_entry_text(l, "operation");
	const char *name = audit_entry_text(l, "target_name");

	if (strncmp(operation, "container_", 10) != 0 && strncmp(operation, "exec_", 5) != 0)
		return "";
	if (name[0] == '\0' && strncmp(operation, "container_", 10) == 0)
		name = audit_entry_text(l, "name");
	return route_is_plain(span_of(name)) && !text_is_hex(span_of(name)) ? name : "";
}

void denial_allow_command(const struct audit_entry *l, char *out, size_t cap)
{
	const char *subject = audit_entry_text(l, "subject");
	const char *container = container_of(l);
	bool root = false;
	const char *name;
	struct line text;

	line_init(&text, out, cap);
	if (!can_grant(l) || !route_is_plain(span_of(subject)))
		return;
	line_add(&text, "dsp allow");
	for (size_t i = 0; (name = audit_entry_word(l, "powers", i)); i++) {
		enum power p = power_find(span_of(name));

		if (p == POWER_COUNT)
			continue;
		root = root || power_info(p)->root == ROOT_DIRECT;
		line_add(&text, " %s", name);
	}
	if (text.n == strlen("dsp allow"))
		line_add(&text, " %s", audit_entry_text(l, "operation"));
	line_add(&text, " --for 15m --as %s", subject);
	if (container[0] != '\0')
		line_add(&text, " --container %s", container);
	if (root)
		line_add(&text, " --yes-root");
}
