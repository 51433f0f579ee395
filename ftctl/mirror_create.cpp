// SPDX-License-Identifier: GPL-2.0
#include <cstdio>
#include <memory>

#include <fmt/format.h>

#include "ftctl/mirror.hpp"
#include "ftd/common/error.hpp"
#include "ftd/model/config.hpp"
#include "kmod/uapi/ft.h"

namespace ftctl {

namespace {

struct Options {
    std::string name;
    std::array<std::string, 2> devices;
    std::uint64_t region_size = 0;
    bool wipe = false, quick = false, json = false;
};

std::uint32_t region_shift(std::uint64_t size) {
    std::uint32_t shift = 0;
    while (size && shift < FT_REGION_SHIFT_MAX && ft::sector << shift < size)
        shift++;
    if (size && (ft::sector << shift != size || shift < FT_REGION_SHIFT_MIN))
        throw ft::refused(
            fmt::format("{} cannot be a region's size; use a power of two from 64K to "
                        "1G",
                        bytes_text(size)));
    return shift;
}

void check_name(const std::string &name) {
    if (!ft::is_name(name, FT_NAME_MAX - 1))
        throw ft::refused(fmt::format("\"{}\" cannot be a mirror's name; use 1 to {} letters, "
                                      "digits, '_', '-' or '.', not beginning with '-' or '.'",
                                      safe_text(name.c_str()), FT_NAME_MAX - 1));
}

void create(const Options &options) {
    check_name(options.name);
    const std::uint32_t shift = region_shift(options.region_size);
    std::array<std::uint64_t, 2> bytes{};
    {
        if (same_disk(options.devices[0], options.devices[1]))
            throw ft::refused(fmt::format("{} and {} are the same disk; a mirror needs two",
                                          options.devices[0], options.devices[1]));
        const ft::OpenDisk first = open_alone(options.devices[0], O_RDWR);
        const ft::OpenDisk second = open_alone(options.devices[1], O_RDWR);
        bytes = {first.bytes(), second.bytes()};
    }
    for (const std::string &device : options.devices)
        ft::check_free(device, options.wipe);
    const std::string uuid = ft::new_uuid();
    auto legs = ft::new_legs(uuid, options.name, bytes, shift);
    for (const std::string &device : options.devices)
        ft::blank(device);
    if (!options.quick) {
        Bar bar("zeroing");
        const ft::OpenDisk first = open_alone(options.devices[0], O_RDWR);
        const ft::OpenDisk second = open_alone(options.devices[1], O_RDWR);
        ft::zero({ft::Extent{first, legs[0].data_offset * ft::sector},
                  ft::Extent{second, legs[1].data_offset * ft::sector}},
                 legs[0].data_size * ft::sector,
                 [&](std::uint64_t done, std::uint64_t total) { bar.show(done, total); });
        first.flush();
        second.flush();
        legs[1].syncing = 0;
    }
    ft::format_legs(options.devices, legs);

    const std::uint64_t size = legs[0].data_size * ft::sector;
    const std::uint64_t region = ft::sector << legs[0].region_shift;
    const std::string next = "ftctl setup";
    if (options.json) {
        const nlohmann::ordered_json document{{"name", options.name},
                                              {"uuid", uuid},
                                              {"size", size},
                                              {"region_size", region},
                                              {"devices", options.devices},
                                              {"in_sync", !options.quick},
                                              {"next_action", next}};
        fmt::print("{}\n", document.dump(2));
        return;
    }
    fmt::print("{} = mirror of {} and {}, {}, regions of {}\nuuid  {}\n{}"
               "next: \"{}\" takes it into use\n",
               options.name, options.devices[0], options.devices[1], bytes_text(size),
               bytes_text(region), uuid,
               options.quick
                   ? fmt::format("{} is copied to when the mirror starts\n", options.devices[1])
                   : std::string(),
               next);
}

} // namespace

void add_mirror_create(CLI::App &noun) {
    auto options = std::make_shared<Options>();
    CLI::App *verb = noun.add_subcommand("create", "Make two blank disks the legs of a new mirror");
    verb->add_option("name", options->name, "Its name, for example ftm0")->required();
    verb->add_option("first", options->devices[0], "One disk, for example /dev/nvme0n1")
        ->required();
    verb->add_option("second", options->devices[1], "The other disk")->required();
    verb->add_option("--region-size", options->region_size,
                     "Bytes that one bit of the write-intent bitmap stands for: 64K to 1G; "
                     "otherwise chosen from the disks' size")
        ->transform(CLI::AsSizeValue(false));
    verb->add_flag("--wipe", options->wipe, "Even if a disk carries something, which is lost then");
    verb->add_flag("--quick", options->quick,
                   "Do not zero the disks; the second is copied to when the mirror starts");
    verb->add_flag("--json", options->json, "For programs");
    verb->footer("Example: ftctl mirror create ftm0 /dev/nvme0n1 /dev/nvme1n1");
    verb->callback([options] { create(*options); });
}

} // namespace ftctl
