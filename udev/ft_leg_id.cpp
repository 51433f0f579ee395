// SPDX-License-Identifier: GPL-2.0
// ft_leg_id DEVICE: for udev, the properties of a leg of an ft-mirror. Prints
// nothing for any other disk. Always succeeds: that a disk is no leg, or cannot
// be read, is no reason for udev to complain.
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <linux/fs.h>
#include <memory>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kmod/uapi/ft_mirror_format.h"

namespace {

void print_id(const char *key, const __u8 *id) {
    std::printf("%s=", key);
    for (int i = 0; i < 16; i++)
        std::printf("%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", id[i]);
    std::printf("\n");
}

// udev takes what stands there up to the end of the line.
void print_label(const __u8 *label) {
    std::printf("ID_FS_LABEL=");
    for (; *label; label++)
        std::putchar(*label > ' ' && *label < 0x7f && *label != '"' && *label != '\\' ? *label
                                                                                      : '_');
    std::printf("\n");
}

} // namespace

int main(int argc, char **argv) {
    const int fd = argc == 2 ? ::open(argv[1], O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    unsigned long long bytes = 0;
    const auto slots = std::make_unique<ft_sb[]>(FT_SB_SLOTS);
    if (fd < 0 || ::ioctl(fd, BLKGETSIZE64, &bytes) < 0)
        return EXIT_SUCCESS;
    for (unsigned slot = 0; slot < FT_SB_SLOTS; slot++)
        if (::pread(fd, &slots[slot], FT_SB_BYTES, static_cast<off_t>(FT_SB_SECTOR(slot) * 512)) !=
            FT_SB_BYTES)
            return EXIT_SUCCESS;
    ft_leg_meta leg{};
    const ft_sb_error error = ft_sb_choose(&slots[0], &slots[1], bytes / 512, &leg);
    if (error == FT_SB_BLANK)
        return EXIT_SUCCESS;
    // A damaged leg is still nothing that anybody else should use.
    std::printf("ID_FS_TYPE=ft_mirror_member\nID_FS_USAGE=raid\n");
    if (error != FT_SB_OK)
        return EXIT_SUCCESS;
    print_id("ID_FS_UUID", leg.uuid);
    print_id("ID_FS_UUID_SUB", leg.id);
    print_label(leg.label);
    return EXIT_SUCCESS;
}
