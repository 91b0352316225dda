#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/byte_order.h"
#include "stages/postgres/session.h"

namespace rebuild_projection {

/// The rows of one query as the server makes them, in PostgreSQL's binary COPY format: nothing is gathered on either
/// side, and values are not turned into text. The statement runs as long as this lives; what is not taken by then is
/// cancelled. The session, which outlives this, can do nothing else meanwhile.
class CopyOut {
 public:
  /// Throws as Session::execute().
  CopyOut(Session& session, const std::string& query);
  CopyOut(const CopyOut&) = delete;
  CopyOut& operator=(const CopyOut&) = delete;
  ~CopyOut();

  /// The next row, to be read by CopyRow; nullopt at the end. Valid until the next call. Throws as Session::execute().
  std::optional<std::string_view> next();
  /// Received so far.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  /// Of the next message into `message_`: its size, or less than 1 where there is none.
  int receive();
  void end();

  Session& session_;
  std::string sql_;
  char* message_ = nullptr;
  std::uint64_t bytes_ = 0;
  bool begun_ = false;
  bool running_ = false;
};

/// Reads the fields of a binary row from left to right: https://www.postgresql.org/docs/current/sql-copy.html
class CopyRow {
 public:
  explicit CopyRow(std::string_view row) : at_(row.data() + 2) {}  // behind the number of fields
  /// The elements of an array of one dimension instead, as array_send() in PostgreSQL's arrayfuncs.c gives it: behind
  /// the numbers of dimensions, NULLs, the type, the elements and the first one.
  static CopyRow of_array(std::string_view array) { return CopyRow(array.data() + 5 * sizeof(std::uint32_t)); }

  /// nullopt is NULL. The bytes are what the type's send function gives.
  std::optional<std::string_view> field() {
    const auto size = static_cast<std::int32_t>(load_big_endian<std::uint32_t>(at_));
    at_ += 4;
    if (size < 0) return std::nullopt;
    const std::string_view result(at_, static_cast<std::size_t>(size));
    at_ += size;
    return result;
  }

 private:
  explicit CopyRow(const char* fields) : at_(fields) {}

  const char* at_;
};

}  // namespace rebuild_projection
