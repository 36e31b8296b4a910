#include "token.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/random.h>

#include "dsp/config/command.h"
#include "dsp/config/output.h"
#include "dsp/core/base/digest.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/base/text.h"
#include "dsp/core/policy/subject.h"
#include "dsp/system/file.h"

enum {
	TOKEN_SHORTEST = 16, /* characters: less can be guessed from its hash */
	TOKEN_LONGEST = 4096,
};

static int fail(int status, const char *text)
{
	(void)fprintf(stderr, "dsp token: %s\n", text);
	return status;
}

int token_make(char out[TOKEN_TEXT_ROOM], struct err *e)
{
	unsigned char bytes[(TOKEN_TEXT_ROOM - 1) / 2];
	struct line l;

	/* So few bytes come whole, or not at all. */
	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return FAIL(e, errno, "cannot get random bytes");
	line_init(&l, out, TOKEN_TEXT_ROOM);
	for (size_t i = 0; i < sizeof(bytes); i++)
		line_add(&l, "%02x", bytes[i]);
	return 0;
}

static void print_token(const char *name, const char *token, const char *digest)
{
	(void)printf("A token for %s. It is shown only now and stored nowhere:\n\n  %s\n\n", name,
		token);
	(void)printf("The user's line in the policy file, under \"users\":\n\n"
		     "  \"%s\": { \"tokens\": [\"%s\"] }\n\n",
		name, digest);
	(void)printf("The lines of config.json with which the Docker CLI sends the token:\n\n"
		     "  { \"HttpHeaders\": { \"X-Dsp-Token\": \"%s\" } }\n",
		token);
}

static void print_token_json(const char *name, const char *token, const char *digest)
{
	json_auto_t *o = json_pack("{s:s, s:s, s:s, s:{s:{s:[s]}}, s:{s:{s:s}}}", "user", name,
		"token", token, "digest", digest, "users", name, "tokens", digest, "docker_config",
		"HttpHeaders", "X-Dsp-Token", token);

	output_json(o);
}

static int new_token(const char *name, bool json)
{
	char token[TOKEN_TEXT_ROOM];
	char digest[DIGEST_ROOM];
	struct err e;

	if (!subject_name_is_valid(span_of(name)) || strcmp(name, "anonymous") == 0)
		return command_usage("token",
			"%s: a user's name has 1 to 64 of a-z A-Z 0-9 . _ - @ and blanks, begins "
			"with a letter or digit, and is not \"anonymous\"",
			name);
	if (token_make(token, &e) != 0)
		return fail(EXIT_FINDINGS, e.text);
	digest_write(span_of(token), digest);
	if (json)
		print_token_json(name, token, digest);
	else
		print_token(name, token, digest);
	return EXIT_FINE;
}

static int hash_token(bool json)
{
	AUTO_MEM char *text = NULL;
	char digest[DIGEST_ROOM];
	struct span token;
	struct err e;

	if (file_read("-", (size_t)TOKEN_LONGEST, &text, &token.n, &e) != 0)
		return fail(EXIT_USAGE, e.text);
	token.s = text;
	if (span_ends(token, SPAN("\n")))
		token.n--;
	if (token.n < TOKEN_SHORTEST)
		return fail(EXIT_USAGE,
			"a token of less than 16 characters can be guessed; make one with: dsp "
			"token new NAME");
	/* A header's value loses blanks at its ends, and other bytes do not come through. */
	if (!text_is_word(token))
		return fail(EXIT_USAGE, "a token is one word of printable ASCII");
	digest_write(token, digest);
	if (json) {
		json_auto_t *o = json_pack("{s:s}", "digest", digest);

		output_json(o);
	} else {
		(void)printf("%s\n", digest);
	}
	return EXIT_FINE;
}

static const struct option options[] = { { "json", no_argument, NULL, 'j' }, { NULL, 0, NULL, 0 } };

static int run_token(int argc, char **argv)
{
	bool json = false;
	int count;
	int o;

	while ((o = command_option(&token_command, argc, argv)) != -1) {
		if (o != 'j')
			return EXIT_USAGE;
		json = true;
	}
	argv += optind;
	count = argc - optind;
	if (count == 2 && strcmp(argv[0], "new") == 0)
		return new_token(argv[1], json);
	if (count == 1 && strcmp(argv[0], "hash") == 0)
		return hash_token(json);
	return command_usage("token", "write new NAME, or hash");
}

const struct command token_command = {
	.name = "token",
	.arguments = "new NAME [--json] | hash [--json]",
	.run = run_token,
	.options = options,
	.summary = "make a token for a user of the policy file, or hash a token",
	.help = "  new NAME  print a new token, its line for the policy file, and the configuration\n"
		"            with which the Docker CLI sends it\n"
		"  hash      read a token from standard input, print its digest for the policy file\n"
		"  --json    print JSON\n"
		"\n"
		"The token is shown only now and stored nowhere.\n",
};
