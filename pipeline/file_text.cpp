#include "pipeline/file_text.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <span>

#include "pipeline/error.h"

namespace rebuild_projection {

namespace {

/// Between two looks at whether it is to stop.
constexpr int look_every_ms = 50;

/// Opening a pipe would wait for its writer, in a call that nothing ends.
class OpenFile {
 public:
  explicit OpenFile(const std::filesystem::path& path)
      : descriptor_(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() {
    if (is_open()) ::close(descriptor_);
  }
  [[nodiscard]] bool is_open() const { return descriptor_ >= 0; }
  [[nodiscard]] bool can_be_read_soon() const {
    pollfd one{descriptor_, POLLIN, 0};
    return ::poll(&one, 1, look_every_ms) > 0;
  }
  [[nodiscard]] ssize_t read(std::span<char> into) const { return ::read(descriptor_, into.data(), into.size()); }

 private:
  int descriptor_;
};

}  // namespace

std::optional<std::string> text_of_file(const std::filesystem::path& path, const std::stop_token& stop) {
  const OpenFile file(path);
  if (!file.is_open()) return std::nullopt;
  std::string text;
  std::array<char, 65536> part;
  for (;;) {
    if (stop.stop_requested()) throw Cancelled("stopped while " + path.string() + " was read");
    if (!file.can_be_read_soon()) continue;
    const ssize_t size = file.read(part);
    if (size == 0) return text;
    if (size > 0)
      text.append(part.data(), static_cast<std::size_t>(size));
    else if (errno != EINTR && errno != EAGAIN)
      return std::nullopt;
  }
}

}  // namespace rebuild_projection
