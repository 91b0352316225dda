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
  [[nodiscard]] bool mark() const { return there_; }
  void roll_back_to(bool mark) { there_ = mark; }
  void roll_back() { there_ = committed_; }
  void commit() { committed_ = there_; }

 private:
  std::string create_;
  bool committed_, there_;
};

/// Takes the key, as often as it is there, from a table of our own.
void drop_key(Session& session, const TableLayout& layout, CatalogueTable& table);

}  // namespace rebuild_projection
