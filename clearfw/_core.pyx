# SPDX-License-Identifier: MIT
# cython: language_level=3, binding=False, embedsignature=False, freethreading_compatible=False
"""The binding over the C core: one class per C structure, and nothing clever."""

cimport cython
from cpython.buffer cimport PyBuffer_FillInfo
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.errno cimport errno
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t, uintptr_t
from libc.string cimport memset as c_memset, strerror

import threading

from clearfw import errors
from clearfw.gfp import Gfp

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

cdef extern from "error.h" nogil:
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

cdef extern from "config.h" nogil:
    enum clearfw_backing:
        BACKING_AUTO, BACKING_HUGETLB, BACKING_THP, BACKING_BASE
    enum clearfw_kasan:
        KASAN_OFF, KASAN_GENERIC, KASAN_SW_TAGS, KASAN_HW_TAGS
    enum clearfw_kmap:
        KMAP_STRICT, KMAP_PRICED
    struct clearfw_config:
        uint64_t memory
        uint64_t alias
        uint64_t highmem
        uint32_t page_shift
        clearfw_backing backing
        clearfw_kasan kasan
        clearfw_kmap kmap
        bint init_on_alloc
        bint init_on_free
        bint page_poison
        bint kasan_vmalloc
        bint vmalloc_init_always
        bint record_events
        uint32_t kasan_sample
        uint32_t kasan_sample_order
        uint64_t seed

cdef extern from "gfp.h" nogil:
    ctypedef uint32_t gfp_t
    enum:
        GFP_KERNEL, __GFP_ZERO

cdef extern from "stats.h" nogil:
    struct clearfw_stats:
        uint64_t allocs, frees, inits, pages, clear_calls, cleared_pages, integrated_pages, memsets
        uint64_t memset_bytes
        uint64_t fences, kmaps, page_walks, kasan_reports, poison_reports, bad_pages, sleeps, warnings
        uint64_t longest_clear

cdef extern from "memory.h" nogil:
    struct memory:
        size_t nbytes
        size_t lowmem
        char *direct
        clearfw_backing backing
    int memory_populate(memory *memory, clearfw_backing asked, clearfw_error *err)
    int64_t memory_huge_bytes(const memory *memory)

cdef extern from "kasan.h" nogil:
    struct kasan_report:
        const void *addr
        size_t nbytes
        uint32_t pfn
        uint8_t pointer_tag
        uint8_t memory_tag

cdef extern from "init_point.h" nogil:
    enum init_point:
        INIT_ALLOC, INIT_FREE, INIT_VMALLOC
    ctypedef int (*init_callback)(void *context, init_point point, const void *what, unsigned long n) noexcept
    int init_point_bind(c_machine *machine, init_point point, const clearfw_strategy *const *chain, int nr)
    int init_point_bind_callback(c_machine *machine, init_point point, init_callback callback, void *context)
    int init_pages(c_cpu *cpu, init_point point, page *page, unsigned int npages)
    int init_bulk(c_cpu *cpu, init_point point, page **pages, int nr)
    bint strategy_has_point(const clearfw_strategy *strategy, init_point point)
    bint strategy_ask(const clearfw_strategy *strategy, init_point point, const void *what, unsigned long n)

cdef extern from "vmalloc.h" nogil:
    struct vmalloc_area:
        char *start
        size_t nbytes
        uint32_t nr_pages
        uint32_t nr_runs
        uint32_t huge_pages
        void *tagged
        uint32_t *pfns
    int c_vmalloc "vmalloc"(c_machine *machine, size_t nbytes, gfp_t gfp, unsigned int flags, vmalloc_area **area)
    int c_vfree "vfree"(c_machine *machine, const void *addr)
    enum:
        VMALLOC_ALLOW_HUGE

cdef extern from "machine.h" nogil:
    struct c_cpu "cpu":
        bint in_init
        clearfw_error error
        kasan_report kasan_report
    struct c_machine "machine":
        clearfw_config config
        uint32_t page_shift
        uint32_t nr_pages
        memory memory
        page *mem_map
        bint init_on_alloc
        bint init_on_free
        bint debug
        const clearfw_primitive *primitive[20]
        unsigned int nr_events
        uint8_t events[4096]
    struct c_current_cpu "current_cpu":
        uint64_t machine_id
        c_cpu *cpu
    c_machine *machine_create(const clearfw_config *config, clearfw_error *err)
    void machine_destroy(c_machine *machine)
    void machine_stats(c_machine *machine, clearfw_stats *stats)
    void machine_reset_stats(c_machine *machine)
    const char *machine_is_valid(c_machine *machine)
    void machine_drain(c_machine *machine)
    uint64_t machine_nr_free(c_machine *machine)
    c_cpu *this_cpu(c_machine *machine)
    void *machine_page_bytes(const c_machine *machine, const page *page)
    enum:
        NR_PRIMITIVE_SIZES, EVENT_LOG_SIZE

cdef extern from "page_alloc.h" nogil:
    enum:
        MAX_PAGE_ORDER, MAX_CONTIG_ORDER
    int machine_alloc(c_machine *machine, unsigned int order, gfp_t gfp, page **page)
    int machine_alloc_bulk(c_machine *machine, gfp_t gfp, page **pages, int nr)
    int machine_alloc_contig(c_machine *machine, unsigned int order, gfp_t gfp, page **page)
    int machine_free(c_machine *machine, page *page, unsigned int order)
    int machine_free_bulk(c_machine *machine, page **pages, int nr)

cdef extern from "hugetlb.h" nogil:
    struct hugetlb_pool:
        unsigned int order
        uint64_t nr_free
        uint64_t nr_pages
    void hugetlb_init(hugetlb_pool *pool, c_machine *machine, unsigned int order)
    int hugetlb_grow(hugetlb_pool *pool, uint64_t count, uint64_t *grown)
    int hugetlb_shrink(hugetlb_pool *pool, uint64_t count)
    int hugetlb_get(hugetlb_pool *pool, page **page)
    void hugetlb_put(hugetlb_pool *pool, page *page)

cdef extern from "primitive.h" nogil:
    const clearfw_primitive *primitive_at(int index)
    const clearfw_primitive *primitive_by_name(const char *name)
    bint primitive_is_supported(const clearfw_primitive *primitive)
    bint primitive_is_filled(const void *addr, size_t nbytes, uint8_t byte, size_t *where)

cdef extern from "lent.h" nogil:
    const clearfw_core clearfw_core_table
    bint lent_is_mapped(c_machine *machine, const void *addr, size_t nbytes)
    void *lent_kmap_local_page(page *page)
    void lent_kunmap_local(const void *addr)
    void lent_clear_pages(void *addr, unsigned int npages)
    void *lent_memset(void *addr, int c, size_t nbytes)
    void lent_kasan_depth_add(int delta)
    page *lent_vmalloc_to_page(const void *addr)
    void cpu_forget_violation(c_cpu *cpu)
    int cpu_take_violation(c_cpu *cpu)

cdef extern from "arena.h" nogil:
    enum arena_touch:
        TOUCH_NONE, TOUCH_FIRST, TOUCH_ALL
    struct arena_chunk:
        uint32_t pfn
    struct arena:
        uint32_t chunk_pages
        uint32_t nr_chunks
    struct arena_pass:
        unsigned int order
        gfp_t gfp
        arena_touch touch
        bint hot
        int bulk
        int threads
        bint verify
    struct arena_times:
        uint64_t blocks
        uint64_t alloc_ns
        uint64_t free_ns
        uint64_t dirty_offset
    struct churn_times:
        uint64_t total_ns
        uint64_t order_ns[11]
        uint64_t order_ops[11]
    int arena_init(arena *arena, c_machine *machine, size_t chunk_bytes, clearfw_error *err)
    void arena_deinit(arena *arena)
    int arena_run(arena *arena, uint32_t chunk, const arena_pass *run, arena_times *times)
    int arena_latency(arena *arena, uint32_t chunk, const arena_pass *run, uint32_t *latency_ns, uint64_t *count)
    uint64_t arena_roofline(arena *arena, uint32_t chunk, const clearfw_primitive *primitive, size_t call_bytes)
    void arena_fragment(arena *arena, uint64_t seed)
    void arena_dirty(arena *arena, uint32_t chunk)
    void *arena_chunk_bytes(const arena *arena, uint32_t chunk)
    int churn_run(c_machine *machine, const uint32_t *ops, size_t nr_ops, size_t nr_slots, gfp_t gfp,
                  bint by_order, churn_times *times)
    int vmalloc_time(c_machine *machine, vmalloc_area *area, uint64_t *ns, bint *clean)
    int dispatch_time(c_machine *machine, uint64_t rounds, uint64_t *ns)
    int pairs_time(c_machine *machine, unsigned int order, gfp_t gfp, uint64_t rounds, uint64_t *ns)

cdef extern from "witness.h" nogil:
    struct c_witness "witness":
        uint64_t asked
        uint64_t touched
        uint64_t pfn
    const clearfw_strategy witness_strategy
    void witness_take(c_witness *seen)

cdef extern from "garbage.h" nogil:
    const clearfw_strategy garbage_strategy

cdef extern from "litmus.h" nogil:
    struct litmus_result:
        uint64_t rounds
        uint64_t offset
    int litmus_run(c_machine *machine, init_point point, page *page, const clearfw_primitive *primitive,
                   uint64_t budget_ns, litmus_result *result)

cdef extern from "fault.h" nogil:
    int fault_report_to(int fd)

cdef extern from "inject.h" nogil:
    void inject_fail_after(uint64_t n)
    uint64_t inject_calls()

cdef extern from "core_names.h" nogil:
    const char *core_event_name(int event)
    const char *core_gfp_name(int index, uint32_t *bit)


ABI = CLEARFW_ABI
MAX_ORDER = MAX_PAGE_ORDER
MAX_GIGANTIC_ORDER = MAX_CONTIG_ORDER
PRIMITIVE_SIZES = NR_PRIMITIVE_SIZES
ZONES = ("NORMAL", "HIGHMEM")
POINTS = ("alloc", "free", "vmalloc")

cdef tuple _BACKINGS = ("auto", "hugetlb", "thp", "base")
cdef tuple _KASANS = ("off", "generic", "sw_tags", "hw_tags")
cdef tuple _KMAPS = ("strict", "priced")
cdef tuple _TOUCHES = ("none", "first", "all")

# gfp text is parsed once: the same few strings come again and again.
cdef dict _parsed_gfp = {}


cdef gfp_t _gfp(object gfp) except? 0:
    if isinstance(gfp, str):
        found = _parsed_gfp.get(gfp)
        if found is None:
            found = _parsed_gfp[gfp] = int(Gfp.parse(gfp))
        return <gfp_t>found
    return <gfp_t>gfp


cdef object _core_error(clearfw_error *error, str stack):
    return errors.from_core(
        error.code, pfn=error.pfn, wanted=error.wanted, found=error.found, zone=error.zone,
        sys_errno=error.sys_errno, detail=error.detail.decode(), stack=stack,
    )


cdef object _no_memory_for(str what):
    return errors.MemoryLimitError(
        f"the host gave no memory for {what}: free some, or raise RLIMIT_AS"
    )


cdef c_cpu *_cpu(c_machine *machine) except NULL:
    cdef c_cpu *cpu = this_cpu(machine)
    if cpu == NULL:
        raise _no_memory_for("this thread's page lists")
    return cpu


def fail_after(uint64_t n):
    """Have the N-th call from now that asks the host for memory, a mapping, a file or a thread fail; 0: none."""
    inject_fail_after(n)


def injected_calls() -> int:
    """Return how many such calls the core has made so far."""
    return inject_calls()


def gfp_bits() -> dict:
    """Return the core's own table of gfp bits, by the kernel's names."""
    cdef uint32_t bit
    cdef int index = 0
    cdef const char *name
    names = {}
    while (name := core_gfp_name(index, &bit)) != NULL:
        names[name.decode()] = bit
        index += 1
    return names


# Strategies and primitives


cdef class NativeStrategyHandle:
    """A loaded C strategy: its functions, and which init points they serve."""

    cdef const clearfw_strategy *strategy
    cdef readonly str name
    cdef readonly frozenset points
    cdef readonly bint bulk

    def ask(self, str point, range_) -> bool:
        """Return whether the C function claimed RANGE_, the argument of that init point's hook."""
        cdef init_point where = <init_point><int>POINTS.index(point)
        cdef PageRange pages
        cdef VmallocRange area
        cdef bint claimed
        if point not in self.points:
            return False
        if where == INIT_VMALLOC:
            area = range_
            _cpu(area.machine.require())
            with nogil:
                claimed = strategy_ask(self.strategy, where, area.start, area.size)
        else:
            pages = range_
            _cpu(pages.machine.require())
            with nogil:
                claimed = strategy_ask(self.strategy, where, pages.head, pages.count)
        return claimed

    def __repr__(self):
        return f"<NativeStrategyHandle {self.name} for {', '.join(sorted(self.points))}>"


cdef void *_load_symbol(str path, bytes symbol) except NULL:
    cdef bytes encoded = path.encode()
    cdef const char *c_path = encoded
    cdef const char *c_symbol = symbol
    cdef void *handle
    cdef void *found
    with nogil:
        handle = dlopen(c_path, RTLD_NOW | RTLD_LOCAL)
    if handle == NULL:
        raise errors.AbiError(f"{path} cannot be loaded: {dlerror().decode()}")
    found = dlsym(handle, c_symbol)
    if found == NULL:
        what = "CLEARFW_" + symbol.decode().removeprefix("clearfw_").upper()
        raise errors.AbiError(f"{path} exports no {symbol.decode()}: end the file with {what}(name, ...)")
    return found


cdef _check_abi(str path, uint32_t abi, uint32_t size, size_t expected):
    if abi != CLEARFW_ABI or size != expected:
        raise errors.AbiError(
            f"{path} has ABI {abi}, record size {size}; this clearfw has ABI {CLEARFW_ABI}, size {expected}: "
            "compile it against this version's clearfw/strategy.h"
        )


def load_strategy(str path) -> NativeStrategyHandle:
    """Return the strategy a shared object exports; raises AbiError."""
    cdef const clearfw_strategy *strategy = <const clearfw_strategy *>_load_symbol(path, b"clearfw_strategy")
    _check_abi(path, strategy.abi, strategy.size, sizeof(clearfw_strategy))
    # The one thing the core writes into a strategy: where its table of functions is.
    (<const clearfw_core **>strategy.core)[0] = &clearfw_core_table
    handle = _handle(strategy)
    if not handle.points:
        raise errors.AbiError(f"{path} implements no init point: give CLEARFW_STRATEGY() at least one function")
    return handle


cdef NativeStrategyHandle _handle(const clearfw_strategy *strategy):
    cdef NativeStrategyHandle handle = NativeStrategyHandle.__new__(NativeStrategyHandle)
    handle.strategy = strategy
    handle.name = strategy.name.decode()
    handle.points = frozenset(
        point for where, point in enumerate(POINTS) if strategy_has_point(strategy, <init_point><int>where)
    )
    handle.bulk = strategy.init_bulk != NULL
    return handle


def witness() -> NativeStrategyHandle:
    """Return the strategy for the end of a stack under test: it claims all, and sees what was passed on to it."""
    return _handle(&witness_strategy)


def garbage() -> NativeStrategyHandle:
    """Return the strategy for the top of a stack under test: it fills with garbage and passes on."""
    return _handle(&garbage_strategy)


def take_witness() -> dict:
    """Return what the witness saw since the last call: times asked, how often memory was touched, and at which pfn."""
    cdef c_witness seen
    witness_take(&seen)
    return seen


cdef dict _loaded_primitives = {}


def load_primitive(str path) -> str:
    """Add the primitive a shared object exports, and return its name; raises AbiError."""
    cdef const clearfw_primitive *primitive = <const clearfw_primitive *>_load_symbol(path, b"clearfw_primitive")
    _check_abi(path, primitive.abi, primitive.size, sizeof(clearfw_primitive))
    name = primitive.name.decode()
    _loaded_primitives[name] = <uintptr_t>primitive
    return name


cdef const clearfw_primitive *_primitive(str name) except NULL:
    cdef bytes encoded = name.encode()
    cdef const clearfw_primitive *primitive = primitive_by_name(encoded)
    if primitive == NULL and name in _loaded_primitives:
        primitive = <const clearfw_primitive *><uintptr_t>_loaded_primitives[name]
    if primitive == NULL:
        raise errors.UnknownPrimitiveError(name, [*_primitive_names(), "kernel", "best"])
    if not primitive_is_supported(primitive):
        raise errors.UnsupportedError(
            f"primitive {name!r} needs {primitive.instruction.decode()}, which this CPU lacks: "
            f"choose one of {', '.join(p['name'] for p in primitives() if p['supported'])}"
        )
    return primitive


def _primitive_names() -> list:
    return [primitive["name"] for primitive in primitives()]


cdef dict _describe(const clearfw_primitive *primitive, bint loaded):
    return {
        "name": primitive.name.decode(),
        "instruction": primitive.instruction.decode(),
        "nontemporal": primitive.fence != NULL,
        "supported": bool(primitive_is_supported(primitive)),
        "loaded": bool(loaded),
    }


def primitives() -> list:
    """Return every primitive known: name, instruction, nontemporal, supported, loaded (by a plugin)."""
    cdef int index = 0
    cdef const clearfw_primitive *primitive
    found = []
    while (primitive := primitive_at(index)) != NULL:
        found.append(_describe(primitive, False))
        index += 1
    for address in _loaded_primitives.values():
        found.append(_describe(<const clearfw_primitive *><uintptr_t>address, True))
    return found


def resolve_primitive(str name) -> str:
    """Return the primitive's own name ("kernel" is another name for one); raises if unknown or unsupported."""
    return _primitive(name).name.decode()


# What hooks are given


@cython.freelist(16)
cdef class PageRange:
    """Pages of one block, as an init point's hook sees them; valid only while the hook runs."""

    cdef readonly CoreMachine machine
    cdef readonly uint32_t pfn
    cdef page *head
    cdef unsigned long count

    @property
    def npages(self) -> int:
        """How many pages."""
        return self.count

    @property
    def nbytes(self) -> int:
        """How many bytes."""
        return self.count << self.machine.require().page_shift

    @property
    def highmem(self) -> bool:
        """PageHighMem(): the pages lie in ZONE_HIGHMEM and have no address."""
        self.machine.require()
        return self.head.zone == 1

    @property
    def zone(self) -> str:
        """The zone's name."""
        self.machine.require()
        return ZONES[self.head.zone]

    @property
    def address(self):
        """page_address() of the first page, with its KASAN tag; None for HIGHMEM."""
        return _page_address(self.machine.require(), self.head)

    def __len__(self):
        return self.count

    def __iter__(self):
        for i in range(self.count):
            yield _page_range(self.machine, self.head + <size_t>i, 1)

    def __repr__(self):
        return f"<PageRange pfn {self.pfn:#x} npages {self.count}>"


cdef class VmallocRange:
    """A vmalloc area, as the init point's hook sees it: the size as asked for."""

    cdef readonly CoreMachine machine
    cdef const void *start
    cdef unsigned long size

    @property
    def address(self) -> int:
        """Where it begins, with its KASAN tag."""
        return <uintptr_t>self.start

    @property
    def nbytes(self) -> int:
        """Bytes as asked for; the last page counts whole."""
        return self.size

    @property
    def npages(self) -> int:
        """Pages that hold it."""
        cdef c_machine *machine = self.machine.require()
        return (self.size + (1ul << machine.page_shift) - 1) >> machine.page_shift

    def __repr__(self):
        return f"<VmallocRange address {self.address:#x} nbytes {self.nbytes}>"


cdef object _page_address(c_machine *machine, page *page):
    if page.virtual == NULL:
        return None
    if machine.config.kasan in (KASAN_SW_TAGS, KASAN_HW_TAGS):
        return <uintptr_t>page.virtual | (<uintptr_t>(page.kasan_tag ^ 0xFF) << 56)
    return <uintptr_t>page.virtual


cdef PageRange _page_range(CoreMachine machine, page *head, unsigned long count):
    cdef PageRange pages = PageRange.__new__(PageRange)
    pages.machine = machine
    pages.pfn = head.pfn
    pages.head = head
    pages.count = count
    return pages


cdef int _init_callback(void *context, init_point point, const void *what, unsigned long n) noexcept with gil:
    cdef CoreMachine machine = <CoreMachine>context
    cdef VmallocRange area
    outer = getattr(_inside, "machine", None)
    _inside.machine = machine
    try:
        if point == INIT_VMALLOC:
            area = VmallocRange.__new__(VmallocRange)
            area.machine = machine
            area.start = what
            area.size = n
            argument = area
        else:
            argument = _page_range(machine, <page *>what, n)
        return 1 if machine.callbacks[<int>point](argument) else 0
    except BaseException as error:  # it is raised again where the allocation was asked for
        machine.failures[threading.get_ident()] = error
        return -1
    finally:
        _inside.machine = outer


# Owned memory


# Tracking every block would cost the garbage collector 40 ns a page. A cycle through one needs a Python
# strategy that keeps blocks of its own machine.
@cython.no_gc
cdef class _Buffer:
    """Memory with the buffer protocol, which cannot go away under a view."""

    cdef CoreMachine machine
    cdef Py_ssize_t exports
    cdef bint freed

    def __cinit__(self):
        self.freed = True

    cdef _check_idle(self, str what):
        if self.exports:
            raise errors.PagesInUseError(
                f"{what} has {self.exports} live view{'s' if self.exports > 1 else ''}: "
                "release it (view.release(), or del array) before freeing"
            )

    cdef _export(self, Py_buffer *buffer, void *start, Py_ssize_t nbytes, int flags):
        PyBuffer_FillInfo(buffer, self, start, nbytes, False, flags)
        self.exports += 1
        self.machine.exports += 1

    def __releasebuffer__(self, Py_buffer *buffer):
        self.exports -= 1
        self.machine.exports -= 1

    @property
    def is_freed(self) -> bool:
        """Whether it was given back."""
        return self.freed


@cython.no_gc
cdef class Pages(_Buffer):
    """An allocated block of 2^order pages. Its bytes are a buffer: memoryview(pages), numpy.frombuffer(pages)."""

    cdef page *head
    cdef readonly uint32_t pfn
    cdef readonly unsigned int order

    cdef c_machine *require(self) except NULL:
        cdef c_machine *machine = self.machine.require()
        if self.freed:
            raise errors.FreedPagesError(f"pages from pfn {self.pfn:#x} were freed", self.pfn)
        return machine

    def free(self):
        """Give the block back. Raises PagesInUseError while a view of it lives, DoubleFreeError a second time."""
        self.machine.free_pages(self)

    def __enter__(self):
        self.require()
        return self

    def __exit__(self, *exception):
        if not self.freed:
            self.machine.free_pages(self)

    @property
    def npages(self) -> int:
        """How many pages."""
        return 1 << self.order

    @property
    def nbytes(self) -> int:
        """How many bytes."""
        return 1 << (self.order + self.machine.require().page_shift)

    @property
    def zone(self) -> str:
        """The zone's name, NORMAL or HIGHMEM."""
        self.require()
        return ZONES[self.head.zone]

    @property
    def highmem(self) -> bool:
        """PageHighMem()."""
        self.require()
        return self.head.zone == 1

    @property
    def compound(self) -> bool:
        """Allocated with __GFP_COMP."""
        self.require()
        return bool(self.head.flags & PG_compound)

    @property
    def address(self):
        """page_address(), with its KASAN tag; None for HIGHMEM."""
        return _page_address(self.require(), self.head)

    @property
    def kasan_tag(self) -> int:
        """page_kasan_tag(): 0xff is match-all."""
        self.require()
        return self.head.kasan_tag

    @property
    def private(self) -> int:
        """page_private()."""
        self.require()
        return self.head.private

    @private.setter
    def private(self, unsigned long value):
        self.require()
        self.head.private = value

    @property
    def mapcount(self) -> int:
        """Anything but 0 makes this a bad page when it is freed: leaked, and not cleared."""
        self.require()
        return self.head.mapcount

    @mapcount.setter
    def mapcount(self, int value):
        self.require()
        self.head.mapcount = value

    @property
    def hwpoison(self) -> bool:
        """PageHWPoison(): an order-0 page so marked never reaches the buddy again."""
        self.require()
        return bool(self.head.flags & PG_hwpoison)

    @hwpoison.setter
    def hwpoison(self, bint value):
        self.require()
        self.head.flags = self.head.flags | PG_hwpoison if value else self.head.flags & ~<uint32_t>PG_hwpoison

    def kmap_local(self, unsigned int index=0):
        """Map page INDEX of the block, HIGHMEM or not, until the KmapLocal it returns is closed."""
        self.require()
        if index >= 1u << self.order:
            raise IndexError(f"page {index} of a block of {1 << self.order}: give an index below that")
        return KmapLocal(self, index)

    def read(self) -> bytes:
        """Return a copy of the bytes as the core sees them, HIGHMEM included, mapped or not."""
        cdef c_machine *machine = self.require()
        return (<char *>machine_page_bytes(machine, self.head))[:self.nbytes]

    def fill(self, unsigned char byte):
        """Set every byte through the core's own view, HIGHMEM included."""
        cdef c_machine *machine = self.require()
        c_memset(machine_page_bytes(machine, self.head), byte, self.nbytes)

    def first_not(self, unsigned char byte=0):
        """Return the offset of the first byte that is not BYTE, or None."""
        cdef c_machine *machine = self.require()
        cdef size_t where = 0
        if primitive_is_filled(machine_page_bytes(machine, self.head), self.nbytes, byte, &where):
            return None
        return where

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        self.require()
        if self.head.virtual == NULL:
            raise errors.NotMappedError(
                f"HIGHMEM pages from pfn {self.pfn:#x} have no direct mapping: use pages.kmap_local(index)",
                self.pfn,
            )
        self._export(buffer, self.head.virtual, self.nbytes, flags)

    def __len__(self):
        return self.nbytes

    def __repr__(self):
        state = "freed" if self.freed else "gone" if self.machine.c == NULL else ZONES[self.head.zone]
        return f"<Pages pfn {self.pfn:#x} order {self.order} {state}>"


cdef class KmapLocal(_Buffer):
    """A page mapped with kmap_local_page(); its bytes are a buffer. Unmap the newest first."""

    cdef Pages pages
    cdef void *mapped

    def __init__(self, Pages pages, unsigned int index):
        cdef c_cpu *cpu = _cpu(pages.require())
        self.machine = pages.machine
        self.pages = pages
        cpu_forget_violation(cpu)
        self.mapped = lent_kmap_local_page(pages.head + index)
        _raise_violation(self.machine)
        pages.exports += 1
        self.freed = False

    def close(self):
        """kunmap_local(). Raises KmapError unless this is the newest mapping, PagesInUseError under a view."""
        if self.freed:
            return
        self._check_idle("the kmap_local mapping")
        cpu_forget_violation(_cpu(self.machine.require()))
        lent_kunmap_local(self.mapped)
        _raise_violation(self.machine)
        self.pages.exports -= 1
        self.freed = True

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        cdef c_machine *machine = self.machine.require()
        if self.freed:
            raise errors.FreedPagesError("the page was unmapped", self.pages.pfn)
        self._export(buffer, <void *>(<uintptr_t>self.mapped & ~(<uintptr_t>0xFF << 56)),
                     1 << machine.page_shift, flags)


cdef class VmallocArea(_Buffer):
    """A vmalloc allocation: scattered pages at consecutive addresses. Its bytes are a buffer."""

    cdef vmalloc_area *area

    cdef c_machine *require(self) except NULL:
        cdef c_machine *machine = self.machine.require()
        if self.freed:
            raise errors.FreedPagesError("the vmalloc area was freed", 0)
        return machine

    def free(self):
        """vfree(). Raises PagesInUseError while a view of it lives."""
        self.machine.vfree(self)

    def __enter__(self):
        self.require()
        return self

    def __exit__(self, *exception):
        if not self.freed:
            self.machine.vfree(self)

    @property
    def address(self) -> int:
        """Where it begins, with its KASAN tag."""
        self.require()
        return <uintptr_t>self.area.tagged

    @property
    def nbytes(self) -> int:
        """Bytes as asked for."""
        self.require()
        return self.area.nbytes

    @property
    def npages(self) -> int:
        """Pages that hold it."""
        self.require()
        return self.area.nr_pages

    @property
    def nruns(self) -> int:
        """Physically contiguous pieces."""
        self.require()
        return self.area.nr_runs

    @property
    def huge_pages(self) -> int:
        """Pages under PMD-sized leaves of the page table."""
        self.require()
        return self.area.huge_pages

    @property
    def pfns(self) -> list:
        """The page frame numbers, in order: area->pages[]."""
        self.require()
        return [self.area.pfns[i] for i in range(self.area.nr_pages)]

    def reinit(self):
        """Ask the vmalloc init point again: (nanoseconds it took, whether every byte is zero after it)."""
        cdef c_machine *machine = self.require()
        cdef uint64_t ns = 0
        cdef bint clean = False
        cdef int status
        with nogil:
            status = vmalloc_time(machine, self.area, &ns, &clean)
        self.machine.check(status)
        return ns, bool(clean)

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        cdef c_machine *machine = self.require()
        self._export(buffer, self.area.start, <Py_ssize_t>self.area.nr_pages << machine.page_shift, flags)


# The machine


cdef class CoreMachine:
    """The C core's machine: clearfw.machine.Machine adds strategies to it."""

    cdef c_machine *c
    cdef Py_ssize_t exports
    cdef list callbacks
    cdef dict failures
    cdef public str stack_name
    cdef object __weakref__

    def __cinit__(self):
        self.callbacks = [None, None, None]
        self.failures = {}
        self.stack_name = ""

    def __dealloc__(self):
        if self.c != NULL:
            machine_destroy(self.c)

    cdef c_machine *require(self) except NULL:
        if self.c == NULL:
            raise errors.MachineClosedError("the machine was closed: boot another")
        return self.c

    cdef int check(self, int status) except -1:
        cdef c_cpu *cpu
        if status == 0:
            return 0
        failure = self.failures.pop(threading.get_ident(), None)
        if failure is not None:
            raise failure
        cpu = _cpu(self.c)
        # Where there was no CPU to write an error to, there may be one now.
        if cpu.error.code != -status:
            raise _no_memory_for("this thread's page lists")
        raise _core_error(&cpu.error, self.stack_name)

    def _boot(self, config):
        """Create the C machine from a clearfw.config.Config."""
        cdef clearfw_config c
        cdef clearfw_error error
        c_memset(&c, 0, sizeof(c))
        c_memset(&error, 0, sizeof(error))
        c.memory = config.memory
        c.alias = config.alias
        c.highmem = config.highmem
        c.page_shift = config.page_shift
        c.backing = <clearfw_backing><int>_BACKINGS.index(config.backing)
        c.kasan = <clearfw_kasan><int>_KASANS.index(config.kasan)
        c.kmap = <clearfw_kmap><int>_KMAPS.index(config.kmap)
        c.init_on_alloc = config.init_on_alloc
        c.init_on_free = config.init_on_free
        c.page_poison = config.page_poison
        c.kasan_vmalloc = config.kasan_vmalloc
        c.vmalloc_init_always = config.vmalloc_init == "always"
        c.record_events = config.record_events
        c.kasan_sample = config.kasan_sample
        c.kasan_sample_order = config.kasan_sample_order
        c.seed = config.seed
        with nogil:
            self.c = machine_create(&c, &error)
        if self.c == NULL:
            raise _core_error(&error, "")

    def _destroy(self):
        """Release every mapping. Raises PagesInUseError while a view of its memory lives."""
        cdef c_cpu *cpu
        if self.c == NULL:
            return
        cpu = this_cpu(self.c)
        if cpu != NULL and cpu.in_init:
            raise errors.InitContextError("close() inside an init point: a strategy may only clear", self.stack_name)
        if self.exports:
            raise errors.PagesInUseError(
                f"{self.exports} views of the machine's memory are alive: release them before close()"
            )
        with nogil:
            machine_destroy(self.c)
        self.c = NULL

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self.c == NULL

    # Allocation

    cdef Pages wrap(self, page *head, unsigned int order):
        cdef Pages pages = Pages.__new__(Pages)
        pages.machine = self
        pages.pfn = head.pfn
        pages.head = head
        pages.order = order
        pages.freed = False
        return pages

    def alloc_pages(self, unsigned int order=0, gfp=GFP_KERNEL):
        """Return a block of 2^ORDER pages. Raises OutOfMemoryError, OrderError, UnclaimedError."""
        cdef c_machine *machine = self.require()
        cdef gfp_t flags = _gfp(gfp)
        cdef page *head = NULL
        cdef int status
        # Letting other threads run costs more than an allocation: only a long clear is worth it.
        if order > 3 and (machine.debug or flags & __GFP_ZERO):
            with nogil:
                status = machine_alloc(machine, order, flags, &head)
        else:
            status = machine_alloc(machine, order, flags, &head)
        if status:
            self.check(status)
        return self.wrap(head, order)

    def alloc_contig(self, unsigned int order, gfp=GFP_KERNEL):
        """Return a block above MAX_PAGE_ORDER, up to MAX_GIGANTIC_ORDER: one init of all of it."""
        cdef c_machine *machine = self.require()
        cdef gfp_t flags = _gfp(gfp)
        cdef page *head = NULL
        cdef int status
        if not MAX_PAGE_ORDER < order <= MAX_CONTIG_ORDER:
            raise errors.OrderError(
                f"alloc_contig of order {order}: give {MAX_PAGE_ORDER + 1} to {MAX_CONTIG_ORDER}, "
                "alloc_pages() has the smaller ones", order,
            )
        with nogil:
            status = machine_alloc_contig(machine, order, flags, &head)
        self.check(status)
        return self.wrap(head, order)

    def free_pages(self, Pages pages not None):
        """Give a block back. Raises DoubleFreeError, ForeignFreeError, PagesInUseError, UnclaimedError."""
        cdef c_machine *machine = self.require()
        cdef int status
        if pages.machine is not self:
            raise errors.ForeignFreeError(
                f"pages from pfn {pages.pfn:#x} belong to another machine: free them there",
                pages.pfn, pages.order,
            )
        if pages.freed:
            raise errors.DoubleFreeError(
                f"pages from pfn {pages.pfn:#x}, order {pages.order}, were freed before", pages.pfn
            )
        if pages.exports:
            pages._check_idle(f"the block at pfn {pages.pfn:#x}")
        pages.freed = True
        if pages.order > 3 and machine.debug:
            with nogil:
                status = machine_free(machine, pages.head, pages.order)
        else:
            status = machine_free(machine, pages.head, pages.order)
        if status:
            pages.freed = False
            self.check(status)

    def alloc_pages_bulk(self, int nr, gfp=GFP_KERNEL):
        """Return NR order-0 pages, all or none, cleared as one batch."""
        cdef c_machine *machine = self.require()
        cdef gfp_t flags = _gfp(gfp)
        cdef page **heads
        cdef int status
        if nr < 1:
            raise errors.ConfigError(f"alloc_pages_bulk of {nr} pages: ask for at least 1")
        heads = <page **>PyMem_Malloc(nr * sizeof(page *))
        if heads == NULL:
            raise _no_memory_for(f"a list of {nr} pages")
        try:
            with nogil:
                status = machine_alloc_bulk(machine, flags, heads, nr)
            self.check(status)
            return [self.wrap(heads[i], 0) for i in range(nr)]
        finally:
            PyMem_Free(heads)

    def free_pages_bulk(self, list pages not None):
        """Give back a list of order-0 pages as one batch: all, or none and an error."""
        cdef c_machine *machine = self.require()
        cdef tuple taken = tuple(pages)
        cdef Py_ssize_t nr = len(taken), marked = 0
        cdef page **heads
        cdef Pages one
        cdef int status
        if not nr:
            return
        heads = <page **>PyMem_Malloc(nr * sizeof(page *))
        if heads == NULL:
            raise _no_memory_for(f"a list of {nr} pages")
        try:
            for item in taken:
                one = <Pages?>item
                heads[marked] = self._head_to_free(one)
                one.freed = True
                marked += 1
            with nogil:
                status = machine_free_bulk(machine, heads, <int>nr)
            self.check(status)
        except BaseException:
            for item in taken[:marked]:
                (<Pages>item).freed = False
            raise
        finally:
            PyMem_Free(heads)

    cdef page *_head_to_free(self, Pages pages) except NULL:
        if pages.machine is not self or pages.order:
            raise errors.ForeignFreeError(
                f"pages from pfn {pages.pfn:#x}, order {pages.order}: "
                "free_pages_bulk() takes this machine's order-0 pages", pages.pfn, pages.order,
            )
        if pages.freed:
            raise errors.DoubleFreeError(f"pages from pfn {pages.pfn:#x} were freed before", pages.pfn)
        if pages.exports:
            pages._check_idle(f"the page at pfn {pages.pfn:#x}")
        return pages.head

    def vmalloc(self, size_t nbytes, gfp="GFP_KERNEL|__GFP_HIGHMEM", *, bint huge=False):
        """Return NBYTES of virtually contiguous memory; HUGE tries PMD-sized mappings first."""
        cdef c_machine *machine = self.require()
        cdef gfp_t flags = _gfp(gfp)
        cdef VmallocArea area = VmallocArea.__new__(VmallocArea)
        cdef unsigned int how = VMALLOC_ALLOW_HUGE if huge else 0
        cdef int status
        with nogil:
            status = c_vmalloc(machine, nbytes, flags, how, &area.area)
        self.check(status)
        area.machine = self
        area.freed = False
        return area

    def vfree(self, VmallocArea area not None):
        """Unmap and give back a vmalloc area. Raises VmallocError, PagesInUseError."""
        cdef c_machine *machine = self.require()
        cdef const void *start
        cdef int status
        if area.freed or area.machine is not self:
            raise errors.VmallocError("vfree of an area that is not (or no longer) of this machine")
        area._check_idle("the vmalloc area")
        start = area.area.tagged
        area.freed = True
        with nogil:
            status = c_vfree(machine, start)
        # Any other failure is a page's, which nobody cleared: by then the area is gone.
        area.freed = status not in (-CLEARFW_EIN_INIT, -CLEARFW_EMAP_COUNT)
        self.check(status)

    # Strategies

    def _bind(self, int point, list handles):
        """Make POINT a native chain of HANDLES, first asked first."""
        cdef c_machine *machine = self.require()
        cdef const clearfw_strategy *chain[16]
        cdef int nr = 0
        if len(handles) > 16:
            raise errors.ConfigError(f"a stack of {len(handles)} strategies: 16 is the most")
        for handle in handles:
            chain[nr] = (<NativeStrategyHandle>handle).strategy
            nr += 1
        # The callback stays: another thread may be about to call it.
        if init_point_bind(machine, <init_point>point, chain, nr):
            raise _no_memory_for("the stack of strategies")

    def _bind_callback(self, int point, callback):
        """Make POINT ask CALLBACK(range) instead; it returns true when the pages were cleared."""
        cdef c_machine *machine = self.require()
        self.callbacks[point] = callback
        if init_point_bind_callback(machine, <init_point>point, _init_callback, <void *>self):
            raise _no_memory_for("the stack of strategies")

    def set_primitives(self, list names):
        """Use names[i] for clears of 2^i pages and up; the last for all larger ones."""
        cdef c_machine *machine = self.require()
        cdef const clearfw_primitive *primitive = NULL
        if not names:
            raise errors.ConfigError("no primitive given: name at least one")
        for i in range(NR_PRIMITIVE_SIZES):
            primitive = _primitive(names[min(<size_t>i, <size_t>len(names) - 1)])
            machine.primitive[i] = primitive

    @property
    def primitives(self) -> list:
        """The primitive's name for clears of 1, 2, 4, ... pages."""
        cdef c_machine *machine = self.require()
        return [machine.primitive[i].name.decode() for i in range(NR_PRIMITIVE_SIZES)]

    # State

    def populate(self):
        """Fault all memory in, and collapse it into huge pages where the backing is THP."""
        cdef c_machine *machine = self.require()
        cdef clearfw_error error
        cdef int status
        c_memset(&error, 0, sizeof(error))
        with nogil:
            status = memory_populate(&machine.memory, machine.config.backing, &error)
        if status:
            raise _core_error(&error, "")

    @property
    def backing(self) -> str:
        """What was obtained: hugetlb, thp or base. See huge_bytes for how much of it is huge."""
        return _BACKINGS[<int>self.require().memory.backing]

    @property
    def huge_bytes(self):
        """Bytes of the direct map under huge pages, read from /proc/self/smaps; None where it cannot be read."""
        cdef int64_t found = memory_huge_bytes(&self.require().memory)
        return None if found < 0 else found

    @property
    def nr_pages(self) -> int:
        """Pages in all."""
        return self.require().nr_pages

    @property
    def nr_free(self) -> int:
        """Free pages, those on per-CPU lists included."""
        return machine_nr_free(self.require())

    @property
    def init_on_alloc(self) -> bool:
        """The static key as decided at boot: page_poison turns it off."""
        return self.require().init_on_alloc

    @property
    def init_on_free(self) -> bool:
        """The static key as decided at boot: page_poison turns it off."""
        return self.require().init_on_free

    def fill(self, unsigned char byte, uint32_t pfn=0, npages=None):
        """Set every byte of NPAGES pages (all, if not given) from PFN on, whoever has them."""
        cdef c_machine *machine = self.require()
        cdef size_t count = self._page_range(pfn, npages)
        cdef size_t done = 0
        cdef size_t n
        # Lowmem and HIGHMEM are not adjacent in the core's view.
        while done < count:
            n = self._same_zone(pfn + done, count - done)
            c_memset(machine_page_bytes(machine, machine.mem_map + pfn + done), byte, n << machine.page_shift)
            done += n

    def first_not(self, unsigned char byte, uint32_t pfn=0, npages=None):
        """Return (pfn, offset, byte) of the first byte that is not BYTE in NPAGES pages from PFN on, or None."""
        cdef c_machine *machine = self.require()
        cdef size_t count = self._page_range(pfn, npages)
        cdef size_t done = 0
        cdef size_t n
        cdef size_t where = 0
        cdef unsigned char *bytes
        while done < count:
            n = self._same_zone(pfn + done, count - done)
            bytes = <unsigned char *>machine_page_bytes(machine, machine.mem_map + pfn + done)
            if not primitive_is_filled(bytes, n << machine.page_shift, byte, &where):
                return (pfn + done + (where >> machine.page_shift), where & ((1 << machine.page_shift) - 1), bytes[where])
            done += n
        return None

    cdef size_t _page_range(self, uint32_t pfn, npages) except? 0:
        cdef c_machine *machine = self.require()
        cdef size_t count = machine.nr_pages - pfn if npages is None else npages
        if pfn > machine.nr_pages or count > machine.nr_pages - pfn:
            raise IndexError(f"pfn {pfn:#x} and {count} pages from there, of {machine.nr_pages}")
        return count

    cdef size_t _same_zone(self, uint32_t pfn, size_t count):
        cdef size_t lowmem = self.c.memory.lowmem >> self.c.page_shift
        return lowmem - pfn if pfn < lowmem and count > lowmem - pfn else count

    def drain(self):
        """Give all per-CPU lists back to the buddy."""
        cdef c_machine *machine = self.require()
        with nogil:
            machine_drain(machine)

    def what_is_wrong(self):
        """Return None when every structure of the machine is valid, else the first thing that is not."""
        cdef c_machine *machine = self.require()
        cdef const char *wrong
        with nogil:
            wrong = machine_is_valid(machine)
        return None if wrong == NULL else wrong.decode()

    def _counters(self) -> dict:
        """Return struct clearfw_stats, summed over all threads."""
        cdef clearfw_stats stats
        machine_stats(self.require(), &stats)
        return stats

    def reset_counters(self):
        """Begin counting from zero."""
        machine_reset_stats(self.require())

    @property
    def kasan_report(self):
        """This thread's latest KASAN report as a dict (address, nbytes, pfn, pointer_tag, memory_tag), or None."""
        cdef c_cpu *cpu = this_cpu(self.require())
        if cpu == NULL or cpu.kasan_report.addr == NULL:
            return None
        return {
            "address": <uintptr_t>cpu.kasan_report.addr,
            "nbytes": cpu.kasan_report.nbytes,
            "pfn": cpu.kasan_report.pfn,
            "pointer_tag": cpu.kasan_report.pointer_tag,
            "memory_tag": cpu.kasan_report.memory_tag,
        }

    def take_events(self) -> list:
        """Return and forget what happened at the init points, in order (boot with record_events=1)."""
        cdef c_machine *machine = self.require()
        names = [
            core_event_name(machine.events[i]).decode()
            for i in range(min(<unsigned int>machine.nr_events, <unsigned int>EVENT_LOG_SIZE))
        ]
        machine.nr_events = 0
        return names

    # What checks ask of an init point, without an allocation

    def init_pages(self, str point, uint32_t pfn, unsigned int npages):
        """Have NPAGES pages from PFN on cleared at POINT ("alloc" or "free"), whoever has them; raises as it would."""
        cdef c_machine *machine = self.require()
        cdef c_cpu *cpu = this_cpu(machine)
        cdef init_point where = <init_point><int>POINTS.index(point, 0, 2)
        cdef int status
        self._page_range(pfn, npages)
        with nogil:
            status = init_pages(cpu, where, machine.mem_map + pfn, npages)
        self.check(status)

    def init_bulk(self, str point, list pfns not None) -> list:
        """Have a list of pages cleared as one batch; return the list as the strategies left it, None for no page."""
        cdef c_machine *machine = self.require()
        cdef c_cpu *cpu = this_cpu(machine)
        cdef init_point where = <init_point><int>POINTS.index(point, 0, 2)
        cdef int nr = len(pfns), status
        cdef page **pages = <page **>PyMem_Malloc((nr + 1) * sizeof(page *))
        if pages == NULL:
            raise MemoryError
        try:
            for i, pfn in enumerate(pfns):
                self._page_range(pfn, 1)
                pages[<int>i] = machine.mem_map + <uint32_t>pfn
            with nogil:
                status = init_bulk(cpu, where, pages, nr)
            self.check(status)
            return [None if pages[i] == NULL else pages[i].pfn for i in range(nr)]
        finally:
            PyMem_Free(pages)

    def struct_pages(self) -> bytes:
        """Return a copy of mem_map, the array of every struct page."""
        cdef c_machine *machine = self.require()
        return (<char *>machine.mem_map)[:machine.nr_pages * sizeof(page)]

    def litmus(self, str point, uint32_t pfn, uint64_t budget_ns, str unfenced=None):
        """Clear page PFN again and again at POINT, and read it in another thread: (rounds, offset seen stale or None).

        With UNFENCED, that primitive clears instead, and no fence follows: what this CPU shows of it.
        """
        cdef c_machine *machine = self.require()
        cdef init_point where = <init_point><int>POINTS.index(point, 0, 2)
        cdef const clearfw_primitive *primitive = NULL if unfenced is None else _primitive(unfenced)
        cdef litmus_result result
        cdef int status
        self._page_range(pfn, 1)
        with nogil:
            status = litmus_run(machine, where, machine.mem_map + pfn, primitive, budget_ns, &result)
        self.check(status)
        return result.rounds, None if result.offset == <uint64_t>-1 else result.offset

    # What benchmarks time, whole loops in C

    def time_dispatch(self, uint64_t rounds) -> int:
        """Return the nanoseconds of asking the alloc init point ROUNDS times for the same page."""
        cdef c_machine *machine = self.require()
        cdef uint64_t ns = 0
        cdef int status
        with nogil:
            status = dispatch_time(machine, rounds, &ns)
        self.check(status)
        return ns

    def time_pairs(self, uint64_t rounds, unsigned int order=0, gfp=GFP_KERNEL) -> int:
        """Return the nanoseconds of ROUNDS allocations, each freed at once."""
        cdef c_machine *machine = self.require()
        cdef gfp_t flags = _gfp(gfp)
        cdef uint64_t ns = 0
        cdef int status
        with nogil:
            status = pairs_time(machine, order, flags, rounds, &ns)
        self.check(status)
        return ns

    def time_churn(self, const uint32_t[::1] ops not None, size_t nslots, gfp=GFP_KERNEL, *, bint by_order=False):
        """Run a churn of OPS (csrc/churn.c): (nanoseconds, {order: (nanoseconds, operations)})."""
        cdef c_machine *machine = self.require()
        cdef gfp_t flags = _gfp(gfp)
        cdef churn_times times
        cdef size_t nops = ops.shape[0]
        cdef const uint32_t *first = &ops[0] if nops else NULL
        cdef int status
        with nogil:
            status = churn_run(machine, first, nops, nslots, flags, by_order, &times)
        self.check(status)
        orders = {i: (times.order_ns[i], times.order_ops[i]) for i in range(11) if times.order_ops[i]}
        return times.total_ns, orders


cdef class HugetlbPool:
    """A hugetlb pool: grows through the allocator, where pages are cleared, and recycles without freeing."""

    cdef CoreMachine machine
    cdef hugetlb_pool pool

    def __init__(self, CoreMachine machine not None, unsigned int order=9):
        self.machine = machine
        hugetlb_init(&self.pool, machine.require(), order)

    def grow(self, uint64_t count) -> int:
        """Allocate COUNT huge pages into the pool. Raises OutOfMemoryError, keeping those that came."""
        cdef uint64_t grown = 0
        cdef int status
        self.machine.require()
        with nogil:
            status = hugetlb_grow(&self.pool, count, &grown)
        self.machine.check(status)
        return grown

    def shrink(self, uint64_t count):
        """Give COUNT free huge pages, or as many as there are, back to the allocator."""
        cdef int status
        self.machine.require()
        with nogil:
            status = hugetlb_shrink(&self.pool, count)
        self.machine.check(status)

    def get(self) -> Pages:
        """Return a huge page: one of the pool as it was left, or a fresh one."""
        cdef page *head = NULL
        cdef int status
        self.machine.require()
        with nogil:
            status = hugetlb_get(&self.pool, &head)
        self.machine.check(status)
        return self.machine.wrap(head, self.pool.order)

    def put(self, Pages pages not None):
        """Give a huge page back to the pool: no free, no init."""
        pages.require()
        if pages.machine is not self.machine or not pages.head.flags & PG_hugetlb or pages.order != self.pool.order:
            raise errors.ForeignFreeError(
                f"pages from pfn {pages.pfn:#x}, order {pages.order}, are not of this pool of order "
                f"{self.pool.order}: give them back where they came from", pages.pfn, pages.order,
            )
        pages._check_idle(f"the huge page at pfn {pages.pfn:#x}")
        pages.freed = True
        hugetlb_put(&self.pool, pages.head)

    @property
    def nr_free(self) -> int:
        """Huge pages in the pool that nobody has."""
        return self.pool.nr_free

    @property
    def nr_pages(self) -> int:
        """Huge pages that came from the allocator."""
        return self.pool.nr_pages


cdef class Arena:
    """All free memory of a machine, held in chunks that are measured one at a time (csrc/arena.h)."""

    cdef CoreMachine machine
    cdef arena c
    cdef bint ready

    def __init__(self, CoreMachine machine not None, size_t chunk_bytes):
        cdef clearfw_error error
        cdef c_machine *c = machine.require()
        cdef int status
        c_memset(&error, 0, sizeof(error))
        with nogil:
            status = arena_init(&self.c, c, chunk_bytes, &error)
        if status:
            raise _core_error(&error, machine.stack_name)
        self.machine = machine
        self.ready = True

    def __dealloc__(self):
        if self.ready and self.machine is not None and self.machine.c != NULL:
            arena_deinit(&self.c)

    def close(self):
        """Give the memory back to the machine."""
        if self.ready:
            self.machine.require()
            arena_deinit(&self.c)
            self.ready = False

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    cdef int _check_chunk(self, unsigned int chunk) except -1:
        self.machine.require()
        if not self.ready or chunk >= self.c.nr_chunks:
            raise IndexError(f"chunk {chunk} of {self.c.nr_chunks}")
        return 0

    cdef arena_pass _pass(self, unsigned int order, gfp, str touch, bint hot, int bulk, int threads, bint verify) \
            except *:
        cdef arena_pass run
        if not 1 <= threads <= 64:
            raise errors.ConfigError(f"{threads} threads: give 1 to 64")
        if (1u << order) > self.c.chunk_pages:
            raise errors.OrderError(f"a block of order {order} is larger than a chunk", order)
        run.order = order
        run.gfp = _gfp(gfp)
        run.touch = <arena_touch><int>_TOUCHES.index(touch)
        run.hot = hot
        run.bulk = bulk
        run.threads = threads
        run.verify = verify
        return run

    @property
    def nchunks(self) -> int:
        """How many chunks there are."""
        return self.c.nr_chunks

    @property
    def chunk_bytes(self) -> int:
        """Bytes of one chunk."""
        return <size_t>self.c.chunk_pages << self.machine.require().page_shift

    def run(self, unsigned int chunk, unsigned int order, gfp=GFP_KERNEL, *, str touch="none", bint hot=False,
            int bulk=0, int threads=1, bint verify=True):
        """Allocate and free all of CHUNK: (blocks, alloc_ns, free_ns, offset of the first dirty byte or None)."""
        self._check_chunk(chunk)
        cdef arena_pass run = self._pass(order, gfp, touch, hot, bulk, threads, verify)
        cdef arena_times times
        cdef int status
        with nogil:
            status = arena_run(&self.c, chunk, &run, &times)
        self.machine.check(status)
        dirty = None if times.dirty_offset == <uint64_t>-1 else times.dirty_offset
        return times.blocks, times.alloc_ns, times.free_ns, dirty

    def latencies(self, unsigned int chunk, unsigned int order, gfp, uint32_t[::1] into not None) -> int:
        """Write the nanoseconds of every single allocation of CHUNK into INTO; return how many."""
        self._check_chunk(chunk)
        cdef arena_pass run = self._pass(order, gfp, "none", False, 0, 1, False)
        cdef uint64_t count = 0
        cdef int status
        if into.shape[0] < self.c.chunk_pages >> order:
            raise errors.ConfigError(f"room for {into.shape[0]} latencies, {self.c.chunk_pages >> order} wanted")
        with nogil:
            status = arena_latency(&self.c, chunk, &run, &into[0], &count)
        self.machine.check(status)
        return count

    def roofline(self, unsigned int chunk, str primitive, size_t call_bytes) -> int:
        """Return the nanoseconds to zero CHUNK with PRIMITIVE, CALL_BYTES a call, and no allocator in the way."""
        self._check_chunk(chunk)
        cdef const clearfw_primitive *found = _primitive(primitive)
        cdef uint64_t ns
        with nogil:
            ns = arena_roofline(&self.c, chunk, found, call_bytes)
        return ns

    def dirty(self, unsigned int chunk):
        """Fill the chunk with garbage, and leave none of it in a cache."""
        self._check_chunk(chunk)
        with nogil:
            arena_dirty(&self.c, chunk)

    def view(self, unsigned int chunk):
        """Return the chunk's bytes as a writable memoryview, for what clears it by other means."""
        self._check_chunk(chunk)
        return memoryview(_ChunkBuffer(self, chunk))

    def fragment(self, uint64_t seed):
        """Let go of every other page, in random order: nothing left is contiguous. The chunks are gone then."""
        self._check_chunk(0)
        arena_fragment(&self.c, seed)


cdef class _ChunkBuffer(_Buffer):
    """A chunk's bytes."""

    cdef Arena arena
    cdef unsigned int chunk

    def __init__(self, Arena arena, unsigned int chunk):
        self.arena = arena
        self.machine = arena.machine
        self.chunk = chunk

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        self._export(buffer, arena_chunk_bytes(&self.arena.c, self.chunk), self.arena.chunk_bytes, flags)


# The vocabulary of Python strategies: clearfw.kernel gives it its kernel names


cdef object _inside = threading.local()


cdef CoreMachine _machine_here():
    cdef CoreMachine machine = getattr(_inside, "machine", None)
    if machine is None:
        raise errors.StrategyError("the kernel's vocabulary is for use inside an init point", "")
    # The strategy may have been on another machine since.
    _cpu(machine.require())
    return machine


cdef int _raise_violation(CoreMachine machine) except -1:
    """Raise at once what a C strategy would only be told at the end of the init point."""
    cdef c_cpu *cpu = _cpu(machine.require())
    if cpu_take_violation(cpu):
        raise _core_error(&cpu.error, machine.stack_name)
    return 0


cdef void *_mapped(CoreMachine machine, uintptr_t address, size_t nbytes) except NULL:
    if not lent_is_mapped(machine.require(), <const void *>address, nbytes):
        raise errors.FaultError(
            f"{nbytes} bytes at {address:#x} are not mapped: a KASAN tag not reset, a HIGHMEM page not mapped, "
            "or an address past the end", address,
        )
    return <void *>address


def clear_pages(uintptr_t address, unsigned int npages):
    """Zero NPAGES whole pages at ADDRESS with the machine's primitive; raises FaultError."""
    cdef CoreMachine machine = _machine_here()
    cdef void *start = _mapped(machine, address, <size_t>npages << machine.require().page_shift)
    with nogil:
        lent_clear_pages(start, npages)


def checked_memset(uintptr_t address, int byte, size_t nbytes) -> bool:
    """Return True when memset() wrote, False when KASAN reported it instead; raises FaultError."""
    _mapped(_machine_here(), address & ~(<uintptr_t>0xFF << 56), nbytes)
    return lent_memset(<void *>address, byte, nbytes) != NULL


def kmap_local_page(PageRange page not None) -> int:
    """Return the address PAGE is mapped at until kunmap_local(); raises KmapError at the 17th."""
    cdef CoreMachine machine = _machine_here()
    if page.machine is not machine:
        raise errors.StrategyError(f"pfn {page.pfn:#x} is another machine's: map this one's", machine.stack_name)
    cdef void *mapped = lent_kmap_local_page(page.head)
    _raise_violation(machine)
    return <uintptr_t>mapped


def kunmap_local(uintptr_t address):
    """Undo the newest kmap_local_page(); raises KmapError for any other."""
    cdef CoreMachine machine = _machine_here()
    lent_kunmap_local(<void *>address)
    _raise_violation(machine)


def kasan_depth_add(int delta):
    """Suppress KASAN's reports for this thread (-1), or stop suppressing them (+1)."""
    _machine_here()
    lent_kasan_depth_add(delta)


def vmalloc_to_page(uintptr_t address) -> PageRange:
    """Return the page mapped at a vmalloc address, by a walk of the page table; raises FaultError."""
    cdef CoreMachine machine = _machine_here()
    cdef page *found = lent_vmalloc_to_page(<void *>address)
    if found == NULL:
        raise errors.FaultError(f"no vmalloc page at {address:#x}", address)
    return _page_range(machine, found, 1)


def report_faults_to(int fd):
    """Have a SIGSEGV or SIGBUS of this process write a line to FD that tells what was touched, before it ends it."""
    cdef int error = fault_report_to(fd)
    if error:
        raise errors.SystemCallError(f"sigaction for faults: {strerror(error).decode()}", error)
