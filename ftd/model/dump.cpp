// SPDX-License-Identifier: GPL-2.0
#include "ftd/model/dump.hpp"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <sstream>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "ftd/common/error.hpp"
#include "ftd/common/names.hpp"

namespace ft {

namespace {

constexpr std::uint64_t mib = 1 << 20, page = 4096, low = mib, four_gib = 1ULL << 32;
constexpr std::uint64_t much = 30ULL << 30; // 32 GiB, without what firmware keeps
constexpr std::string_view panics_word = "ftstack.panics=";
constexpr unsigned panics_max = 20; // a command line has room for no more

std::uint64_t up(std::uint64_t value, std::uint64_t to) {
    return (value + to - 1) / to * to;
}
std::uint64_t down(std::uint64_t value, std::uint64_t to) {
    return value / to * to;
}

// A number at the start of the text, which it is taken from.
std::optional<std::uint64_t> take_number(std::string_view &text, int base) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc())
        return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return value;
}

// What of the ranges does not lie in `hole`.
std::vector<MemoryRange> without(const std::vector<MemoryRange> &ranges, const MemoryRange &hole) {
    std::vector<MemoryRange> rest;
    for (const MemoryRange &range : ranges)
        for (const MemoryRange part : {MemoryRange{range.start, std::min(range.end, hole.start)},
                                       MemoryRange{std::max(range.start, hole.end), range.end}})
            if (part.start < part.end)
                rest.push_back(part);
    return rest;
}

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t\r"),
                      last = text.find_last_not_of(" \t\r");
    return first == text.npos ? std::string_view() : text.substr(first, last - first + 1);
}

// A line of the kernel's log without its "[   12.345678] ".
std::string without_time(std::string_view line) {
    const std::size_t end = line.find("] ");
    return std::string(
        trimmed(line.starts_with('[') && end != line.npos ? line.substr(end + 2) : line));
}

} // namespace

std::uint64_t MemoryMap::total() const {
    std::uint64_t sum = 0;
    for (const MemoryRange &range : ram)
        sum += range.size();
    return sum;
}

MemoryMap parse_iomem(const std::string &text) {
    MemoryMap map;
    std::istringstream lines(text);
    bool in_ram = false;
    for (std::string line; std::getline(lines, line);) {
        std::string_view rest = line;
        const std::size_t indent = std::min(rest.find_first_not_of(' '), rest.size());
        rest.remove_prefix(indent);
        const auto start = take_number(rest, 16);
        if (!start || rest.empty() || rest[0] != '-')
            continue;
        rest.remove_prefix(1);
        const auto last = take_number(rest, 16);
        if (!last || !rest.starts_with(" : ") || *last < *start || *last == 0)
            continue; // *last is 0 for who is not root
        rest.remove_prefix(3);
        const MemoryRange range{*start, *last + 1};
        if (indent == 0) {
            in_ram = rest == "System RAM";
            if (in_ram)
                map.ram.push_back(range);
        } else if (in_ram && rest == "Crash kernel") {
            map.crash = range;
        } else if (in_ram) {
            map.taken.push_back(range);
        }
    }
    if (map.ram.empty())
        throw failed("/proc/iomem tells of no memory; only root can read it");
    return map;
}

std::vector<MemoryRange> old_ram(const MemoryMap &map) {
    std::vector<MemoryRange> ranges = without(map.ram, {0, low});
    if (map.crash)
        ranges = without(ranges, *map.crash);
    // The memory of a crash kernel is told in parts with odd ends: those that touch are
    // one, and only whole pages count.
    std::vector<MemoryRange> joined, whole;
    for (const MemoryRange &range : ranges)
        if (!joined.empty() && joined.back().end == range.start)
            joined.back().end = range.end;
        else
            joined.push_back(range);
    for (const MemoryRange &range : joined)
        if (const MemoryRange pages{up(range.start, page), down(range.end, page)};
            pages.start < pages.end)
            whole.push_back(pages);
    return whole;
}

std::string write_ranges(const std::vector<MemoryRange> &ranges) {
    std::string text;
    for (const MemoryRange &range : ranges)
        text += fmt::format("{}{:x}-{:x}", text.empty() ? "" : ",", range.start, range.end - 1);
    return text;
}

std::optional<MemoryRange> boot_initramfs(const std::string &boot_params) {
    // ramdisk_image and ramdisk_size, whose upper halves are elsewhere.
    const auto number = [&](std::size_t low_half, std::size_t high_half) {
        std::uint64_t value = 0;
        for (const std::size_t at : {high_half, low_half})
            for (std::size_t i = 4; i-- > 0;)
                value = value << 8 | static_cast<unsigned char>(boot_params.at(at + i));
        return value;
    };
    if (boot_params.size() < 0x220)
        return std::nullopt;
    const std::uint64_t start = number(0x218, 0xc0), size = number(0x21c, 0xc4);
    if (start == 0 || size == 0 || start + size < start)
        return std::nullopt;
    return MemoryRange{start, start + size};
}

std::optional<MemoryRange> asked_region(const std::string &command_line) {
    constexpr std::string_view word = "crashkernel=", between = "M@0x";
    const std::size_t at = command_line.rfind(word);
    if (at == command_line.npos)
        return std::nullopt;
    std::string_view rest = std::string_view(command_line).substr(at + word.size());
    const auto size = take_number(rest, 10);
    if (!size || !rest.starts_with(between))
        return std::nullopt;
    rest.remove_prefix(between.size());
    const auto start = take_number(rest, 16);
    if (!start || *size == 0 || *size > four_gib / mib || *start > four_gib)
        return std::nullopt;
    return MemoryRange{*start, *start + *size * mib};
}

std::string write_region(const MemoryRange &region) {
    return fmt::format("{}M@{:#x}", region.size() / mib, region.start);
}

Panic parse_log(const std::string &log) {
    constexpr std::string_view panic = "Kernel panic - not syncing: ";
    constexpr std::string_view poisoned = "Memory failure: 0x";
    constexpr std::string_view version = "Linux version ";
    Panic found;
    // An oops that is a panic (kernel.panic_on_oops) starts the crash kernel before it is called
    // one: what is said then is a BUG, maybe, and a header that counts the oopses.
    std::string bug, oops;
    std::istringstream lines(log);
    for (std::string line; std::getline(lines, line);) {
        const std::string_view text = line;
        if (text.find("kernel BUG at ") != text.npos || text.find(" BUG: ") != text.npos)
            bug = without_time(text);
        else if (text.find(": ") < text.find(" [#") && text.find(" [#") != text.npos)
            oops = bug.empty() ? without_time(text) : std::exchange(bug, {});
        if (const std::size_t at = text.find(panic); at != text.npos && found.message.empty())
            found.message = trimmed(text.substr(at + panic.size()));
        if (const std::size_t at = text.find(version); at != text.npos && found.kernel.empty()) {
            const std::string_view rest = text.substr(at + version.size());
            found.kernel = rest.substr(0, rest.find(' '));
        }
        if (const std::size_t at = text.find(poisoned); at != text.npos) {
            std::string_view rest = text.substr(at + poisoned.size());
            const auto frame = take_number(rest, 16);
            if (frame && *frame < (1ULL << 52) &&
                std::find(found.bad_pages.begin(), found.bad_pages.end(), *frame * page) ==
                    found.bad_pages.end())
                found.bad_pages.push_back(*frame * page);
        }
    }
    if (found.message.empty())
        found.message = oops;
    return found;
}

std::optional<unsigned> parse_progress(std::string_view line) {
    const std::size_t bracket = line.find('[');
    if (!line.starts_with("Copying data") || bracket == line.npos)
        return std::nullopt;
    line.remove_prefix(bracket + 1);
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    const auto whole = take_number(line, 10);
    std::uint64_t tenth = 0;
    if (line.starts_with('.')) {
        line.remove_prefix(1);
        tenth = take_number(line, 10).value_or(0);
    }
    if (!whole || *whole > 100 || tenth > 9)
        return std::nullopt;
    return static_cast<unsigned>(std::min<std::uint64_t>(*whole * 10 + tenth, 1000));
}

DumpConfig parse_dump_config(const std::string &text, const std::string &file) {
    DumpConfig config;
    std::istringstream lines(text);
    unsigned number = 0;
    for (std::string line; std::getline(lines, line);) {
        number++;
        const std::string_view said = trimmed(line);
        if (said.empty() || said[0] == '#')
            continue;
        const auto refuse = [&](const std::string &why) {
            return Error(names::error_configuration, fmt::format("{}:{}: {}", file, number, why));
        };
        const std::size_t equal = said.find('=');
        if (equal == said.npos)
            throw refuse("write KEY=VALUE");
        const std::string_view key = trimmed(said.substr(0, equal));
        const std::string value(trimmed(said.substr(equal + 1)));
        const auto size = [&](std::uint64_t least, std::uint64_t most) {
            std::string_view rest = value;
            const auto result = take_number(rest, 10);
            if (!result || !rest.empty() || *result < least || *result > most)
                throw refuse(fmt::format("{} is a number from {} to {}", key, least, most));
            return *result;
        };
        const auto place = [&] {
            if (value.empty() || value[0] != '/')
                throw refuse(fmt::format("{} is a path that begins with /", key));
            return value;
        };
        if (key == "path")
            config.path = place();
        else if (key == "kernel")
            config.kernel = place();
        else if (key == "initramfs")
            config.initramfs = place();
        else if (key == "options")
            config.options = value;
        else if (key == "region_mib")
            config.region_mib = size(128, 3072);
        else if (key == "second_mib")
            config.second_mib = size(0, 3072);
        else if (key == "keep")
            config.keep = static_cast<unsigned>(size(1, 1000));
        else if (key == "keep_mib")
            config.keep_mib = size(0, 1ULL << 40);
        else if (key == "panics")
            config.panics = static_cast<unsigned>(size(1, panics_max));
        else if (key == "within_s")
            config.within_s = static_cast<unsigned>(size(1, 1000000));
        else
            throw refuse(fmt::format("unknown key {}; known: path, region_mib, second_mib, kernel, "
                                     "initramfs, options, keep, keep_mib, panics, within_s",
                                     key));
    }
    return config;
}

std::vector<std::uint64_t> region_sizes(const DumpConfig &config, std::uint64_t memory) {
    const std::uint64_t second = config.second_mib.value_or(memory >= much ? config.region_mib : 0);
    const std::uint64_t alone = up(config.region_mib * mib, memory_block);
    if (second == 0)
        return {alone};
    return {alone + up(second * mib, memory_block), alone};
}

std::optional<MemoryRange> propose_region(const MemoryMap &map, const DumpConfig &config) {
    std::vector<MemoryRange> free = without(map.ram, {0, 2 * memory_block});
    for (const MemoryRange &taken : map.taken)
        free = without(free, taken);
    for (const std::uint64_t size : region_sizes(config, map.total()))
        for (const MemoryRange &range : free)
            if (const std::uint64_t start = up(range.start, memory_block);
                start + size <= std::min(range.end, four_gib))
                return MemoryRange{start, start + size};
    return std::nullopt;
}

bool serves(const MemoryRange &crash, const MemoryRange &wanted) {
    return crash.start % memory_block == 0 && crash.end % memory_block == 0 &&
           crash.size() >= wanted.size();
}

std::optional<MemoryRange> second_region(const MemoryMap &map, const DumpConfig &config) {
    const auto sizes = region_sizes(config, map.total());
    if (!map.crash || sizes.size() == 1 || map.crash->size() < sizes.front())
        return std::nullopt;
    // kexec puts the headers of the dump at the region's start, and all else at its end.
    const std::uint64_t start = up(map.crash->start, memory_block) + memory_block;
    return MemoryRange{start, start + sizes.front() - sizes.back()};
}

std::vector<std::uint64_t> recent_panics(const std::string &running, std::uint64_t now,
                                         const DumpConfig &config) {
    std::istringstream words(running);
    std::vector<std::uint64_t> found;
    for (std::string word; words >> word;) {
        std::string_view rest = word;
        if (!rest.starts_with(panics_word))
            continue;
        rest.remove_prefix(panics_word.size());
        while (const auto time = take_number(rest, 10)) {
            if (*time <= now && now - *time < config.within_s)
                found.push_back(*time);
            rest.remove_prefix(rest.starts_with(",") ? 1 : 0);
        }
    }
    return found;
}

bool too_often(const std::vector<std::uint64_t> &panics, const DumpConfig &config) {
    return panics.size() > config.panics;
}

std::string crash_command_line(const std::string &running, const std::string &ranges,
                               const std::string &options, const std::vector<std::uint64_t> &panics,
                               const std::optional<MemoryRange> &second) {
    std::istringstream words(running);
    std::string line;
    for (std::string word; words >> word;) {
        const auto is = [&](std::string_view name) { return word.starts_with(name); };
        if (is("crashkernel=") || is("elfcorehdr=") || is("ft_dump.") || is("BOOT_IMAGE=") ||
            is("iommu=soft") || is("disable_cpu_apicid=") || is(panics_word))
            continue;
        // Given again, it would grow with each panic.
        if ((" " + options + " ").find(" " + word + " ") != std::string::npos)
            continue;
        line += word + " ";
    }
    // Devices with 32-bit addresses need buffers once there is memory above 4 GiB again.
    line += "ft_dump.ram=" + ranges + " iommu=soft";
    if (second) {
        // A kernel that chooses its place by chance might choose that one.
        line += fmt::format("{} crashkernel={}",
                            (" " + line + " ").find(" nokaslr ") == line.npos ? " nokaslr" : "",
                            write_region(*second));
    }
    const std::size_t known = std::min<std::size_t>(panics.size(), panics_max + 1);
    for (std::size_t i = panics.size() - known; i < panics.size(); i++)
        line += fmt::format(
            "{}{}", i == panics.size() - known ? fmt::format(" {}", panics_word) : ",", panics[i]);
    return options.empty() ? line : line + " " + options;
}

std::vector<std::string> expendable(std::vector<Dump> dumps, const DumpConfig &config) {
    std::sort(dumps.begin(), dumps.end(), [](const Dump &a, const Dump &b) {
        return std::tie(a.complete, a.id) > std::tie(b.complete, b.id);
    });
    std::vector<std::string> result;
    unsigned count = 1; // the one that is to come
    std::uint64_t bytes = 0;
    for (const Dump &dump : dumps) {
        const std::uint64_t size = dump.complete ? dump.bytes : 0; // its log remains
        const bool fits = config.keep_mib == 0 || (bytes + size) / mib <= config.keep_mib;
        if (count < config.keep && fits) {
            count++;
            bytes += size;
        } else {
            result.push_back(dump.id);
        }
    }
    return result;
}

namespace {

// Those of the options that a kernel was built without, as its configuration says.
std::vector<std::string_view> options_off(const std::string &config,
                                          std::initializer_list<std::string_view> options) {
    std::vector<std::string_view> off;
    for (const std::string_view option : options)
        if (!config.empty() && config.find(fmt::format("\n{}=y\n", option)) == config.npos)
            off.push_back(option);
    return off;
}

} // namespace

std::vector<DumpFinding> check_dump(const DumpFacts &facts, const DumpConfig &config) {
    std::vector<DumpFinding> found;
    const auto bad = [&](const std::string &text, const std::string &next) {
        found.push_back({true, text, next});
    };
    if (facts.kdump_tools)
        bad("kdump-tools is armed, too: it would dump instead, and reboot",
            "\"systemctl disable --now kdump-tools\", then \"ftctl dump arm\"");
    else if (facts.kdump_rule)
        bad("kdump-tools is installed: when memory or a CPU comes or goes it loads its own crash "
            "kernel instead of ours",
            "\"apt remove kdump-tools\", or \"touch /etc/udev/rules.d/50-kdump-tools.rules\"");
    if (!facts.kexec || !facts.makedumpfile)
        bad(fmt::format("{} is not installed", facts.kexec ? "makedumpfile" : "kexec-tools"),
            fmt::format("\"apt install {}\"", facts.kexec ? "makedumpfile" : "kexec-tools"));
    if (!facts.modules)
        bad("the kernel module ft_dump is not built for the crash kernel",
            "\"dkms autoinstall\", or \"make install\"");
    const auto region = propose_region(facts.map, config);
    const std::string place =
        region ? fmt::format("\"ftctl dump arm\" asks for crashkernel={}; reboot",
                             write_region(*region))
               : fmt::format("no {} MiB below 4 GiB are free: make region_mib in "
                             "/etc/ftstack/dump.conf smaller",
                             config.region_mib);
    if (!facts.map.crash) {
        bad("no memory is reserved for a crash kernel", place);
    } else {
        const MemoryRange &crash = *facts.map.crash;
        const auto second = second_region(facts.map, config);
        if (!serves(crash, {0, 0}))
            found.push_back({false,
                             fmt::format("the crash region {} is not aligned to blocks of {} MiB: "
                                         "the memory at its edges would not come back",
                                         write_region(crash), memory_block / mib),
                             place});
        // It is there as a file, and unpacked; the kernel, and what starts, need the rest.
        const std::uint64_t content = std::max(facts.unpacked, facts.initramfs);
        const std::uint64_t least = facts.initramfs + content + 128 * mib;
        const auto too_small = [&](const char *what, std::uint64_t size, const char *key) {
            if (size < least)
                bad(fmt::format("{} has {} MiB, and this initramfs needs {}: {} as it is, {} "
                                "unpacked, and what the kernel and the first services take",
                                what, size / mib, up(least, mib) / mib, facts.initramfs / mib,
                                content / mib),
                    fmt::format("set {} in /etc/ftstack/dump.conf, then \"ftctl dump arm\" and "
                                "reboot",
                                key));
        };
        too_small("the crash region", crash.size() - (second ? second->size() : 0), "region_mib");
        if (second)
            too_small("what the crash kernel keeps for one of its own", second->size(),
                      "second_mib");
        else if (region && region->size() > crash.size())
            found.push_back(
                {false,
                 fmt::format("the crash region has {} MiB, and is to have {}{}", crash.size() / mib,
                             region->size() / mib,
                             region_sizes(config, facts.map.total()).size() > 1
                                 ? ": a panic while a dump is saved would go through the firmware"
                                 : ""),
                 place});
    }
    if (facts.initramfs == 0)
        bad("the crash kernel's initramfs is not there",
            "\"update-initramfs -u\", or set initramfs in /etc/ftstack/dump.conf");
    if (facts.map.crash && !facts.loaded)
        bad("no crash kernel is loaded: a panic would go through the firmware",
            "\"ftctl dump arm\"");
    // Of what is in use, without what is free or the page cache: a tenth is plenty.
    if (const std::uint64_t expected = facts.map.total() / 10; facts.space < expected)
        found.push_back({facts.space < expected / 10,
                         fmt::format("{} MiB are free in {}, a dump may have {}", facts.space / mib,
                                     config.path, expected / mib),
                         "free some, \"ftctl dump delete\" old ones, or set path in "
                         "/etc/ftstack/dump.conf"});
    if (const auto off =
            options_off(facts.kernel_config, {"CONFIG_PROC_VMCORE", "CONFIG_KEXEC_FILE"});
        !off.empty())
        bad(fmt::format("the kernel was built without {}", fmt::join(off, " and ")),
            "boot a kernel that was built with that");
    if (!options_off(facts.kernel_config, {"CONFIG_MEMORY_HOTPLUG"}).empty())
        found.push_back({false,
                         "the kernel was built without CONFIG_MEMORY_HOTPLUG: after a panic memory "
                         "does not come back until the next reboot",
                         "boot a kernel that was built with that"});
    // What it has kept for one of its own it can use in any case.
    const auto untold = options_off(facts.kernel_config, {"CONFIG_KPROBES", "CONFIG_KALLSYMS_ALL"});
    if ((facts.lockdown || !untold.empty()) && !second_region(facts.map, config))
        found.push_back(
            {false,
             fmt::format("the kernel {}: after a panic it is not armed again until the next reboot",
                         facts.lockdown
                             ? "is locked down"
                             : fmt::format("was built without {}", fmt::join(untold, " and "))),
             "set second_mib in /etc/ftstack/dump.conf, then \"ftctl dump arm\" and reboot"});
    if (facts.state != "NONE" && facts.state != "RETURNED")
        found.push_back({false, fmt::format("the system runs from a dump ({})", facts.state),
                         "wait for ftstack-dump.service; \"journalctl -u ftstack-dump\""});
    return found;
}

DumpNews dump_news(const DumpStatus &status) {
    const Dump *newest = status.newest();
    if (status.runs_from_dump()) {
        const bool saving = !status.work.kind.empty();
        // Before it is being saved the newest is of an earlier panic.
        const std::string why =
            saving && newest && newest->id == status.work.dump ? newest->panic : "";
        return {fmt::format("the system runs from a dump: its kernel died{}{}",
                            why.empty() ? "" : ", ", why),
                saving
                    ? "nothing yet: its memory comes back by itself; \"ftctl job list\" shows how "
                      "far it is"
                    : "nothing yet: ftstack-dump.service saves it; if that has failed, "
                      "\"journalctl -u ftstack-dump\" says why"};
    }
    if (status.state == "RETURNED" && status.work.kind.empty() && newest && !newest->error.empty())
        return {"after a panic the system was not made ready for the next one: " + newest->error,
                "\"ftctl dump check\""};
    return {};
}

} // namespace ft
