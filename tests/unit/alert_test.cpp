// SPDX-License-Identifier: GPL-2.0
#include <gtest/gtest.h>

#include "ftd/model/alert.hpp"

namespace {

ft::SystemView view(ft_pair_state state) {
    ft::SystemView view;
    view.config_state = ft::ConfigState::ok;
    for (auto *pairs : {&view.bonds, &view.mirrors}) {
        ft::PairView &pair = (*pairs)["p0"];
        pair.name = "p0";
        pair.state = state;
        pair.reason = FT_REASON_REMOVED;
        pair.since = 7;
        pair.next_action = "put it back";
    }
    view.modules[11].id = 11;
    view.modules[11].state = FT_MODULE_STATE_ONLINE;
    return view;
}

TEST(Alert, NoneWhenAllIsWellOrOnTheWay) {
    EXPECT_TRUE(ft::list_alerts(view(FT_PAIR_STATE_DUPLEX)).empty());
    EXPECT_TRUE(ft::list_alerts(view(FT_PAIR_STATE_SYNCING)).empty());
}

TEST(Alert, Pairs) {
    const auto simplex = ft::list_alerts(view(FT_PAIR_STATE_SIMPLEX));
    ASSERT_EQ(simplex.size(), 2U);
    EXPECT_EQ(simplex[0], (ft::Alert{"mirror/p0", "warning",
                                     "mirror p0 is SIMPLEX (the device was removed from the "
                                     "machine)",
                                     "put it back", 7}));
    EXPECT_EQ(simplex[1].id, "bond/p0");
    EXPECT_EQ(ft::list_alerts(view(FT_PAIR_STATE_BROKEN))[0].severity, "critical");
}

TEST(Alert, NotOfWhatAnOperatorWanted) {
    ft::SystemView wanted = view(FT_PAIR_STATE_SIMPLEX);
    wanted.mirrors["p0"].requested = FT_PAIR_STATE_SIMPLEX;
    wanted.bonds["p0"].requested = FT_PAIR_STATE_SIMPLEX;
    EXPECT_TRUE(ft::list_alerts(wanted).empty());
    wanted.bonds["p0"].state = FT_PAIR_STATE_BROKEN;
    EXPECT_EQ(ft::list_alerts(wanted).size(), 1U) << "nobody wants a pair to be broken";
}

TEST(Alert, ModuleDeviceAndConfiguration) {
    ft::SystemView bad = view(FT_PAIR_STATE_DUPLEX);
    bad.modules[11].state = FT_MODULE_STATE_BROKEN;
    bad.modules[11].reason = FT_REASON_IO_ERROR;
    ft::FaultView fault;
    fault.device = "11/1";
    fault.count = 3;
    bad.faults = {fault};
    bad.config_state = ft::ConfigState::refused;
    bad.config_error = "line 3";
    EXPECT_EQ(ft::list_alerts(bad).size(), 2U) << "a fault that is tried again is no alert";
    bad.faults[0].given_up = true;
    const auto alerts = ft::list_alerts(bad);
    ASSERT_EQ(alerts.size(), 3U);
    EXPECT_EQ(alerts[0].id, "configuration");
    EXPECT_EQ(alerts[1].id, "module/11");
    EXPECT_EQ(alerts[2].id, "device/11/1");
    EXPECT_NE(alerts[2].next_action.find("ftctl fault clear 11/1"), std::string::npos);
    EXPECT_NE(alerts[2].next_action.find("ftctl module online 11\""), std::string::npos);
}

} // namespace
