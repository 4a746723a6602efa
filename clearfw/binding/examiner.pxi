# SPDX-License-Identifier: MIT
# The examiner: a strategy asked in one cell after another, and all that it did looked at


FINDINGS = tuple(finding_names[i].decode() for i in range(NR_FINDINGS))


def share_ram(int fd):
    """Have this process's machines take their RAM from FD, a memfd, one after another; -1: each has its own."""
    memory_share(fd)


cdef class Examiner:
    """A strategy alone on a machine, asked in cells. One at a time in a process."""

    cdef c_examiner examiner
    cdef CoreMachine machine
    cdef bint started

    def __cinit__(self, CoreMachine machine not None, subject, frozenset points=frozenset()):
        """Begin to examine SUBJECT: a native handle, or whatever else the machine asks at POINTS already."""
        cdef clearfw_error error
        cdef unsigned int bits = 0
        cdef NativeStrategyHandle handle
        cdef int status
        c_memset(&error, 0, sizeof(error))
        self.machine = machine
        machine.require()
        if isinstance(subject, NativeStrategyHandle):
            handle = subject
            status = examiner_init(&self.examiner, machine.c, handle.strategy, handle.observed, &error)
        else:
            for point in points:
                bits |= 1u << <int>POINTS.index(point)
            status = examiner_init_callback(&self.examiner, machine.c, _init_callback, <void *>machine, bits, &error)
        if status:
            raise _core_error(&error, "")
        self.started = True

    def __dealloc__(self):
        self.close()

    def close(self):
        """Let go of the machine, on which nothing is bound any more."""
        if self.started:
            examiner_deinit(&self.examiner)
        self.started = False

    def limit(self, uint64_t patience_ns, uint64_t max_events):
        """Give a call so much processor time, and an instrumented one so many events."""
        self.examiner.patience_ns = patience_ns
        self.examiner.max_events = max_events

    def seal(self):
        """Have all RAM readable only, between the cells that follow; unseal() before the machine is used."""
        grant_seal(&self.examiner.grant)

    def unseal(self):
        """Undo seal()."""
        grant_unseal(&self.examiner.grant)

    def keep_open(self, list pfns not None):
        """Seal all RAM but the pages that the lists or the area to come are of."""
        cdef page **heads = <page **>PyMem_Malloc((len(pfns) + 1) * sizeof(page *))
        if heads == NULL:
            raise MemoryError
        grant_unseal(&self.examiner.grant)
        grant_seal(&self.examiner.grant)
        for i, pfn in enumerate(pfns):
            heads[<int>i] = self.machine.c.mem_map + <uint32_t>pfn
        grant_keep_open(&self.examiner.grant, heads, len(pfns))
        PyMem_Free(heads)

    def strict_kmaps(self, bint strict):
        """Have the machine, booted with kmap=strict, really map or only count from here on."""
        self.machine.c.config.kmap = KMAP_STRICT if strict else KMAP_PRICED

    def options(self, bint init_on_alloc, bint init_on_free):
        """Set the machine's static keys, as if it had been booted so."""
        self.machine.c.init_on_alloc = init_on_alloc
        self.machine.c.init_on_free = init_on_free
        self.machine.c.debug = True

    def begin(self, uint64_t word=0x9e9e9e9e9e9e9e9e, int spot=0, int pages=0, bint hollow=False):
        """Begin a cell, in which memory holds WORD before: everywhere, or at a SPOT of some PAGES (csrc/check/pattern.h)."""
        examiner_begin(&self.examiner)
        self.examiner.pattern = c_pattern(word, <pattern_spot>spot, <pattern_pages>pages)
        self.examiner.hollow = hollow

    def block(self, str point, uint32_t pfn, unsigned int npages, private=None):
        """Ask for NPAGES pages from PFN on; PRIVATE is what each struct page's private holds."""
        cdef init_point where = <init_point><int>POINTS.index(point, 0, 2)
        cdef uint64_t value = 0 if private is None else private
        cdef uint64_t *at = NULL if private is None else &value
        self.machine._page_range(pfn, npages)
        with nogil:
            examine_block(&self.examiner, where, self.machine.c.mem_map + pfn, npages, at)

    def pages(self, str point, list pfns not None, private=None):
        """Ask for a list of pages."""
        cdef init_point where = <init_point><int>POINTS.index(point, 0, 2)
        cdef uint64_t value = 0 if private is None else private
        cdef uint64_t *at = NULL if private is None else &value
        cdef int nr = len(pfns)
        cdef page **heads = <page **>PyMem_Malloc((nr + 1) * sizeof(page *))
        if heads == NULL:
            raise MemoryError
        try:
            for i, pfn in enumerate(pfns):
                heads[<int>i] = self.machine.c.mem_map + <uint32_t>pfn
            with nogil:
                examine_list(&self.examiner, where, heads, nr, at)
        finally:
            PyMem_Free(heads)

    def area(self, VmallocArea area not None, unsigned long nbytes, private=None):
        """Ask for the first NBYTES of a vmalloc area."""
        cdef uint64_t value = 0 if private is None else private
        cdef uint64_t *at = NULL if private is None else &value
        if area.freed or not 0 < nbytes <= area.area.nr_pages << self.machine.c.page_shift:
            raise errors.VmallocError(f"an area of {nbytes} bytes to examine: give what the area has")
        with nogil:
            examine_area(&self.examiner, area.area.tagged, nbytes, at)

    @property
    def finding(self):
        """What was found in this cell, or None: a dict of kind, code, pfn, offset, byte, frames and message."""
        cdef finding *found = &self.examiner.found
        cdef uint64_t none = <uint64_t>-1
        if not found.kind:
            return None
        message = found.message.decode(errors="replace")
        failure = self.machine.failures.pop(threading.get_ident(), None)
        if failure is not None:
            message = f"raised {type(failure).__name__}: {failure}"
        elif found.code:
            clearfw_error = errors.from_core(
                found.code, pfn=0 if found.pfn == none else found.pfn, wanted=0, found=0, zone=-1, sys_errno=0,
                detail="strategy", stack=self.machine.stack_name,
            )
            message = str(clearfw_error)
        return {
            "kind": finding_names[found.kind].decode(),
            "code": found.code,
            "pfn": None if found.pfn == none else found.pfn,
            "offset": None if found.offset == none else found.offset,
            "byte": None if found.byte < 0 else found.byte,
            "frames": [found.pc[i] for i in range(6) if found.pc[i]],
            "message": message,
        }

    @property
    def exhausted(self) -> bool:
        """Whether the call did too much to be observed, and was cut short."""
        return self.examiner.exhausted

    @property
    def counts(self) -> dict:
        """Of the cell: calls and claims; new_blocks and new_sites that were never reached before; events."""
        return {
            "calls": self.examiner.calls, "claims": self.examiner.claims, "events": self.examiner.events,
            "new_blocks": self.examiner.new_blocks, "new_sites": self.examiner.new_sites,
        }

    @property
    def waste(self) -> dict:
        """Of all cells: the most pages cleared again, the most mappings beyond one a page, the longest single clear."""
        return {
            "cleared_again": (self.examiner.waste, self.examiner.waste_of),
            "mapped_again": (self.examiner.remaps, self.examiner.remaps_of),
            "longest_clear": self.examiner.longest_clear,
        }

    @property
    def seen(self) -> list:
        """The blocks that ran, as offsets of the instruction behind their first call."""
        if self.examiner.seen == NULL:
            return []
        return [i for i in range(self.examiner.image_bytes) if self.examiner.seen[i]]

    @property
    def compares(self) -> list:
        """The comparisons that ran: (offset, left, right, constant, left varies, right varies)."""
        found = []
        if self.examiner.sites == NULL:
            return found
        for i in range(EXAMINER_SITES):
            site = &self.examiner.sites[i]
            if site.pc:
                found.append((
                    site.pc, site.left, site.right, bool(site.constant), bool(site.left_varies),
                    bool(site.right_varies),
                ))
        return found

    @property
    def shared(self) -> list:
        """Static storage written to without an atomic: (offset, offset of the instruction behind)."""
        return [(self.examiner.shared[i], self.examiner.shared_pc[i]) for i in range(self.examiner.nr_shared)]
