# SPDX-License-Identifier: MIT


cdef class HugetlbPool:
    """A hugetlb pool: grows through the allocator, where pages are cleared, and recycles without freeing."""

    cdef CoreMachine machine
    cdef hugetlb_pool pool

    def __init__(self, CoreMachine machine not None, order=9):
        cdef unsigned int nr_order = _order(order)
        if nr_order > MAX_CONTIG_ORDER:
            raise errors.OrderError(f"huge pages of order {order}: give at most {MAX_CONTIG_ORDER}", nr_order)
        self.machine = machine
        hugetlb_init(&self.pool, machine.require(), nr_order)

    def grow(self, uint64_t count) -> int:
        """Allocate COUNT huge pages into the pool. Raises OutOfMemoryError, keeping those that came."""
        cdef uint64_t grown = 0
        cdef int status
        self.machine.require()
        self.machine.calls += 1
        with nogil:
            status = hugetlb_grow(&self.pool, count, &grown)
        self.machine.leave(status)
        return grown

    def shrink(self, uint64_t count):
        """Give COUNT free huge pages, or as many as there are, back to the allocator."""
        cdef int status
        self.machine.require()
        self.machine.calls += 1
        with nogil:
            status = hugetlb_shrink(&self.pool, count)
        self.machine.leave(status)

    def get(self) -> Pages:
        """Return a huge page: one of the pool as it was left, or a fresh one."""
        cdef page *head = NULL
        cdef int status
        self.machine.require()
        self.machine.calls += 1
        with nogil:
            status = hugetlb_get(&self.pool, &head)
        self.machine.leave(status)
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
        """Free huge pages in the pool."""
        return self.pool.nr_free

    @property
    def nr_pages(self) -> int:
        """Huge pages that came from the allocator."""
        return self.pool.nr_pages
