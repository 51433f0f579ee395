// SPDX-License-Identifier: GPL-2.0
/* First process of the acceleration probe: a kernel that starts it has booted. */
#include <stdio.h>
#include <sys/reboot.h>
#include <unistd.h>

int main(void)
{
	puts("ftguest: up");
	fflush(stdout);
	reboot(RB_AUTOBOOT);
	pause();
}
