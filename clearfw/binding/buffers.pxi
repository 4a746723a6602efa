# SPDX-License-Identifier: MIT
# Owned memory


cdef _end(end, error):
    """Call END at the end of a with block; what it raises is no more than a note on an ERROR in flight."""
    try:
        end()
    except errors.ClearfwError as another:
        if error is None:
            raise
        error.add_note(f"and at the end of the with block: {another}")


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

    def array(self, dtype="uint8"):
        """Return the bytes as a numpy array of DTYPE, a view: it must be gone before the memory is freed."""
        import numpy
        return numpy.frombuffer(self, dtype=dtype)

    @property
    def is_freed(self) -> bool:
        """Whether the block was freed."""
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

    def __exit__(self, kind, error, trace):
        if not self.freed:
            _end(self.free, error)

    @property
    def npages(self) -> int:
        """Number of pages."""
        return 1 << self.order

    @property
    def nbytes(self) -> int:
        """Number of bytes."""
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

    def kmap_local(self, index=0):
        """Map page INDEX of the block, HIGHMEM or not, until the KmapLocal it returns is closed."""
        self.require()
        if not 0 <= operator.index(index) < 1 << self.order:
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
        self.mapped = api_kmap_local_page(pages.head + index)
        _raise_violation(self.machine)
        pages.exports += 1
        self.freed = False

    def close(self):
        """kunmap_local(). Raises KmapError unless this is the newest mapping, PagesInUseError under a view."""
        if self.freed:
            return
        self._check_idle("the kmap_local mapping")
        cpu_forget_violation(_cpu(self.machine.require()))
        api_kunmap_local(self.mapped)
        _raise_violation(self.machine)
        self.pages.exports -= 1
        self.freed = True

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        _end(self.close, error)

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

    def __exit__(self, kind, error, trace):
        if not self.freed:
            _end(self.free, error)

    @property
    def address(self) -> int:
        """Address of the first byte, with its KASAN tag."""
        self.require()
        return <uintptr_t>self.area.tagged

    @property
    def nbytes(self) -> int:
        """Requested size in bytes."""
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
        self.exports += 1  # no vfree() meanwhile
        self.machine.calls += 1
        with nogil:
            status = vmalloc_time(machine, self.area, &ns, &clean)
        self.exports -= 1
        self.machine.leave(status)
        return ns, bool(clean)

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        cdef c_machine *machine = self.require()
        self._export(buffer, self.area.start, <Py_ssize_t>self.area.nr_pages << machine.page_shift, flags)
