/*
 * Runs a fuzz target over stored inputs, without the fuzzer: replay FILE... Each file is read, and
 * the beginnings of small ones too: what is cut off is the commonest damage.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

enum {
	INPUT_MOST = 8 << 20,
	CUT_MOST = 1024,
	CUTS = 24, /* beginnings of one file */
};

static void run(struct span in)
{
	char *copy = fuzz_copy(in);

	(void)LLVMFuzzerTestOneInput((const uint8_t *)copy, in.n);
	free(copy);
}

static void replay(struct span in)
{
	size_t step = in.n / CUTS + 1;

	run(in);
	for (size_t n = 0; in.n <= CUT_MOST && n < in.n; n += step)
		run((struct span){ in.s, n });
}

int main(int argc, char **argv)
{
	char *text = fuzz_room(INPUT_MOST);

	for (int i = 1; i < argc; i++) {
		FILE *f = fopen(argv[i], "rb");

		if (!f) {
			perror(argv[i]);
			return 1;
		}
		/* Should a promise break, this is the last line that was written. */
		(void)fprintf(stderr, "%s\n", argv[i]);
		replay((struct span){ text, fread(text, 1, INPUT_MOST, f) });
		(void)fclose(f);
	}
	free(text);
	return 0;
}
