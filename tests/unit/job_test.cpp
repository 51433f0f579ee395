// SPDX-License-Identifier: GPL-2.0
#include <gtest/gtest.h>

#include "ftd/model/view.hpp"

namespace {

constexpr std::uint64_t s = 1000000000; // in nanoseconds

ft::SystemView mirror(ft_pair_state state, ft_reason reason = FT_REASON_RESYNC) {
    ft::SystemView view;
    ft::PairView &pair = view.mirrors["ftm0"];
    pair.name = "ftm0";
    pair.running = true;
    pair.state = state;
    pair.reason = reason;
    pair.since = 3 * s;
    return view;
}

TEST(Job, BeginsAndEndsWithTheCopying) {
    ft::Jobs jobs;
    EXPECT_TRUE(jobs.update(mirror(FT_PAIR_STATE_SIMPLEX), {}, s).begun.empty());
    const auto change = jobs.update(mirror(FT_PAIR_STATE_SYNCING), {{"ftm0", 100}}, 4 * s);
    ASSERT_EQ(change.begun.size(), 1U);
    const ft::Job *job = jobs.find(change.begun[0]);
    ASSERT_NE(job, nullptr);
    EXPECT_EQ(job->kind, "RESYNC");
    EXPECT_EQ(job->since, 3 * s);
    EXPECT_TRUE(jobs.update(mirror(FT_PAIR_STATE_SYNCING), {}, 5 * s).begun.empty());
    const auto end = jobs.update(mirror(FT_PAIR_STATE_DUPLEX), {}, 6 * s);
    ASSERT_EQ(end.ended.size(), 1U);
    EXPECT_EQ(end.ended[0].result, "done");
    EXPECT_TRUE(jobs.all().empty());
    EXPECT_EQ(jobs.find(change.begun[0]), nullptr);
}

TEST(Job, EndsOtherwise) {
    ft::Jobs jobs;
    jobs.update(mirror(FT_PAIR_STATE_SYNCING), {}, s);
    auto end = jobs.update(mirror(FT_PAIR_STATE_SIMPLEX), {}, s);
    ASSERT_EQ(end.ended.size(), 1U);
    EXPECT_EQ(end.ended[0].result, "failed");

    const auto id = jobs.update(mirror(FT_PAIR_STATE_SYNCING), {}, s).begun.at(0);
    jobs.find(id)->cancelled = true;
    end = jobs.update(mirror(FT_PAIR_STATE_SIMPLEX), {}, s);
    EXPECT_EQ(end.ended.at(0).result, "cancelled");

    jobs.update(mirror(FT_PAIR_STATE_SYNCING), {}, s);
    EXPECT_EQ(jobs.update({}, {}, s).ended.at(0).result, "failed") << "the mirror is gone";
}

TEST(Job, Scrub) {
    ft::Jobs jobs;
    const auto scrub = mirror(FT_PAIR_STATE_DUPLEX, FT_REASON_SCRUB);
    const auto duplex = mirror(FT_PAIR_STATE_DUPLEX, FT_REASON_NONE);
    const auto id = jobs.update(scrub, {}, s).begun.at(0);
    EXPECT_EQ(jobs.find(id)->kind, "SCRUB");
    EXPECT_EQ(jobs.update(duplex, {}, s).ended.at(0).result, "done");

    jobs.find(jobs.update(scrub, {}, s).begun.at(0))->cancelled = true;
    EXPECT_EQ(jobs.update(duplex, {}, s).ended.at(0).result, "cancelled");

    jobs.update(scrub, {}, s);
    EXPECT_EQ(jobs.update(mirror(FT_PAIR_STATE_SIMPLEX), {}, s).ended.at(0).result, "failed");
}

TEST(Job, OneWorkFollowsAnother) {
    ft::Jobs jobs;
    jobs.update(mirror(FT_PAIR_STATE_DUPLEX, FT_REASON_CLEAN_UP), {}, s);
    const auto change = jobs.update(mirror(FT_PAIR_STATE_SYNCING), {}, 2 * s);
    ASSERT_EQ(change.ended.size(), 1U);
    EXPECT_EQ(change.ended[0].job.kind, "CLEAN_UP");
    EXPECT_EQ(change.ended[0].result, "done");
    ASSERT_EQ(change.begun.size(), 1U);
    EXPECT_EQ(jobs.find(change.begun[0])->kind, "RESYNC");
}

TEST(Job, AfterAPanic) {
    const auto at = [](const char *kind, bool complete, const char *state) {
        ft::SystemView view;
        view.dump.state = state;
        view.dump.work = {kind, *kind ? "1" : "", 0};
        view.dump.dumps["1"] = {.id = "1", .complete = complete};
        return view;
    };
    ft::Jobs jobs;
    auto id = jobs.update(at("SAVE_DUMP", false, "OPEN"), {}, s).begun.at(0);
    EXPECT_EQ(jobs.find(id)->subject, "1");
    auto change = jobs.update(at("RETURN_MEMORY", true, "SEALED"), {}, 2 * s);
    EXPECT_EQ(change.ended.at(0).result, "done");
    id = change.begun.at(0);
    EXPECT_EQ(jobs.find(id)->kind, "RETURN_MEMORY");
    EXPECT_EQ(jobs.update(at("", true, "RETURNED"), {}, s).ended.at(0).result, "done");

    id = jobs.update(at("SAVE_DUMP", false, "OPEN"), {}, s).begun.at(0);
    EXPECT_EQ(jobs.update(at("RETURN_MEMORY", false, "OPEN"), {}, s).ended.at(0).result, "failed");
    EXPECT_EQ(jobs.update(at("", false, "QUIESCED"), {}, s).ended.at(0).result, "failed");
    id = jobs.update(at("SAVE_DUMP", false, "OPEN"), {}, s).begun.at(0);
    jobs.find(id)->cancelled = true;
    EXPECT_EQ(jobs.update(at("", false, "OPEN"), {}, s).ended.at(0).result, "cancelled");
}

TEST(Job, RateAndRemainingTime) {
    ft::Job job;
    job.first_seen = 10 * s;
    job.first_done = 1000;
    EXPECT_EQ(ft::progress_of(job, 2000, 9000, 10 * s).rate, 0U) << "no time has passed";
    EXPECT_EQ(ft::progress_of(job, 1000, 9000, 20 * s).rate, 0U) << "nothing was copied";
    const ft::Progress progress = ft::progress_of(job, 3000, 9000, 20 * s);
    EXPECT_EQ(progress.rate, 200U);
    EXPECT_EQ(progress.remaining_s, 30U);
    EXPECT_EQ(ft::progress_of(job, 9500, 9000, 20 * s).done, 9000U);
    EXPECT_EQ(ft::progress_of(job, 1001, 9000, 20 * s).rate, 0U) << "slower than 1 byte/s";
}

} // namespace
