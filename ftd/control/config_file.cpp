// SPDX-License-Identifier: GPL-2.0
#include "ftd/control/config_file.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>

#include <fmt/format.h>

#include "ftd/common/error.hpp"
#include "ftd/common/handle.hpp"

namespace ft::config_file {

namespace {

constexpr std::size_t largest = 1 << 20;

[[noreturn]] void fail(const char *verb, const std::string &path, int error) {
    throw failed(fmt::format("{} cannot be {}: {}", path, verb, std::strerror(error)));
}

void sync_folder(const std::string &path) {
    const std::string folder = std::filesystem::path(path).parent_path();
    const Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || ::fsync(fd.get()) < 0)
        fail("written", folder, errno);
}

} // namespace

std::optional<std::string> read(const std::string &path) {
    // Not waiting for the other end, should it be a pipe.
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) {
        if (errno == ENOENT || errno == ENOTDIR)
            return std::nullopt;
        fail("read", path, errno);
    }
    struct stat info {};
    if (::fstat(fd.get(), &info) < 0)
        fail("read", path, errno);
    if (!S_ISREG(info.st_mode))
        throw failed(path + " is no regular file; put one there");
    // Whoever can write it can have ftd format disks.
    if ((info.st_uid != 0 && info.st_uid != ::geteuid()) || (info.st_mode & 022))
        throw failed(fmt::format("{0} could have been written by others than root: look at it, "
                                 "then \"chown root {0}; chmod go-w {0}\"",
                                 path));
    std::string text;
    std::array<char, 4096> buffer;
    while (true) {
        const ssize_t size = ::read(fd.get(), buffer.data(), buffer.size());
        if (size < 0)
            fail("read", path, errno);
        if (size == 0)
            return text;
        text.append(buffer.data(), static_cast<std::size_t>(size));
        if (text.size() > largest)
            throw failed(path + " is larger than 1 MiB, which no configuration is");
    }
}

void write(const std::string &path, const std::string &text, mode_t mode) {
    std::error_code error;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
    const std::string temporary = path + ".new";
    const Fd fd(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
    if (!fd)
        fail("written", temporary, errno);
    const ssize_t written = ::write(fd.get(), text.data(), text.size());
    if (written != static_cast<ssize_t>(text.size()) || ::fsync(fd.get()) < 0 ||
        ::rename(temporary.c_str(), path.c_str()) < 0) {
        const int saved =
            written >= 0 && written < static_cast<ssize_t>(text.size()) ? ENOSPC : errno;
        ::unlink(temporary.c_str());
        fail("written", path, saved);
    }
    sync_folder(path);
}

void remove(const std::string &path) {
    if (::unlink(path.c_str()) < 0 && errno != ENOENT)
        fail("removed", path, errno);
    sync_folder(path);
}

} // namespace ft::config_file
