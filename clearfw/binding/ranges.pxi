# SPDX-License-Identifier: MIT
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
        """Number of pages."""
        return self.count

    @property
    def nbytes(self) -> int:
        """Number of bytes."""
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
            self.machine.require()  # a strategy may have kept them beyond the machine's end
            yield _page_range(self.machine, self.head + <size_t>i, 1)

    def __repr__(self):
        return f"<PageRange pfn {self.pfn:#x} npages {self.count}>"


cdef class VmallocRange:
    """A vmalloc area as the init point's hook sees it, with the requested size."""

    cdef readonly CoreMachine machine
    cdef const void *start
    cdef unsigned long size

    @property
    def address(self) -> int:
        """Address of the first byte, with its KASAN tag."""
        return <uintptr_t>self.start

    @property
    def nbytes(self) -> int:
        """Requested size in bytes; a strategy clears the whole of the last page."""
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
