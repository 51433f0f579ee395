// SPDX-License-Identifier: GPL-2.0
// What the kernel tells of changes, put into what it said when it was asked for all.
#include <gtest/gtest.h>

#include "ftd/model/kernel_state.hpp"
#include "tests/unit/hardware.hpp"

namespace {

ft::KernelModule module(std::uint32_t id, ft_module_state state, std::uint64_t seq = 0) {
    ft::KernelModule module;
    module.id = id;
    module.state = state;
    module.seq = seq;
    return module;
}

ft::KernelState dumped(std::uint64_t seq) {
    ft::KernelState state;
    state.loaded = true;
    state.seq = seq;
    for (const std::uint32_t id : {10U, 11U})
        state.modules.push_back(module(id, FT_MODULE_STATE_ONLINE, seq));
    state.pairs = {test::running(FT_PAIR_BOND, FT_PAIR_STATE_DUPLEX),
                   test::running(FT_PAIR_MIRROR, FT_PAIR_STATE_DUPLEX)};
    for (ft::KernelPair &pair : state.pairs)
        pair.seq = seq;
    return state;
}

ft::KernelEvent event(std::uint64_t seq, ft_pair_type type, ft_pair_state state) {
    ft::KernelPair pair = test::running(type, FT_PAIR_STATE_DUPLEX);
    pair.state = state;
    return {seq, false, pair};
}

TEST(KernelState, AnEventChangesItsPair) {
    ft::KernelState state = dumped(5);
    const ft::KernelChange change = state.apply({event(6, FT_PAIR_BOND, FT_PAIR_STATE_SIMPLEX)});
    EXPECT_FALSE(change.lost);
    EXPECT_FALSE(change.objects);
    EXPECT_EQ(change.pairs, std::set<std::string>{"ftb0"});
    EXPECT_EQ(state.pair(FT_PAIR_BOND, "ftb0")->state, FT_PAIR_STATE_SIMPLEX);
    EXPECT_EQ(state.pair(FT_PAIR_MIRROR, "ftm0")->state, FT_PAIR_STATE_DUPLEX);
}

TEST(KernelState, WhatADumpHasIsOld) {
    ft::KernelState state = dumped(5);
    state.pairs[1].seq = 8; // its answer was made later than the first
    ft::KernelChange change = state.apply({event(4, FT_PAIR_BOND, FT_PAIR_STATE_BROKEN),
                                           event(5, FT_PAIR_BOND, FT_PAIR_STATE_BROKEN)});
    EXPECT_TRUE(change.pairs.empty());
    change = state.apply({event(6, FT_PAIR_MIRROR, FT_PAIR_STATE_BROKEN),
                          event(7, FT_PAIR_MIRROR, FT_PAIR_STATE_SYNCING),
                          event(8, FT_PAIR_MIRROR, FT_PAIR_STATE_BROKEN)});
    EXPECT_FALSE(change.lost);
    EXPECT_TRUE(change.pairs.empty());
    for (const ft::KernelPair &pair : state.pairs)
        EXPECT_EQ(pair.state, FT_PAIR_STATE_DUPLEX);
    change = state.apply({event(9, FT_PAIR_MIRROR, FT_PAIR_STATE_SIMPLEX)});
    EXPECT_EQ(change.pairs, std::set<std::string>{"ftm0"});
}

TEST(KernelState, AGapIsALoss) {
    ft::KernelState state = dumped(5);
    EXPECT_TRUE(state.apply({event(7, FT_PAIR_BOND, FT_PAIR_STATE_SIMPLEX)}).lost);
    EXPECT_EQ(state.pair(FT_PAIR_BOND, "ftb0")->state, FT_PAIR_STATE_DUPLEX);
}

TEST(KernelState, PairsComeAndGo) {
    ft::KernelState state = dumped(5);
    ft::KernelPair other = test::running(FT_PAIR_BOND, FT_PAIR_STATE_DUPLEX);
    other.name = "ftb1";
    EXPECT_TRUE(state.apply({{6, false, other}}).objects);
    ASSERT_NE(state.pair(FT_PAIR_BOND, "ftb1"), nullptr);
    ft::KernelPair name_only;
    name_only.type = FT_PAIR_BOND;
    name_only.name = "ftb0";
    EXPECT_TRUE(state.apply({{7, true, name_only}}).objects);
    EXPECT_EQ(state.pair(FT_PAIR_BOND, "ftb0"), nullptr);
    name_only.name = "never";
    EXPECT_FALSE(state.apply({{8, true, name_only}}).objects);
    EXPECT_EQ(state.seq, 8U);
}

TEST(KernelState, AnotherDeviceIsAnotherObject) {
    ft::KernelState state = dumped(5);
    ft::KernelEvent moved = event(6, FT_PAIR_BOND, FT_PAIR_STATE_DUPLEX);
    std::get<ft::KernelPair>(moved.object).members[1].device = "eth7";
    EXPECT_TRUE(state.apply({moved}).objects);
}

TEST(KernelState, Modules) {
    ft::KernelState state = dumped(5);
    EXPECT_TRUE(state.apply({{6, false, module(11, FT_MODULE_STATE_OFFLINE)}}).objects);
    EXPECT_EQ(state.module(11)->state, FT_MODULE_STATE_OFFLINE);
    EXPECT_TRUE(state.apply({{7, true, module(11, FT_MODULE_STATE_ONLINE)}}).objects);
    EXPECT_EQ(state.module(11), nullptr);
    EXPECT_FALSE(state.apply({{8, true, module(11, FT_MODULE_STATE_ONLINE)}}).objects);
    EXPECT_TRUE(state.apply({{9, false, module(12, FT_MODULE_STATE_ONLINE)}}).objects);
    EXPECT_NE(state.module(12), nullptr);
}

} // namespace
