"""The real kernel: a user's tree, before and after patches, built and booted as User-Mode Linux.

User-Mode Linux (ARCH=um) is the kernel as an ordinary process of this processor: its page allocator is the
tree's own mm/page_alloc.c, and it needs neither a virtual machine nor root.

Modules, each may import those before it:
    tree, patches, primitive, config, shadow, store, build, boot, guest, bench, check, functions, extract
"""
