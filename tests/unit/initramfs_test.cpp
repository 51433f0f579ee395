// SPDX-License-Identifier: GPL-2.0
#include "dumps/initramfs.hpp"

#include <sstream>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace {

// One archive with one file and its trailer.
std::string archive(const std::string &content) {
    std::string made;
    const auto entry = [&](const std::string &name, const std::string &data) {
        made += "070701";
        for (int field = 0; field < 13; field++)
            made += fmt::format("{:08x}", field == 6    ? data.size()
                                          : field == 11 ? name.size() + 1
                                                        : 0);
        made += name + '\0';
        made.resize((made.size() + 3) / 4 * 4);
        made += data;
        made.resize((made.size() + 3) / 4 * 4);
    };
    entry("kernel/x", content);
    entry("TRAILER!!!", "");
    return made;
}

ft::dumps::Packed packed(const std::string &text) {
    std::istringstream file(text);
    return ft::dumps::packed(file);
}

const std::string zstd = "\x28\xb5\x2f\xfd";

} // namespace

TEST(Initramfs, WhereTheCompressedPartBegins) {
    EXPECT_EQ(packed(zstd + "...").offset, 0U);
    EXPECT_STREQ(packed(zstd + "...").tool, "zstd");
    for (const std::string &microcode : {archive("1"), archive("12345678"), archive("")}) {
        const auto found = packed(microcode + std::string(512, '\0') + "\x1f\x8b rest");
        EXPECT_EQ(found.offset, microcode.size() + 512);
        EXPECT_STREQ(found.tool, "gzip");
    }
    const std::string two = archive("intel") + archive("amd");
    EXPECT_EQ(packed(two + "\xfd" + "7zXZ").offset, two.size());
    EXPECT_STREQ(packed(two + "\xfd" + "7zXZ").tool, "xz");
}

TEST(Initramfs, WhatIsNotCompressedOrIsNone) {
    const std::string all = archive(std::string(10000, 'x'));
    EXPECT_EQ(packed(all).offset, all.size());
    EXPECT_EQ(packed(all).tool, nullptr);
    EXPECT_EQ(packed("").offset, 0U);
    EXPECT_EQ(packed("no archive").tool, nullptr);
    EXPECT_EQ(packed("070701").tool, nullptr);
    EXPECT_GT(packed("070701" + std::string(104, 'f')).offset, 1U << 30); // longer than the file
}
