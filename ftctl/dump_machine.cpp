// SPDX-License-Identifier: GPL-2.0
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <fstream>
#include <unistd.h>

#include <fmt/format.h>

#include "dumps/initramfs.hpp"
#include "ftctl/client.hpp"
#include "ftctl/dump.hpp"
#include "ftd/common/handle.hpp"
#include "kmod/uapi/ft_dump.h"

namespace ftctl::dump {

void write(const fs::path &path, const std::string &text, const std::string &what) {
    const ft::Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd || ::write(fd.get(), text.data(), text.size()) < 0)
        throw Denied(fmt::format("{}: {}", what, std::strerror(errno)));
}

void need_root() {
    if (::geteuid() != 0)
        throw Denied("dumps, and what they are of, are root's alone; try as root");
}

ft::DumpFacts measured(const ft::DumpConfig &config) {
    const fs::path ramdisk = initramfs(config);
    std::ifstream file(ramdisk, std::ios::binary);
    if (file && !ft::dumps::unpacked(ramdisk)) {
        const ft::dumps::Packed rest = ft::dumps::packed(file);
        std::uint64_t bytes = rest.offset;
        // What follows may be cut short, or be of a tool that is not there: then it counts as
        // far as it goes.
        if (rest.tool)
            run({"sh", "-c", "tail -c +$2 \"$1\" | $3 -dc 2>/dev/null", "sh", ramdisk,
                 std::to_string(rest.offset + 1), rest.tool},
                [&](std::string_view content) { bytes += content.size(); });
        ft::dumps::tell_unpacked(ramdisk, bytes);
    }
    return facts(config);
}

std::vector<std::uint64_t> panics(const ft::DumpConfig &config) {
    const auto now = static_cast<std::uint64_t>(std::time(nullptr));
    auto found = ft::recent_panics(first_line("/proc/cmdline"), now, config);
    timespec up{};
    ::clock_gettime(CLOCK_BOOTTIME, &up);
    if (state() != "NONE")
        found.push_back(now - static_cast<std::uint64_t>(up.tv_sec));
    return found;
}

void load(const ft::DumpConfig &config) {
    const ft::MemoryMap map = ft::parse_iomem(contents("/proc/iomem"));
    if (!map.crash)
        throw Denied("no memory is reserved for a crash kernel; \"ftctl dump check\" says what to "
                     "do");
    const fs::path image = kernel(config), ramdisk = initramfs(config);
    for (const fs::path &file : {image, ramdisk})
        if (!fs::exists(file))
            throw Denied(fmt::format("{} is not there; set kernel and initramfs in {}",
                                     file.string(), configuration));
    if (state() == "NONE") // for ftd; after a panic there is more urgent work
        measured(config);
    const std::vector<ft::MemoryRange> ranges = ft::old_ram(map);
    if (ranges.size() > FT_DUMP_RANGES_MAX || ft::write_ranges(ranges).size() > FT_DUMP_MAP_MAX)
        throw Denied(fmt::format("this machine's memory has {} parts, and ft_dump is told of {} at "
                                 "most",
                                 ranges.size(), FT_DUMP_RANGES_MAX));
    const std::string line =
        ft::crash_command_line(first_line("/proc/cmdline"), ft::write_ranges(ranges),
                               config.options, panics(config), ft::second_region(map, config));
    if (run({"kexec", "-p", "-s", image, "--initrd=" + ramdisk.string(),
             "--command-line=" + line}) != 0)
        throw Denied("the crash kernel could not be loaded: kexec's message is above");
}

} // namespace ftctl::dump
