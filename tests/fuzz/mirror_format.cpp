// SPDX-License-Identifier: GPL-2.0
//
// Hostile superblocks against kmod/uapi/ft_mirror_format.h, the code by which
// the kernel and user space read a leg and judge two of them. Deterministic: one
// seed, one sequence of images, so that a failure can be seen again.
//
//     mirror_format [IMAGES [SEED]]
//
// Each rule that is checked is one line of the output. Memory errors and
// undefined behaviour end the program (it is built with ASan and UBSan).
#include <cinttypes>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include <ft_mirror_format.h>

static_assert(sizeof(ft_sb) == FT_SB_BYTES);
static_assert(sizeof(ft_bitmap_block) == FT_BITMAP_BYTES);

namespace {

using Verdict = enum ft_verdict; // the function that gives it has the same name

// splitmix64: any seed is a good one.
class Random {
  public:
    explicit Random(uint64_t seed) : state(seed) {}

    uint64_t operator()() {
        uint64_t z = state += 0x9e3779b97f4a7c15;

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    uint64_t below(uint64_t n) { return (*this)() % n; }
    bool one_in(uint64_t n) { return below(n) == 0; }
    template <typename T>
    const T &of(const std::vector<T> &all) {
        return all[below(all.size())];
    }

  private:
    uint64_t state;
};

uint64_t image_number; // the image at hand, for what broke a rule

// One rule: how often it was put to the test, and what broke it first.
struct Rule {
    const char *name;
    uint64_t tried = 0, broken = 0;
    std::string first = {};

    // @found tells what broke the rule; it is not called otherwise.
    template <typename Found>
    void hold(bool holds, Found found) {
        tried++;
        if (!holds && !broken++)
            first = found();
    }
    void hold(bool holds) {
        hold(holds, [] { return "image " + std::to_string(image_number); });
    }
};

Rule refused_untouched{"a refusal leaves the result as it was"};
Rule sealed{"what is accepted has magic, checksum, version and known features"};
Rule fits{"an accepted layout fits together and into the device"};
Rule fields{"accepted fields do not contradict each other"};
Rule newest{"the newer of two good slots is taken"};
Rule not_behind{"a slot that was written whole is not passed over"};
Rule blank{"only a device without any superblock is called blank"};
Rule slot_order{"the slots may change places"};
Rule round_trip{"an accepted superblock survives being written and read"};
Rule one_bit{"no bit of a superblock can change unnoticed"};
Rule torn{"a torn update leaves the old superblock or the new one"};
Rule by_table{"the verdict is the row of the table"};
Rule symmetric{"the verdict does not depend on the order of the legs"};
Rule source_good{"an inconsistent leg is never the source"};
Rule same_gens{"legs count as equal only in one generation, none syncing"};
Rule twice{"a leg is no partner of itself"};
Rule bitmap_sealed{"a bitmap block is accepted only whole and in its place"};
Rule bitmap_room{"the bit of each region lies within the bitmap"};
Rule region_default{"the default region size suits every mirror that can be"};

// A rule that nothing put to the test has failed.
int print_rules() {
    int passed = 0, failed = 0;

    for (const Rule *r :
         {&refused_untouched, &sealed, &fits, &fields, &newest, &not_behind, &blank, &slot_order,
          &round_trip, &one_bit, &torn, &by_table, &symmetric, &source_good, &same_gens, &twice,
          &bitmap_sealed, &bitmap_room, &region_default}) {
        const bool good = r->tried && !r->broken;

        good ? passed++ : failed++;
        std::printf("%s  %s (%" PRIu64 " times%s%s)\n", good ? "PASS" : "FAIL", r->name, r->tried,
                    r->broken ? "; first broken by: " : "", r->first.c_str());
    }
    std::printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}

struct Image {
    ft_sb slot[FT_SB_SLOTS];
    uint64_t dev_sectors;
};

std::string text(const ft_leg_meta &m) {
    char line[200];

    std::snprintf(line, sizeof(line),
                  "gen %" PRIu64 " base %" PRIu64 " syncing %d seq %" PRIu64 " data %" PRIu64
                  "+%" PRIu64 " bitmap %" PRIu64 " shift %u",
                  uint64_t{m.gen}, uint64_t{m.base}, m.syncing, uint64_t{m.seq},
                  uint64_t{m.data_offset}, uint64_t{m.data_size}, uint64_t{m.bitmap_offset},
                  m.region_shift);
    return line;
}

void seal(ft_sb &sb) {
    sb.crc = cpu_to_le32(ft_crc32c(&sb, FT_SB_BYTES - 4));
}

// Names from a small set, so that two legs often know each other.
void draw_id(Random &random, __u8 *id, unsigned names) {
    std::memset(id, 0, 16);
    id[15] = static_cast<__u8>(1 + random.below(names));
}

ft_leg_meta draw_leg(Random &random) {
    ft_leg_meta m{};

    m.uuid[0] = static_cast<__u8>(1 + random.below(2));
    draw_id(random, m.id, 3);
    do
        draw_id(random, m.peer, 3);
    while (!std::memcmp(m.id, m.peer, 16));
    m.gen = 1 + random.below(4);
    do
        m.base = random.below(5);
    while (m.base == m.gen);
    m.seq = random.below(1000);
    m.syncing = random.one_in(3);
    m.region_shift = static_cast<__u32>(random.one_in(3) ? 7 + random.below(15) : 10);
    // Mostly one size, so that legs suit each other; some of any size, some as
    // large as their regions allow.
    m.data_size = 2048;
    if (random.one_in(3))
        m.data_size = 8 * (1 + random.below(1ULL << 20));
    else if (random.one_in(8))
        m.data_size = 8 * (1 + random.below((1ULL << (24 + m.region_shift)) / 8));
    if (ft_regions(m.data_size, m.region_shift) > FT_REGIONS_MAX)
        m.data_size = 8;
    m.bitmap_offset = FT_BITMAP_SECTOR + 8 * random.below(16);
    const uint64_t end =
        m.bitmap_offset + 8 * ft_bitmap_blocks(ft_regions(m.data_size, m.region_shift));
    m.data_offset = (end + FT_DATA_ALIGN - 1) / FT_DATA_ALIGN * FT_DATA_ALIGN;
    std::memset(m.label, 'a' + static_cast<int>(random.below(26)), random.below(64));
    return m;
}

// A good pair of slots, as a leg has them after some updates.
Image draw_image(Random &random) {
    ft_leg_meta m = draw_leg(random);
    Image image;

    image.dev_sectors = m.data_offset + m.data_size + (random.one_in(2) ? 0 : random.below(10000));
    const unsigned newer = static_cast<unsigned>(random.below(2));
    ft_sb_encode(&m, &image.slot[!newer]);
    m.seq++;
    if (random.one_in(2)) {
        m.base = m.gen;
        m.gen = m.gen % 4 + 1;
    } else {
        m.syncing = !m.syncing;
    }
    ft_sb_encode(&m, &image.slot[newer]);
    return image;
}

constexpr size_t numbers64[] = {
    offsetof(ft_sb, seq),         offsetof(ft_sb, gen),       offsetof(ft_sb, base),
    offsetof(ft_sb, data_offset), offsetof(ft_sb, data_size), offsetof(ft_sb, bitmap_offset),
};
constexpr size_t numbers32[] = {
    offsetof(ft_sb, version), offsetof(ft_sb, compat),       offsetof(ft_sb, incompat),
    offsetof(ft_sb, flags),   offsetof(ft_sb, region_shift),
};

// Numbers at the edges of what the layout allows.
uint64_t edge(Random &random, const Image &image, uint64_t old) {
    const std::vector<uint64_t> edges = {0,
                                         1,
                                         7,
                                         8,
                                         255,
                                         256,
                                         257,
                                         2047,
                                         2048,
                                         FT_REGIONS_MAX,
                                         1ULL << 32,
                                         1ULL << 51,
                                         1ULL << 52,
                                         1ULL << 63,
                                         ~0ULL,
                                         ~0ULL - 7,
                                         ~0ULL - 2047,
                                         image.dev_sectors,
                                         image.dev_sectors - 2048,
                                         old + 1,
                                         old - 1,
                                         old + 8,
                                         old - 8,
                                         old + 2048,
                                         old - 2048,
                                         old << 1,
                                         ~old,
                                         random()};

    return random.of(edges);
}

void mutate(Random &random, Image &image) {
    ft_sb &sb = image.slot[random.below(2)];
    ft_sb &other = &sb == image.slot ? image.slot[1] : image.slot[0];
    auto *bytes = reinterpret_cast<unsigned char *>(&sb);
    bool fix = true;

    switch (random.below(12)) {
    case 0:
    case 1:
    case 2: {
        const size_t at = numbers64[random.below(std::size(numbers64))];
        uint64_t value;

        std::memcpy(&value, bytes + at, sizeof(value));
        value = htole64(edge(random, image, le64toh(value)));
        std::memcpy(bytes + at, &value, sizeof(value));
        break;
    }
    case 3: {
        const size_t at = numbers32[random.below(std::size(numbers32))];
        const uint32_t value = htole32(random.one_in(2) ? static_cast<uint32_t>(random.below(40))
                                                        : 1U << random.below(32));

        std::memcpy(bytes + at, &value, sizeof(value));
        break;
    }
    case 4: { // names: nobody's, each other's, the same
        const std::vector<__u8 *> names = {sb.uuid, sb.id, sb.peer};
        static const __u8 nobody[16] = {};

        std::memmove(random.of(names), random.one_in(2) ? nobody : random.of(names), 16);
        break;
    }
    case 5: // flags alone, so that features are not always the reason
        sb.flags = cpu_to_le32(static_cast<uint32_t>(random.below(2)));
        break;
    case 6: // a label without an end
        std::memset(sb.label, 0xff, sizeof(sb.label));
        break;
    case 7: // torn: some sectors of the other slot's contents
        std::memcpy(&sb, &other, 512 * (1 + random.below(7)));
        fix = random.one_in(2);
        break;
    case 8: // another device
        image.dev_sectors = random.one_in(4) ? random() : edge(random, image, image.dev_sectors);
        fix = false;
        break;
    case 9: // raw damage, anywhere or in the fields
        for (uint64_t n = 1 + random.below(8); n; n--)
            bytes[random.below(random.one_in(2) ? FT_SB_BYTES : 200)] ^=
                static_cast<unsigned char>(1U << random.below(8));
        fix = random.one_in(2);
        break;
    case 10: // no superblock at all, or noise
        for (size_t i = 0, noise = random.one_in(2); i < FT_SB_BYTES; i++)
            bytes[i] = noise ? static_cast<unsigned char>(random()) : 0;
        fix = false;
        break;
    case 11: // the same sequence number twice
        sb.seq = other.seq;
        break;
    }
    if (fix)
        seal(sb);
}

// The rules of the layout once more, in wide arithmetic and without the
// header's help.
bool layout_fits(const ft_leg_meta &m, uint64_t dev_sectors) {
    using Wide = unsigned __int128;
    const Wide regions = (Wide{m.data_size} + (Wide{1} << m.region_shift) - 1) >> m.region_shift;
    const Wide blocks = (regions + (4096 - 24) * 8 - 1) / ((4096 - 24) * 8);

    return m.region_shift >= 7 && m.region_shift <= 21 && m.data_size > 0 &&
           regions <= (1U << 24) && m.bitmap_offset >= 256 &&
           Wide{m.bitmap_offset} + 8 * blocks <= m.data_offset && m.data_offset % 2048 == 0 &&
           m.data_size % 8 == 0 && Wide{m.data_offset} + m.data_size <= dev_sectors;
}

void check_image(const Image &image, std::vector<ft_leg_meta> &legs) {
    ft_leg_meta m, swapped, slot[2], untouched;
    ft_sb_error each[2];

    std::memset(&untouched, 0xa5, sizeof(untouched));
    for (unsigned i = 0; i < 2; i++) {
        slot[i] = untouched;
        each[i] = ft_sb_decode(&image.slot[i], i, image.dev_sectors, &slot[i]);
        if (each[i] != FT_SB_OK)
            refused_untouched.hold(!std::memcmp(&slot[i], &untouched, sizeof(m)));
    }
    m = untouched;
    const ft_sb_error err = ft_sb_choose(&image.slot[0], &image.slot[1], image.dev_sectors, &m);
    swapped = untouched;
    const ft_sb_error back =
        ft_sb_choose(&image.slot[1], &image.slot[0], image.dev_sectors, &swapped);

    for (const ft_sb_error e : each)
        if (e != FT_SB_OK && e != FT_SB_BLANK && e != FT_SB_CRC)
            not_behind.hold(err != FT_SB_OK);
    if (err != FT_SB_OK) {
        refused_untouched.hold(!std::memcmp(&m, &untouched, sizeof(m)));
        slot_order.hold(back != FT_SB_OK);
        blank.hold((err == FT_SB_BLANK) ==
                   (std::memcmp(image.slot[0].magic, FT_SB_MAGIC, 16) != 0 &&
                    std::memcmp(image.slot[1].magic, FT_SB_MAGIC, 16) != 0));
        return;
    }

    const ft_sb &sb = image.slot[m.slot];
    sealed.hold(m.slot < 2 && !std::memcmp(sb.magic, "ft_mirror_member", 16) &&
                le32toh(sb.crc) == ft_crc32c(&sb, FT_SB_BYTES - 4) && le32toh(sb.version) == 1 &&
                !sb.incompat && !(le32toh(sb.flags) & ~1U));
    fits.hold(layout_fits(m, image.dev_sectors), [&] { return text(m); });
    fields.hold(m.gen && m.gen != m.base && !ft_id_is_null(m.uuid) && !ft_id_is_null(m.id) &&
                    !ft_id_is_null(m.peer) && std::memcmp(m.id, m.peer, 16) != 0 &&
                    m.label[sizeof(m.label) - 1] == 0 && m.syncing <= 1,
                [&] { return text(m); });
    const unsigned o = !m.slot;
    newest.hold(each[m.slot] == FT_SB_OK && (each[o] != FT_SB_OK || slot[o].seq <= m.seq));
    if (each[o] != FT_SB_OK || slot[o].seq != m.seq) {
        swapped.slot = !swapped.slot;
        slot_order.hold(back == FT_SB_OK && !std::memcmp(&swapped, &m, sizeof(m)));
    }

    ft_sb again;
    ft_leg_meta read = untouched;
    ft_sb_encode(&m, &again);
    round_trip.hold(ft_sb_decode(&again, m.slot, image.dev_sectors, &read) == FT_SB_OK &&
                    !std::memcmp(&read, &m, sizeof(m)));

    // Legs that differ only in what no verdict looks at are of one kind.
    m.seq = m.slot = 0;
    m.data_offset = m.bitmap_offset = 0;
    std::memset(m.label, 0, sizeof(m.label));
    legs.push_back(m);
}

// Every bit of a slot, one by one; every cut of an update, at every byte.
void check_damage(Random &random) {
    const Image image = draw_image(random);
    ft_leg_meta m, now;

    Image flipped = image;
    auto *bytes = reinterpret_cast<unsigned char *>(&flipped.slot[0]);
    for (unsigned bit = 0; bit < 8 * FT_SB_BYTES; bit++) {
        bytes[bit / 8] ^= static_cast<unsigned char>(1U << bit % 8);
        one_bit.hold(ft_sb_decode(&flipped.slot[0], 0, image.dev_sectors, &m) != FT_SB_OK,
                     [&] { return "bit " + std::to_string(bit); });
        bytes[bit / 8] ^= static_cast<unsigned char>(1U << bit % 8);
    }

    if (ft_sb_choose(&image.slot[0], &image.slot[1], image.dev_sectors, &now) != FT_SB_OK)
        return;
    ft_leg_meta next = now;
    next.seq++;
    next.base = now.gen;
    next.gen = now.gen + 1;
    ft_sb update;
    ft_sb_encode(&next, &update);
    Image half = image;
    for (size_t cut = 0; cut <= FT_SB_BYTES; cut++) {
        half.slot[!now.slot] = image.slot[!now.slot];
        std::memcpy(&half.slot[!now.slot], &update, cut);
        const auto err = ft_sb_choose(&half.slot[0], &half.slot[1], image.dev_sectors, &m);
        torn.hold(err == FT_SB_OK && (m.gen == now.gen || m.gen == next.gen),
                  [&] { return "cut at byte " + std::to_string(cut); });
    }
}

// The table of assembly and return as the document has it: each row by itself.
Verdict table(const ft_leg_meta *x, const ft_leg_meta *y, int &source) {
    const ft_leg_meta *leg[2] = {x, y};

    source = -1;
    if (!x && !y)
        return FT_VERDICT_NO_LEGS;
    for (int s = 0; s < 2; s++) {
        if (leg[!s])
            continue;
        source = leg[s]->syncing ? -1 : s;
        return leg[s]->syncing ? FT_VERDICT_ONLY_SYNCING
               : leg[s]->base  ? FT_VERDICT_ONLY_RECORDED
                               : FT_VERDICT_ONLY_MAYBE_STALE;
    }
    const bool known = !std::memcmp(x->uuid, y->uuid, 16) && !std::memcmp(x->peer, y->id, 16) &&
                       !std::memcmp(y->peer, x->id, 16) && x->region_shift == y->region_shift &&
                       std::memcmp(x->id, y->id, 16) != 0;
    if (!known)
        return FT_VERDICT_UNRELATED;
    if (x->syncing && y->syncing)
        return FT_VERDICT_BOTH_SYNCING;
    if (x->gen == y->gen && !x->syncing && !y->syncing)
        return x->base || y->base ? FT_VERDICT_DAMAGED : FT_VERDICT_SAME;
    for (int s = 0; s < 2; s++) {
        const ft_leg_meta &from = *leg[s], &to = *leg[!s];

        if (from.syncing)
            continue;
        if (from.gen == to.gen) {
            source = s;
            return FT_VERDICT_RESUME;
        }
        if (from.base == to.gen) {
            source = to.base ? -1 : s;
            return to.base ? FT_VERDICT_DAMAGED : FT_VERDICT_ANCESTOR;
        }
    }
    return !x->syncing && !y->syncing && x->base && x->base == y->base ? FT_VERDICT_SPLIT
                                                                       : FT_VERDICT_UNRELATED;
}

void check_pair(const ft_leg_meta *x, const ft_leg_meta *y) {
    const ft_leg_meta *leg[2] = {x, y};
    const auto both = [&] { return (x ? text(*x) : "none") + " | " + (y ? text(*y) : "none"); };
    int source = -1, reverse = -1, expected;
    const Verdict v = ft_verdict(x, y, &source);
    const Verdict back = ft_verdict(y, x, &reverse);
    const Verdict row = table(x, y, expected);

    by_table.hold(v == row && (expected < 0 || source == expected), both);
    symmetric.hold(v == back && (expected < 0 || source == !reverse), both);
    switch (v) {
    case FT_VERDICT_RESUME:
    case FT_VERDICT_ANCESTOR:
    case FT_VERDICT_ONLY_RECORDED:
    case FT_VERDICT_ONLY_MAYBE_STALE:
        source_good.hold((source == 0 || source == 1) && leg[source] && !leg[source]->syncing,
                         both);
        break;
    case FT_VERDICT_SAME:
        same_gens.hold(x->gen == y->gen && !x->syncing && !y->syncing && !x->base && !y->base &&
                           leg[source]->data_size >= leg[!source]->data_size &&
                           (source == 0 || y->data_size > x->data_size),
                       both);
        break;
    case FT_VERDICT_SPLIT:
    case FT_VERDICT_BOTH_SYNCING:
    case FT_VERDICT_DAMAGED:
    case FT_VERDICT_UNRELATED:
    case FT_VERDICT_ONLY_SYNCING:
    case FT_VERDICT_NO_LEGS:
        break;
    }
}

// Every pair of a domain that is small enough to be complete: all relations of
// two generations and two bases, and every way not to know each other.
std::vector<ft_leg_meta> small_domain() {
    std::vector<ft_leg_meta> legs;

    for (unsigned n = 0; n < 4 * 5 * 2 * 2 * 3 * 3 * 2; n++) {
        unsigned rest = n;
        const auto digit = [&](unsigned base) {
            const unsigned d = rest % base;
            rest /= base;
            return d;
        };
        ft_leg_meta m{};

        m.gen = 1 + digit(4);
        m.base = digit(5);
        m.syncing = static_cast<__u8>(digit(2));
        m.uuid[0] = static_cast<__u8>(1 + digit(2));
        m.id[0] = static_cast<__u8>(1 + digit(3));
        m.peer[0] = static_cast<__u8>(1 + digit(3));
        m.data_size = 2048 << digit(2);
        m.data_offset = 2048;
        m.bitmap_offset = 256;
        m.region_shift = 10;
        if (m.gen != m.base && m.id[0] != m.peer[0])
            legs.push_back(m);
    }
    return legs;
}

void check_pairs(const std::vector<ft_leg_meta> &legs) {
    for (const auto &x : legs) {
        for (const auto &y : legs)
            check_pair(&x, &y);
        check_pair(&x, nullptr);
        check_pair(nullptr, &x);
        int source;
        twice.hold(ft_verdict(&x, &x, &source) == FT_VERDICT_UNRELATED, [&] { return text(x); });
    }
    check_pair(nullptr, nullptr);
}

void check_bitmap(Random &random) {
    ft_bitmap_block b;
    auto *bytes = reinterpret_cast<unsigned char *>(&b);
    const uint64_t index = random.below(FT_REGIONS_MAX / FT_BITMAP_BITS);

    for (auto &byte : b.bits)
        byte = static_cast<__u8>(random());
    ft_bitmap_block_seal(&b, index);
    bitmap_sealed.hold(ft_bitmap_block_ok(&b, index));
    bitmap_sealed.hold(!ft_bitmap_block_ok(&b, index + 1));
    const size_t at = random.below(FT_BITMAP_BYTES);
    bytes[at] ^= static_cast<unsigned char>(1U << random.below(8));
    bitmap_sealed.hold(!ft_bitmap_block_ok(&b, index),
                       [&] { return "byte " + std::to_string(at); });

    const ft_leg_meta m = draw_leg(random);
    const uint32_t regions = ft_regions(m.data_size, m.region_shift);
    const uint64_t last = (m.data_size - 1) >> m.region_shift;
    bitmap_room.hold(last == regions - 1 &&
                         last / FT_BITMAP_BITS == ft_bitmap_blocks(regions) - 1 &&
                         last % FT_BITMAP_BITS / 8 < FT_BITMAP_MAP_BYTES,
                     [&] { return text(m); });

    // The largest mirror is one that the largest regions can describe.
    const uint64_t size = 8 * (1 + random.below(1ULL << random.below(42)));
    const uint32_t shift = ft_region_shift_default(size);
    region_default.hold(
        shift >= FT_REGION_SHIFT_DEFAULT && shift <= FT_REGION_SHIFT_MAX &&
            (shift == FT_REGION_SHIFT_MAX || ft_regions(size, shift) <= FT_REGIONS_WANTED) &&
            (size + (1ULL << shift) - 1) >> shift <= FT_REGIONS_MAX,
        [&] { return std::to_string(size) + " sectors"; });
}

// The legs that were accepted, each kind of leg once.
std::vector<ft_leg_meta> kinds(const std::vector<ft_leg_meta> &legs) {
    const auto less = [](const ft_leg_meta &a, const ft_leg_meta &b) {
        return std::memcmp(&a, &b, sizeof(a)) < 0;
    };
    const std::set<ft_leg_meta, decltype(less)> set(legs.begin(), legs.end(), less);

    return {set.begin(), set.end()};
}

} // namespace

int main(int argc, char **argv) {
    const uint64_t images = argc > 1 ? std::strtoull(argv[1], nullptr, 0) : 12000;
    Random random(argc > 2 ? std::strtoull(argv[2], nullptr, 0) : 11);
    std::vector<ft_leg_meta> legs;

    for (uint64_t &n = image_number; n < images; n++) {
        Image image = draw_image(random);

        for (uint64_t m = random.below(6); m; m--)
            mutate(random, image);
        check_image(image, legs);
        if (n % 16 == 0)
            check_bitmap(random);
    }
    for (int n = 0; n < 2; n++)
        check_damage(random);
    const auto some = kinds(legs);
    std::printf("%" PRIu64 " images, %zu accepted, %zu kinds of legs\n", images, legs.size(),
                some.size());
    check_pairs(some);
    check_pairs(small_domain());
    return print_rules();
}
