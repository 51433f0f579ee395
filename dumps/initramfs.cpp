// SPDX-License-Identifier: GPL-2.0
#include "dumps/initramfs.hpp"

#include <array>
#include <charconv>
#include <fstream>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace ft::dumps {

namespace {

namespace fs = std::filesystem;

constexpr char measured[] = "/run/ftstack-initramfs";
constexpr std::size_t header_size = 110, size_at = 54, name_size_at = 94;

struct Tool {
    std::string_view magic;
    const char *name;
};
constexpr Tool tools[] = {{"\x28\xb5\x2f\xfd", "zstd"},
                          {"\x1f\x8b", "gzip"},
                          {"\x02\x21\x4c\x18", "lz4"},
                          {"\xfd"
                           "7zXZ",
                           "xz"},
                          {"BZh", "bzip2"}};

std::uint64_t up4(std::uint64_t value) {
    return (value + 3) / 4 * 4;
}

// What tells one file from the next that takes its place.
std::string mark(const fs::path &file) {
    std::error_code error;
    const auto size = fs::file_size(file, error);
    if (error)
        return {};
    const auto time = fs::last_write_time(file, error);
    return fmt::format("{} {}", size, time.time_since_epoch().count());
}

} // namespace

Packed packed(std::istream &initramfs) {
    Packed found;
    std::array<char, header_size> header;
    for (;;) {
        header.fill(0);
        initramfs.clear();
        initramfs.seekg(static_cast<std::streamoff>(found.offset));
        initramfs.read(header.data(), header.size());
        if (initramfs.gcount() == 0)
            return found;
        const std::string_view text(header.data(), header.size());
        if (text[0] == '\0') {
            found.offset += 4;
            continue;
        }
        if (!text.starts_with("07070")) {
            for (const Tool &tool : tools)
                if (text.starts_with(tool.magic))
                    found.tool = tool.name;
            return found;
        }
        const auto number = [&](std::size_t at) {
            std::uint32_t value = 0;
            std::from_chars(text.data() + at, text.data() + at + 8, value, 16);
            return std::uint64_t{value};
        };
        found.offset = up4(found.offset + header_size + number(name_size_at));
        found.offset = up4(found.offset + number(size_at));
    }
}

std::uint64_t unpacked(const fs::path &initramfs, const fs::path &root) {
    std::ifstream file(root / fs::path(measured).relative_path());
    std::uint64_t bytes = 0;
    std::string of;
    file >> bytes;
    std::getline(file >> std::ws, of);
    return file && !of.empty() && of == mark(initramfs) ? bytes : 0;
}

void tell_unpacked(const fs::path &initramfs, std::uint64_t bytes) {
    std::ofstream(measured) << bytes << ' ' << mark(initramfs) << '\n';
}

} // namespace ft::dumps
