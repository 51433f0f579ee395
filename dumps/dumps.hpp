// SPDX-License-Identifier: GPL-2.0
// Dumps and the machine they are of, as /proc, /sys and the disk have them. Read by ftctl,
// which acts on them, and by ftd, which tells of them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "ftd/model/dump.hpp"

namespace ft::dumps {

namespace fs = std::filesystem;

inline constexpr char sysfs[] = "/sys/kernel/ft_dump";
inline constexpr char configuration[] = "/etc/ftstack/dump.conf";
// Where ftstack-dump.service, for as long as it runs, says what it is at.
inline constexpr char run_folder[] = "/run/ftstack-dump";

std::string release(); // of the running kernel
std::string contents(const fs::path &path);
std::string first_line(const fs::path &path);

// `root`: where /proc, /sys, /etc and /run are looked for.

// Throws Error (InvalidConfiguration).
DumpConfig config(const fs::path &root = "/");
DumpFacts facts(const DumpConfig &config, const fs::path &root = "/");
// Of ft_dump; where it is not loaded yet "OPEN" if the old memory is there, else "NONE".
std::string state(const fs::path &root = "/");

// Kernel and initramfs of the crash kernel.
fs::path kernel(const DumpConfig &config);
fs::path initramfs(const DumpConfig &config);

std::vector<Dump> list(const DumpConfig &config);
// The folder of one that there is; throws Error (Refused).
fs::path folder(const DumpConfig &config, const std::string &id);
// One that is being saved is given up: its log stays, as an incomplete one. Throws Error
// (Refused, Failed).
void remove(const DumpConfig &config, const std::string &id, const fs::path &root = "/");

struct Done {
    std::uint64_t bytes = 0, total = 0;
};
DumpWork work(const fs::path &root = "/");
Done done(const fs::path &root = "/");
// The service's own words; nothing where it is no service.
void tell(const DumpWork &work);
void tell(const Done &done);

} // namespace ft::dumps
