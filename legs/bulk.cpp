// SPDX-License-Identifier: GPL-2.0
#include "legs/bulk.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <liburing.h>
#include <system_error>
#include <vector>

namespace ft {

namespace {

constexpr unsigned depth = 16;               // chunks under way, each on both disks
constexpr std::uint64_t chunk = 256 << 10;   // compared at a time
constexpr std::uint64_t stretch = 16U << 20; // zeroed at a time

class Ring {
  public:
    Ring() {
        const int error = ::io_uring_queue_init(2 * depth, &ring_, 0);
        if (error < 0)
            throw std::system_error(-error, std::generic_category(), "io_uring");
    }
    ~Ring() { ::io_uring_queue_exit(&ring_); } // waits for what is under way
    Ring(const Ring &) = delete;
    Ring &operator=(const Ring &) = delete;

    // There is one for each request that may be under way.
    io_uring_sqe *request(std::uint64_t tag) {
        io_uring_sqe *sqe = ::io_uring_get_sqe(&ring_);
        ::io_uring_sqe_set_data64(sqe, tag);
        return sqe;
    }

    struct Answer {
        std::uint64_t tag;
        int result;
    };
    Answer wait() {
        io_uring_cqe *cqe = nullptr;
        int error;
        do {
            error = ::io_uring_submit_and_wait(&ring_, 1);
        } while (error == -EINTR);
        if (error >= 0)
            error = ::io_uring_wait_cqe(&ring_, &cqe);
        if (error < 0)
            throw std::system_error(-error, std::generic_category(), "io_uring");
        const Answer answer{cqe->user_data, cqe->res};
        ::io_uring_cqe_seen(&ring_, cqe);
        return answer;
    }

  private:
    io_uring ring_{};
};

// Tells at most ten times a second.
class Teller {
  public:
    Teller(const Progress &progress, std::uint64_t total) : progress_(progress), total_(total) {}

    void add(std::uint64_t bytes) {
        using namespace std::chrono_literals;
        done_ += bytes;
        const auto now = std::chrono::steady_clock::now();
        if (done_ < total_ && now - told_ < 100ms)
            return;
        told_ = now;
        progress_(done_, total_);
    }

  private:
    const Progress &progress_;
    std::uint64_t done_ = 0, total_;
    std::chrono::steady_clock::time_point told_{};
};

// The same part of both disks.
struct Chunk {
    std::array<Buffer, 2> buffer{Buffer(chunk), Buffer(chunk)};
    std::uint64_t at = 0, size = 0;
    unsigned waiting = 0;
    bool good = true;
};

bool read_block(const Extent &extent, std::uint64_t at, std::uint8_t *to) {
    return ::pread(extent.disk.fd(), to, compare_block, static_cast<off_t>(extent.at + at)) ==
           static_cast<ssize_t>(compare_block);
}

// One by one, so that a bad block does not hide its neighbours.
void compare_blocks(const std::array<Extent, 2> &extents, Chunk &part,
                    const std::function<void(std::uint64_t, Finding)> &found) {
    for (std::uint64_t at = 0; at < part.size; at += compare_block) {
        std::array<std::uint8_t *, 2> block{part.buffer[0].data() + at, part.buffer[1].data() + at};
        if (!part.good) {
            bool readable = true;
            for (std::size_t side = 0; side < 2; side++) {
                if (read_block(extents[side], part.at + at, block[side]))
                    continue;
                found(part.at + at,
                      side == 0 ? Finding::first_unreadable : Finding::second_unreadable);
                readable = false;
            }
            if (!readable)
                continue;
        }
        if (std::memcmp(block[0], block[1], compare_block) != 0)
            found(part.at + at, Finding::differs);
    }
}

} // namespace

void compare(const Extent &first, const Extent &second, std::uint64_t bytes,
             const std::function<void(std::uint64_t at, Finding)> &found,
             const Progress &progress) {
    const std::array<Extent, 2> extents{first, second};
    std::vector<Chunk> parts(std::min<std::uint64_t>(depth, (bytes + chunk - 1) / chunk));
    Ring ring; // after the buffers: nothing is under way any more when they go
    Teller teller(progress, bytes);
    std::uint64_t next = 0;
    unsigned under_way = 0;
    const auto send = [&](std::size_t number) {
        Chunk &part = parts[number];
        part.at = next;
        part.size = std::min(chunk, bytes - next);
        part.waiting = 2;
        part.good = true;
        next += part.size;
        under_way++;
        for (std::size_t side = 0; side < 2; side++)
            ::io_uring_prep_read(ring.request(2 * number + side), extents[side].disk.fd(),
                                 part.buffer[side].data(), static_cast<unsigned>(part.size),
                                 extents[side].at + part.at);
    };
    for (std::size_t number = 0; number < parts.size(); number++)
        send(number);
    while (under_way) {
        const Ring::Answer answer = ring.wait();
        const std::size_t number = answer.tag / 2;
        Chunk &part = parts[number];
        part.good &= answer.result == static_cast<int>(part.size);
        if (--part.waiting)
            continue;
        under_way--;
        if (!part.good || std::memcmp(part.buffer[0].data(), part.buffer[1].data(), part.size) != 0)
            compare_blocks(extents, part, found);
        teller.add(part.size);
        if (next < bytes)
            send(number);
    }
}

void zero(const std::array<Extent, 2> &extents, std::uint64_t bytes, const Progress &progress) {
    struct Part {
        std::uint64_t next = 0, sizes[depth / 2]{};
    };
    Ring ring;
    Teller teller(progress, 2 * bytes);
    std::array<Part, 2> sides;
    unsigned under_way = 0;
    int failed = 0;
    std::size_t failed_side = 0;
    const auto send = [&](std::size_t side, std::size_t number) {
        Part &part = sides[side];
        const std::uint64_t size = std::min(stretch, bytes - part.next);
        ::io_uring_prep_fallocate(ring.request(2 * number + side), extents[side].disk.fd(),
                                  FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
                                  static_cast<off_t>(extents[side].at + part.next),
                                  static_cast<off_t>(size));
        part.sizes[number] = size;
        part.next += size;
        under_way++;
    };
    for (std::size_t side = 0; side < 2; side++)
        for (std::size_t number = 0; number < depth / 2 && sides[side].next < bytes; number++)
            send(side, number);
    while (under_way) {
        const Ring::Answer answer = ring.wait();
        const std::size_t side = answer.tag % 2, number = answer.tag / 2;
        under_way--;
        if (answer.result < 0 && !failed) {
            failed = -answer.result;
            failed_side = side;
        }
        if (failed)
            continue;
        teller.add(sides[side].sizes[number]);
        if (sides[side].next < bytes)
            send(side, number);
    }
    if (failed)
        throw std::system_error(failed, std::generic_category(),
                                extents[failed_side].disk.device());
}

} // namespace ft
