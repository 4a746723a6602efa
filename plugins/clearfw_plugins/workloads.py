"""The five workloads that `clearfw bench` has from the start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clearfw import hookimpl
from clearfw.workloads.blocks import Hugetlb, Lists, Orders
from clearfw.workloads.churn import Churn
from clearfw.workloads.vmalloc import Vmalloc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clearfw.workloads.protocol import Workload


@hookimpl
def clearfw_workloads() -> Sequence[Workload]:
    """Return them, the headline first."""
    return [Hugetlb(), Orders(), Lists(), Churn(), Vmalloc()]
