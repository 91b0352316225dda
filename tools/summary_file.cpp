#include "tools/summary_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "pipeline/error.h"
#include "tools/logging.h"
#include "tools/terminal_text.h"

namespace rebuild_projection {

namespace {

class Descriptor {
 public:
  Descriptor(const std::filesystem::path& path, int flags)
      : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }
  [[nodiscard]] int get() const { return descriptor_; }
  bool close() {
    const int open = std::exchange(descriptor_, -1);
    return open < 0 || ::close(open) == 0;
  }

 private:
  int descriptor_;
};

constexpr int create_new = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;

std::string cannot(const std::filesystem::path& path, int error) {
  return "--summary: " + printable(path.string()) + " cannot be written: " + std::generic_category().message(error) +
         '.';
}

}  // namespace

SummaryFile::SummaryFile(const std::filesystem::path& path) {
  std::error_code error;
  path_ = std::filesystem::weakly_canonical(path, error);
  if (error) throw UsageError(cannot(path, error.value()));
  const auto status = std::filesystem::status(path_, error);
  if (std::filesystem::is_directory(status)) throw UsageError(cannot(path, EISDIR));
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    if (::access(path_.c_str(), W_OK) != 0) throw UsageError(cannot(path, errno));
    return;
  }
  temporary_ = path_;
  temporary_ += "." + std::to_string(::getpid()) + ".tmp";
  if (Descriptor(temporary_, create_new).get() < 0) throw UsageError(cannot(path, errno));
  ::unlink(temporary_.c_str());
}

void SummaryFile::write(std::string_view text) const {
  const bool replaces = !temporary_.empty();
  // Not blocking: a pipe that nobody reads must not keep a finished run from ending.
  Descriptor file(replaces ? temporary_ : path_, replaces ? create_new : O_WRONLY | O_NONBLOCK);
  bool written = file.get() >= 0 && write_all(file.get(), text);
  if (written && replaces) written = ::fsync(file.get()) == 0;
  if (written) written = file.close();
  if (written && replaces) written = std::rename(temporary_.c_str(), path_.c_str()) == 0;
  if (written) return;
  const int error = errno;
  if (replaces) ::unlink(temporary_.c_str());
  throw RunError(cannot(path_, error));
}

}  // namespace rebuild_projection
