/* SPDX-License-Identifier: MIT */

#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int clearfw_fail(struct clearfw_error *err, enum clearfw_errno code, const char *format, ...)
{
	int sys_errno = errno;
	va_list args;

	if (!err)
		return -(int)code;
	*err = (struct clearfw_error){
		.code = code,
		.sys_errno = code == CLEARFW_ESYS ? sys_errno : 0,
		.zone = -1,
	};
	va_start(args, format);
	vsnprintf(err->detail, sizeof(err->detail), format, args);
	va_end(args);
	return -(int)code;
}
