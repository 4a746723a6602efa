/* SPDX-License-Identifier: MIT */
/* CHECK(): what is left of a test framework when a failed test is a failed program. */
#ifndef CLEARFW_CHECK_H
#define CLEARFW_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                                        \
	do {                                                                                    \
		if (!(condition)) {                                                             \
			fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition); \
			exit(1);                                                                \
		}                                                                               \
	} while (0)

#endif
