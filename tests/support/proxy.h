#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "tests/support/program.h"

namespace rebuild_projection::test {

/// One message of PostgreSQL's protocol on its way through a Proxy
/// (https://www.postgresql.org/docs/current/protocol-message-formats.html).
struct Message {
  bool from_client = false;
  int connection = 0;     ///< counted from 1 in the order in which they were accepted
  char type = '\0';       ///< '\0' for what opens a connection: a startup message or a cancel request
  std::string_view body;  ///< what follows the length; valid during the call
};

/// What the proxy does with a message.
enum class Verdict : std::uint8_t {
  pass,
  cut,               ///< it does not arrive, and both sides lose the connection
  strand,            ///< it does not arrive, and the client loses the connection: the server's session goes on waiting
  forward_then_cut,  ///< it arrives, and the client loses the connection at once: the server's session goes on waiting
  lose_answer,  ///< it arrives and is answered in full; nothing of that reaches the client, then both sides lose it
  silence,      ///< neither it nor anything after it arrives, either way; both sides are left waiting
  dribble,      ///< it arrives, and everything after it, either way, but a byte at a time
  refuse,       ///< of what opens a connection: answered as by a server that is starting up (57P03)
  disguise,     ///< of BackendKeyData ('K'): it arrives with another process's number, as from a pooler
};

/// Stands between the program and the server that libpq's environment names: listens on a socket in a folder of its
/// own, or on a port of this machine, and shows every message of every connection, both ways, to the test. libpq
/// negotiates neither TLS nor GSS there.
///
/// Sessions that a verdict has left waiting at the server end with the proxy at the latest.
class Proxy {
 public:
  /// Called by the proxy's threads, one call at a time; must not throw. What it notes may be read when the proxy is
  /// gone.
  using Hook = std::function<Verdict(const Message&)>;

  enum class At : std::uint8_t { folder, port };
  explicit Proxy(Hook hook, At at = At::folder);
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;
  ~Proxy();  ///< both sides of every connection lose it

  /// A connection string that leads through here.
  [[nodiscard]] std::string dsn(const std::string& database) const;

 private:
  /// A socket, closed at the end.
  class Socket {
   public:
    explicit Socket(int descriptor) : descriptor_(descriptor) {}
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    ~Socket();
    [[nodiscard]] int descriptor() const { return descriptor_; }
    /// Whoever reads or writes here, on either end, now or later, finds it closed.
    void end() const;
    /// Appends what has come; false at its end.
    bool receive(std::string& bytes) const;
    /// Does nothing where the other end is gone: who reads from there learns it.
    void send(std::string_view bytes) const;

   private:
    int descriptor_;
  };
  class Link;

  void accept_clients();
  Verdict judge(const Message& message);

  const Hook hook_;
  std::mutex hook_mutex_;
  Folder folder_;
  const std::string server_;  ///< path of the real server's socket
  const Socket listener_;
  const std::string dsn_;
  std::list<Link> links_;  ///< the accepting thread's while that runs
  std::thread acceptor_;
};

/// Startup message of a session, which is no cancel request.
bool opens_session(const Message& message);
/// A simple query of exactly this text.
bool is_query(const Message& message, std::string_view sql);
/// The client prepares, binds or queries something whose text, statement name or value contains this.
bool mentions(const Message& message, std::string_view text);
/// The server says that a statement is done, with a tag that begins so: "MERGE", "UPDATE", "COMMIT".
bool completes(const Message& message, std::string_view tag);
/// The program names its session so: "commit" or "read".
bool names_session(const Message& message, std::string_view role);

}  // namespace rebuild_projection::test
