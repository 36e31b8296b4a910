/* What dsp diff prints for people. */
#ifndef DSP_DIFF_TEXT_H
#define DSP_DIFF_TEXT_H

#include <jansson.h>

/*
 * Prints what --json of dsp diff has (see dsp-json(5)): for each client what it gains and loses,
 * clients with the same changes together; then the files; then the audit log.
 */
void diff_text_print(const json_t *account);

#endif
