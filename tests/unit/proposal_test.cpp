// SPDX-License-Identifier: GPL-2.0
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "ftd/model/proposal.hpp"
#include "tests/unit/hardware.hpp"

namespace {

ft::Proposal propose(const ft::Inventory &inventory, const ft::Config &existing = {},
                     const std::map<std::string, ft::Leg> &legs = {},
                     const std::set<std::string> &running = {}) {
    return ft::propose(existing, inventory, legs, running, [] { return std::string(test::uuid); });
}

const ft::ProposedDevice &device(const ft::Proposal &proposal, const std::string &path) {
    for (const ft::ProposedModule &module : proposal.modules)
        for (const ft::ProposedDevice &device : module.devices)
            if (device.path == path)
                return device;
    throw std::out_of_range(path);
}

bool mentions(const std::string &text, const std::string &part) {
    return text.find(part) != std::string::npos;
}

TEST(Proposal, TwoModules) {
    const ft::Proposal proposal = propose(test::server());
    EXPECT_EQ(proposal.config, test::config());
    EXPECT_EQ(proposal.note, "");
    EXPECT_EQ(ft::parse_config(ft::write_config(proposal.config), "f"), proposal.config);
}

TEST(Proposal, NothingNew) {
    const ft::Proposal proposal = propose(test::server(), test::config());
    EXPECT_EQ(proposal.config, test::config());
    EXPECT_TRUE(mentions(proposal.note, "already"));
    EXPECT_EQ(device(proposal, "11/1").pair, "ftm0");
}

TEST(Proposal, ExistingStaysAndIsAddedTo) {
    ft::Config existing = test::config();
    existing.mirrors.clear();
    existing.bonds[0].name = "lan";
    const ft::Proposal proposal = propose(test::server(), existing);
    EXPECT_EQ(proposal.config.bonds, existing.bonds);
    ASSERT_EQ(proposal.config.mirrors.size(), 1U);
    EXPECT_EQ(proposal.config.mirrors[0].name, "ftm0");
}

TEST(Proposal, NoModules) {
    const ft::Proposal proposal = propose({});
    EXPECT_TRUE(proposal.modules.empty());
    EXPECT_TRUE(mentions(proposal.note, "plug the I/O modules in"));
}

TEST(Proposal, OneModule) {
    const ft::Proposal proposal = propose(test::half_server());
    EXPECT_TRUE(proposal.config.bonds.empty());
    EXPECT_TRUE(mentions(device(proposal, "10/0").reason, "no second module"));
    EXPECT_TRUE(mentions(proposal.note, "no two devices"));
}

TEST(Proposal, DevicesThatCannotBePairedSayWhy) {
    ft::Inventory inventory = test::server();
    inventory.nics[0].master = "br0";
    inventory.disks[1].holder = "/srv";
    ft::Proposal proposal = propose(inventory);
    EXPECT_EQ(device(proposal, "10/0").reason, "is enslaved to br0");
    EXPECT_EQ(device(proposal, "11/0").reason, "its partner 10/0 (eth0) is enslaved to br0");
    EXPECT_EQ(device(proposal, "11/1").reason, "is in use by /srv");

    inventory = test::server();
    inventory.disks[0].size = 1 << 20;
    EXPECT_EQ(device(propose(inventory), "10/1").reason, "is smaller than 16 MiB");

    inventory = test::server();
    inventory.disks[0].boots = true;
    proposal = propose(inventory);
    EXPECT_EQ(device(proposal, "10/1").reason, "has the partition that its module boots from");
    EXPECT_TRUE(proposal.config.mirrors.empty());

    inventory = test::server();
    inventory.disks[1].chain[1] = "0000:02:00.2";
    proposal = propose(inventory);
    EXPECT_TRUE(
        mentions(device(proposal, "10/1").reason, "nothing at the same place in module 11 (11/1)"));

    inventory = test::server();
    inventory.nics[1].chain[1] = "0000:02:00.1";
    inventory.disks[1].chain[1] = "0000:02:00.0";
    EXPECT_EQ(device(propose(inventory), "10/0").reason, "11/0 is a disk");

    inventory = test::server();
    inventory.disks.push_back(test::disk("0000:00:04.0", "0000:01:00.1", "nvme0n2", 9));
    proposal = propose(inventory);
    EXPECT_EQ(proposal.modules[0].devices[2].reason, "shares its PCI function with another device");
    EXPECT_EQ(proposal.config.mirrors.size(), 1U);
}

TEST(Proposal, NumbersOfModules) {
    ft::Inventory inventory = test::server();
    inventory.bridges[0].slot = "3";
    inventory.bridges[1].slot = "7";
    EXPECT_EQ(propose(inventory).config.modules[1].id, 7U);
    inventory.bridges[1].slot = "3-1"; // no number: the case's say nothing usable
    EXPECT_EQ(propose(inventory).config.modules[0].id, 10U);
    EXPECT_EQ(propose(inventory).config.modules[1].id, 11U);
    inventory.bridges[0].slot = inventory.bridges[1].slot = ""; // no hot-plug at all
    EXPECT_EQ(propose(inventory).config.modules.size(), 2U);
    EXPECT_EQ(propose(inventory).config.mirrors.size(), 1U);
}

TEST(Proposal, OutermostHotPlugBridgeIsTheModule) {
    ft::Inventory inventory = test::server();
    inventory.bridges.push_back({{"0000:00:04.0", "0000:01:00.0"}, "20"});
    inventory.nics[0].chain = {"0000:00:04.0", "0000:01:00.0", "0000:03:00.0"};
    const ft::Proposal proposal = propose(inventory);
    ASSERT_EQ(proposal.modules.size(), 2U);
    EXPECT_EQ(device(proposal, "10/0.0").kind, "nic");
}

TEST(Proposal, MoreThanTwoModulesArePairedInOrder) {
    ft::Inventory inventory = test::server();
    for (const char *port : {"0000:00:06.0", "0000:00:07.0"}) {
        inventory.bridges.push_back({{port}, port[9] == '6' ? "12" : "13"});
        inventory.disks.push_back(
            test::disk(port, std::string("0000:0") + port[9] + ":00.0", port, 9));
    }
    const ft::Proposal proposal = propose(inventory);
    ASSERT_EQ(proposal.config.mirrors.size(), 2U);
    EXPECT_EQ(proposal.config.mirrors[1].legs[0].str(), "12/0");
    EXPECT_EQ(proposal.config.mirrors[1].legs[1].str(), "13/0");
}

TEST(Proposal, LegsKeepTheirMirror) {
    ft::Leg a = test::leg(0), b = test::leg(1);
    a.meta.uuid[0] = b.meta.uuid[0] = 0xff;
    const ft::Proposal proposal = propose(test::server(), {}, {{"nvme0n1", a}, {"nvme1n1", b}});
    EXPECT_EQ(proposal.config.mirrors[0].uuid.substr(0, 4), "ff1b");
    EXPECT_TRUE(mentions(device(proposal, "10/1").detail, "leg of a mirror"));
}

TEST(Proposal, RunningPairsAreProposedAsTheyAre) {
    ft::Inventory inventory = test::server();
    for (ft::Nic &nic : inventory.nics)
        nic.master = "lan";
    for (ft::Disk &disk : inventory.disks)
        disk.holder = "data";
    const auto proposal = propose(
        inventory, {}, {{"nvme0n1", test::leg(0)}, {"nvme1n1", test::leg(1)}}, {"lan", "data"});
    ASSERT_EQ(proposal.config.bonds.size(), 1U);
    EXPECT_EQ(proposal.config.bonds[0].name, "lan");
    ASSERT_EQ(proposal.config.mirrors.size(), 1U);
    EXPECT_EQ(proposal.config.mirrors[0].name, "data");
    EXPECT_EQ(proposal.config.mirrors[0].uuid, test::uuid);
    // One half of each is away from it: it is proposed all the same.
    inventory.disks[1].holder.clear();
    inventory.nics[0].master.clear();
    const auto half = propose(inventory, {}, {{"nvme0n1", test::leg(0)}}, {"lan", "data"});
    EXPECT_EQ(half.config, proposal.config);
    inventory.disks[1].holder = "other";
    EXPECT_EQ(device(propose(inventory, {}, {}, {"other", "data"}), "10/1").reason,
              "is in another pair than its partner 11/1");
}

TEST(Proposal, Json) {
    const auto json = nlohmann::json::parse(ft::proposal_json(propose(test::server())));
    EXPECT_EQ(json["modules"][0]["devices"][1]["path"], "10/1");
    EXPECT_EQ(json["pairs"][1]["members"][1], "11/1");
    EXPECT_EQ(json["note"], "");
}

} // namespace
