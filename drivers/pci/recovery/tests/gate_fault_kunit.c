// SPDX-License-Identifier: GPL-2.0
/*
 * Gates that turn drivers away though they are live: fault injection.
 */

#include <linux/fault-inject.h>
#include <linux/pci.h>

#include "suites.h"
#include "../recovery.h"

#ifdef CONFIG_FAULT_INJECTION
/* Turn all away, so many times. */
static void inject(int times)
{
	struct fault_attr *fault = pci_gate_fault();

	fault->probability = times ? 100 : 0;
	fault->verbose = 0;
	atomic_set(&fault->times, times);
}

static int fault_init(struct kunit *test)
{
	return 0;
}
#else
static void inject(int times)
{
}

static int fault_init(struct kunit *test)
{
	kunit_skip(test, "no CONFIG_FAULT_INJECTION");
	return 0;
}
#endif

static void fault_exit(struct kunit *test)
{
	inject(0);
}

static struct pci_gate *a_gate(struct kunit *test)
{
	return suite_gate(test, &suite_pe(test, FAKE_AWARE)->fn[0]);
}

/* Each of those that may be turned away; who gets in leaves at once. */
static int try(struct pci_gate *gate)
{
	int ret = pci_gate_tryenter(gate);

	if (!ret)
		pci_gate_exit(gate);
	return ret;
}

static int try_hold(struct pci_gate *gate)
{
	int ret = pci_gate_hold(gate);

	if (!ret)
		pci_gate_unhold(gate);
	return ret;
}

static int try_atomic(struct pci_gate *gate)
{
	if (!pci_gate_enter_atomic(gate))
		return pci_gate_error(gate) ?: -EAGAIN;
	pci_gate_exit_atomic(gate);
	return 0;
}

static int try_guard(struct pci_gate *gate)
{
	scoped_cond_guard(pci_gate_try, return -EAGAIN, gate)
		return 0;
	return -EIO;
}

static int (* const tries[])(struct pci_gate *gate) = {
	try, try_hold, try_atomic, try_guard,
};

/* Once, and the next one is in. */
static void fault_refuses(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);
	int i;

	for (i = 0; i < ARRAY_SIZE(tries); i++) {
		inject(1);
		KUNIT_EXPECT_EQ_MSG(test, tries[i](gate), -EAGAIN, "%d", i);
		KUNIT_EXPECT_EQ(test, pci_gate_error(gate), 0);
		KUNIT_EXPECT_EQ_MSG(test, tries[i](gate), 0, "%d", i);
	}
}

/* Nobody is counted who was turned away, nor left in an RCU section. */
static void fault_drains(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);
	int i;

	inject(-1);
	for (i = 0; i < ARRAY_SIZE(tries); i++)
		KUNIT_EXPECT_EQ_MSG(test, tries[i](gate), -EAGAIN, "%d", i);
	pci_gate_freeze(gate);
	KUNIT_EXPECT_EQ(test, pci_gate_drain(gate, SUITE_JIFFIES), 0);
	KUNIT_EXPECT_EQ(test, pci_gate_thaw(gate), 0);
}

/* Those that cannot fail do not, however many there are to fail. */
static void fault_spares(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);

	inject(-1);
	KUNIT_ASSERT_EQ(test, pci_gate_enter(gate), 0);
	pci_gate_enter_nested(gate);
	KUNIT_EXPECT_EQ(test, try(gate), -EAGAIN);
	pci_gate_exit(gate);
	pci_gate_hold_nested(gate);
	pci_gate_unhold(gate);
	pci_gate_exit(gate);
}

/* A gate that is shut says why, and uses no fault up. */
static void fault_shut(struct kunit *test)
{
	struct pci_gate *gate = a_gate(test);

	inject(1);
	pci_gate_freeze(gate);
	KUNIT_EXPECT_EQ(test, try(gate), -EAGAIN);
	KUNIT_EXPECT_EQ(test, try_atomic(gate), -EAGAIN);
	KUNIT_EXPECT_EQ(test, pci_gate_thaw(gate), 0);
	KUNIT_EXPECT_EQ(test, try(gate), -EAGAIN);
	inject(1);
	pci_gate_kill(gate);
	KUNIT_EXPECT_EQ(test, try(gate), -ENODEV);
	KUNIT_EXPECT_EQ(test, try_hold(gate), -ENODEV);
	KUNIT_EXPECT_EQ(test, try_atomic(gate), -ENODEV);
}

static struct kunit_case gate_fault_cases[] = {
	KUNIT_CASE(fault_refuses),
	KUNIT_CASE(fault_drains),
	KUNIT_CASE(fault_spares),
	KUNIT_CASE(fault_shut),
	{}
};

struct kunit_suite gate_fault_suite = {
	.name = "pci_gate_fault",
	.init = fault_init,
	.exit = fault_exit,
	.test_cases = gate_fault_cases,
};
