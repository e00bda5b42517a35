// titan-cloud's configuration: what is wrong is named with its line; the sample is valid.
#include "cloud/config/config.h"

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/uplink/catch_result.h"

namespace titan::cloud {
namespace {

const std::string valid = R"([gateway]
listen = "127.0.0.1:8500"
data = "/tmp/x"
admin_key = "12345678"
[database]
url = "postgresql:///titan"
[[tenants]]
name = "acme"
access_key = "12345678"
)";

std::string complaint(std::string text, const std::string& part, const std::string& with) {
  const auto place = text.find(part);
  REQUIRE(place != std::string::npos);
  text.replace(place, part.size(), with);
  const auto config = parse_config(text, "cloud.toml");
  return config ? "(accepted)" : config.error().message;
}

TEST_CASE("the sample is valid and a complete configuration is read") {
  CHECK(load_config(TITAN_SOURCE_FOLDER "/cloud/titan-cloud.sample.toml"));
  const auto config = parse_config(valid, "cloud.toml");
  REQUIRE(config);
  CHECK(config->listen_host == "127.0.0.1");
  CHECK(config->listen_port == 8500);
  CHECK(config->find_tenant("acme"));
  CHECK_FALSE(config->find_tenant("other"));
  CHECK(describe(*config).find("12345678") == std::string::npos);
}

TEST_CASE("mistakes are named with their line") {
  CHECK(complaint(valid, "data =", "dota =").find("cloud.toml:3: unknown key 'dota'") !=
        std::string::npos);
  CHECK(complaint(valid, "\"127.0.0.1:8500\"", "8500").find("cloud.toml:2:") != std::string::npos);
  CHECK(complaint(valid, "127.0.0.1:8500", "127.0.0.1").find("address:port") != std::string::npos);
  CHECK(complaint(valid, "127.0.0.1:8500", "127.0.0.1:70000").find("address:port") !=
        std::string::npos);
  CHECK(complaint(valid, "postgresql:///titan", "mysql://x").find("cloud.toml:6:") !=
        std::string::npos);
  CHECK(complaint(valid, "[database]", "[databse]").find("databse") != std::string::npos);
  CHECK(complaint(valid, "access_key = \"12345678\"", "access_key = \"1\"").find(":9:") !=
        std::string::npos);
  CHECK(complaint(valid, "[gateway]", "[gateway").find("cloud.toml:1:") != std::string::npos);
  const auto several = complaint(valid, "listen = \"127.0.0.1:8500\"\ndata", "port = 1\ndota");
  CHECK(std::count(several.begin(), several.end(), '\n') >= 2);
  CHECK_FALSE(load_config("/nonexistent/cloud.toml"));
}

}  // namespace
}  // namespace titan::cloud
