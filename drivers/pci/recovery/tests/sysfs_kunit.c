// SPDX-License-Identifier: GPL-2.0
/*
 * What the files in sysfs and debugfs say, and what can be written to them.
 */

#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/kernfs.h>
#include <linux/pci.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "suites.h"

#define PARAMETERS "/sys/module/pci_recovery/parameters/"
#define PES "/sys/kernel/debug/pci_recovery/pes"
#define PES_SIZE SZ_512K

static char path[128];

static int sysfs_suite_init(struct kunit *test)
{
	struct file *file = filp_open(PARAMETERS, O_RDONLY | O_DIRECTORY, 0);

	if (IS_ERR(file))
		kunit_skip(test, "sysfs is not mounted on /sys");
	else
		filp_close(file, NULL);
	return 0;
}

/* The path of a file of the function @fn. */
static const char *file_of(struct fake_fn *fn, const char *name)
{
	scnprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s",
		  pci_name(fn->pdev), name);
	return path;
}

static ssize_t file_write(const char *name, const char *text)
{
	struct file *file = filp_open(name, O_WRONLY, 0);
	ssize_t ret;
	loff_t pos = 0;

	if (IS_ERR(file))
		return PTR_ERR(file);
	ret = kernel_write(file, text, strlen(text), &pos);
	filp_close(file, NULL);
	return ret;
}

static void file_read(const char *name, char *buf, size_t size)
{
	struct file *file = filp_open(name, O_RDONLY, 0);
	ssize_t ret;
	loff_t pos = 0;

	buf[0] = '\0';
	if (IS_ERR(file))
		return;
	ret = kernel_read(file, buf, size - 1, &pos);
	buf[max(ret, 0)] = '\0';
	filp_close(file, NULL);
}

static void expect_file(struct kunit *test, struct fake_fn *fn,
			const char *name, const char *expected)
{
	char buf[64];

	file_read(file_of(fn, name), buf, sizeof(buf));
	KUNIT_EXPECT_STREQ_MSG(test, buf, expected, "%s", path);
}

static void expect_number(struct kunit *test, struct fake_fn *fn,
			  const char *name, u64 number)
{
	char expected[24];

	scnprintf(expected, sizeof(expected), "%llu\n", number);
	expect_file(test, fn, name, expected);
}

static void sysfs_after_success(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	struct fake_fn *fn = &fpe->fn[0];

	suite_error(test, fpe);
	fake_idle(fpe);
	expect_file(test, fn, "recovery/state", "live\n");
	expect_file(test, fn, "recovery/last_outcome", "recovered\n");
	expect_file(test, fn, "recovery/last_rung", "reset\n");
	expect_file(test, fn, "recovery/stalled", "none\n");
	expect_number(test, fn, "recovery/episodes", fpe->pe.episodes);
	expect_number(test, fn, "recovery/failures", fpe->pe.failures);
	expect_number(test, fn, "recovery/last_duration_us",
		      fpe->pe.duration_us);
}

static void sysfs_after_failure(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	struct fake_fn *fn = &fpe->fn[0];
	u32 failures = fpe->pe.failures;

	fpe->pe.max_freezes = 0;
	suite_error(test, fpe);
	fake_idle(fpe);
	expect_file(test, fn, "recovery/state", "failed\n");
	expect_file(test, fn, "recovery/last_outcome", "failed\n");
	expect_number(test, fn, "recovery/failures", failures + 1);
}

static void sysfs_auto(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	struct fake_fn *fn = &fpe->fn[0];

	KUNIT_EXPECT_EQ(test, file_write(file_of(fn, "recovery/auto"), "0\n"),
			2);
	KUNIT_EXPECT_FALSE(test, fpe->pe.auto_recover);
	expect_file(test, fn, "recovery/auto", "0\n");
	KUNIT_EXPECT_EQ(test, file_write(file_of(fn, "recovery/auto"), "maybe"),
			-EINVAL);
	expect_file(test, fn, "recovery/auto", "0\n");
	KUNIT_EXPECT_EQ(test, file_write(file_of(fn, "recovery/auto"), "on"),
			2);
	KUNIT_EXPECT_TRUE(test, fpe->pe.auto_recover);
}

static void sysfs_max_freezes(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	struct fake_fn *fn = &fpe->fn[0];

	KUNIT_EXPECT_EQ(test,
			file_write(file_of(fn, "recovery/max_freezes"), "17"),
			2);
	KUNIT_EXPECT_EQ(test, fpe->pe.max_freezes, 17);
	KUNIT_EXPECT_EQ(test,
			file_write(file_of(fn, "recovery/max_freezes"), "-1"),
			-EINVAL);
	expect_file(test, fn, "recovery/max_freezes", "17\n");
}

/* The platform's counts until there is one of its own. */
static void sysfs_max_freezes_own(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	struct fake_fn *fn = &fpe->fn[0];

	fake_optional(fpe);
	fake_max_freezes(7);
	expect_file(test, fn, "recovery/max_freezes", "7\n");
	fake_max_freezes(8);
	expect_file(test, fn, "recovery/max_freezes", "8\n");
	KUNIT_EXPECT_EQ(test,
			file_write(file_of(fn, "recovery/max_freezes"), "0"),
			1);
	expect_file(test, fn, "recovery/max_freezes", "0\n");
	suite_error(test, fpe);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_FAILED);
}

/* "recover" is the platform's; this is what it does with it. */
static struct device_attribute test_recover = {
	.attr = { .name = "test_recover", .mode = 0200 },
	.store = pci_recovery_store,
};

static void sysfs_recover(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	struct fake_fn *fn = &fpe->fn[0];
	struct device *dev = &fn->pdev->dev;

	KUNIT_ASSERT_EQ(test, device_create_file(dev, &test_recover), 0);
	KUNIT_EXPECT_EQ(test, file_write(file_of(fn, "test_recover"), "1\n"),
			2);
	KUNIT_EXPECT_EQ(test, fpe->log.outcome, PCI_RECOVERY_RECOVERED);
	KUNIT_EXPECT_EQ(test, file_write(file_of(fn, "test_recover"), "2"),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, file_write(file_of(fn, "test_recover"), ""), 0);
	KUNIT_EXPECT_EQ(test, fpe->log.begins, 1);
	fpe->refuse = true;
	KUNIT_EXPECT_EQ(test, file_write(file_of(fn, "test_recover"), "1"),
			-EBUSY);
	fpe->refuse = false;
	device_remove_file(dev, &test_recover);
	/* Whoever calls it for something that is no file. */
	KUNIT_EXPECT_EQ(test, pci_recovery_store(dev, &test_recover, "1", 1), 1);
}

/* The attribute behind a file of @dev. */
static struct device_attribute *attribute(struct kunit *test,
					  struct device *dev, const char *name)
{
	struct kernfs_node *dir, *kn;
	struct device_attribute *attr;

	dir = kernfs_find_and_get(dev->kobj.sd, "recovery");
	KUNIT_ASSERT_NOT_NULL(test, dir);
	kn = kernfs_find_and_get(dir, name);
	kernfs_put(dir);
	KUNIT_ASSERT_NOT_NULL(test, kn);
	attr = container_of(kn->priv, struct device_attribute, attr);
	kernfs_put(kn);
	return attr;
}

/* Of a function that was removed. */
static void sysfs_gone(struct kunit *test)
{
	static const char * const names[] = {
		"state", "episodes", "failures", "last_outcome", "last_rung",
		"last_duration_us", "stalled", "auto", "max_freezes",
	};
	struct device_attribute *attrs[ARRAY_SIZE(names)];
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	struct pci_dev *pdev = pci_dev_get(fpe->fn[0].pdev);
	char *buf = kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	struct device *dev = &pdev->dev;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	for (i = 0; i < ARRAY_SIZE(names); i++)
		attrs[i] = attribute(test, dev, names[i]);
	fake_fn_del(&fpe->fn[0]);
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		KUNIT_EXPECT_EQ_MSG(test, attrs[i]->show(dev, attrs[i], buf),
				    -ENODEV, "%s", names[i]);
		if (attrs[i]->store)
			KUNIT_EXPECT_EQ_MSG(test,
					    attrs[i]->store(dev, attrs[i], "1", 1),
					    -ENODEV, "%s", names[i]);
	}
	KUNIT_EXPECT_EQ(test, pci_recovery_store(dev, &test_recover, "1", 1),
			-ENODEV);
	pci_dev_put(pdev);
}

/* A limit is no time at all, nor one that nobody would wait for. */
static void sysfs_parameters(struct kunit *test)
{
	const char *name = PARAMETERS "callback_ms";
	char buf[16];

	KUNIT_EXPECT_EQ(test, file_write(name, "0"), -EINVAL);
	KUNIT_EXPECT_EQ(test, file_write(name, "600001"), -EINVAL);
	KUNIT_EXPECT_EQ(test, file_write(name, "soon"), -EINVAL);
	KUNIT_EXPECT_EQ(test, file_write(name, "600000"), 6);
	file_read(name, buf, sizeof(buf));
	KUNIT_EXPECT_STREQ(test, buf, "600000\n");
	KUNIT_EXPECT_EQ(test, file_write(name, "10000"), 5);
}

/* Not kernel_read(), which is not for files of debugfs. */
static ssize_t read_pes(char *buf)
{
	struct kvec vec = { .iov_base = buf, .iov_len = PES_SIZE - 1 };
	struct file *file = filp_open(PES, O_RDONLY, 0);
	struct iov_iter iter;
	struct kiocb kiocb;
	ssize_t ret;

	if (IS_ERR(file))
		return PTR_ERR(file);
	init_sync_kiocb(&kiocb, file);
	iov_iter_kvec(&iter, ITER_DEST, &vec, 1, vec.iov_len);
	ret = seq_read_iter(&kiocb, &iter);
	buf[max(ret, 0)] = '\0';
	filp_close(file, NULL);
	return ret;
}

/* A driver is stuck: both say so. */
static void sysfs_stalled(struct kunit *test)
{
	struct fake_pe *fpe = suite_pe(test, FAKE_AWARE);
	struct fake_fn *fn = &fpe->fn[0];
	char *buf = kvzalloc(PES_SIZE, GFP_KERNEL);
	int tries = SUITE_MS / 20;
	ssize_t ret;

	KUNIT_ASSERT_NOT_NULL(test, buf);
	suite_limits(test, 100, 100);
	fn->ms[FAKE_ERROR_DETECTED] = 3000;
	fake_error(fpe);
	/* Not in the steps before, which an emulator may be slow in. */
	while (!(fake_stalled(fpe, buf, PES_SIZE) &&
		 strstr(buf, "error_detected")) && tries--)
		msleep(20);
	expect_file(test, fn, "recovery/stalled",
		    "fake-emsr ->error_detected()\n");
	ret = read_pes(buf);
	if (ret != -ENOENT) {
		KUNIT_EXPECT_GT(test, ret, 0);
		KUNIT_EXPECT_NOT_NULL(test, strstr(buf, "stalled: fake-emsr"));
		KUNIT_EXPECT_NOT_NULL(test, strstr(buf, pci_name(fn->pdev)));
		KUNIT_EXPECT_NOT_NULL(test, strstr(buf, fpe->pe.name));
	}
	kvfree(buf);
	suite_wait(test, fpe, 1);
}

static struct kunit_case sysfs_cases[] = {
	KUNIT_CASE(sysfs_after_success),
	KUNIT_CASE(sysfs_after_failure),
	KUNIT_CASE(sysfs_auto),
	KUNIT_CASE(sysfs_max_freezes),
	KUNIT_CASE(sysfs_max_freezes_own),
	KUNIT_CASE(sysfs_recover),
	KUNIT_CASE(sysfs_gone),
	KUNIT_CASE(sysfs_parameters),
	KUNIT_CASE(sysfs_stalled),
	{}
};

struct kunit_suite sysfs_suite = {
	.name = "pci_recovery_sysfs",
	.init = sysfs_suite_init,
	.test_cases = sysfs_cases,
};
