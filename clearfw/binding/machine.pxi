# SPDX-License-Identifier: MIT
# The machine


# How long close() waits for calls of other threads: a clear of all memory takes a second or two.
cdef int _PATIENCE_MS = 10_000


cdef class CoreMachine:
    """The C core's machine: clearfw.machine.Machine adds strategies to it."""

    cdef c_machine *c
    cdef Py_ssize_t exports
    cdef Py_ssize_t calls
    cdef bint closing
    cdef unsigned int forks
    cdef list callbacks
    cdef dict failures
    cdef public str stack_name
    cdef object __weakref__

    def __cinit__(self, *arguments, **named):
        self.callbacks = [None, None, None]
        self.failures = {}
        self.stack_name = ""

    def __dealloc__(self):
        if self.c != NULL:
            self.destroy()

    cdef c_machine *require(self) except NULL:
        if self.c == NULL or self.closing:
            raise errors.MachineClosedError("the machine was closed: boot another")
        if self.forks != machines_forks:
            raise errors.ForkedError(
                "the machine was booted before this process was forked, and both would hand out the same memory: "
                "boot another in the child"
            )
        return self.c

    cdef int leave(self, int status) except -1:
        """End what began with `calls += 1`, which close() waits for nobody else to be at."""
        try:
            return self.check(status)
        finally:
            self.calls -= 1

    cdef void destroy(self) noexcept:
        # Of a forked process only the mappings are its own: whoever held a lock is not here to let go of it.
        if self.forks == machines_forks:
            machine_destroy(self.c)
        else:
            memory_deinit(&self.c.memory)
        self.c = NULL

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

    def __init__(self, config):
        """Boot from a clearfw.config.Config."""
        cdef clearfw_config c
        cdef clearfw_error error
        if self.c != NULL:
            raise errors.ConfigError("the machine is booted already: boot another")
        c_memset(&c, 0, sizeof(c))
        c_memset(&error, 0, sizeof(error))
        c.memory = config.memory
        c.hole = config.hole
        c.window = config.window
        c.highmem = config.highmem
        c.page_shift = config.page_shift
        c.backing = <clearfw_backing><int>_BACKINGS.index(config.backing)
        c.kasan = <clearfw_kasan><int>_KASANS.index(config.kasan)
        c.kmap = <clearfw_kmap><int>_KMAPS.index(config.kmap)
        c.preempt = <clearfw_preempt><int>_PREEMPTS.index(config.preempt)
        c.init_on_alloc = config.init_on_alloc
        c.init_on_free = config.init_on_free
        c.page_poison = config.page_poison
        c.kasan_vmalloc = config.kasan_vmalloc
        c.vmalloc_init_always = config.vmalloc_init == "always"
        c.record_events = config.record_events
        c.kasan_sample = config.kasan_sample
        c.kasan_sample_order = config.kasan_sample_order
        c.seed = config.seed
        self.forks = machines_forks
        with nogil:
            self.c = machine_create(&c, &error)
        if self.c == NULL:
            raise _core_error(&error, "")

    def close(self):
        """Release every mapping, once what other threads are at has returned; they may begin nothing new.

        Raises PagesInUseError while a view of its memory lives, or where another thread does not return.
        """
        cdef c_cpu *cpu
        if self.c == NULL:
            return
        if self.forks == machines_forks:
            cpu = this_cpu(self.c)
            if cpu != NULL and cpu.in_init:
                raise errors.InitContextError("close() inside an init point: a strategy may only clear", self.stack_name)
            self._check_views()
            self._wait_for_calls()
        self._check_views()
        self.destroy()

    cdef int _check_views(self) except -1:
        if self.exports:
            raise errors.PagesInUseError(
                f"{self.exports} views of the machine's memory are alive: release them before close()"
            )
        return 0

    cdef int _wait_for_calls(self) except -1:
        cdef int waited_ms = 0
        self.closing = True
        try:
            while self.calls:
                if waited_ms == _PATIENCE_MS:
                    raise errors.PagesInUseError(
                        f"{self.calls} calls of other threads are inside the machine and do not return: "
                        "end them before close()"
                    )
                with nogil:
                    usleep(1000)
                waited_ms += 1
                PyErr_CheckSignals()
        finally:
            self.closing = False
        return 0

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

    def alloc_pages(self, order=0, gfp=GFP_KERNEL):
        """Return a block of 2^ORDER pages. Raises OutOfMemoryError, OrderError, GfpError, UnclaimedError."""
        cdef c_machine *machine = self.require()
        cdef unsigned int nr_order = _order(order)
        cdef gfp_t flags = _gfp(gfp)
        cdef page *head = NULL
        cdef int status
        # Letting other threads run costs more than an allocation: only a long clear is worth it.
        self.calls += 1  # a strategy in Python may let them run at any order
        if nr_order > 3 and (machine.debug or flags & __GFP_ZERO):
            with nogil:
                status = machine_alloc(machine, nr_order, flags, &head)
        else:
            status = machine_alloc(machine, nr_order, flags, &head)
        if status:
            self.leave(status)
        pages = self.wrap(head, nr_order)
        self.calls -= 1
        return pages

    def alloc_contig(self, order, gfp=GFP_KERNEL):
        """Return a block above MAX_PAGE_ORDER, up to MAX_GIGANTIC_ORDER: one init of all of it."""
        cdef c_machine *machine = self.require()
        cdef unsigned int nr_order = _order(order)
        cdef gfp_t flags = _gfp(gfp)
        cdef page *head = NULL
        cdef int status
        if not MAX_PAGE_ORDER < nr_order <= MAX_CONTIG_ORDER:
            raise errors.OrderError(
                f"alloc_contig of order {order}: give {MAX_PAGE_ORDER + 1} to {MAX_CONTIG_ORDER}, "
                "alloc_pages() has the smaller ones", nr_order,
            )
        self.calls += 1
        with nogil:
            status = machine_alloc_contig(machine, nr_order, flags, &head)
        self.leave(status)
        return self.wrap(head, nr_order)

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
        self.calls += 1
        if pages.order > 3 and machine.debug:
            with nogil:
                status = machine_free(machine, pages.head, pages.order)
        else:
            status = machine_free(machine, pages.head, pages.order)
        if status:
            pages.freed = False
            self.leave(status)
        self.calls -= 1

    def alloc_pages_bulk(self, nr, gfp=GFP_KERNEL):
        """Return NR order-0 pages, all or none, cleared as one batch."""
        cdef int count = min(_count(nr, "alloc_pages_bulk", errors.ConfigError), 0x7FFFFFFF)
        cdef c_machine *machine = self.require()
        cdef gfp_t flags = _gfp(gfp)
        cdef page **heads
        cdef int status
        heads = <page **>PyMem_Malloc(<size_t>count * sizeof(page *))
        if heads == NULL:
            raise _no_memory_for(f"a list of {nr} pages")
        self.calls += 1
        try:
            with nogil:
                status = machine_alloc_bulk(machine, flags, heads, count)
            self.check(status)
            return [self.wrap(heads[i], 0) for i in range(count)]
        finally:
            self.calls -= 1
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
            self.calls += 1
            with nogil:
                status = machine_free_bulk(machine, heads, <int>nr)
            self.leave(status)
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

    def vmalloc(self, nbytes, gfp="GFP_KERNEL|__GFP_HIGHMEM", *, bint huge=False):
        """Return NBYTES of virtually contiguous memory; HUGE tries PMD-sized mappings first."""
        cdef size_t size = _count(nbytes, "vmalloc", errors.VmallocError)
        cdef c_machine *machine = self.require()
        cdef gfp_t flags = _gfp(gfp)
        cdef VmallocArea area = VmallocArea.__new__(VmallocArea)
        cdef unsigned int how = VMALLOC_ALLOW_HUGE if huge else 0
        cdef int status
        self.calls += 1
        with nogil:
            status = c_vmalloc(machine, size, flags, how, &area.area)
        self.leave(status)
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
        self.calls += 1
        with nogil:
            status = c_vfree(machine, start)
        # Any other failure comes from a page that no strategy cleared; the area no longer exists then.
        area.freed = status not in (-CLEARFW_EIN_INIT, -CLEARFW_EMAP_COUNT)
        self.leave(status)

    # Strategies

    def _bind(self, int point, list handles):
        """Make POINT a native chain of HANDLES, in the order in which they are called."""
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
        self.calls += 1
        with nogil:
            status = memory_populate(&machine.memory, machine.config.backing, &error)
        self.calls -= 1
        if status:
            raise _core_error(&error, "")

    @property
    def backing(self) -> str:
        """The backing in use: hugetlb, thp or base. huge_bytes says how much of it is huge."""
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
    def first_pfn(self) -> int:
        """The first page's number: above 0 with hole=."""
        return self.require().first_pfn

    @property
    def max_pfn(self) -> int:
        """One past the last page's number."""
        return self.require().max_pfn

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

    def fill(self, unsigned char byte, pfn=None, npages=None):
        """Set every byte of NPAGES pages (by default all) from PFN on, allocated or not."""
        cdef c_machine *machine = self.require()
        cdef uint32_t first
        cdef size_t count
        first, count = self._page_range(pfn, npages)
        with nogil:
            machine_fill(machine, first, count, byte)

    def first_not(self, unsigned char byte, pfn=None, npages=None):
        """Return (pfn, offset, byte) of the first byte that is not BYTE in NPAGES pages from PFN on, or None.

        Raises WindowError where a window lost sight of them.
        """
        cdef c_machine *machine = self.require()
        cdef byte_found found
        cdef uint32_t first
        cdef size_t count
        cdef bint differs
        first, count = self._page_range(pfn, npages)
        with nogil:
            differs = machine_first_not(machine, first, count, byte, &found)
        self.check(machine_lost_sight(machine))
        return (found.pfn, found.offset, found.byte) if differs else None

    cdef tuple _page_range(self, pfn, npages):
        cdef c_machine *machine = self.require()
        first = machine.first_pfn if pfn is None else pfn
        count = machine.max_pfn - first if npages is None else npages
        if not machine.first_pfn <= first <= machine.max_pfn or not 0 <= count <= machine.max_pfn - first:
            raise IndexError(
                f"pfn {first:#x} and {count} pages from there, of {machine.first_pfn:#x} to {machine.max_pfn:#x}"
            )
        return first, count

    def drain(self):
        """Give all per-CPU lists back to the buddy."""
        cdef c_machine *machine = self.require()
        self.calls += 1
        with nogil:
            machine_drain(machine)
        self.calls -= 1

    def what_is_wrong(self):
        """Return None if every structure of the machine is valid, otherwise the first error."""
        cdef c_machine *machine = self.require()
        cdef const char *wrong
        self.calls += 1
        with nogil:
            wrong = machine_is_valid(machine)
        self.calls -= 1
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
        """Call POINT ("alloc" or "free") for NPAGES pages from PFN on, allocated or not; raises its errors."""
        cdef c_machine *machine = self.require()
        cdef c_cpu *cpu = this_cpu(machine)
        cdef init_point where = <init_point><int>POINTS.index(point, 0, 2)
        cdef int status
        self._page_range(pfn, npages)
        self.calls += 1
        with nogil:
            status = init_pages(cpu, where, machine.mem_map + pfn, npages)
        self.leave(status)

    def init_bulk(self, str point, list pfns not None) -> list:
        """Clear a list of pages as one batch; return the list as the strategies left it, with None for no page."""
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
            self.calls += 1
            with nogil:
                status = init_bulk(cpu, where, pages, nr)
            self.leave(status)
            return [None if pages[i] == NULL else pages[i].pfn for i in range(nr)]
        finally:
            PyMem_Free(pages)

    def struct_pages(self) -> bytes:
        """Return a copy of mem_map, the array of every struct page, from first_pfn on."""
        cdef c_machine *machine = self.require()
        return (<char *>(machine.mem_map + machine.first_pfn))[:machine.nr_pages * sizeof(page)]

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
        self.calls += 1
        with nogil:
            status = litmus_run(machine, where, machine.mem_map + pfn, primitive, budget_ns, &result)
        self.leave(status)
        return result.rounds, None if result.offset == <uint64_t>-1 else result.offset
