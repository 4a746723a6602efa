/* SPDX-License-Identifier: MIT */
#include "bench/latency.h"

void latency_merge(struct latency *into, const struct latency *from)
{
	into->nr += from->nr;
	into->total_ns += from->total_ns;
	into->max_ns = from->max_ns > into->max_ns ? from->max_ns : into->max_ns;
	for (unsigned int i = 0; i < LATENCY_BUCKETS; i++)
		into->bucket[i] += from->bucket[i];
}

/* The middle of a bucket. */
static uint64_t value_of(unsigned int bucket)
{
	unsigned int octave = bucket >> LATENCY_SUB_BITS, sub = bucket & ((1u << LATENCY_SUB_BITS) - 1);

	if (!octave)
		return sub;
	return (((1ull << LATENCY_SUB_BITS) + sub) << (octave - 1)) + (1ull << (octave - 1)) / 2;
}

uint64_t latency_percentile(const struct latency *latency, double share)
{
	uint64_t wanted = (uint64_t)(share * (double)latency->nr), seen = 0;

	for (unsigned int i = 0; i < LATENCY_BUCKETS; i++) {
		seen += latency->bucket[i];
		if (seen && seen >= wanted)
			return value_of(i) < latency->max_ns ? value_of(i) : latency->max_ns;
	}
	return latency->max_ns;
}
