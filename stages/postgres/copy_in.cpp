#include "stages/postgres/copy_in.h"

#include <libpq-fe.h>

#include <charconv>
#include <string_view>

#include "stages/postgres/peer_watch.h"

namespace rebuild_projection {

namespace {

/// Enough for a system call to be worth it, and so little that it stays in a processor's cache.
constexpr std::size_t send_bytes = std::size_t{64} << 10;
/// libpq counts in int.
constexpr std::size_t piece_bytes = std::size_t{1} << 30;

/// The signature, no flags, and nothing more in the header.
constexpr std::string_view binary_begin("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
/// A row of -1 fields.
constexpr std::string_view binary_end("\377\377", 2);

}  // namespace

CopyIn::CopyIn(Session& session, const std::string& target, Format format)
    : session_(session), sql_("COPY " + target + " FROM STDIN"), format_(format) {
  if (format == Format::binary) sql_ += " (FORMAT binary)";
}

void CopyIn::start() {
  session_.start_copy(sql_);
  running_ = true;
  if (format_ == Format::binary) put(binary_begin);
}

void CopyIn::row_done() {
  if (unsent_.size() >= send_bytes) send();
}

void CopyIn::send() {
  if (!running_) start();
  for (std::string_view rest = unsent_; !rest.empty();) {
    const std::string_view piece = rest.substr(0, piece_bytes);
    rest.remove_prefix(piece.size());
    put(piece);
  }
  unsent_.clear();
}

void CopyIn::put(std::string_view piece) {
  {
    const PeerWatch::Call waiting(session_.watch());
    if (PQputCopyData(session_.raw(), piece.data(), static_cast<int>(piece.size())) == 1) return;
  }
  running_ = false;
  session_.fail_lost("during a COPY", sql_);
}

std::uint64_t CopyIn::finish() {
  if (!running_ && unsent_.empty()) return 0;
  if (format_ == Format::binary) unsent_ += binary_end;
  send();
  running_ = false;
  // Where this fails, the result that follows says why.
  {
    const PeerWatch::Call waiting(session_.watch());
    PQputCopyEnd(session_.raw(), nullptr);
  }
  return session_.end_copy(sql_);
}

std::optional<std::size_t> CopyIn::refused_row(std::string_view table) const {
  // CONTEXT:  COPY the_table, line 17, column a_column: "..."
  const std::string_view message = PQerrorMessage(session_.raw());
  const std::string begin = "COPY " + std::string(table) + ", ";
  std::size_t at = message.rfind(begin);
  if (at == std::string_view::npos) return std::nullopt;
  at = message.find_first_of("0123456789", at + begin.size());
  if (at == std::string_view::npos) return std::nullopt;
  std::size_t line = 0;
  std::from_chars(message.data() + at, message.data() + message.size(), line);
  return line == 0 ? std::nullopt : std::optional(line - 1);
}

CopyIn::~CopyIn() {
  if (!running_) return;
  {
    const PeerWatch::Call waiting(session_.watch());
    PQputCopyEnd(session_.raw(), "given up");
  }
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
