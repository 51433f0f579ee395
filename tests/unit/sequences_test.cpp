// SPDX-License-Identifier: GPL-2.0
// Random events over a server of two modules, with the kernel's own behaviour
// played by a few lines: whatever happens, a pair works if there is a member it
// could work on, and nothing is done for ever.
#include <array>
#include <random>

#include <gtest/gtest.h>

#include "ftd/model/view.hpp"
#include "tests/unit/hardware.hpp"

namespace {

using Use = ft::FaultBook::Use;
constexpr std::uint64_t s = 1000000; // in microseconds

struct Device {
    bool there = true, sound = true;
    bool used = true;    // a member of its pair
    bool current = true; // leg: holds all data
    ft_reason reason = FT_REASON_NONE;
    std::uint64_t since = 1;
};

class Server {
  public:
    explicit Server(unsigned seed) : random_(seed) {
        facts_.config = test::config();
        facts_.config_state = ft::ConfigState::ok;
        facts_.kernel.loaded = true;
        const ft::Restart restarts[] = {ft::Restart::threshold, ft::Restart::never,
                                        ft::Restart::always};
        facts_.config.faults.restart = restarts[seed % 3];
    }

    void run(int steps) {
        for (int i = 0; i < steps; i++) {
            now_ += (1 + random_() % 30) * s;
            event();
            settle();
            check();
        }
    }

    std::string story; // for when it fails

  private:
    Device &at(std::size_t pair, std::size_t module) { return devices_[pair][module]; }

    bool works(std::size_t pair) { return at(pair, 0).used || at(pair, 1).used; }

    void lose(std::size_t pair, std::size_t module, ft_reason reason) {
        Device &device = at(pair, module);
        if (!device.used)
            return;
        device.used = false;
        device.reason = reason;
        device.since = now_;
        // The survivor of a mirror goes on alone; without one nobody does.
        if (pair == 1 && at(1, 1 - module).used)
            device.current = false;
    }

    void event() {
        const std::size_t module = random_() % 2, pair = random_() % 2;
        const auto tell = [&](const char *what) {
            story += what + (" " + std::to_string(module)) + "/" + std::to_string(pair) + "\n";
        };
        switch (random_() % 7) {
        case 0:
            tell("pull");
            for (std::size_t p = 0; p < 2; p++) {
                lose(p, module, FT_REASON_REMOVED);
                at(p, module).there = false;
            }
            offline_[module] = false;
            break;
        case 1:
            tell("insert");
            for (std::size_t p = 0; p < 2; p++)
                at(p, module).there = true;
            break;
        case 2:
            tell("device fails");
            at(pair, module).sound = false;
            lose(pair, module, FT_REASON_IO_ERROR);
            break;
        case 3:
            tell("device recovers");
            at(pair, module).sound = true;
            break;
        case 4:
            tell("remove");
            if (view().modules.at(static_cast<std::uint32_t>(10 + module)).blockers.empty()) {
                offline_[module] = true;
                for (std::size_t p = 0; p < 2; p++) {
                    const bool worked = works(p);
                    lose(p, module, FT_REASON_ISOLATED);
                    EXPECT_EQ(works(p), worked) << "the last side was cut off:\n" << story;
                }
            }
            break;
        case 5:
            tell("online");
            offline_[module] = false;
            for (std::size_t p = 0; p < 2; p++)
                facts_.faults.tried_again(path(p, module));
            break;
        case 6:
            tell("clear");
            facts_.faults.clear(path(pair, module));
            break;
        }
    }

    static std::string path(std::size_t pair, std::size_t module) {
        return std::to_string(10 + module) + "/" + std::to_string(pair);
    }

    ft::SystemView view() {
        facts_.inventory = test::server();
        facts_.kernel.modules.clear();
        facts_.kernel.pairs = {test::running(FT_PAIR_BOND, FT_PAIR_STATE_DUPLEX),
                               test::running(FT_PAIR_MIRROR, FT_PAIR_STATE_DUPLEX)};
        for (std::size_t m = 0; m < 2; m++)
            facts_.kernel.modules.push_back(
                {static_cast<std::uint32_t>(10 + m),
                 offline_[m] ? FT_MODULE_STATE_OFFLINE : FT_MODULE_STATE_ONLINE,
                 {},
                 offline_[m] ? FT_REASON_ISOLATED : FT_REASON_NONE,
                 1});
        for (std::size_t p = 0; p < 2; p++) {
            unsigned good = 0;
            for (std::size_t m = 0; m < 2; m++) {
                ft::KernelMember &member = facts_.kernel.pairs[p].members[m];
                if (at(p, m).used) {
                    good++;
                    continue;
                }
                member.state = at(p, m).there ? FT_MEMBER_STATE_FAULTY : FT_MEMBER_STATE_MISSING;
                member.reason = at(p, m).reason;
                member.since = at(p, m).since;
            }
            facts_.kernel.pairs[p].state = good == 2   ? FT_PAIR_STATE_DUPLEX
                                           : good == 1 ? FT_PAIR_STATE_SIMPLEX
                                                       : FT_PAIR_STATE_BROKEN;
        }
        return ft::compose(facts_);
    }

    // What ftd does until nothing more happens by itself.
    void settle() {
        for (int round = 0; round < 60; round++) {
            bool waiting = false;
            for (std::size_t p = 0; p < 2; p++)
                for (std::size_t m = 0; m < 2; m++) {
                    Device &device = at(p, m);
                    const std::string name = path(p, m);
                    const ft::FaultPolicy &policy = facts_.config.faults_of(name);
                    if (!device.used)
                        facts_.faults.lost(name, device.reason, device.since, policy,
                                           facts_.config.limits);
                    const bool last = !at(p, 1 - m).used;
                    if (device.used || !device.there || offline_[m])
                        continue;
                    const auto decision =
                        facts_.faults.decide(name, now_, last, facts_.config.limits);
                    if (decision.use == Use::later) {
                        waiting = true;
                        ASSERT_LE(decision.at, now_ + 600 * s) << story;
                    }
                    if (decision.use == Use::now)
                        take_in(p, m, last, policy);
                }
            for (std::size_t p = 0; p < 2; p++)
                if (at(p, 0).used && at(p, 1).used)
                    for (std::size_t m = 0; m < 2; m++)
                        facts_.faults.back(path(p, m));
            if (!waiting)
                return;
            now_ += 600 * s;
        }
        // A device that is not sound and the last one is tried for as long as it takes.
        for (std::size_t p = 0; p < 2; p++)
            for (std::size_t m = 0; m < 2; m++)
                if (!at(p, m).used && at(p, m).there && at(p, m).sound && !offline_[m] &&
                    at(p, 1 - m).used) {
                    EXPECT_NE(
                        facts_.faults.decide(path(p, m), now_, false, facts_.config.limits).use,
                        Use::later)
                        << story;
                }
    }

    void take_in(std::size_t p, std::size_t m, bool last, const ft::FaultPolicy &policy) {
        Device &device = at(p, m);
        // A leg that is behind cannot be used without the other.
        if (p == 1 && last && !device.current)
            return;
        if (!device.sound) {
            facts_.faults.not_back(path(p, m), FT_REASON_IO_ERROR, now_, policy,
                                   facts_.config.limits);
            return;
        }
        device.used = device.current = true;
        device.reason = FT_REASON_NONE;
    }

    void check() {
        const ft::SystemView now = view();
        for (std::size_t p = 0; p < 2; p++) {
            bool possible = false;
            for (std::size_t m = 0; m < 2; m++) {
                const Device &device = at(p, m);
                possible = possible || (device.there && device.sound && !offline_[m] &&
                                        (p == 0 || device.current));
            }
            EXPECT_EQ(works(p), possible) << "pair " << p << " after:\n" << story;
            const ft::PairView &pair = p ? now.mirrors.at("ftm0") : now.bonds.at("ftb0");
            EXPECT_EQ(pair.state == FT_PAIR_STATE_BROKEN, !works(p)) << story;
            if (pair.state != FT_PAIR_STATE_DUPLEX) {
                EXPECT_NE(pair.next_action, "") << story;
            }
        }
        EXPECT_EQ(ft::FaultBook::parse(facts_.faults.write()), facts_.faults);
    }

    std::mt19937 random_;
    std::uint64_t now_ = 1700000000 * s;
    std::array<std::array<Device, 2>, 2> devices_{};
    std::array<bool, 2> offline_{};
    ft::Facts facts_;
};

TEST(Sequences, APairWorksWhereverItCan) {
    for (unsigned seed = 0; seed < 99; seed++) {
        Server server(seed);
        server.run(60);
        if (HasFailure())
            FAIL() << "seed " << seed;
    }
}

} // namespace
