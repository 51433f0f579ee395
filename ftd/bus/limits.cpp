// SPDX-License-Identifier: GPL-2.0
#include "ftd/bus/limits.hpp"

#include <algorithm>

namespace ft {

namespace {

constexpr std::size_t clients_max = 1024;

} // namespace

bool Limits::call(const std::string &client, std::uint64_t now) {
    const auto left = [now](const Bucket &bucket) {
        const double seconds = static_cast<double>(now - bucket.filled) / 1e9;
        return std::min(calls_at_once, bucket.left + seconds * calls_per_second);
    };
    // Who has been silent for long is as good as new, and need not be remembered.
    if (buckets_.size() >= clients_max && !buckets_.contains(client))
        std::erase_if(buckets_,
                      [&](const auto &entry) { return left(entry.second) >= calls_at_once; });
    Bucket &bucket = buckets_.try_emplace(client, Bucket{calls_at_once, now}).first->second;
    bucket.left = left(bucket);
    bucket.filled = now;
    if (bucket.left < 1)
        return false;
    bucket.left--;
    return true;
}

std::shared_ptr<void> Limits::change(const std::string &client) {
    unsigned total = 0;
    for (const auto &[name, count] : *under_way_)
        total += count;
    const auto mine = under_way_->find(client);
    if (total >= changes || (mine != under_way_->end() && mine->second >= changes_per_client))
        return nullptr;
    ++(*under_way_)[client];
    // Held by the caller, perhaps longer than this object lives.
    return {nullptr, [counts = under_way_, client](void *) {
                if (--(*counts)[client] == 0)
                    counts->erase(client);
            }};
}

} // namespace ft
