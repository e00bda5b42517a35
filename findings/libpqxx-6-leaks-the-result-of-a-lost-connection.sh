#!/usr/bin/env bash
# libpqxx 6.4.5 (Debian 12: 6.4.5-2, over libpq 15): the result of a statement that ends with its
# connection is never freed.
#
# Seen: the server closes the connection instead of answering, as one that is restarted does. PQexec
# gives a result that carries the error, libpqxx throws, as it should, and nobody calls PQclear for that
# result: some 2 kB. The result of a statement that fails on a living connection is freed.
#
# A program that lives for years beside a server that comes and goes grows by 2 kB each time, and
# LeakSanitizer blames the statement. The server here is a script that speaks as much of the protocol
# as a client needs; PostgreSQL 15.18 that was killed shows the same. Version 7 was not looked at.
# Prints what it saw; exit 1 if libpqxx behaves otherwise.
set -euo pipefail

folder=$(mktemp -d)
server=""
finish() {
  [[ -z $server ]] || kill "$server" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT
cd "$folder"
[[ $(dpkg --print-architecture) == amd64 ]] || { echo "runs on amd64 only" >&2; exit 1; }
apt-get -o APT::Sandbox::User=root download libpqxx-6.4=6.4.5-2 libpqxx-dev=6.4.5-2 >/dev/null
apt-get -o APT::Sandbox::User=root download libpq5 libpq-dev >/dev/null
for package in ./*.deb; do dpkg-deb -x "$package" root; done

cat >server.py <<'PYTHON'
import socket, struct
def message(kind, content=b""):
    return kind + struct.pack("!i", len(content) + 4) + content
def take(connection, size):
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more: raise EOFError
        data += more
    return data
def query(connection):
    while True:
        kind, size = struct.unpack("!ci", take(connection, 5))
        text = take(connection, size - 4)
        if kind == b"Q": return text
        if kind == b"X": raise EOFError
READY = message(b"Z", b"I")
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(1)
print(listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    try:
        while True:
            (size,) = struct.unpack("!i", take(connection, 4))
            (code,) = struct.unpack("!i", take(connection, 4))
            take(connection, size - 8)
            if code == 196608: break
            connection.sendall(b"N")  # neither TLS nor GSS
        connection.sendall(message(b"R", struct.pack("!i", 0)))
        for name, value in (("client_encoding", "UTF8"), ("server_encoding", "UTF8"),
                            ("server_version", "15.0"), ("standard_conforming_strings", "on")):
            connection.sendall(message(b"S", f"{name}\0{value}\0".encode()))
        connection.sendall(READY)
        while True:
            asked = query(connection)
            if b"go away" in asked: break
            if b"mistake" in asked:
                connection.sendall(message(b"E", b"SERROR\0C42601\0Mno such thing\0\0") + READY)
            else:
                connection.sendall(message(b"C", b"SET\0") + READY)
    except EOFError:
        pass
    connection.close()
PYTHON
cat >ask.cpp <<'CPP'
#include <dlfcn.h>
#include <libpq-fe.h>
#include <cstdio>
#include <pqxx/pqxx>
// Ours stand before libpq's: they count.
static int made = 0, freed = 0;
extern "C" PGresult* PQexec(PGconn* connection, const char* query) {
  auto* real = reinterpret_cast<PGresult* (*)(PGconn*, const char*)>(dlsym(RTLD_NEXT, "PQexec"));
  PGresult* result = real(connection, query);
  made += result != nullptr;
  return result;
}
extern "C" void PQclear(PGresult* result) {
  auto* real = reinterpret_cast<void (*)(PGresult*)>(dlsym(RTLD_NEXT, "PQclear"));
  freed += result != nullptr;
  real(result);
}
int main(int, char** arguments) {
  pqxx::connection connection(arguments[1]);
  for (const char* query : {"SET a", "mistake", "go away"}) {
    made = freed = 0;
    const char* end = "answered";
    try {
      pqxx::nontransaction(connection).exec(query);
    } catch (const pqxx::sql_error&) {
      end = "refused";
    } catch (const pqxx::failure&) {
      end = "connection lost";
    }
    std::printf("%s: %d result, %d freed\n", end, made, freed);
  }
}
CPP
library=root/usr/lib/x86_64-linux-gnu
g++ -std=c++17 -w -I root/usr/include -I root/usr/include/postgresql ask.cpp -o ask \
  "$library/libpqxx-6.4.so" "$library"/libpq.so.5 -ldl -Wl,--unresolved-symbols=ignore-in-shared-libs
python3 server.py >port &
server=$!
until [[ -s port ]]; do sleep 0.1; done
LD_LIBRARY_PATH=$library ./ask "host=127.0.0.1 port=$(cat port) user=a dbname=a sslmode=disable gssencmode=disable" |
  tee seen
cat >expected <<'SEEN'
answered: 1 result, 1 freed
refused: 1 result, 1 freed
connection lost: 1 result, 0 freed
SEEN
diff expected seen && echo "as described, libpqxx 6.4.5-2"
