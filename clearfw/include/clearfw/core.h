/* SPDX-License-Identifier: MIT */
/*
 * The part of the vocabulary that is the machine's: struct page, addresses, kmaps, KASAN, context, and the clear
 * itself. Each name has the meaning of 7.3. A unit compiled for its size has model/kernel.h in its place.
 */
#ifndef CLEARFW_CORE_H
#define CLEARFW_CORE_H

#include <clearfw/abi.h>
#include <clearfw/kernel.h>

/* The core fills this in when it loads the strategy. */
static const struct clearfw_core *clearfw_core __maybe_unused;

/* struct page and addresses (include/linux/mm.h) */

static inline unsigned long page_to_pfn(const struct page *page)
{
	return page->pfn;
}

static inline struct page *pfn_to_page(unsigned long pfn)
{
	return clearfw_core->pfn_to_page(pfn);
}

static inline bool PageHighMem(const struct page *page)
{
	return IS_ENABLED(CONFIG_HIGHMEM) && (page->flags & PG_highmem);
}

/* Compound pages (include/linux/page-flags.h): at an init point none is one yet, or any more. */

static inline bool PageHead(const struct page *page)
{
	return page->flags & PG_compound;
}

static inline bool PageTail(const struct page *page)
{
	return page->flags & PG_tail;
}

/* The function is there for its type: the macro keeps const where the argument has it. */
static inline struct page *clearfw_head_(const struct page *page)
{
	return PageTail(page) ? pfn_to_page(page->private) : (struct page *)page;
}

#define compound_head(page) ((__typeof__(page))clearfw_head_(page))

static inline unsigned int compound_order(const struct page *page)
{
	return PageHead(page) ? page->order : 0;
}

/*
 * Pointer tags live in the top byte, as under KASAN_SW_TAGS and
 * KASAN_HW_TAGS. KASAN_TAG_KERNEL (0xff) is the untagged address here, because
 * a user-space address has zeroes there where a kernel address has ones. No
 * 32-bit kernel has these modes.
 */
#ifdef CONFIG_64BIT
#define CLEARFW_TAG_(tag) ((uintptr_t)(u8)(tag) << 56)
#else
#define CLEARFW_TAG_(tag) ((uintptr_t)(u8)(tag) & 0)
#endif
#define CLEARFW_HAS_TAGS_ (IS_ENABLED(CONFIG_KASAN_SW_TAGS) || IS_ENABLED(CONFIG_KASAN_HW_TAGS))

static inline void *clearfw_set_tag(const void *addr, u8 tag)
{
	return (void *)((uintptr_t)addr | CLEARFW_TAG_(tag ^ 0xff));
}

static inline void *kasan_reset_tag(const void *addr)
{
	return CLEARFW_HAS_TAGS_ ? (void *)((uintptr_t)addr & ~CLEARFW_TAG_(0xff)) : (void *)addr;
}

static inline u8 page_kasan_tag(const struct page *page)
{
	return page->kasan_tag;
}

static inline void page_kasan_tag_set(struct page *page, u8 tag)
{
	if (CLEARFW_HAS_TAGS_)
		page->kasan_tag = tag;
}

/* As in the kernel, NULL for a HIGHMEM page that nobody mapped, and tagged in the tag modes. */
static inline void *page_address(const struct page *page)
{
	return CLEARFW_HAS_TAGS_ ? clearfw_set_tag(page->virtual, page->kasan_tag) : page->virtual;
}

static inline struct page *virt_to_page(const void *addr)
{
	return clearfw_core->virt_to_page(addr);
}

static inline struct page *vmalloc_to_page(const void *addr)
{
	return clearfw_core->vmalloc_to_page(addr);
}

/* Beyond today's kernel: find_vm_area() and num_pages_contiguous() in one. See struct clearfw_core. */
static inline unsigned int vmalloc_run(const void *addr, unsigned int max, struct page **first)
{
	return clearfw_core->vmalloc_run(addr, max, first);
}

static inline bool is_vmalloc_addr(const void *addr)
{
	return clearfw_core->is_vmalloc_addr(addr);
}

/* kmap_local (include/linux/highmem-internal.h): no more than page_address() without HIGHMEM */

static inline void *kmap_local_page(struct page *page)
{
	return IS_ENABLED(CONFIG_HIGHMEM) ? clearfw_core->kmap_local_page(page) : page_address(page);
}

static inline void kunmap_local(const void *addr)
{
	if (IS_ENABLED(CONFIG_HIGHMEM))
		clearfw_core->kunmap_local(addr);
}

/* KASAN (include/linux/kasan.h): suppression is a no-op under HW_TAGS and without KASAN */

static inline void kasan_disable_current(void)
{
	if (IS_ENABLED(CONFIG_KASAN_GENERIC) || IS_ENABLED(CONFIG_KASAN_SW_TAGS))
		clearfw_core->kasan_depth_add(-1);
}

static inline void kasan_enable_current(void)
{
	if (IS_ENABLED(CONFIG_KASAN_GENERIC) || IS_ENABLED(CONFIG_KASAN_SW_TAGS))
		clearfw_core->kasan_depth_add(1);
}

/*
 * Zeroes the tags of memory, and its contents where CLEAR says so; returns whether the contents are still to be
 * cleared. Nothing without memory tags (include/linux/highmem.h, and arch/arm64/mm/fault.c with MTE).
 */
static inline bool tag_clear_highpages(struct page *page, int numpages, bool clear)
{
	if (!IS_ENABLED(CONFIG_KASAN_HW_TAGS))
		return clear;
	clearfw_core->tag_clear_pages(page, (unsigned int)numpages, clear);
	return false;
}

/* Clearing: the machine's primitive does the work, and each call is complete when it returns. */

static inline void clear_pages(void *addr, unsigned int npages)
{
	clearfw_core->clear_pages(addr, npages);
}

static inline void clear_page(void *addr)
{
	clearfw_core->clear_pages(addr, 1);
}

/*
 * Clearing whose stores may still be on their way: call
 * clear_page_make_coherent() once before the init point returns. The names are
 * those of the non-temporal proposals for x86 (Arora, 2022).
 */
static inline void clear_pages_incoherent(void *addr, unsigned int npages)
{
	clearfw_core->clear_pages_incoherent(addr, npages);
}

static inline void clear_page_make_coherent(void)
{
	clearfw_core->clear_page_make_coherent();
}

/*
 * Beyond the kernel: instructions by name, for a strategy that chooses by the size of a block. Where this CPU
 * has none such, each is clear_pages(), or clear_pages_incoherent().
 */
static inline void clear_pages_rep(void *addr, unsigned int npages)
{
	clearfw_core->clear_pages_with(CLEARFW_REP, addr, npages);
}

static inline void clear_pages_nt_incoherent(void *addr, unsigned int npages)
{
	clearfw_core->clear_pages_with(CLEARFW_NT, addr, npages);
}

static inline void clear_pages_clzero_incoherent(void *addr, unsigned int npages)
{
	clearfw_core->clear_pages_with(CLEARFW_CLZERO, addr, npages);
}

/* Checked as mm/kasan/shadow.c:memset is: on a report it writes nothing and returns NULL. */
#undef memset
#define memset(addr, c, nbytes) (clearfw_core->memset((addr), (c), (nbytes)))

/* Context (include/linux/preempt.h): what an init point disables it must enable again before it returns. */

static inline unsigned int preempt_count(void)
{
	return clearfw_core->context() & CLEARFW_ATOMIC;
}

static inline void preempt_disable(void)
{
	clearfw_core->context_add(CLEARFW_PREEMPT);
	barrier();
}

static inline void preempt_enable(void)
{
	barrier();
	clearfw_core->context_add(-CLEARFW_PREEMPT);
}

static inline void local_bh_disable(void)
{
	clearfw_core->context_add(CLEARFW_SOFTIRQ);
}

static inline void local_bh_enable(void)
{
	clearfw_core->context_add(-CLEARFW_SOFTIRQ);
}

static inline void pagefault_disable(void)
{
	clearfw_core->context_add(CLEARFW_PAGEFAULT);
}

static inline void pagefault_enable(void)
{
	clearfw_core->context_add(-CLEARFW_PAGEFAULT);
}

static inline void migrate_disable(void)
{
	clearfw_core->context_add(CLEARFW_MIGRATE);
}

static inline void migrate_enable(void)
{
	clearfw_core->context_add(-CLEARFW_MIGRATE);
}

static inline bool irqs_disabled(void)
{
	return clearfw_core->context() & CLEARFW_IRQ;
}

static inline bool clearfw_irqs_off_(void)
{
	return clearfw_core->irqs_set(false);
}

/* The caller may have had them off: an init point only restores what it found. */
static inline void local_irq_enable(void)
{
	clearfw_core->irqs_set(true);
}

#define local_irq_disable() ((void)clearfw_irqs_off_())
#define local_irq_save(flags) ((void)((flags) = clearfw_irqs_off_()))
#define local_irq_restore(flags) clearfw_core->irqs_restore(flags)

/* Whether the machine's preempt= is full or lazy: it answers as the running kernel would. */
static inline bool preempt_model_preemptible(void)
{
	return clearfw_core->preempt_model_preemptible();
}

/* An init point may run in atomic context, where neither of these is allowed. */
#define might_sleep() (clearfw_core->might_sleep("might_sleep"))
#define cond_resched() ({ (clearfw_core->might_sleep)("cond_resched"); 0; })

#define CLEARFW_WARN_(what) clearfw_core->warn(__FILE__, __LINE__, what)
#define CLEARFW_BUG_(what) clearfw_core->bug(__FILE__, __LINE__, what)

/* Prints nothing, and has the compiler look at the format. */
void clearfw_printk_(const char *format, ...) __printf(1, 2);
#define CLEARFW_PRINTK_(...) \
	({ if (0) clearfw_printk_(__VA_ARGS__); 0; })

/* Patched into the code at boot there, a load and a branch here (include/linux/jump_label.h). */
#define CLEARFW_STATIC_BRANCH_(branch) (READ_ONCE((branch)->key.enabled) > 0)

#ifdef CONFIG_X86
/* Of the CPU this runs on (arch/x86/include/asm/cpufeature.h); FEATURE is X86_FEATURE_*. */
static inline bool boot_cpu_has(unsigned int feature)
{
	return clearfw_core->cpu_has(feature);
}
#endif

#endif
