// SPDX-License-Identifier: GPL-2.0
#include "ftd/kernel/devices.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <map>
#include <net/if.h>
#include <netinet/in.h>
#include <set>
#include <sstream>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <system_error>

#include <fmt/format.h>

namespace ft {

namespace {

namespace fs = std::filesystem;

std::string attribute(udev_device *device, const char *name) {
    const char *value = udev_device_get_sysattr_value(device, name);
    return value ? value : "";
}

std::uint64_t bytes_of(udev_device *disk) {
    return std::strtoull(attribute(disk, "size").c_str(), nullptr, 10) * 512;
}

PciChain pci_chain(const char *syspath) {
    PciChain chain;
    std::istringstream parts(syspath);
    for (std::string part; std::getline(parts, part, '/');)
        if (is_pci_address(part))
            chain.push_back(part);
    return chain;
}

// The address burnt in: the current one of an enslaved port is the bond's.
std::string permanent_address(const std::string &name, const std::string &current) {
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket || name.size() >= IFNAMSIZ)
        return current;
    constexpr std::size_t longest = 32;
    alignas(ethtool_perm_addr) std::array<char, sizeof(ethtool_perm_addr) + longest> memory{};
    auto *answer = reinterpret_cast<ethtool_perm_addr *>(memory.data());
    answer->cmd = ETHTOOL_GPERMADDR;
    answer->size = longest;
    ifreq request{};
    std::memcpy(request.ifr_name, name.c_str(), name.size());
    request.ifr_data = memory.data();
    const auto *bytes = reinterpret_cast<const unsigned char *>(memory.data() + sizeof(*answer));
    if (::ioctl(socket.get(), SIOCETHTOOL, &request) < 0 || answer->size != 6 ||
        std::all_of(bytes, bytes + 6, [](unsigned char byte) { return !byte; }))
        return current;
    return fmt::format("{:02x}", fmt::join(bytes, bytes + 6, ":"));
}

// Mount points by "major:minor".
std::map<std::string, std::string> mounts() {
    std::map<std::string, std::string> result;
    std::ifstream file("/proc/self/mountinfo");
    for (std::string line; std::getline(file, line);) {
        std::istringstream fields(line);
        std::string id, parent, device, root, point;
        if (fields >> id >> parent >> device >> root >> point)
            result.emplace(device, point);
    }
    return result;
}

// Names of the interfaces that have an IP address; every one has a link-local one.
std::set<std::string> addressed() {
    std::set<std::string> names;
    ifaddrs *list = nullptr;
    if (::getifaddrs(&list) < 0)
        return names;
    const Handle<ifaddrs, ::freeifaddrs> owner(list);
    for (const ifaddrs *entry = list; entry; entry = entry->ifa_next) {
        if (!entry->ifa_addr)
            continue;
        sockaddr_in6 six{};
        if (entry->ifa_addr->sa_family == AF_INET6)
            std::memcpy(&six, entry->ifa_addr, sizeof(six));
        if (entry->ifa_addr->sa_family == AF_INET ||
            (entry->ifa_addr->sa_family == AF_INET6 && !IN6_IS_ADDR_LINKLOCAL(&six.sin6_addr)))
            names.insert(entry->ifa_name);
    }
    return names;
}

std::string first_line(const fs::path &path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

std::string holder_of(const fs::path &syspath, const std::map<std::string, std::string> &mounts) {
    std::error_code error;
    const auto mounted = mounts.find(first_line(syspath / "dev"));
    if (mounted != mounts.end())
        return mounted->second;
    for (const fs::directory_entry &entry : fs::directory_iterator(syspath / "holders", error)) {
        const std::string name = first_line(entry.path() / "dm/name");
        return name.empty() ? entry.path().filename().string() : name;
    }
    for (const fs::directory_entry &entry : fs::directory_iterator(syspath, error))
        if (fs::exists(entry.path() / "partition", error)) {
            std::string holder = holder_of(entry.path(), mounts);
            if (!holder.empty())
                return holder;
        }
    return {};
}

template <typename Visit>
void each_device(udev *context, const char *subsystem, Visit visit) {
    const Handle<udev_enumerate, udev_enumerate_unref> list(udev_enumerate_new(context));
    if (!list)
        throw std::bad_alloc();
    udev_enumerate_add_match_subsystem(list.get(), subsystem);
    if (std::strcmp(subsystem, "pci") != 0)
        udev_enumerate_add_match_is_initialized(list.get());
    udev_enumerate_scan_devices(list.get());
    udev_list_entry *entry = nullptr;
    udev_list_entry_foreach(entry, udev_enumerate_get_list_entry(list.get())) {
        // A device may be gone by now.
        const Handle<udev_device, udev_device_unref> device(
            udev_device_new_from_syspath(context, udev_list_entry_get_name(entry)));
        if (device)
            visit(device.get());
    }
}

// Names of the hot-plug slots by the address that their cards have, less the function.
std::map<std::string, std::string> slots() {
    std::map<std::string, std::string> result;
    std::error_code error;
    for (const fs::directory_entry &entry : fs::directory_iterator("/sys/bus/pci/slots", error))
        result[first_line(entry.path() / "address")] = entry.path().filename();
    return result;
}

// "nvme2n1" before "nvme10n1".
template <typename Device>
void sort_by_name(std::vector<Device> &devices) {
    std::sort(devices.begin(), devices.end(), [](const Device &a, const Device &b) {
        return ::strverscmp(a.name.c_str(), b.name.c_str()) < 0;
    });
}

} // namespace

Devices::Devices(sd_event *event, std::function<void(bool)> changed)
    : udev_(udev_new()), changed_(std::move(changed)) {
    if (!udev_)
        throw std::system_error(errno, std::generic_category(), "udev");
    monitor_.reset(udev_monitor_new_from_netlink(udev_.get(), "udev"));
    if (!monitor_)
        throw std::system_error(errno, std::generic_category(), "udev monitor");
    for (const char *subsystem : {"pci", "net", "module"})
        udev_monitor_filter_add_match_subsystem_devtype(monitor_.get(), subsystem, nullptr);
    udev_monitor_filter_add_match_subsystem_devtype(monitor_.get(), "block", "disk");
    // A module with many devices arrives as one burst.
    udev_monitor_set_receive_buffer_size(monitor_.get(), 16 << 20);
    if (const int error = udev_monitor_enable_receiving(monitor_.get()); error < 0)
        throw std::system_error(-error, std::generic_category(), "udev monitor");
    sd_event_source *source = nullptr;
    const int error = sd_event_add_io(
        event, &source, udev_monitor_get_fd(monitor_.get()), EPOLLIN,
        [](sd_event_source *, int, std::uint32_t, void *self) {
            static_cast<Devices *>(self)->receive();
            return 0;
        },
        this);
    if (error < 0)
        throw std::system_error(-error, std::generic_category(), "udev monitor");
    source_.reset(source);
}

void Devices::receive() {
    bool hardware = false, modules = false;
    while (true) {
        const Handle<udev_device, udev_device_unref> device(
            udev_monitor_receive_device(monitor_.get()));
        if (!device)
            break;
        const char *subsystem = udev_device_get_subsystem(device.get());
        if (subsystem && std::strcmp(subsystem, "module") == 0)
            modules = modules || std::strncmp(udev_device_get_sysname(device.get()), "ft_", 3) == 0;
        else
            hardware = true;
    }
    if (hardware || modules)
        changed_(modules);
}

Inventory Devices::inventory() const {
    Inventory result;
    const auto slot_names = slots();
    each_device(udev_.get(), "pci", [&](udev_device *device) {
        const PciChain chain = pci_chain(udev_device_get_syspath(device));
        if (chain.empty())
            return;
        result.functions.push_back(chain);
        const std::string bus = attribute(device, "secondary_bus_number");
        if (bus.empty())
            return;
        Bridge bridge{chain, {}};
        const std::string domain = chain.back().substr(0, chain.back().find(':'));
        const unsigned long number = std::strtoul(bus.c_str(), nullptr, 10);
        // Below a PCI Express port there is one device, number 0.
        const auto slot = slot_names.find(fmt::format("{}:{:02x}:00", domain, number));
        if (slot != slot_names.end())
            bridge.slot = slot->second;
        result.bridges.push_back(bridge);
    });
    const auto with_address = addressed();
    each_device(udev_.get(), "net", [&](udev_device *device) {
        const PciChain chain = pci_chain(udev_device_get_syspath(device));
        if (chain.empty())
            return;
        Nic nic;
        nic.chain = chain;
        nic.name = udev_device_get_sysname(device);
        nic.instance = std::strtoull(attribute(device, "ifindex").c_str(), nullptr, 10);
        nic.address = permanent_address(nic.name, attribute(device, "address"));
        std::error_code error;
        const fs::path master =
            fs::read_symlink(fs::path(udev_device_get_syspath(device)) / "master", error);
        nic.master = master.filename();
        nic.addressed = with_address.contains(nic.name);
        result.nics.push_back(nic);
    });
    const auto mounted = mounts();
    each_device(udev_.get(), "block", [&](udev_device *device) {
        const PciChain chain = pci_chain(udev_device_get_syspath(device));
        const char *type = udev_device_get_devtype(device);
        const std::string mapped = attribute(device, "dm/name");
        if (!mapped.empty())
            result.mapped[mapped] = bytes_of(device);
        if (chain.empty() || !type || std::strcmp(type, "disk") != 0)
            return;
        Disk disk;
        disk.chain = chain;
        disk.name = udev_device_get_sysname(device);
        disk.size = bytes_of(device);
        disk.instance = std::strtoull(attribute(device, "diskseq").c_str(), nullptr, 10);
        disk.holder = holder_of(udev_device_get_syspath(device), mounted);
        result.disks.push_back(disk);
    });
    sort_by_name(result.nics);
    sort_by_name(result.disks);
    return result;
}

} // namespace ft
