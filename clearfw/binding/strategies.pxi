# SPDX-License-Identifier: MIT
# Strategies and primitives


cdef class NativeStrategyHandle:
    """A loaded C strategy: its functions, and which init points they serve."""

    cdef const clearfw_strategy *strategy
    cdef const clearfw_observed *observed
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
            area.machine.calls += 1
            with nogil:
                claimed = strategy_ask(self.strategy, where, area.start, area.size)
            area.machine.calls -= 1
        else:
            pages = range_
            _cpu(pages.machine.require())
            pages.machine.calls += 1
            with nogil:
                claimed = strategy_ask(self.strategy, where, pages.head, pages.count)
            pages.machine.calls -= 1
        return claimed

    @property
    def is_observed(self) -> bool:
        """Whether it was built to tell what it does."""
        return self.observed != NULL

    def __repr__(self):
        return f"<NativeStrategyHandle {self.name} for {', '.join(sorted(self.points))}>"


cdef void *_load_symbol(str path, bytes symbol) except NULL:
    cdef bytes encoded = os.fsencode(path)
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
    handle.observed = <const clearfw_observed *>dlsym(dlopen(path.encode(), RTLD_NOW | RTLD_LOCAL), b"clearfw_observed")
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
    """Return the witness, for the end of a stack under test: it claims all pages that others passed on."""
    return _handle(&witness_strategy)


def garbage() -> NativeStrategyHandle:
    """Return the strategy for the top of a stack under test: it fills with garbage and passes on."""
    return _handle(&garbage_strategy)


def take_witness() -> dict:
    """Return the witness's counts since the last call: calls, pages, touched pages and their places."""
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
