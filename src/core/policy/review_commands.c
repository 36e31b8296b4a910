/* Commands of conditions that allow more than they seem to. */
#include "command_words.h"
#include "dsp/core/base/bits.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/conditions.h"
#include "review.h"

/* Programs that run a text as a program, and programs that run others. */
static const char shells[] = "sh,bash,ash,dash,zsh,ksh,fish,csh,tcsh,python,python2,python3,perl,"
			     "ruby,node,php,lua,awk,gawk,mawk,tclsh,psql,mysql,sqlite3,redis-cli";
static const char launchers[] = "env,xargs,find,busybox,toybox,sudo,su,chroot,nsenter,unshare,"
				"setsid,timeout,nice,nohup,time,strace,gdb,ssh,tar,rsync,git,make,"
				"script,watch,flock,docker,kubectl,vi,vim,less,more,man,ed";

/* Variables that make most programs run other code. */
static const char *const hooks[] = { "PATH", "LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT",
	"BASH_ENV", "ENV", "SHELLOPTS", "PYTHONPATH", "PYTHONSTARTUP", "PERL5LIB", "PERL5OPT",
	"RUBYOPT", "NODE_OPTIONS", "JAVA_TOOL_OPTIONS", "GIT_SSH_COMMAND", "EDITOR", "PAGER" };

/* The words of one command. */
struct command {
	const struct condition_word *words;
	size_t count;
};

static bool has_stars(struct span word)
{
	return span_find(word, '*') < word.n;
}

static bool has_any_text(struct span word)
{
	for (size_t i = 0; i + 1 < word.n; i++) {
		if (word.s[i] == '*' && word.s[i + 1] == '*')
			return true;
	}
	return false;
}

static struct span program_of(const struct command *c)
{
	struct span name = c->words[0].text;

	while (span_find(name, '/') < name.n)
		name = span_after(name, span_find(name, '/') + 1);
	return name;
}

/* Whether a shell runs what its input says: no word of the command is a program or a script. */
static bool reads_input(const struct command *c)
{
	for (size_t i = 1; i < c->count; i++) {
		if (!span_starts(c->words[i].text, SPAN("-")) ||
			span_equal(c->words[i].text, SPAN("-c")) ||
			span_equal(c->words[i].text, SPAN("-e")))
			return false;
	}
	return true;
}

/* Whether one of the arguments has stars, at its start (a program or a file) or any. */
static bool has_open_word(const struct command *c, bool any_text)
{
	for (size_t i = 1; i < c->count; i++) {
		if (any_text ? has_any_text(c->words[i].text)
			     : span_starts(c->words[i].text, SPAN("*")))
			return true;
	}
	return false;
}

/* What a command allows besides; NULL: nothing that dsp knows of. */
static const char *find_weakness(const struct command *c)
{
	struct span program = program_of(c);

	if (has_stars(c->words[0].text))
		return "its program has a *, and may be a shell";
	if (text_in_list(program, shells)) {
		if (has_open_word(c, true))
			return "its ** may be a whole script, which runs any command";
		if (has_open_word(c, false))
			return "a word that begins with * may be any program or file of scripts";
		if (reads_input(c))
			return "it runs what the client sends as its input, which may be any command";
	}
	if (text_in_list(program, launchers) && (has_open_word(c, true) || has_open_word(c, false)))
		return "its program runs other programs, which its * may name";
	return NULL;
}

static void review_command(struct review *r, const struct rule *rule, const struct command *c)
{
	const char *weakness = find_weakness(c);
	char text[120];
	struct line l;

	if (!weakness)
		return;
	line_init(&l, text, sizeof(text));
	for (size_t i = 0; i < c->count; i++) {
		char word[40];

		text_escape(c->words[i].text, word, sizeof(word));
		line_add(&l, "%s%s", i > 0 ? " " : "", word);
	}
	findings_warning(r->findings, rule->at, "the command \"%s\": %s", text, weakness);
}

/* A variable that changes what commands run. */
static void review_variables(struct review *r, const struct rule *rule)
{
	const struct condition_bound *env = &rule->conditions->of[CONDITION_ENV];

	for (size_t i = 0; i < env->count; i++) {
		for (size_t k = 0; k < sizeof(hooks) / sizeof(hooks[0]); k++) {
			if (!command_word_matches(env->words[i].text, span_of(hooks[k])))
				continue;
			findings_warning(r->findings, rule->at,
				"its env allows %s, by which its commands run other programs",
				hooks[k]);
			return;
		}
	}
}

/* What is there to be started dockerd alone knows. */
static void review_starts(struct review *r, const struct rule *rule)
{
	bool managed = r->policy->mounts_invisible;
	bool any = false;

	for (size_t o = 0; o < OPERATION_COUNT; o++)
		any = any || (bit_of(rule->operations, o) && condition_compares_command(o));
	if (any && (managed || r->policy->resolver[0] == '\0'))
		findings_warning(r->findings, rule->at,
			"no exec_start and no container_attach meets its commands: %s",
			managed ? "a managed plugin cannot ask dockerd what runs"
				: "dspd cannot ask dockerd what runs, because DSP_RESOLVER is off");
}

void review_commands(struct review *r, const struct rule *rule)
{
	const struct condition_bound *commands = rule->conditions
		? &rule->conditions->of[CONDITION_COMMANDS]
		: NULL;
	size_t end;

	for (size_t i = 0; commands && i < commands->count; i = end) {
		struct command c = { commands->words + i, 0 };

		for (end = i; end < commands->count &&
			commands->words[end].most == commands->words[i].most;
			end++)
			c.count++;
		review_command(r, rule, &c);
	}
	if (!commands || !commands->given)
		return;
	review_variables(r, rule);
	review_starts(r, rule);
	if (rule->verb != RULE_DENY && !rule->lists[LIST_IMAGES].given &&
		!rule->conditions->of[CONDITION_PINNED].given &&
		bit_of(rule->operations, OP_CONTAINER_CREATE))
		findings_warning(r->findings, rule->at,
			"its commands mean what the image makes of them: add images, or pinned");
}
