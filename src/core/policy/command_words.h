/* The words of "commands": what the stars in them stand for. */
#ifndef DSP_COMMAND_WORDS_H
#define DSP_COMMAND_WORDS_H

#include <stdbool.h>

#include "dsp/core/base/span.h"

enum {
	COMMAND_WORDS_MOST = 64, /* of a command */
	COMMAND_FORM_MOST = 255, /* bytes of a word with stars */
	COMMAND_WORD_MOST = 4096 /* bytes of a word that a star matches */
};

/*
 * Whether a word of a command is of a form. "*" stands for any of the characters that a shell does
 * nothing with: letters, digits and . _ / @ % + = , : - (none, too). It begins no option: a "-" at
 * the start of the word or after a blank must stand in the form. And it leads to no other
 * directory: two dots must stand there too. "**" stands for any text.
 */
bool command_word_matches(struct span form, struct span word);

#endif
