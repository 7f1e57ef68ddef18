// SPDX-License-Identifier: GPL-2.0
/*
 * Processes that use a device file of pci_sample while its driver goes, or its device
 * is reset.  Reads from its standard input, separated by a blank
 *
 *	gone PATH OTHER		until the driver is gone
 *	reset PATH OTHER	until the device was reset
 *	race PATH OTHER		until the driver is gone, and whatever happens before
 *
 * where OTHER is another inode of the same device.  Writes "ready" when all are
 * busy, and then how each of them ended, one in a line.  Without a library, which
 * need not be there for a guest.
 */

#if defined(__x86_64__)
enum {
	READ = 0, WRITE = 1, CLOSE = 3, MMAP = 9, IOCTL = 16, NANOSLEEP = 35,
	FORK = 57, WAIT4 = 61, EXIT = 231, EPOLL_CTL = 233, OPENAT = 257,
	PPOLL = 271, EPOLL_PWAIT = 281, EPOLL_CREATE1 = 291, PIPE2 = 293
};

#define PAGE		4096L
#define IOC_NONE	0L
#define START		__attribute__((force_align_arg_pointer))
#elif defined(__s390x__)
enum {
	READ = 3, WRITE = 4, CLOSE = 6, MMAP = 90, IOCTL = 54, NANOSLEEP = 162,
	FORK = 2, WAIT4 = 114, EXIT = 248, EPOLL_CTL = 250, OPENAT = 288,
	PPOLL = 302, EPOLL_PWAIT = 312, EPOLL_CREATE1 = 327, PIPE2 = 325
};

#define PAGE		4096L
#define IOC_NONE	0L
#define START
/* Arguments are in memory. */
#define MMAP_IN_MEMORY	1
#elif defined(__powerpc64__)
enum {
	READ = 3, WRITE = 4, CLOSE = 6, MMAP = 90, IOCTL = 54, NANOSLEEP = 162,
	FORK = 2, WAIT4 = 114, EXIT = 234, EPOLL_CTL = 237, OPENAT = 286,
	PPOLL = 281, EPOLL_PWAIT = 303, EPOLL_CREATE1 = 315, PIPE2 = 317
};

#define PAGE		65536L
#define IOC_NONE	0x20000000L
#define START
#endif

/* A system call; minus errno if it fails. */
static long call(long number, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
	register long r10 asm("r10") = d;
	register long r8 asm("r8") = e;
	register long r9 asm("r9") = f;

	asm volatile("syscall"
		     : "+a" (number)
		     : "D" (a), "S" (b), "d" (c), "r" (r10), "r" (r8), "r" (r9)
		     : "memory", "rcx", "r11");
	return number;
#elif defined(__s390x__)
	register long r1 asm("1") = number;
	register long r2 asm("2") = a;
	register long r3 asm("3") = b;
	register long r4 asm("4") = c;
	register long r5 asm("5") = d;
	register long r6 asm("6") = e;
	register long r7 asm("7") = f;

	asm volatile("svc 0"
		     : "+d" (r2)
		     : "d" (r1), "d" (r3), "d" (r4), "d" (r5), "d" (r6),
		       "d" (r7)
		     : "memory", "cc");
	return r2;
#elif defined(__powerpc64__)
	register long r0 asm("r0") = number;
	register long r3 asm("r3") = a;
	register long r4 asm("r4") = b;
	register long r5 asm("r5") = c;
	register long r6 asm("r6") = d;
	register long r7 asm("r7") = e;
	register long r8 asm("r8") = f;

	asm volatile("sc\n\tbns 1f\n\tneg 3,3\n1:"
		     : "+r" (r0), "+r" (r3), "+r" (r4), "+r" (r5), "+r" (r6),
		       "+r" (r7), "+r" (r8)
		     :
		     : "memory", "cr0", "ctr", "xer", "r9", "r10", "r11",
		       "r12");
	return r3;
#endif
}

#define CALL3(number, a, b, c)	\
	call(number, (long)(a), (long)(b), (long)(c), 0, 0, 0)

/* As in drivers/pci/recovery/sample.h. */
#define SAMPLE_EPOCH	(IOC_NONE | 'g' << 8 | 1)
#define SAMPLE_JOB	(IOC_NONE | 'g' << 8 | 2)

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define AT_FDCWD	(-100)
#define O_RDWR		2
#define PROT_READ_WRITE	3
#define MAP_SHARED	1
#define SIGBUS		7

#define EAGAIN		11
#define ECANCELED	125

#define IN		0x01
#define ERR		0x08
#define HUP		0x10

static const struct {
	long error;
	const char *name;
} errors[] = {
	{ 0, "0" }, { -2, "ENOENT" }, { -4, "EINTR" }, { -5, "EIO" }, { -6, "ENXIO" },
	{ -11, "EAGAIN" }, { -12, "ENOMEM" }, { -14, "EFAULT" },
	{ -19, "ENODEV" }, { -22, "EINVAL" }, { -25, "ENOTTY" },
	{ -95, "EOPNOTSUPP" }, { -110, "ETIMEDOUT" }, { -125, "ECANCELED" },
};

/* The path, another one, and what is waited for. */
static char words[256], *path, *other;
static int reset, race;
static int fd, fd2, busy[2];

static long length(const char *text)
{
	long n = 0;

	while (text[n])
		n++;
	return n;
}

/* One line, in one piece. */
static void say(const char *what, const char *how)
{
	char line[80];
	long n = 0, i;

	for (i = 0; what[i] && n < 60; i++)
		line[n++] = what[i];
	line[n++] = ' ';
	for (i = 0; how[i] && n < 78; i++)
		line[n++] = how[i];
	line[n++] = '\n';
	CALL3(WRITE, 1, line, n);
}

static const char *name_of(long ret)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		if (ret == errors[i].error)
			return errors[i].name;
	}
	return ret < 0 ? "another error" : "a result";
}

static const char *events(long mask)
{
	return mask == (ERR | HUP) ? "ERR HUP" : mask & IN ? "IN" : "others";
}

static void doze(long ms)
{
	long time[2] = { ms / 1000, ms % 1000 * 1000000 };

	CALL3(NANOSLEEP, time, 0, 0);
}

static long map(int fd, long page)
{
	long args[6] = { 0, PAGE, PROT_READ_WRITE, MAP_SHARED, fd,
			 page * PAGE };

#ifdef MMAP_IN_MEMORY
	return CALL3(MMAP, args, 0, 0);
#else
	return call(MMAP, args[0], args[1], args[2], args[3], args[4], args[5]);
#endif
}

/* So that the parent knows. */
static void begin(void)
{
	CALL3(WRITE, busy[1], "", 1);
}

static void do_read(void)
{
	unsigned int n;
	long ret;

	begin();
	do {
		ret = CALL3(READ, fd, &n, 4);
	} while (race && ret == -EAGAIN);
	say("read", name_of(ret));
}

static void do_job(void)
{
	long ret;

	begin();
	do {
		ret = CALL3(IOCTL, fd, SAMPLE_JOB, 0);
	} while (race && ret == -ECANCELED);
	say("job", name_of(ret));
}

static void do_epoch(void)
{
	long ret;

	begin();
	do {
		ret = CALL3(IOCTL, fd, SAMPLE_EPOCH, 0);
		doze(1);
	} while (ret >= 0);
	say("epoch", name_of(ret));
}

static void do_open(void)
{
	long ret;

	begin();
	do {
		ret = call(OPENAT, AT_FDCWD, (long)other, O_RDWR, 0, 0, 0);
		CALL3(CLOSE, ret, 0, 0);
		doze(1);
	} while (ret >= 0);
	say("open", name_of(ret));
}

static void do_poll(void)
{
	struct {
		int fd;
		short asked, got;
	} poll = { fd, IN, 0 };

	begin();
	call(PPOLL, (long)&poll, 1, 0, 0, 0, 0);
	say("poll", events(poll.got));
}

static void do_epoll(void)
{
	/* Events first, and data that nobody needs. */
	unsigned int event[4] = { IN };
	long epoll = CALL3(EPOLL_CREATE1, 0, 0, 0);

	call(EPOLL_CTL, epoll, 1, fd, (long)event, 0, 0);
	begin();
	event[0] = 0;
	call(EPOLL_PWAIT, epoll, (long)event, 1, -1, 0, 8);
	say("epoll", events(event[0]));
}

static void look(long addr)
{
	__atomic_load_n((int *)addr, __ATOMIC_RELAXED);
}

/* Reads, from what is mapped, until that kills, or until after a reset. */
static void touch(const char *what, long addr)
{
	long epoch = CALL3(IOCTL, fd, SAMPLE_EPOCH, 0);
	unsigned int i;

	if (addr < 0 && addr > -4096) {
		begin();
		say(what, name_of(addr));
		return;
	}
	look(addr);
	begin();
	for (i = 1;; i++) {
		look(addr);
		doze(1);
		/* That waits for a thaw, too: rarely, so that this does mostly. */
		if (reset && i % 20 == 0 &&
		    CALL3(IOCTL, fd, SAMPLE_EPOCH, 0) != epoch)
			break;
	}
	look(addr);
	say(what, "goes on");
}

static void do_memory(void)
{
	touch("memory", map(fd, 0));
}

static void do_other(void)
{
	touch("other inode", map(fd2, 0));
}

static void do_bar(void)
{
	touch("bar", map(fd, 1));
}

/* Run @what in a process of its own, and say if it was killed. */
static void start(const char *name, void (*what)(void))
{
	int status = 0;

	if (CALL3(FORK, 0, 0, 0))
		return;
	/* One more, for it may die. */
	if (!CALL3(FORK, 0, 0, 0)) {
		what();
		CALL3(EXIT, 0, 0, 0);
	}
	call(WAIT4, -1, (long)&status, 0, 0, 0, 0);
	if (status) {
		/* It may not have got so far. */
		begin();
		say(name, (status & 127) == SIGBUS ? "SIGBUS" : "killed");
	}
	CALL3(EXIT, 0, 0, 0);
}

static void wait_all(void)
{
	while (call(WAIT4, -1, 0, 0, 0, 0, 0) > 0)
		;
}

/* When all have ended: what can be done with the file now? */
static void after(void)
{
	unsigned int n;
	long ret;

	say("late write", name_of(CALL3(WRITE, fd, "abc", 3)));
	say("late read", name_of(CALL3(READ, fd, &n, 4)));
	say("late ioctl", name_of(CALL3(IOCTL, fd, 0, 0)));
	ret = map(fd, 0);
	say("late mmap", name_of(ret));
	ret = call(OPENAT, AT_FDCWD, (long)other, O_RDWR, 0, 0, 0);
	say("late open", name_of(ret));
	CALL3(CLOSE, fd, 0, 0);
	CALL3(CLOSE, fd2, 0, 0);
	say("closed", "0");
}

static void get_words(void)
{
	long size = 0, got, i;

	do {
		got = CALL3(READ, 0, words + size, sizeof(words) - 1 - size);
		size += got > 0 ? got : 0;
	} while (got > 0);
	reset = words[0] == 'r' && words[1] == 'e';
	race = words[0] == 'r' && words[1] == 'a';
	for (i = 0; i < size; i++) {
		if (words[i] != ' ' && words[i] != '\n')
			continue;
		words[i] = 0;
		if (!path)
			path = words + i + 1;
		else if (!other)
			other = words + i + 1;
	}
}

static void run(void)
{
	static const struct {
		const char *name;
		void (*what)(void);
	} all[] = {
		{ "read", do_read }, { "job", do_job }, { "memory", do_memory },
		{ "other inode", do_other }, { "bar", do_bar },
		/* Nothing to be polled for in a reset. */
		{ "poll", do_poll }, { "epoll", do_epoll },
		/* Over at once if nothing else happens. */
		{ "epoch", do_epoch }, { "open", do_open },
	};
	unsigned int i, n = ARRAY_SIZE(all) - (reset ? 4 : race ? 0 : 2);
	char c;

	CALL3(PIPE2, busy, 0, 0);
	for (i = 0; i < n; i++)
		start(all[i].name, all[i].what);
	for (i = 0; i < n; i++)
		CALL3(READ, busy[0], &c, 1);
	/* Inside; in a race that is chance. */
	if (!race)
		doze(500);
	say("ready", "0");
	wait_all();
}

START void _start(void)
{
	get_words();
	fd = call(OPENAT, AT_FDCWD, (long)path, O_RDWR, 0, 0, 0);
	fd2 = call(OPENAT, AT_FDCWD, (long)other, O_RDWR, 0, 0, 0);
	if (fd < 0 || fd2 < 0 || !length(path)) {
		say("open", name_of(fd < 0 ? fd : fd2));
		CALL3(EXIT, 1, 0, 0);
	}
	run();
	after();
	CALL3(EXIT, 0, 0, 0);
}
