/* SPDX-License-Identifier: MIT */
/* What a kernel is configured with: the page size, CONFIG_ options, and the sizes that follow from them (7.3). */
#ifndef CLEARFW_KCONFIG_H
#define CLEARFW_KCONFIG_H

#ifndef PAGE_SHIFT
#define PAGE_SHIFT 12
#endif
#define PAGE_SIZE (1UL << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))

#if __SIZEOF_POINTER__ == 8
#define CONFIG_64BIT 1
#define BITS_PER_LONG 64
#else
#define CONFIG_32BIT 1
#define BITS_PER_LONG 32
#endif
#define CONFIG_MMU 1
#define CONFIG_SMP 1
#define CONFIG_VMAP_STACK 1
#define CONFIG_TRANSPARENT_HUGEPAGE 1
#define CONFIG_HUGETLB_PAGE 1
#define CONFIG_PREEMPT_COUNT 1
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

/* The preemption model is chosen at boot where the architecture can; arm cannot (kernel/Kconfig.preempt). */
#ifndef CONFIG_ARM
#define CONFIG_PREEMPTION 1
#define CONFIG_PREEMPT_DYNAMIC 1
#endif

/* The VM_ checks below are compiled in for a run, and out of what is measured for its size. */
#ifndef CLEARFW_MODEL
#define CONFIG_DEBUG_VM 1
#endif

/* IS_ENABLED(CONFIG_X): 1 where the option is defined to 1, else 0; a constant expression. */
#define CLEARFW_SECOND_(first, second, ...) second
#define CLEARFW_SHIFT_1 0,
#define CLEARFW_IS_SET__(shift) CLEARFW_SECOND_(shift 1, 0, 0)
#define CLEARFW_IS_SET_(value) CLEARFW_IS_SET__(CLEARFW_SHIFT_##value)
#define IS_ENABLED(option) CLEARFW_IS_SET_(option)
#define IS_BUILTIN(option) IS_ENABLED(option)

/* A PMD maps a page table's worth of pages; a section is 2 MiB on arm, a segment 1 MiB on s390. */
#if defined(CONFIG_S390)
#define PMD_SHIFT 20
#elif defined(CONFIG_64BIT)
#define PMD_SHIFT (PAGE_SHIFT + PAGE_SHIFT - 3)
#else
#define PMD_SHIFT 21
#endif
#define PMD_SIZE (1UL << PMD_SHIFT)
#define PMD_MASK (~(PMD_SIZE - 1))
#define HPAGE_SHIFT PMD_SHIFT
#define HPAGE_SIZE (1UL << HPAGE_SHIFT)
#define HPAGE_MASK (~(HPAGE_SIZE - 1))
#define HPAGE_PMD_SHIFT PMD_SHIFT
#define HPAGE_PMD_SIZE PMD_SIZE
#define HPAGE_PMD_ORDER (HPAGE_PMD_SHIFT - PAGE_SHIFT)
#define HPAGE_PMD_NR (1 << HPAGE_PMD_ORDER)

/* The buddy's largest block (include/linux/mmzone.h): the machine's is of order 10 whatever its page size. */
#ifndef MAX_PAGE_ORDER
#define MAX_PAGE_ORDER 10
#define NR_PAGE_ORDERS (MAX_PAGE_ORDER + 1)
#endif
#define MAX_ORDER_NR_PAGES (1 << MAX_PAGE_ORDER)

/*
 * The most that is cleared between two points where a kernel without preemption reschedules: 32 MiB where the
 * architecture clears a range at once, else a page (include/linux/mm.h).
 */
#ifdef CONFIG_X86_64
#define PROCESS_PAGES_NON_PREEMPT_BATCH (32 << (20 - PAGE_SHIFT))
#else
#define PROCESS_PAGES_NON_PREEMPT_BATCH 1
#endif

#endif
