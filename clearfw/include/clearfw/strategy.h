/* SPDX-License-Identifier: MIT */
/*
 * The kernel's vocabulary for a clearing strategy, Linux 7.3 names and
 * meanings. Include this one file, or the kernel's own headers, which lead
 * here; paste the body of the function under review, and end with
 * CLEARFW_STRATEGY(). clearfw compiles the file once per configuration, so that
 * IS_ENABLED(CONFIG_HIGHMEM) is decided at compile time as in the kernel.
 */
#ifndef CLEARFW_STRATEGY_H
#define CLEARFW_STRATEGY_H

#include <clearfw/kconfig.h>
#include <clearfw/compiler.h>
#include <clearfw/kernel.h>
/* A unit that is compiled for its size alone has the kernel's own struct page: see clearfw size. */
#ifdef CLEARFW_MODEL
#include <clearfw/model/page.h>
#include <clearfw/model/kernel.h>
#else
#include <clearfw/abi.h>
#include <clearfw/core.h>
#endif
#include <clearfw/highmem.h>

#ifndef CLEARFW_MODEL

#define CLEARFW_EXPORT_ __attribute__((visibility("default"), used))

/* Ends a strategy file: the name, then the functions it brings as designated initialisers. */
#define CLEARFW_STRATEGY(strategy, ...)                                     \
	CLEARFW_EXPORT_ const struct clearfw_strategy clearfw_strategy = {  \
		.abi = CLEARFW_ABI,                                         \
		.size = sizeof(struct clearfw_strategy),                    \
		.name = #strategy,                                          \
		.core = &clearfw_core,                                      \
		__VA_ARGS__                                                 \
	}

/* Ends a primitive file. */
#define CLEARFW_PRIMITIVE(primitive, ...)                                     \
	CLEARFW_EXPORT_ const struct clearfw_primitive clearfw_primitive = {  \
		.abi = CLEARFW_ABI,                                           \
		.size = sizeof(struct clearfw_primitive),                     \
		.name = #primitive,                                           \
		__VA_ARGS__                                                   \
	}

#endif

#endif
