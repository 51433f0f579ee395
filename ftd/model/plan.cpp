// SPDX-License-Identifier: GPL-2.0
#include "ftd/model/plan.hpp"

#include <cerrno>
#include <cstring>
#include <string_view>

#include <fmt/format.h>

namespace ft {

namespace {

bool same_mirror(const MirrorConfig &mirror, const ft_leg_meta &meta) {
    return uuid_bytes(mirror.uuid) == std::to_array(meta.uuid);
}

std::string resolve_commands(const MirrorConfig &mirror) {
    return fmt::format(
        "choose whose data stays: \"ftctl mirror resolve {0} {1}\" or \"ftctl mirror "
        "resolve {0} {2}\"; the other's changes are lost",
        mirror.name, mirror.legs[0].str(), mirror.legs[1].str());
}

std::string unrelated_action(const MirrorConfig &mirror) {
    return fmt::format("decide which disk holds the data of {}, pull the other one, then start: "
                       "\"ftctl mirror start {}\"",
                       mirror.name, mirror.name);
}

// `verb`: "replace", "replace --wipe", "adopt".
std::string replace_action(const MirrorConfig &mirror, int leg, std::string_view verb) {
    return fmt::format("put the right disk at {1}, or make this one the new leg: \"ftctl mirror "
                       "{2} {0} {1}\"{3}",
                       mirror.name, mirror.legs[static_cast<std::size_t>(leg)].str(), verb,
                       verb == "replace" ? "" : "; what it carries is lost");
}

// What is wrong with a disk that cannot be a leg of this mirror as it is.
std::optional<ArrivalPlan> unfit(const MirrorConfig &mirror, const Leg &leg, int number) {
    const std::string device = mirror.legs[static_cast<std::size_t>(number)].str();
    ArrivalPlan plan;
    switch (leg.kind) {
    case Leg::Kind::absent:
        plan.finding = {FT_MEMBER_STATE_MISSING, FT_REASON_NEVER_THERE};
        plan.next_action = fmt::format("put a disk into {}", device);
        return plan;
    case Leg::Kind::unreadable:
        plan.finding = {FT_MEMBER_STATE_FAULTY, FT_REASON_IO_ERROR};
        plan.next_action =
            fmt::format("the disk at {} cannot be read ({}); replace it, or try again "
                        "with \"ftctl module online {}\"",
                        device, leg.detail, mirror.legs[static_cast<std::size_t>(number)].module);
        return plan;
    case Leg::Kind::blank:
        plan.finding = {FT_MEMBER_STATE_FOREIGN, FT_REASON_BLANK};
        plan.next_action = fmt::format("the disk at {} is blank; {}", device,
                                       replace_action(mirror, number, "replace"));
        return plan;
    case Leg::Kind::other:
        plan.finding = {FT_MEMBER_STATE_FOREIGN, FT_REASON_FOREIGN};
        plan.next_action = fmt::format("the disk at {} carries {}; {}", device, leg.detail,
                                       replace_action(mirror, number, "replace --wipe"));
        return plan;
    case Leg::Kind::damaged:
        plan.finding = {FT_MEMBER_STATE_FAULTY, FT_REASON_DAMAGED};
        plan.next_action = fmt::format("the disk at {}: {}; {}", device, leg.detail,
                                       replace_action(mirror, number, "replace --wipe"));
        return plan;
    case Leg::Kind::leg:
        if (same_mirror(mirror, leg.meta))
            return std::nullopt;
        plan.finding = {FT_MEMBER_STATE_FOREIGN, FT_REASON_FOREIGN};
        plan.next_action =
            fmt::format("the disk at {} belongs to another mirror ({}); {}", device,
                        uuid_string(leg.meta.uuid), replace_action(mirror, number, "adopt"));
        return plan;
    }
    return std::nullopt;
}

AssemblyPlan refuse(ft_reason reason, std::string next_action, AssemblyPlan plan) {
    plan.action = AssemblyPlan::Action::refuse;
    plan.use = {};
    plan.reason = reason;
    plan.next_action = std::move(next_action);
    return plan;
}

AssemblyPlan start(AssemblyPlan plan) {
    plan.action = AssemblyPlan::Action::start;
    return plan;
}

} // namespace

AssemblyPlan plan_assembly(const MirrorConfig &mirror, const std::array<Leg, 2> &legs,
                           const Permission &permission) {
    AssemblyPlan plan;
    std::array<const ft_leg_meta *, 2> meta{};
    std::string unfit_action;
    ft_reason unfit_reason = FT_REASON_NONE;
    for (int i = 0; i < 2; i++) {
        const auto n = static_cast<std::size_t>(i);
        if (const auto bad = unfit(mirror, legs[n], i)) {
            plan.findings[n] = bad->finding;
            if (unfit_action.empty() || legs[n].kind != Leg::Kind::absent) {
                unfit_action = bad->next_action;
                unfit_reason = bad->finding.reason;
            }
        } else {
            meta[n] = &legs[n].meta;
            plan.use[n] = true;
        }
    }

    int source = 0;
    const enum ft_verdict verdict = ft_verdict(meta[0], meta[1], &source);
    const auto from = static_cast<std::size_t>(
        verdict == FT_VERDICT_SPLIT ? permission.survivor.value_or(0) : source);
    plan.source = from;
    if (meta[from])
        plan.sectors = meta[from]->data_size;
    const std::string alone_device = mirror.legs[from].str();
    const std::string other_device = mirror.legs[1 - from].str();

    switch (verdict) {
    case FT_VERDICT_SAME:
    case FT_VERDICT_RESUME:
    case FT_VERDICT_ANCESTOR:
    case FT_VERDICT_ONLY_RECORDED:
        return start(plan);
    case FT_VERDICT_SPLIT:
        if (permission.survivor) {
            plan.survivor = permission.survivor;
            return start(plan);
        }
        plan.findings = {Finding{FT_MEMBER_STATE_STALE, FT_REASON_SPLIT_BRAIN},
                         Finding{FT_MEMBER_STATE_STALE, FT_REASON_SPLIT_BRAIN}};
        return refuse(FT_REASON_SPLIT_BRAIN, resolve_commands(mirror), plan);
    case FT_VERDICT_BOTH_SYNCING:
        plan.findings = {Finding{FT_MEMBER_STATE_STALE, FT_REASON_INCONSISTENT},
                         Finding{FT_MEMBER_STATE_STALE, FT_REASON_INCONSISTENT}};
        return refuse(FT_REASON_INCONSISTENT,
                      "neither disk holds a complete state; restore the data from a backup", plan);
    case FT_VERDICT_DAMAGED:
        plan.findings = {Finding{FT_MEMBER_STATE_FAULTY, FT_REASON_DAMAGED},
                         Finding{FT_MEMBER_STATE_FAULTY, FT_REASON_DAMAGED}};
        return refuse(FT_REASON_DAMAGED, unrelated_action(mirror), plan);
    case FT_VERDICT_UNRELATED:
        plan.findings = {Finding{FT_MEMBER_STATE_FOREIGN, FT_REASON_FOREIGN},
                         Finding{FT_MEMBER_STATE_FOREIGN, FT_REASON_FOREIGN}};
        return refuse(FT_REASON_FOREIGN, unrelated_action(mirror), plan);
    case FT_VERDICT_ONLY_SYNCING:
        plan.findings[from] = {FT_MEMBER_STATE_STALE, FT_REASON_INCONSISTENT};
        return refuse(
            FT_REASON_INCONSISTENT,
            fmt::format("{} was being copied to when it was used last and holds no complete "
                        "state; bring back the disk of {}",
                        alone_device, other_device),
            plan);
    case FT_VERDICT_ONLY_MAYBE_STALE:
        if (permission.alone) {
            plan.action = AssemblyPlan::Action::start_alone;
            return plan;
        }
        plan.findings[from] = {FT_MEMBER_STATE_STALE, FT_REASON_STALE};
        plan = refuse(FT_REASON_STALE,
                      fmt::format("only {} is there, and {} may hold newer data: bring it back, or "
                                  "start without it: \"ftctl mirror start {}\"",
                                  alone_device, other_device, mirror.name),
                      plan);
        if (mirror.degraded_start == DegradedStart::start)
            plan.action = AssemblyPlan::Action::wait;
        return plan;
    case FT_VERDICT_NO_LEGS:
        return refuse(unfit_reason, unfit_action, plan);
    }
    return refuse(FT_REASON_DAMAGED, unrelated_action(mirror), plan);
}

std::string table_words(const MirrorConfig &mirror, const AssemblyPlan &plan) {
    std::string words = fmt::format("timeout_ms {}", mirror.timeout_ms);
    int count = 2;
    if (mirror.prefer) {
        words += fmt::format(" prefer {}", *mirror.prefer == mirror.legs[1] ? 1 : 0);
        count += 2;
    }
    if (plan.action == AssemblyPlan::Action::start_alone) {
        words += " start_alone";
        count++;
    }
    if (plan.survivor) {
        words += fmt::format(" survivor {}", *plan.survivor);
        count += 2;
    }
    return fmt::format("{} {}", count, words);
}

ArrivalPlan plan_arrival(const MirrorConfig &mirror, ReplaceBlank policy, const Leg &running,
                         const Leg &leg, int arriving, const ArrivalPermission &permission) {
    const auto number = static_cast<std::size_t>(arriving);
    if (auto plan = unfit(mirror, leg, arriving)) {
        const bool blank = leg.kind == Leg::Kind::blank;
        const bool there = leg.kind != Leg::Kind::absent && leg.kind != Leg::Kind::unreadable;
        const bool allowed = permission.wipe || (leg.kind == Leg::Kind::leg && permission.adopt);
        if ((blank && (permission.replace || policy == ReplaceBlank::automatic)) ||
            (there && permission.replace && allowed))
            plan->action = ArrivalPlan::Action::replace;
        return *plan;
    }

    ArrivalPlan plan;
    if (running.kind != Leg::Kind::leg) {
        plan.finding = {FT_MEMBER_STATE_STALE, FT_REASON_IO_ERROR};
        plan.next_action =
            fmt::format("the superblock of {} cannot be read; try again with \"ftctl module online "
                        "{}\"",
                        mirror.legs[1 - number].str(), mirror.legs[number].module);
        return plan;
    }

    const ft_leg_meta *metas[2];
    metas[number] = &leg.meta;
    metas[1 - number] = &running.meta;
    int source = 0;
    switch (ft_verdict(metas[0], metas[1], &source)) {
    case FT_VERDICT_SAME:
        plan.action = ArrivalPlan::Action::join;
        return plan;
    case FT_VERDICT_RESUME:
    case FT_VERDICT_ANCESTOR:
        if (source != arriving) {
            plan.action = ArrivalPlan::Action::join;
            return plan;
        }
        return plan_refusal(mirror, arriving, ESTALE);
    case FT_VERDICT_SPLIT:
        if (permission.resolve) {
            plan.action = ArrivalPlan::Action::resolve;
            return plan;
        }
        return plan_refusal(mirror, arriving, ENOTUNIQ);
    case FT_VERDICT_DAMAGED:
    case FT_VERDICT_BOTH_SYNCING:
        if (permission.replace && permission.wipe)
            plan.action = ArrivalPlan::Action::replace;
        else
            plan = plan_refusal(mirror, arriving, EUCLEAN);
        return plan;
    default: // UNRELATED; the verdicts on one leg cannot be
        if (permission.replace && permission.wipe)
            plan.action = ArrivalPlan::Action::replace;
        else
            plan = plan_refusal(mirror, arriving, ENXIO);
        return plan;
    }
}

ArrivalPlan plan_refusal(const MirrorConfig &mirror, int arriving, int error) {
    const auto number = static_cast<std::size_t>(arriving);
    const std::string device = mirror.legs[number].str();
    const std::string running = mirror.legs[1 - number].str();
    ArrivalPlan plan;
    switch (error) {
    case ESTALE:
        plan.finding = {FT_MEMBER_STATE_STALE, FT_REASON_NEWER_LEG};
        plan.next_action =
            fmt::format("{} holds newer data than {}, which {} was started on: stop what uses {}, "
                        "then \"dmsetup remove {}\" and \"ftctl reload\" to start on the newer one",
                        device, running, mirror.name, mirror.name, mirror.name);
        return plan;
    case ENOTUNIQ:
        plan.finding = {FT_MEMBER_STATE_STALE, FT_REASON_SPLIT_BRAIN};
        plan.next_action =
            fmt::format("{1} and {2} both ran alone and differ: keep what {0} runs on with \"ftctl "
                        "mirror resolve "
                        "{0} {2}\" (the changes on {1} are lost), or stop {0} and choose {1}",
                        mirror.name, device, running);
        return plan;
    case EUCLEAN:
        plan.finding = {FT_MEMBER_STATE_FAULTY, FT_REASON_DAMAGED};
        plan.next_action =
            fmt::format("the superblocks of {} and {} contradict each other; {}", device, running,
                        replace_action(mirror, arriving, "replace --wipe"));
        return plan;
    case ENXIO:
        plan.finding = {FT_MEMBER_STATE_FOREIGN, FT_REASON_FOREIGN};
        plan.next_action =
            fmt::format("the disk at {} is no leg of {} any more; {}", device, mirror.name,
                        replace_action(mirror, arriving, "replace --wipe"));
        return plan;
    case EFBIG:
        plan.finding = {FT_MEMBER_STATE_FOREIGN, FT_REASON_BLANK};
        plan.next_action =
            fmt::format("the disk at {} is too small; put one there that is as large as that of {}",
                        device, running);
        return plan;
    case ESHUTDOWN:
        plan.finding = {FT_MEMBER_STATE_FAULTY, FT_REASON_ISOLATED};
        plan.next_action = fmt::format("take the module in again: \"ftctl module online {}\"",
                                       mirror.legs[number].module);
        return plan;
    default:
        plan.finding = {FT_MEMBER_STATE_FAULTY, FT_REASON_IO_ERROR};
        plan.next_action =
            fmt::format("the disk at {} could not be joined ({}); replace it, or try again with "
                        "\"ftctl module online {}\"",
                        device, std::strerror(error), mirror.legs[number].module);
        return plan;
    }
}

} // namespace ft
