"""The hooks that a plugin may implement, and the meaning of their results."""

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
    """The init points of a machine. Strategies are called in order; the first that claims wins."""

    @hookspec(firstresult=True)
    def clearfw_init_on_alloc(self, pages: PageRange) -> bool | None:
        """Clear all of PAGES, which are about to be handed out, and return True; or return None to pass."""

    @hookspec(firstresult=True)
    def clearfw_init_on_free(self, pages: PageRange) -> bool | None:
        """Clear all of PAGES, which were just freed, and return True; or return None to pass."""

    @hookspec(firstresult=True)
    def clearfw_init_on_vmalloc(self, area: VmallocRange) -> bool | None:
        """Clear all of AREA, with its whole last page, and return True; or return None to pass."""


class PluginHooks:
    """Hooks that a plugin offers to every machine. All but the last are called once, when it is loaded."""

    @hookspec
    def clearfw_strategies(self) -> Sequence[Named]:
        """Return the plugin's strategies: NativeStrategy, or objects with a name and init-point hooks."""
        raise NotImplementedError

    @hookspec
    def clearfw_primitives(self) -> Sequence[Primitive]:
        """Return the plugin's primitives, each a C file that ends with CLEARFW_PRIMITIVE()."""
        raise NotImplementedError

    @hookspec
    def clearfw_workloads(self) -> Sequence[Named]:
        """Return the plugin's workloads, objects with the protocol clearfw.workloads.Workload."""
        raise NotImplementedError

    @hookspec(firstresult=True)
    def clearfw_default_stack(self, config: Config) -> str | None:
        """Return the stack for a machine of CONFIG if the user names none, or None to leave it to others."""


# The name up to 0.1; clearfw.registry.Registry is a different class.
Registry = PluginHooks
