/* SPDX-License-Identifier: MIT */

#include "mm/core_names.h"

#include "mm/gfp.h"
#include "mm/machine.h"

const char *core_event_name(int event)
{
	static const char *const names[] = {
#define CLEARFW_EVENT_NAME(name) #name,
		CLEARFW_EVENTS(CLEARFW_EVENT_NAME)
#undef CLEARFW_EVENT_NAME
	};

	return event >= 0 && event < NR_EVENTS ? names[event] : NULL;
}

const char *core_gfp_name(int index, uint32_t *bit)
{
	static const struct {
		const char *name;
		uint32_t bit;
	} flags[] = {
#define CLEARFW_GFP_NAME(name, bit) { #name, 1u << (bit) },
		CLEARFW_GFP_BITS(CLEARFW_GFP_NAME)
#undef CLEARFW_GFP_NAME
	};

	if (index < 0 || index >= (int)(sizeof(flags) / sizeof(flags[0])))
		return NULL;
	*bit = flags[index].bit;
	return flags[index].name;
}
