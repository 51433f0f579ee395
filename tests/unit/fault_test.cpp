// SPDX-License-Identifier: GPL-2.0
#include <gtest/gtest.h>

#include "ftd/model/fault.hpp"

namespace {

using Use = ft::FaultBook::Use;
constexpr std::uint64_t s = 1000000; // in microseconds
constexpr std::uint64_t now = 1700000000 * s;
const ft::FaultLimits limits;

ft::FaultPolicy policy(ft::Restart restart = ft::Restart::threshold) {
    ft::FaultPolicy policy;
    policy.restart = restart;
    return policy;
}

Use use(const ft::FaultBook &book, std::uint64_t at, bool last = false) {
    return book.decide("11/1", at, last, limits).use;
}

// One fault, and a return that holds.
void fault(ft::FaultBook &book, std::uint64_t at, const ft::FaultPolicy &by = policy()) {
    EXPECT_TRUE(book.lost("11/1", FT_REASON_IO_ERROR, at, by, limits));
    if (!book.find("11/1")->given_up)
        book.back("11/1");
}

TEST(Fault, UnknownDeviceMayBeUsed) {
    EXPECT_EQ(use({}, now), Use::now);
}

TEST(Fault, TriedAgainAfterAWhile) {
    ft::FaultBook book;
    book.lost("11/1", FT_REASON_TIMEOUT, now, policy(), limits);
    EXPECT_EQ(use(book, now), Use::later);
    EXPECT_EQ(book.decide("11/1", now, false, limits).at, now + 5 * s);
    EXPECT_EQ(use(book, now + 5 * s), Use::now);
    EXPECT_EQ(book.find("11/1")->reason, FT_REASON_TIMEOUT);
}

TEST(Fault, ToldTwiceIsOneFault) {
    ft::FaultBook book;
    EXPECT_TRUE(book.lost("11/1", FT_REASON_IO_ERROR, now, policy(), limits));
    EXPECT_FALSE(book.lost("11/1", FT_REASON_IO_ERROR, now, policy(), limits));
    // By an ftd that was started anew, with a clock a little off.
    EXPECT_FALSE(book.lost("11/1", FT_REASON_IO_ERROR, now - s, policy(), limits));
    EXPECT_EQ(book.find("11/1")->count, 1U);
}

TEST(Fault, ThresholdNeedsBothCountAndRate) {
    ft::FaultBook often;
    fault(often, now);
    fault(often, now + 10 * s);
    EXPECT_EQ(use(often, now + 3600 * s), Use::now) << "not yet three";
    fault(often, now + 20 * s);
    EXPECT_EQ(ft::mtbf_s(*often.find("11/1")), 10U);
    EXPECT_EQ(use(often, now + 3600 * s), Use::given_up);

    ft::FaultBook seldom;
    for (std::uint64_t i = 0; i < 50; i++)
        fault(seldom, now + i * 86401 * s);
    EXPECT_EQ(seldom.find("11/1")->count, 50U);
    EXPECT_EQ(use(seldom, now + 50 * 86401 * s), Use::now);
}

TEST(Fault, NeverRestart) {
    ft::FaultBook book;
    fault(book, now, policy(ft::Restart::never));
    EXPECT_EQ(use(book, now + 86400 * s), Use::given_up);
}

TEST(Fault, AlwaysRestart) {
    ft::FaultBook book;
    for (std::uint64_t i = 0; i < 100; i++)
        fault(book, now + i * 10 * s, policy(ft::Restart::always));
    EXPECT_EQ(use(book, now + 1000 * s), Use::now);
}

TEST(Fault, ReturnsThatFailAreBounded) {
    for (const ft::Restart restart : {ft::Restart::threshold, ft::Restart::always}) {
        ft::FaultBook book;
        std::uint64_t at = now;
        book.lost("11/1", FT_REASON_IO_ERROR, at, policy(restart), limits);
        int tries = 0;
        while (use(book, at + 600 * s) != Use::given_up) {
            const auto decision = book.decide("11/1", at, false, limits);
            ASSERT_EQ(decision.use, Use::later);
            ASSERT_GT(decision.at, at);
            at = decision.at;
            book.not_back("11/1", FT_REASON_IO_ERROR, at, policy(restart), limits);
            ASSERT_LT(++tries, 10);
        }
        EXPECT_EQ(tries, 4) << "with the loss itself five in a row";
        EXPECT_EQ(at, now + (5 + 20 + 40 + 80) * s) << "each wait is longer";
    }
    ft::FaultPolicy unbounded = policy(ft::Restart::always);
    unbounded.attempts = 0;
    ft::FaultBook book;
    for (std::uint64_t i = 0; i < 100; i++)
        book.not_back("11/1", FT_REASON_IO_ERROR, now, unbounded, limits);
    EXPECT_EQ(book.decide("11/1", now, false, limits).at, now + 600 * s);
}

TEST(Fault, FailingOnTheWayBackCountsAsAFailedReturn) {
    ft::FaultBook book;
    for (std::uint64_t i = 0; i < 6; i++)
        book.lost("11/1", FT_REASON_IO_ERROR, now + i * 700 * s, policy(ft::Restart::always),
                  limits);
    EXPECT_EQ(use(book, now + 86400 * s), Use::given_up);
}

TEST(Fault, LastSideIsNeverKeptOut) {
    ft::FaultBook book;
    fault(book, now, policy(ft::Restart::never));
    EXPECT_EQ(use(book, now + 3600 * s, true), Use::now);
    for (int i = 0; i < 40; i++)
        book.lost("11/1", FT_REASON_REMOVED, now + static_cast<std::uint64_t>(i) * 10 * s, policy(),
                  limits);
    EXPECT_EQ(use(book, now + 400 * s, true), Use::now);
}

TEST(Fault, ManyAtOnceAreNotGivenUp) {
    ft::FaultBook book;
    for (int i = 0; i < 10; i++)
        book.lost("11/" + std::to_string(i), FT_REASON_IO_ERROR, now, policy(ft::Restart::never),
                  limits);
    const auto out = std::count_if(book.all().begin(), book.all().end(),
                                   [](const auto &entry) { return entry.second.given_up != 0; });
    EXPECT_EQ(static_cast<std::uint32_t>(out), limits.give_up);
    // An hour later it is no avalanche any more.
    book.lost("12/1", FT_REASON_IO_ERROR, now + 3601 * s, policy(ft::Restart::never), limits);
    EXPECT_NE(book.find("12/1")->given_up, 0U);
}

TEST(Fault, FlappingHasToStayAway) {
    ft::FaultBook book;
    for (std::uint64_t i = 1; i <= 9; i++)
        book.lost("11/1", FT_REASON_REMOVED, now + i * 10 * s, policy(), limits);
    EXPECT_EQ(use(book, now + 90 * s), Use::now);
    book.lost("11/1", FT_REASON_REMOVED, now + 100 * s, policy(), limits);
    EXPECT_EQ(use(book, now + 101 * s), Use::later);
    EXPECT_EQ(use(book, now + 110 * s), Use::now);
    book.lost("11/1", FT_REASON_REMOVED, now + 111 * s, policy(), limits);
    EXPECT_EQ(book.decide("11/1", now + 111 * s, false, limits).at, now + 131 * s);
    EXPECT_EQ(book.find("11/1")->count, 0U) << "being pulled is no fault of the device";
    // Pulled long ago counts no more.
    EXPECT_EQ(use(book, now + 900 * s), Use::now);
}

TEST(Fault, ClearedIsForgottenButNotTakenIn) {
    ft::FaultBook book;
    fault(book, now, policy(ft::Restart::never));
    EXPECT_TRUE(book.clear("11/1"));
    EXPECT_FALSE(book.clear("11/1"));
    EXPECT_FALSE(book.clear("10/1"));
    EXPECT_EQ(book.find("11/1")->retry_at, 0U) << "nothing is due by itself";
    EXPECT_FALSE(book.lost("11/1", FT_REASON_IO_ERROR, now, policy(), limits))
        << "the fault that was cleared is told by the kernel for as long as it lasts";
    EXPECT_EQ(use(book, now), Use::now);
}

TEST(Fault, TriedAgainKeepsThePast) {
    ft::FaultBook book;
    for (std::uint64_t i = 0; i < 3; i++)
        fault(book, now + i * 10 * s);
    book.tried_again("11/1");
    EXPECT_EQ(use(book, now + 30 * s), Use::now);
    fault(book, now + 40 * s);
    EXPECT_EQ(use(book, now + 3600 * s), Use::given_up) << "the fourth soon after the third";
    book.tried_again("10/7"); // of which nothing is known
    EXPECT_EQ(book.find("10/7"), nullptr);
}

TEST(Fault, ClockSetBack) {
    ft::FaultBook book;
    book.lost("11/1", FT_REASON_IO_ERROR, now + 86400 * s, policy(), limits);
    EXPECT_EQ(use(book, now), Use::now) << "no wait of a day";
    EXPECT_TRUE(book.lost("11/1", FT_REASON_IO_ERROR, now, policy(), limits));
    EXPECT_EQ(book.find("11/1")->count, 2U);
    EXPECT_FALSE(ft::mtbf_s(*book.find("11/1")).has_value());
    EXPECT_EQ(ft::FaultBook::parse(book.write()), book);
}

TEST(Fault, OnlyConfiguredPlacesAreKept) {
    ft::FaultBook book;
    fault(book, now);
    book.keep_only({"11/1", "10/1"});
    EXPECT_NE(book.find("11/1"), nullptr);
    book.keep_only({"10/1"});
    EXPECT_EQ(book.find("11/1"), nullptr);
}

TEST(Fault, WhatAnEarlierOneRemembered) {
    ft::FaultBook earlier, book;
    fault(earlier, now);
    earlier.lost("10/1", FT_REASON_TIMEOUT, now, policy(), limits);
    fault(book, now + 60 * s);
    book.remember(earlier);
    EXPECT_EQ(book.find("10/1")->count, 1U);
    EXPECT_EQ(book.find("11/1")->seen, now + 60 * s);
}

TEST(Fault, WrittenIsReadBack) {
    ft::FaultBook book;
    EXPECT_EQ(ft::FaultBook::parse(book.write()), book);
    for (std::uint64_t i = 0; i < 50; i++) {
        book.lost("11/1", FT_REASON_TIMEOUT, now + i * 100 * s, policy(), limits);
        book.lost("10/0.8", FT_REASON_REMOVED, now + i * 100 * s, policy(), limits);
    }
    EXPECT_EQ(ft::FaultBook::parse(book.write()), book);
}

TEST(Fault, BadStateIsRefused) {
    const std::string fault =
        R"("count":1,"times":[1],"reason":"IO_ERROR","seen":1,"attempts":0,"retry_at":0,)"
        R"("given_up":0,"losses":[])";
    const auto state = [](const std::string &device, const std::string &entry) {
        return R"({"version":1,"faults":{")" + device + "\":{" + entry + "}}}";
    };
    EXPECT_NO_THROW(ft::FaultBook::parse(state("11/1", fault)));
    const auto with = [&](std::string from, const std::string &to) {
        std::string text = fault;
        text.replace(text.find(from), from.size(), to);
        return state("11/1", text);
    };
    for (const std::string &bad :
         {std::string(), std::string("{"), std::string("[]"), std::string(100, '\0'),
          std::string(R"({"version":2,"faults":{}})"), std::string(R"({"version":1})"),
          state("eth0", fault), state("11/1", ""), with("IO_ERROR", "NONSENSE"),
          with("\"count\":1", "\"count\":\"1\""), with("[1]", "[2,1]"), with("[1]", "[null]")})
        EXPECT_THROW(ft::FaultBook::parse(bad), std::runtime_error) << bad;
}

TEST(Fault, WhatIsAFault) {
    for (int reason = 0; reason < 64; reason++)
        EXPECT_EQ(ft::is_fault(static_cast<ft_reason>(reason)),
                  reason == FT_REASON_IO_ERROR || reason == FT_REASON_TIMEOUT ||
                      reason == FT_REASON_RECORD_FAILED);
}

} // namespace
