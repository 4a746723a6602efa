# SPDX-License-Identifier: MIT
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
    """Raise the error at once, which a C strategy gets only at the end of the init point."""
    cdef c_cpu *cpu = _cpu(machine.require())
    if cpu_take_violation(cpu):
        raise _core_error(&cpu.error, machine.stack_name)
    return 0


cdef void *_mapped(CoreMachine machine, uintptr_t address, size_t nbytes) except NULL:
    if not api_is_mapped(machine.require(), <const void *>address, nbytes):
        raise errors.FaultError(
            f"{nbytes} bytes at {address:#x} are not mapped: a KASAN tag not reset, a HIGHMEM page not mapped, "
            "or an address past the end", address,
        )
    return <void *>address


def clear_pages(uintptr_t address, unsigned int npages):
    """Zero NPAGES whole pages at ADDRESS with the machine's primitive; raises FaultError."""
    cdef CoreMachine machine = _machine_here()
    cdef void *start = _mapped(machine, address, <size_t>npages << machine.require().page_shift)
    if not observe_may_clear(start, npages):
        raise errors.FaultError(f"{npages} pages at {address:#x} are not all of those to clear", address)
    machine.calls += 1
    with nogil:
        api_clear_pages(start, npages)
    machine.calls -= 1


def checked_memset(uintptr_t address, int byte, size_t nbytes) -> bool:
    """Return True when memset() wrote, False when KASAN reported it instead; raises FaultError."""
    _mapped(_machine_here(), address & ~(<uintptr_t>0xFF << 56), nbytes)
    return api_memset(<void *>address, byte, nbytes) != NULL


def kmap_local_page(PageRange page not None) -> int:
    """Return the address PAGE is mapped at until kunmap_local(); raises KmapError at the 17th."""
    cdef CoreMachine machine = _machine_here()
    if page.machine is not machine:
        raise errors.StrategyError(f"pfn {page.pfn:#x} is another machine's: map this one's", machine.stack_name)
    if not observe_may_map(page.head):
        raise errors.FaultError(f"pfn {page.pfn:#x} is no page to clear: map those that were given", page.pfn)
    cdef void *mapped = api_kmap_local_page(page.head)
    _raise_violation(machine)
    return <uintptr_t>mapped


def kunmap_local(uintptr_t address):
    """Undo the newest kmap_local_page(); raises KmapError for any other."""
    cdef CoreMachine machine = _machine_here()
    api_kunmap_local(<void *>address)
    _raise_violation(machine)


def kasan_depth_add(int delta):
    """Suppress KASAN's reports for this thread (-1), or stop suppressing them (+1)."""
    _machine_here()
    api_kasan_depth_add(delta)


def vmalloc_to_page(uintptr_t address) -> PageRange:
    """Return the page mapped at a vmalloc address, by a walk of the page table; raises FaultError."""
    cdef CoreMachine machine = _machine_here()
    cdef page *found = api_vmalloc_to_page(<void *>address)
    if found == NULL:
        raise errors.FaultError(f"no vmalloc page at {address:#x}", address)
    return _page_range(machine, found, 1)


def report_faults_to(int fd):
    """Install a handler for SIGSEGV and SIGBUS that writes a line about the access to FD."""
    cdef int error = crash_report_to(fd)
    if error:
        raise errors.SystemCallError(f"sigaction for faults: {strerror(error).decode()}", error)
