"""A tree that builds in a moment with real make, and whose kernel is a script that prints as a guest does."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MAKEFILE = """\
VERSION = 7
PATCHLEVEL = 3
SUBLEVEL = 4
EXTRAVERSION = -toy

tinyconfig:
	@echo CONFIG_TINY=y > $(O)/.config
olddefconfig:
	@grep -v CONFIG_NOT_IN_THIS_TREE $(O)/.config > $(O)/.config.new || true
	@mv $(O)/.config.new $(O)/.config
linux: $(O)/linux
$(O)/linux: mm/page_alloc.c scripts/guest.py
	@echo "  CC      mm/page_alloc.o"
	@$(CC) -fsyntax-only mm/page_alloc.c
	@echo '#!PYTHON' > $@
	@sed -n 's/^.. guest: \\(.*\\) ..$$/\\1/p' mm/page_alloc.c >> $@
	@cat scripts/guest.py >> $@
	@chmod +x $@
	@echo built >> $(O)/made
ifdef M
modules:
	@touch $(M)/clearfw.ko
else
modules:
endif
"""

GUEST = """
import os, sys
arguments = dict(one.partition("=")[::2] for one in sys.argv[1:])
root = arguments["rootflags"]
parameters = dict(one.split("=") for one in open(root + "/parameters").read().split())
assert os.path.exists(root + "/clearfw.ko") and os.path.exists(root + "/init")
print("Linux version toy")
if "panic" in arguments:
    print("Kernel panic - not syncing: asked for")
    sys.exit(1)
if "hang" in arguments:
    import subprocess
    sys.stdout.flush()
    subprocess.run(["sleep", "1000"])
if "modversions" in arguments:
    open(root + "/status", "w").write("8")
    sys.exit(0)
clears = "1" in (arguments.get("init_on_alloc"), arguments.get("init_on_free")) or parameters["zero"] == "1"
size = int(parameters["working_set"])
print(f"clearfw: memory bytes={size} huge_bytes={size // 2}")
for order in map(int, parameters["orders"].split(",")):
    blocks = size >> (12 + order)
    dirty = blocks if not clears or SKIPS else 0
    if parameters["job"] == "contents":
        print(f"clearfw: contents order={order} blocks={blocks} dirty={dirty}")
    else:
        ns = blocks * ((NS << order) if clears else 30)
        print(f"clearfw: sample order={order} blocks={blocks} alloc_ns={ns} free_ns={2 * ns} dirty={dirty}")
if arguments.get("init_on_alloc") == "1":
    print("test_meminit: all 131 tests passed!")
if REPORT:
    print("BUG: KASAN: use-after-free in post_alloc_hook")
print("clearfw: done")
"""

PAGE_ALLOC = """\
/* guest: NS = 100; SKIPS = False; REPORT = False */
struct page {
	int flags;
};
void clear_highpage_kasan_tagged(struct page *page);

void kernel_init_pages(struct page *page, int numpages)
{
	int i;

	for (i = 0; i < numpages; i++)
		clear_highpage_kasan_tagged(page + i);
}
"""

PAGE_H = """\
#define PAGE_SIZE 4096
#define clear_page(page)	memset((void *)(page), 0, PAGE_SIZE)
#define copy_page(to,from)	memcpy((void *)(to), (void *)(from), PAGE_SIZE)
"""

FASTER = """\
Twice as fast.

--- a/mm/page_alloc.c
+++ b/mm/page_alloc.c
@@ -1,4 +1,4 @@
-/* guest: NS = 100; SKIPS = False; REPORT = False */
+/* guest: NS = 50; SKIPS = False; REPORT = False */
 struct page {
 \tint flags;
 };
"""


def patch_of(guest: str) -> str:
    """Return a patch after which the toy's kernel does what GUEST says."""
    return FASTER.replace("NS = 50; SKIPS = False; REPORT = False", guest)


def write(root: Path) -> Path:
    """Write a toy tree to ROOT and return it."""
    files = {
        "Makefile": MAKEFILE.replace("PYTHON", sys.executable),
        "Kbuild": "",
        "arch/um/Makefile": "",
        "arch/um/include/asm/page.h": PAGE_H,
        "include/linux/mm.h": "static inline void clear_pages(void *addr, unsigned int npages);\n",
        "mm/page_alloc.c": PAGE_ALLOC,
        "scripts/guest.py": GUEST,
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root
