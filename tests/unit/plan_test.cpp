// SPDX-License-Identifier: GPL-2.0
#include <cerrno>
#include <gtest/gtest.h>

#include "ftd/model/plan.hpp"
#include "tests/unit/hardware.hpp"

namespace {

using Assembly = ft::AssemblyPlan::Action;
using Arrival = ft::ArrivalPlan::Action;
using Kind = ft::Leg::Kind;

ft::Leg disk(Kind kind, const std::string &detail = {}) {
    ft::Leg leg;
    leg.kind = kind;
    leg.detail = detail;
    return leg;
}

ft::Leg foreign(int number) {
    ft::Leg leg = test::leg(number);
    leg.meta.uuid[0] ^= 1;
    return leg;
}

ft::AssemblyPlan assemble(const ft::Leg &a, const ft::Leg &b, const ft::Permission &permission = {},
                          ft::DegradedStart policy = ft::DegradedStart::wait) {
    ft::MirrorConfig mirror = test::config().mirrors[0];
    mirror.degraded_start = policy;
    return ft::plan_assembly(mirror, {a, b}, permission);
}

bool mentions(const std::string &text, const std::string &part) {
    return text.find(part) != std::string::npos;
}

TEST(Assembly, GoodPairsStart) {
    for (const ft::Leg &other :
         {test::leg(1, 100), test::leg(1, 100, 0, true), test::leg(1, 101, 100)}) {
        const auto plan = assemble(test::leg(0, 100), other);
        EXPECT_EQ(plan.action, Assembly::start);
        EXPECT_EQ(plan.use, (std::array{true, true}));
        EXPECT_FALSE(plan.survivor);
    }
}

TEST(Assembly, AsLargeAsTheLegThatCounts) {
    constexpr std::uint64_t old = 1 << 18, grown = old + 4096;
    const auto larger = [](ft::Leg leg) {
        leg.meta.data_size = grown;
        return leg;
    };
    // Growth that reached one leg goes on; an older leg takes the newer one's size.
    EXPECT_EQ(assemble(test::leg(0), test::leg(1)).sectors, old);
    EXPECT_EQ(assemble(test::leg(0), larger(test::leg(1))).sectors, grown);
    EXPECT_EQ(assemble(larger(test::leg(0)), test::leg(1)).sectors, grown);
    EXPECT_EQ(assemble(larger(test::leg(0, 5)), test::leg(1, 6, 5)).sectors, old);
    EXPECT_EQ(assemble(test::leg(0, 5), larger(test::leg(1, 6, 5))).sectors, grown);
    EXPECT_EQ(assemble(larger(test::leg(0, 5, 4)), disk(Kind::absent)).sectors, grown);
    for (const int survivor : {0, 1}) {
        const auto plan = assemble(test::leg(0, 6, 5), larger(test::leg(1, 7, 5)),
                                   {.alone = false, .survivor = survivor});
        EXPECT_EQ(plan.sectors, survivor ? grown : old);
        EXPECT_EQ(plan.source, static_cast<std::size_t>(survivor));
    }
    EXPECT_EQ(assemble(test::leg(0, 5), test::leg(1, 6, 5)).source, 1U);
    EXPECT_EQ(assemble(disk(Kind::absent), test::leg(1, 5, 4)).source, 1U);
}

TEST(Assembly, RecordedLegStartsAlone) {
    for (const Kind kind :
         {Kind::absent, Kind::unreadable, Kind::blank, Kind::other, Kind::damaged}) {
        const auto plan = assemble(test::leg(0, 5, 4), disk(kind, "why"));
        EXPECT_EQ(plan.action, Assembly::start);
        EXPECT_EQ(plan.use, (std::array{true, false}));
        EXPECT_NE(plan.findings[1].reason, FT_REASON_NONE);
    }
    const auto plan = assemble(foreign(0), test::leg(1, 5, 4));
    EXPECT_EQ(plan.action, Assembly::start);
    EXPECT_EQ(plan.use, (std::array{false, true}));
    EXPECT_EQ(plan.findings[0].state, FT_MEMBER_STATE_FOREIGN);
}

TEST(Assembly, MaybeStaleLegWaitsForPolicyOrPerson) {
    auto plan = assemble(test::leg(0), disk(Kind::absent));
    EXPECT_EQ(plan.action, Assembly::refuse);
    EXPECT_EQ(plan.reason, FT_REASON_STALE);
    EXPECT_TRUE(mentions(plan.next_action, "ftctl mirror start ftm0")) << plan.next_action;
    EXPECT_EQ(plan.use, (std::array{false, false}));
    plan = assemble(test::leg(0), disk(Kind::absent), {}, ft::DegradedStart::start);
    EXPECT_EQ(plan.action, Assembly::wait);
    plan = assemble(disk(Kind::blank), test::leg(1), {.alone = true, .survivor = {}});
    EXPECT_EQ(plan.action, Assembly::start_alone);
    EXPECT_EQ(plan.use, (std::array{false, true}));
}

TEST(Assembly, AloneIsNoLeaveForAnythingElse) {
    const ft::Permission alone{.alone = true, .survivor = {}};
    EXPECT_EQ(assemble(test::leg(0, 5, 0, true), disk(Kind::absent), alone).action,
              Assembly::refuse);
    EXPECT_EQ(assemble(test::leg(0, 6, 5), test::leg(1, 7, 5), alone).action, Assembly::refuse);
    EXPECT_EQ(assemble(disk(Kind::blank), disk(Kind::blank), alone).action, Assembly::refuse);
}

TEST(Assembly, SplitBrainNeedsASurvivor) {
    const ft::Leg a = test::leg(0, 6, 5), b = test::leg(1, 7, 5);
    auto plan = assemble(a, b);
    EXPECT_EQ(plan.action, Assembly::refuse);
    EXPECT_EQ(plan.reason, FT_REASON_SPLIT_BRAIN);
    EXPECT_TRUE(mentions(plan.next_action, "ftctl mirror resolve ftm0 10/1"));
    EXPECT_TRUE(mentions(plan.next_action, "ftctl mirror resolve ftm0 11/1"));
    plan = assemble(a, b, {.alone = false, .survivor = 1});
    EXPECT_EQ(plan.action, Assembly::start);
    EXPECT_EQ(plan.survivor, 1);
}

TEST(Assembly, RefusalsSayWhy) {
    EXPECT_EQ(assemble(test::leg(0, 5, 0, true), test::leg(1, 5, 0, true)).reason,
              FT_REASON_INCONSISTENT);
    EXPECT_EQ(assemble(test::leg(0, 5, 0, true), disk(Kind::absent)).reason,
              FT_REASON_INCONSISTENT);
    EXPECT_EQ(assemble(test::leg(0, 5, 4), test::leg(1, 5)).reason, FT_REASON_DAMAGED);
    EXPECT_EQ(assemble(test::leg(0, 6), test::leg(1, 5)).reason, FT_REASON_FOREIGN);
    EXPECT_EQ(assemble(disk(Kind::absent), disk(Kind::absent)).reason, FT_REASON_NEVER_THERE);
    const auto plan = assemble(disk(Kind::blank), disk(Kind::absent));
    EXPECT_EQ(plan.reason, FT_REASON_BLANK);
    EXPECT_TRUE(mentions(plan.next_action, "10/1 is blank")) << plan.next_action;
    EXPECT_EQ(assemble(disk(Kind::other, "ext4"), disk(Kind::damaged, "torn")).action,
              Assembly::refuse);
    for (const auto &each :
         {assemble(test::leg(0, 5, 4), test::leg(1, 5)), assemble(test::leg(0, 6), test::leg(1, 5)),
          assemble(test::leg(0, 5, 0, true), test::leg(1, 5, 0, true))})
        EXPECT_FALSE(each.next_action.empty());
}

ft::ArrivalPlan arrive(const ft::Leg &running, const ft::Leg &leg,
                       ft::ReplaceBlank policy = ft::ReplaceBlank::ask,
                       const ft::ArrivalPermission &permission = {}) {
    return ft::plan_arrival(test::config().mirrors[0], policy, running, leg, 1, permission);
}

TEST(Arrival, OwnLegsJoin) {
    EXPECT_EQ(arrive(test::leg(0, 6, 5), test::leg(1, 5)).action, Arrival::join); // stale
    EXPECT_EQ(arrive(test::leg(0, 6, 5), test::leg(1, 5, 0, true)).action,
              Arrival::join); // mid-copy
    EXPECT_EQ(arrive(test::leg(0, 6, 5), test::leg(1, 6, 0, true)).action, Arrival::join); // resume
    EXPECT_EQ(arrive(test::leg(0, 5), test::leg(1, 5)).action, Arrival::join); // nothing lost
}

TEST(Arrival, BlankDiskByPolicyOrPerson) {
    const ft::Leg running = test::leg(0, 6, 5), blank = disk(Kind::blank);
    auto plan = arrive(running, blank);
    EXPECT_EQ(plan.action, Arrival::refuse);
    EXPECT_EQ(plan.finding.reason, FT_REASON_BLANK);
    EXPECT_TRUE(mentions(plan.next_action, "ftctl mirror replace ftm0 11/1")) << plan.next_action;
    EXPECT_FALSE(mentions(plan.next_action, "--wipe"));
    EXPECT_EQ(arrive(running, blank, ft::ReplaceBlank::automatic).action, Arrival::replace);
    EXPECT_EQ(arrive(running, blank, ft::ReplaceBlank::ask, {.replace = true}).action,
              Arrival::replace);
}

TEST(Arrival, WhatCarriesDataIsNeverReplacedByPolicy) {
    const ft::Leg running = test::leg(0, 6, 5);
    for (const ft::Leg &leg : {disk(Kind::other, "ext4"), disk(Kind::damaged, "torn"), foreign(1),
                               test::leg(1, 9), test::leg(1, 5, 4)}) {
        EXPECT_EQ(arrive(running, leg, ft::ReplaceBlank::automatic).action, Arrival::refuse);
        EXPECT_EQ(arrive(running, leg, ft::ReplaceBlank::ask, {.replace = true}).action,
                  Arrival::refuse);
        const bool other_mirror = leg.kind == Kind::leg && leg.meta.uuid[0] != running.meta.uuid[0];
        const auto plan = arrive(running, leg);
        EXPECT_TRUE(mentions(plan.next_action, other_mirror ? "mirror adopt" : "--wipe"))
            << plan.next_action;
        EXPECT_EQ(
            arrive(running, leg, ft::ReplaceBlank::ask, {.replace = true, .adopt = true}).action,
            other_mirror ? Arrival::replace : Arrival::refuse);
        EXPECT_EQ(
            arrive(running, leg, ft::ReplaceBlank::ask, {.replace = true, .wipe = true}).action,
            Arrival::replace);
    }
    EXPECT_TRUE(mentions(arrive(running, disk(Kind::other, "ext4")).next_action, "carries ext4"));
}

TEST(Arrival, WhatCannotBeReadIsNeverUsed) {
    const ft::ArrivalPermission all{.resolve = true, .replace = true, .wipe = true};
    EXPECT_EQ(
        arrive(test::leg(0, 6, 5), disk(Kind::unreadable, "EIO"), ft::ReplaceBlank::automatic, all)
            .action,
        Arrival::refuse);
    EXPECT_EQ(
        arrive(test::leg(0, 6, 5), disk(Kind::absent), ft::ReplaceBlank::automatic, all).action,
        Arrival::refuse);
    EXPECT_EQ(arrive(disk(Kind::unreadable, "EIO"), test::leg(1, 5)).action, Arrival::refuse);
}

TEST(Arrival, NewerLegIsReportedNotJoined) {
    const auto plan = arrive(test::leg(0, 5), test::leg(1, 6, 5));
    EXPECT_EQ(plan.action, Arrival::refuse);
    EXPECT_EQ(plan.finding.reason, FT_REASON_NEWER_LEG);
    // Nor one whose resync had the running leg as target.
    EXPECT_EQ(arrive(test::leg(0, 6, 0, true), test::leg(1, 6)).action, Arrival::refuse);
}

TEST(Arrival, SplitBrainNeedsAPerson) {
    const ft::Leg running = test::leg(0, 6, 5), leg = test::leg(1, 7, 5);
    const auto plan = arrive(running, leg);
    EXPECT_EQ(plan.action, Arrival::refuse);
    EXPECT_EQ(plan.finding.reason, FT_REASON_SPLIT_BRAIN);
    EXPECT_TRUE(mentions(plan.next_action, "ftctl mirror resolve ftm0 10/1")) << plan.next_action;
    EXPECT_EQ(arrive(running, leg, ft::ReplaceBlank::ask, {.resolve = true}).action,
              Arrival::resolve);
}

TEST(Arrival, BothSyncing) {
    EXPECT_EQ(arrive(test::leg(0, 6, 0, true), test::leg(1, 6, 0, true)).finding.reason,
              FT_REASON_DAMAGED);
}

TEST(Refusal, EveryErrnoHasWords) {
    const ft::MirrorConfig mirror = test::config().mirrors[0];
    const std::pair<int, ft_reason> known[] = {
        {ESTALE, FT_REASON_NEWER_LEG}, {ENOTUNIQ, FT_REASON_SPLIT_BRAIN},
        {EUCLEAN, FT_REASON_DAMAGED},  {ENXIO, FT_REASON_FOREIGN},
        {EFBIG, FT_REASON_BLANK},      {ESHUTDOWN, FT_REASON_ISOLATED},
        {EIO, FT_REASON_IO_ERROR}};
    for (const auto &[error, reason] : known) {
        const auto plan = ft::plan_refusal(mirror, 1, error);
        EXPECT_EQ(plan.action, Arrival::refuse);
        EXPECT_EQ(plan.finding.reason, reason);
        EXPECT_TRUE(mentions(plan.next_action, "11")) << plan.next_action;
    }
}

TEST(Table, Words) {
    ft::MirrorConfig mirror = test::config().mirrors[0];
    ft::AssemblyPlan plan;
    mirror.timeout_ms = 700;
    EXPECT_EQ(ft::table_words(mirror, plan), "2 timeout_ms 700");
    plan.action = Assembly::start_alone;
    EXPECT_EQ(ft::table_words(mirror, plan), "3 timeout_ms 700 start_alone");
    plan.action = Assembly::start;
    plan.survivor = 1;
    mirror.prefer = mirror.legs[1];
    EXPECT_EQ(ft::table_words(mirror, plan), "6 timeout_ms 700 prefer 1 survivor 1");
}

} // namespace
