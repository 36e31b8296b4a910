/* The kernel that runs. */
#ifndef DSP_KERNEL_H
#define DSP_KERNEL_H

#include <stdbool.h>

/* Whether it is Linux major.minor or newer; false where that is not known. */
bool kernel_is_at_least(unsigned major, unsigned minor);

#endif
