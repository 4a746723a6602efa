"""Workloads: what allocates and frees. The names that a plugin's own workload needs."""

from clearfw.workloads.protocol import (
    HUGETLB_GFP,
    Bench,
    Churn,
    Hugetlb,
    Latency,
    Options,
    Orders,
    Scene,
    Timing,
    Vmalloc,
    Workload,
)

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
