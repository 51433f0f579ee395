// SPDX-License-Identifier: GPL-2.0
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <spawn.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "ftctl/client.hpp"
#include "ftctl/dump.hpp"
#include "ftd/common/handle.hpp"
#include "kmod/uapi/ft_dump.h"

namespace ftctl::dump {

namespace {

std::string release() {
    utsname name{};
    ::uname(&name);
    return name.release;
}

bool program(const char *name) {
    for (const char *folder : {"/usr/sbin", "/usr/bin", "/sbin", "/bin"})
        if (::access((fs::path(folder) / name).c_str(), X_OK) == 0)
            return true;
    return false;
}

bool module_file() {
    std::error_code error;
    for (const char *folder : {"updates", "extra", "kernel/extra"})
        for (const auto &entry :
             fs::recursive_directory_iterator(fs::path("/lib/modules") / release() / folder, error))
            if (entry.path().filename().string().starts_with("ft_dump.ko"))
                return true;
    return false;
}

} // namespace

std::string contents(const fs::path &path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::string first_line(const fs::path &path) {
    const std::string text = contents(path);
    return text.substr(0, text.find('\n'));
}

void write(const fs::path &path, const std::string &text, const std::string &what) {
    const ft::Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd || ::write(fd.get(), text.data(), text.size()) < 0)
        throw Denied(fmt::format("{}: {}", what, std::strerror(errno)));
}

int run(const std::vector<std::string> &words) {
    std::vector<char *> arguments;
    for (const std::string &word : words)
        arguments.push_back(const_cast<char *>(word.c_str()));
    arguments.push_back(nullptr);
    pid_t child = 0;
    int status = 0;
    if (const int error =
            ::posix_spawnp(&child, arguments[0], nullptr, nullptr, arguments.data(), environ))
        throw Denied(fmt::format("{} cannot be run: {}", words[0], std::strerror(error)));
    while (::waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            throw Denied(fmt::format("{}: {}", words[0], std::strerror(errno)));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

void need_root() {
    if (::geteuid() != 0)
        throw Denied("dumps, and what they are of, are root's alone; try as root");
}

ft::DumpConfig config() {
    return ft::parse_dump_config(contents(configuration), configuration);
}

std::string state() {
    const std::string said = first_line(fs::path(sysfs) / "state");
    return said.empty() ? "NONE" : said;
}

fs::path kernel(const ft::DumpConfig &config) {
    return config.kernel.empty() ? fs::path("/boot") / ("vmlinuz-" + release())
                                 : fs::path(config.kernel);
}

fs::path initramfs(const ft::DumpConfig &config) {
    return config.initramfs.empty() ? fs::path("/boot") / ("initrd.img-" + release())
                                    : fs::path(config.initramfs);
}

ft::DumpFacts facts(const ft::DumpConfig &config) {
    ft::DumpFacts facts;
    facts.map = ft::parse_iomem(contents("/proc/iomem"));
    const std::string block = first_line("/sys/devices/system/memory/block_size_bytes");
    facts.block = block.empty() ? 0 : std::stoull(block, nullptr, 16);
    facts.loaded = first_line("/sys/kernel/kexec_crash_loaded") == "1";
    facts.modules = module_file();
    facts.kexec = program("kexec");
    facts.makedumpfile = program("makedumpfile");
    // Its unit links are the same whether or not it runs now.
    facts.kdump_tools =
        fs::exists("/etc/systemd/system/multi-user.target.wants/kdump-tools.service");
    const std::string lockdown = contents("/sys/kernel/security/lockdown");
    facts.lockdown = !lockdown.empty() && lockdown.find("[none]") == lockdown.npos;
    std::error_code error;
    const auto size = fs::file_size(initramfs(config), error);
    facts.initramfs = error ? 0 : size;
    fs::path place = config.path;
    while (!fs::exists(place, error) && place.has_relative_path())
        place = place.parent_path();
    const auto space = fs::space(place, error);
    facts.space = error ? 0 : space.available;
    facts.state = state();
    return facts;
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
    const std::vector<ft::MemoryRange> ranges = ft::old_ram(map);
    if (ranges.size() > FT_DUMP_RANGES_MAX || ft::write_ranges(ranges).size() > FT_DUMP_MAP_MAX)
        throw Denied(fmt::format("this machine's memory has {} parts, and ft_dump is told of {} at "
                                 "most",
                                 ranges.size(), FT_DUMP_RANGES_MAX));
    const std::string line = ft::crash_command_line(first_line("/proc/cmdline"),
                                                    ft::write_ranges(ranges), config.options);
    if (run({"kexec", "-p", "-s", image, "--initrd=" + ramdisk.string(),
             "--command-line=" + line}) != 0)
        throw Denied("the crash kernel could not be loaded: kexec's message is above");
}

std::vector<ft::Dump> list(const ft::DumpConfig &config) {
    std::vector<ft::Dump> dumps;
    std::error_code error;
    for (const auto &entry : fs::directory_iterator(config.path, error)) {
        ft::Dump dump;
        dump.id = entry.path().filename();
        if (!entry.is_directory() || dump.id.empty() || dump.id[0] == '.')
            continue;
        const auto info =
            nlohmann::json::parse(contents(entry.path() / "info.json"), nullptr, false);
        const auto size = fs::file_size(entry.path() / "dump", error);
        dump.bytes = error ? 0 : size;
        if (info.is_object()) {
            const auto number = [&](const char *key) -> std::uint64_t {
                return info.contains(key) && info[key].is_number_unsigned()
                           ? info[key].get<std::uint64_t>()
                           : 0;
            };
            dump.time = number("time");
            // What was cut off later, by a file system that lost it, is not whole either.
            dump.complete = !error && dump.bytes > 0 && number("bytes") == dump.bytes;
        }
        dumps.push_back(dump);
    }
    std::sort(dumps.begin(), dumps.end(),
              [](const ft::Dump &a, const ft::Dump &b) { return a.id < b.id; });
    return dumps;
}

} // namespace ftctl::dump
