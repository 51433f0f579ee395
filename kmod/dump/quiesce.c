// SPDX-License-Identifier: GPL-2.0
/*
 * quiesce.c - devices that the old kernel left at work, and that nobody has
 * taken over since, go on writing where it told them to: a network card puts
 * what it receives into memory that is somebody else's by then.
 */
#include <linux/pci.h>

#include "dump.h"

/*
 * The device's lock keeps a driver from being bound between the look and the
 * write; a driver that comes later resets its device and asks for mastering
 * itself. Bridges pass on what is below them and write nothing of their own.
 */
void ft_quiesce(void)
{
	struct pci_dev *pdev = NULL;
	u16 command;

	for_each_pci_dev(pdev) {
		if (pdev->hdr_type != PCI_HEADER_TYPE_NORMAL)
			continue;
		device_lock(&pdev->dev);
		pci_read_config_word(pdev, PCI_COMMAND, &command);
		if (!pdev->driver && !PCI_POSSIBLE_ERROR(command) &&
		    command & PCI_COMMAND_MASTER) {
			pci_clear_master(pdev);
			if (!pci_wait_for_pending_transaction(pdev))
				pci_warn(pdev, "ft_dump: transactions are still pending\n");
			pci_info(pdev, "ft_dump: was left mastering the bus\n");
		}
		device_unlock(&pdev->dev);
	}
}
