// SPDX-License-Identifier: GPL-2.0
/*
 * Write to a disk and verify what is there, all the time, past the page cache.
 *
 * Standard input says where, as "/dev/vda 3": the region of that number, of a MiB,
 * is this program's.  A pass is to write something else to each of its blocks and
 * to read them all back; for each a line goes to standard output.  It ends when the
 * file "stop" is in the directory, or with a word to standard error when a system
 * call fails or other data is there.
 *
 * Without a library, which need not be there for a guest.
 */

#define AT_FDCWD	-100
#define O_RDWR		2

#ifdef __powerpc__
#define NR_OPENAT	286
#define NR_FACCESSAT	298
#define NR_PREAD	179
#define NR_PWRITE	180
#define O_DIRECT	0x20000
#else
#define NR_OPENAT	288
#define NR_FACCESSAT	300
#define NR_PREAD	180
#define NR_PWRITE	181
#define O_DIRECT	0x4000
#endif
#define NR_EXIT		1
#define NR_READ		3
#define NR_WRITE	4

#define PAGE		65536L
#define SIZE		(16 << 10)
#define BLOCKS		8
#define REGION		1048576L

/* O_DIRECT wants it aligned, to a page at most. */
static char room[PAGE + BLOCKS * SIZE];
static char line[256];

static long call(long number, long a, const void *b, long c, long d)
{
#ifdef __powerpc__
	register long r0 asm("r0") = number;
	register long r3 asm("r3") = a;
	register const void *r4 asm("r4") = b;
	register long r5 asm("r5") = c;
	register long r6 asm("r6") = d;

	asm volatile("sc\n\tbns 1f\n\tneg 3,3\n1:"
		     : "+r" (r0), "+r" (r3), "+r" (r4), "+r" (r5), "+r" (r6)
		     :
		     : "memory", "cr0", "ctr", "xer", "r7", "r8", "r9", "r10",
		       "r11", "r12");
	return r3;
#else
	register long r1 asm("1") = number;
	register long r2 asm("2") = a;
	register const void *r3 asm("3") = b;
	register long r4 asm("4") = c;
	register long r5 asm("5") = d;

	asm volatile("svc 0"
		     : "+d" (r2)
		     : "d" (r1), "d" (r3), "d" (r4), "d" (r5)
		     : "memory", "cc");
	return r2;
#endif
}

static void say(const char *text)
{
	long length = 0;

	while (text[length])
		length++;
	call(NR_WRITE, 2, text, length, 0);
}

static void fail(const char *text, long error)
{
	char number[] = " failed: -0000\n";
	int i;

	for (i = 13; i > 9; i--) {
		number[i] = '0' + -error % 10;
		error /= 10;
	}
	say(text);
	say(number);
	call(NR_EXIT, 1, 0, 0, 0);
}

/* The disk's name and, after a blank, the region. */
static long parse(void)
{
	long size = 0, got, region = 0;
	char *c = line;

	do {
		got = call(NR_READ, 0, line + size, sizeof(line) - 1 - size, 0);
		size += got;
	} while (got > 0);
	while (*c && *c != ' ')
		c++;
	if (got < 0 || !*c)
		fail("input", got);
	*c++ = 0;
	for (; *c >= '0' && *c <= '9'; c++)
		region = 10 * region + *c - '0';
	return region;
}

/* What is to be at a place of the disk after a pass. */
static unsigned long pattern(unsigned long place, unsigned long pass)
{
	return (place + 1) * 0x9e3779b97f4a7c15 ^ pass * 0xc2b2ae3d27d4eb4f;
}

static void write_block(long fd, long at, unsigned long *block, unsigned long pass)
{
	long i, ret;

	for (i = 0; i < SIZE / (long)sizeof(long); i++)
		block[i] = pattern(at + i, pass);
	ret = call(NR_PWRITE, fd, block, SIZE, at);
	if (ret != SIZE)
		fail("write", ret);
}

static void verify_block(long fd, long at, unsigned long *block, unsigned long pass)
{
	long i, ret;

	for (i = 0; i < SIZE / (long)sizeof(long); i++)
		block[i] = 0;
	ret = call(NR_PREAD, fd, block, SIZE, at);
	if (ret != SIZE)
		fail("read", ret);
	for (i = 0; i < SIZE / (long)sizeof(long); i++) {
		if (block[i] != pattern(at + i, pass))
			fail("comparison", 0);
	}
}

void _start(void)
{
	char *data = room + (PAGE - (unsigned long)room % PAGE) % PAGE;
	long region = parse(), fd, i;
	unsigned long pass;

	fd = call(NR_OPENAT, AT_FDCWD, line, O_RDWR | O_DIRECT, 0);
	if (fd < 0)
		fail("open", fd);
	for (pass = 1; call(NR_FACCESSAT, AT_FDCWD, "stop", 0, 0) < 0; pass++) {
		for (i = 0; i < BLOCKS; i++)
			write_block(fd, region * REGION + i * SIZE,
				    (unsigned long *)(data + i * SIZE), pass);
		for (i = 0; i < BLOCKS; i++)
			verify_block(fd, region * REGION + i * SIZE,
				     (unsigned long *)(data + i * SIZE), pass);
		call(NR_WRITE, 1, "\n", 1, 0);
	}
	call(NR_EXIT, 0, 0, 0, 0);
}
