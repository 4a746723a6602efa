"""The hooks: what a plugin may implement, and what clearfw makes of the result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearfw.markers import hookimpl, hookspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clearfw._core import PageRange, VmallocRange
    from clearfw.config import Config
    from clearfw.strategies import Named, Primitive

__all__ = ["InitPoints", "PluginHooks", "Registry", "hookimpl", "hookspec"]


class InitPoints:
    """The init points of a machine: strategies are asked in order, and the first to claim wins."""

    @hookspec(firstresult=True)
    def clearfw_init_on_alloc(self, pages: PageRange) -> bool | None:
        """Return True once all of PAGES, about to be handed out, is zero; None, untouched, to pass on."""

    @hookspec(firstresult=True)
    def clearfw_init_on_free(self, pages: PageRange) -> bool | None:
        """Return True once all of PAGES, just given back, is zero; None, untouched, to pass on."""

    @hookspec(firstresult=True)
    def clearfw_init_on_vmalloc(self, area: VmallocRange) -> bool | None:
        """Return True once all of AREA, a partial last page too, is zero; None, untouched, to pass on."""


class PluginHooks:
    """What a plugin offers to every machine. All but the last are called once, when the plugin is loaded."""

    @hookspec
    def clearfw_strategies(self) -> Sequence[Named]:
        """Return the strategies it brings: NativeStrategy, or objects with a name and init-point hooks."""
        raise NotImplementedError

    @hookspec
    def clearfw_primitives(self) -> Sequence[Primitive]:
        """Return the primitives it brings, each a C file that ends with CLEARFW_PRIMITIVE()."""
        raise NotImplementedError

    @hookspec
    def clearfw_workloads(self) -> Sequence[Named]:
        """Return the workloads it brings: objects as the protocol clearfw.workloads.Workload describes."""
        raise NotImplementedError

    @hookspec(firstresult=True)
    def clearfw_default_stack(self, config: Config) -> str | None:
        """Return the stack for a machine of CONFIG when none is asked for; None to leave it to others."""


# The name until 0.1; clearfw.registry.Registry is another thing.
Registry = PluginHooks
