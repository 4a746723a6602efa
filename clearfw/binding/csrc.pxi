# SPDX-License-Identifier: MIT
# The C core as Cython sees it: csrc/*.h.

cdef extern from "dlfcn.h" nogil:
    void *dlopen(const char *path, int flags)
    void *dlsym(void *handle, const char *symbol)
    char *dlerror()
    int RTLD_NOW
    int RTLD_LOCAL

cdef extern from "clearfw/abi.h" nogil:
    int CLEARFW_ABI
    struct page:
        uint32_t flags
        uint32_t pfn
        void *virtual
        unsigned long private
        uint8_t order
        uint8_t kasan_tag
        uint8_t zone
        int32_t mapcount
    struct clearfw_core:
        pass
    struct clearfw_strategy:
        uint32_t abi
        uint32_t size
        const char *name
        const clearfw_core **core
        void *init_bulk
    struct clearfw_primitive:
        uint32_t abi
        uint32_t size
        const char *name
        const char *instruction
        void (*zero)(void *addr, size_t nbytes) noexcept
        void (*fence)() noexcept
    enum:
        PG_head, PG_compound, PG_hwpoison, PG_hugetlb, PG_bad

cdef extern from "base/error.h" nogil:
    struct clearfw_error:
        int code
        int sys_errno
        uint64_t pfn
        uint64_t wanted
        uint64_t found
        int zone
        char detail[160]
    enum:
        CLEARFW_EIN_INIT, CLEARFW_EMAP_COUNT

cdef extern from "mm/config.h" nogil:
    enum clearfw_backing:
        BACKING_AUTO, BACKING_HUGETLB, BACKING_THP, BACKING_BASE
    enum clearfw_kasan:
        KASAN_OFF, KASAN_GENERIC, KASAN_SW_TAGS, KASAN_HW_TAGS
    enum clearfw_kmap:
        KMAP_STRICT, KMAP_PRICED
    enum clearfw_preempt:
        PREEMPT_LAZY
    struct clearfw_config:
        uint64_t memory
        uint64_t hole
        uint64_t highmem
        bint window
        uint32_t page_shift
        clearfw_backing backing
        clearfw_kasan kasan
        clearfw_kmap kmap
        clearfw_preempt preempt
        bint init_on_alloc
        bint init_on_free
        bint page_poison
        bint kasan_vmalloc
        bint vmalloc_init_always
        bint record_events
        uint32_t kasan_sample
        uint32_t kasan_sample_order
        uint64_t seed

cdef extern from "mm/gfp.h" nogil:
    ctypedef uint32_t gfp_t
    enum:
        GFP_KERNEL, __GFP_ZERO

cdef extern from "mm/stats.h" nogil:
    struct clearfw_stats:
        uint64_t allocs, frees, inits, pages, clear_calls, cleared_pages, integrated_pages, memsets
        uint64_t memset_bytes
        uint64_t fences, kmaps, page_walks, kasan_reports, poison_reports, bad_pages, sleeps, warnings
        uint64_t zero_clears
        uint64_t longest_clear

cdef extern from "mm/memory.h" nogil:
    struct memory:
        size_t nbytes
        size_t lowmem
        char *direct
        clearfw_backing backing
    void memory_share(int fd)
    int memory_populate(memory *memory, clearfw_backing asked, clearfw_error *err)
    int64_t memory_huge_bytes(const memory *memory)

cdef extern from "mm/kasan.h" nogil:
    struct kasan_report:
        const void *addr
        size_t nbytes
        uint32_t pfn
        uint8_t pointer_tag
        uint8_t memory_tag

cdef extern from "mm/types.h" nogil:
    enum init_point:
        INIT_ALLOC, INIT_FREE, INIT_VMALLOC
    ctypedef int (*init_callback)(void *context, init_point point, const void *what, unsigned long n) noexcept
    struct vmalloc_area:
        char *start
        size_t nbytes
        uint32_t nr_pages
        uint32_t nr_runs
        uint32_t huge_pages
        void *tagged
        uint32_t *pfns
    struct c_cpu "cpu":
        bint in_init
        clearfw_error error
        kasan_report kasan_report
    struct c_machine "machine":
        clearfw_config config
        uint32_t page_shift
        uint32_t first_pfn
        uint32_t max_pfn
        uint32_t nr_pages
        memory memory
        page *mem_map
        bint init_on_alloc
        bint init_on_free
        bint debug
        const clearfw_primitive *primitive[20]
        unsigned int nr_events
        uint8_t events[4096]
    enum:
        NR_PRIMITIVE_SIZES, EVENT_LOG_SIZE, MAX_PAGE_ORDER, MAX_CONTIG_ORDER

cdef extern from "mm/init_point.h" nogil:
    int init_point_bind(c_machine *machine, init_point point, const clearfw_strategy *const *chain, int nr)
    int init_point_bind_callback(c_machine *machine, init_point point, init_callback callback, void *context)
    int init_pages(c_cpu *cpu, init_point point, page *page, unsigned int npages)
    int init_bulk(c_cpu *cpu, init_point point, page **pages, int nr)
    bint strategy_has_point(const clearfw_strategy *strategy, init_point point)
    bint strategy_ask(const clearfw_strategy *strategy, init_point point, const void *what, unsigned long n)
    void cpu_forget_violation(c_cpu *cpu)
    int cpu_take_violation(c_cpu *cpu)

cdef extern from "mm/vmalloc.h" nogil:
    int c_vmalloc "vmalloc"(c_machine *machine, size_t nbytes, gfp_t gfp, unsigned int flags, vmalloc_area **area)
    int c_vfree "vfree"(c_machine *machine, const void *addr)
    enum:
        VMALLOC_ALLOW_HUGE

cdef extern from "mm/cpu.h" nogil:
    struct c_current_cpu "current_cpu":
        uint64_t machine_id
        c_cpu *cpu
    c_cpu *this_cpu(c_machine *machine)
    void machine_drain(c_machine *machine)

cdef extern from "mm/machine.h" nogil:
    const unsigned int machines_forks

cdef extern from "mm/memory.h" nogil:
    void memory_deinit(memory *memory)

cdef extern from "mm/boot.h" nogil:
    c_machine *machine_create(const clearfw_config *config, clearfw_error *err)
    void machine_destroy(c_machine *machine)
    const char *machine_is_valid(c_machine *machine)

cdef extern from "mm/machine.h" nogil:
    void machine_stats(c_machine *machine, clearfw_stats *stats)
    void machine_reset_stats(c_machine *machine)
    uint64_t machine_nr_free(c_machine *machine)
    void *machine_page_bytes(const c_machine *machine, const page *page)

cdef extern from "mm/contents.h" nogil:
    struct byte_found:
        uint32_t pfn
        uint32_t offset
        uint8_t byte
    void machine_fill(c_machine *machine, uint32_t pfn, size_t npages, uint8_t byte)
    bint machine_first_not(c_machine *machine, uint32_t pfn, size_t npages, uint8_t byte, byte_found *found)
    int machine_lost_sight(c_machine *machine)

cdef extern from "mm/page_alloc.h" nogil:
    int machine_alloc(c_machine *machine, unsigned int order, gfp_t gfp, page **page)
    int machine_free(c_machine *machine, page *page, unsigned int order)

cdef extern from "mm/page_bulk.h" nogil:
    int machine_alloc_bulk(c_machine *machine, gfp_t gfp, page **pages, int nr)
    int machine_free_bulk(c_machine *machine, page **pages, int nr)

cdef extern from "mm/page_contig.h" nogil:
    int machine_alloc_contig(c_machine *machine, unsigned int order, gfp_t gfp, page **page)

cdef extern from "mm/hugetlb.h" nogil:
    struct hugetlb_pool:
        unsigned int order
        uint64_t nr_free
        uint64_t nr_pages
    void hugetlb_init(hugetlb_pool *pool, c_machine *machine, unsigned int order)
    int hugetlb_grow(hugetlb_pool *pool, uint64_t count, uint64_t *grown)
    int hugetlb_shrink(hugetlb_pool *pool, uint64_t count)
    int hugetlb_get(hugetlb_pool *pool, page **page)
    void hugetlb_put(hugetlb_pool *pool, page *page)

cdef extern from "primitives/primitive.h" nogil:
    const clearfw_primitive *primitive_at(int index)
    const clearfw_primitive *primitive_by_name(const char *name)
    bint primitive_is_supported(const clearfw_primitive *primitive)
    enum:
        C_GARBAGE_BYTE "GARBAGE_BYTE"
    bint primitive_is_filled(const void *addr, size_t nbytes, uint8_t byte, size_t *where)

cdef extern from "mm/strategy_api.h" nogil:
    const clearfw_core clearfw_core_table
    bint api_is_mapped(c_machine *machine, const void *addr, size_t nbytes)
    void *api_kmap_local_page(page *page)
    void api_kunmap_local(const void *addr)
    void api_clear_pages(void *addr, unsigned int npages)
    void *api_memset(void *addr, int c, size_t nbytes)
    void api_kasan_depth_add(int delta)
    page *api_vmalloc_to_page(const void *addr)

cdef extern from "bench/arena.h" nogil:
    struct arena_chunk:
        uint32_t pfn
    struct arena:
        uint32_t chunk_pages
        unsigned int dirty
        uint32_t nr_chunks
    int arena_init(arena *arena, c_machine *machine, size_t chunk_bytes, clearfw_error *err)
    void arena_deinit(arena *arena)
    void arena_fragment(arena *arena, uint64_t seed)
    void arena_dirty(arena *arena, uint32_t chunk)
    void *arena_chunk_bytes(const arena *arena, uint32_t chunk)

cdef extern from "bench/consumer.h" nogil:
    enum consumer_touch:
        TOUCH_NONE, TOUCH_FIRST, TOUCH_ALL

cdef extern from "bench/pass.h" nogil:
    struct arena_pass:
        unsigned int order
        gfp_t gfp
        consumer_touch touch
        bint hot
        int bulk
        int threads
        bint verify
    struct arena_times:
        uint64_t blocks
        uint64_t alloc_ns
        uint64_t free_ns
        uint64_t dirty_offset
    int arena_run(arena *arena, uint32_t chunk, const arena_pass *run, arena_times *times)
    int arena_latency(arena *arena, uint32_t chunk, const arena_pass *run, uint32_t *latency_ns, uint64_t *count)
    uint64_t arena_roofline(arena *arena, uint32_t chunk, const clearfw_primitive *primitive, size_t call_bytes)

cdef extern from "bench/churn.h" nogil:
    struct churn_times:
        uint64_t total_ns
        uint64_t order_ns[11]
        uint64_t order_ops[11]
    int churn_run(c_machine *machine, const uint32_t *ops, size_t nr_ops, size_t nr_slots, gfp_t gfp,
                  bint by_order, churn_times *times)

cdef extern from "bench/timing.h" nogil:
    int vmalloc_time(c_machine *machine, vmalloc_area *area, uint64_t *ns, bint *clean)
    int dispatch_time(c_machine *machine, uint64_t rounds, uint64_t *ns)
    int pairs_time(c_machine *machine, unsigned int order, gfp_t gfp, uint64_t rounds, uint64_t *ns)

cdef extern from "check/witness.h" nogil:
    struct c_witness "witness":
        uint64_t asked
        uint64_t npages
        uint64_t touched
        uint64_t pfn
    const clearfw_strategy witness_strategy
    void witness_take(c_witness *seen)

cdef extern from "check/garbage.h" nogil:
    const clearfw_strategy garbage_strategy

cdef extern from "check/litmus.h" nogil:
    struct litmus_result:
        uint64_t rounds
        uint64_t offset
    int litmus_run(c_machine *machine, init_point point, page *page, const clearfw_primitive *primitive,
                   uint64_t budget_ns, litmus_result *result)

cdef extern from "check/crash_report.h" nogil:
    int crash_report_to(int fd)

cdef extern from "base/fault_inject.h" nogil:
    void fault_inject_after(uint64_t n)
    uint64_t fault_inject_calls()

cdef extern from "mm/core_names.h" nogil:
    const char *core_event_name(int event)
    const char *core_gfp_name(int index, uint32_t *bit)

cdef extern from "clearfw/observed/observed.h" nogil:
    struct clearfw_observed:
        pass

cdef extern from "check/finding.h" nogil:
    struct finding:
        int kind
        int code
        uint64_t pfn
        uint64_t offset
        int byte
        uint64_t pc[6]
        char message[400]
    enum:
        NR_FINDINGS

cdef extern from "check/pattern.h" nogil:
    ctypedef int pattern_spot "enum pattern_spot"
    ctypedef int pattern_pages "enum pattern_pages"
    struct c_pattern "pattern":
        uint64_t word
        pattern_spot spot
        pattern_pages pages

cdef extern from "check/grant.h" nogil:
    struct grant:
        pass
    void grant_seal(grant *grant)
    void grant_unseal(grant *grant)
    void grant_keep_open(grant *grant, page *const *pages, size_t npages)

cdef extern from "check/examiner.h" nogil:
    struct compare_site:
        uint64_t pc
        uint64_t left
        uint64_t right
        bint constant
        bint left_varies
        bint right_varies
    struct c_examiner "examiner":
        grant grant
        c_pattern pattern
        bint hollow
        uint64_t patience_ns
        uint64_t max_events
        uint64_t events
        finding found
        bint exhausted
        uint64_t calls, claims, new_blocks, new_sites
        uint8_t *seen
        size_t image_bytes
        compare_site *sites
        uint64_t shared[16]
        uint64_t shared_pc[16]
        int nr_shared
        uint64_t waste, waste_of, remaps, remaps_of, longest_clear

cdef extern from "check/examination.h" nogil:
    int examiner_init(c_examiner *examiner, c_machine *machine, const clearfw_strategy *subject,
                      const clearfw_observed *observed, clearfw_error *err)
    int examiner_init_callback(c_examiner *examiner, c_machine *machine, init_callback callback, void *context,
                               unsigned int points, clearfw_error *err)
    void examiner_deinit(c_examiner *examiner)
    void examiner_begin(c_examiner *examiner)
    void examine_block(c_examiner *examiner, init_point point, page *page, unsigned int npages,
                       const uint64_t *private)
    void examine_list(c_examiner *examiner, init_point point, page **pages, int nr, const uint64_t *private)
    void examine_area(c_examiner *examiner, const void *start, unsigned long nbytes, const uint64_t *private)
    enum:
        EXAMINER_SITES

cdef extern from "check/observe.h" nogil:
    bint observe_may_clear(const void *addr, unsigned int npages)
    bint observe_may_map(const page *page)

cdef extern from *:
    """
    #include "check/finding.h"
    static const char *const finding_names[] = {
    #define FINDING_NAME(name) #name,
        CLEARFW_FINDINGS(FINDING_NAME)
    #undef FINDING_NAME
    };
    """
    const char *finding_names[32]
