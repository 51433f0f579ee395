// SPDX-License-Identifier: GPL-2.0
// How much one client may ask, so that none keeps ftd from its work or the
// others from their answers.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace ft {

class Limits {
  public:
    static constexpr double calls_per_second = 200;
    static constexpr double calls_at_once = 1000;
    static constexpr unsigned changes_per_client = 4; // under way
    static constexpr unsigned changes = 32;

    // Whether a client may call now (ns, any clock that only goes forward).
    bool call(const std::string &client, std::uint64_t now);
    // A change that a client wants, under way for as long as the result is held;
    // nullptr: too many are.
    std::shared_ptr<void> change(const std::string &client);

  private:
    struct Bucket {
        double left = calls_at_once;
        std::uint64_t filled = 0;
    };
    using Counts = std::map<std::string, unsigned>;

    std::map<std::string, Bucket> buckets_;
    std::shared_ptr<Counts> under_way_ = std::make_shared<Counts>();
};

} // namespace ft
