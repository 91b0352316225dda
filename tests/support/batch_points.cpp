#include "tests/support/batch_points.h"

namespace rebuild_projection::test {

BatchPoint BatchPoints::see(const Message& message) {
  if (answered_) ++batch_;
  answered_ = false;
  if (names_session(message, "commit")) {
    connection_ = message.connection;
    rows_written_ = false;
  }
  if (message.connection != connection_) return BatchPoint::none;
  if (completes(message, "ROLLBACK")) rows_written_ = false;
  if (!rows_written_) {  // what is committed before and after the batches has no part in this
    rows_written_ = message.type == 'B' && mentions(message, "checkpoint_advance");
    return rows_written_ ? BatchPoint::rows_written : BatchPoint::none;
  }
  if (completes(message, "UPDATE")) return BatchPoint::checkpoint_written;
  if (is_query(message, "COMMIT")) return BatchPoint::commit_sent;
  if (!completes(message, "COMMIT")) return BatchPoint::none;
  rows_written_ = false;
  answered_ = true;
  return BatchPoint::committed;
}

}  // namespace rebuild_projection::test
