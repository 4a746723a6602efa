/* SPDX-License-Identifier: MIT */
/*
 * The one program of a guest: it loads /clearfw.ko with the parameters in /parameters, writes to /status what
 * came of it, and powers off. Static and without a libc, so that the guest needs nothing of the host's userland.
 */
#define SYS_read 0
#define SYS_write 1
#define SYS_open 2
#define SYS_close 3
#define SYS_sync 162
#define SYS_reboot 169
#define SYS_finit_module 313

#define O_RDONLY 0
#define O_WRONLY 1

#define REBOOT_MAGIC1 0xfee1dead
#define REBOOT_MAGIC2 672274793
#define REBOOT_POWER_OFF 0x4321fedc

#define MOST_PARAMETERS 4096

static long syscall4(long number, long a, long b, long c, long d)
{
	register long r10 asm("r10") = d;
	long result;

	asm volatile("syscall"
		     : "=a"(result)
		     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
		     : "rcx", "r11", "memory");
	return result;
}

static long open_file(const char *path, int flags)
{
	return syscall4(SYS_open, (long)path, flags, 0, 0);
}

/* The module does its work as it is loaded, and then asks to be forgotten: -ENODEV is how that ends. */
static long load_module(void)
{
	static char parameters[MOST_PARAMETERS];
	long file = open_file("/parameters", O_RDONLY);

	if (file < 0)
		return file;
	syscall4(SYS_read, file, (long)parameters, MOST_PARAMETERS - 1, 0);
	syscall4(SYS_close, file, 0, 0, 0);
	file = open_file("/clearfw.ko", O_RDONLY);
	if (file < 0)
		return file;
	return syscall4(SYS_finit_module, file, (long)parameters, 0, 0);
}

static void report(long result)
{
	char text[24];
	char *start = text + sizeof(text);
	unsigned long rest = result < 0 ? -result : result;
	long file = open_file("/status", O_WRONLY);

	*--start = '\n';
	do {
		*--start = '0' + rest % 10;
		rest /= 10;
	} while (rest);
	syscall4(SYS_write, file, (long)start, text + sizeof(text) - start, 0);
	syscall4(SYS_close, file, 0, 0, 0);
}

void _start(void)
{
	report(load_module());
	syscall4(SYS_sync, 0, 0, 0, 0);
	syscall4(SYS_reboot, REBOOT_MAGIC1, REBOOT_MAGIC2, REBOOT_POWER_OFF, 0);
	for (;;)
		;
}
