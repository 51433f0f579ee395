// SPDX-License-Identifier: GPL-2.0
#include "legs/leg_io.hpp"

#include <algorithm>
#include <blkid/blkid.h>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <linux/fs.h>
#include <memory>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "ftd/common/error.hpp"
#include "ftd/model/config.hpp"
#include "legs/disk.hpp"

namespace ft {

namespace {

constexpr std::uint64_t head = 1 << 20; // superblocks, and all that blkid looks at
// Left free at the end of a leg: metadata that what runs on the mirror keeps at
// the end of its disk must not be found at the end of the leg.
constexpr std::uint64_t tail = 1 << 20;

[[noreturn]] void fail(const std::string &device, const char *what, int error) {
    throw failed(fmt::format("{}: {}: {}", device, what, std::strerror(error)));
}

void zero(const OpenDisk &disk, std::uint64_t from, std::uint64_t to) {
    const Buffer zeroes(head);
    for (std::uint64_t at = from; at < to;) {
        const std::uint64_t left = to - at;
        if (left < head) {
            disk.write(Buffer(left), at);
            return;
        }
        disk.write(zeroes, at);
        at += head;
    }
}

// Superblocks first: from then on it is no leg of anything, whatever follows.
void blank(const OpenDisk &disk) {
    const std::uint64_t end = disk.bytes() / 4096 * 4096;
    zero(disk, 0, std::min(head, end));
    disk.flush();
    zero(disk, end > tail ? end - tail : 0, end);
    disk.flush();
}

void write_bitmap(const OpenDisk &disk, const ft_leg_meta &leg, bool all_dirty) {
    const std::uint32_t regions = ft_regions(leg.data_size, leg.region_shift);
    const std::uint32_t blocks = ft_bitmap_blocks(regions);
    const Buffer buffer(FT_BITMAP_BYTES);
    for (std::uint32_t index = 0; index < blocks; index++) {
        auto *block = buffer.as<ft_bitmap_block>();
        std::memset(block, 0, sizeof(*block));
        const std::uint32_t first = index * FT_BITMAP_BITS;
        for (std::uint32_t bit = 0; all_dirty && bit < std::min(FT_BITMAP_BITS, regions - first);
             bit++)
            block->bits[bit / 8] = static_cast<std::uint8_t>(block->bits[bit / 8] | 1U << bit % 8);
        ft_bitmap_block_seal(block, index);
        disk.write(buffer, leg.bitmap_offset * sector + std::uint64_t{index} * FT_BITMAP_BYTES);
    }
}

void write_superblock(const OpenDisk &disk, const ft_leg_meta &leg) {
    const Buffer buffer(FT_SB_BYTES);
    ft_sb_encode(&leg, buffer.as<ft_sb>());
    disk.write(buffer, FT_SB_SECTOR(leg.slot) * sector);
    disk.flush();
}

// What blkid knows about the disk, in words; empty: nothing. It reads in pieces
// that direct I/O refuses, so through a descriptor of its own.
std::string content(const std::string &device) {
    const Fd fd(::open(device.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd)
        throw std::system_error(errno, std::generic_category(), device);
    const Handle<blkid_struct_probe, blkid_free_probe> probe(blkid_new_probe());
    if (!probe || blkid_probe_set_device(probe.get(), fd.get(), 0, 0) < 0)
        throw std::system_error(EIO, std::generic_category(), "blkid");
    blkid_probe_enable_superblocks(probe.get(), 1);
    blkid_probe_set_superblocks_flags(probe.get(), BLKID_SUBLKS_TYPE);
    blkid_probe_enable_partitions(probe.get(), 1);
    errno = 0;
    const int result = blkid_do_safeprobe(probe.get());
    const char *value = nullptr;
    if (result == -2) // several that contradict each other
        return "more than one kind of data";
    if (result < 0)
        throw std::system_error(errno ? errno : EIO, std::generic_category(), "blkid");
    if (!blkid_probe_lookup_value(probe.get(), "TYPE", &value, nullptr))
        return value;
    if (!blkid_probe_lookup_value(probe.get(), "PTTYPE", &value, nullptr))
        return fmt::format("a partition table ({})", value);
    return {};
}

std::string sb_error_text(ft_sb_error error) {
    switch (error) {
#define FT_SB_ERROR_CASE(n, v, t)                                                                  \
    case FT_SB_##n:                                                                                \
        return t;
        FT_SB_ERRORS(FT_SB_ERROR_CASE)
#undef FT_SB_ERROR_CASE
    }
    return "superblock cannot be used";
}

template <typename Number>
Number random_number() {
    Number number{};
    do {
        if (::getrandom(&number, sizeof(number), 0) != sizeof(number))
            throw std::system_error(errno, std::generic_category(), "getrandom");
    } while (number == Number{});
    return number;
}

using Id = std::array<std::uint8_t, 16>;

} // namespace

Leg read_leg(const std::string &device) {
    Leg leg;
    try {
        const OpenDisk disk(device, O_RDONLY);
        const Buffer slot0(FT_SB_BYTES), slot1(FT_SB_BYTES);
        disk.read(slot0, FT_SB_SECTOR(0) * sector);
        disk.read(slot1, FT_SB_SECTOR(1) * sector);
        const ft_sb_error error =
            ft_sb_choose(slot0.as<ft_sb>(), slot1.as<ft_sb>(), disk.bytes() / sector, &leg.meta);
        if (error == FT_SB_OK) {
            leg.kind = Leg::Kind::leg;
        } else if (error == FT_SB_BLANK) {
            leg.detail = content(device);
            leg.kind = leg.detail.empty() ? Leg::Kind::blank : Leg::Kind::other;
        } else {
            leg.kind = Leg::Kind::damaged;
            leg.detail = sb_error_text(error);
        }
    } catch (const std::system_error &error) {
        leg.kind = Leg::Kind::unreadable;
        leg.detail = error.code().message();
    }
    return leg;
}

void probe(const std::string &device) {
    constexpr std::uint64_t places = 16, block = 4096;
    try {
        const OpenDisk disk(device, O_RDONLY);
        const Buffer buffer(block);
        const std::uint64_t last = disk.bytes() / block - 1; // a leg has more than one
        bool bad = false;
        for (std::uint64_t i = 0; i < places; i++) {
            try {
                disk.read(buffer, last * i / (places - 1) * block);
            } catch (const std::system_error &) {
                if (std::exchange(bad, true))
                    throw;
            }
        }
    } catch (const std::system_error &error) {
        fail(device, "failed its self-test: it cannot be read", error.code().value());
    }
}

Bitmap read_bitmap(const std::string &device, const ft_leg_meta &leg) {
    Bitmap bitmap;
    const std::uint32_t regions = ft_regions(leg.data_size, leg.region_shift);
    bitmap.dirty.resize(regions);
    try {
        const OpenDisk disk(device, O_RDONLY);
        const Buffer buffer(FT_BITMAP_BYTES);
        for (std::uint32_t index = 0; index < ft_bitmap_blocks(regions); index++) {
            bool good = true;
            try {
                disk.read(buffer,
                          leg.bitmap_offset * sector + std::uint64_t{index} * FT_BITMAP_BYTES);
            } catch (const std::system_error &) {
                good = false;
            }
            const auto *block = buffer.as<ft_bitmap_block>();
            good = good && ft_bitmap_block_ok(block, index);
            bitmap.damaged += !good;
            const std::uint32_t first = index * FT_BITMAP_BITS;
            for (std::uint32_t bit = 0; bit < std::min(FT_BITMAP_BITS, regions - first); bit++)
                bitmap.dirty[first + bit] = !good || (block->bits[bit / 8] >> bit % 8 & 1);
        }
    } catch (const std::system_error &error) {
        fail(device, "cannot be read", error.code().value());
    }
    return bitmap;
}

void check_free(const std::string &device, bool wipe) {
    try {
        const OpenDisk disk(device, O_RDWR | O_EXCL);
        if (wipe)
            return;
    } catch (const std::system_error &error) {
        if (error.code().value() == EBUSY)
            throw refused(fmt::format(
                "{} is in use; unmount it, or stop what uses it, and try again", device));
        throw failed(fmt::format("{} cannot be opened: {}", device, error.code().message()));
    }
    const Leg leg = read_leg(device);
    std::string found;
    switch (leg.kind) {
    case Leg::Kind::blank:
    case Leg::Kind::absent:
        return;
    case Leg::Kind::unreadable:
        throw failed(fmt::format("{} cannot be read: {}; replace the disk", device, leg.detail));
    case Leg::Kind::other:
        found = leg.detail;
        break;
    case Leg::Kind::damaged:
        found = "a damaged leg of a mirror (" + leg.detail + ")";
        break;
    case Leg::Kind::leg:
        found =
            fmt::format("a leg of mirror {} ({})", reinterpret_cast<const char *>(leg.meta.label),
                        uuid_string(leg.meta.uuid));
        break;
    }
    throw refused(
        fmt::format("{} carries {}; nothing was written. If that may be lost, say so with "
                    "--wipe",
                    device, found));
}

std::string new_uuid() {
    auto bytes = random_number<Id>();
    bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x40); // random, as RFC 4122 has it
    bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);
    return uuid_string(bytes.data());
}

std::array<ft_leg_meta, 2> new_legs(const std::string &uuid, const std::string &label,
                                    const std::array<std::uint64_t, 2> &bytes,
                                    std::uint32_t region_shift) {
    const std::uint64_t smaller = std::min(bytes[0], bytes[1]) / sector;
    ft_leg_meta leg{};
    const auto id = uuid_bytes(uuid);
    std::copy(id.begin(), id.end(), leg.uuid);
    std::copy_n(label.begin(), std::min(label.size(), sizeof(leg.label) - 1), leg.label);
    leg.seq = 1;
    leg.gen = random_number<std::uint64_t>();
    leg.bitmap_offset = FT_BITMAP_SECTOR;
    leg.region_shift = region_shift ? region_shift : ft_region_shift_default(smaller);
    if (smaller >> leg.region_shift > FT_REGIONS_MAX)
        throw refused(fmt::format("{}: regions of {} KiB are too small for a disk of {} GiB, which "
                                  "would have more than {} of them; use larger ones",
                                  label, (std::uint64_t{1} << leg.region_shift) / 2, smaller >> 21,
                                  FT_REGIONS_MAX));
    const std::uint64_t bitmap_sectors =
        std::uint64_t{ft_bitmap_blocks(ft_regions(smaller, leg.region_shift))} *
        (FT_BITMAP_BYTES / sector);
    leg.data_offset =
        (leg.bitmap_offset + bitmap_sectors + FT_DATA_ALIGN - 1) / FT_DATA_ALIGN * FT_DATA_ALIGN;
    const std::uint64_t used = leg.data_offset + tail / sector;
    leg.data_size = smaller > used ? (smaller - used) / 8 * 8 : 0;
    if (!leg.data_size || ft_geometry_check(&leg, smaller) != FT_SB_OK)
        throw refused(
            fmt::format("{}: a disk of {} KiB is too small for a mirror; use a larger one", label,
                        smaller / 2));
    const Id ids[2] = {random_number<Id>(), random_number<Id>()};
    std::array<ft_leg_meta, 2> legs{leg, leg};
    for (std::size_t i = 0; i < 2; i++) {
        std::copy(ids[i].begin(), ids[i].end(), legs[i].id);
        std::copy(ids[1 - i].begin(), ids[1 - i].end(), legs[i].peer);
    }
    legs[1].syncing = 1;
    return legs;
}

std::uint64_t room_on(const ft_leg_meta &leg, std::uint64_t bytes) {
    const std::uint64_t used = leg.data_offset + tail / sector,
                        left = bytes / sector > used ? (bytes / sector - used) / 8 * 8 : 0,
                        blocks = (leg.data_offset - leg.bitmap_offset) / (FT_BITMAP_BYTES / sector),
                        regions = std::min<std::uint64_t>(blocks * FT_BITMAP_BITS, FT_REGIONS_MAX);
    return std::min(left, regions << leg.region_shift);
}

void format_legs(const std::array<std::string, 2> &devices,
                 const std::array<ft_leg_meta, 2> &legs) {
    try {
        const OpenDisk first(devices[0], O_RDWR | O_EXCL), second(devices[1], O_RDWR | O_EXCL);
        blank(first);
        blank(second);
        // Bit for bit the legs may differ everywhere: all is copied once.
        const bool all_dirty = legs[1].syncing != 0;
        write_bitmap(first, legs[0], all_dirty);
        write_bitmap(second, legs[1], all_dirty);
        first.flush();
        second.flush();
        // From the first superblock on there is a mirror: one leg, its peer
        // blank. The other way round a crash would leave a target of a copy
        // whose source does not exist.
        write_superblock(first, legs[0]);
        write_superblock(second, legs[1]);
    } catch (const std::system_error &error) {
        for (const std::string &device : devices) {
            try {
                ft::blank(device);
            } catch (const Error &) {
                // The first error is the one that is told; a disk that cannot be
                // written carries no second superblock either.
            }
        }
        throw failed(
            fmt::format("{} could not be formatted: {}", error.what(), error.code().message()));
    }
}

void blank(const std::string &device) {
    try {
        blank(OpenDisk(device, O_RDWR | O_EXCL));
    } catch (const std::system_error &error) {
        fail(device, "cannot be made blank", error.code().value());
    }
}

} // namespace ft
