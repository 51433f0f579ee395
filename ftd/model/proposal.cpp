// SPDX-License-Identifier: GPL-2.0
#include "ftd/model/proposal.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace ft {

namespace {

constexpr std::uint32_t first_module_id = 10;
constexpr std::uint64_t smallest_mirror = 16ULL << 20; // bytes, metadata included

bool below(const PciChain &chain, const std::string &bridge) {
    const auto found = std::find(chain.begin(), chain.end(), bridge);
    return found != chain.end() && found + 1 != chain.end();
}

bool number(const std::string &text) {
    return !text.empty() && text.size() < 7 &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

class Proposer {
  public:
    Proposer(const Config &existing, const Inventory &inventory,
             const std::map<std::string, Leg> &legs, const std::set<std::string> &running,
             const std::function<std::string()> &new_uuid)
        : inventory_(inventory), legs_(legs), running_(running), new_uuid_(new_uuid) {
        proposal_.config = existing;
    }

    Proposal run() {
        const Config existing = proposal_.config;
        add_modules();
        list_devices();
        pair_up();
        if (proposal_.modules.empty())
            proposal_.note = "there is no PCI bridge with a NIC or a disk below it; plug the I/O "
                             "modules in and try again";
        else if (proposal_.config.bonds.empty() && proposal_.config.mirrors.empty())
            proposal_.note = "no two devices can be paired; each device below says why";
        else if (proposal_.config == existing)
            proposal_.note = "all that can be paired is in the configuration already";
        return std::move(proposal_);
    }

  private:
    bool in_use(const Bridge &bridge) const {
        const auto has = [&](const auto &devices) {
            return std::any_of(devices.begin(), devices.end(), [&](const auto &device) {
                return below(device.chain, bridge.chain.back());
            });
        };
        return has(inventory_.nics) || has(inventory_.disks);
    }

    bool taken(const Bridge &bridge) const {
        for (const ModuleConfig &module : proposal_.config.modules)
            for (const std::string &other : module.bridges) {
                if (std::find(bridge.chain.begin(), bridge.chain.end(), other) !=
                    bridge.chain.end())
                    return true;
                for (const Bridge &candidate : inventory_.bridges)
                    if (candidate.chain.back() == other &&
                        std::find(candidate.chain.begin(), candidate.chain.end(),
                                  bridge.chain.back()) != candidate.chain.end())
                        return true;
            }
        return false;
    }

    // Bridges that become modules: the outermost with a hot-plug slot; where the
    // machine has none, the outermost with devices.
    std::vector<Bridge> candidates() const {
        std::vector<Bridge> result;
        for (const bool hot_plug : {true, false}) {
            std::set<std::string> chosen;
            std::vector<Bridge> sorted = inventory_.bridges;
            std::sort(sorted.begin(), sorted.end(), [](const Bridge &a, const Bridge &b) {
                return std::make_pair(a.chain.size(), a.chain.back()) <
                       std::make_pair(b.chain.size(), b.chain.back());
            });
            for (const Bridge &bridge : sorted) {
                const bool inside =
                    std::any_of(bridge.chain.begin(), bridge.chain.end(),
                                [&](const std::string &above) { return chosen.contains(above); });
                if ((hot_plug && bridge.slot.empty()) || inside || !in_use(bridge))
                    continue;
                chosen.insert(bridge.chain.back());
                if (!taken(bridge))
                    result.push_back(bridge);
            }
            if (!chosen.empty())
                break;
        }
        return result;
    }

    void add_modules() {
        std::vector<Bridge> bridges = candidates();
        std::set<std::uint32_t> used;
        for (const ModuleConfig &module : proposal_.config.modules)
            used.insert(module.id);
        std::set<std::string> slots;
        bool by_slot = true; // the numbers on the machine's case, if they are usable
        for (const Bridge &bridge : bridges)
            by_slot = by_slot && number(bridge.slot) && slots.insert(bridge.slot).second &&
                      !used.contains(static_cast<std::uint32_t>(std::stoul(bridge.slot)));
        std::uint32_t next = first_module_id;
        for (const Bridge &bridge : bridges) {
            ModuleConfig module;
            if (by_slot) {
                module.id = static_cast<std::uint32_t>(std::stoul(bridge.slot));
            } else {
                while (used.contains(next))
                    next++;
                module.id = next;
            }
            used.insert(module.id);
            module.bridges = {bridge.chain.back()};
            proposal_.config.modules.push_back(module);
        }
        std::sort(proposal_.config.modules.begin(), proposal_.config.modules.end(),
                  [](const auto &a, const auto &b) { return a.id < b.id; });
        for (const ModuleConfig &module : proposal_.config.modules) {
            ProposedModule shown;
            shown.id = module.id;
            shown.bridges = module.bridges;
            for (const Bridge &bridge : inventory_.bridges)
                if (bridge.chain.back() == module.bridges[0])
                    shown.slot = bridge.slot;
            proposal_.modules.push_back(shown);
        }
    }

    void list_devices() {
        std::set<std::string> used;
        for (const Nic &nic : inventory_.nics)
            add(nic.chain, {{}, "nic", nic.name, nic.address, {}, refusal(nic), nic.master}, used);
        for (const Disk &disk : inventory_.disks)
            add(disk.chain,
                {{}, "disk", disk.name, disk_detail(disk), {}, refusal(disk), disk.holder}, used);
        for (ProposedModule &module : proposal_.modules)
            std::sort(module.devices.begin(), module.devices.end(),
                      [](const auto &a, const auto &b) {
                          return std::tie(a.path, a.name) < std::tie(b.path, b.name);
                      });
    }

    void add(const PciChain &chain, ProposedDevice device, std::set<std::string> &used) {
        const auto path = locate(proposal_.config.modules, chain);
        if (!path)
            return;
        device.path = path->str();
        if (!used.insert(device.path).second)
            device.reason = "shares its PCI function with another device";
        if (!running_.contains(device.holder))
            device.holder.clear();
        for (ProposedModule &module : proposal_.modules)
            if (module.id == path->module)
                module.devices.push_back(device);
    }

    std::string refusal(const Nic &nic) const {
        return nic.master.empty() || running_.contains(nic.master)
                   ? std::string()
                   : fmt::format("is enslaved to {}", nic.master);
    }

    std::string refusal(const Disk &disk) const {
        if (running_.contains(disk.holder))
            return {};
        if (!disk.holder.empty())
            return fmt::format("is in use by {}", disk.holder);
        if (disk.boots)
            return "has the partition that its module boots from";
        if (disk.size < smallest_mirror)
            return fmt::format("is smaller than {} MiB", smallest_mirror >> 20);
        return {};
    }

    std::string disk_detail(const Disk &disk) const {
        std::string detail = fmt::format("{} MiB", disk.size >> 20);
        const auto leg = legs_.find(disk.name);
        if (leg == legs_.end())
            return detail;
        switch (leg->second.kind) {
        case Leg::Kind::absent:
        case Leg::Kind::blank:
            break;
        case Leg::Kind::leg:
            detail += ", leg of a mirror";
            break;
        case Leg::Kind::other:
            detail += ", carries " + leg->second.detail;
            break;
        case Leg::Kind::unreadable:
        case Leg::Kind::damaged:
            detail += ", " + leg->second.detail;
            break;
        }
        return detail;
    }

    // Modules are partners two by two, in the order of their numbers: those that
    // an existing pair joins stay together.
    void pair_up() {
        for (const BondConfig &bond : proposal_.config.bonds)
            mark(bond.name, bond.ports);
        for (const MirrorConfig &mirror : proposal_.config.mirrors)
            mark(mirror.name, mirror.legs);
        std::vector<ProposedModule *> alone;
        for (ProposedModule &module : proposal_.modules)
            if (!partner_.contains(module.id) && !module.devices.empty())
                alone.push_back(&module);
        for (std::size_t i = 0; i + 1 < alone.size(); i += 2) {
            partner_[alone[i]->id] = alone[i + 1]->id;
            partner_[alone[i + 1]->id] = alone[i]->id;
        }
        for (ProposedModule &module : proposal_.modules) {
            const auto partner = partner_.find(module.id);
            ProposedModule *other = partner == partner_.end() ? nullptr : find(partner->second);
            for (ProposedDevice &device : module.devices)
                if (device.pair.empty() && device.reason.empty())
                    match(device, other);
        }
    }

    void mark(const std::string &pair, const std::array<DevicePath, 2> &members) {
        partner_[members[0].module] = members[1].module;
        partner_[members[1].module] = members[0].module;
        for (const DevicePath &path : members)
            if (ProposedModule *module = find(path.module))
                for (ProposedDevice &device : module->devices)
                    if (device.path == path.str() && device.reason.find("shares") != 0) {
                        device.pair = pair;
                        device.reason.clear(); // in use by its own pair
                    }
    }

    ProposedModule *find(std::uint32_t id) {
        for (ProposedModule &module : proposal_.modules)
            if (module.id == id)
                return &module;
        return nullptr;
    }

    void match(ProposedDevice &device, ProposedModule *other) {
        if (!other) {
            device.reason = "there is no second module to pair this one with";
            return;
        }
        const std::string slot = device.path.substr(device.path.find('/') + 1);
        const std::string place = fmt::format("{}/{}", other->id, slot);
        const auto partner =
            std::find_if(other->devices.begin(), other->devices.end(),
                         [&](const ProposedDevice &candidate) { return candidate.path == place; });
        if (partner == other->devices.end())
            device.reason =
                fmt::format("nothing at the same place in module {} ({})", other->id, place);
        else if (partner->kind != device.kind)
            device.reason = fmt::format("{} is a {}", place, partner->kind);
        else if (!partner->reason.empty())
            device.reason =
                fmt::format("its partner {} ({}) {}", place, partner->name, partner->reason);
        else if (!partner->pair.empty() || (!partner->holder.empty() && !device.holder.empty() &&
                                            partner->holder != device.holder))
            device.reason = fmt::format("is in another pair than its partner {}", place);
        else
            make_pair(device, *partner);
    }

    void make_pair(ProposedDevice &a, ProposedDevice &b) {
        const std::array<DevicePath, 2> members{*DevicePath::parse(a.path),
                                                *DevicePath::parse(b.path)};
        const std::string holder = a.holder.empty() ? b.holder : a.holder;
        if (a.kind == "nic") {
            BondConfig bond;
            bond.name = holder.empty() ? free_name("ftb") : holder;
            bond.ports = members;
            bond.address = a.detail; // so that it stays the same whichever NIC is there
            proposal_.config.bonds.push_back(bond);
            a.pair = b.pair = bond.name;
        } else {
            MirrorConfig mirror;
            mirror.name = holder.empty() ? free_name("ftm") : holder;
            mirror.uuid = known_uuid(a, b);
            if (mirror.uuid.empty())
                mirror.uuid = new_uuid_();
            mirror.legs = members;
            proposal_.config.mirrors.push_back(mirror);
            a.pair = b.pair = mirror.name;
        }
    }

    // Two disks that are a mirror already keep being the same one; of a mirror
    // that runs on one of them that one says which it is.
    std::string known_uuid(const ProposedDevice &a, const ProposedDevice &b) const {
        const auto leg_of = [&](const ProposedDevice &device) {
            const auto found = legs_.find(device.name);
            return found == legs_.end() || found->second.kind != Leg::Kind::leg
                       ? nullptr
                       : &found->second.meta;
        };
        const ft_leg_meta *one = leg_of(a), *two = leg_of(b);
        if (one && !a.holder.empty())
            return uuid_string(one->uuid);
        if (two && !b.holder.empty())
            return uuid_string(two->uuid);
        return one && two && ft_legs_related(one, two) ? uuid_string(one->uuid) : std::string();
    }

    std::string free_name(const std::string &stem) const {
        const auto taken = [&](const std::string &name) {
            const auto has = [&](const auto &pair) { return pair.name == name; };
            return running_.contains(name) ||
                   std::any_of(proposal_.config.bonds.begin(), proposal_.config.bonds.end(), has) ||
                   std::any_of(proposal_.config.mirrors.begin(), proposal_.config.mirrors.end(),
                               has);
        };
        unsigned n = 0;
        while (taken(fmt::format("{}{}", stem, n)))
            n++;
        return fmt::format("{}{}", stem, n);
    }

    const Inventory &inventory_;
    const std::map<std::string, Leg> &legs_;
    const std::set<std::string> &running_;
    const std::function<std::string()> &new_uuid_;
    std::map<std::uint32_t, std::uint32_t> partner_;
    Proposal proposal_;
};

} // namespace

Proposal propose(const Config &existing, const Inventory &inventory,
                 const std::map<std::string, Leg> &legs, const std::set<std::string> &running,
                 const std::function<std::string()> &new_uuid) {
    return Proposer(existing, inventory, legs, running, new_uuid).run();
}

std::string proposal_json(const Proposal &proposal) {
    using nlohmann::json;
    json modules = json::array();
    for (const ProposedModule &module : proposal.modules) {
        json devices = json::array();
        for (const ProposedDevice &device : module.devices)
            devices.push_back({{"path", device.path},
                               {"kind", device.kind},
                               {"name", device.name},
                               {"detail", device.detail},
                               {"pair", device.pair},
                               {"reason", device.reason}});
        modules.push_back({{"id", module.id},
                           {"bridges", module.bridges},
                           {"slot", module.slot},
                           {"devices", devices}});
    }
    json pairs = json::array();
    for (const BondConfig &bond : proposal.config.bonds)
        pairs.push_back({{"name", bond.name},
                         {"type", "bond"},
                         {"members", {bond.ports[0].str(), bond.ports[1].str()}}});
    for (const MirrorConfig &mirror : proposal.config.mirrors)
        pairs.push_back({{"name", mirror.name},
                         {"type", "mirror"},
                         {"members", {mirror.legs[0].str(), mirror.legs[1].str()}}});
    return json{{"modules", modules}, {"pairs", pairs}, {"note", proposal.note}}.dump();
}

} // namespace ft
