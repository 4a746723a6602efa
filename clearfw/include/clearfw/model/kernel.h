/* SPDX-License-Identifier: MIT */
/*
 * What <clearfw/strategy.h> declares for a unit that is compiled to see its size: the same vocabulary, each
 * word as much code as a 7.3 kernel has in its place. What is a call there is a call of an undefined
 * function here; what is inline there is inline here. Nothing of this is ever linked.
 */
#ifndef CLEARFW_MODEL_KERNEL_H
#define CLEARFW_MODEL_KERNEL_H

#include <clearfw/kernel.h>

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

#define PG_highmem_shift 30 /* the zone is in the topmost bits of the flags */

static inline bool PageHighMem(const struct page *page)
{
	return IS_ENABLED(CONFIG_HIGHMEM) && page->flags >> PG_highmem_shift == 1;
}

/* include/linux/page-flags.h: the head has PG_head, and a tail the head's address and a bit. */

#define PG_head 6

static inline bool PageHead(const struct page *page)
{
	return page->flags >> PG_head & 1;
}

static inline bool PageTail(const struct page *page)
{
	return READ_ONCE(page->compound_head) & 1;
}

static inline unsigned long model_head(const struct page *page)
{
	unsigned long head = READ_ONCE(page->compound_head);

	return head & 1 ? head - 1 : (unsigned long)page;
}

#define compound_head(page) ((__typeof__(page))model_head(page))

static inline unsigned int compound_order(const struct page *page)
{
	return PageHead(page) ? page[1].flags & 0xff : 0;
}

static inline u8 page_kasan_tag(const struct page *page)
{
	return (u8)(page->flags >> 16);
}

/* A compare and exchange there too, for the other flags of the word. */
static inline void page_kasan_tag_set(struct page *page, u8 tag)
{
	unsigned long old, flags;

	if (!IS_ENABLED(CONFIG_KASAN_SW_TAGS) && !IS_ENABLED(CONFIG_KASAN_HW_TAGS))
		return;
	old = READ_ONCE(page->flags);
	do
		flags = (old & ~(0xfful << 16)) | (unsigned long)tag << 16;
	while (!__atomic_compare_exchange_n(&page->flags, &old, flags, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
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
	int preempt_count;
	char before[1532];
	unsigned int kasan_depth;
	int pagefault_disabled;
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
#define clear_pages_rep clear_pages
void clear_pages_nt_incoherent(void *addr, unsigned int npages);
void clear_pages_clzero_incoherent(void *addr, unsigned int npages);
void clear_page_make_coherent(void);

/* arch/arm64/mm/fault.c with MTE; elsewhere nothing. */
#if defined(CONFIG_ARM64) && defined(CONFIG_KASAN_HW_TAGS)
bool tag_clear_highpages(struct page *page, int numpages, bool clear);
#else
static inline bool tag_clear_highpages(struct page *page, int numpages, bool clear)
{
	(void)page;
	(void)numpages;
	return clear;
}
#endif

/*
 * Context (include/linux/preempt.h, irqflags.h): the count is per CPU on x86, in the lowcore on s390, and the
 * task's elsewhere.
 */

#if defined(CONFIG_X86_64)
static __always_inline int preempt_count(void)
{
	int count;

	__asm__("movl %%gs:__preempt_count(%%rip), %0" : "=r"(count));
	return count & 0x7fffffff;
}

static __always_inline void model_preempt_add(int delta)
{
	__asm__ volatile("addl %0, %%gs:__preempt_count(%%rip)" : : "i"(delta) : "memory", "cc");
}
#elif defined(CONFIG_S390)
static __always_inline int preempt_count(void)
{
	int count;

	__asm__("l %0, 0x3a8" : "=d"(count));
	return count;
}

static __always_inline void model_preempt_add(int delta)
{
	__asm__ volatile("asi 0x3a8, %0" : : "i"(delta) : "memory", "cc");
}
#else
static __always_inline int preempt_count(void)
{
	return READ_ONCE(get_current()->preempt_count);
}

static __always_inline void model_preempt_add(int delta)
{
	WRITE_ONCE(get_current()->preempt_count, READ_ONCE(get_current()->preempt_count) + delta);
	barrier();
}
#endif

void __local_bh_enable_ip(unsigned long ip, unsigned int count);
void migrate_disable(void);
void migrate_enable(void);
void preempt_schedule(void);
bool preempt_model_full(void);
bool preempt_model_lazy(void);

static __always_inline void preempt_disable(void)
{
	model_preempt_add(1);
}

/* As with PREEMPTION: the last to enable it looks whether somebody waits. */
static __always_inline void preempt_enable(void)
{
	model_preempt_add(-1);
	if (unlikely(!preempt_count()))
		preempt_schedule();
}

static __always_inline void local_bh_disable(void)
{
	model_preempt_add(0x200);
}

#define local_bh_enable() __local_bh_enable_ip(0, 0x200)

static __always_inline void pagefault_disable(void)
{
	get_current()->pagefault_disabled++;
	barrier();
}

static __always_inline void pagefault_enable(void)
{
	barrier();
	get_current()->pagefault_disabled--;
}

static inline bool preempt_model_preemptible(void)
{
	return preempt_model_full() || preempt_model_lazy();
}

static __always_inline unsigned long model_irq_flags(void)
{
	unsigned long flags = 0;

#if defined(CONFIG_X86_64)
	__asm__ volatile("pushf; pop %0" : "=rm"(flags) : : "memory");
#elif defined(CONFIG_ARM64)
	__asm__ volatile("mrs %0, daif" : "=r"(flags) : : "memory");
#elif defined(CONFIG_ARM)
	__asm__ volatile("mrs %0, cpsr" : "=r"(flags) : : "memory");
#elif defined(CONFIG_S390)
	__asm__ volatile("stosm %0, 0" : "=Q"(flags) : : "memory");
#endif
	return flags;
}

static __always_inline void local_irq_disable(void)
{
#if defined(CONFIG_X86_64)
	__asm__ volatile("cli" : : : "memory");
#elif defined(CONFIG_ARM64)
	__asm__ volatile("msr daifset, #3" : : : "memory");
#elif defined(CONFIG_ARM)
	__asm__ volatile("cpsid i" : : : "memory");
#elif defined(CONFIG_S390)
	unsigned char mask;

	__asm__ volatile("stnsm %0, 0xfc" : "=Q"(mask) : : "memory");
#endif
}

static __always_inline void local_irq_enable(void)
{
#if defined(CONFIG_X86_64)
	__asm__ volatile("sti" : : : "memory");
#elif defined(CONFIG_ARM64)
	__asm__ volatile("msr daifclr, #3" : : : "memory");
#elif defined(CONFIG_ARM)
	__asm__ volatile("cpsie i" : : : "memory");
#elif defined(CONFIG_S390)
	unsigned char mask;

	__asm__ volatile("stosm %0, 3" : "=Q"(mask) : : "memory");
#endif
}

#if defined(CONFIG_X86_64)
#define MODEL_IRQS_ARE_OFF(flags) (!((flags) & 0x200))
#elif defined(CONFIG_S390)
#define MODEL_IRQS_ARE_OFF(flags) (!((flags) >> 56 & 3))
#else
#define MODEL_IRQS_ARE_OFF(flags) ((flags) >> 7 & 1)
#endif

#define irqs_disabled() MODEL_IRQS_ARE_OFF(model_irq_flags())
#define local_irq_save(flags)                  \
	do {                                   \
		(flags) = model_irq_flags();   \
		local_irq_disable();           \
	} while (0)
#define local_irq_restore(flags)                    \
	do {                                        \
		if (!MODEL_IRQS_ARE_OFF(flags))     \
			local_irq_enable();         \
	} while (0)

void model_unclaimed(const void *what, unsigned long n);
void model_might_sleep(void);
void model_warn(void);
#define might_sleep() model_might_sleep()
#define cond_resched() ({ model_might_sleep(); 0; })
#define CLEARFW_WARN_(what) model_warn()
#define CLEARFW_BUG_(what) __builtin_trap()

int _printk(const char *format, ...) __printf(1, 2);
#define CLEARFW_PRINTK_(...) _printk(__VA_ARGS__)

#if defined(CONFIG_X86_64)
#define MODEL_STATIC_KEY ".byte 0x0f, 0x1f, 0x44, 0x00, 0x00"
#elif defined(CONFIG_S390)
#define MODEL_STATIC_KEY ".byte 0xc0, 0x04, 0x00, 0x00, 0x00, 0x00"
#else
#define MODEL_STATIC_KEY "nop"
#endif

/* A jump label: one instruction that boot patches (include/linux/jump_label.h). */
#define model_static_branch()                                       \
	({                                                          \
		__label__ yes, out;                                 \
		bool enabled_ = false;                              \
		__asm__ goto(MODEL_STATIC_KEY : : : : yes);         \
		goto out;                                           \
	yes:                                                        \
		enabled_ = true;                                    \
	out:                                                        \
		enabled_;                                           \
	})
#define CLEARFW_STATIC_BRANCH_(branch) ({ (void)(branch); model_static_branch(); })

#ifdef CONFIG_X86
extern const unsigned int model_capability[22];

static inline bool boot_cpu_has(unsigned int feature)
{
	return model_capability[feature / 32] >> feature % 32 & 1;
}
#endif

/* Checks the types; the unit calls the functions by their names. */
#define CLEARFW_STRATEGY(strategy, ...) \
	static const struct clearfw_strategy clearfw_strategy_##strategy __maybe_unused = { __VA_ARGS__ }

#endif
