"""The default stack of a machine: the behaviour of the kernel, 7.3."""

from clearfw.config import Config
from clearfw.markers import hookimpl


@hookimpl(trylast=True)
def clearfw_default_stack(config: Config) -> str:
    """Return the kernel's merged helper, in two with CONFIG_HIGHMEM, and its clear of vmalloc areas."""
    alloc_and_free = "batched+highmem_fallback" if config.config_highmem else "batched"
    return f"{alloc_and_free}+vmalloc_per_page"
