#include "stages/postgres/copy_in.h"

#include <libpq-fe.h>

#include <string_view>

namespace rebuild_projection {

namespace {

/// Enough for a system call to be worth it, and so little that it stays in a processor's cache.
constexpr std::size_t send_bytes = std::size_t{64} << 10;
/// libpq counts in int.
constexpr std::size_t piece_bytes = std::size_t{1} << 30;

}  // namespace

CopyIn::CopyIn(Session& session, const std::string& target)
    : session_(session), sql_("COPY " + target + " FROM STDIN") {
  session_.refuse_if_stopped();
  PGresult* result = PQexec(session_.raw(), sql_.c_str());
  if (PQresultStatus(result) != PGRES_COPY_IN) session_.fail(result, sql_);
  PQclear(result);
  running_ = true;
}

void CopyIn::row_done() {
  if (text_.size() >= send_bytes) send();
}

void CopyIn::send() {
  for (std::string_view rest = text_; !rest.empty();) {
    const std::string_view piece = rest.substr(0, piece_bytes);
    rest.remove_prefix(piece.size());
    if (PQputCopyData(session_.raw(), piece.data(), static_cast<int>(piece.size())) == 1) continue;
    running_ = false;
    throw SqlError("08006", "the connection to the database was lost during a COPY", sql_);
  }
  text_.clear();
}

std::uint64_t CopyIn::finish() {
  send();
  running_ = false;
  // Where this fails, the result that follows says why.
  PQputCopyEnd(session_.raw(), nullptr);
  return session_.end_copy(sql_);
}

CopyIn::~CopyIn() {
  if (!running_) return;
  PQputCopyEnd(session_.raw(), "given up");
  session_.drop_copy();
}

void CopyIn::escape(std::string& text, std::string_view field) {
  std::size_t begin = 0;
  for (std::size_t at = 0; at < field.size(); ++at) {
    const char character = field[at];
    if (character > '\r' && character != '\\') continue;  // most of them, but for bytes beyond ASCII
    const char letter = character == '\n' ? 'n' : character == '\r' ? 'r' : character == '\t' ? 't' : character;
    if (letter == character && character != '\\') continue;
    text += field.substr(begin, at - begin);
    text += '\\';
    text += letter;
    begin = at + 1;
  }
  text += field.substr(begin);
}

}  // namespace rebuild_projection
