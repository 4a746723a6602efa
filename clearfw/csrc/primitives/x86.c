/* SPDX-License-Identifier: MIT */
#ifdef __x86_64__

#include "primitives/primitive_arch.h"

#include <cpuid.h>
#include <immintrin.h>

#define CPUID_7_EBX_ERMS (1u << 9)
#define CPUID_7_ECX_MOVDIR64B (1u << 28)
#define CPUID_80000008_EBX_CLZERO (1u << 0)

#define LINE_SIZE 64
#define UNROLLED_SIZE 256 /* divides every page size, and keeps the loop's own cost out of sight */

#define EIGHT_STORES(store)                         \
	store " %1, (%0)\n\t" store " %1, 8(%0)\n\t"    \
	store " %1, 16(%0)\n\t" store " %1, 24(%0)\n\t" \
	store " %1, 32(%0)\n\t" store " %1, 40(%0)\n\t" \
	store " %1, 48(%0)\n\t" store " %1, 56(%0)"

static void movq_zero(void *addr, size_t nbytes)
{
	for (char *line = addr, *end = line + nbytes; line < end; line += LINE_SIZE)
		__asm__ volatile(EIGHT_STORES("movq") : : "r"(line), "r"(0UL) : "memory");
}

static void movnti_zero(void *addr, size_t nbytes)
{
	for (char *line = addr, *end = line + nbytes; line < end; line += LINE_SIZE)
		__asm__ volatile(EIGHT_STORES("movnti") : : "r"(line), "r"(0UL) : "memory");
}

static void stosq_zero(void *addr, size_t nbytes)
{
	size_t nwords = nbytes / sizeof(uint64_t);

	__asm__ volatile("rep stosq" : "+D"(addr), "+c"(nwords) : "a"(0UL) : "memory");
}

static void stosb_zero(void *addr, size_t nbytes)
{
	__asm__ volatile("rep stosb" : "+D"(addr), "+c"(nbytes) : "a"(0) : "memory");
}

/* vzeroupper: wide registers left dirty would slow the caller's SSE code. */
__attribute__((target("avx2"))) static void nt256_zero(void *addr, size_t nbytes)
{
	const __m256i zero = _mm256_setzero_si256();

	for (char *run = addr, *end = run + nbytes; run < end; run += UNROLLED_SIZE) {
		_mm256_stream_si256((__m256i *)run, zero);
		_mm256_stream_si256((__m256i *)(run + 32), zero);
		_mm256_stream_si256((__m256i *)(run + 64), zero);
		_mm256_stream_si256((__m256i *)(run + 96), zero);
		_mm256_stream_si256((__m256i *)(run + 128), zero);
		_mm256_stream_si256((__m256i *)(run + 160), zero);
		_mm256_stream_si256((__m256i *)(run + 192), zero);
		_mm256_stream_si256((__m256i *)(run + 224), zero);
	}
	_mm256_zeroupper();
}

__attribute__((target("avx512f"))) static void nt512_zero(void *addr, size_t nbytes)
{
	const __m512i zero = _mm512_setzero_si512();

	for (char *run = addr, *end = run + nbytes; run < end; run += UNROLLED_SIZE) {
		_mm512_stream_si512((__m512i *)run, zero);
		_mm512_stream_si512((__m512i *)(run + 64), zero);
		_mm512_stream_si512((__m512i *)(run + 128), zero);
		_mm512_stream_si512((__m512i *)(run + 192), zero);
	}
	_mm256_zeroupper();
}

__attribute__((target("movdir64b"))) static void movdir64b_zero(void *addr, size_t nbytes)
{
	static const char zero[LINE_SIZE] __attribute__((aligned(LINE_SIZE)));

	for (char *line = addr, *end = line + nbytes; line < end; line += LINE_SIZE)
		_movdir64b(line, zero);
}

__attribute__((target("clzero"))) static void clzero_zero(void *addr, size_t nbytes)
{
	for (char *line = addr, *end = line + nbytes; line < end; line += LINE_SIZE)
		_mm_clzero(line);
}

static void sfence(void)
{
	store_fence();
}

/* For the two AVX levels the compiler's own test also asks XCR0 whether the OS saves the registers. */
static bool nt256_supported(void)
{
	return __builtin_cpu_supports("avx2");
}

static bool nt512_supported(void)
{
	return __builtin_cpu_supports("avx512f");
}

static bool movdir64b_supported(void)
{
	unsigned int eax, ebx, ecx, edx;

	return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ecx & CPUID_7_ECX_MOVDIR64B);
}

static bool clzero_supported(void)
{
	unsigned int eax, ebx, ecx, edx;

	return __get_cpuid(0x80000008, &eax, &ebx, &ecx, &edx) && (ebx & CPUID_80000008_EBX_CLZERO);
}

static const struct clearfw_primitive x86[] = {
	PRIMITIVE(.name = "movq", .instruction = "MOVQ, 64 bytes unrolled", .zero = movq_zero),
	PRIMITIVE(.name = "stosq", .instruction = "REP STOSQ", .zero = stosq_zero),
	PRIMITIVE(.name = "stosb", .instruction = "REP STOSB", .zero = stosb_zero),
	PRIMITIVE(.name = "movnti", .instruction = "MOVNTI, 64 bytes unrolled", .zero = movnti_zero,
		  .fence = sfence),
	PRIMITIVE(.name = "nt256", .instruction = "VMOVNTDQ of 32 bytes (AVX2)", .zero = nt256_zero,
		  .fence = sfence, .supported = nt256_supported),
	PRIMITIVE(.name = "nt512", .instruction = "VMOVNTDQ of 64 bytes (AVX-512)", .zero = nt512_zero,
		  .fence = sfence, .supported = nt512_supported),
	PRIMITIVE(.name = "movdir64b", .instruction = "MOVDIR64B", .zero = movdir64b_zero,
		  .fence = sfence, .supported = movdir64b_supported),
	PRIMITIVE(.name = "clzero", .instruction = "CLZERO", .zero = clzero_zero,
		  .fence = sfence, .supported = clzero_supported),
};

const struct clearfw_primitive *primitive_arch_at(int index)
{
	return index < PRIMITIVE_COUNT(x86) ? &x86[index] : NULL;
}

static bool has_erms(void)
{
	unsigned int eax, ebx, ecx, edx;

	return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & CPUID_7_EBX_ERMS);
}

/*
 * X86_FEATURE_REP_GOOD is no CPUID bit: arch/x86/kernel/cpu sets it (7.3) by family, and clears
 * it where IA32_MISC_ENABLE turns fast strings off. Here: all but NetBurst. The register cannot
 * be read from user space, and the few K8s before stepping C+ are not distinguished.
 */
static bool has_rep_good(void)
{
	unsigned int eax = 0, ebx, ecx, edx, vendor = 0;

	__get_cpuid(0, &eax, &vendor, &ecx, &edx);
	__get_cpuid(1, &eax, &ebx, &ecx, &edx);
	return vendor != signature_INTEL_ebx || (eax >> 8 & 0xf) != 15;
}

/* A word of cpuinfo_x86.x86_capability[] that CPUID tells (arch/x86/kernel/cpu/common.c, 7.3). */
struct capability {
	unsigned int word, leaf, reg; /* EAX, EBX, ECX, EDX */
};

#define NR_CAPABILITY_WORDS 22
#define WORD_OF_REP_GOOD 3

/* Before main(): a guest's CPUID is an exit to the hypervisor, too dear for a strategy to wait for. */
static uint32_t capabilities[NR_CAPABILITY_WORDS];

static __attribute__((constructor)) void read_capabilities(void)
{
	static const struct capability told[] = {
		{ 0, 1, 3 }, { 4, 1, 2 }, { 9, 7, 1 }, { 13, 0x80000008, 1 }, { 16, 7, 2 }, { 18, 7, 3 },
	};

	for (int i = 0; i < PRIMITIVE_COUNT(told); i++) {
		unsigned int reg[4] = { 0 };

		__get_cpuid_count(told[i].leaf, 0, &reg[0], &reg[1], &reg[2], &reg[3]);
		capabilities[told[i].word] = reg[told[i].reg];
	}
	capabilities[WORD_OF_REP_GOOD] = (uint32_t)has_rep_good() << 16;
}

bool primitive_arch_cpu_has(unsigned int feature)
{
	return feature / 32 < NR_CAPABILITY_WORDS && capabilities[feature / 32] >> feature % 32 & 1;
}

/* As arch/x86/include/asm/page_64.h:clear_pages (7.3) is patched at boot. */
const char *primitive_arch_kernel(void)
{
	if (has_erms())
		return "stosb";
	return has_rep_good() ? "stosq" : "movq";
}

#endif
