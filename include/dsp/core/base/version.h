/* The version of dspd and dsp. The Makefile takes it from here. */
#ifndef DSP_VERSION_H
#define DSP_VERSION_H

#define DSP_VERSION "0.1.0"

#endif
