#include "pipeline/spill_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace rebuild_projection {

SpillFile::SpillFile(std::string directory) : directory_(std::move(directory)) {
  // Not O_TMPFILE, which not every file system has.
  std::string name = directory_ + "/rebuild_projection.XXXXXX";
  descriptor_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (descriptor_ < 0) fail("made");
  ::unlink(name.c_str());
}

SpillFile::~SpillFile() {
  ::close(descriptor_);
}

void SpillFile::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(size_));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("written");
    bytes.remove_prefix(static_cast<std::size_t>(written));
    size_ += static_cast<std::uint64_t>(written);
  }
}

void SpillFile::read(std::uint64_t offset, char* to, std::size_t bytes) const {
  while (bytes > 0) {
    const ssize_t got = ::pread(descriptor_, to, bytes, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) errno = EIO;
    if (got <= 0) fail("read");
    to += got;
    offset += static_cast<std::uint64_t>(got);
    bytes -= static_cast<std::size_t>(got);
  }
}

void SpillFile::shrink(std::uint64_t size) {
  size_ = size;
  if (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0) fail("shortened");
}

void SpillFile::fail(const char* what) const {
  throw std::system_error(errno, std::generic_category(),
                          "a temporary file in " + directory_ + " cannot be " + what + " (TMPDIR names another place)");
}

}  // namespace rebuild_projection
