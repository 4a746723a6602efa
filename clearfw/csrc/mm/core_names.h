/* SPDX-License-Identifier: MIT */
/* Names of the core's enumerations, for people and for tests. */
#ifndef CLEARFW_CORE_NAMES_H
#define CLEARFW_CORE_NAMES_H

#include <stdint.h>

/* NULL past the end. */
const char *core_event_name(int event);
const char *core_gfp_name(int index, uint32_t *bit);

#endif
