// The commands against a running API, as a person types them.
#include <catch2/catch.hpp>
#include <fstream>
#include <iostream>
#include <sstream>

#include "pos-node/cli/command_line.h"
#include "pos-node/cli/console.h"
#include "pos-node/config/config_advice.h"
#include "tests/pos-node/api/lab_server.h"

using namespace titan;
using namespace titan::pos;
using namespace titan::pos::test;

namespace {

struct Outcome {
  int code = 0;
  std::string out;
  std::string errors;

  bool says(const std::string& part) const { return out.find(part) != std::string::npos; }
  bool complains(const std::string& part) const { return errors.find(part) != std::string::npos; }
};

Outcome type(std::vector<std::string> words, const std::function<int(const Config&)>& run = {}) {
  std::vector<const char*> argv = {"titan-pos"};
  for (const auto& word : words) argv.push_back(word.c_str());
  std::stringstream out;
  std::stringstream errors;
  auto* old_out = std::cout.rdbuf(out.rdbuf());
  auto* old_errors = std::cerr.rdbuf(errors.rdbuf());
  Outcome outcome;
  outcome.code = run_command_line(static_cast<int>(argv.size()), argv.data(),
                                  {run, {}, [](const Config& config) {
                                     return MachineReport{{}, config_warnings(config)};
                                   }});
  std::cout.rdbuf(old_out);
  std::cerr.rdbuf(old_errors);
  outcome.out = out.str();
  outcome.errors = errors.str();
  return outcome;
}

Outcome type_at(const LabServer& lab, std::vector<std::string> words) {
  words.push_back("--api");
  words.push_back("127.0.0.1:" + std::to_string(lab.port()));
  return type(std::move(words));
}

}  // namespace

TEST_CASE("selling prints a receipt, stock shows the back order") {
  LabServer lab;
  lab.on_loop([](FakeService& service) { service.shop.catalogue.add("BOX2", "7"); });
  auto outcome = type_at(lab, {"sell", "Ax2", "BOX2", "GHOSTx1@1.50"});
  INFO(outcome.out << outcome.errors);
  REQUIRE(outcome.code == 0);
  CHECK(outcome.says("till-1 000001-"));
  CHECK(outcome.says("total 13.60 GBP"));
  CHECK(outcome.says("not in the product table"));
  outcome = type_at(lab, {"stock", "A"});
  CHECK(outcome.says("-2 (Back Order)"));
  outcome = type_at(lab, {"receive", "A", "10", "--document", "LS-1"});
  CHECK(outcome.says("8"));
  outcome = type_at(lab, {"adjust", "A", "-8"});
  CHECK(outcome.says("out of stock"));
  outcome = type_at(lab, {"stock"});
  CHECK(outcome.says("BOX2"));
  CHECK(outcome.says("GHOST"));
  outcome = type_at(lab, {"sell", "A", "--json"});
  CHECK(boost::json::parse(outcome.out).at("total") == "2.55");
}

TEST_CASE("a quantity is typed behind its article, and articles called like one are sold too") {
  LabServer lab;
  auto outcome = type_at(lab, {"sell", "A", "x2", "GHOST", "x", "3", "@1.50"});
  INFO(outcome.out << outcome.errors);
  REQUIRE(outcome.code == 0);
  CHECK(outcome.says("total 9.60 GBP"));
  CHECK(type_at(lab, {"sell", "A", "2x"}).says("total 5.10 GBP"));
  lab.on_loop([](FakeService& service) { service.shop.catalogue.add("x2", "7"); });
  CHECK(type_at(lab, {"sell", "x2"}).says("total 7.00 GBP"));
  CHECK(type_at(lab, {"sell", "A", "--sku", "x2", "--quantity", "3"}).says("total 23.55 GBP"));
  const auto either = type_at(lab, {"sell", "A", "x2"});  // two of A, or A and x2?
  CHECK(either.code == 1);
  CHECK(either.complains("\"x2\" is an article of its own"));
  CHECK(either.complains("Ax2 for 2 of A"));
  CHECK(type_at(lab, {"sell", "Ax2"}).says("total 5.10 GBP"));
  CHECK(type_at(lab, {"sell", "A", "x2", "x3"}).code == 2);
  CHECK(type_at(lab, {"sell"}).code == 2);
}

TEST_CASE("errors speak of what can be typed") {
  LabServer lab;
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"sell", "GHOST"},
           {"sell", "A", "x0"},
           {"sell", "A", "--cashier", std::string(5000, 'c')},
           {"sell", "A", "--pay", ""},
           {"sell", "A", "--pay", std::string(5000, 'p')},
           {"sell", std::string(5000, 's')},
           {"sell", "A@-99999999999999999999"},
           {"receive", "A", "many"},
           {"receive", "A", "-1"},
           {"receive", "A", "1", "--document", std::string(5000, 'd')},
           {"adjust", "A", "0"},
           {"adjust", "A", "1", "--reason", std::string(5000, 'r')}}) {
    const auto outcome = type_at(lab, words);
    INFO(words[0] << " " << words[1].substr(0, 20) << ": " << outcome.errors.substr(0, 300));
    if (outcome.code == 0) continue;
    for (const char* field : {"idempotency_key", "charged_unit_price", "lines[", "JSON"}) {
      CHECK_FALSE(outcome.complains(field));
    }
  }
  CHECK(type_at(lab, {"sell", "GHOST"}).complains("titan-pos sell GHOST@2.50"));
  CHECK(type_at(lab, {"receive", "A", "many"}).complains("The quantity of A"));
}

TEST_CASE("a product list is taken in from a file, by its name or its content") {
  LabServer lab;
  const std::string path = "/tmp/titan-pos-list-" + std::to_string(::getpid());
  std::ofstream(path + ".csv") << "sku,description,price,currency\nT1,Teapot,12.50,GBP\n";
  auto outcome = type_at(lab, {"products", "import", path + ".csv"});
  INFO(outcome.out << outcome.errors);
  CHECK(outcome.code == 0);
  CHECK(outcome.says("1 rows, 1 products: 1 changed, 0 as before"));
  std::ofstream(path) << " {\"products\":[{\"sku\":\"T2\",\"price\":\"3\"}]}";
  CHECK(type_at(lab, {"products", "import", path}).says("1 products"));
  std::ofstream(path + ".csv") << "sku,price\nT1,1\nT2,not a price\n";
  outcome = type_at(lab, {"products", "import", path + ".csv"});
  CHECK(outcome.code == 1);
  CHECK(outcome.complains("price"));
  std::ofstream(path) << "PK\x03\x04 and so on";
  outcome = type_at(lab, {"products", "import", path});
  CHECK(outcome.code == 2);
  CHECK(outcome.complains("CSV UTF-8"));
  CHECK(type_at(lab, {"products", "import", "/nowhere.csv"}).complains("/nowhere.csv"));
  CHECK(type_at(lab, {"products", "import", path, "--mode", "wipe"}).code == 2);
  std::remove(path.c_str());
  std::remove((path + ".csv").c_str());
}

TEST_CASE("products are listed and shown") {
  LabServer lab;
  auto outcome = type_at(lab, {"products", "list"});
  INFO(outcome.out << outcome.errors);
  CHECK(outcome.code == 0);
  outcome = type_at(lab, {"products", "show", "A"});
  CHECK(outcome.code == 0);
  CHECK(outcome.says("2.55"));
  CHECK(type_at(lab, {"products", "show", "GHOST"}).code == 1);
}

TEST_CASE("refusals are told in words, with exit code 1") {
  LabServer lab;
  auto outcome = type_at(lab, {"sell", "GHOST"});
  CHECK(outcome.code == 1);
  CHECK(outcome.complains("not in the product table"));
  outcome = type_at(lab, {"stock", "GHOST"});
  CHECK(outcome.code == 1);
  CHECK(outcome.complains("GHOST"));
}

TEST_CASE("no daemon: the message says what to do") {
  std::uint16_t port = 0;
  {
    LabServer lab;
    port = lab.port();
  }
  const auto outcome = type({"status", "--api", "127.0.0.1:" + std::to_string(port)});
  CHECK(outcome.code == 1);
  CHECK(outcome.complains("titan-pos run --config"));
}

TEST_CASE("status and peers") {
  LabServer lab;
  lab.on_loop([](FakeService& service) {
    MemberReport member;
    member.terminal = "till-2";
    member.state = mesh::MemberState::suspect;
    member.addresses = {"10.77.0.2:7411"};
    service.report.members = {member};
    service.report.alarms = {{"back_order", "Reorder A", {}}};
    service.report.health = {
        {"cut", "1 of 2 tills do not answer here: till-9.", WallTime{1317888900000}, {"till-9"}}};
    service.report.waiting_for = {{"store_database", WallTime{1796000000000}, "It starts"},
                                  {"time", WallTime{5000}, "The clock is wrong"}};
  });
  auto outcome = type_at(lab, {"status"});
  INFO(outcome.out);
  CHECK(outcome.code == 0);
  CHECK(outcome.says("till-1 of store london-1 (acme)"));
  CHECK(outcome.says("suspect"));
  CHECK(outcome.says("Reorder A"));
  CHECK(outcome.says("1 of 2 tills are here"));
  CHECK(outcome.says("cut since 2011-10-06T08:15:00.000Z: 1 of 2 tills do not answer"));
  CHECK(outcome.says("waiting for store database since 2026-11-30T00:53:20.000Z: It starts"));
  CHECK(outcome.says("waiting for time: The clock is wrong"));
  CHECK_FALSE(outcome.says("1970"));
  CHECK(outcome.out.find("\033") == std::string::npos);  // no colours into a pipe
  outcome = type_at(lab, {"peers"});
  CHECK(outcome.says("10.77.0.2:7411"));
}

TEST_CASE("wrong usage is exit code 2") {
  CHECK(type({}).code == 2);
  CHECK(type({"dance"}).code == 2);
  CHECK(type({"status", "--api", "nonsense"}).code == 2);
  CHECK(type({"run", "--config", "/nowhere.toml"}).code == 2);
  CHECK(type({"--help"}).code == 0);
  CHECK(type({"keygen"}).out.size() == 65);
}

TEST_CASE("run and check read the configuration") {
  const std::string path = "/tmp/titan-pos-test-" + std::to_string(::getpid()) + ".toml";
  std::ofstream(path) << "[store]\ntenant = \"acme\"\nstore = \"s\"\nsecret = \""
                      << make_store_secret() << "\"\n[terminal]\ndata = \"/tmp/x\"\n";
  std::string store;
  auto outcome = type({"run", "--config", path}, [&](const Config& config) {
    store = config.store;
    return 1;
  });
  CHECK(outcome.code == 1);
  CHECK(store == "s");
  outcome = type({"check", "--config", path});
  CHECK(outcome.code == 0);
  CHECK(outcome.says("(set, not shown)"));
  CHECK(outcome.errors.empty());
  std::ofstream(path, std::ios::app) << "[api]\nlisten = \"0.0.0.0:8410\"\n";
  outcome = type({"check", "--config", path});
  CHECK(outcome.code == 0);
  CHECK(outcome.complains("warning: api.listen = \"0.0.0.0:8410\" opens the till"));
  std::ofstream(path, std::ios::app) << "collour = 1\n";
  outcome = type({"check", "--config", path});
  CHECK(outcome.code == 2);
  CHECK(outcome.complains(":9: unknown key api.collour"));
  std::remove(path.c_str());
}

TEST_CASE("widths count what is seen") {
  CHECK(display_width("abc") == 3);
  CHECK(display_width("Caf\xC3\xA9") == 4);
  CHECK(display_width("\xE8\x8C\xB6") == 2);
  CHECK(shorten("Caf\xC3\xA9 au lait", 5) == "Caf\xC3\xA9…");
}
