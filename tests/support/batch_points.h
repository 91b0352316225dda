#pragma once

#include <cstdint>

#include "tests/support/proxy.h"

namespace rebuild_projection::test {

/// Where a message of the program's committing session stands in the life of a batch.
enum class BatchPoint : std::uint8_t {
  none,
  rows_written,        ///< the client asks for the checkpoints, so that every projection's rows are written
  checkpoint_written,  ///< the server says that the checkpoints are written
  commit_sent,         ///< the client sends COMMIT
  committed,           ///< the server says that it is done
};

/// Follows the program's sessions, message by message, for a Proxy's hook.
class BatchPoints {
 public:
  BatchPoint see(const Message& message);
  /// The batch that the message last seen belongs to, from 1: one more than COMMITs that the server has answered.
  [[nodiscard]] int batch() const { return batch_; }

 private:
  int connection_ = 0;  ///< which commits
  bool rows_written_ = false;
  bool answered_ = false;
  int batch_ = 1;
};

}  // namespace rebuild_projection::test
