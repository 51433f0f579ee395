// SPDX-License-Identifier: GPL-2.0
// What an initramfs takes once it is unpacked. Its format: archives (cpio, newc), one after
// the other, with zeros between them; those at the end are compressed. See the kernel's
// Documentation/driver-api/early-userspace/buffer-format.rst.
#pragma once

#include <cstdint>
#include <filesystem>
#include <istream>

namespace ft::dumps {

struct Packed {
    std::uint64_t offset = 0;   // bytes that are not compressed, before the rest
    const char *tool = nullptr; // what unpacks the rest; none: nothing is left, or it is unknown
};
Packed packed(std::istream &initramfs);

// What was measured last, told to whoever cannot measure: ftd has no time for it. 0: not known,
// or of another file than the one that is there now.
std::uint64_t unpacked(const std::filesystem::path &initramfs,
                       const std::filesystem::path &root = "/");
void tell_unpacked(const std::filesystem::path &initramfs, std::uint64_t bytes);

} // namespace ft::dumps
