// SPDX-License-Identifier: GPL-2.0
// Mirrors as device-mapper devices. Each call may wait for a disk: never from
// the event loop. Every function throws Error.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "ftd/model/plan.hpp"

namespace ft::dm {

struct Table {
    std::string uuid;                // the mirror's
    std::array<std::string, 2> legs; // device path, "-" for none
    std::uint64_t sectors = 0;
    std::string words; // as ft_mirror.h has them
};

// What is planned for a mirror, on these devices; "-" takes the place of those that are
// not used.
Table table_of(const MirrorConfig &mirror, const AssemblyPlan &plan,
               const std::array<std::string, 2> &devices);

// Loads the kernel module if it is not there. False: there is none to load.
bool target_known();
// After it returns udev has made /dev/mapper/NAME. On an error there is no device.
void create(const std::string &name, const Table &table);
// How large it is.
std::uint64_t sectors(const std::string &name);
// Another table in place of the one that runs; I/O waits meanwhile. If the new one is
// refused the old one runs on, but if it cannot be started, the device is suspended.
void resize(const std::string &name, std::uint64_t sectors); // all else as it is
void reload(const std::string &name, const Table &table);
bool suspended(const std::string &name);
// Where the target is not to be had: a leg's data from `offset` on, read only.
void create_read_only(const std::string &name, const Table &table, std::uint64_t offset);
// False: no such device.
bool remove(const std::string &name);
// 0, or the errno with which the target refused the message.
int message(const std::string &name, const std::string &text);
// What the target says of itself, empty if there is no such device. Never waits,
// neither for a disk nor for the functions above: the event loop may call it.
std::string status(const std::string &name);

} // namespace ft::dm
