// SPDX-License-Identifier: GPL-2.0
#include <algorithm>
#include <cstdio>
#include <memory>
#include <vector>

#include <fmt/format.h>

#include "ftctl/mirror.hpp"
#include "ftctl/verbs.hpp"
#include "ftd/model/config.hpp"

namespace ftctl {

namespace {

using nlohmann::ordered_json;

const char *kind_name(ft::Leg::Kind kind) {
    switch (kind) {
    case ft::Leg::Kind::absent:
        return "absent";
    case ft::Leg::Kind::unreadable:
        return "unreadable";
    case ft::Leg::Kind::blank:
        return "blank";
    case ft::Leg::Kind::other:
        return "other";
    case ft::Leg::Kind::damaged:
        return "damaged";
    case ft::Leg::Kind::leg:
        return "leg";
    }
    return "unreadable";
}

ordered_json document_of(const std::string &device, const ft::Leg &leg) {
    ordered_json entry{{"device", device},
                       {"kind", kind_name(leg.kind)},
                       {"detail", safe_text(leg.detail.c_str())}};
    if (leg.kind != ft::Leg::Kind::leg)
        return entry;
    const ft_leg_meta &meta = leg.meta;
    const ft::Bitmap bitmap = ft::read_bitmap(device, meta);
    const std::uint64_t region = ft::sector << meta.region_shift;
    entry.update({{"name", label_of(meta)},
                  {"uuid", ft::uuid_string(meta.uuid)},
                  {"id", ft::uuid_string(meta.id)},
                  {"peer", ft::uuid_string(meta.peer)},
                  {"generation", hex(meta.gen)},
                  {"base", meta.base ? ordered_json(hex(meta.base)) : ordered_json(nullptr)},
                  {"syncing", meta.syncing != 0},
                  {"sequence", meta.seq},
                  {"slot", meta.slot},
                  {"size", meta.data_size * ft::sector},
                  {"data_offset", meta.data_offset * ft::sector},
                  {"bitmap_offset", meta.bitmap_offset * ft::sector},
                  {"region_size", region},
                  {"regions", bitmap.dirty.size()},
                  {"dirty_regions", std::count(bitmap.dirty.begin(), bitmap.dirty.end(), true)},
                  {"damaged_bitmap_blocks", bitmap.damaged}});
    return entry;
}

// What the leg says about its own past.
std::string history(const ordered_json &leg) {
    if (leg["syncing"])
        return "is being copied to: not consistent by itself";
    if (!leg["base"].is_null())
        return "has run alone: the other leg is older";
    return "was in sync when it was last written to";
}

void show(const ordered_json &leg) {
    const auto text = [&](const char *key) { return leg[key].get<std::string>(); };
    const auto number = [&](const char *key) { return leg[key].get<std::uint64_t>(); };
    if (text("kind") != "leg") {
        fmt::print("{}\n  no leg      {}\n", text("device"),
                   text("detail").empty() ? text("kind") : text("kind") + ": " + text("detail"));
        return;
    }
    fmt::print("{}\n", text("device"));
    fmt::print("  mirror      {}  {}\n", text("name"), text("uuid"));
    fmt::print("  leg         {}, its peer {}\n", text("id"), text("peer"));
    fmt::print("  state       {}\n", history(leg));
    fmt::print("  generation  {}{}\n", text("generation"),
               leg["base"].is_null() ? std::string() : ", base " + text("base"));
    fmt::print("  superblock  number {}, in slot {}\n", number("sequence"), number("slot"));
    fmt::print("  data        {} at {}\n", bytes_text(number("size")),
               bytes_text(number("data_offset")));
    fmt::print(
        "  bitmap      {} regions of {}, {} dirty ({})\n", number("regions"),
        bytes_text(number("region_size")), number("dirty_regions"),
        bytes_text(std::min(number("dirty_regions") * number("region_size"), number("size"))));
    if (number("damaged_bitmap_blocks"))
        fmt::print("              {} blocks are damaged, and count as dirty\n",
                   number("damaged_bitmap_blocks"));
}

void examine(const std::vector<std::string> &devices, bool as_json, int &exit) {
    ordered_json document{{"legs", ordered_json::array()}};
    std::vector<ft_leg_meta> metas;
    for (const std::string &device : devices) {
        const ft::Leg leg = ft::read_leg(device);
        document["legs"].push_back(document_of(device, leg));
        if (leg.kind == ft::Leg::Kind::leg)
            metas.push_back(leg.meta);
    }
    if (metas.size() != devices.size())
        exit = exit_not_duplex;
    if (devices.size() == 2 && metas.size() == 2) {
        int source = 0;
        const enum ft_verdict verdict = ft_verdict(&metas[0], &metas[1], &source);
        const Verdict words = verdict_of(verdict);
        document["verdict"] = {{"name", words.name}, {"text", words.text}};
        if (verdict == FT_VERDICT_RESUME || verdict == FT_VERDICT_ANCESTOR)
            document["verdict"]["source"] = devices[static_cast<std::size_t>(source)];
    }
    if (as_json) {
        fmt::print("{}\n", document.dump(2, ' ', false, ordered_json::error_handler_t::replace));
        return;
    }
    for (const ordered_json &leg : document["legs"])
        show(leg);
    if (document.contains("verdict")) {
        const ordered_json &verdict = document["verdict"];
        fmt::print("together: {}{}\n", verdict["text"].get<std::string>(),
                   verdict.contains("source")
                       ? fmt::format("; {} is copied from", verdict["source"].get<std::string>())
                       : std::string());
    }
}

} // namespace

void add_mirror_examine(CLI::App &noun, int &exit) {
    struct Options {
        std::vector<std::string> devices;
        bool json = false;
    };
    auto options = std::make_shared<Options>();
    CLI::App *verb = noun.add_subcommand(
        "examine", "What disks say as legs of a mirror; of two, also how they are related");
    verb->add_option("device", options->devices, "Disks, or images of disks")->required();
    verb->add_flag("--json", options->json, "For programs");
    verb->footer("Exit status 1 if one is no leg.\nExample: ftctl mirror examine /dev/nvme0n1 "
                 "/dev/nvme1n1");
    verb->callback([options, &exit] { examine(options->devices, options->json, exit); });
}

} // namespace ftctl
