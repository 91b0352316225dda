#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "stages/postgres/session.h"

namespace rebuild_projection {

/// Rows on their way into a table by COPY, in PostgreSQL's text format, within the session's transaction. The server
/// works on the rows while more are made. The session, which outlives this, can do nothing else until finish().
class CopyIn {
 public:
  /// `target` is what follows COPY: a table and its columns. Throws as Session::execute().
  CopyIn(Session& session, const std::string& target);
  CopyIn(const CopyIn&) = delete;
  CopyIn& operator=(const CopyIn&) = delete;
  /// Without finish(), the COPY and with it the transaction have failed.
  ~CopyIn();

  /// The text so far that is not sent yet: rows are appended to it, each ended by a newline.
  std::string& text() { return text_; }
  /// After each row: sends the text where there is enough of it. Throws as Session::execute().
  void row_done();
  /// Sends the rest and waits until every row is in the table; their number. What the server refused of any of them is
  /// thrown here at the latest.
  std::uint64_t finish();

  /// Appends one field's text, with what COPY takes for its own characters escaped.
  static void escape(std::string& text, std::string_view field);
  static constexpr std::string_view null = "\\N";

 private:
  void send();

  Session& session_;
  std::string sql_;
  std::string text_;
  bool running_ = false;
};

}  // namespace rebuild_projection
