// SPDX-License-Identifier: GPL-2.0
// After a panic: the dump is saved, then the old memory is returned and a crash kernel
// loaded again, in a region of its own; until then it is in the part of this kernel's that
// was reserved for it. Each step is told to the journal, and what it took to the dump itself.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <thread>
#include <unistd.h>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "ftctl/client.hpp"
#include "ftctl/dump.hpp"
#include "ftd/common/handle.hpp"

namespace ftctl::dump {

namespace {

using nlohmann::ordered_json;

void say(const std::string &text) {
    fmt::print("{}\n", text);
    std::fflush(stdout);
}

// Since this kernel was started, which was at the panic but for a moment.
double uptime() {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

std::uint64_t memory_mib() {
    struct sysinfo info {};
    ::sysinfo(&info);
    return static_cast<std::uint64_t>(info.totalram) * info.mem_unit >> 20;
}

// From the panic until the last of the services was up that are started by themselves and do
// not wait for the memory; 0: not known.
double away() {
    const auto said = [](const std::vector<std::string> &words) {
        std::string text;
        run(words, [&](std::string_view more) { text += more; });
        return std::istringstream(text);
    };
    std::vector<std::string> ask{"systemctl", "show", "-P", "ActiveEnterTimestampMonotonic", "--"};
    const std::size_t asked = ask.size();
    std::istringstream names = said({"systemctl", "show", "-P", "Wants", "multi-user.target"});
    for (std::string name; names >> name;)
        ask.push_back(name);
    if (ask.size() == asked) // it would tell of itself
        return 0;
    std::istringstream times = said(ask);
    std::uint64_t last = 0; // microseconds; 0 of what is not up
    for (std::uint64_t time = 0; times >> time;)
        last = std::max(last, time);
    return static_cast<double>(last) / 1e6;
}

// Says whether what was written to a file is on its disk.
bool durable(const fs::path &path) {
    const ft::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    return fd && ::fsync(fd.get()) == 0;
}

// Written whole or not at all.
void write_info(const fs::path &folder, const ordered_json &info) {
    const fs::path draft = folder / ".info.json";
    {
        std::ofstream file(draft);
        file << info.dump(2) << '\n';
        file.flush();
        if (!file || !durable(draft))
            throw Denied(fmt::format("{} cannot be written", (folder / "info.json").string()));
    }
    fs::rename(draft, folder / "info.json");
    durable(folder);
}

struct Blocks {
    std::vector<std::uint64_t> old;
    std::uint64_t size = 0;
};

Blocks blocks() {
    Blocks result;
    result.size = std::stoull(first_line(fs::path(sysfs) / "block_size"), nullptr, 16);
    std::ifstream file(fs::path(sysfs) / "blocks");
    for (std::string start, length, name; file >> start >> length >> name;)
        if (name == "OLD")
            for (std::uint64_t at = 0; at < std::stoull(length, nullptr, 16); at += result.size)
                result.old.push_back(std::stoull(start, nullptr, 16) + at);
    return result;
}

void step(const char *name, const std::string &text) {
    write(fs::path(sysfs) / name, text, fmt::format("ft_dump refuses \"{} {}\"", name, text));
}

// Why a crash kernel's region cannot be set apart in this kernel; empty: it can.
std::string no_rearm() {
    constexpr std::string_view name = "rearm ";
    std::ifstream file(fs::path(sysfs) / "steps");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with(name) && line.substr(name.size()) != "available")
            return line.substr(name.size());
    return {};
}

// Loads the crash kernel, unless that were the next round of an endless loop.
void arm_again(const ft::DumpConfig &config) {
    if (const auto times = panics(config); ft::too_often(times, config))
        throw Denied(fmt::format("{} panics within {} s: not armed again, the next one goes "
                                 "through the firmware; \"ftctl dump load\" arms",
                                 times.size(), config.within_s));
    load(config);
}

// The region that this kernel was started with, for a panic until now, is memory again.
void free_region() {
    run({"kexec", "-p", "-u"});
    write("/sys/kernel/kexec_crash_size", "0", "the crash kernel's region cannot be freed");
}

// The first of the blocks that are in a row, and long enough for a crash kernel, below
// 4 GiB and without a bad page in them.
std::uint64_t hold(const Blocks &blocks, std::uint64_t size,
                   const std::vector<std::uint64_t> &bad_pages) {
    std::uint64_t start = 0, end = 0;
    for (const std::uint64_t at : blocks.old) {
        bool bad = false;
        for (const std::uint64_t page : bad_pages)
            bad = bad || (at <= page && page < at + blocks.size);
        if (bad) {
            end = 0;
            continue;
        }
        if (at != end)
            start = at;
        end = at + blocks.size;
        if (end - start >= size && end <= 1ULL << 32) {
            step("hold", fmt::format("{:x} {:x}", start, end - start));
            return end - start;
        }
    }
    return 0;
}

// Each block is online before the next is added: a small kernel has no room for more.
std::uint64_t give_back(const Blocks &blocks) {
    std::uint64_t bytes = 0;
    for (const std::uint64_t at : blocks.old) {
        tell(Done{bytes, blocks.old.size() * blocks.size});
        step("return", fmt::format("{:x}", at));
        const fs::path file =
            fmt::format("/sys/devices/system/memory/memory{}/state", at / blocks.size);
        if (first_line(file) != "online")
            write(file, "online", fmt::format("the block at {:#x} cannot be put online", at));
        bytes += blocks.size;
    }
    return bytes;
}

// SIGINT ends the program that copies, which is in our group of processes, and not us: the
// memory is wanted sooner than the dump.
void survive_interrupts() {
    struct sigaction ignored {};
    ignored.sa_handler = [](int) {}; // unlike SIG_IGN it is not inherited
    ignored.sa_flags = SA_RESTART;
    ::sigaction(SIGINT, &ignored, nullptr);
}

// Tells how far makedumpfile is, and says what else it says.
class Copying {
  public:
    explicit Copying(std::uint64_t total) : total_(total) {}
    void heard(std::string_view text) {
        for (const char c : text) {
            if (c != '\n' && c != '\r') {
                line_ += c;
                continue;
            }
            const auto progress = ft::parse_progress(line_);
            if (progress && *progress != told_) {
                told_ = *progress;
                tell(Done{total_ / 1000 * told_, total_});
            }
            // A step and how far it is stand on a line of their own, which is written again.
            if (c == '\n' && line_.find('%') == line_.npos && !line_.empty())
                say(line_);
            line_.clear();
        }
    }

  private:
    std::uint64_t total_;
    unsigned told_ = 1001;
    std::string line_;
};

// For one more dump.
void make_room(const ft::DumpConfig &config) {
    const std::vector<ft::Dump> before = list(config);
    for (const std::string &id : ft::expendable(before, config)) {
        say("deletes dump " + id + ", to make room");
        fs::remove_all(fs::path(config.path) / id);
    }
    // Of one that was cut off the log is what can still be used.
    for (const ft::Dump &dump : before)
        if (!dump.complete)
            fs::remove(fs::path(config.path) / dump.id / "dump");
}

// The dump itself; false: it could not be saved, which is no reason to keep the memory.
bool save_dump(const ft::DumpConfig &config, const fs::path &folder, ordered_json &info) {
    const fs::path log = folder / "dmesg", file = folder / "dump";
    // On its disk before the long part begins: this kernel may die in it.
    if (run({"makedumpfile", "--dump-dmesg", "/proc/vmcore", log}) != 0 || !durable(log))
        say("the dead kernel's log could not be read");
    const ft::Panic panic = ft::parse_log(contents(log));
    info["panic"] = panic.message;
    info["kernel"] = panic.kernel;
    info["bad_pages"] = panic.bad_pages;
    write_info(folder, info);
    say(fmt::format("panic: {}", panic.message.empty() ? "no message" : panic.message));
    const double began = uptime();
    std::error_code unknown;
    const auto old = fs::file_size("/proc/vmcore", unknown);
    Copying copying(unknown ? 0 : old);
    if (run({"makedumpfile", "-l", "-d", "31", "--message-level", "5", "/proc/vmcore", file},
            [&](std::string_view text) { copying.heard(text); }) != 0 ||
        !durable(file)) {
        std::error_code error;
        fs::remove(file, error);
        say(fmt::format("the dump could not be saved in {}; \"ftctl dump check\" says whether "
                        "there is room",
                        config.path));
        return false;
    }
    info["bytes"] = fs::file_size(file);
    info["save_s"] = uptime() - began;
    write_info(folder, info);
    say(fmt::format("saved {} MiB in {:.1f} s", fs::file_size(file) >> 20, uptime() - began));
    return true;
}

void return_memory(const ft::DumpConfig &config, const ft::MemoryMap &map, ordered_json &info) {
    const double began = uptime();
    step("seal", "1");
    step("quiesce", "1");
    for (const auto &page : info["bad_pages"])
        step("leave_out", fmt::format("{:x} 1000", page.get<std::uint64_t>()));
    const Blocks old = blocks();
    const std::string impossible = no_rearm();
    const std::uint64_t there = map.crash ? map.crash->size() : 0;
    std::uint64_t held = 0;
    for (const std::uint64_t size :
         ft::region_sizes(config, map.total() + old.old.size() * old.size))
        if (held == 0 && impossible.empty() && size > there)
            held = hold(old, size, info["bad_pages"].get<std::vector<std::uint64_t>>());
    const std::uint64_t bytes = give_back(old);
    if (held != 0 && map.crash)
        free_region();
    info["returned_mib"] = bytes >> 20;
    info["held_mib"] = held >> 20;
    info["memory_mib"] = memory_mib();
    info["old_memory_mib"] = (map.total() + bytes) >> 20;
    info["return_s"] = uptime() - began;
    info["cpus"] = std::thread::hardware_concurrency();
    say(fmt::format("returned {} MiB in {:.1f} s", bytes >> 20, uptime() - began));
    if (held != 0)
        step("rearm", "1");
    else if (!map.crash) // else that one remains
        throw Denied(fmt::format(
            "{}: protected again after the next reboot",
            impossible.empty()
                ? fmt::format("no {} MiB of the memory that came back are in a row below 4 GiB",
                              config.region_mib)
                : impossible));
}

} // namespace

int save(const ft::DumpConfig &config) {
    need_root();
    if (state() != "OPEN")
        throw Denied("there is no dump to be saved: this kernel was not started by a panic of one "
                     "that ftstack had armed");
    const ft::MemoryMap map = ft::parse_iomem(contents("/proc/iomem"));
    if (map.crash) {
        try {
            arm_again(config);
            say("armed for a panic in the meantime");
        } catch (const std::exception &error) {
            say(error.what());
        }
    }
    const auto now = static_cast<std::uint64_t>(std::time(nullptr));
    ordered_json info{{"time", now}, {"bytes", 0}, {"saved", false}};
    info["bad_pages"] = ordered_json::array();
    fs::path folder;
    int exit = 0;
    try {
        make_room(config);
        const mode_t mask = ::umask(077); // what was in memory is root's alone
        fs::create_directories(config.path);
        fs::permissions(config.path, fs::perms::owner_all);
        folder = fs::path(config.path) / fmt::format("{:%Y%m%d-%H%M%S}", fmt::gmtime(now));
        fs::create_directory(folder);
        ::umask(mask);
        survive_interrupts();
        tell(ft::DumpWork{"SAVE_DUMP", folder.filename(), ::getpid()});
        info["saved"] = save_dump(config, folder, info);
    } catch (const std::exception &error) {
        say(fmt::format("the dump is lost: {}", error.what()));
    }
    if (!info["saved"].get<bool>())
        exit = 1;
    const auto note = [&] {
        try {
            if (!folder.empty())
                write_info(folder, info);
        } catch (const std::exception &error) {
            say(error.what());
        }
    };
    try {
        tell(ft::DumpWork{"RETURN_MEMORY", folder.filename(), 0});
        return_memory(config, map, info);
        info["away_s"] = away();
        note();
        arm_again(config);
        info["rearmed_s"] = uptime();
        say(fmt::format("armed again {:.1f} s after the panic", uptime()));
    } catch (const std::exception &error) {
        info["error"] = error.what();
        say(error.what());
        exit = 1;
    }
    note();
    return exit;
}

} // namespace ftctl::dump
