// SPDX-License-Identifier: GPL-2.0
// A disk, or an image of one, that is read and written directly.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <linux/fs.h>
#include <memory>
#include <new>
#include <string>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "ftd/common/handle.hpp"

namespace ft {

inline constexpr std::uint64_t sector = 512;

// Direct I/O needs aligned memory.
class Buffer {
  public:
    explicit Buffer(std::size_t size)
        : size_(size), bytes_(static_cast<std::uint8_t *>(std::aligned_alloc(4096, size))) {
        if (!bytes_)
            throw std::bad_alloc();
        std::memset(bytes_.get(), 0, size);
    }
    std::uint8_t *data() const { return bytes_.get(); }
    std::size_t size() const { return size_; }
    template <typename T>
    T *as() const {
        return reinterpret_cast<T *>(bytes_.get());
    }

  private:
    std::size_t size_;
    std::unique_ptr<std::uint8_t, Release<std::free>> bytes_;
};

class OpenDisk {
  public:
    // O_EXCL on a block device: nobody else in the kernel may have it.
    OpenDisk(const std::string &device, int flags)
        : device_(device), fd_(::open(device.c_str(), flags | O_CLOEXEC | O_DIRECT)) {
        if (!fd_)
            throw std::system_error(errno, std::generic_category(), device);
        struct stat info {};
        if (::fstat(fd_.get(), &info) < 0)
            throw std::system_error(errno, std::generic_category(), device);
        if (S_ISREG(info.st_mode))
            bytes_ = static_cast<std::uint64_t>(info.st_size);
        else if (!S_ISBLK(info.st_mode))
            throw std::system_error(ENOTBLK, std::generic_category(), device);
        else if (::ioctl(fd_.get(), BLKGETSIZE64, &bytes_) < 0)
            throw std::system_error(errno, std::generic_category(), device);
    }

    const std::string &device() const { return device_; }
    int fd() const { return fd_.get(); }
    std::uint64_t bytes() const { return bytes_; }

    void read(const Buffer &buffer, std::uint64_t at) const {
        const ssize_t done =
            ::pread(fd_.get(), buffer.data(), buffer.size(), static_cast<off_t>(at));
        if (done != static_cast<ssize_t>(buffer.size()))
            throw std::system_error(done < 0 ? errno : EIO, std::generic_category(), device_);
    }

    void write(const Buffer &buffer, std::uint64_t at) const {
        const ssize_t done =
            ::pwrite(fd_.get(), buffer.data(), buffer.size(), static_cast<off_t>(at));
        if (done != static_cast<ssize_t>(buffer.size()))
            throw std::system_error(done < 0 ? errno : EIO, std::generic_category(), device_);
    }

    void flush() const {
        if (::fsync(fd_.get()) < 0)
            throw std::system_error(errno, std::generic_category(), device_);
    }

  private:
    std::string device_;
    Fd fd_;
    std::uint64_t bytes_ = 0;
};

} // namespace ft
