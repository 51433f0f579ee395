// SPDX-License-Identifier: GPL-2.0
#include <vector>

#include <gtest/gtest.h>

#include "ftd/bus/limits.hpp"

namespace {

constexpr std::uint64_t s = 1000000000; // in nanoseconds

TEST(Limits, CallsPerClient) {
    ft::Limits limits;
    unsigned answered = 0;
    for (int i = 0; i < 5000; i++)
        answered += limits.call(":1.1", s);
    EXPECT_EQ(answered, ft::Limits::calls_at_once);
    EXPECT_TRUE(limits.call(":1.2", s)) << "another one's calls are its own";
    for (int i = 0; i < 5000; i++)
        answered += limits.call(":1.1", 2 * s);
    EXPECT_EQ(answered, ft::Limits::calls_at_once + ft::Limits::calls_per_second);
}

TEST(Limits, ClientsThatCameAndWentAreForgotten) {
    ft::Limits limits;
    for (int i = 0; i < 100000; i++)
        EXPECT_TRUE(limits.call(":1." + std::to_string(i), s * static_cast<std::uint64_t>(i)));
    for (int i = 0; i < 1100; i++)
        limits.call(":1.7", 100000 * s);
    EXPECT_FALSE(limits.call(":1.7", 100000 * s)) << "one that is busy is not forgotten";
}

TEST(Limits, ChangesUnderWay) {
    auto limits = std::make_unique<ft::Limits>();
    std::vector<std::shared_ptr<void>> held;
    for (unsigned i = 0; i < ft::Limits::changes_per_client; i++) {
        held.push_back(limits->change(":1.1"));
        EXPECT_NE(held.back().use_count(), 0) << i;
    }
    EXPECT_EQ(limits->change(":1.1").use_count(), 0);
    held.pop_back();
    EXPECT_NE(limits->change(":1.1").use_count(), 0);
    for (int i = 2; held.size() < ft::Limits::changes; i++)
        held.push_back(limits->change(":1." + std::to_string(i)));
    EXPECT_EQ(limits->change(":1.99").use_count(), 0) << "all together have a limit, too";
    limits.reset();
    held.clear();
}

} // namespace
