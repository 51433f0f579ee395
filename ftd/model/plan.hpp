// SPDX-License-Identifier: GPL-2.0
// Decisions about mirrors: how one is started, and what becomes of a disk that
// arrives while it runs. The table of the protocol is ft_verdict(); this is the
// policy around it, and its words for people.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "ftd/common/state.hpp"
#include "ftd/model/config.hpp"
#include "ftd/model/leg.hpp"

namespace ft {

// How a member is published when ftd knows better than the kernel.
struct Finding {
    ft_member_state state = FT_MEMBER_STATE_MISSING;
    ft_reason reason = FT_REASON_NONE;
};

struct AssemblyPlan {
    enum class Action {
        start,       // with all legs of `use`
        start_alone, // with one that cannot know whether the other is newer
        wait,        // until `degraded_wait_s` is over, then decide again
        refuse,      // until the hardware changes or a person says so
    };

    Action action = Action::refuse;
    std::array<bool, 2> use{};
    std::optional<int> survivor; // split brain, resolved by a person
    std::size_t source = 0;      // the leg that counts: it is copied from, or alone
    std::uint64_t sectors = 0;   // its size is the mirror's
    ft_reason reason = FT_REASON_NONE;
    std::string next_action;
    std::array<Finding, 2> findings{}; // meaningful for the legs that are not used
};

// What a person, or the passing of time, allows beyond the table.
struct Permission {
    bool alone = false;
    std::optional<int> survivor;
};

AssemblyPlan plan_assembly(const MirrorConfig &mirror, const std::array<Leg, 2> &legs,
                           const Permission &permission);

// What the table of a mirror that is started by this plan says after its legs.
std::string table_words(const MirrorConfig &mirror, const AssemblyPlan &plan);

struct ArrivalPlan {
    enum class Action { join, resolve, replace, refuse };

    Action action = Action::refuse;
    Finding finding; // of a leg that is refused
    std::string next_action;
};

// What a person allows for the arriving disk.
struct ArrivalPermission {
    bool resolve = false; // throw its side of a split brain away
    bool replace = false; // make it the new leg if it is blank
    bool adopt = false;   // and if it is a leg of another mirror, of this system or another
    bool wipe = false;    // and whatever it carries
};

// `running`: the leg that the mirror runs on; `arriving`: number of the other.
ArrivalPlan plan_arrival(const MirrorConfig &mirror, ReplaceBlank policy, const Leg &running,
                         const Leg &leg, int arriving, const ArrivalPermission &permission);

// The same, after the kernel refused a join that looked possible.
ArrivalPlan plan_refusal(const MirrorConfig &mirror, int arriving, int error);

} // namespace ft
