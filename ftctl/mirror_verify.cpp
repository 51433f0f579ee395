// SPDX-License-Identifier: GPL-2.0
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>

#include <fmt/format.h>

#include "ftctl/mirror.hpp"
#include "ftctl/verbs.hpp"
#include "ftd/common/error.hpp"
#include "ftd/model/config.hpp"

namespace ftctl {

namespace {

using nlohmann::ordered_json;

constexpr std::size_t ranges_shown = 16;

struct Result {
    // What was found, by place; neighbours of one kind are told as one range.
    std::map<std::uint64_t, std::pair<ft::Finding, bool>> blocks; // the bool: its region is dirty
    std::uint64_t expected = 0, damage = 0, unreadable[2]{};

    bool good() const { return !damage && !unreadable[0] && !unreadable[1]; }
};

const char *kind_of(ft::Finding finding, bool dirty) {
    switch (finding) {
    case ft::Finding::differs:
        return dirty ? "differs, dirty" : "differs, clean";
    case ft::Finding::first_unreadable:
        return "first unreadable";
    case ft::Finding::second_unreadable:
        return "second unreadable";
    }
    return "differs";
}

ordered_json ranges(const Result &result) {
    ordered_json list = ordered_json::array();
    std::uint64_t end = 0;
    for (const auto &[at, what] : result.blocks) {
        const char *kind = kind_of(what.first, what.second);
        if (!list.empty() && at == end && list.back()["kind"] == kind)
            list.back()["bytes"] = list.back()["bytes"].get<std::uint64_t>() + ft::compare_block;
        else
            list.push_back({{"offset", at}, {"bytes", ft::compare_block}, {"kind", kind}});
        end = at + ft::compare_block;
    }
    return list;
}

void verify(const std::array<std::string, 2> &devices, bool as_json, int &exit) {
    if (same_disk(devices[0], devices[1]))
        throw ft::refused(fmt::format("{} and {} are the same disk", devices[0], devices[1]));
    // Nobody may write meanwhile.
    const ft::OpenDisk first = open_alone(devices[0], O_RDONLY);
    const ft::OpenDisk second = open_alone(devices[1], O_RDONLY);
    const ft_leg_meta meta[2] = {need_leg(devices[0]).meta, need_leg(devices[1]).meta};
    int source = 0;
    const enum ft_verdict verdict = ft_verdict(&meta[0], &meta[1], &source);
    if (!ft_legs_related(&meta[0], &meta[1]))
        throw ft::refused(fmt::format("{} and {} are not the two legs of one mirror; see \"ftctl "
                                      "mirror examine {} {}\"",
                                      devices[0], devices[1], devices[0], devices[1]));
    const ft::Bitmap bitmaps[2] = {ft::read_bitmap(devices[0], meta[0]),
                                   ft::read_bitmap(devices[1], meta[1])};
    // Growth that reached one leg only: the other has nothing to compare it with yet.
    const std::uint64_t size = std::min(meta[0].data_size, meta[1].data_size) * ft::sector;

    Result result;
    const auto began = std::chrono::steady_clock::now();
    {
        Bar bar("comparing");
        ft::compare(
            {first, meta[0].data_offset * ft::sector}, {second, meta[1].data_offset * ft::sector},
            size,
            [&](std::uint64_t at, ft::Finding finding) {
                const std::uint64_t region = at / ft::sector >> meta[0].region_shift;
                const bool dirty = bitmaps[0].dirty[region] || bitmaps[1].dirty[region];
                result.blocks[at] = {finding, dirty};
                if (finding != ft::Finding::differs)
                    result.unreadable[finding == ft::Finding::second_unreadable]++;
                else
                    ++(dirty ? result.expected : result.damage);
            },
            [&](std::uint64_t done, std::uint64_t total) { bar.show(done, total); });
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
    if (!result.good())
        exit = exit_not_duplex;

    const Verdict words = verdict_of(verdict);
    const ordered_json list = ranges(result);
    if (as_json) {
        const ordered_json document{
            {"devices", devices},
            {"name", label_of(meta[0])},
            {"uuid", ft::uuid_string(meta[0].uuid)},
            {"verdict", {{"name", words.name}, {"text", words.text}}},
            {"compared", size},
            {"seconds", seconds.count()},
            {"block_size", ft::compare_block},
            {"good", result.good()},
            {"differing_blocks", {{"clean", result.damage}, {"dirty", result.expected}}},
            {"unreadable_blocks", {result.unreadable[0], result.unreadable[1]}},
            {"ranges", list}};
        fmt::print("{}\n", document.dump(2));
        return;
    }
    fmt::print("mirror {}: {}\ncompared {} in {:.1f} s, {}/s\n", label_of(meta[0]), words.text,
               bytes_text(size), seconds.count(),
               bytes_text(static_cast<std::uint64_t>(static_cast<double>(size) /
                                                     std::max(seconds.count(), 0.001))));
    if (list.empty())
        fmt::print("the legs are identical\n");
    if (result.expected)
        fmt::print("{} blocks of 4 KiB differ in regions marked dirty: expected, they are made "
                   "equal when the mirror starts\n",
                   result.expected);
    for (std::size_t side = 0; side < 2; side++)
        if (result.unreadable[side])
            fmt::print("{} blocks of 4 KiB of {} cannot be read; the mirror reads them from the "
                       "other leg and repairs them\n",
                       result.unreadable[side], devices[side]);
    if (result.damage)
        fmt::print("{} blocks of 4 KiB DIFFER in clean regions: one of the disks has changed or "
                   "lost them\n",
                   result.damage);
    for (std::size_t i = 0; i < std::min(list.size(), ranges_shown); i++)
        fmt::print("  {:>14} +{:<10} {}\n", list[i]["offset"].get<std::uint64_t>(),
                   list[i]["bytes"].get<std::uint64_t>(), list[i]["kind"].get<std::string>());
    if (list.size() > ranges_shown)
        fmt::print("  and {} ranges more; --json tells all\n", list.size() - ranges_shown);
}

} // namespace

void add_mirror_verify(CLI::App &noun, int &exit) {
    struct Options {
        std::array<std::string, 2> devices;
        bool json = false;
    };
    auto options = std::make_shared<Options>();
    CLI::App *verb = noun.add_subcommand(
        "verify", "Compare the two legs of a mirror that is not running, block by block");
    verb->add_option("first", options->devices[0], "One leg")->required();
    verb->add_option("second", options->devices[1], "The other leg")->required();
    verb->add_flag("--json", options->json, "For programs");
    verb->footer("Exit status 1 if a block differs that should not, or cannot be read.\n"
                 "Example: ftctl mirror verify /dev/nvme0n1 /dev/nvme1n1");
    verb->callback([options, &exit] { verify(options->devices, options->json, exit); });
}

} // namespace ftctl
