/* Tokens of the users of a policy file. */
#ifndef DSP_TOKEN_H
#define DSP_TOKEN_H

#include "dsp/core/base/err.h"

enum { TOKEN_TEXT_ROOM = 64 + 1 };

/* Writes a fresh token in hex; terminated. -1 and e: there is no randomness. */
MUST_USE int token_make(char out[TOKEN_TEXT_ROOM], struct err *e);

#endif
