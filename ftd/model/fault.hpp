// SPDX-License-Identifier: GPL-2.0
// Which device may be used again after it failed, and when: the memory of a
// fault tolerant server. A device fails by a fault of its own (an error, no
// answer); one that was pulled, or whose cable was, did not. A fault is counted
// against the place it sits at, "11/1".
//
// Whatever has happened, a device is never kept out where its pair has no other
// that works: the worst of two members is better than none.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ftd/common/state.hpp"

namespace ft {

enum class Restart {
    threshold, // try again, until it fails too often
    never,     // out at the first fault
    always,    // try again, however often it fails; only not if it never comes back
};

struct FaultPolicy {
    Restart restart = Restart::threshold;
    std::uint32_t mtbf_threshold_s = 86400; // failing more often than this on average ...
    std::uint32_t minimum_count = 3;        // ... after so many faults is too often
    std::uint32_t attempts = 5;             // returns that fail in a row; 0: no bound
    std::uint32_t retry_s = 5;              // before the first return; doubles with each
    bool operator==(const FaultPolicy &) const = default;
};

// Bounds for the whole server, whatever the devices' own policies say.
struct FaultLimits {
    std::uint32_t give_up = 4;           // devices given up within ...
    std::uint32_t give_up_span_s = 3600; // ... so long; more at once is no fault of theirs
    std::uint32_t flaps = 10;            // times a device may come and go within ...
    std::uint32_t flap_span_s = 600;     // ... so long before it has to stay a while
    bool operator==(const FaultLimits &) const = default;
};

// Times are microseconds since 1970.
struct Fault {
    std::uint64_t count = 0;          // since it was cleared
    std::vector<std::uint64_t> times; // of the latest ones
    ft_reason reason = FT_REASON_NONE;
    std::uint64_t seen = 0;            // of the latest that was told, cleared or not
    std::uint32_t attempts = 0;        // returns that failed since it worked last
    std::uint64_t retry_at = 0;        // 0: nothing is due
    std::uint64_t given_up = 0;        // since when; 0: it is not
    std::vector<std::uint64_t> losses; // when it went away by no fault, the latest ones
    bool operator==(const Fault &) const = default;
};

// Mean seconds between the faults; none: fewer than two.
std::optional<std::uint64_t> mtbf_s(const Fault &fault);

// What a member that is lost for this reason needs before it can be used again.
enum class Cure {
    none,   // nothing: it was somebody's wish, or passes by itself
    person, // a person must look, and decide
    repair, // the device itself failed
};
Cure cure_of(ft_reason reason);

// A fault of the device itself.
bool is_fault(ft_reason reason);

class FaultBook {
  public:
    enum class Use {
        now,
        later,    // at `at`
        given_up, // not before a person says so
    };
    struct Decision {
        Use use = Use::now;
        std::uint64_t at = 0;
    };

    // A member was lost at `when`; telling it twice counts once. True: news.
    bool lost(const std::string &device, ft_reason reason, std::uint64_t when,
              const FaultPolicy &policy, const FaultLimits &limits);
    // A device that was to be taken in again could not be.
    void not_back(const std::string &device, ft_reason reason, std::uint64_t now,
                  const FaultPolicy &policy, const FaultLimits &limits);
    // A return begins: none is due until it has ended.
    void trying(const std::string &device);
    // It carries its pair again.
    void back(const std::string &device);
    // A person tries it, or put another one there. Its past still counts.
    void tried_again(const std::string &device);
    // Its past is forgotten; that alone does not make it used. False: it has none.
    bool clear(const std::string &device);
    // What an earlier ftd remembered of places of which nothing is known yet.
    void remember(const FaultBook &earlier);
    // Another place's past is of no use when no pair has it any more.
    void keep_only(const std::vector<std::string> &devices);

    // `last`: no other member of its pair works.
    Decision decide(const std::string &device, std::uint64_t now, bool last,
                    const FaultLimits &limits) const;

    const std::map<std::string, Fault> &all() const { return faults_; }
    const Fault *find(const std::string &device) const;
    bool operator==(const FaultBook &) const = default;

    std::string write() const;
    // Throws std::runtime_error that says what is wrong with the text.
    static FaultBook parse(const std::string &text);

  private:
    void judge(Fault &fault, std::uint64_t now, const FaultPolicy &policy,
               const FaultLimits &limits);

    std::map<std::string, Fault> faults_;
};

} // namespace ft
