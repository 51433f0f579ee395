// SPDX-License-Identifier: GPL-2.0
// The one-sided crash dump: what is known of this machine's memory, of the dumps that
// were kept, and what follows from it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ft {

struct MemoryRange {
    std::uint64_t start = 0, end = 0; // bytes; `end` is the first one behind it
    std::uint64_t size() const { return end - start; }
    bool operator==(const MemoryRange &) const = default;
};

// What /proc/iomem says.
struct MemoryMap {
    std::vector<MemoryRange> ram;   // "System RAM"
    std::vector<MemoryRange> taken; // what lies in it: the kernel, what it has reserved
    std::optional<MemoryRange> crash;

    std::uint64_t total() const;
};

// Throws Error (Failed) if it has no memory, as for who is not root.
MemoryMap parse_iomem(const std::string &text);

// The memory that a crash kernel may give back: whole pages, without the first MiB and
// its own region. As ft_dump.ram= has it.
std::vector<MemoryRange> old_ram(const MemoryMap &map);
std::string write_ranges(const std::vector<MemoryRange> &ranges);

// Where the boot loader has put the initramfs: free by now, and taken again at the next
// boot before the crash kernel gets its region. `boot_params` is the x86 boot protocol's
// "zero page", /sys/kernel/boot_params/data. None: it does not say.
std::optional<MemoryRange> boot_initramfs(const std::string &boot_params);
// The region that a command line asks for, as write_region() has it; none: no such.
std::optional<MemoryRange> asked_region(const std::string &command_line);
// "512M@0x20000000"
std::string write_region(const MemoryRange &region);

// Memory comes back in blocks of this size: those of a kernel that was started with less
// than 64 GiB, as each crash kernel is, however large the running one's are.
inline constexpr std::uint64_t memory_block = 128 << 20;

// What the dead kernel's log says.
struct Panic {
    std::string message;                  // empty: it did not say
    std::string kernel;                   // its release; likewise
    std::vector<std::uint64_t> bad_pages; // addresses of pages that hardware has poisoned
};
Panic parse_log(const std::string &log);

// How much makedumpfile says that it has copied, in tenths of a percent; none: this is
// not about that.
std::optional<unsigned> parse_progress(std::string_view line);

// /etc/ftstack/dump.conf
struct DumpConfig {
    std::string path = "/var/crash/ftstack";
    std::uint64_t region_mib = 512;
    std::optional<std::uint64_t> second_mib = {}; // none: as much, where that is little
    std::string kernel = {}, initramfs = {};      // empty: the running kernel's in /boot
    std::string options = {};                     // for the crash kernel's command line
    unsigned keep = 3;
    std::uint64_t keep_mib = 0;           // 0: no bound but the disk's
    unsigned panics = 3, within_s = 3600; // armed again after so many, not after more
    bool operator==(const DumpConfig &) const = default;
};
// Throws Error (InvalidConfiguration).
DumpConfig parse_dump_config(const std::string &text, const std::string &file);

// Bytes to be reserved, largest first: region_mib with second_mib, and without.
std::vector<std::uint64_t> region_sizes(const DumpConfig &config, std::uint64_t memory);
// A place for the crash kernel: whole blocks below 4 GiB, clear of what is taken now, and
// of what firmware and boot loaders bring along. None: no place.
std::optional<MemoryRange> propose_region(const MemoryMap &map, const DumpConfig &config);
// Does the region that there is do as well as one that is wanted?
bool serves(const MemoryRange &crash, const MemoryRange &wanted);
// What of its region the crash kernel keeps for a crash kernel of its own, as it may panic
// before the memory is back. None: nothing.
std::optional<MemoryRange> second_region(const MemoryMap &map, const DumpConfig &config);

// When this machine has panicked without going through the firmware in between: each crash
// kernel tells the next one on its command line, where no full disk or deleted dump can
// make it forget. Those longer ago than `within_s` do not count any more.
std::vector<std::uint64_t> recent_panics(const std::string &running, std::uint64_t now,
                                         const DumpConfig &config);
// Have there been so many that another round through the crash kernel would only be the
// next of an endless loop?
bool too_often(const std::vector<std::uint64_t> &panics, const DumpConfig &config);

// The command line of the crash kernel, from the running one's.
std::string crash_command_line(const std::string &running, const std::string &ranges,
                               const std::string &options,
                               const std::vector<std::uint64_t> &panics = {},
                               const std::optional<MemoryRange> &second = std::nullopt);

struct Dump {
    std::string id;         // "20261121-204501": when it was saved
    std::uint64_t time = 0; // seconds since 1970
    std::uint64_t bytes = 0;
    bool complete = false;
    std::string panic = {};          // what the dead kernel said
    std::string kernel = {};         // its release
    std::string error = {};          // why it was not saved, returned or armed again
    double save_s = 0, return_s = 0; // how long that took
    double away_s = 0;               // from the panic until services were up; 0: not known
    double rearmed_s = 0;            // from the panic on; 0: it was not
    std::uint64_t returned = 0;      // bytes of memory
    std::uint64_t cpus = 0;          // that came back
    bool operator==(const Dump &) const = default;
};

// What ftstack-dump.service is at, in the words of a Job's kind.
struct DumpWork {
    std::string kind; // "SAVE_DUMP", "RETURN_MEMORY"; empty: nothing
    std::string dump; // its id
    int pid = 0;      // SIGINT to this group of processes ends the save
    bool operator==(const DumpWork &) const = default;
};

// Which are to be deleted so that one more has room: first those that are not complete, of
// which only the log is kept, then the oldest ones.
std::vector<std::string> expendable(std::vector<Dump> dumps, const DumpConfig &config);

// How well the machine is prepared for a panic.
struct DumpFacts {
    MemoryMap map;
    bool loaded = false;  // a crash kernel is
    bool modules = false; // ft_dump.ko is there for the crash kernel
    bool kexec = false, makedumpfile = false, kdump_tools = false, lockdown = false;
    bool kdump_rule = false;     // kdump-tools would load its own kernel when memory comes or goes
    std::uint64_t initramfs = 0; // bytes; 0: it is not there
    std::uint64_t unpacked = 0;  // bytes of what is in it; 0: not known
    std::uint64_t space = 0;     // bytes free for dumps
    std::string state = "NONE";  // of ft_dump
    std::string kernel_config;   // what the crash kernel was built with; empty: not known
};
struct DumpFinding {
    bool bad = false; // it would not work; else: it would, but not as well as it could
    std::string text, next_action;
    bool operator==(const DumpFinding &) const = default;
};
std::vector<DumpFinding> check_dump(const DumpFacts &facts, const DumpConfig &config);

// All that is told of dumps.
struct DumpStatus {
    std::string state = "NONE"; // of FT_DUMP_STATES
    DumpWork work;
    std::map<std::string, Dump> dumps; // by id
    std::vector<DumpFinding> findings;
    bool operator==(const DumpStatus &) const = default;

    // Does this kernel run in the place of one that panicked, whose memory is not back?
    bool runs_from_dump() const { return state != "NONE" && state != "RETURNED"; }
    const Dump *newest() const { return dumps.empty() ? nullptr : &dumps.rbegin()->second; }
};
// What a person should hear of it; no text: nothing.
struct DumpNews {
    std::string text, next_action;
    bool operator==(const DumpNews &) const = default;
};
DumpNews dump_news(const DumpStatus &status);

} // namespace ft
