// SPDX-License-Identifier: GPL-2.0
// What the System does for mirrors: start them on the legs that are there, and
// give a running one its leg back.
#include "ftd/control/system.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "ftd/common/clock.hpp"
#include "ftd/common/error.hpp"
#include "ftd/kernel/device_mapper.hpp"
#include "legs/disk.hpp"
#include "legs/leg_io.hpp"

namespace ft {

namespace {

// The kernel reads and writes superblocks meanwhile; a disk gives up after 30 s.
constexpr unsigned start_seconds = 60;
constexpr unsigned message_seconds = 30;
constexpr std::uint64_t nobody = ~std::uint64_t{0};

bool carries(ft_member_state state) {
    return state == FT_MEMBER_STATE_IN_SYNC || state == FT_MEMBER_STATE_SYNCING;
}

// How large the mirror is to be, in sectors. `bytes`: 0, as large as both disks allow.
std::uint64_t size_to_grow_to(const MirrorConfig &mirror, std::uint64_t now,
                              const std::array<std::string, 2> &devices, std::uint64_t bytes) {
    std::array<std::uint64_t, 2> room;
    for (std::size_t i = 0; i < 2; i++) {
        const Leg leg = read_leg(devices[i]);
        if (leg.kind != Leg::Kind::leg)
            throw failed(fmt::format("the superblock of {} cannot be read; nothing was changed",
                                     mirror.legs[i].str()));
        room[i] = room_on(leg.meta, OpenDisk(devices[i], O_RDONLY).bytes());
    }
    const std::size_t smaller = room[1] < room[0] ? 1 : 0;
    const std::uint64_t wanted = bytes ? bytes / sector / 8 * 8 : room[smaller];
    if (bytes && wanted < now)
        throw refused(fmt::format("{} has {} bytes; a mirror cannot become smaller", mirror.name,
                                  now * sector));
    if (wanted > room[smaller])
        throw refused(fmt::format("{} can have {} bytes at most: the disk at {} has no room for "
                                  "more; put a larger one in, and replace the leg by it",
                                  mirror.name, room[smaller] * sector, mirror.legs[smaller].str()));
    if (!bytes && wanted <= now)
        throw refused(fmt::format("{} cannot grow: the disk at {} has no room for more; put a "
                                  "larger one in, and replace the leg by it",
                                  mirror.name, mirror.legs[smaller].str()));
    return wanted;
}

// Both legs become larger, then what runs on them. Returns the bytes that it has then.
std::uint64_t enlarge(const MirrorConfig &mirror, const std::array<std::string, 2> &devices,
                      std::uint64_t bytes) {
    const std::string &name = mirror.name;
    const std::uint64_t now = dm::sectors(name),
                        wanted = size_to_grow_to(mirror, now, devices, bytes);
    if (wanted == now)
        return now * sector;
    switch (const int error = dm::message(name, fmt::format("grow {}", wanted))) {
    case 0:
        break;
    case EBUSY:
        throw refused(fmt::format("{} has lost a leg just now; try again when it is DUPLEX", name));
    case EINVAL:
        throw failed(fmt::format("the kernel module ft_mirror that is loaded cannot let {} grow: "
                                 "it is older than ftd; reboot",
                                 name));
    default:
        throw failed(fmt::format("{} cannot grow: {}; it is as large as before, try again when it "
                                 "is DUPLEX",
                                 name, std::strerror(error)));
    }
    // From here on the superblocks have the new size: whatever fails now, the mirror
    // has it when it is started the next time.
    try {
        dm::resize(name, wanted);
    } catch (const Error &) {
        if (!dm::suspended(name))
            throw;
        // A leg went at that very moment: go on with what is there, its users wait.
        const AssemblyPlan plan = plan_assembly(
            mirror, {read_leg(devices[0]), read_leg(devices[1])}, {.alone = true, .survivor = {}});
        if (plan.action == AssemblyPlan::Action::refuse)
            throw;
        dm::reload(name, dm::table_of(mirror, plan, devices));
    }
    return wanted * sector;
}

} // namespace

void System::reconcile_mirror(const MirrorConfig &mirror) {
    PairWork &state = work(mirror.name);
    if (state.busy)
        return;
    std::array<const Disk *, 2> disks{};
    for (std::size_t i = 0; i < 2; i++) {
        disks[i] = find_disk(facts_.inventory, mirror.legs[i].str());
        if (disks[i] && !module_usable(mirror.legs[i].module))
            disks[i] = nullptr;
        // What was found out about a disk holds until it is another one, or used.
        if (state.decided[i] && (disks[i] ? disks[i]->instance : nobody) != state.decided[i])
            forget(mirror.name, i);
    }
    const KernelPair *pair = facts_.kernel.pair(FT_PAIR_MIRROR, mirror.name);
    if (!pair) {
        assemble(mirror, disks);
        return;
    }
    std::string running;
    for (std::size_t i = 0; i < 2; i++) {
        if (pair->members[i].state == FT_MEMBER_STATE_IN_SYNC)
            running = pair->members[i].device;
        if (carries(pair->members[i].state) && disks[i]) {
            state.used[i] = disks[i]->instance;
            state.decided[i] = 0;
            state.again[i] = false;
            forget(mirror.name, i);
        }
    }
    if (running.empty()) {
        // A failed mirror does not revive under those who have it open.
        facts_.findings[mirror.name].next_action.clear();
        return;
    }
    for (std::size_t i = 0; i < 2; i++) {
        const KernelMember &member = pair->members[i];
        const bool asked = state.arrival[i].resolve || state.arrival[i].replace || state.again[i];
        if (carries(member.state) || !disks[i])
            continue;
        const std::string device = mirror.legs[i].str();
        // The disk that was lost just now fails, or is on its way out of the
        // machine, or was taken out by a person, who may ask to try it again.
        const bool lost = is_fault(member.reason) || member.reason == FT_REASON_OPERATOR;
        const bool same = disks[i]->instance == state.decided[i] ||
                          disks[i]->instance == state.used[i] ||
                          (lost && member.device == disks[i]->name);
        if (!asked && same && !return_is_due(device))
            continue;
        // Somebody has pulled what was given up and put it, or another one, in.
        if (!same && member.reason == FT_REASON_REMOVED)
            if (const Fault *fault = facts_.faults.find(device); fault && fault->given_up)
                facts_.faults.tried_again(device);
        if (!asked &&
            !may_return(mirror.name, i, device, false, {FT_MEMBER_STATE_STALE, FT_REASON_STALE}))
            continue;
        facts_.faults.trying(device);
        state.again[i] = false;
        arrive(mirror, i, *disks[i], running);
        return;
    }
}

void System::assemble(const MirrorConfig &mirror, const std::array<const Disk *, 2> &disks) {
    PairWork &state = work(mirror.name);
    std::array<std::uint64_t, 2> instances;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < 2; i++) {
        instances[i] = disks[i] ? disks[i]->instance : nobody;
        if (disks[i])
            names.push_back(disks[i]->name);
    }
    if (state.decided == instances && !state.permission.alone && !state.permission.survivor)
        return;
    state.decided = instances;
    state.busy = true;
    read_legs(names, [this, mirror, instances](const Legs &legs) {
        const auto entry = work_.find(mirror.name);
        if (entry == work_.end())
            return;
        std::array<const Disk *, 2> now{};
        std::array<Leg, 2> found;
        bool same = true;
        for (std::size_t i = 0; i < 2; i++) {
            now[i] = find_disk(facts_.inventory, mirror.legs[i].str());
            same = same &&
                   (now[i] && module_usable(mirror.legs[i].module) ? now[i]->instance : nobody) ==
                       instances[i];
            if (now[i] && legs.contains(now[i]->name))
                found[i] = legs.at(now[i]->name);
        }
        if (same) {
            assemble(mirror, now, found);
            return;
        }
        entry->second->decided = {}; // pulled or put in meanwhile
        finished(mirror.name, nullptr);
    });
}

void System::assemble(const MirrorConfig &mirror, const std::array<const Disk *, 2> &disks,
                      const std::array<Leg, 2> &legs) {
    PairWork &state = work(mirror.name);
    Permission permission = state.permission;
    state.permission = {}; // good for one try
    permission.alone = permission.alone || state.waited;
    const AssemblyPlan plan = plan_assembly(mirror, legs, permission);
    PairFindings &findings = facts_.findings[mirror.name];
    if (findings.reason != plan.reason || findings.next_action != plan.next_action)
        findings.since = boottime();
    findings.reason = plan.reason;
    findings.next_action = plan.next_action;
    findings.members = plan.findings;
    findings.actions = {};

    if (plan.action == AssemblyPlan::Action::refuse || plan.action == AssemblyPlan::Action::wait) {
        if (plan.action == AssemblyPlan::Action::wait && !state.timer)
            retry(mirror.name, mirror.degraded_wait_s, true);
        finished(mirror.name, nullptr);
        return;
    }
    std::array<std::string, 2> devices;
    for (std::size_t i = 0; i < 2; i++)
        if (plan.use[i])
            devices[i] = "/dev/" + disks[i]->name;
    const dm::Table table = dm::table_of(mirror, plan, devices);
    workers_.run(
        mirror.name, start_seconds, [name = mirror.name, table] { dm::create(name, table); },
        [this, name = mirror.name](std::exception_ptr error) {
            if (const auto entry = work_.find(name); entry != work_.end() && !error) {
                entry->second->decided = {};
                entry->second->waited = false;
                entry->second->timer.reset();
                facts_.findings[name] = {};
            }
            finished(name, error);
        });
}

void System::arrive(const MirrorConfig &mirror, std::size_t number, const Disk &disk,
                    const std::string &running) {
    PairWork &state = work(mirror.name);
    state.decided[number] = disk.instance;
    state.busy = true;
    read_legs({disk.name, running}, [this, mirror, number, name = disk.name,
                                     running](const Legs &legs) {
        const auto entry = work_.find(mirror.name);
        if (entry == work_.end())
            return;
        const ArrivalPermission permission = entry->second->arrival[number];
        entry->second->arrival[number] = {}; // good for one try
        const ArrivalPlan plan = plan_arrival(mirror, facts_.config.replace_blank, legs.at(running),
                                              legs.at(name), static_cast<int>(number), permission);
        if (plan.action == ArrivalPlan::Action::refuse) {
            found(mirror.name, number, plan.finding, plan.next_action);
            if (is_fault(plan.finding.reason))
                not_back(mirror.name, mirror.legs[number].str(), plan.finding.reason);
            finished(mirror.name, nullptr);
            return;
        }
        admit(mirror, number, name, plan);
    });
}

void System::admit(const MirrorConfig &mirror, std::size_t number, const std::string &device,
                   const ArrivalPlan &plan) {
    const char *verb = plan.action == ArrivalPlan::Action::join      ? "join"
                       : plan.action == ArrivalPlan::Action::resolve ? "resolve"
                                                                     : "replace";
    const std::string message = fmt::format("{} {} /dev/{}", verb, number, device);
    const bool wipe =
        plan.action == ArrivalPlan::Action::replace && plan.finding.reason != FT_REASON_BLANK;
    auto result = std::make_shared<int>(0);
    workers_.run(
        mirror.name, start_seconds,
        [name = mirror.name, message, device, wipe, result] {
            probe("/dev/" + device);
            if (wipe)
                blank("/dev/" + device);
            *result = dm::message(name, message);
        },
        [this, mirror, number, result](std::exception_ptr error) {
            if (error) {
                try {
                    std::rethrow_exception(error);
                } catch (const std::exception &caught) {
                    found(mirror.name, number, {FT_MEMBER_STATE_FAULTY, FT_REASON_IO_ERROR},
                          caught.what());
                }
                not_back(mirror.name, mirror.legs[number].str(), FT_REASON_IO_ERROR);
            } else if (*result == EBUSY) {
                // Requests sent to the old leg are still under way: soon over.
                retry(mirror.name, 1, false);
            } else if (*result) {
                const ArrivalPlan refusal = plan_refusal(mirror, static_cast<int>(number), *result);
                found(mirror.name, number, refusal.finding, refusal.next_action);
                if (is_fault(refusal.finding.reason))
                    not_back(mirror.name, mirror.legs[number].str(), refusal.finding.reason);
            } else {
                forget(mirror.name, number);
            }
            finished(mirror.name, nullptr);
        });
}

const MirrorConfig &System::configured_mirror(const std::string &name) const {
    if (facts_.config_state != ConfigState::ok)
        throw refused("there is no configuration in use: " +
                      (view_.summary.empty() ? std::string("see ftctl status") : view_.summary));
    need_kernel();
    for (const MirrorConfig &mirror : facts_.config.mirrors)
        if (mirror.name == name)
            return mirror;
    throw refused(fmt::format("{} is not in the configuration; add it there first", name));
}

void System::wish(const std::string &mirror, std::function<bool()> achieved, Done done) {
    work(mirror).wishes.push_back({std::move(achieved), std::move(done)});
    reconcile();
}

void System::start_alone(const std::string &name, Done done) {
    configured_mirror(name);
    if (facts_.kernel.pair(FT_PAIR_MIRROR, name))
        throw refused(name + " runs already");
    if (work(name).busy)
        throw refused(name + " is being started just now; try again in a moment");
    work(name).permission.alone = true;
    wish(
        name, [this, name] { return facts_.kernel.pair(FT_PAIR_MIRROR, name) != nullptr; },
        std::move(done));
}

void System::resolve(const std::string &name, const std::string &survivor, Done done) {
    const MirrorConfig &mirror = configured_mirror(name);
    std::size_t keep = 0;
    while (keep < 2 && mirror.legs[keep].str() != survivor)
        keep++;
    if (keep == 2)
        throw refused(fmt::format("{} is no leg of {}; choose {} or {}", survivor, name,
                                  mirror.legs[0].str(), mirror.legs[1].str()));
    if (work(name).busy)
        throw refused(name + " is being worked on just now; try again in a moment");
    const KernelPair *pair = facts_.kernel.pair(FT_PAIR_MIRROR, name);
    const std::size_t other = 1 - keep;
    if (!pair) {
        if (facts_.findings[name].reason != FT_REASON_SPLIT_BRAIN)
            throw refused(name + " has no split brain to resolve; see ftctl status");
        work(name).permission.survivor = static_cast<int>(keep);
        wish(
            name, [this, name] { return facts_.kernel.pair(FT_PAIR_MIRROR, name) != nullptr; },
            std::move(done));
        return;
    }
    if (facts_.findings[name].members[other].reason != FT_REASON_SPLIT_BRAIN)
        throw refused(pair->members[keep].state == FT_MEMBER_STATE_IN_SYNC
                          ? name + " has no split brain to resolve; see ftctl status"
                          : fmt::format("{} runs on {}; to keep {} instead stop what uses {}, "
                                        "\"dmsetup remove {}\", \"ftctl reload\", and resolve then",
                                        name, mirror.legs[other].str(), survivor, name, name));
    work(name).arrival[other].resolve = true;
    wish(
        name,
        [this, name, other] {
            const KernelPair *now = facts_.kernel.pair(FT_PAIR_MIRROR, name);
            return now && carries(now->members[other].state);
        },
        std::move(done));
}

void System::replace(const std::string &name, const std::string &device, std::uint64_t flags,
                     Done done) {
    const MirrorConfig &mirror = configured_mirror(name);
    std::size_t number = 0;
    while (number < 2 && mirror.legs[number].str() != device)
        number++;
    if (number == 2)
        throw refused(fmt::format("{} is no place of a leg of {}; choose {} or {}", device, name,
                                  mirror.legs[0].str(), mirror.legs[1].str()));
    const KernelPair *pair = facts_.kernel.pair(FT_PAIR_MIRROR, name);
    if (!pair)
        throw refused(name + " does not run; start it on its good leg first");
    if (carries(pair->members[number].state))
        throw refused(fmt::format("the leg of {} is in use; take module {} out first", device,
                                  mirror.legs[number].module));
    if (!find_disk(facts_.inventory, mirror.legs[number].str()))
        throw refused(fmt::format("there is no disk at {}; put one in", device));
    if (work(name).busy)
        throw refused(name + " is being worked on just now; try again in a moment");
    work(name).arrival[number] = {.replace = true,
                                  .adopt = (flags & names::flag_adopt) != 0,
                                  .wipe = (flags & names::flag_wipe) != 0};
    wish(
        name,
        [this, name, number] {
            const KernelPair *now = facts_.kernel.pair(FT_PAIR_MIRROR, name);
            return now && carries(now->members[number].state);
        },
        std::move(done));
}

MirrorStatistics System::statistics(const std::string &name) const {
    const KernelPair *pair = facts_.kernel.pair(FT_PAIR_MIRROR, name);
    if (!pair)
        return {};
    MirrorStatistics result = parse_status(dm::status(name));
    for (std::size_t i = 0; i < 2; i++)
        if (!pair->members[i].device.empty()) {
            std::ifstream file("/sys/class/block/" + pair->members[i].device + "/stat");
            add_disk_stat(result.legs[i], std::string(std::istreambuf_iterator<char>(file), {}));
        }
    return result;
}

const KernelPair &System::running_mirror(const std::string &name) const {
    need_kernel();
    const KernelPair *pair = facts_.kernel.pair(FT_PAIR_MIRROR, name);
    if (!pair)
        throw refused(name + " does not run; see ftctl status");
    return *pair;
}

// `judge` is asked only if the target refuses the message.
void System::tell_target(const std::string &name, const std::string &message,
                         std::function<std::exception_ptr(int error)> judge, Done done) {
    auto result = std::make_shared<int>(0);
    workers_.run(
        name, message_seconds, [name, message, result] { *result = dm::message(name, message); },
        [this, result, judge = std::move(judge), done = std::move(done)](std::exception_ptr error) {
            refresh();
            reconcile();
            done(error || !*result ? error : judge(*result));
        });
}

void System::scrub(const std::string &name, bool repair, Done done) {
    const KernelPair &pair = running_mirror(name);
    if (pair.reason == FT_REASON_SCRUB)
        throw refused(name + " is being scrubbed already; see ftctl job list");
    if (pair.state != FT_PAIR_STATE_DUPLEX)
        throw refused(fmt::format("{} is {}: only legs that are both in sync can be compared", name,
                                  ft::name(pair.state)));
    tell_target(
        name, repair ? "scrub repair" : "scrub check",
        [name](int error) {
            return std::make_exception_ptr(
                error == EBUSY
                    ? refused(name + " is being scrubbed already, or has lost a leg just now")
                    : failed(fmt::format("{} cannot be scrubbed: {}", name,
                                         std::generic_category().message(error))));
        },
        std::move(done));
}

void System::grow(const std::string &name, std::uint64_t bytes,
                  std::function<void(std::uint64_t bytes, std::exception_ptr)> done) {
    const MirrorConfig &mirror = configured_mirror(name);
    const KernelPair &pair = running_mirror(name);
    if (pair.state != FT_PAIR_STATE_DUPLEX)
        throw refused(fmt::format("{} is {}: it can grow when both legs are in sync", name,
                                  ft::name(pair.state)));
    PairWork &state = work(name);
    if (state.busy)
        throw refused(name + " is being worked on just now; try again in a moment");
    state.busy = true;
    const std::array<std::string, 2> devices{"/dev/" + pair.members[0].device,
                                             "/dev/" + pair.members[1].device};
    auto grown = std::make_shared<std::uint64_t>(0);
    workers_.run(
        name, start_seconds,
        [mirror, devices, bytes, grown] { *grown = enlarge(mirror, devices, bytes); },
        [this, name, grown, done = std::move(done)](std::exception_ptr error) {
            finished(name, nullptr);
            done(error ? 0 : *grown, error);
        });
}

void System::prefer(const std::string &name, const std::string &device, Done done) {
    running_mirror(name);
    std::string leg = "-";
    if (!device.empty()) {
        const auto &members = view_.mirrors.at(name).members;
        std::size_t number = 0;
        while (number < 2 && members[number].path != device)
            number++;
        if (number == 2)
            throw refused(fmt::format("{} is no leg of {}; choose {} or {}", device, name,
                                      members[0].path, members[1].path));
        leg = std::to_string(number);
    }
    tell_target(
        name, "prefer " + leg,
        [name](int error) {
            return std::make_exception_ptr(
                failed(fmt::format("{} does not take a preferred leg: {}", name,
                                   std::generic_category().message(error))));
        },
        std::move(done));
}

} // namespace ft
