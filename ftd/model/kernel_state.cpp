// SPDX-License-Identifier: GPL-2.0
#include "ftd/model/kernel_state.hpp"

#include <algorithm>

namespace ft {

const KernelModule *KernelState::module(std::uint32_t id) const {
    for (const KernelModule &module : modules)
        if (module.id == id)
            return &module;
    return nullptr;
}

const KernelPair *KernelState::pair(ft_pair_type type, const std::string &name) const {
    for (const KernelPair &pair : pairs)
        if (pair.type == type && pair.name == name)
            return &pair;
    return nullptr;
}

// Events that are older than the latest dump, or than its answer about their object,
// would only take back what it said.
KernelChange KernelState::apply(const std::vector<KernelEvent> &events) {
    KernelChange change;
    for (const KernelEvent &event : events) {
        if (event.seq > seq + 1) {
            change.lost = true;
            return change;
        }
        if (event.seq <= seq)
            continue;
        seq = event.seq;
        std::visit([&](const auto &object) { apply(event, object, change); }, event.object);
    }
    return change;
}

void KernelState::apply(const KernelEvent &event, const KernelModule &module,
                        KernelChange &change) {
    const auto known = std::find_if(modules.begin(), modules.end(),
                                    [&](const KernelModule &old) { return old.id == module.id; });
    if (known != modules.end() && known->seq >= event.seq)
        return;
    if (known == modules.end() && event.gone)
        return;
    change.objects = true;
    if (event.gone) {
        modules.erase(known);
        return;
    }
    KernelModule &now = known == modules.end() ? modules.emplace_back() : *known;
    now = module;
    now.seq = event.seq;
}

void KernelState::apply(const KernelEvent &event, const KernelPair &pair, KernelChange &change) {
    const auto known = std::find_if(pairs.begin(), pairs.end(), [&](const KernelPair &old) {
        return old.type == pair.type && old.name == pair.name;
    });
    if (known != pairs.end() && known->seq >= event.seq)
        return;
    if (known == pairs.end() && event.gone)
        return;
    if (event.gone) {
        change.objects = true;
        pairs.erase(known);
        return;
    }
    KernelPair &now = known == pairs.end() ? pairs.emplace_back() : *known;
    for (std::size_t i = 0; i < 2; i++)
        change.objects = change.objects || now.members[i].device != pair.members[i].device;
    change.objects = change.objects || now.name.empty() || now.uuid != pair.uuid;
    change.pairs.insert(pair.name);
    now = pair;
    now.seq = event.seq;
}

} // namespace ft
