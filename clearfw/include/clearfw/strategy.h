/* SPDX-License-Identifier: MIT */
/*
 * The kernel's vocabulary for a clearing strategy, Linux 7.3 names and
 * meanings. Include this one file, paste the body of the function under
 * review, and end with CLEARFW_STRATEGY(). clearfw compiles the file once per
 * configuration, so that IS_ENABLED(CONFIG_HIGHMEM) is decided at compile time
 * as in the kernel.
 */
#ifndef CLEARFW_STRATEGY_H
#define CLEARFW_STRATEGY_H

/* A unit that is compiled for its size alone has the kernel's own struct page: see clearfw size. */
#ifdef CLEARFW_MODEL
#include <clearfw/model/page.h>
#else
#include <clearfw/abi.h>
#endif

#ifndef PAGE_SHIFT
#define PAGE_SHIFT 12
#endif
#define PAGE_SIZE (1UL << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))

#if __SIZEOF_POINTER__ == 8
#define CONFIG_64BIT 1
#endif
#define CONFIG_MMU 1
#define CONFIG_VMAP_STACK 1
#if defined(__x86_64__)
#define CONFIG_X86 1
#define CONFIG_X86_64 1
#elif defined(__aarch64__)
#define CONFIG_ARM64 1
#elif defined(__arm__)
#define CONFIG_ARM 1
#elif defined(__s390x__)
#define CONFIG_S390 1
#endif

/* IS_ENABLED(CONFIG_X): 1 where the option is defined to 1, else 0; a constant expression. */
#define CLEARFW_SECOND_(first, second, ...) second
#define CLEARFW_SHIFT_1 0,
#define CLEARFW_IS_SET__(shift) CLEARFW_SECOND_(shift 1, 0, 0)
#define CLEARFW_IS_SET_(value) CLEARFW_IS_SET__(CLEARFW_SHIFT_##value)
#define IS_ENABLED(option) CLEARFW_IS_SET_(option)

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define __always_inline inline __attribute__((always_inline))
#ifndef noinline
#define noinline __attribute__((noinline))
#endif
#define __maybe_unused __attribute__((unused))
#define __used __attribute__((used))
#define barrier() __asm__ volatile("" ::: "memory")
#define EXPORT_SYMBOL(symbol)
#define EXPORT_SYMBOL_GPL(symbol)
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
#define ALIGN(x, a) (((x) + (a) - 1) & ~((__typeof__(x))(a) - 1))
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a) - 1))
#define IS_ALIGNED(x, a) (((x) & ((__typeof__(x))(a) - 1)) == 0)
#define PAGE_ALIGN(addr) ALIGN(addr, PAGE_SIZE)
#define min(a, b)                          \
	({                                 \
		__auto_type min_a_ = (a);  \
		__auto_type min_b_ = (b);  \
		min_a_ < min_b_ ? min_a_ : min_b_; \
	})
#define max(a, b)                          \
	({                                 \
		__auto_type max_a_ = (a);  \
		__auto_type max_b_ = (b);  \
		max_a_ > max_b_ ? max_a_ : max_b_; \
	})
#define min_t(type, a, b) min((type)(a), (type)(b))
#define max_t(type, a, b) max((type)(a), (type)(b))

#ifdef CLEARFW_MODEL
#include <clearfw/model/kernel.h>
#else

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

#define nth_page(page, n) ((page) + (n))

static inline bool PageHighMem(const struct page *page)
{
	return IS_ENABLED(CONFIG_HIGHMEM) && (page->flags & PG_highmem);
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
#define CLEARFW_TAG_(tag) ((uintptr_t)0)
#endif

static inline void *clearfw_set_tag(const void *addr, u8 tag)
{
	return (void *)((uintptr_t)addr | CLEARFW_TAG_(tag ^ 0xff));
}

static inline void *kasan_reset_tag(const void *addr)
{
	if (IS_ENABLED(CONFIG_KASAN_SW_TAGS) || IS_ENABLED(CONFIG_KASAN_HW_TAGS))
		return (void *)((uintptr_t)addr & ~CLEARFW_TAG_(0xff));
	return (void *)addr;
}

static inline u8 page_kasan_tag(const struct page *page)
{
	return page->kasan_tag;
}

/* As in the kernel, NULL for a HIGHMEM page that nobody mapped, and tagged in the tag modes. */
static inline void *page_address(const struct page *page)
{
	if (IS_ENABLED(CONFIG_KASAN_SW_TAGS) || IS_ENABLED(CONFIG_KASAN_HW_TAGS))
		return clearfw_set_tag(page->virtual, page->kasan_tag);
	return page->virtual;
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

/* Checked as mm/kasan/shadow.c:memset is: on a report it writes nothing and returns NULL. */
#undef memset
#define memset(addr, c, nbytes) (clearfw_core->memset((addr), (c), (nbytes)))

/* Context: an init point may run in atomic context, where neither of these is allowed. */
#define might_sleep() (clearfw_core->might_sleep("might_sleep"))
#define cond_resched() ({ (clearfw_core->might_sleep)("cond_resched"); 0; })

#define WARN_ON(condition)                                                \
	({                                                                \
		bool warn_on_ = !!(condition);                            \
		if (unlikely(warn_on_))                                   \
			clearfw_core->warn(__FILE__, __LINE__, #condition); \
		unlikely(warn_on_);                                       \
	})
#define WARN_ON_ONCE(condition)                                           \
	({                                                                \
		static bool warned_;                                      \
		bool warn_once_ = !!(condition);                          \
		if (unlikely(warn_once_ && !warned_)) {                   \
			warned_ = true;                                   \
			clearfw_core->warn(__FILE__, __LINE__, #condition); \
		}                                                         \
		unlikely(warn_once_);                                     \
	})

#define prefetchw(addr) __builtin_prefetch((addr), 1)

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

#endif /* CLEARFW_MODEL */

#endif
