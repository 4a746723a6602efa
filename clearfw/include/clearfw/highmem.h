/* SPDX-License-Identifier: MIT */
/*
 * What the kernel's headers make of the names in core.h: folios, kmap_atomic(), page and user clears, warnings
 * (include/linux/{mm,highmem,bug,mmdebug,jump_label}.h, 7.3). The same for a run and for a size.
 */
#ifndef CLEARFW_HIGHMEM_H
#define CLEARFW_HIGHMEM_H

/* include/linux/mm.h */

#define nth_page(page, n) ((page) + (n))
#define page_to_virt(page) page_address(page)
#define lowmem_page_address(page) page_address(page)
#define page_to_phys(page) PFN_PHYS(page_to_pfn(page))
#define page_private(page) ((page)->private)
#define set_page_private(page, value) ((page)->private = (value))
#define PageCompound(page) (PageHead(page) || PageTail(page))
#define compound_nr(page) (1UL << compound_order(page))
#define vmalloc_to_pfn(addr) page_to_pfn(vmalloc_to_page(addr))

/* How many of the NR pages from *PAGES on follow each other (include/linux/mm_inline.h). */
static inline size_t num_pages_contiguous(struct page **pages, size_t nr)
{
	size_t i = 1;

	while (i < nr && pages[i] == pages[0] + i)
		i++;
	return i;
}

/* A folio is its head page. */
struct folio {
	struct page page;
};

#define page_folio(page) ((struct folio *)compound_head(page))
#define folio_page(folio, n) (&(folio)->page + (n))
#define folio_pfn(folio) page_to_pfn(&(folio)->page)
#define folio_address(folio) page_address(&(folio)->page)

static inline bool folio_test_large(const struct folio *folio)
{
	return PageHead(&folio->page);
}

static inline bool folio_test_highmem(const struct folio *folio)
{
	return PageHighMem(&folio->page);
}

static inline unsigned int folio_order(const struct folio *folio)
{
	return compound_order(&folio->page);
}

static inline long folio_nr_pages(const struct folio *folio)
{
	return 1L << folio_order(folio);
}

static inline size_t folio_size(const struct folio *folio)
{
	return PAGE_SIZE << folio_order(folio);
}

/* include/linux/kasan.h */

static inline bool kasan_enabled(void)
{
	return IS_ENABLED(CONFIG_KASAN);
}

static inline bool kasan_hw_tags_enabled(void)
{
	return IS_ENABLED(CONFIG_KASAN_HW_TAGS);
}

static inline bool kasan_has_integrated_init(void)
{
	return kasan_hw_tags_enabled();
}

static inline void page_kasan_tag_reset(struct page *page)
{
	page_kasan_tag_set(page, 0xff);
}

/* KMSAN is not modelled, and no cache has aliases: nothing to tell them. */
#define kmsan_unpoison_memory(addr, nbytes) ((void)(addr), (void)(nbytes))
#define flush_dcache_page(page) ((void)(page))
#define flush_dcache_folio(folio) ((void)(folio))

/* Context (include/linux/{preempt,sched,irqflags}.h) */

#define in_atomic() (preempt_count() != 0)
#define preemptible() (!in_atomic() && !irqs_disabled())
#define in_task() true
#define in_interrupt() false
#define in_nmi() false
#define might_sleep_if(condition)      \
	do {                           \
		if (condition)         \
			might_sleep(); \
	} while (0)

#ifdef CONFIG_X86
/* The vector registers are the kernel's in between, and the task may not be preempted (arch/x86/kernel/fpu/core.c). */
#define kernel_fpu_begin() preempt_disable()
#define kernel_fpu_end() preempt_enable()
#define irq_fpu_usable() true
#define static_cpu_has(feature) boot_cpu_has(feature)
#define cpu_feature_enabled(feature) boot_cpu_has(feature)
#define X86_FEATURE_XMM2 (0 * 32 + 26)
#define X86_FEATURE_REP_GOOD (3 * 32 + 16)
#define X86_FEATURE_AVX2 (9 * 32 + 5)
#define X86_FEATURE_ERMS (9 * 32 + 9)
#define X86_FEATURE_AVX512F (9 * 32 + 16)
#define X86_FEATURE_CLZERO (13 * 32 + 0)
#define X86_FEATURE_MOVDIR64B (16 * 32 + 28)
#define X86_FEATURE_FSRM (18 * 32 + 4)
#endif

/* kmap_atomic(): as kmap_local_page(), with preemption and page faults off, and so never across a sleep. */

static inline void *kmap_atomic(struct page *page)
{
	preempt_disable();
	pagefault_disable();
	return kmap_local_page(page);
}

static inline void kunmap_atomic(const void *addr)
{
	kunmap_local(addr);
	pagefault_enable();
	preempt_enable();
}

#define kmap_local_folio(folio, offset) \
	((char *)kmap_local_page(folio_page(folio, (offset) / PAGE_SIZE)) + offset_in_page(offset))

/* Clears (include/linux/{mm,highmem}.h) */

static inline void clear_highpage(struct page *page)
{
	void *kaddr = kmap_local_page(page);

	clear_page(kaddr);
	kunmap_local(kaddr);
}

static inline void clear_highpage_kasan_tagged(struct page *page)
{
	void *kaddr = kmap_local_page(page);

	clear_page(kasan_reset_tag(kaddr));
	kunmap_local(kaddr);
}

/* 5.19 to 6.17: one page, and always cleared. */
static inline void tag_clear_highpage(struct page *page)
{
	if (tag_clear_highpages(page, 1, true))
		clear_highpage(page);
}

static inline void clear_pages_nt(void *addr, unsigned int npages)
{
	clear_pages_nt_incoherent(addr, npages);
	clear_page_make_coherent();
}

static inline void clear_pages_clzero(void *addr, unsigned int npages)
{
	clear_pages_clzero_incoherent(addr, npages);
	clear_page_make_coherent();
}

/* For user space: the address there matters only where caches have aliases. */

static inline void clear_user_page(void *addr, unsigned long vaddr, struct page *page)
{
	(void)vaddr;
	(void)page;
	clear_page(addr);
}

static inline void clear_user_pages(void *addr, unsigned long vaddr, struct page *page, unsigned int npages)
{
	(void)vaddr;
	(void)page;
	clear_pages(addr, npages);
}

static inline void clear_user_highpage(struct page *page, unsigned long vaddr)
{
	void *kaddr = kmap_local_page(page);

	clear_user_page(kaddr, vaddr, page);
	kunmap_local(kaddr);
}

static inline void clear_user_highpages(struct page *page, unsigned long vaddr, unsigned int npages)
{
	if (!IS_ENABLED(CONFIG_HIGHMEM)) {
		clear_user_pages(page_address(page), vaddr, page, npages);
		return;
	}
	for (; npages; npages--, page++, vaddr += PAGE_SIZE)
		clear_user_highpage(page, vaddr);
}

static inline void memzero_page(struct page *page, size_t offset, size_t nbytes)
{
	char *kaddr = kmap_local_page(page);

	memset(kaddr + offset, 0, nbytes);
	kunmap_local(kaddr);
}

#define zero_user(page, start, nbytes) memzero_page(page, start, nbytes)

/* The first byte that is not C, or NULL (lib/string.c). */
static inline void *memchr_inv(const void *start, int c, size_t nbytes)
{
	for (const u8 *at = start, *end = at + nbytes; at < end; at++)
		if (*at != (u8)c)
			return (void *)at;
	return NULL;
}

/* include/linux/{bug,build_bug,mmdebug}.h. Said once: on all CPUs, and so the flag is atomic. */

#define CLEARFW_FIRST_TIME_                                                   \
	({                                                                    \
		static bool done_;                                            \
		!__atomic_test_and_set(&done_, __ATOMIC_RELAXED);             \
	})
#define WARN_ON(condition)                           \
	({                                           \
		bool warn_on_ = !!(condition);       \
		if (unlikely(warn_on_))              \
			CLEARFW_WARN_(#condition);   \
		unlikely(warn_on_);                  \
	})
#define WARN_ON_ONCE(condition)                                   \
	({                                                        \
		bool warn_once_ = !!(condition);                  \
		if (unlikely(warn_once_) && CLEARFW_FIRST_TIME_)  \
			CLEARFW_WARN_(#condition);                \
		unlikely(warn_once_);                             \
	})
#define WARN(condition, ...) ({ CLEARFW_PRINTK_(__VA_ARGS__); WARN_ON(condition); })
#define WARN_ONCE(condition, ...) ({ CLEARFW_PRINTK_(__VA_ARGS__); WARN_ON_ONCE(condition); })
#define BUG() CLEARFW_BUG_("BUG()")
#define BUG_ON(condition)                          \
	do {                                       \
		if (unlikely(condition))           \
			CLEARFW_BUG_(#condition);  \
	} while (0)

#define CLEARFW_LOOK_(condition) ((void)sizeof((long)(condition)))
#ifdef CONFIG_DEBUG_VM
#define VM_BUG_ON(condition) BUG_ON(condition)
#define VM_WARN_ON(condition) ((void)WARN_ON(condition))
#define VM_WARN_ON_ONCE(condition) WARN_ON_ONCE(condition)
#else
#define VM_BUG_ON(condition) CLEARFW_LOOK_(condition)
#define VM_WARN_ON(condition) CLEARFW_LOOK_(condition)
#define VM_WARN_ON_ONCE(condition) ({ CLEARFW_LOOK_(condition); false; })
#endif
#define VM_BUG_ON_PAGE(condition, page) ({ (void)(page); VM_BUG_ON(condition); })
#define VM_BUG_ON_FOLIO(condition, folio) ({ (void)(folio); VM_BUG_ON(condition); })
#define VM_WARN_ON_PAGE(condition, page) ({ (void)(page); VM_WARN_ON(condition); })
#define VM_WARN_ON_FOLIO(condition, folio) ({ (void)(folio); VM_WARN_ON(condition); })
#define VM_WARN_ON_ONCE_PAGE(condition, page) ({ (void)(page); VM_WARN_ON_ONCE(condition); })
#define VM_WARN_ON_ONCE_FOLIO(condition, folio) ({ (void)(folio); VM_WARN_ON_ONCE(condition); })

#define static_assert(condition, ...) CLEARFW_ASSERT_(condition, ##__VA_ARGS__, #condition)
#define CLEARFW_ASSERT_(condition, message, ...) _Static_assert(condition, message)
/* What the optimiser cannot decide stops the build, as there; without it only what is a constant is looked at. */
#ifdef __OPTIMIZE__
#define CLEARFW_BUILD_BUG__(condition, message, line)                                                 \
	do {                                                                                          \
		extern void clearfw_build_bug_##line##_(void) __attribute__((error(message)));        \
		if (condition)                                                                        \
			clearfw_build_bug_##line##_();                                                \
	} while (0)
#define CLEARFW_BUILD_BUG_(condition, message, line) CLEARFW_BUILD_BUG__(condition, message, line)
#define BUILD_BUG_ON_MSG(condition, message) CLEARFW_BUILD_BUG_(condition, message, __LINE__)
#else
#define BUILD_BUG_ON_MSG(condition, message) CLEARFW_LOOK_(condition)
#endif
#define BUILD_BUG_ON(condition) BUILD_BUG_ON_MSG(condition, "BUILD_BUG_ON failed: " #condition)
#define BUILD_BUG() BUILD_BUG_ON_MSG(1, "BUILD_BUG failed")

/* include/linux/printk.h: looked at by the compiler, and not printed: a clear is no place to print from. */

#ifndef pr_fmt
#define pr_fmt(format) format
#endif
#define KERN_ERR ""
#define KERN_WARNING ""
#define KERN_INFO ""
#define KERN_DEBUG ""
#define printk(...) CLEARFW_PRINTK_(__VA_ARGS__)
#define pr_emerg(format, ...) printk(pr_fmt(format), ##__VA_ARGS__)
#define pr_alert(format, ...) printk(pr_fmt(format), ##__VA_ARGS__)
#define pr_crit(format, ...) printk(pr_fmt(format), ##__VA_ARGS__)
#define pr_err(format, ...) printk(pr_fmt(format), ##__VA_ARGS__)
#define pr_warn(format, ...) printk(pr_fmt(format), ##__VA_ARGS__)
#define pr_notice(format, ...) printk(pr_fmt(format), ##__VA_ARGS__)
#define pr_info(format, ...) printk(pr_fmt(format), ##__VA_ARGS__)
#define pr_debug(format, ...) printk(pr_fmt(format), ##__VA_ARGS__)
#define printk_once(...) printk(__VA_ARGS__)
#define pr_err_once(format, ...) pr_err(format, ##__VA_ARGS__)
#define pr_warn_once(format, ...) pr_warn(format, ##__VA_ARGS__)
#define pr_notice_once(format, ...) pr_notice(format, ##__VA_ARGS__)
#define pr_info_once(format, ...) pr_info(format, ##__VA_ARGS__)
#define pr_debug_once(format, ...) pr_debug(format, ##__VA_ARGS__)
#define pr_err_ratelimited(format, ...) pr_err(format, ##__VA_ARGS__)
#define pr_warn_ratelimited(format, ...) pr_warn(format, ##__VA_ARGS__)
#define pr_info_ratelimited(format, ...) pr_info(format, ##__VA_ARGS__)

/* include/linux/jump_label.h: a key of one's own. To turn it patches code, and may sleep. */

struct static_key {
	int enabled;
};

struct static_key_true {
	struct static_key key;
};

struct static_key_false {
	struct static_key key;
};

#define STATIC_KEY_TRUE_INIT { .key = { .enabled = 1 } }
#define STATIC_KEY_FALSE_INIT { .key = { .enabled = 0 } }
#define DEFINE_STATIC_KEY_TRUE(name) struct static_key_true name = STATIC_KEY_TRUE_INIT
#define DEFINE_STATIC_KEY_FALSE(name) struct static_key_false name = STATIC_KEY_FALSE_INIT
#define static_branch_likely(branch) likely(CLEARFW_STATIC_BRANCH_(branch))
#define static_branch_unlikely(branch) unlikely(CLEARFW_STATIC_BRANCH_(branch))
#define static_key_enabled(branch) (READ_ONCE((branch)->key.enabled) > 0)
#define CLEARFW_TURN_(branch, on)                                                       \
	do {                                                                            \
		might_sleep();                                                          \
		__atomic_store_n(&(branch)->key.enabled, (on), __ATOMIC_RELAXED);       \
	} while (0)
#define static_branch_enable(branch) CLEARFW_TURN_(branch, 1)
#define static_branch_disable(branch) CLEARFW_TURN_(branch, 0)

#endif
