// SPDX-License-Identifier: GPL-2.0
// What would keep the server from being fault tolerant when it matters: at the
// next boot, with the next kernel, when nobody is told.
#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "ftctl/client.hpp"
#include "ftctl/dump.hpp"
#include "ftctl/render.hpp"
#include "ftctl/verbs.hpp"
#include "ftd/common/names.hpp"
#include "ftd/version.hpp"

namespace ftctl {

namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr const char *kernel_modules[] = {"ft_core", "ft_bond", "ft_mirror", "ft_chipset"};

using dump::contents;
using dump::first_line;

class Doctor {
  public:
    explicit Doctor(fs::path root) : root_(std::move(root)) {}

    // 0: nothing found; 1: something that will hurt one day; 2: that hurts now.
    int examine() {
        daemon();
        kernel();
        files();
        dumps();
        if (document_) {
            configuration();
            bonds();
            mirrors();
            alerts();
        }
        fmt::print("{}\n", worst_ ? "see above for what to do" : "nothing is wrong");
        return worst_;
    }

  private:
    void good(const std::string &text) { line("ok  ", text); }
    void warn(const std::string &text, const std::string &action) {
        worst_ = std::max(worst_, 1);
        line("WARN", text + "\n      " + action);
    }
    void bad(const std::string &text, const std::string &action) {
        worst_ = 2;
        line("BAD ", text + "\n      " + action);
    }
    static void line(const char *mark, const std::string &text) {
        fmt::print("{}  {}\n", mark, text);
    }

    void daemon() {
        try {
            const auto objects = Client().objects();
            document_ = status_document(objects);
            const std::string version = objects["manager"]["Version"];
            if (version == ft::version)
                good("ftd " + version + " answers");
            else
                warn(fmt::format("ftd {} runs, ftctl is {}", version, ft::version),
                     "\"systemctl restart ftd\"; no pair changes by it");
        } catch (const NoAnswer &error) {
            bad("ftd does not answer", error.what());
        }
    }

    std::vector<fs::path> kernel_files(const fs::path &kernel) const {
        std::vector<fs::path> found;
        std::error_code error;
        for (const char *folder : {"updates", "extra", "kernel/extra"})
            for (const auto &entry : fs::recursive_directory_iterator(kernel / folder, error))
                if (entry.path().filename().string().starts_with("ft_") &&
                    entry.path().filename().string().find(".ko") != std::string::npos)
                    found.push_back(entry.path());
        return found;
    }

    void kernel() {
        for (const char *name : kernel_modules)
            if (!fs::exists(root_ / "sys/module" / name))
                bad(fmt::format("the kernel module {} is not loaded", name),
                    fmt::format("\"modprobe {}\"; look at \"dmesg\" if that fails", name));
        const std::string running = first_line(root_ / "proc/sys/kernel/osrelease");
        std::error_code error;
        std::vector<fs::path> kernels;
        for (const auto &entry : fs::directory_iterator(root_ / "lib/modules", error))
            if (entry.path().filename() == running || fs::exists(entry.path() / "modules.builtin"))
                kernels.push_back(entry.path());
        std::sort(kernels.begin(), kernels.end());
        const bool secure = secure_boot();
        for (const fs::path &kernel : kernels) {
            const std::string version = kernel.filename();
            const auto files = kernel_files(kernel);
            const auto missing = std::count_if(
                std::begin(kernel_modules), std::end(kernel_modules), [&](const char *name) {
                    return std::none_of(files.begin(), files.end(), [&](const fs::path &file) {
                        return file.filename().string().starts_with(std::string(name) + ".ko");
                    });
                });
            const char *which = version == running ? "the running kernel" : "another kernel";
            if (missing) {
                const std::string text = fmt::format("{} of the kernel modules are not built for "
                                                     "{}, {}",
                                                     missing, version, which);
                const std::string action = fmt::format(
                    "\"dkms install ftstack/{} -k {}\", or \"make install-kmod KVER={}\"; a boot "
                    "with it would find no pair",
                    ft::version, version, version);
                version == running ? bad(text, action) : warn(text, action);
                continue;
            }
            const bool all_signed =
                std::all_of(files.begin(), files.end(), [](const fs::path &file) {
                    return !file.string().ends_with(".ko") ||
                           contents(file).ends_with("~Module signature appended~\n");
                });
            if (secure && !all_signed)
                bad(fmt::format("Secure Boot is on, and the kernel modules for {} are not signed",
                                version),
                    "install them through DKMS, which signs them, and enrol its key: \"mokutil "
                    "--import /var/lib/dkms/mok.pub\", then reboot and confirm");
            else
                good(fmt::format("the kernel modules are built for {}, {}", version, which));
        }
        if (secure)
            signing_key();
    }

    // The firmware's owner has enrolled it if shim hands it on to the kernel.
    void signing_key() {
        std::string enrolled;
        std::error_code error;
        for (const auto &entry : fs::directory_iterator(root_ / "sys/firmware/efi/efivars", error))
            if (entry.path().filename().string().starts_with("MokListRT"))
                enrolled += contents(entry.path());
        for (const char *path : {"var/lib/dkms/mok.pub", "var/lib/shim-signed/mok/MOK.der"}) {
            const std::string key = contents(root_ / path);
            if (key.empty())
                continue;
            if (enrolled.find(key) != std::string::npos)
                good(fmt::format("Secure Boot is on, and the key that DKMS signs with is enrolled "
                                 "(/{})",
                                 path));
            else
                bad("Secure Boot is on, and the key that DKMS signs with is not enrolled: the "
                    "kernel refuses the kernel modules",
                    fmt::format("\"mokutil --import /{}\", then reboot and confirm", path));
            return;
        }
    }

    bool secure_boot() const {
        const std::string value = contents(
            root_ / "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c");
        return value.size() == 5 && value[4] == 1;
    }

    void files() {
        const std::pair<const char *, const char *> needed[] = {
            {"usr/lib/udev/rules.d/61-ft-mirror.rules",
             "without it a leg may be taken for the file system that is inside"},
            {"usr/lib/udev/ft_leg_id", "the udev rule calls it"},
            {"usr/share/polkit-1/actions/org.ftstack.ft1.policy",
             "without it nobody but root can change anything"},
            {"usr/share/dbus-1/system.d/org.ftstack.ft1.conf",
             "without it ftd cannot take its name on the bus"},
        };
        for (const auto &[path, why] : needed)
            if (fs::exists(root_ / path))
                good(fmt::format("/{} is there", path));
            else
                bad(fmt::format("/{} is missing", path),
                    fmt::format("install ftstack again; {}", why));
    }

    void configuration() {
        const ordered_json &now = (*document_)["configuration"];
        const std::string state = now["state"];
        if (state == "OK")
            good("the configuration is in use");
        else if (state == "NONE")
            bad("there is no configuration", "\"ftctl setup\"");
        else
            bad("the configuration is refused", now["error"].get<std::string>());
    }

    std::optional<long> speed(const std::string &port) const {
        try {
            const long value = std::stol(first_line(root_ / "sys/class/net" / port / "speed"));
            return value > 0 ? std::optional(value) : std::nullopt;
        } catch (const std::exception &) {
            return std::nullopt; // no link, or a card that has none
        }
    }

    void two_modules(const ordered_json &pair, const char *what) {
        const std::string a = pair["members"][0]["device"], b = pair["members"][1]["device"];
        if (a.empty() || b.empty())
            bad(fmt::format("{} has a member that is in no module",
                            pair["name"].get<std::string>()),
                fmt::format("both {} must be in modules, each in one of its own: \"ftctl setup\"",
                            what));
        else if (a.substr(0, a.find('/')) == b.substr(0, b.find('/')))
            bad(fmt::format("both {} of {} are in one module", what,
                            pair["name"].get<std::string>()),
                "move one of them; a pulled module takes both");
    }

    void bonds() {
        for (const ordered_json &bond : (*document_)["bonds"]) {
            two_modules(bond, "ports");
            const std::string name = bond["name"];
            const std::string a = bond["members"][0]["name"], b = bond["members"][1]["name"];
            const auto fast = speed(a), slow = speed(b);
            if (fast && slow && *fast != *slow)
                warn(fmt::format("the ports of {} run at different speeds: {} Mbit/s and {} Mbit/s",
                                 name, *fast, *slow),
                     "check cable, switch port and \"ethtool\" of the slower one");
            else if (fast && slow)
                good(fmt::format("both ports of {} run at {} Mbit/s", name, *fast));
        }
    }

    void mirrors() {
        std::string root_device;
        std::ifstream mounts(root_ / "proc/self/mounts");
        for (std::string device, point, rest; mounts >> device >> point;) {
            std::getline(mounts, rest);
            if (point == "/")
                root_device = device;
        }
        for (const ordered_json &mirror : (*document_)["mirrors"]) {
            two_modules(mirror, "legs");
            const std::string name = mirror["name"];
            if (root_device != "/dev/mapper/" + name)
                continue;
            if (!fs::exists(root_ / "usr/share/initramfs-tools/hooks/ftstack"))
                bad(fmt::format("the root file system is on {}, and the initramfs knows no mirrors",
                                name),
                    "install ftstack's initramfs hook, then \"update-initramfs -u -k all\"");
            else
                initramfs(name);
            boot_partitions();
        }
    }

    // What the firmware boots from. Only root can look into it.
    void boot_partitions() {
        if (root_ != "/" || ::geteuid() != 0)
            return;
        const std::string program = "/usr/lib/ftstack/boot-copy";
        FILE *said = ::popen((program + " --check").c_str(), "r");
        std::vector<std::string> findings;
        std::array<char, 512> line;
        while (said && std::fgets(line.data(), line.size(), said)) {
            findings.emplace_back(line.data());
            findings.back().erase(findings.back().find_last_not_of('\n') + 1);
        }
        const int status = said ? ::pclose(said) : -1;
        for (const std::string &finding : findings)
            warn(finding, "\"" + program + "\" brings all boot partitions in step with /boot");
        if (WIFEXITED(status) && WEXITSTATUS(status) == 3)
            warn("no module has a boot partition: the firmware knows no mirrors",
                 "\"ftctl setup --root\" shows how one is made; or see that the server boots "
                 "from the network");
        else if (findings.empty() && status == 0)
            good("the boot partition of each module is in step with /boot");
        else if (findings.empty())
            warn("the boot partitions could not be looked at", program + " --check");
    }

    // It has a copy of the configuration.
    void initramfs(const std::string &mirror) {
        const fs::path initrd =
            root_ / "boot" / ("initrd.img-" + first_line(root_ / "proc/sys/kernel/osrelease"));
        std::error_code error;
        const auto made = fs::last_write_time(initrd, error);
        if (error)
            return; // another distribution's name for it
        const auto changed =
            fs::last_write_time(root_ / fs::path(ft::names::configuration).relative_path(), error);
        if (!error && changed > made)
            warn(fmt::format("the root file system is on {}, and the initramfs is older than the "
                             "configuration",
                             mirror),
                 "\"update-initramfs -u\"");
        else
            good(fmt::format("the initramfs starts {} for the root file system", mirror));
    }

    void alerts() {
        std::error_code error;
        if (fs::is_empty(root_ / fs::path(ft::names::alert_hooks).relative_path(), error) || error)
            warn("nobody is told of an alert",
                 fmt::format("put a hook into {}; \"man ftctl\" has an example",
                             ft::names::alert_hooks));
        else
            good("there is an alert hook; \"ftctl alert test\" tries it");
    }

    // Where a person wants dumps, or this kernel was started by a panic.
    void dumps() {
        if (root_ != "/" || ::geteuid() != 0 ||
            (!fs::exists("/etc/systemd/system/multi-user.target.wants/"
                         "ftstack-dump-load.service") &&
             dump::state() == "NONE"))
            return;
        const ft::DumpConfig config = dump::config();
        const auto findings = ft::check_dump(dump::measured(config), config);
        for (const ft::DumpFinding &finding : findings)
            finding.bad ? bad(finding.text, finding.next_action)
                        : warn(finding.text, finding.next_action);
        if (findings.empty())
            good("a panic would be dumped, and services be back after one kernel's start");
    }

    fs::path root_;
    std::optional<ordered_json> document_;
    int worst_ = 0;
};

} // namespace

void add_doctor(CLI::App &app, int &exit) {
    CLI::App *verb = app.add_subcommand("doctor", "What would keep the server from surviving");
    verb->footer("Exit code: 0 nothing found, 1 something to look at, 2 something is wrong.\n"
                 "Example: ftctl doctor");
    auto root = std::make_shared<std::string>("/");
    verb->add_option("--root", *root, "Look at the files of the system that is mounted here");
    verb->callback([root, &exit] { exit = Doctor(*root).examine(); });
}

} // namespace ftctl
