#pragma once

#include <string>

#include "pipeline/table.h"
#include "stages/postgres/catalogue.h"
#include "stages/postgres/session.h"

namespace rebuild_projection {

/// The key of a table that comes without one, so that its first rows are loaded faster: made in the transaction that is
/// the first to look for rows. A table that has its key is left as it is. One thread at a time.
class LateKey {
 public:
  LateKey(const TableLayout& layout, const CatalogueTable& table);

  /// Before a statement that looks for rows by their key.
  void need(Session& session);

  // What need() did in the transaction counts from commit() on.
  void begin_part() { there_before_part_ = there_; }
  void roll_back_part() { there_ = there_before_part_; }
  void roll_back() { there_ = committed_; }
  void commit() { committed_ = there_; }

 private:
  std::string create_;
  bool committed_, there_, there_before_part_;
};

/// Takes the key, as often as it is there, from a table of our own.
void drop_key(Session& session, const TableLayout& layout, CatalogueTable& table);

}  // namespace rebuild_projection
