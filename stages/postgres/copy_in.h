#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "stages/postgres/session.h"

namespace rebuild_projection {

/// Rows on their way into a table by COPY, within the session's transaction. The server works on the rows while more
/// are made. The session, which outlives this, can do nothing else from the first row that is sent until finish().
/// https://www.postgresql.org/docs/current/sql-copy.html, "File Formats".
class CopyIn {
 public:
  enum class Format : std::uint8_t { text, binary };

  /// `target` is what follows COPY: a table and its columns.
  CopyIn(Session& session, const std::string& target, Format format);
  CopyIn(const CopyIn&) = delete;
  CopyIn& operator=(const CopyIn&) = delete;
  /// Without finish(), the COPY and with it the transaction have failed.
  ~CopyIn();

  /// What is not sent yet: rows are appended to it, in the format's bytes.
  std::string& unsent() { return unsent_; }
  /// After each row: sends them where there is enough of them. Throws as Session::execute().
  void row_done();
  /// Whether the server knows of any of it; until then, all that was appended can still be forgotten.
  [[nodiscard]] bool started() const { return running_; }
  /// Sends the rest and waits until every row is in the table; their number. What the server refused of any of them is
  /// thrown here at the latest. Asks nothing of the server where there was no row.
  std::uint64_t finish();
  /// After finish() threw: the row to which the server's context points, counted from 0, in a COPY into the table
  /// `table`. It is read from a text in the server's language, so nothing may rest on it.
  [[nodiscard]] std::optional<std::size_t> refused_row(std::string_view table) const;

  /// Appends one field's text to a row of texts, with what COPY takes for its own characters escaped.
  static void escape(std::string& text, std::string_view field);
  static constexpr std::string_view null = "\\N";

 private:
  void start();
  void send();
  void put(std::string_view piece);

  Session& session_;
  std::string sql_;
  std::string unsent_;
  Format format_;
  bool running_ = false;
};

}  // namespace rebuild_projection
