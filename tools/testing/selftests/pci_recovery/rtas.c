// SPDX-License-Identifier: GPL-2.0
/*
 * The system call rtas(), for shells: its arguments, big endian, come in and go
 * out with the results.  Without a library, which need not be there for a guest.
 */

#define NR_EXIT		1
#define NR_READ		3
#define NR_WRITE	4
#define NR_RTAS		255

/* Token, how many arguments, how many results, and these, 16 in all. */
static unsigned int args[3 + 16];

static long call(long number, long a, void *b, long c)
{
	register long r0 asm("r0") = number;
	register long r3 asm("r3") = a;
	register void *r4 asm("r4") = b;
	register long r5 asm("r5") = c;

	asm volatile("sc\n\tbns 1f\n\tneg 3,3\n1:"
		     : "+r" (r0), "+r" (r3), "+r" (r4), "+r" (r5)
		     :
		     : "memory", "cr0", "ctr", "xer", "r6", "r7", "r8", "r9",
		       "r10", "r11", "r12");
	return r3;
}

void _start(void)
{
	long size = 0, got;

	do {
		got = call(NR_READ, 0, (char *)args + size,
			   sizeof(args) - size);
		size += got;
	} while (got > 0);
	if (got < 0 || call(NR_RTAS, (long)args, 0, 0))
		call(NR_EXIT, 1, 0, 0);
	call(NR_EXIT, call(NR_WRITE, 1, args, sizeof(args)) != sizeof(args), 0,
	     0);
	__builtin_unreachable();
}
