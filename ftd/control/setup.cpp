// SPDX-License-Identifier: GPL-2.0
// Proposing a configuration and putting one into force: all checks come before
// the first write, and an Apply that fails leaves everything as it was.
#include "ftd/control/system.hpp"

#include <algorithm>
#include <atomic>

#include <fmt/format.h>

#include "ftd/common/error.hpp"
#include "ftd/control/config_file.hpp"
#include "ftd/kernel/device_mapper.hpp"
#include "ftd/model/proposal.hpp"
#include "legs/leg_io.hpp"
#include "links/link.hpp"

namespace ft {

namespace {

constexpr unsigned format_seconds = 120;

// A mirror of the new configuration that does not run yet.
struct NewMirror {
    MirrorConfig config;
    std::array<std::string, 2> devices;
    std::array<std::uint64_t, 2> bytes{};
};

// Its two disks are its legs already, in a state from which it starts.
bool is_made(const NewMirror &mirror) {
    const Leg legs[2] = {read_leg(mirror.devices[0]), read_leg(mirror.devices[1])};
    return plan_assembly(mirror.config, {legs[0], legs[1]}, {}).action ==
               AssemblyPlan::Action::start &&
           legs[0].kind == Leg::Kind::leg && legs[1].kind == Leg::Kind::leg;
}

} // namespace

struct System::Application {
    std::string text;
    std::optional<std::string> previous; // what the file said before
    Config config;
    bool wipe = false;
    Done done;
    std::vector<NewMirror> mirrors;
    std::vector<std::string> bonds; // new ones, by name
    // Written by the worker, read by the loop when the worker is done.
    std::vector<NewMirror> formatted;
    // Set by the loop when it has given up waiting, so that nothing is put into
    // force behind its back.
    std::atomic<bool> given_up{false};
    bool in_force = false;
};

void System::propose(
    std::optional<ReplaceBlank> replace_blank,
    std::function<void(std::exception_ptr, std::string config, std::string json)> done) {
    scan(); // nobody tells when a disk is mounted
    std::vector<std::string> names;
    for (const Disk &disk : facts_.inventory.disks)
        names.push_back(disk.name);
    read_legs(names, [this, replace_blank, done = std::move(done)](const Legs &legs) {
        Config existing = facts_.config_state == ConfigState::ok ? facts_.config : Config{};
        if (replace_blank)
            existing.replace_blank = *replace_blank;
        std::set<std::string> running;
        for (const KernelPair &pair : facts_.kernel.pairs)
            running.insert(pair.name);
        const Proposal proposal = ft::propose(existing, facts_.inventory, legs, running, new_uuid);
        done(nullptr, write_config(proposal.config), proposal_json(proposal));
    });
}

void System::check(Application &application) const {
    need_kernel();
    const Config &config = application.config;
    Inventory inventory = facts_.inventory;
    place(inventory, config.modules);
    for (const MirrorConfig &mirror : config.mirrors) {
        if (const KernelPair *pair = facts_.kernel.pair(FT_PAIR_MIRROR, mirror.name)) {
            if (pair->uuid != mirror.uuid)
                throw refused(
                    fmt::format("a mirror {} with another uuid ({}) runs already; stop it "
                                "first, or use another name",
                                mirror.name, pair->uuid));
            continue;
        }
        NewMirror made;
        made.config = mirror;
        for (std::size_t i = 0; i < 2; i++) {
            const Disk *disk = find_disk(inventory, mirror.legs[i].str());
            if (!disk)
                throw refused(fmt::format("{}: there is no disk at {}; put one in, or correct the "
                                          "path",
                                          mirror.name, mirror.legs[i].str()));
            if (!disk->holder.empty())
                throw refused(fmt::format("{}: {} ({}) is in use by {}; free it first", mirror.name,
                                          mirror.legs[i].str(), disk->name, disk->holder));
            made.devices[i] = "/dev/" + disk->name;
            made.bytes[i] = disk->size;
        }
        application.mirrors.push_back(made);
    }
    for (const BondConfig &bond : config.bonds) {
        if (facts_.kernel.pair(FT_PAIR_BOND, bond.name))
            continue;
        if (link::exists(bond.name))
            throw refused(fmt::format("the name {} is taken by another network interface; remove "
                                      "that, or name the bond otherwise",
                                      bond.name));
        for (const DevicePath &port : bond.ports) {
            const Nic *nic = find_nic(inventory, port.str());
            if (!nic)
                throw refused(fmt::format("{}: there is no NIC at {}; put one in, or correct the "
                                          "path",
                                          bond.name, port.str()));
            if (!nic->master.empty())
                throw refused(
                    fmt::format("{}: {} ({}) is enslaved to {}; free it with \"ip link set "
                                "{} nomaster\"",
                                bond.name, port.str(), nic->name, nic->master, nic->name));
        }
        application.bonds.push_back(bond.name);
    }
}

void System::apply(const std::string &text, bool wipe, Done done) {
    if (application_)
        throw refused("another configuration is being applied; try again when it is done");
    auto application = std::make_shared<Application>();
    application->text = text;
    application->wipe = wipe;
    application->config = parse_config(text, "configuration");
    scan();
    application->done = std::move(done);
    check(*application);
    application->previous = config_file::read(paths_.config);
    application_ = application;

    workers_.run(
        "the disks", format_seconds,
        [application, path = paths_.config] {
            // The worker only reads what the loop has prepared and adds to
            // `formatted`, which the loop reads after it has ended.
            if (!application->mirrors.empty() && !dm::target_known())
                throw Error(names::error_no_kernel, "device-mapper does not know ft-mirror: "
                                                    "\"modprobe ft_mirror\"");
            std::vector<std::pair<NewMirror, std::array<ft_leg_meta, 2>>> plans;
            for (const NewMirror &mirror : application->mirrors) {
                if (is_made(mirror))
                    continue;
                for (const std::string &device : mirror.devices)
                    check_free(device, application->wipe);
                plans.emplace_back(mirror,
                                   new_legs(mirror.config.uuid, mirror.config.name, mirror.bytes));
            }
            try {
                for (const auto &[mirror, legs] : plans) {
                    if (application->given_up)
                        return;
                    format_legs(mirror.devices, legs);
                    application->formatted.push_back(mirror);
                }
                if (!application->given_up)
                    config_file::write(path, application->text);
            } catch (const Error &) {
                for (const NewMirror &mirror : application->formatted)
                    for (const std::string &device : mirror.devices)
                        blank(device);
                throw;
            }
        },
        [this, application](std::exception_ptr error) {
            if (error) {
                application->given_up = true;
                end_application(error);
                return;
            }
            application->in_force = true;
            try {
                reload();
            } catch (const Error &caught) {
                roll_back(caught.what());
            }
        });
}

// The pairs of an Apply are judged when nothing is under way any more.
void System::settle_application() {
    if (!application_ || !application_->in_force)
        return;
    for (const auto &[name, work] : work_)
        if (work->busy)
            return;
    std::string wrong;
    for (const NewMirror &mirror : application_->mirrors)
        if (!facts_.kernel.pair(FT_PAIR_MIRROR, mirror.config.name))
            wrong = mirror.config.name;
    for (const std::string &bond : application_->bonds) {
        const KernelPair *pair = facts_.kernel.pair(FT_PAIR_BOND, bond);
        if (!pair || pair->members[0].device.empty() || pair->members[1].device.empty())
            wrong = bond;
    }
    if (wrong.empty()) {
        end_application(nullptr);
        return;
    }
    const auto mirror = view_.mirrors.find(wrong);
    const auto bond = view_.bonds.find(wrong);
    const std::string why = mirror != view_.mirrors.end() ? mirror->second.next_action
                            : bond != view_.bonds.end()   ? bond->second.next_action
                                                          : std::string();
    roll_back(fmt::format("{} could not be started: {}", wrong,
                          why.empty() ? "see the kernel log" : why));
}

void System::end_application(std::exception_ptr error) {
    const auto application = std::exchange(application_, nullptr);
    application->done(error);
}

void System::roll_back(const std::string &why) {
    const auto application = application_;
    application->in_force = false;
    going_back_ = true; // what is taken down must not be started again
    workers_.run(
        "going back", format_seconds,
        [application, path = paths_.config] {
            // The file first: from here on nobody starts what is taken down.
            if (application->previous)
                config_file::write(path, *application->previous);
            else
                config_file::remove(path);
            for (const NewMirror &mirror : application->mirrors)
                dm::remove(mirror.config.name);
            for (const std::string &bond : application->bonds)
                if (link::exists(bond))
                    link::remove(bond);
            for (const NewMirror &mirror : application->formatted)
                for (const std::string &device : mirror.devices)
                    blank(device);
        },
        [this, why](std::exception_ptr error) {
            going_back_ = false;
            std::string text = why + "; everything is as it was before";
            if (error) {
                try {
                    std::rethrow_exception(error);
                } catch (const std::exception &caught) {
                    text = fmt::format("{}; and going back failed: {}", why, caught.what());
                }
            }
            try {
                reload();
            } catch (const Error &) {
                // As it was before: published by the reload itself.
            }
            end_application(std::make_exception_ptr(failed(text)));
        });
}

} // namespace ft
