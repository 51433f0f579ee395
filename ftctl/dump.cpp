// SPDX-License-Identifier: GPL-2.0
// One-sided crash dumps. The verbs act as root on this machine: after a panic nothing of a
// dump waits for the daemon.
#include "ftctl/dump.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iostream>
#include <memory>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "ftctl/client.hpp"
#include "ftctl/verbs.hpp"
#include "ftd/common/names.hpp"

namespace ftctl {

namespace {

using namespace dump;
using nlohmann::ordered_json;

constexpr char grub[] = "/etc/default/grub.d/ftstack-dump.cfg";
constexpr char boot_copy[] = "/usr/lib/ftstack/boot-copy";
constexpr int no_boot_partition = 3;
constexpr std::uint64_t mib = 1 << 20;

// When all was well again after a panic of this kernel, on purpose or not.
ft::DumpFinding last_test(const ft::DumpConfig &config) {
    const std::vector<ft::Dump> dumps = dump::list(config);
    const auto last = std::find_if(dumps.rbegin(), dumps.rend(), [](const ft::Dump &dump) {
        return dump.complete && dump.rearmed_s > 0 && dump.kernel == ft::dumps::release();
    });
    if (last == dumps.rend())
        return {false,
                fmt::format("a panic of kernel {} has not been tried, or its dump was deleted",
                            ft::dumps::release()),
                "\"ftctl dump test\" panics on purpose, and asks before"};
    return {false,
            fmt::format("{}: after a panic of kernel {} services were back in {:.0f} s, and all "
                        "was armed again in {:.0f} s",
                        last->id, last->kernel, last->away_s, last->rearmed_s),
            "nothing"};
}

int check(bool json) {
    need_root();
    const ft::DumpConfig wanted = config();
    const auto findings = ft::check_dump(measured(wanted), wanted);
    int worst = 0;
    ordered_json all = ordered_json::array();
    for (const ft::DumpFinding &finding : findings) {
        worst = std::max(worst, finding.bad ? 2 : 1);
        all.push_back({{"severity", finding.bad ? "BAD" : "WARN"},
                       {"text", finding.text},
                       {"next_action", finding.next_action}});
        if (!json)
            fmt::print("{}  {}\n      {}\n", finding.bad ? "BAD " : "WARN", finding.text,
                       finding.next_action);
    }
    const ft::DumpFinding test = last_test(wanted);
    all.push_back({{"severity", "INFO"}, {"text", test.text}, {"next_action", test.next_action}});
    if (json) {
        fmt::print("{}\n", all.dump(2));
        return worst;
    }
    fmt::print("INFO  {}\n      {}\n", test.text, test.next_action);
    if (findings.empty())
        fmt::print("a panic now would be dumped, and services be back after one kernel's start\n");
    return worst;
}

bool boot_partitions() {
    return fs::exists(boot_copy) &&
           run({boot_copy, "--check"}, [](std::string_view) {}) != no_boot_partition;
}

// GRUB's own menu, and that of the modules' boot partitions, have the kernel's command line.
void write_menus() {
    const bool copied = boot_partitions();
    if (copied && run({boot_copy}) != 0)
        throw Denied("a module's boot partition could not be written; boot-copy's message is "
                     "above");
    if ((!copied || fs::exists("/boot/grub/grub.cfg")) && run({"update-grub"}) != 0)
        throw Denied("update-grub failed; its message is above");
}

// What the boot loader is told; none: it has no drop-ins that we know of.
void reserve(const ft::MemoryRange &region) {
    const std::string line =
        fmt::format("GRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT crashkernel={}\"\n",
                    ft::write_region(region));
    if (!fs::exists("/etc/default/grub") && !boot_partitions()) {
        fmt::print("there is no GRUB here: give the kernel crashkernel={} by hand, reboot, and run "
                   "\"ftctl dump arm\" again\n",
                   ft::write_region(region));
        return;
    }
    if (contents(grub) == line) {
        fmt::print("{} is there already: reboot, and run \"ftctl dump arm\" again\n", grub);
        return;
    }
    fs::create_directories(fs::path(grub).parent_path());
    std::ofstream file(grub);
    file << line << std::flush;
    if (!file)
        throw Denied(fmt::format("{} cannot be written", grub));
    fmt::print("{}:\n  {}", grub, line);
    write_menus();
    fmt::print("reboot, and run \"ftctl dump arm\" again; \"ftctl dump disarm\" takes it back\n");
}

int arm() {
    need_root();
    const ft::DumpConfig wanted = config();
    const ft::DumpFacts now = facts(wanted);
    for (const auto &[there, package] :
         {std::pair{now.kexec, "kexec-tools"}, std::pair{now.makedumpfile, "makedumpfile"}})
        if (!there)
            throw Denied(fmt::format("{0} is not installed: \"apt install {0}\" first", package));
    if (now.kdump_tools)
        throw Denied("kdump-tools is armed, too: \"systemctl disable --now kdump-tools\" first");
    if (now.kdump_rule)
        throw Denied("kdump-tools is installed, and would load its own crash kernel when memory or "
                     "a CPU comes or goes: \"apt remove kdump-tools\", or \"touch "
                     "/etc/udev/rules.d/50-kdump-tools.rules\" first");
    const auto region = ft::propose_region(now.map, wanted);
    if (!now.map.crash && !region)
        throw Denied(fmt::format("no {} MiB below 4 GiB are free: make region_mib in {} smaller",
                                 wanted.region_mib, configuration));
    if (region && !(now.map.crash && ft::serves(*now.map.crash, *region)))
        reserve(*region);
    if (!now.map.crash)
        return 1;
    load(wanted);
    if (run({"systemctl", "-q", "enable", "ftstack-dump-load.service", "ftstack-dump.service"}) !=
        0)
        throw Denied("it is loaded now, but would not be after a reboot: systemctl's message is "
                     "above");
    fmt::print("armed\n");
    return check(false) == 2 ? 1 : 0;
}

void disarm() {
    need_root();
    run({"systemctl", "-q", "disable", "ftstack-dump-load.service", "ftstack-dump.service"});
    if (first_line("/sys/kernel/kexec_crash_loaded") == "1" && run({"kexec", "-p", "-u"}) != 0)
        throw Denied("the crash kernel could not be unloaded: kexec's message is above");
    if (fs::remove(grub))
        write_menus();
    fmt::print("disarmed; memory that is reserved for the crash kernel is free after a reboot\n");
}

void list_all(bool json) {
    need_root();
    const ft::DumpConfig wanted = config();
    ordered_json all = ordered_json::array();
    for (const ft::Dump &dump : dump::list(wanted)) {
        all.push_back({{"id", dump.id},
                       {"time", dump.time},
                       {"bytes", dump.bytes},
                       {"complete", dump.complete},
                       {"panic", dump.panic}});
        if (!json)
            fmt::print("{}  {:>6} MiB  {:<10}  {}\n", dump.id, dump.bytes / mib,
                       dump.complete ? "complete" : "incomplete", dump.panic);
    }
    if (json)
        fmt::print("{}\n", all.dump(2));
    else if (all.empty())
        fmt::print("no dump is in {}\n", wanted.path);
}

void show(const std::string &id, bool json) {
    need_root();
    const ft::DumpConfig wanted = config();
    const fs::path folder = dump::folder(wanted, id);
    const auto info = ordered_json::parse(contents(folder / "info.json"), nullptr, false);
    if (!info.is_object())
        throw Denied(
            fmt::format("{} is damaged; \"ftctl dump delete {}\" removes it", folder.string(), id));
    if (json) {
        fmt::print("{}\n", info.dump(2));
        return;
    }
    for (const auto &[key, value] : info.items())
        fmt::print("{:<14}  {}\n", key,
                   value.is_string() ? value.get<std::string>() : value.dump());
    fmt::print("{:<14}  crash /usr/lib/debug/boot/vmlinux-KERNEL {}\n", "open",
               (folder / "dump").string());
}

// So that it tells of how things are now, too.
void tell_daemon() {
    try {
        const Client client;
        client.call(client.request(ft::names::root, ft::names::manager, "Reload"));
    } catch (const std::exception &) {
        // It sees for itself when it is started.
    }
}

bool says(const char *question, const std::string &wanted) {
    fmt::print("{} ", question);
    std::fflush(stdout);
    std::string answer;
    return std::getline(std::cin, answer) && answer == wanted;
}

int test() {
    need_root();
    if (check(false) == 2)
        throw Denied("it would not work: see above");
    if (!says("This kernel is going to panic, as a test. Do you want that? [y/N]", "y") ||
        !says("Every process ends at once. Write \"panic\":", "panic")) {
        fmt::print("nothing was done\n");
        return 1;
    }
    ::sync();
    write("/proc/sysrq-trigger", "c", "the kernel cannot be made to panic");
    return 1;
}

} // namespace

void add_dump(CLI::App &app, int &exit) {
    CLI::App *noun = app.add_subcommand("dump", "What is kept of a panic, and being ready for one");
    noun->require_subcommand(1);
    noun->footer("Example: ftctl dump check");
    auto json = std::make_shared<bool>(false);
    auto id = std::make_shared<std::string>();
    const auto verb = [&](const char *name, const char *help) {
        CLI::App *result = noun->add_subcommand(name, help);
        result->footer(fmt::format("Example: ftctl dump {}", name));
        return result;
    };
    const auto of_dump = [&](const char *name, const char *help) {
        CLI::App *result = verb(name, help);
        result->add_option("id", *id, "As \"ftctl dump list\" has it")->required();
        result->footer(fmt::format("Example: ftctl dump {} 20261121-204501", name));
        return result;
    };
    const auto also_json = [&](CLI::App *result) {
        result->add_flag("--json", *json, "As a JSON document, for programs");
        return result;
    };
    verb("arm", "Be ready for a panic, now and after each boot")->callback([&exit] {
        exit = arm();
        tell_daemon();
    });
    verb("disarm", "Take that back")->callback([] {
        disarm();
        tell_daemon();
    });
    also_json(verb("check", "Whether a panic would be survived well; 0 yes, 1 nearly, 2 no"))
        ->callback([json, &exit] { exit = check(*json); });
    also_json(verb("list", "The dumps that were kept"))->callback([json] { list_all(*json); });
    also_json(of_dump("show", "When, why, and how long each step took"))->callback([id, json] {
        show(*id, *json);
    });
    of_dump("delete", "Delete a dump; one that is being saved is given up")->callback([id] {
        need_root();
        ft::dumps::remove(config(), *id);
    });
    verb("test", "Panic on purpose; asks twice")->callback([&exit] { exit = test(); });
    verb("load", "Load the crash kernel; ftstack-dump-load.service does so at boot")->callback([] {
        need_root();
        load(config());
        tell_daemon();
    });
    verb("save", "Save the dump and take back the memory; ftstack-dump.service does so")
        ->callback([&exit] { exit = save(config()); });
}

} // namespace ftctl
