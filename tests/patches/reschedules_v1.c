/* SPDX-License-Identifier: MIT */
/* Wrong: the shape of the batching patch's first version. Without preemption it reschedules, in atomic context too. */
#include <linux/mm.h>
#include <linux/sched.h>

static void kernel_init_pages(struct page *page, int numpages)
{
	unsigned int unit = preempt_model_preemptible() ? numpages : PROCESS_PAGES_NON_PREEMPT_BATCH;
	char *addr = kasan_reset_tag(page_address(page));

	kasan_disable_current();
	for (unsigned int n; numpages > 0; numpages -= n, addr += n * PAGE_SIZE) {
		n = min_t(unsigned int, unit, numpages);
		clear_pages(addr, n);
		if (!preempt_model_preemptible())
			cond_resched();
	}
	kasan_enable_current();
}

CLEARFW_STRATEGY(reschedules_v1, .kernel_init_pages = kernel_init_pages);
