#include "stages/postgres/copy_out.h"

#include <libpq-fe.h>

#include "stages/postgres/peer_watch.h"

namespace rebuild_projection {

namespace {

/// Before the first row: a signature, flags, and the size of an extension that is skipped.
constexpr std::size_t signature_bytes = 11, header_bytes = signature_bytes + 8;

/// In place of a row's number of fields: no row follows.
constexpr std::uint16_t end_mark = 0xffff;

}  // namespace

CopyOut::CopyOut(Session& session, const std::string& query)
    : session_(session), sql_("COPY (" + query + ") TO STDOUT (FORMAT binary)") {
  session_.start_copy(sql_);
  running_ = true;
}

std::optional<std::string_view> CopyOut::next() {
  if (!running_) return std::nullopt;
  PQfreemem(message_);
  message_ = nullptr;
  const int size = receive();
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
  do {
    PQfreemem(message_);
  } while (receive() > 0);
  message_ = nullptr;
  end();
  return std::nullopt;
}

int CopyOut::receive() {
  const PeerWatch::Call waiting(session_.watch());
  return PQgetCopyData(session_.raw(), &message_, 0);
}

void CopyOut::end() {
  running_ = false;
  session_.end_copy(sql_);
}

CopyOut::~CopyOut() {
  PQfreemem(message_);
  if (!running_) return;
  {
    const PeerWatch::Call waiting(session_.watch());
    session_.watch().cancel_and_wait();
  }
  while (receive() > 0) PQfreemem(message_);
  session_.drop_copy();
}

}  // namespace rebuild_projection
