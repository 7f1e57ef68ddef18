/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The part of virtio_net.c that is about errors of its device.
 *
 * The network device stays, without carrier meanwhile, and what user space set up
 * is set up again.  Packets that were to be sent are lost.
 */
#ifdef CONFIG_PCI_RECOVERY

#include <linux/pci-recovery.h>
#include <linux/sched/mm.h>

static int virtnet_xdp(struct net_device *dev, struct netdev_bpf *xdp);
static int virtnet_set_features(struct net_device *dev,
				netdev_features_t features);
static int virtnet_set_guest_offloads(struct virtnet_info *vi, u64 offloads);
static int virtnet_find_vqs(struct virtnet_info *vi);
static void free_unused_bufs(struct virtnet_info *vi);
static void virtnet_config_changed(struct virtio_device *vdev);

/* While a network device is present it has virtqueues. */
static DEFINE_MUTEX(virtnet_present_lock);

static void virtnet_detach(struct virtnet_info *vi)
{
	ASSERT_RTNL();

	guard(mutex)(&virtnet_present_lock);
	netif_tx_lock_bh(vi->dev);
	netif_device_detach(vi->dev);
	netif_tx_unlock_bh(vi->dev);
}

/*
 * CPUs come and go.  They are not kept from it while the device is stopped, for who
 * takes one offline may wait for a disk that recovers after us.
 */
static void virtio_net_recovery_spread(struct virtnet_info *vi)
{
	unsigned int noio = memalloc_noio_save();

	/* Who waits for the lock may be about to recover a disk. */
	mutex_lock(&virtnet_present_lock);
	if (netif_device_present(vi->dev))
		virtnet_set_affinity(vi);
	mutex_unlock(&virtnet_present_lock);
	memalloc_noio_restore(noio);
}

static void virtio_net_recovery_gather(struct virtnet_info *vi)
{
	guard(mutex)(&virtnet_present_lock);
	if (netif_device_present(vi->dev))
		virtnet_clean_affinity(vi);
}

/* User space takes it down: it may be already. */
static int virtnet_recovery_close(struct net_device *dev)
{
	return netif_device_present(dev) ? virtnet_close(dev) : 0;
}

/* Nor must NAPI be disabled twice by who attaches or detaches a program or socket. */
static int virtnet_recovery_bpf(struct net_device *dev, struct netdev_bpf *xdp)
{
	return netif_device_present(dev) ? virtnet_xdp(dev, xdp) : -ENODEV;
}

/* Nor is the device to be told of features by virtqueues that are not there. */
static int virtnet_recovery_features(struct net_device *dev,
				     netdev_features_t features)
{
	netdev_features_t told = NETIF_F_GRO_HW | NETIF_F_RXHASH;
	struct virtnet_info *vi = netdev_priv(dev);

	/* One that is being registered is not present either, but well. */
	if ((READ_ONCE(vi->vdev->recovery.state) != VIRTIO_RECOVERY_NONE ||
	     list_empty(&vi->vdev->vqs)) &&
	    ((dev->features ^ features) & told))
		return -ENODEV;
	return virtnet_set_features(dev, features);
}

/* Is there a program, or a socket of AF_XDP? */
static bool virtnet_has_xdp(struct virtnet_info *vi)
{
	int i;

	ASSERT_RTNL();

	if (vi->xdp_enabled)
		return true;
	for (i = 0; i < vi->max_queue_pairs; i++) {
		if (vi->rq[i].xsk_pool || vi->sq[i].xsk_pool)
			return true;
	}
	return false;
}

static int virtnet_stop(struct virtio_device *vdev)
{
	struct virtnet_info *vi = vdev->priv;
	bool xdp;

	/* Not under RTNL, which these take.  Who waits with it looks for errors. */
	virtio_config_driver_disable(vdev);
	cancel_work_sync(&vi->config_work);
	disable_rx_mode_work(vi);
	flush_work(&vi->rx_mode_work);

	rtnl_lock();
	/* Then others send through it without a lock. */
	xdp = virtnet_has_xdp(vi);
	if (!xdp) {
		if (netif_running(vi->dev))
			virtnet_recovery_close(vi->dev);
		virtnet_detach(vi);
	}
	virtio_break_device(vdev);
	rtnl_unlock();
	return xdp ? -EBUSY : 0;
}

static void virtnet_free_vqs(struct virtnet_info *vi)
{
	int i;

	if (list_empty(&vi->vdev->vqs))
		return;
	free_unused_bufs(vi);
	/* Commands that nobody waited for; they are not ours to free. */
	if (vi->has_cvq)
		while (virtqueue_detach_unused_buf(vi->cvq))
			;
	for (i = 0; i < vi->max_queue_pairs; i++)
		netdev_tx_reset_queue(netdev_get_tx_queue(vi->dev, i));
	virtnet_clean_affinity(vi);
	vi->vdev->config->del_vqs(vi->vdev);
}

static int virtnet_again(struct virtio_device *vdev)
{
	struct virtnet_info *vi = vdev->priv;
	int ret;

	virtnet_free_vqs(vi);
	ret = virtnet_find_vqs(vi);
	if (ret)
		return ret;
	virtio_device_ready(vdev);
	return 0;
}

static int virtnet_add_vlan(struct net_device *upper, int vid, void *data)
{
	struct virtnet_info *vi = data;

	return virtnet_vlan_rx_add_vid(vi->dev, htons(ETH_P_8021Q), vid);
}

/* What the device was told and has forgotten, but for what virtnet_open() says. */
static void virtnet_tell_again(struct virtnet_info *vi)
{
	struct virtio_device *vdev = vi->vdev;
	struct sockaddr_storage addr = { };

	ASSERT_RTNL();

	if (virtio_has_feature(vdev, VIRTIO_NET_F_CTRL_MAC_ADDR)) {
		memcpy(((struct sockaddr *)&addr)->sa_data, vi->dev->dev_addr,
		       vi->dev->addr_len);
		virtnet_set_mac_address(vi->dev, &addr);
	}
	if (virtio_has_feature(vdev, VIRTIO_NET_F_CTRL_VLAN))
		vlan_for_each(vi->dev, virtnet_add_vlan, vi);
	/* All that were negotiated are on. */
	if (vi->guest_offloads != vi->guest_offloads_capable)
		virtnet_set_guest_offloads(vi, vi->guest_offloads);
}

/* In this order: to be told how many queues there are ends RSS. */
static void virtnet_tell_queues(struct virtnet_info *vi)
{
	/* Which fills them. */
	virtnet_set_queues(vi, vi->curr_queue_pairs);
	if (vi->has_rss_hash_report ||
	    (vi->has_rss && netif_is_rxfh_configured(vi->dev)))
		virtnet_commit_rss_command(vi);
}

static int virtnet_reopen(struct virtnet_info *vi)
{
	int ret;

	ASSERT_RTNL();

	virtnet_tell_again(vi);
	if (netif_running(vi->dev)) {
		ret = virtnet_open(vi->dev);
		if (ret)
			return ret;
		/* An interrupt that told of a change may have been lost. */
		virtnet_config_changed(vi->vdev);
	}
	virtnet_tell_queues(vi);
	netif_tx_lock_bh(vi->dev);
	netif_device_attach(vi->dev);
	/* It was taken down after the detach had stopped them. */
	if (!netif_running(vi->dev))
		netif_tx_start_all_queues(vi->dev);
	netif_tx_unlock_bh(vi->dev);
	return 0;
}

static int virtnet_go(struct virtio_device *vdev)
{
	struct virtnet_info *vi = vdev->priv;
	int ret;

	rtnl_lock();
	/* It will be.  Otherwise NAPI would not be used to send from here on. */
	vi->affinity_hint_set = true;
	ret = virtnet_reopen(vi);
	rtnl_unlock();
	if (ret)
		return ret;
	enable_rx_mode_work(vi);
	rtnl_lock();
	/* Or who holds it does that, when his CPU comes or goes, or is the next to. */
	if (cpus_read_trylock()) {
		virtio_net_recovery_spread(vi);
		cpus_read_unlock();
	}
	if (netif_running(vi->dev))
		virtnet_set_rx_mode(vi->dev);
	rtnl_unlock();
	return 0;
}

/* It was stopped and is not there, for good: nobody waits for it. */
static void virtnet_dead(struct virtio_device *vdev) { }

static const struct virtio_recovery_ops virtnet_recovery_ops = {
	.stop	= virtnet_stop,
	.again	= virtnet_again,
	.go	= virtnet_go,
	.dead	= virtnet_dead,
};

/* All-ones is no status that Virtio knows: nothing answers. */
static bool virtio_net_recovery_lost(u16 status)
{
	return status == 0xffff && pci_recovery_enabled();
}

/* Upstream of 6.12 takes its flag for a part of the address. */
#define virtnet_unused_skb(buf)		ptr_to_skb(buf)

#define virtio_net_recovery_driver	{ .ops = &virtnet_recovery_ops }
#define virtio_net_recovery_stop	virtnet_recovery_close
#define virtio_net_recovery_bpf		virtnet_recovery_bpf
#define virtio_net_recovery_features	virtnet_recovery_features

/* Before the virtqueues are deleted, if there are any. */
static void virtio_net_recovery_free(struct virtnet_info *vi)
{
	if (!list_empty(&vi->vdev->vqs))
		free_unused_bufs(vi);
}

#else

static inline bool virtio_net_recovery_lost(u16 status)
{
	return false;
}

#define virtnet_unused_skb(buf)		(buf)
#define virtio_net_recovery_driver	{ }
#define virtio_net_recovery_stop	virtnet_close
#define virtio_net_recovery_bpf		virtnet_xdp
#define virtio_net_recovery_features	virtnet_set_features
#define virtio_net_recovery_spread(vi)	virtnet_set_affinity(vi)
#define virtio_net_recovery_gather(vi)	virtnet_clean_affinity(vi)
#define virtio_net_recovery_free(vi)	free_unused_bufs(vi)

#endif
