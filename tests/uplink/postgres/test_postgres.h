// A PostgreSQL of its own for one test: in a temporary folder, over a Unix socket, gone at the end.
#pragma once

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "tests/waiting.h"
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
