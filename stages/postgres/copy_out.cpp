#include "stages/postgres/copy_out.h"

#include <libpq-fe.h>

#include <array>

#include "pipeline/error.h"

namespace rebuild_projection {

namespace {

/// Before the first row: a signature, flags, and the size of an extension that is skipped.
constexpr std::size_t signature_bytes = 11, header_bytes = signature_bytes + 8;

/// In place of a row's number of fields: no row follows.
constexpr std::uint16_t end_mark = 0xffff;

}  // namespace

CopyOut::CopyOut(Session& session, const std::string& query)
    : session_(session), sql_("COPY (" + query + ") TO STDOUT (FORMAT binary)") {
  session_.refuse_if_stopped();
  PGresult* result = PQexec(session_.raw(), sql_.c_str());
  if (PQresultStatus(result) != PGRES_COPY_OUT) session_.fail(result, sql_);
  PQclear(result);
  running_ = true;
}

std::optional<std::string_view> CopyOut::next() {
  if (!running_) return std::nullopt;
  PQfreemem(message_);
  message_ = nullptr;
  const int size = PQgetCopyData(session_.raw(), &message_, 0);
  if (size < 0) {
    end();
    return std::nullopt;
  }
  bytes_ += static_cast<std::size_t>(size);
  std::string_view row(message_, static_cast<std::size_t>(size));
  if (!begun_) {
    begun_ = true;
    row.remove_prefix(header_bytes + load_big_endian<std::uint32_t>(row.data() + signature_bytes + 4));
  }
  if (load_big_endian<std::uint16_t>(row.data()) != end_mark) return row;
  while (PQgetCopyData(session_.raw(), &message_, 0) > 0) PQfreemem(message_);
  message_ = nullptr;
  end();
  return std::nullopt;
}

void CopyOut::end() {
  running_ = false;
  session_.end_copy(sql_);
}

CopyOut::~CopyOut() {
  PQfreemem(message_);
  if (!running_) return;
  if (PGcancel* cancel = PQgetCancel(session_.raw())) {
    std::array<char, 256> error{};
    PQcancel(cancel, error.data(), static_cast<int>(error.size()));
    PQfreeCancel(cancel);
  }
  char* rest = nullptr;
  while (PQgetCopyData(session_.raw(), &rest, 0) > 0) PQfreemem(rest);
  session_.drop_copy();
}

}  // namespace rebuild_projection
