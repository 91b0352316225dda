#include "tests/support/proxy.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <system_error>

namespace rebuild_projection::test {

namespace {

constexpr const char* socket_name = "/.s.PGSQL.5432";
constexpr std::uint32_t cancel_request = 80877102;

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), "proxy: " + what);
}

std::string server_path() {
  const char* folder = std::getenv("PGHOST");
  const char* port = std::getenv("PGPORT");
  if (folder == nullptr || folder[0] != '/') throw std::runtime_error("proxy: PGHOST is no socket's folder");
  return std::string(folder) + "/.s.PGSQL." + (port == nullptr ? "5432" : port);
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw std::runtime_error("proxy: too long for a socket: " + path);
  path.copy(address.sun_path, path.size());
  return address;
}

int new_socket() {
  const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) fail("socket");
  return descriptor;
}

int listen_at_port() {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (descriptor < 0 || bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(descriptor, SOMAXCONN) != 0)
    fail("listen at a port");
  return descriptor;
}

std::string port_of(int descriptor) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0) fail("getsockname");
  return std::to_string(ntohs(address.sin_port));
}

int listen_at(const std::string& path) {
  const int descriptor = new_socket();
  const sockaddr_un address = address_of(path);
  if (bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(descriptor, SOMAXCONN) != 0)
    fail("listen at " + path);
  return descriptor;
}

/// Where nobody listens, a socket that nothing can be read from: the client is then cut off.
int connect_to(const std::string& path) {
  const int descriptor = new_socket();
  const sockaddr_un address = address_of(path);
  (void)connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return descriptor;
}

std::uint32_t number_at(std::string_view bytes, std::size_t at) {
  std::uint32_t number = 0;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return ntohl(number);
}

/// Bytes of the message that `bytes` begin with, if it is there as a whole. Its length counts itself but not the type.
std::optional<std::size_t> message_size(std::string_view bytes, bool has_type) {
  const std::size_t type_bytes = has_type ? 1 : 0;
  if (bytes.size() < type_bytes + 4) return std::nullopt;
  const std::size_t size = type_bytes + number_at(bytes, type_bytes);
  return bytes.size() < size ? std::nullopt : std::optional(size);
}

/// What a server sends that has not finished its recovery.
std::string starting_up() {
  using namespace std::string_literals;
  const std::string fields = "SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"s;
  const std::uint32_t length = htonl(static_cast<std::uint32_t>(fields.size() + 4));
  return "E" + std::string(reinterpret_cast<const char*>(&length), sizeof length) + fields;
}

}  // namespace

Proxy::Socket::~Socket() {
  close(descriptor_);
}

void Proxy::Socket::end() const {
  shutdown(descriptor_, SHUT_RDWR);
}

bool Proxy::Socket::receive(std::string& bytes) const {
  std::array<char, 65536> buffer;
  ssize_t size = -1;
  do size = recv(descriptor_, buffer.data(), buffer.size(), 0);
  while (size < 0 && errno == EINTR);
  if (size <= 0) return false;
  bytes.append(buffer.data(), static_cast<std::size_t>(size));
  return true;
}

void Proxy::Socket::send(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t size = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size < 0 && errno != EINTR) return;
    if (size > 0) bytes.remove_prefix(static_cast<std::size_t>(size));
  }
}

/// A client's connection and the server's that belongs to it, with a thread for each way: neither waits for the other.
class Proxy::Link {
 public:
  Link(Proxy& proxy, int number, int client, int server)
      : proxy_(proxy), number_(number), client_(client), server_(server) {
    to_server_ = std::thread([this] { run(true); });
    to_client_ = std::thread([this] { run(false); });
  }
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link() {
    end_both();
    to_server_.join();
    to_client_.join();
  }

  [[nodiscard]] bool over() const { return running_ == 0; }

 private:
  void run(bool from_client) {
    carry(from_client);
    if (!from_client || !stranded_) end_both();
    --running_;
  }

  /// Cuts what comes from one side into messages and deals with each, until this way has come to its end.
  void carry(bool from_client) {
    const Socket& source = from_client ? client_ : server_;
    bool has_type = !from_client;  // all but the first message of a client
    std::string bytes;
    while (source.receive(bytes)) {
      std::string_view rest = bytes;
      while (const auto size = message_size(rest, has_type)) {
        const std::string_view whole = rest.substr(0, *size);
        const Message message{from_client, number_, has_type ? whole[0] : '\0', whole.substr(has_type ? 5 : 4)};
        if (!deal_with(message, whole)) return;
        rest.remove_prefix(*size);
        has_type = true;
      }
      bytes.erase(0, bytes.size() - rest.size());
    }
  }

  /// False where this way ends with the message.
  bool deal_with(const Message& message, std::string_view whole) {
    switch (proxy_.judge(message)) {
      case Verdict::pass:
        forward(message.from_client, whole);
        // Ready for a query, or for the data of a COPY, the server has nothing more to say.
        return !(losing_ && !message.from_client && (message.type == 'Z' || message.type == 'G'));
      case Verdict::cut:
        return false;
      case Verdict::silence:
        silent_ = true;
        return true;
      case Verdict::dribble:
        dribbling_ = true;
        forward(message.from_client, whole);
        return true;
      case Verdict::refuse:
        client_.send(starting_up());
        return false;
      case Verdict::disguise: {
        std::string other(whole);
        other[5 + 3] = static_cast<char>(other[5 + 3] ^ 1);  // behind type and length
        forward(message.from_client, other);
        return true;
      }
      case Verdict::lose_answer:
        mute_ = losing_ = true;
        forward(message.from_client, whole);
        return true;
      case Verdict::forward_then_cut:
        mute_ = true;  // before the answer can come
        forward(message.from_client, whole);
        [[fallthrough]];
      case Verdict::strand:
        mute_ = stranded_ = true;
        client_.end();
        return !message.from_client;
    }
    return false;
  }

  void forward(bool from_client, std::string_view whole) {
    if (silent_ || (!from_client && mute_)) return;
    const Socket& target = from_client ? server_ : client_;
    for (; dribbling_ && !ended_ && !whole.empty(); whole.remove_prefix(1)) {
      target.send(whole.substr(0, 1));
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    target.send(whole);
  }

  void end_both() {
    ended_ = true;
    client_.end();
    server_.end();
  }

  Proxy& proxy_;
  const int number_;
  const Socket client_;
  const Socket server_;
  std::atomic<bool> mute_ = false;      ///< nothing of the server's reaches the client any more
  std::atomic<bool> losing_ = false;    ///< and both sides end when the server has answered
  std::atomic<bool> stranded_ = false;  ///< the client has lost the connection and the server is not told
  std::atomic<bool> silent_ = false;    ///< nothing of either side reaches the other any more
  std::atomic<bool> dribbling_ = false;
  std::atomic<bool> ended_ = false;
  std::atomic<int> running_ = 2;
  std::thread to_server_;
  std::thread to_client_;
};

Proxy::Proxy(Hook hook, At at)
    : hook_(std::move(hook)),
      server_(server_path()),
      listener_(at == At::port ? listen_at_port() : listen_at(folder_.path() + socket_name)),
      dsn_(at == At::port ? "sslmode=disable gssencmode=disable host=127.0.0.1 port=" + port_of(listener_.descriptor())
                          : "host=" + folder_.path() + " port=5432") {
  acceptor_ = std::thread([this] { accept_clients(); });
}

Proxy::~Proxy() {
  listener_.end();
  acceptor_.join();
}

std::string Proxy::dsn(const std::string& database) const {
  return dsn_ + " dbname=" + database;
}

void Proxy::accept_clients() {
  for (int number = 1;; ++number) {
    const int client = accept4(listener_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;  // the proxy ends
    links_.remove_if([](const Link& link) { return link.over(); });
    links_.emplace_back(*this, number, client, connect_to(server_));
  }
}

Verdict Proxy::judge(const Message& message) {
  const std::lock_guard lock(hook_mutex_);
  return hook_(message);
}

bool opens_session(const Message& message) {
  return message.from_client && message.type == '\0' && number_at(message.body, 0) != cancel_request;
}

bool is_query(const Message& message, std::string_view sql) {
  return message.from_client && message.type == 'Q' && message.body == std::string(sql) + '\0';
}

bool mentions(const Message& message, std::string_view text) {
  return message.from_client && (message.type == 'Q' || message.type == 'P' || message.type == 'B') &&
         message.body.find(text) != std::string_view::npos;
}

bool completes(const Message& message, std::string_view tag) {
  return !message.from_client && message.type == 'C' && message.body.starts_with(tag);
}

bool names_session(const Message& message, std::string_view role) {
  return mentions(message, "'rebuild_projection/" + std::string(role));
}

}  // namespace rebuild_projection::test
