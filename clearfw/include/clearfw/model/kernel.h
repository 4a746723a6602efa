/* SPDX-License-Identifier: MIT */
/*
 * What <clearfw/strategy.h> declares for a unit that is compiled to see its size: the same vocabulary, each
 * word as much code as a 7.3 kernel has in its place. What is a call there is a call of an undefined
 * function here; what is inline there is inline here. Nothing of this is ever linked.
 */
#ifndef CLEARFW_MODEL_KERNEL_H
#define CLEARFW_MODEL_KERNEL_H

/* The direct map (include/linux/mm.h): its base and the page array's are variables, as on x86 with KASLR. */

extern struct page *vmemmap;
extern unsigned long page_offset_base;

static inline unsigned long page_to_pfn(const struct page *page)
{
	return (unsigned long)(page - vmemmap);
}

static inline struct page *pfn_to_page(unsigned long pfn)
{
	return vmemmap + pfn;
}

#define nth_page(page, n) ((page) + (n))
#define PG_highmem_shift 30 /* the zone is in the topmost bits of the flags */

static inline bool PageHighMem(const struct page *page)
{
	return IS_ENABLED(CONFIG_HIGHMEM) && page->flags >> PG_highmem_shift == 1;
}

static inline u8 page_kasan_tag(const struct page *page)
{
	return (u8)(page->flags >> 16);
}

#ifdef CONFIG_64BIT
#define MODEL_TAG(tag) ((unsigned long)(u8)(tag) << 56)
#else
#define MODEL_TAG(tag) 0UL
#endif

static inline void *kasan_reset_tag(const void *addr)
{
	if (IS_ENABLED(CONFIG_KASAN_SW_TAGS) || IS_ENABLED(CONFIG_KASAN_HW_TAGS))
		return (void *)((unsigned long)addr | MODEL_TAG(0xff));
	return (void *)addr;
}

#ifdef CONFIG_HIGHMEM
void *page_address(const struct page *page);
#else
static inline void *page_address(const struct page *page)
{
	unsigned long addr = (page_to_pfn(page) << PAGE_SHIFT) + page_offset_base;

	if (IS_ENABLED(CONFIG_KASAN_SW_TAGS) || IS_ENABLED(CONFIG_KASAN_HW_TAGS))
		addr = (addr & ~MODEL_TAG(0xff)) | MODEL_TAG(page_kasan_tag(page));
	return (void *)addr;
}
#endif

static inline struct page *virt_to_page(const void *addr)
{
	return vmemmap + (((unsigned long)kasan_reset_tag(addr) - page_offset_base) >> PAGE_SHIFT);
}

struct page *vmalloc_to_page(const void *addr);
bool is_vmalloc_addr(const void *addr);
unsigned int vmalloc_run(const void *addr, unsigned int max, struct page **first);

/* include/linux/highmem-internal.h: two calls with HIGHMEM, nothing without. */

extern unsigned long kmap_prot;
void *__kmap_local_page_prot(const struct page *page, unsigned long prot);
void kunmap_local_indexed(const void *addr);

static inline void *kmap_local_page(const struct page *page)
{
	return IS_ENABLED(CONFIG_HIGHMEM) ? __kmap_local_page_prot(page, kmap_prot) : page_address(page);
}

static inline void kunmap_local(const void *addr)
{
	if (IS_ENABLED(CONFIG_HIGHMEM))
		kunmap_local_indexed(addr);
}

/* `current`, and the depth in it (include/linux/kasan.h). */

struct task_struct {
	char before[1536];
	unsigned int kasan_depth;
};

static inline struct task_struct *get_current(void)
{
	struct task_struct *task;

#if defined(CONFIG_X86_64)
	__asm__("movq %%gs:current_task(%%rip), %0" : "=r"(task));
#elif defined(CONFIG_ARM64)
	__asm__("mrs %0, sp_el0" : "=r"(task));
#elif defined(CONFIG_ARM)
	__asm__("mrc p15, 0, %0, c13, c0, 3" : "=r"(task));
#elif defined(CONFIG_S390)
	__asm__("lg %0, 0x340" : "=d"(task)); /* a place in the lowcore */
#endif
	return task;
}

static inline void kasan_disable_current(void)
{
	if (IS_ENABLED(CONFIG_KASAN_GENERIC) || IS_ENABLED(CONFIG_KASAN_SW_TAGS))
		get_current()->kasan_depth++;
}

static inline void kasan_enable_current(void)
{
	if (IS_ENABLED(CONFIG_KASAN_GENERIC) || IS_ENABLED(CONFIG_KASAN_SW_TAGS))
		get_current()->kasan_depth--;
}

/*
 * clear_page() is memset() on arm and s390, a function on arm64, and on x86 a call that boot patches to
 * REP STOSB; clear_pages() repeats it but on x86, where one covers all (reference: arch/<name>/include/asm/page.h).
 */

void *memset(void *addr, int c, size_t nbytes);

#if defined(CONFIG_X86_64)
static inline void clear_pages(void *addr, unsigned int npages)
{
	unsigned long nbytes = (unsigned long)npages << PAGE_SHIFT;

	__asm__ volatile("call __clear_pages_unrolled" : "+c"(nbytes), "+D"(addr) : "a"(0) : "memory", "cc");
}

static inline void clear_page(void *addr)
{
	clear_pages(addr, 1);
}
#else
#if defined(CONFIG_ARM64)
void clear_page(void *addr);
#else
#define clear_page(addr) memset(addr, 0, PAGE_SIZE)
#endif

static inline void clear_pages(void *addr, unsigned int npages)
{
	char *at = addr;

	do
		clear_page(at);
	while (at += PAGE_SIZE, --npages);
}
#endif

#define clear_pages_incoherent clear_pages
void clear_page_make_coherent(void);

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

void model_unclaimed(const void *what, unsigned long n);
void model_might_sleep(void);
void model_warn(void);
#define might_sleep() model_might_sleep()
#define cond_resched() ({ model_might_sleep(); 0; })
#define WARN_ON(condition)                             \
	({                                             \
		bool warn_on_ = !!(condition);         \
		if (unlikely(warn_on_))                \
			model_warn();                  \
		unlikely(warn_on_);                    \
	})
#define WARN_ON_ONCE(condition) WARN_ON(condition)

#define prefetchw(addr) __builtin_prefetch((addr), 1)

/* Checks the types; the unit calls the functions by their names. */
#define CLEARFW_STRATEGY(strategy, ...) \
	static const struct clearfw_strategy clearfw_strategy_##strategy __maybe_unused = { __VA_ARGS__ }

#endif
