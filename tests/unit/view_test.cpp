// SPDX-License-Identifier: GPL-2.0
#include <random>

#include <gtest/gtest.h>

#include "ftd/model/view.hpp"
#include "tests/unit/hardware.hpp"

namespace {

ft::Facts duplex() {
    ft::Facts facts;
    facts.config = test::config();
    facts.config_state = ft::ConfigState::ok;
    facts.inventory = test::server();
    facts.kernel.loaded = true;
    facts.kernel.modules = {{10, FT_MODULE_STATE_ONLINE, {"0000:00:04.0"}, FT_REASON_NONE, 1},
                            {11, FT_MODULE_STATE_ONLINE, {"0000:00:05.0"}, FT_REASON_NONE, 1}};
    facts.kernel.pairs = {test::running(FT_PAIR_BOND, FT_PAIR_STATE_DUPLEX),
                          test::running(FT_PAIR_MIRROR, FT_PAIR_STATE_DUPLEX)};
    return facts;
}

ft::Facts pulled() {
    ft::Facts facts = duplex();
    facts.inventory = test::half_server();
    facts.kernel.pairs = {test::running(FT_PAIR_BOND, FT_PAIR_STATE_SIMPLEX),
                          test::running(FT_PAIR_MIRROR, FT_PAIR_STATE_SIMPLEX)};
    facts.module_gone[11] = 9;
    return facts;
}

bool mentions(const std::string &text, const std::string &part) {
    return text.find(part) != std::string::npos;
}

TEST(View, Duplex) {
    ft::Facts facts = duplex();
    facts.inventory.mapped = {{"ftm0", 4096}, {"ftb0", 1}};
    const ft::SystemView view = ft::compose(facts);
    EXPECT_EQ(view.mirrors.at("ftm0").size, 4096U);
    EXPECT_EQ(view.bonds.at("ftb0").size, 0U);
    EXPECT_EQ(view.state, FT_PAIR_STATE_DUPLEX);
    EXPECT_EQ(view.summary, "");
    EXPECT_EQ(view.next_action, "");
    EXPECT_EQ(view.mirrors.at("ftm0").members[1].path, "11/1");
    EXPECT_EQ(view.mirrors.at("ftm0").members[1].name, "nvme1n1");
    EXPECT_EQ(view.modules.at(10).state, FT_MODULE_STATE_ONLINE);
    ASSERT_EQ(view.modules.at(10).devices.size(), 2U);
    EXPECT_EQ(view.modules.at(10).devices[0], (ft::DeviceView{"10/0", "nic", "eth0", "ftb0"}));
    EXPECT_TRUE(view.modules.at(10).blockers.empty());
}

TEST(View, PulledModule) {
    const ft::SystemView view = ft::compose(pulled());
    EXPECT_EQ(view.state, FT_PAIR_STATE_SIMPLEX);
    EXPECT_EQ(view.modules.at(11).state, FT_MODULE_STATE_REMOVED);
    EXPECT_EQ(view.modules.at(11).since, 9U);
    EXPECT_TRUE(mentions(view.next_action, "put module 11")) << view.next_action;
    // What is left must not be taken away, and every pair says so.
    EXPECT_EQ(view.modules.at(10).blockers.size(), 2U);
    EXPECT_TRUE(view.modules.at(11).blockers.empty());
}

TEST(View, ModuleTakenOut) {
    ft::Facts facts = pulled();
    facts.inventory = test::server();
    facts.kernel.modules[1].state = FT_MODULE_STATE_OFFLINE;
    facts.kernel.modules[1].reason = FT_REASON_ISOLATED;
    const ft::SystemView view = ft::compose(facts);
    EXPECT_EQ(view.modules.at(11).state, FT_MODULE_STATE_OFFLINE);
    EXPECT_TRUE(mentions(view.modules.at(11).next_action, "ftctl module online 11"));
}

TEST(View, ModuleHeld) {
    ft::Facts facts = pulled(); // its devices are gone, the card is not
    facts.kernel.modules[1].state = FT_MODULE_STATE_OFFLINE;
    facts.kernel.modules[1].reason = FT_REASON_ISOLATED;
    facts.kernel.modules[1].card = FT_CARD_HELD;
    ft::SystemView view = ft::compose(facts);
    EXPECT_EQ(view.modules.at(11).state, FT_MODULE_STATE_OFFLINE);
    EXPECT_EQ(view.modules.at(11).requested, FT_MODULE_STATE_OFFLINE);
    EXPECT_TRUE(mentions(view.next_action, "ftctl module online 11"));
    EXPECT_TRUE(view.alerts.empty());
    for (const ft_reason reason : {FT_REASON_FATAL_ERROR, FT_REASON_POWER_FAULT}) {
        facts.kernel.modules[1].reason = reason;
        view = ft::compose(facts);
        EXPECT_EQ(view.modules.at(11).state, FT_MODULE_STATE_BROKEN);
        EXPECT_EQ(view.modules.at(11).requested, FT_MODULE_STATE_ONLINE);
        EXPECT_TRUE(mentions(view.next_action, "replace module 11"));
        EXPECT_FALSE(view.alerts.empty());
    }
    // Pulled, or nothing comes up in the slot.
    facts.kernel.modules[1].card = FT_CARD_ABSENT;
    EXPECT_EQ(ft::compose(facts).modules.at(11).next_action, "put module 11 back");
    facts.kernel.modules[1].card = FT_CARD_PRESENT;
    EXPECT_TRUE(mentions(ft::compose(facts).modules.at(11).next_action, "does not answer"));
}

TEST(View, WhatNoPairProtectsStandsAgainstARemoval) {
    ft::Facts facts = duplex();
    ft::Nic nic = test::nic("0000:00:05.0", "0000:02:00.7", "eth7", 7);
    facts.inventory.nics.push_back(nic);
    ft::place(facts.inventory, test::modules);
    EXPECT_TRUE(ft::compose(facts).modules.at(11).blockers.empty());
    facts.inventory.nics.back().addressed = true;
    ASSERT_EQ(ft::compose(facts).modules.at(11).blockers.size(), 1U);
    EXPECT_TRUE(mentions(ft::compose(facts).modules.at(11).blockers[0],
                         "11/7 (eth7) is in no pair and has an IP address"));
    facts.inventory.nics.back().master = "br0";
    EXPECT_TRUE(mentions(ft::compose(facts).modules.at(11).blockers[0], "in use by br0"));
}

TEST(View, ButtonPressed) {
    ft::Facts facts = duplex();
    facts.kernel.modules[1].card = FT_CARD_LEAVING;
    EXPECT_EQ(ft::compose(facts).modules.at(11).next_action, "");
    facts.kernel.pairs[1].state = FT_PAIR_STATE_SIMPLEX;
    facts.kernel.pairs[1].members[0].state = FT_MEMBER_STATE_FAULTY;
    facts.kernel.pairs[1].members[0].reason = FT_REASON_IO_ERROR;
    EXPECT_TRUE(mentions(ft::compose(facts).modules.at(11).next_action, "press it again"));
}

TEST(View, Resync) {
    ft::Facts facts = duplex();
    ft::KernelPair &mirror = facts.kernel.pairs[1];
    mirror.state = FT_PAIR_STATE_SYNCING;
    mirror.members[1].state = FT_MEMBER_STATE_SYNCING;
    mirror.members[1].reason = FT_REASON_RESYNC;
    const ft::SystemView view = ft::compose(facts);
    EXPECT_EQ(view.state, FT_PAIR_STATE_SYNCING);
    EXPECT_EQ(view.modules.at(11).state, FT_MODULE_STATE_SYNCING);
    // The source of a copy is the last good leg.
    ASSERT_EQ(view.modules.at(10).blockers.size(), 1U);
    EXPECT_TRUE(
        mentions(view.modules.at(10).blockers[0], "ftm0 would lose its last good member, 10/1"));
    EXPECT_TRUE(view.modules.at(11).blockers.empty());
}

TEST(View, EveryReasonOfAMember) {
    const std::pair<ft_reason, ft_module_state> reasons[] = {
        {FT_REASON_NEVER_THERE, FT_MODULE_STATE_ONLINE},
        {FT_REASON_REMOVED, FT_MODULE_STATE_ONLINE},
        {FT_REASON_ISOLATED, FT_MODULE_STATE_ONLINE},
        {FT_REASON_OPERATOR, FT_MODULE_STATE_ONLINE},
        {FT_REASON_LINK_DOWN, FT_MODULE_STATE_ONLINE},
        {FT_REASON_ADMIN_DOWN, FT_MODULE_STATE_ONLINE},
        {FT_REASON_PATH_DEAD, FT_MODULE_STATE_ONLINE},
        {FT_REASON_PATH_TX_DEAD, FT_MODULE_STATE_ONLINE},
        {FT_REASON_PATH_RX_DEAD, FT_MODULE_STATE_ONLINE},
        {FT_REASON_TX_STALLED, FT_MODULE_STATE_BROKEN},
        {FT_REASON_IO_ERROR, FT_MODULE_STATE_BROKEN},
        {FT_REASON_TIMEOUT, FT_MODULE_STATE_BROKEN},
        {FT_REASON_SPLIT_BRAIN, FT_MODULE_STATE_BROKEN},
        {FT_REASON_FOREIGN, FT_MODULE_STATE_BROKEN},
        {FT_REASON_BLANK, FT_MODULE_STATE_BROKEN},
        {FT_REASON_DAMAGED, FT_MODULE_STATE_BROKEN},
        {FT_REASON_INCONSISTENT, FT_MODULE_STATE_BROKEN},
        {FT_REASON_RECORD_FAILED, FT_MODULE_STATE_BROKEN},
        {FT_REASON_NEWER_LEG, FT_MODULE_STATE_BROKEN}};
    for (const auto &[reason, state] : reasons) {
        for (const std::size_t pair : {0U, 1U}) {
            ft::Facts facts = duplex();
            facts.kernel.pairs[pair].state = FT_PAIR_STATE_SIMPLEX;
            facts.kernel.pairs[pair].members[1].state = FT_MEMBER_STATE_FAULTY;
            facts.kernel.pairs[pair].members[1].reason = reason;
            const ft::SystemView view = ft::compose(facts);
            EXPECT_EQ(view.modules.at(11).state, state) << ft::name(reason);
            EXPECT_FALSE(view.next_action.empty()) << ft::name(reason);
            EXPECT_EQ(view.state, FT_PAIR_STATE_SIMPLEX);
        }
    }
    for (const ft_reason reason : {FT_REASON_STALE, FT_REASON_CLEAN_UP, FT_REASON_FAILBACK}) {
        ft::Facts facts = duplex(); // cures itself: nothing to do
        facts.kernel.pairs[1].state = FT_PAIR_STATE_SIMPLEX;
        facts.kernel.pairs[1].members[1] = {FT_MEMBER_STATE_STALE, reason, 0, "nvme1n1"};
        EXPECT_EQ(ft::compose(facts).modules.at(11).state, FT_MODULE_STATE_ONLINE);
        EXPECT_EQ(ft::compose(facts).next_action, "");
    }
}

TEST(View, FindingsTellWhyAMemberIsNotUsed) {
    ft::Facts facts = pulled();
    facts.inventory = test::server();
    ft::PairFindings &findings = facts.findings["ftm0"];
    findings.members[1] = {FT_MEMBER_STATE_FOREIGN, FT_REASON_BLANK};
    findings.actions[1] = "say so";
    ft::SystemView view = ft::compose(facts);
    EXPECT_EQ(view.mirrors.at("ftm0").members[1].state, FT_MEMBER_STATE_FOREIGN);
    EXPECT_EQ(view.mirrors.at("ftm0").next_action, "say so");
    EXPECT_EQ(view.modules.at(11).state, FT_MODULE_STATE_BROKEN);
    // A member in use is as the kernel says, whatever was found earlier.
    facts.kernel.pairs = duplex().kernel.pairs;
    view = ft::compose(facts);
    EXPECT_EQ(view.mirrors.at("ftm0").members[1].state, FT_MEMBER_STATE_IN_SYNC);
    EXPECT_EQ(view.mirrors.at("ftm0").next_action, "");
}

TEST(View, MirrorThatDoesNotRun) {
    ft::Facts facts = duplex();
    facts.kernel.pairs.pop_back();
    EXPECT_EQ(ft::compose(facts).mirrors.at("ftm0").next_action, ""); // being started
    facts.findings["ftm0"] = {FT_REASON_SPLIT_BRAIN, "choose", {}, {}, 5};
    const ft::SystemView view = ft::compose(facts);
    EXPECT_EQ(view.mirrors.at("ftm0").state, FT_PAIR_STATE_BROKEN);
    EXPECT_EQ(view.mirrors.at("ftm0").reason, FT_REASON_SPLIT_BRAIN);
    EXPECT_EQ(view.mirrors.at("ftm0").since, 5U);
    EXPECT_EQ(view.next_action, "choose");
    EXPECT_EQ(view.state, FT_PAIR_STATE_BROKEN);
}

TEST(View, BondPortsInTheOrderOfTheConfiguration) {
    ft::Facts facts = duplex();
    std::swap(facts.kernel.pairs[0].members[0], facts.kernel.pairs[0].members[1]);
    const ft::PairView bond = ft::compose(facts).bonds.at("ftb0");
    EXPECT_EQ(bond.members[0].path, "10/0");
    EXPECT_EQ(bond.members[0].name, "eth0");
    EXPECT_EQ(bond.members[0].state, FT_MEMBER_STATE_ACTIVE);
}

TEST(View, RunningPairThatIsNotConfigured) {
    ft::Facts facts = duplex();
    facts.config.bonds.clear();
    const ft::PairView bond = ft::compose(facts).bonds.at("ftb0");
    EXPECT_FALSE(bond.configured);
    EXPECT_EQ(bond.members[0].path, "10/0");
    EXPECT_TRUE(mentions(bond.next_action, "not in the configuration"));
}

TEST(View, NoConfigurationNoKernel) {
    ft::Facts facts;
    ft::SystemView view = ft::compose(facts);
    EXPECT_EQ(view.state, FT_PAIR_STATE_BROKEN);
    EXPECT_EQ(view.summary, "no configuration");
    EXPECT_TRUE(mentions(view.next_action, "ftctl setup"));

    facts.config_state = ft::ConfigState::refused;
    facts.config_error = "ftd.conf:1: no";
    view = ft::compose(facts);
    EXPECT_EQ(view.summary, "configuration refused: ftd.conf:1: no");

    facts.config_state = ft::ConfigState::ok;
    EXPECT_EQ(ft::compose(facts).summary, "no pair is configured");

    facts = duplex();
    facts.kernel = {};
    view = ft::compose(facts);
    EXPECT_EQ(view.summary, "the kernel modules are not loaded");
    EXPECT_TRUE(mentions(view.next_action, "modprobe"));
}

TEST(View, WorstPairSpeaks) {
    ft::Facts facts = pulled();
    facts.kernel.pairs[0].state = FT_PAIR_STATE_BROKEN;
    facts.kernel.pairs[0].members[0] = {FT_MEMBER_STATE_FAULTY, FT_REASON_LINK_DOWN, 3, "eth0"};
    const ft::SystemView view = ft::compose(facts);
    EXPECT_EQ(view.state, FT_PAIR_STATE_BROKEN);
    EXPECT_TRUE(mentions(view.summary, "ftb0 is BROKEN")) << view.summary;
}

TEST(Names, ComeFromTheTables) {
    EXPECT_EQ(ft::name(FT_PAIR_STATE_DUPLEX), "DUPLEX");
    EXPECT_EQ(ft::name(FT_MEMBER_STATE_IN_SYNC), "IN_SYNC");
    EXPECT_EQ(ft::name(static_cast<ft_reason>(31)), "UNKNOWN");
    EXPECT_EQ(ft::reason_text("NONE"), "");
    EXPECT_EQ(ft::reason_text("no such"), "");
    EXPECT_EQ(ft::reason_text("LINK_DOWN"), "no carrier");
    EXPECT_EQ(ft::reason_text("ISOLATED"), ft::text(FT_REASON_ISOLATED));
}

// A mirror is known a moment before its legs are looked at: that is no state yet.
TEST(View, AMirrorThatHasNotBegun) {
    ft::Facts facts = duplex();
    for (ft::KernelMember &member : facts.kernel.pairs[1].members)
        member = {FT_MEMBER_STATE_MISSING, FT_REASON_NEVER_THERE, 0, ""};
    EXPECT_FALSE(ft::compose(facts).mirrors.at("ftm0").running);
    facts.kernel.pairs[1].members[0] = {FT_MEMBER_STATE_MISSING, FT_REASON_REMOVED, 9, ""};
    EXPECT_TRUE(ft::compose(facts).mirrors.at("ftm0").running);
}

// After an event only what it is about is composed anew, and the whole is the same.
TEST(View, OnePairAnew) {
    std::mt19937 random(1);
    ft::Facts facts = duplex();
    facts.kernel.modules[0].card = FT_CARD_LEAVING; // its blockers are told in NextAction
    ft::SystemView view = ft::compose(facts);
    const ft_member_state states[] = {FT_MEMBER_STATE_ACTIVE,  FT_MEMBER_STATE_IN_SYNC,
                                      FT_MEMBER_STATE_SYNCING, FT_MEMBER_STATE_FAULTY,
                                      FT_MEMBER_STATE_MISSING, FT_MEMBER_STATE_STALE};
    const ft_pair_state pair_states[] = {FT_PAIR_STATE_DUPLEX, FT_PAIR_STATE_SIMPLEX,
                                         FT_PAIR_STATE_SYNCING, FT_PAIR_STATE_BROKEN};
    for (int i = 0; i < 2000; i++) {
        ft::KernelPair &pair = facts.kernel.pairs[random() % 2];
        ft::KernelMember &member = pair.members[random() % 2];
        member.state = states[random() % 6];
        member.reason = static_cast<ft_reason>(random() % 28);
        member.since = pair.since = static_cast<std::uint64_t>(i);
        pair.state = pair_states[random() % 4];
        pair.reason = member.reason;
        if (random() % 4 == 0)
            facts.findings[pair.name].members[random() % 2] = {FT_MEMBER_STATE_STALE,
                                                               FT_REASON_SPLIT_BRAIN};
        if (random() % 4 == 0)
            facts.findings.erase(pair.name);
        view = ft::compose(facts, view, {pair.name});
        ASSERT_EQ(view, ft::compose(facts)) << "step " << i;
    }
}

} // namespace
