/* SPDX-License-Identifier: MIT */
/* A histogram of latencies in constant memory: 64 buckets to each power of two, so that none is wider than 1.6 %. */
#ifndef CLEARFW_LATENCY_H
#define CLEARFW_LATENCY_H

#include <stdint.h>

#define LATENCY_SUB_BITS 6
#define LATENCY_OCTAVES 32 /* to some minutes */
#define LATENCY_BUCKETS ((LATENCY_OCTAVES + 1) << LATENCY_SUB_BITS)

struct latency {
	uint64_t nr, total_ns, max_ns;
	uint64_t bucket[LATENCY_BUCKETS];
};

static inline unsigned int latency_bucket(uint64_t ns)
{
	unsigned int shift = ns >> LATENCY_SUB_BITS ? 63 - LATENCY_SUB_BITS - (unsigned int)__builtin_clzll(ns) : 0;
	unsigned int octave = ns >> LATENCY_SUB_BITS ? shift + 1 : 0;

	if (octave > LATENCY_OCTAVES)
		return LATENCY_BUCKETS - 1;
	return (octave << LATENCY_SUB_BITS) + ((unsigned int)(ns >> shift) & ((1u << LATENCY_SUB_BITS) - 1));
}

static inline void latency_add(struct latency *latency, uint64_t ns)
{
	latency->nr++;
	latency->total_ns += ns;
	latency->max_ns = ns > latency->max_ns ? ns : latency->max_ns;
	latency->bucket[latency_bucket(ns)]++;
}

/* Adds FROM to INTO. */
void latency_merge(struct latency *into, const struct latency *from);

/* The least latency, to the width of a bucket, that SHARE of all do not exceed; 0 where there is none. */
uint64_t latency_percentile(const struct latency *latency, double share);

#endif
