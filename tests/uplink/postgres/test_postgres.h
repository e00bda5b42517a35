// A PostgreSQL of its own for one test: in a temporary folder, over a Unix socket, gone at the end.
#pragma once

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "uplink/postgres/managed_postgres.h"

namespace titan::test {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    char name[] = "/tmp/titan-test-XXXXXX";
    if (!::mkdtemp(name)) throw std::runtime_error("no temporary folder");
    path = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string path;
};

inline bool pause_ms(int milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
  return true;
}

// Waits until `condition` holds; on running out `seen` says what there was instead.
inline void wait_until(const std::function<bool()>& condition, const std::string& what,
                       const std::function<std::string()>& seen = {}, int limit_ms = 30'000) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::milliseconds(limit_ms);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > limit) {
      FAIL("waited " << limit_ms << " ms for: " << what << "; seen: " << (seen ? seen() : "-"));
    }
    pause_ms(5);
  }
}

class TestPostgres {
 public:
  TestPostgres() : server_(folder_.path + "/postgres", pause_ms) { start(); }

  void start() {
    const auto started = server_.start();
    if (!started) FAIL(started.error().message);
  }
  void stop() { server_.stop(); }
  std::string url() const { return server_.url(); }

 private:
  TemporaryFolder folder_;
  uplink::ManagedPostgres server_;
};

}  // namespace titan::test
