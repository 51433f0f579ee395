// SPDX-License-Identifier: GPL-2.0
#include <gtest/gtest.h>

#include "ftd/common/error.hpp"
#include "ftd/model/config.hpp"
#include "tests/unit/hardware.hpp"

namespace {

const std::string modules = "[[module]]\nid = 10\nbridges = [\"0000:00:04.0\"]\n"
                            "[[module]]\nid = 11\nbridges = [\"0000:00:05.0\"]\n";
const std::string mirror =
    "[[mirror]]\nname = \"ftm0\"\nuuid = \"0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9\"\n"
    "legs = [\"10/1\", \"11/1\"]\n";

struct Bad {
    const char *name;
    std::string text;
    int line;
    const char *says;
};

void PrintTo(const Bad &bad, std::ostream *out) {
    *out << bad.name;
}

class BadConfig : public testing::TestWithParam<Bad> {};

TEST_P(BadConfig, NamesLineAndWayOut) {
    try {
        ft::parse_config(GetParam().text, "ftd.conf");
        FAIL() << "accepted";
    } catch (const ft::Error &error) {
        EXPECT_STREQ(error.name(), ft::names::error_configuration);
        const std::string text = error.what();
        EXPECT_TRUE(text.starts_with("ftd.conf:" + std::to_string(GetParam().line) + ": ")) << text;
        EXPECT_NE(text.find(GetParam().says), std::string::npos) << text;
    }
}

INSTANTIATE_TEST_SUITE_P(
    All, BadConfig,
    testing::Values(
        Bad{"NotToml", "[[module\n", 1, "not readable as TOML"},
        Bad{"WhatItsParserAsserts", "\n[policy]\nx = \"\"\"\n\"\"\"\n[@]\n", 5,
            "not readable as TOML"},
        Bad{"UnknownTable", "[modul]\n", 1,
            "unknown key \"modul\" in the file; known here: module"},
        Bad{"UnknownKey", "[[module]]\nid = 1\nbridge = []\n", 3, "unknown key \"bridge\""},
        Bad{"OneModuleTable", "[module]\nid = 1\n", 1, "write [[module]], not [module]"},
        Bad{"ModuleNoTable", "module = [1]\n", 1, "write [[module]] and its keys below"},
        Bad{"ModuleNoId", "[[module]]\nbridges = [\"0000:00:04.0\"]\n", 1, "has no key \"id\""},
        Bad{"ModuleIdText", "[[module]]\nid = \"10\"\n", 2, "must be a whole number"},
        Bad{"ModuleIdNegative", "[[module]]\nid = -1\n", 2, "must be a whole number"},
        Bad{"ModuleTwice", modules + "[[module]]\nid = 10\n", 8, "module 10 is defined twice"},
        Bad{"NoBridges", "[[module]]\nid = 10\n", 1, "has no key \"bridges\""},
        Bad{"EmptyBridges", "[[module]]\nid = 10\nbridges = []\n", 3,
            "a list of 1 to 64 PCI addresses"},
        Bad{"BridgeNumber", "[[module]]\nid = 10\nbridges = [4]\n", 3, "must be a text in quotes"},
        Bad{"BridgeNoAddress", "[[module]]\nid = 10\nbridges = [\"00:04.0\"]\n", 3,
            "\"00:04.0\" is no PCI address"},
        Bad{"BridgeTwice", modules + "[[module]]\nid = 12\nbridges = [\"0000:00:04.0\"]\n", 9,
            "bridge \"0000:00:04.0\" is named twice"},
        Bad{"BondNoName", modules + "[[bond]]\nports = [\"10/0\", \"11/0\"]\n", 7,
            "no key \"name\""},
        Bad{"BondName", modules + "[[bond]]\nname = \"a name too long for it\"\n", 8,
            "cannot be a name"},
        Bad{"BondNameDot", modules + "[[bond]]\nname = \".\"\n", 8, "cannot be a name"},
        Bad{"BondNameSlash", modules + "[[bond]]\nname = \"a/b\"\n", 8, "cannot be a name"},
        Bad{"OnePort", modules + "[[bond]]\nname = \"ftb0\"\nports = [\"10/0\"]\n", 9,
            "must be a list of two device paths"},
        Bad{"NoPath", modules + "[[bond]]\nname = \"ftb0\"\nports = [\"eth0\", \"eth1\"]\n", 9,
            "\"eth0\" is no device path"},
        Bad{"NoSuchModule", modules + "[[bond]]\nname = \"ftb0\"\nports = [\"10/0\", \"12/0\"]\n",
            9, "module 12, which does not exist"},
        Bad{"SameModule", modules + "[[bond]]\nname = \"ftb0\"\nports = [\"10/0\", \"10/1\"]\n", 9,
            "both members of bond ftb0 are in module 10"},
        Bad{"SameDevice", modules + "[[bond]]\nname = \"ftb0\"\nports = [\"10/0\", \"10/0\"]\n", 9,
            "device \"10/0\" is named twice"},
        Bad{"BondAddress",
            modules +
                "[[bond]]\nname = \"ftb0\"\nports = [\"10/0\", \"11/0\"]\naddress = \"52:54\"\n",
            10, "is no hardware address"},
        Bad{"GroupAddress",
            modules + "[[bond]]\nname = \"ftb0\"\nports = [\"10/0\", \"11/0\"]\naddress = "
                      "\"53:54:00:00:00:01\"\n",
            10, "is no hardware address of one interface"},
        Bad{"Primary",
            modules +
                "[[bond]]\nname = \"ftb0\"\nports = [\"10/0\", \"11/0\"]\nprimary = \"10/1\"\n",
            10, "primary \"10/1\" is none of the ports"},
        Bad{"Prefer", modules + mirror + "prefer = \"10/7\"\n", 11,
            "prefer \"10/7\" is none of the legs of"},
        Bad{"Failback",
            modules +
                "[[bond]]\nname = \"ftb0\"\nports = [\"10/0\", \"11/0\"]\nfailback = \"soon\"\n",
            10, "\"soon\" is no failback; choose \"never\" or \"better\" or \"always\""},
        Bad{"Spacing",
            modules + "[[bond]]\nname = \"ftb0\"\nports = [\"10/0\", \"11/0\"]\n"
                      "announce_spacing_ms = 0\n",
            10, "must be a whole number from 1 to 10000"},
        Bad{"MirrorUuid", modules + "[[mirror]]\nname = \"ftm0\"\nuuid = \"1\"\n", 9, "is no uuid"},
        Bad{"MirrorUuidZero",
            modules +
                "[[mirror]]\nname = \"ftm0\"\nuuid = \"00000000-0000-0000-0000-000000000000\"\n",
            9, "is no uuid"},
        Bad{"NameTwice", modules + mirror + "[[mirror]]\nname = \"ftm0\"\n", 12, "is used twice"},
        Bad{"UuidTwice",
            modules + mirror +
                "[[mirror]]\nname = \"ftm1\"\nuuid = \"0A1B2C3D-4e5f-6071-8293-a4b5c6d7e8f9\"\n",
            13, "the uuid"},
        Bad{"LegIsPort",
            modules + mirror + "[[bond]]\nname = \"b\"\nports = [\"10/1\", \"11/0\"]\n", 10,
            "named twice"},
        Bad{"Timeout", modules + mirror + "timeout_ms = 1.5\n", 11, "must be a whole number"},
        Bad{"DegradedStart", modules + mirror + "degraded_start = true\n", 11, "must be a text"},
        Bad{"DegradedWait", modules + mirror + "degraded_wait_s = 100000\n", 11, "from 0 to 86400"},
        Bad{"Return", "[policy]\nreturn = \"25:00-01:00\"\n", 2, "\"22:00-05:30\""},
        Bad{"Restart", "[policy]\nrestart = \"maybe\"\n", 2, "choose \"threshold\" or"},
        Bad{"Count", "[policy]\nminimum_count = -1\n", 2, "from 0 to 1000"},
        Bad{"DeviceNoPath", "[[device]]\nrestart = \"never\"\n", 1, "no key \"path\""},
        Bad{"DeviceTwice", modules + "[[device]]\npath = \"10/1\"\n[[device]]\npath = \"10/1\"\n",
            10, "has a [[device]] already"},
        Bad{"DeviceKey", modules + "[[device]]\npath = \"10/1\"\nreturn = \"at-once\"\n", 9,
            "unknown key \"return\""},
        Bad{"PolicyArray", "policy = 1\n", 1, "write [policy]"},
        Bad{"PolicyKey", "[policy]\nreplace = \"ask\"\n", 2, "unknown key \"replace\" in [policy]"},
        Bad{"PolicyValue", "[policy]\nreplace_blank = \"yes\"\n", 2, "choose \"ask\" or \"auto\""}),
    [](const auto &row) { return row.param.name; });

TEST(Config, EmptyIsGood) {
    EXPECT_EQ(ft::parse_config("", "ftd.conf"), ft::Config{});
}

TEST(Config, WrittenIsReadBack) {
    ft::Config config = test::config();
    EXPECT_EQ(ft::parse_config(ft::write_config(config), "f"), config);
    config.replace_blank = ft::ReplaceBlank::automatic;
    config.modules[0].bridges.push_back("10000:00:1f.7");
    config.bonds[0].primary = config.bonds[0].ports[1];
    for (const ft::Failback failback :
         {ft::Failback::never, ft::Failback::better, ft::Failback::always}) {
        config.bonds[0].failback = failback;
        EXPECT_EQ(ft::parse_config(ft::write_config(config), "f"), config);
    }
    config.bonds[0].hold_down_ms = 3600000;
    config.bonds[0].probe_interval_ms = 0;
    config.bonds[0].announce_count = 255;
    config.bonds[0].announce_spacing_ms = 1;
    EXPECT_EQ(ft::parse_config(ft::write_config(config), "f"), config);
    config.bonds[0].address.clear();
    config.mirrors[0].timeout_ms = 0;
    config.mirrors[0].prefer = config.mirrors[0].legs[1];
    config.mirrors[0].degraded_start = ft::DegradedStart::start;
    config.mirrors[0].degraded_wait_s = 1;
    EXPECT_EQ(ft::parse_config(ft::write_config(config), "f"), config);
}

TEST(Config, PoliciesAreReadBack) {
    ft::Config config = test::config();
    config.return_policy = *ft::ReturnPolicy::parse("22:00-05:30");
    config.faults = {ft::Restart::always, 7, 8, 9, 10};
    config.limits = {1, 2, 3, 4};
    config.devices = {{{11, "1"}, {ft::Restart::never, 1, 2, 3, 4}},
                      {{10, "1"}, {ft::Restart::threshold, 7, 8, 9, 10}}};
    EXPECT_EQ(ft::parse_config(ft::write_config(config), "f"), config);
    EXPECT_EQ(config.faults_of("11/1").restart, ft::Restart::never);
    EXPECT_EQ(config.faults_of("11/0").restart, ft::Restart::always);
}

TEST(Config, ReturnPolicy) {
    for (const char *text : {"at-once", "by-hand", "00:00-23:59", "22:00-05:30"})
        EXPECT_EQ(ft::ReturnPolicy::parse(text).value().str(), text);
    for (const char *text : {"", "now", "24:00-01:00", "12:60-13:00", "01:00-01:00", "1:00-2:000",
                             "01:00 02:00", "aa:00-02:00", "01:00-02:00x"})
        EXPECT_FALSE(ft::ReturnPolicy::parse(text).has_value()) << text;
    const auto wait = [](const char *policy, std::uint32_t hour, std::uint32_t minute) {
        return ft::ReturnPolicy::parse(policy)->wait_s((hour * 60 + minute) * 60);
    };
    EXPECT_EQ(wait("at-once", 12, 0), 0U);
    EXPECT_FALSE(wait("by-hand", 12, 0).has_value());
    EXPECT_EQ(wait("22:00-05:30", 22, 0), 0U);
    EXPECT_EQ(wait("22:00-05:30", 3, 0), 0U);
    EXPECT_EQ(wait("22:00-05:30", 5, 30), 16U * 3600 + 1800);
    EXPECT_EQ(wait("22:00-05:30", 21, 59), 60U);
    EXPECT_EQ(wait("08:00-09:00", 9, 0), 23U * 3600);
}

TEST(DevicePath, Parse) {
    for (const char *good : {"10/0", "0/255", "10/0.8.0", "10/1:3", "10/1:3.0", "999999999/1"}) {
        const auto path = ft::DevicePath::parse(good);
        ASSERT_TRUE(path) << good;
        EXPECT_EQ(path->str(), good);
    }
    for (const char *bad : {"", "/", "10", "10/", "/1", "a/1", "10/a", "10/.1", "10/1.", "10/1..2",
                            "10/1:2:3", "10/1.2:3", "010/1", "9999999999/1", "10/1/2", "10/:1"})
        EXPECT_FALSE(ft::DevicePath::parse(bad)) << bad;
}

TEST(Locate, PlaceBelowTheBridges) {
    const std::vector<ft::ModuleConfig> two{{10, {"0000:00:04.0"}},
                                            {11, {"0000:00:05.0", "0000:00:06.0"}}};
    const auto at = [&](const ft::PciChain &chain) {
        const auto path = ft::locate(two, chain);
        return path ? path->str() : "";
    };
    EXPECT_EQ(at({"0000:00:04.0", "0000:01:00.1"}), "10/1");
    EXPECT_EQ(at({"0000:00:04.0", "0000:01:00.0", "0000:02:01.0", "0000:03:00.0"}), "10/0.8.0");
    EXPECT_EQ(at({"0000:00:06.0", "0000:01:02.0"}), "11/1:16");
    EXPECT_EQ(at({"0000:00:04.0"}), ""); // the bridge itself is in no module
    EXPECT_EQ(at({"0000:00:1f.2"}), "");
}

TEST(PciChain, AddressesOfAPath) {
    EXPECT_EQ(ft::pci_chain("../devices/pci0000:00/0000:00:04.0/0000:01:00.1/nvme/nvme0/nvme0n1"),
              (ft::PciChain{"0000:00:04.0", "0000:01:00.1"}));
    EXPECT_EQ(ft::pci_chain("../devices/virtual/block/dm-0"), ft::PciChain{});
    EXPECT_EQ(ft::pci_chain(""), ft::PciChain{});
}

TEST(PciAddress, Form) {
    EXPECT_TRUE(ft::is_pci_address("0000:00:1f.7"));
    EXPECT_TRUE(ft::is_pci_address("10000:ff:00.0"));
    for (const char *bad : {"", "0000:00:20.0", "0000:00:04.8", "0000:0g:04.0", "000:00:04.0",
                            "0000:00:4.0", "0000:00:04:0", "0000:00:04.0 "})
        EXPECT_FALSE(ft::is_pci_address(bad)) << bad;
    EXPECT_EQ(ft::devfn("0000:00:1f.7"), 255U);
}

TEST(Uuid, BytesAndBack) {
    EXPECT_EQ(ft::uuid_string(ft::uuid_bytes(test::uuid).data()), test::uuid);
    EXPECT_EQ(ft::uuid_string(ft::uuid_bytes("0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8F9").data()),
              test::uuid);
}

} // namespace
