// SPDX-License-Identifier: GPL-2.0
#include "dumps/dumps.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sys/utsname.h>
#include <type_traits>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "dumps/initramfs.hpp"
#include "ftd/common/error.hpp"

namespace ft::dumps {

namespace {

fs::path below(const fs::path &root, const char *path) {
    return root / fs::path(path).relative_path();
}

nlohmann::json parse(const fs::path &path) {
    return nlohmann::json::parse(contents(path), nullptr, false);
}

// Of a file that another program has written: what is not there, or of another type, is
// as if it were not known.
template <typename T>
T value(const nlohmann::json &info, const char *key) {
    const auto found = info.find(key);
    if constexpr (std::is_same_v<T, std::string>)
        return found != info.end() && found->is_string() ? found->get<T>() : T{};
    else if constexpr (std::is_floating_point_v<T>)
        return found != info.end() && found->is_number() ? found->get<T>() : T{};
    else
        return found != info.end() && found->is_number_unsigned() ? found->get<T>() : T{};
}

// Written whole or not at all; who looks meanwhile sees what was there before.
void publish(const char *name, const std::string &text) {
    const char *folder = std::getenv("RUNTIME_DIRECTORY");
    if (!folder)
        return;
    const fs::path file = fs::path(folder) / name, draft = fs::path(folder) / "draft";
    std::ofstream(draft) << text;
    std::error_code error;
    fs::rename(draft, file, error);
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

std::string release() {
    utsname name{};
    ::uname(&name);
    return name.release;
}

std::string contents(const fs::path &path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::string first_line(const fs::path &path) {
    const std::string text = contents(path);
    return text.substr(0, text.find('\n'));
}

DumpConfig config(const fs::path &root) {
    return parse_dump_config(contents(below(root, configuration)), configuration);
}

std::string state(const fs::path &root) {
    const std::string said = first_line(below(root, sysfs) / "state");
    if (!said.empty())
        return said;
    return fs::exists(root / "proc/vmcore") ? "OPEN" : "NONE";
}

fs::path kernel(const DumpConfig &config) {
    return config.kernel.empty() ? fs::path("/boot") / ("vmlinuz-" + release())
                                 : fs::path(config.kernel);
}

fs::path initramfs(const DumpConfig &config) {
    return config.initramfs.empty() ? fs::path("/boot") / ("initrd.img-" + release())
                                    : fs::path(config.initramfs);
}

DumpFacts facts(const DumpConfig &config, const fs::path &root) {
    DumpFacts facts;
    facts.map = parse_iomem(contents(root / "proc/iomem"));
    // What is free now, and was not when a region was to be reserved.
    if (const auto used = boot_initramfs(contents(root / "sys/kernel/boot_params/data")))
        facts.map.taken.push_back(*used);
    if (const auto asked = asked_region(first_line(root / "proc/cmdline")))
        if (!facts.map.crash)
            facts.map.taken.push_back(*asked);
    facts.loaded = first_line(root / "sys/kernel/kexec_crash_loaded") == "1";
    facts.modules = module_file();
    facts.kexec = program("kexec");
    facts.makedumpfile = program("makedumpfile");
    // Its unit links are the same whether or not it runs now.
    for (const char *target : {"basic", "multi-user"})
        facts.kdump_tools |= fs::exists(
            root / fmt::format("etc/systemd/system/{}.target.wants/kdump-tools.service", target));
    constexpr char rule[] = "udev/rules.d/50-kdump-tools.rules";
    facts.kdump_rule = fs::exists(root / "lib" / rule) && !fs::exists(root / "etc" / rule);
    const std::string lockdown = contents(root / "sys/kernel/security/lockdown");
    facts.lockdown = !lockdown.empty() && lockdown.find("[none]") == lockdown.npos;
    std::error_code error;
    const auto size = fs::file_size(initramfs(config), error);
    facts.initramfs = error ? 0 : size;
    facts.unpacked = unpacked(initramfs(config), root);
    fs::path place = config.path;
    while (!fs::exists(place, error) && place.has_relative_path())
        place = place.parent_path();
    const auto space = fs::space(place, error);
    facts.space = error ? 0 : space.available;
    facts.state = state(root);
    if (config.kernel.empty()) // else it may be any
        facts.kernel_config = contents(root / "boot" / ("config-" + release()));
    return facts;
}

std::vector<Dump> list(const DumpConfig &config) {
    std::vector<Dump> dumps;
    std::error_code error;
    for (const auto &entry : fs::directory_iterator(config.path, error)) {
        Dump dump;
        dump.id = entry.path().filename();
        if (!entry.is_directory() || dump.id.empty() || dump.id[0] == '.')
            continue;
        const auto info = parse(entry.path() / "info.json");
        const auto size = fs::file_size(entry.path() / "dump", error);
        dump.bytes = error ? 0 : size;
        dump.time = value<std::uint64_t>(info, "time");
        // What was cut off later, by a file system that lost it, is not whole either.
        dump.complete = dump.bytes > 0 && value<std::uint64_t>(info, "bytes") == dump.bytes;
        dump.panic = value<std::string>(info, "panic");
        dump.kernel = value<std::string>(info, "kernel");
        dump.error = value<std::string>(info, "error");
        dump.save_s = value<double>(info, "save_s");
        dump.return_s = value<double>(info, "return_s");
        dump.away_s = value<double>(info, "away_s");
        dump.rearmed_s = value<double>(info, "rearmed_s");
        dump.returned = value<std::uint64_t>(info, "returned_mib") << 20;
        dump.cpus = value<std::uint64_t>(info, "cpus");
        dumps.push_back(dump);
    }
    std::sort(dumps.begin(), dumps.end(), [](const Dump &a, const Dump &b) { return a.id < b.id; });
    return dumps;
}

fs::path folder(const DumpConfig &config, const std::string &id) {
    for (const Dump &dump : list(config))
        if (dump.id == id) // an id, and no path
            return fs::path(config.path) / id;
    throw refused(
        fmt::format("there is no dump {} in {}; \"ftctl dump list\" shows them", id, config.path));
}

void remove(const DumpConfig &config, const std::string &id, const fs::path &root) {
    const fs::path gone = folder(config, id);
    if (const DumpWork now = work(root); now.dump == id) {
        if (now.kind != "SAVE_DUMP" || now.pid <= 1)
            throw refused(
                "what follows its panic is not over yet; \"ftctl job list\" shows how far "
                "it is");
        if (::kill(-now.pid, SIGINT) < 0)
            throw failed(fmt::format("its save cannot be ended: {}", std::strerror(errno)));
        return;
    }
    std::error_code error;
    fs::remove_all(gone, error);
    if (error)
        throw failed(fmt::format("{} cannot be deleted: {}", gone.string(), error.message()));
}

DumpWork work(const fs::path &root) {
    const auto said = parse(below(root, run_folder) / "work");
    return {value<std::string>(said, "kind"), value<std::string>(said, "dump"),
            value<int>(said, "pid")};
}

Done done(const fs::path &root) {
    Done done;
    std::ifstream(below(root, run_folder) / "done") >> done.bytes >> done.total;
    return done;
}

void tell(const DumpWork &work) {
    publish("work",
            nlohmann::json{{"kind", work.kind}, {"dump", work.dump}, {"pid", work.pid}}.dump());
}

void tell(const Done &done) {
    publish("done", fmt::format("{} {}\n", done.bytes, done.total));
}

} // namespace ft::dumps
