#include "tests/support/batch_points.h"

namespace rebuild_projection::test {

BatchPoint BatchPoints::see(const Message& message) {
  if (answered_) ++batch_;
  answered_ = false;
  if (names_session(message, "commit")) {
    connection_ = message.connection;
    merges_ = 0;
  }
  if (message.connection != connection_) return BatchPoint::none;
  if (completes(message, "MERGE") && ++merges_ == projections_) return BatchPoint::rows_written;
  if (completes(message, "ROLLBACK")) merges_ = 0;
  if (merges_ < projections_) return BatchPoint::none;  // what is committed before and after the batches
  if (completes(message, "UPDATE")) return BatchPoint::checkpoint_written;
  if (is_query(message, "COMMIT")) return BatchPoint::commit_sent;
  if (!completes(message, "COMMIT")) return BatchPoint::none;
  merges_ = 0;
  answered_ = true;
  return BatchPoint::committed;
}

}  // namespace rebuild_projection::test
