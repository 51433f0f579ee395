// SPDX-License-Identifier: GPL-2.0
#include "ftd/kernel/devices.hpp"

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
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
#include <string_view>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

namespace ft {

namespace {

namespace fs = std::filesystem;

// Many devices are looked at each time something comes or goes: no stream, no library.
std::string attribute(const std::string &syspath, const char *name) {
    const Fd file(::open((syspath + '/' + name).c_str(), O_RDONLY | O_CLOEXEC));
    std::array<char, 256> text{};
    const ssize_t size = file ? ::read(file.get(), text.data(), text.size()) : 0;
    const std::string_view all(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    return std::string(all.substr(0, all.find('\n')));
}

std::uint64_t number(const std::string &syspath, const char *name) {
    return std::strtoull(attribute(syspath, name).c_str(), nullptr, 10);
}

// Where a link in /sys leads to; empty: it is none.
std::string target(const std::string &link) {
    std::array<char, PATH_MAX> text{};
    const ssize_t size = ::readlink(link.c_str(), text.data(), text.size());
    return {text.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

std::uint64_t bytes_of(const std::string &disk) {
    return number(disk, "size") * 512;
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

std::string holder_of(const std::string &syspath, const std::string &name,
                      const std::map<std::string, std::string> &mounts) {
    const auto mounted = mounts.find(attribute(syspath, "dev"));
    if (mounted != mounts.end())
        return mounted->second;
    std::error_code error;
    for (const fs::directory_entry &entry : fs::directory_iterator(syspath + "/holders", error)) {
        const std::string mapped = attribute(entry.path(), "dm/name");
        return mapped.empty() ? entry.path().filename().string() : mapped;
    }
    for (const fs::directory_entry &entry : fs::directory_iterator(syspath, error)) {
        const std::string part = entry.path().filename(); // "sda1" in "sda"
        if (!part.starts_with(name))
            continue;
        const std::string holder = holder_of(entry.path(), part, mounts);
        if (!holder.empty())
            return holder;
    }
    return {};
}

// boot-copy keeps a partition of this name in step with /boot.
bool boots(const std::string &syspath, const std::string &name) {
    std::error_code error;
    for (const fs::directory_entry &entry : fs::directory_iterator(syspath, error)) {
        if (!entry.path().filename().string().starts_with(name))
            continue;
        std::ifstream uevent(entry.path() / "uevent");
        for (std::string line; std::getline(uevent, line);)
            if (line.starts_with("PARTNAME=FTBOOT"))
                return true;
    }
    return false;
}

// The devices that the links in a folder of /sys lead to.
template <typename Visit>
void each_device(const char *folder, Visit visit) {
    std::error_code error;
    for (const fs::directory_entry &entry : fs::directory_iterator(folder, error)) {
        // A device may be gone by now.
        const std::string path = target(entry.path());
        if (!path.empty())
            visit(entry.path().string(), entry.path().filename().string(), pci_chain(path));
    }
}

// Names of the hot-plug slots by the address that their cards have, less the function.
std::map<std::string, std::string> slots() {
    std::map<std::string, std::string> result;
    std::error_code error;
    for (const fs::directory_entry &entry : fs::directory_iterator("/sys/bus/pci/slots", error))
        result[attribute(entry.path(), "address")] = entry.path().filename();
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
        if (subsystem && std::strcmp(subsystem, "module") == 0) {
            // ft_core tells udev of each change of a pair as well: we have that from itself.
            const char *action = udev_device_get_action(device.get());
            modules =
                modules || (action && std::strcmp(action, "change") != 0 &&
                            std::strncmp(udev_device_get_sysname(device.get()), "ft_", 3) == 0);
        } else {
            hardware = true;
        }
    }
    if (hardware || modules)
        changed_(modules);
}

// udev is asked once about each device: what it has finished with stays so.
bool Devices::initialized(Known &known, const std::string &syspath, std::uint64_t instance) const {
    const auto before = initialized_.find(syspath);
    if (before == initialized_.end() || before->second != instance) {
        const Handle<udev_device, udev_device_unref> device(
            udev_device_new_from_syspath(udev_.get(), syspath.c_str()));
        if (!device || udev_device_get_is_initialized(device.get()) <= 0)
            return false;
    }
    known.emplace(syspath, instance);
    return true;
}

Inventory Devices::inventory() {
    Inventory result;
    Known known;
    const auto slot_names = slots();
    each_device("/sys/bus/pci/devices", [&](const std::string &path, const std::string &name,
                                            const PciChain &chain) {
        if (chain.empty())
            return;
        result.functions.push_back(chain);
        const std::string bus = attribute(path, "secondary_bus_number");
        if (bus.empty())
            return;
        Bridge bridge{chain, {}};
        const std::string domain = name.substr(0, name.find(':'));
        const unsigned long secondary = std::strtoul(bus.c_str(), nullptr, 10);
        // Below a PCI Express port there is one device, number 0.
        const auto slot = slot_names.find(fmt::format("{}:{:02x}:00", domain, secondary));
        if (slot != slot_names.end())
            bridge.slot = slot->second;
        result.bridges.push_back(bridge);
    });
    const auto with_address = addressed();
    each_device("/sys/class/net",
                [&](const std::string &path, const std::string &name, const PciChain &chain) {
                    if (chain.empty())
                        return;
                    Nic nic;
                    nic.chain = chain;
                    nic.name = name;
                    nic.instance = number(path, "ifindex");
                    if (!initialized(known, path, nic.instance))
                        return;
                    nic.address = permanent_address(name, attribute(path, "address"));
                    nic.master = fs::path(target(path + "/master")).filename();
                    nic.addressed = with_address.contains(name);
                    result.nics.push_back(nic);
                });
    const auto mounted = mounts();
    each_device(
        "/sys/block", [&](const std::string &path, const std::string &name, const PciChain &chain) {
            const std::string mapped = name.starts_with("dm-") ? attribute(path, "dm/name") : "";
            if (!mapped.empty())
                result.mapped[mapped] = bytes_of(path);
            if (chain.empty())
                return;
            Disk disk;
            disk.chain = chain;
            disk.name = name;
            disk.instance = number(path, "diskseq");
            if (!initialized(known, path, disk.instance))
                return;
            disk.size = bytes_of(path);
            disk.holder = holder_of(path, name, mounted);
            disk.boots = boots(path, name);
            result.disks.push_back(disk);
        });
    initialized_ = std::move(known);
    std::sort(result.functions.begin(), result.functions.end());
    std::sort(result.bridges.begin(), result.bridges.end(),
              [](const Bridge &a, const Bridge &b) { return a.chain < b.chain; });
    sort_by_name(result.nics);
    sort_by_name(result.disks);
    return result;
}

} // namespace ft
