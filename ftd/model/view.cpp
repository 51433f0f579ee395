// SPDX-License-Identifier: GPL-2.0
#include "ftd/model/view.hpp"

#include <algorithm>
#include <string_view>
#include <tuple>

#include <fmt/format.h>

#include "ftd/model/alert.hpp"

namespace ft {

namespace {

// A member that still carries the pair, or could at once.
bool good(ft_member_state state) {
    switch (state) {
    case FT_MEMBER_STATE_ACTIVE:
    case FT_MEMBER_STATE_STANDBY:
    case FT_MEMBER_STATE_IN_SYNC:
        return true;
    case FT_MEMBER_STATE_SYNCING:
    case FT_MEMBER_STATE_FAULTY:
    case FT_MEMBER_STATE_MISSING:
    case FT_MEMBER_STATE_STALE:
    case FT_MEMBER_STATE_FOREIGN:
        return false;
    }
    return false;
}

std::string module_of(const MemberView &member) {
    return member.path.substr(0, member.path.find('/'));
}

// It failed, and ftd will take it in again without being asked.
bool tried_again_by_itself(const MemberView &member, const Fault *fault) {
    return fault && fault->retry_at && !fault->given_up && is_fault(member.reason);
}

std::string span(std::uint64_t seconds) {
    return seconds < 120      ? fmt::format("{} s", seconds)
           : seconds < 7200   ? fmt::format("{} min", seconds / 60)
           : seconds < 172800 ? fmt::format("{} h", seconds / 3600)
                              : fmt::format("{} days", seconds / 86400);
}

std::string past(const Fault *fault) {
    if (!fault || !fault->given_up)
        return {};
    const auto mtbf = mtbf_s(*fault);
    return fmt::format("it failed {} time{}{} and is kept out; ", fault->count,
                       fault->count == 1 ? "" : "s",
                       mtbf ? fmt::format(", every {} on average", span(*mtbf)) : std::string());
}

std::string replace_module(const std::string &id) {
    return fmt::format("replace module {0}, or try it again: \"ftctl module online {0}\"", id);
}

// What to do about one member that is not as it should be.
std::string member_action(ft_pair_type type, const MemberView &member, const Fault *fault) {
    const std::string &path = member.path;
    const std::string module = module_of(member);
    const char *device = type == FT_PAIR_BOND ? "NIC" : "disk";
    switch (member.reason) {
    case FT_REASON_NONE:
    case FT_REASON_RESYNC:
    case FT_REASON_CLEAN_UP:
    case FT_REASON_FAILBACK:
    case FT_REASON_SCRUB:
    case FT_REASON_STALE:
        return {};
    case FT_REASON_UNREADABLE:
        return "write to what cannot be read, or restore it: the kernel log says where";
    case FT_REASON_NEVER_THERE:
    case FT_REASON_REMOVED:
        return path.empty()
                   ? fmt::format("put the {} back", device)
                   : fmt::format("put module {} with the {} of {} back", module, device, path);
    case FT_REASON_ISOLATED:
    case FT_REASON_OPERATOR:
        return path.empty()
                   ? std::string("take the module in again")
                   : fmt::format("when the work is done: \"ftctl module online {}\"", module);
    case FT_REASON_LINK_DOWN:
        return fmt::format("check cable and switch port of {} ({})", path, member.name);
    case FT_REASON_PATH_DEAD:
    case FT_REASON_PATH_TX_DEAD:
    case FT_REASON_PATH_RX_DEAD:
        return fmt::format("check the switch behind {} ({}), its uplinks and VLANs", path,
                           member.name);
    case FT_REASON_ADMIN_DOWN:
        return fmt::format("\"ip link set {} up\"", member.name);
    case FT_REASON_IO_ERROR:
    case FT_REASON_TIMEOUT:
    case FT_REASON_TX_STALLED:
        if (tried_again_by_itself(member, fault))
            return fmt::format("nothing yet: {} is tried again by itself", path);
        return past(fault) +
               fmt::format("replace the {} of {}, or try it again: \"ftctl module online {}\"",
                           device, path, module);
    case FT_REASON_FATAL_ERROR:
    case FT_REASON_POWER_FAULT:
        return replace_module(module);
    case FT_REASON_RECORD_FAILED:
        return fmt::format("replace the disk of {}; then stop what uses the mirror and assemble it "
                           "again",
                           path);
    case FT_REASON_SPLIT_BRAIN:
    case FT_REASON_FOREIGN:
    case FT_REASON_BLANK:
    case FT_REASON_DAMAGED:
    case FT_REASON_INCONSISTENT:
    case FT_REASON_NEWER_LEG:
        return fmt::format("look at the disk of {}: {}", path, reason_text(name(member.reason)));
    }
    return {};
}

// A mirror is known to the kernel a moment before its legs are looked at.
bool begun(const KernelPair &pair) {
    const auto unseen = [](const KernelMember &member) {
        return member.state == FT_MEMBER_STATE_MISSING && member.reason == FT_REASON_NEVER_THERE;
    };
    return pair.type != FT_PAIR_MIRROR || !unseen(pair.members[0]) || !unseen(pair.members[1]);
}

template <typename Place>
std::array<std::string, 2> path_texts(const std::array<Place, 2> &places) {
    return {places[0].str(), places[1].str()};
}

class Composer {
  public:
    explicit Composer(const Facts &facts) : facts_(facts) {}
    // Of what `before` has of pairs and devices only these pairs are composed anew.
    Composer(const Facts &facts, const SystemView &before, const std::set<std::string> &only)
        : facts_(facts), only_(&only) {
        view_.bonds = before.bonds;
        view_.mirrors = before.mirrors;
        view_.modules = before.modules;
    }

    SystemView run() {
        for (auto *pairs : {&view_.bonds, &view_.mirrors})
            if (only_)
                for (const std::string &name : *only_)
                    pairs->erase(name);
        for (const BondConfig &bond : facts_.config.bonds)
            if (wanted(bond.name))
                configured(view_.bonds, FT_PAIR_BOND, bond.name, path_texts(bond.ports));
        for (const MirrorConfig &mirror : facts_.config.mirrors)
            if (wanted(mirror.name))
                configured(view_.mirrors, FT_PAIR_MIRROR, mirror.name, path_texts(mirror.legs))
                    .uuid = mirror.uuid;
        // Running pairs that the configuration does not name are told too:
        // hiding one would hide that a module cannot be pulled.
        for (const KernelPair &pair : facts_.kernel.pairs)
            if (wanted(pair.name) && begun(pair))
                running(pair.type == FT_PAIR_BOND ? view_.bonds : view_.mirrors, pair);
        for (auto *pairs : {&view_.bonds, &view_.mirrors})
            for (auto &[name, pair] : *pairs)
                if (wanted(name))
                    refine(pair);
        for (const auto *pairs : {&view_.bonds, &view_.mirrors})
            for (const auto &[name, pair] : *pairs)
                for (const MemberView &member : pair.members)
                    if (!member.path.empty())
                        pair_at_.emplace(member.path, name);
        for (const ModuleConfig &config : facts_.config.modules) {
            ModuleView &module = view_.modules[config.id];
            auto devices = std::move(module.devices);
            module = compose_module(config);
            if (only_)
                module.devices = std::move(devices);
            else
                list_devices(module);
        }
        view_.config_state = facts_.config_state;
        view_.config_error = facts_.config_error;
        for (const auto &[id, module] : view_.modules)
            if (module.requested == FT_MODULE_STATE_OFFLINE)
                request_simplex(id);
        list_faults();
        compose_system();
        view_.dump = facts_.dump;
        view_.alerts = list_alerts(view_);
        if (facts_.test_alert)
            view_.alerts.push_back({"test", "warning", "a test: this is what an alert looks like",
                                    "nothing; it ends by itself", facts_.test_alert});
        return std::move(view_);
    }

  private:
    bool wanted(const std::string &pair) const { return !only_ || only_->contains(pair); }

    PairView &configured(std::map<std::string, PairView> &pairs, ft_pair_type type,
                         const std::string &name, const std::array<std::string, 2> &paths) {
        PairView &pair = pairs[name];
        pair.type = type;
        pair.name = name;
        pair.configured = true;
        for (std::size_t i = 0; i < 2; i++) {
            pair.members[i].path = paths[i];
            pair.members[i].name = device_at(type, paths[i]);
        }
        return pair;
    }

    void running(std::map<std::string, PairView> &pairs, const KernelPair &kernel) {
        PairView &pair = pairs[kernel.name];
        pair.type = kernel.type;
        pair.name = kernel.name;
        pair.running = true;
        const auto mapped = facts_.inventory.mapped.find(kernel.name);
        if (kernel.type == FT_PAIR_MIRROR && mapped != facts_.inventory.mapped.end())
            pair.size = mapped->second;
        if (!kernel.uuid.empty())
            pair.uuid = kernel.uuid;
        pair.state = kernel.state;
        pair.reason = kernel.reason;
        pair.since = kernel.since;
        pair.switches = kernel.switches;
        std::array<std::size_t, 2> place{0, 1};
        if (pair.configured && kernel.type == FT_PAIR_BOND)
            place = bond_order(pair, kernel);
        for (std::size_t i = 0; i < 2; i++) {
            const KernelMember &from = kernel.members[i];
            MemberView &member = pair.members[place[i]];
            if (!from.device.empty()) {
                member.name = from.device;
                if (!pair.configured)
                    member.path = path_of(kernel.type, from.device);
            }
            member.state = from.state;
            member.reason = from.reason;
            member.since = from.since;
        }
    }

    // A bond's ports are numbered in the order in which they were enslaved.
    static std::array<std::size_t, 2> bond_order(const PairView &pair, const KernelPair &kernel) {
        const auto swapped = [&](std::size_t i) {
            const std::string &device = kernel.members[i].device;
            return !device.empty() && device == pair.members[1 - i].name &&
                   device != pair.members[i].name;
        };
        if (swapped(0) || swapped(1))
            return {1, 0};
        return {0, 1};
    }

    void refine(PairView &pair) {
        const auto found = facts_.findings.find(pair.name);
        const PairFindings nothing;
        const PairFindings &findings = found == facts_.findings.end() ? nothing : found->second;
        std::string action;
        for (std::size_t i = 0; i < 2; i++) {
            MemberView &member = pair.members[i];
            const Finding &finding = findings.members[i];
            if (const KernelModule *module = cut_off(member))
                member.reason = module->reason;
            const bool used = good(member.state) || member.state == FT_MEMBER_STATE_SYNCING;
            if (!used && finding.reason != FT_REASON_NONE) {
                member.state = finding.state;
                member.reason = finding.reason;
                if (!pair.running)
                    member.since = findings.since;
                if (action.empty())
                    action = findings.actions[i];
            }
            if (action.empty())
                action = member_action(pair.type, member, facts_.faults.find(member.path));
        }
        if (!pair.running) {
            const bool decided = findings.reason != FT_REASON_NONE;
            const bool there = !pair.members[0].name.empty() || !pair.members[1].name.empty();
            if (decided || there)
                action = findings.next_action;
            pair.state = FT_PAIR_STATE_BROKEN;
            pair.reason =
                findings.reason == FT_REASON_NONE ? FT_REASON_NEVER_THERE : findings.reason;
            pair.since = findings.since;
            if (!facts_.kernel.loaded)
                action = "load the kernel modules: \"modprobe -a ft_core ft_bond ft_mirror\"";
        }
        if (pair.state == FT_PAIR_STATE_DUPLEX)
            action.clear();
        if (!pair.configured && action.empty() && facts_.config_state == ConfigState::ok)
            action = fmt::format("{} runs but is not in the configuration; add it, or remove it",
                                 pair.name);
        pair.next_action = action;
    }

    // The module of a member that is lost because the module is cut off. The devices of
    // one that is held are removed: that is not why.
    const KernelModule *cut_off(const MemberView &member) const {
        if (member.reason != FT_REASON_ISOLATED && member.reason != FT_REASON_REMOVED)
            return nullptr;
        const auto path = DevicePath::parse(member.path);
        const KernelModule *module = path ? facts_.kernel.module(path->module) : nullptr;
        const bool cut = module && module->state == FT_MODULE_STATE_OFFLINE &&
                         (member.reason == FT_REASON_ISOLATED || module->card == FT_CARD_HELD);
        return cut ? module : nullptr;
    }

    ModuleView compose_module(const ModuleConfig &config) {
        ModuleView module;
        module.id = config.id;
        module.bridges = config.bridges;
        const KernelModule *kernel = facts_.kernel.module(config.id);
        const auto gone = facts_.module_gone.find(config.id);
        if (kernel) {
            module.since = kernel->since;
            if (kernel->state == FT_MODULE_STATE_OFFLINE && cure_of(kernel->reason) == Cure::none)
                module.requested = FT_MODULE_STATE_OFFLINE;
        }
        const bool held = kernel && kernel->card == FT_CARD_HELD;
        if (!held && !module_present(config, facts_.inventory)) {
            module.state = FT_MODULE_STATE_REMOVED;
            module.reason = FT_REASON_REMOVED;
            if (gone != facts_.module_gone.end())
                module.since = gone->second;
            module.next_action =
                kernel && kernel->card == FT_CARD_PRESENT
                    ? fmt::format("module {} does not answer, or its slot is switched off: put it "
                                  "in again",
                                  config.id)
                    : fmt::format("put module {} back", config.id);
        } else if (kernel && kernel->state == FT_MODULE_STATE_OFFLINE &&
                   cure_of(kernel->reason) != Cure::none) {
            module.state = FT_MODULE_STATE_BROKEN;
            module.reason = kernel->reason;
            module.next_action = replace_module(fmt::format("{}", config.id));
        } else if (kernel && kernel->state == FT_MODULE_STATE_OFFLINE) {
            module.state = FT_MODULE_STATE_OFFLINE;
            module.reason = kernel->reason;
            module.next_action = fmt::format(
                "it is safe to pull; to use it again: \"ftctl module online {}\"", config.id);
        } else {
            module.state = FT_MODULE_STATE_ONLINE;
            judge_members(module);
        }
        list_blockers(module);
        if (kernel && kernel->card == FT_CARD_LEAVING && !module.blockers.empty())
            module.next_action =
                fmt::format("its button was pressed: press it again within 5 s, or {}",
                            module.blockers.front());
        return module;
    }

    template <typename Visit>
    void each_member_of(std::uint32_t id, Visit visit) const {
        const std::string prefix = fmt::format("{}/", id);
        for (const auto *pairs : {&view_.bonds, &view_.mirrors})
            for (const auto &[name, pair] : *pairs)
                for (std::size_t i = 0; i < 2; i++)
                    if (pair.members[i].path.starts_with(prefix))
                        visit(pair, i);
    }

    void judge_members(ModuleView &module) const {
        each_member_of(module.id, [&](const PairView &pair, std::size_t i) {
            const MemberView &member = pair.members[i];
            if (!good(member.state) && cure_of(member.reason) != Cure::none &&
                !tried_again_by_itself(member, facts_.faults.find(member.path))) {
                module.state = FT_MODULE_STATE_BROKEN;
                module.reason = member.reason;
                module.since = member.since;
                module.next_action = pair.next_action;
            } else if (member.state == FT_MEMBER_STATE_SYNCING &&
                       module.state == FT_MODULE_STATE_ONLINE) {
                module.state = FT_MODULE_STATE_SYNCING;
                module.reason = member.reason;
                module.since = member.since;
            }
        });
    }

    void list_devices(ModuleView &module) const {
        const std::string prefix = fmt::format("{}/", module.id);
        std::vector<std::tuple<std::string_view, std::string_view, const char *>> found;
        const auto add = [&](const auto &devices, const char *kind) {
            for (const auto &device : devices)
                if (device.path.starts_with(prefix))
                    found.emplace_back(device.path, device.name, kind);
        };
        add(facts_.inventory.nics, "nic");
        add(facts_.inventory.disks, "disk");
        std::sort(found.begin(), found.end());
        module.devices.reserve(found.size());
        for (const auto &[path, name, kind] : found)
            module.devices.push_back(
                {std::string(path), kind, std::string(name), pair_of(std::string(path))});
    }

    void request_simplex(std::uint32_t module) {
        const std::string prefix = fmt::format("{}/", module);
        for (auto *pairs : {&view_.bonds, &view_.mirrors})
            for (auto &[name, pair] : *pairs)
                for (const MemberView &member : pair.members)
                    if (member.path.starts_with(prefix))
                        pair.requested = FT_PAIR_STATE_SIMPLEX;
    }

    void list_faults() {
        for (const auto &[device, fault] : facts_.faults.all()) {
            if (!fault.count && !fault.attempts && !fault.given_up)
                continue; // it only came and went
            FaultView view;
            view.device = device;
            view.pair = pair_of(device);
            view.reason = fault.reason;
            view.count = fault.count;
            view.first = fault.times.empty() ? 0 : fault.times.front();
            view.last = fault.times.empty() ? 0 : fault.times.back();
            view.mtbf_s = mtbf_s(fault).value_or(0);
            view.given_up = fault.given_up != 0;
            view.retry_at = fault.given_up ? 0 : fault.retry_at;
            view_.faults.push_back(view);
        }
    }

    void list_blockers(ModuleView &module) const {
        if (module.state == FT_MODULE_STATE_OFFLINE || module.state == FT_MODULE_STATE_REMOVED)
            return;
        // What no pair protects is lost with the module.
        const std::string prefix = fmt::format("{}/", module.id);
        for (const Disk &disk : facts_.inventory.disks) {
            if (disk.path.starts_with(prefix) && !disk.holder.empty() && pair_of(disk.path).empty())
                module.blockers.push_back(
                    fmt::format("the disk {} ({}) is in no pair and in use by {}", disk.path,
                                disk.name, disk.holder));
        }
        for (const Nic &nic : facts_.inventory.nics)
            if (nic.path.starts_with(prefix) && pair_of(nic.path).empty() &&
                (nic.addressed || !nic.master.empty()))
                module.blockers.push_back(fmt::format(
                    "the NIC {} ({}) is in no pair and {}", nic.path, nic.name,
                    nic.master.empty() ? "has an IP address" : "in use by " + nic.master));
        each_member_of(module.id, [&](const PairView &pair, std::size_t i) {
            if (!pair.running || !good(pair.members[i].state) || good(pair.members[1 - i].state))
                return;
            const MemberView &other = pair.members[1 - i];
            module.blockers.push_back(
                fmt::format("{} would lose its last good member, {}: {} is {} ({})", pair.name,
                            pair.members[i].path, other.path, name(other.state),
                            reason_text(name(other.reason))));
        });
    }

    void compose_system() {
        view_.state = FT_PAIR_STATE_DUPLEX;
        const PairView *worst = nullptr;
        std::size_t count = 0;
        for (const auto *pairs : {&view_.mirrors, &view_.bonds})
            for (const auto &[name, pair] : *pairs) {
                if (pair.state != FT_PAIR_STATE_DUPLEX) {
                    count++;
                    if (!worst || rank(pair.state) > rank(worst->state))
                        worst = &pair;
                }
            }
        if (worst) {
            view_.state = worst->state;
            view_.next_action = worst->next_action;
            view_.summary = fmt::format("{} of {} pairs not duplex; {} is {}", count,
                                        view_.bonds.size() + view_.mirrors.size(), worst->name,
                                        name(worst->state));
        }
        // What follows is told instead: without it no pair can be as wanted.
        if (facts_.config_state == ConfigState::refused) {
            view_.state = FT_PAIR_STATE_BROKEN;
            view_.summary = "configuration refused: " + facts_.config_error;
            view_.next_action = "correct the configuration, then \"ftctl reload\"";
        } else if (facts_.config_state == ConfigState::none && !worst) {
            view_.state = FT_PAIR_STATE_BROKEN;
            view_.summary = "no configuration";
            view_.next_action = "\"ftctl setup\"";
        } else if (view_.bonds.empty() && view_.mirrors.empty()) {
            view_.state = FT_PAIR_STATE_BROKEN;
            view_.summary = "no pair is configured";
            view_.next_action = "\"ftctl setup\"";
        } else if (!facts_.kernel.loaded) {
            view_.summary = "the kernel modules are not loaded";
        }
        const DumpNews news = dump_news(facts_.dump);
        if (view_.summary.empty()) {
            view_.summary = news.text;
            view_.next_action = news.next_action;
        }
    }

    static int rank(ft_pair_state state) {
        switch (state) {
        case FT_PAIR_STATE_DUPLEX:
            return 0;
        case FT_PAIR_STATE_SYNCING:
            return 1;
        case FT_PAIR_STATE_SIMPLEX:
            return 2;
        case FT_PAIR_STATE_BROKEN:
            return 3;
        }
        return 3;
    }

    std::string device_at(ft_pair_type type, const std::string &text) const {
        if (type == FT_PAIR_BOND) {
            const Nic *nic = find_nic(facts_.inventory, text);
            return nic ? nic->name : std::string();
        }
        const Disk *disk = find_disk(facts_.inventory, text);
        return disk ? disk->name : std::string();
    }

    std::string path_of(ft_pair_type type, const std::string &device) const {
        const auto place = [&](const auto &devices) -> std::string {
            for (const auto &candidate : devices)
                if (candidate.name == device)
                    return candidate.path;
            return {};
        };
        return type == FT_PAIR_BOND ? place(facts_.inventory.nics) : place(facts_.inventory.disks);
    }

    std::string pair_of(const std::string &path) const {
        const auto found = pair_at_.find(path);
        return found == pair_at_.end() ? std::string() : found->second;
    }

    const Facts &facts_;
    const std::set<std::string> *only_ = nullptr;
    SystemView view_;
    std::map<std::string, std::string> pair_at_; // names of pairs by device path
};

} // namespace

SystemView compose(const Facts &facts) {
    return Composer(facts).run();
}

SystemView compose(const Facts &facts, const SystemView &before,
                   const std::set<std::string> &pairs) {
    return Composer(facts, before, pairs).run();
}

bool module_present(const ModuleConfig &module, const Inventory &inventory) {
    const std::vector<ModuleConfig> only{module};
    return std::any_of(inventory.functions.begin(), inventory.functions.end(),
                       [&](const PciChain &chain) { return locate(only, chain).has_value(); });
}

const Nic *find_nic(const Inventory &inventory, const std::string &path) {
    const auto found = inventory.nic_at.find(path);
    return found == inventory.nic_at.end() ? nullptr : &inventory.nics[found->second];
}

const Disk *find_disk(const Inventory &inventory, const std::string &path) {
    const auto found = inventory.disk_at.find(path);
    return found == inventory.disk_at.end() ? nullptr : &inventory.disks[found->second];
}

} // namespace ft
