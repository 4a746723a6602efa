"""Workloads: what allocates and frees. The names that a plugin's own workload needs."""

from clearfw.workloads.blocks import HUGETLB_GFP, Hugetlb, Orders
from clearfw.workloads.churn import Churn
from clearfw.workloads.protocol import Bench, Latency, Options, Scene, Timing, Workload
from clearfw.workloads.vmalloc import Vmalloc

__all__ = [
    "HUGETLB_GFP",
    "Bench",
    "Churn",
    "Hugetlb",
    "Latency",
    "Options",
    "Orders",
    "Scene",
    "Timing",
    "Vmalloc",
    "Workload",
]
