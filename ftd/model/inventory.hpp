// SPDX-License-Identifier: GPL-2.0
// The hardware as it is now, as far as pairs can be made of it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ft {

// PCI addresses "dddd:bb:dd.f" from the root of the bus down to a function.
using PciChain = std::vector<std::string>;

struct Bridge {
    PciChain chain;   // the last one is the bridge itself
    std::string slot; // name of the hot-plug slot below it, empty: none
};

struct Nic {
    PciChain chain;
    std::string path;           // device path, empty: in no module, or not placed
    std::string name;           // "eth0"
    std::string address;        // permanent hardware address
    std::string master;         // netdev that it is enslaved to, empty: none
    bool addressed = false;     // has an IP address that others may use
    std::uint64_t instance = 0; // never the same again after a removal
};

struct Disk {
    PciChain chain;
    std::string path;           // device path, as above
    std::string name;           // "nvme0n1"
    std::uint64_t size = 0;     // bytes
    std::uint64_t instance = 0; // as above
    std::string holder;         // device-mapper or md device above, a mount point; empty: none
    bool boots = false;         // has the partition that the firmware boots from
};

struct Inventory {
    // By device path, as place() has found them.
    std::map<std::string, std::size_t> nic_at, disk_at;
    std::vector<Bridge> bridges;
    std::vector<Nic> nics;
    std::vector<Disk> disks;
    std::vector<PciChain> functions; // every PCI function, to know which modules are there
    std::map<std::string, std::uint64_t> mapped; // bytes of device-mapper devices, by name
};

// Device and function number of "dddd:bb:dd.f" in one number, as PCI has it.
unsigned devfn(const std::string &pci_address);
bool is_pci_address(const std::string &text);
// Those in the path of a device in /sys, in order.
PciChain pci_chain(const std::string &path);

} // namespace ft
