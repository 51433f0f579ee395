// SPDX-License-Identifier: GPL-2.0
#include <cctype>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "ftctl/client.hpp"
#include "ftctl/render.hpp"
#include "ftctl/verbs.hpp"
#include "ftd/common/names.hpp"

namespace ftctl {

namespace {

using nlohmann::json;

struct Options {
    bool yes = false, dry_run = false, wipe = false, root = false;
    std::string replace_blank;
};

void draw(const json &proposal, const Style &style) {
    for (const json &module : proposal["modules"]) {
        const std::string slot = module["slot"];
        fmt::print("{}  bridge {}{}\n",
                   style.strong(fmt::format("module {}", module["id"].get<std::uint32_t>())),
                   module["bridges"][0].get<std::string>(),
                   slot.empty() ? ", not hot-pluggable" : ", slot " + slot);
        const json &devices = module["devices"];
        for (std::size_t i = 0; i < devices.size(); i++) {
            const json &device = devices[i];
            const std::string pair = device["pair"], reason = device["reason"];
            fmt::print("{} {:<8} {:<5} {:<10} {:<18} {}\n", style.branch(i + 1 == devices.size()),
                       device["path"].get<std::string>(), device["kind"].get<std::string>(),
                       device["name"].get<std::string>(), device["detail"].get<std::string>(),
                       pair.empty() ? "not paired: " + reason : style.strong(pair));
        }
    }
    for (const json &pair : proposal["pairs"])
        fmt::print("\n{} = {} of {} and {}", style.strong(pair["name"].get<std::string>()),
                   pair["type"].get<std::string>(), pair["members"][0].get<std::string>(),
                   pair["members"][1].get<std::string>());
    const std::string note = proposal["note"];
    fmt::print("{}{}\n", proposal["pairs"].empty() ? "" : "\n", note);
}

// The device in a place.
std::string device_at(const json &proposal, const std::string &place) {
    for (const json &module : proposal["modules"])
        for (const json &device : module["devices"])
            if (device["path"] == place)
                return "/dev/" + device["name"].get<std::string>();
    return {};
}

// From blank disks to a server that boots from their mirror. Lines that are indented
// furthest are for a shell.
void root_steps(const json &proposal, const Style &style, int &exit) {
    std::vector<json> mirrors;
    for (const json &pair : proposal["pairs"])
        if (pair["type"] == "mirror")
            mirrors.push_back(pair);
    if (mirrors.empty()) {
        fmt::print("\nno mirror can be made of these disks; a disk in use moves onto one as "
                   "docs/install.md says\n");
        exit = exit_not_duplex;
        return;
    }
    const std::string name = mirrors[0]["name"], device = "/dev/mapper/" + name;
    fmt::print("\n{}\n"
               "  1  The firmware knows no mirrors. A small disk of each module gets a partition\n"
               "     for it, which from then on follows /boot by itself\n",
               style.strong("Root on " + device));
    for (std::size_t i = 0; i < 2; i++) {
        const std::string place = mirrors[0]["members"][i];
        const std::string module = place.substr(0, place.find('/'));
        const std::string disk = mirrors.size() > 1
                                     ? device_at(proposal, mirrors.back()["members"][i])
                                     : "/dev/DISK" + module;
        const char *p = std::isdigit(static_cast<unsigned char>(disk.back())) ? "p" : "";
        fmt::print("         echo 'type=U, name=FTBOOT{0}' | sfdisk --quiet --label gpt {1}\n"
                   "         udevadm settle && mkfs.vfat {1}{2}1\n",
                   module, disk, p);
    }
    fmt::print("  2  The mirror\n"
               "         ftctl setup --yes && ftctl wait --duplex\n"
               "  3  This system onto it, or a new one with debootstrap\n"
               "         mkfs.ext4 -q {0} && mount {0} /mnt\n"
               "         cp -ax /. /mnt/\n"
               "         sed -i '\\,^[^#].*[[:space:]]/[[:space:]],d' /mnt/etc/fstab\n"
               "         echo '{0} / ext4 errors=remount-ro 0 1' >>/mnt/etc/fstab\n"
               "  4  Its initramfs; with its kernel it is copied to what step 1 has made\n"
               "         for d in dev proc sys run; do mount --rbind /$d /mnt/$d; done\n"
               "         chroot /mnt update-initramfs -u\n"
               "         chroot /mnt /usr/lib/ftstack/boot-copy --check\n"
               "  5  systemctl reboot\n"
               "docs/install.md has more on each, and how a disk in use moves onto a mirror\n",
               device);
}

bool agreed() {
    fmt::print("Write this configuration, and start the pairs? The disks of new mirrors are "
               "formatted. [y/N] ");
    std::fflush(stdout);
    std::string answer;
    return std::getline(std::cin, answer) && (answer == "y" || answer == "Y" || answer == "yes");
}

void setup(const Options &options, int &exit) {
    const Client client;
    const Message ask = client.request(ft::names::root, ft::names::manager, "Propose");
    if (options.replace_blank.empty())
        sd_bus_message_append(ask.get(), "a{sv}", 0);
    else
        sd_bus_message_append(ask.get(), "a{sv}", 1, "replace_blank", "s",
                              options.replace_blank.c_str());
    const Message answer = client.call(ask);
    const std::string configuration = read_value(answer.get());
    const json proposal = json::parse(read_value(answer.get()).get<std::string>());

    draw(proposal, Style::of_terminal());
    if (options.root) {
        root_steps(proposal, Style::of_terminal(), exit);
        return;
    }
    if (options.dry_run) {
        fmt::print("\n{}", configuration);
        return;
    }
    if (proposal["pairs"].empty()) {
        exit = exit_not_duplex;
        return;
    }
    if (!options.yes && !agreed()) {
        fmt::print("nothing was changed\n");
        exit = exit_not_duplex;
        return;
    }
    const Message apply = client.request(ft::names::root, ft::names::manager, "Apply");
    sd_bus_message_append(apply.get(), "st", configuration.c_str(),
                          options.wipe ? ft::names::flag_wipe : std::uint64_t{0});
    client.call(apply);
    fmt::print("done; see \"ftctl status\"\n");
}

} // namespace

void add_setup(CLI::App &app, int &exit) {
    CLI::App *verb =
        app.add_subcommand("setup", "Find the modules, propose pairs, write the configuration");
    verb->footer("Example: ftctl setup --dry-run");
    auto options = std::make_shared<Options>();
    verb->add_flag("--yes", options->yes, "Do it without asking");
    verb->add_flag("--dry-run", options->dry_run, "Show the configuration, change nothing");
    verb->add_flag("--root", options->root,
                   "Show the steps that put the root file system on the mirror, change nothing");
    verb->add_flag("--wipe", options->wipe, "Use disks that carry something, which is lost then");
    verb->add_option("--replace-blank", options->replace_blank,
                     "When a blank disk is put in for a lost one: ask a person, or use it")
        ->check(CLI::IsMember({"ask", "auto"}));
    verb->callback([options, &exit] { setup(*options, exit); });
}

} // namespace ftctl
