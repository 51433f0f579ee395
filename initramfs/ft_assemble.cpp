// SPDX-License-Identifier: GPL-2.0
// ft_assemble NAME: start a mirror before there is a daemon: the root file system may
// lie on it. Judges the legs as ftd does. Where a person has to choose it says so and
// starts nothing.
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <getopt.h>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "ftd/common/error.hpp"
#include "ftd/common/names.hpp"
#include "ftd/kernel/device_mapper.hpp"
#include "ftd/model/plan.hpp"
#include "legs/leg_io.hpp"

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// Disks are found one after the other. Even a leg that need not ask the other one
// waits for it so long: if both ran alone, that is to be seen before either runs again.
constexpr std::chrono::seconds company{5};
constexpr std::chrono::milliseconds between_looks{250};

struct Options {
    std::string config = ft::names::configuration;
    std::optional<unsigned> wait_s;
    bool alone = false, read_only = false;
    std::string survivor;
    std::string name;
};

struct Candidate {
    std::string device;
    std::optional<ft::DevicePath> place;
    ft::Leg leg;
};

struct Legs {
    std::array<std::string, 2> devices;
    std::array<ft::Leg, 2> legs;
    std::string contested; // more disks than two say that they belong here
};

void say(const std::string &text) {
    fmt::print(stderr, "ftstack: {}\n", text);
}

std::vector<Candidate> disks(const ft::Config &config) {
    std::vector<Candidate> result;
    std::error_code error;
    for (const fs::directory_entry &entry : fs::directory_iterator("/sys/block", error)) {
        Candidate disk;
        const std::string path = fs::read_symlink(entry.path(), error).string();
        const ft::PciChain chain = ft::pci_chain(path);
        disk.device = "/dev/" + entry.path().filename().string();
        if (error || chain.empty() || !fs::exists(disk.device, error))
            continue;
        disk.place = ft::locate(config.modules, chain);
        disk.leg = ft::read_leg(disk.device);
        result.push_back(std::move(disk));
    }
    return result;
}

bool is_leg_of(const ft::MirrorConfig &mirror, const ft::Leg &leg) {
    return leg.kind == ft::Leg::Kind::leg &&
           ft::uuid_bytes(mirror.uuid) == std::to_array(leg.meta.uuid);
}

// What lies at the two places; and a leg whose place has another address than the
// configuration knows, because a card came or went, where no leg is.
Legs look(const ft::Config &config, const ft::MirrorConfig &mirror) {
    Legs found;
    std::vector<Candidate> strays;
    for (Candidate &disk : disks(config)) {
        std::size_t i = 0;
        while (i < 2 && disk.place != mirror.legs[i])
            i++;
        if (i < 2) {
            found.devices[i] = disk.device;
            found.legs[i] = disk.leg;
        } else if (is_leg_of(mirror, disk.leg)) {
            strays.push_back(std::move(disk));
        }
    }
    for (const Candidate &stray : strays) {
        std::size_t i = 0;
        while (i < 2 && is_leg_of(mirror, found.legs[i]))
            i++;
        if (i == 2) {
            found.contested = stray.device;
            continue;
        }
        found.devices[i] = stray.device;
        found.legs[i] = stray.leg;
    }
    return found;
}

// The kernel modules cannot be loaded: not built for this kernel, or not signed.
void start_read_only(const ft::MirrorConfig &mirror, const ft::AssemblyPlan &plan,
                     const Legs &found) {
    ft::AssemblyPlan one = plan;
    one.use = {};
    one.use[plan.source] = true;
    ft::dm::create_read_only(mirror.name, ft::dm::table_of(mirror, one, found.devices),
                             found.legs[plan.source].meta.data_offset);
    say(fmt::format("{} is the leg at {} alone, and READ ONLY, since the kernel module ft_mirror "
                    "could not be loaded; \"ftctl doctor\" says why",
                    mirror.name, mirror.legs[plan.source].str()));
}

// The way out, with what there is this early.
std::string way_out(const ft::MirrorConfig &mirror, const ft::AssemblyPlan &plan) {
    const std::string one = mirror.legs[0].str(), other = mirror.legs[1].str();
    switch (plan.reason) {
    case FT_REASON_SPLIT_BRAIN:
        return fmt::format("SPLIT BRAIN: {1} and {2} have both run alone, and differ. Choose whose "
                           "data stays; the other's changes are lost:\n"
                           "    ft_assemble --survivor {1} {0}\n"
                           "    ft_assemble --survivor {2} {0}\n"
                           "or boot with ftstack.survivor={0}:{1} (or {2})",
                           mirror.name, one, other);
    case FT_REASON_STALE: {
        const bool first = plan.findings[0].reason == FT_REASON_STALE;
        return fmt::format("only {1} is there, and {2} may hold newer data. Bring {2} back, or "
                           "start without it:\n"
                           "    ft_assemble --alone {0}\n"
                           "or boot with ftstack.alone={0}",
                           mirror.name, first ? one : other, first ? other : one);
    }
    default:
        return plan.next_action;
    }
}

int survivor_of(const ft::MirrorConfig &mirror, const std::string &device) {
    for (int i = 0; i < 2; i++)
        if (mirror.legs[static_cast<std::size_t>(i)].str() == device)
            return i;
    throw ft::refused(fmt::format("{} is no leg of {}; choose {} or {}", device, mirror.name,
                                  mirror.legs[0].str(), mirror.legs[1].str()));
}

void start(const ft::MirrorConfig &mirror, const ft::AssemblyPlan &plan, const Legs &found) {
    if (!ft::dm::target_known()) {
        start_read_only(mirror, plan, found);
        return;
    }
    ft::dm::create(mirror.name, ft::dm::table_of(mirror, plan, found.devices));
    for (std::size_t i = 0; i < 2; i++)
        if (!plan.use[i])
            say(fmt::format("{} starts on {} alone: {}", mirror.name, mirror.legs[1 - i].str(),
                            found.legs[i].kind == ft::Leg::Kind::absent
                                ? fmt::format("there is no disk at {}", mirror.legs[i].str())
                                : fmt::format("{} is no leg of it", found.devices[i])));
}

// Started, or running already; or nothing, with the reason told.
bool assemble(const Options &options, const ft::Config &config, const ft::MirrorConfig &mirror) {
    if (fs::exists("/dev/mapper/" + mirror.name))
        return true;
    ft::Permission permission;
    permission.alone = options.alone;
    if (!options.survivor.empty())
        permission.survivor = survivor_of(mirror, options.survivor);
    const std::chrono::seconds wait(options.wait_s.value_or(mirror.degraded_wait_s));
    const auto began = Clock::now();
    bool told = false;
    while (true) {
        const Legs found = look(config, mirror);
        if (!found.contested.empty()) {
            say(fmt::format("{}: more disks than two are legs of it, {} is one too many: pull the "
                            "copy",
                            mirror.name, found.contested));
            return false;
        }
        const auto waited = Clock::now() - began;
        const bool over = waited >= wait;
        if (over && mirror.degraded_start == ft::DegradedStart::start)
            permission.alone = true;
        const ft::AssemblyPlan plan = plan_assembly(mirror, found.legs, permission);
        const bool both = is_leg_of(mirror, found.legs[0]) && is_leg_of(mirror, found.legs[1]);
        switch (plan.action) {
        case ft::AssemblyPlan::Action::start:
        case ft::AssemblyPlan::Action::start_alone:
            if (both || over || options.alone || waited >= company) {
                start(mirror, plan, found);
                return true;
            }
            break;
        case ft::AssemblyPlan::Action::wait:
        case ft::AssemblyPlan::Action::refuse:
            if (both || over) {
                say(fmt::format("{}: {}", mirror.name, way_out(mirror, plan)));
                return false;
            }
            break;
        }
        if (!told && waited >= std::chrono::seconds(1)) {
            told = true;
            say(fmt::format("{}: waiting for the other leg, {} s at most", mirror.name,
                            plan.action == ft::AssemblyPlan::Action::start
                                ? std::min(wait, company).count()
                                : wait.count()));
        }
        std::this_thread::sleep_for(between_looks);
    }
}

Options parse(int argc, char **argv) {
    static const option known[] = {{"config", required_argument, nullptr, 'c'},
                                   {"wait", required_argument, nullptr, 'w'},
                                   {"alone", no_argument, nullptr, 'a'},
                                   {"survivor", required_argument, nullptr, 's'},
                                   {}};
    Options options;
    bool good = true;
    for (int key; (key = ::getopt_long(argc, argv, "", known, nullptr)) != -1;) {
        switch (key) {
        case 'c':
            options.config = optarg;
            break;
        case 'w': {
            char *end = nullptr;
            const unsigned long seconds = std::strtoul(optarg, &end, 10);
            good = good && end != optarg && !*end && seconds <= 86400;
            options.wait_s = static_cast<unsigned>(seconds);
            break;
        }
        case 'a':
            options.alone = true;
            break;
        case 's':
            options.survivor = optarg;
            break;
        default:
            good = false;
        }
    }
    if (!good || optind != argc - 1)
        throw ft::refused("usage: ft_assemble [--alone] [--survivor DEVICE] [--wait SECONDS] "
                          "[--config FILE] MIRROR");
    options.name = argv[optind];
    return options;
}

} // namespace

int main(int argc, char **argv) {
    try {
        const Options options = parse(argc, argv);
        std::ifstream file(options.config);
        if (!file)
            throw ft::failed(
                fmt::format("{} cannot be read: {}", options.config, std::strerror(errno)));
        const ft::Config config =
            ft::parse_config(std::string(std::istreambuf_iterator<char>(file), {}), options.config);
        for (const ft::MirrorConfig &mirror : config.mirrors)
            if (mirror.name == options.name)
                return assemble(options, config, mirror) ? EXIT_SUCCESS : EXIT_FAILURE;
        throw ft::refused(fmt::format("{} has no mirror \"{}\"", options.config, options.name));
    } catch (const std::exception &error) {
        say(error.what());
        return 2;
    }
}
