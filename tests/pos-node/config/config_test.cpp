// The configuration: what it may hold, every complaint at once, and what a reload takes.
#include <unistd.h>
#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/hex.h"
#include "base/random.h"
#include "pos-node/config/config.h"
#include "pos-node/config/config_advice.h"

using namespace titan;
using namespace titan::pos;

namespace {

const std::string secret = "7d1c94e05ab38f6220cf5e8b416a97d3f80b2e61c5379ad4186cf0e25b83a94d";

std::string sample() {
  std::ifstream file(TITAN_SOURCE_FOLDER "/pos-node/titan-pos.sample.toml");
  REQUIRE(file.good());
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string minimal(const std::string& more = {}) {
  return "[store]\ntenant = \"acme\"\nstore = \"london-1\"\nsecret = \"" + secret +
         "\"\n[terminal]\ndata = \"/tmp/x\"\n" + more;
}

void check_refused(const std::string& toml, const std::string& line, const std::string& part) {
  const auto config = parse_config(toml, "till.toml");
  INFO(toml);
  REQUIRE(config.has_error());
  INFO(config.error().message);
  CHECK(config.error().message.find("till.toml:" + line) != std::string::npos);
  CHECK(config.error().message.find(part) != std::string::npos);
}

}  // namespace

TEST_CASE("the sample only lacks the secret") {
  const auto untouched = parse_config(sample(), "sample");
  REQUIRE(untouched.has_error());
  CHECK(untouched.error().message.find("store.secret") != std::string::npos);
  CHECK(untouched.error().message.find("titan-pos keygen") != std::string::npos);
  CHECK(untouched.error().message.find('\n') == std::string::npos);  // nothing else

  std::string text = sample();
  const std::string paste = "paste the output of titan-pos keygen here";
  text.replace(text.find(paste), paste.size(), make_store_secret());
  const auto config = parse_config(text, "sample");
  if (!config) FAIL(config.error().message);
  // What the sample shows as defaults are the defaults.
  Config defaults;
  defaults.tenant = config->tenant;
  defaults.store = config->store;
  defaults.secret = config->secret;
  defaults.data = config->data;
  defaults.currency = config->currency;  // of a shop in London
  CHECK(describe_config(*config) == describe_config(defaults));
}

TEST_CASE("a damaged file is refused or read, and never ends the program") {
  const std::string whole = sample();
  Random random(20261122);
  std::size_t refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = whole.substr(0, 400 + random.below(whole.size() - 400));
    for (std::uint64_t wounds = 1 + random.below(4); wounds > 0; --wounds) {
      static constexpr std::string_view rubbish = "[]{}=\"'.,#\n\\ue0-:\x01";
      damaged[random.below(damaged.size())] = rubbish[random.below(rubbish.size())];
    }
    if (!parse_config(damaged, "damaged")) ++refused;
  }
  CHECK(refused > 1000);
}

TEST_CASE("every key is in the sample, with a comment above") {
  const std::string text = sample();
  for (const std::string& key : config_keys()) {
    const std::string section = key.substr(0, key.find('.'));
    const std::string name = key.substr(key.find('.') + 1);
    INFO(key);
    const auto begin = text.find("[" + section + "]\n");
    REQUIRE(begin != std::string::npos);
    const auto end = text.find("\n[", begin);
    const std::string part = text.substr(begin, end - begin);
    CHECK(part.find("\n" + name + " = ") != std::string::npos);
  }
}

TEST_CASE("a minimal file takes the defaults") {
  const auto config = parse_config(minimal(), "till.toml");
  if (!config) FAIL(config.error().message);
  CHECK(config->currency == "EUR");
  CHECK(config->api_listen == "127.0.0.1:8410");
  CHECK(config->may_lead);
  CHECK(config->seeds.empty());
}

TEST_CASE("everything can be set") {
  const auto config = parse_config(
      minimal("name = \"till-1\"\nmay_lead = false\npriority = 7\n"
              "[api]\nlisten = \"[::1]:0\"\n"
              "[mesh]\nlisten = \"10.77.0.1:7411\"\nadvertise = [\"10.77.0.1:7411\"]\n"
              "seeds = [\"10.77.0.2:7411\", \"till-3.local:7411\"]\nmdns = false\n"
              "profile = \"wireless\"\n"
              "[store_database]\nmode = \"postgresql://u@h/db\"\n"
              "[cloud]\nurl = \"wss://c/v1/uplink\"\naccess_key = \"k\"\npublic_key = \"" +
              secret + "\"\n[log]\nlevel = \"debug\"\nfile = \"/tmp/log\"\n"),
      "till.toml");
  if (!config) FAIL(config.error().message);
  CHECK(config->name == "till-1");
  CHECK_FALSE(config->may_lead);
  CHECK(config->priority == 7);
  CHECK(config->seeds.size() == 2);
  CHECK(config->profile == "wireless");
  CHECK(config->store_database == "postgresql://u@h/db");
}

TEST_CASE("unknown keys and wrong values are refused by name, with the line") {
  check_refused(minimal("prioritty = 3\n"), "7", "unknown key terminal.prioritty");
  check_refused(minimal("[mesch]\n"), "7", "unknown section or key \"mesch\"");
  check_refused(minimal("priority = \"high\"\n"), "7", "terminal.priority must be a whole number");
  check_refused(minimal("priority = -1\n"), "7", "terminal.priority");
  for (const char* days : {"0", "3651"}) {
    check_refused(std::string("[store]\nkeep_keys_days = ") + days + "\n", "2",
                  "store.keep_keys_days must be a whole number from 1 to 3650");
  }
  check_refused(minimal("may_lead = 1\n"), "7", "terminal.may_lead must be true or false");
  check_refused(minimal("name = \"a b\"\n"), "7", "terminal.name");
  check_refused(minimal("[api]\nlisten = \"8410\"\n"), "8", "api.listen must be \"host:port\"");
  check_refused(minimal("[api]\nlisten = \"127.0.0.1:99999\"\n"), "8", "api.listen");
  check_refused(minimal("[mesh]\nseeds = \"x:1\"\n"), "8", "mesh.seeds must be a list");
  check_refused(minimal("[mesh]\nseeds = [\"till-2\"]\n"), "8", "\"till-2\"");
  check_refused(minimal("[mesh]\nadvertise = [\"till-1.shop:7411\"]\n"), "8",
                "mesh.advertise item \"till-1.shop:7411\": must be a numeric address");
  check_refused(minimal("[mesh]\nprofile = \"fast\"\n"), "8", "\"wired\", \"wireless\"");
  check_refused(minimal("[store_database]\nmode = \"mysql\"\n"), "8", "postgresql://");
  check_refused(minimal("[cloud]\nurl = \"http://x\"\n"), "8", "wss://");
  check_refused(minimal("[cloud]\nurl = \"ws://x\"\n"), "7", "cloud.access_key is needed");
  check_refused(minimal("[log]\nlevel = \"loud\"\n"), "8", "log.level");
  check_refused("store = 3\n", "1", "\"store\" must be a section");
  check_refused(minimal("name = \n"), "7", "");
  check_refused(minimal("data = \"/tmp/y\"\n"), "7", "");  // twice
}

TEST_CASE("the shop's labels: a country's rules, its own rows, and what is wrong with them") {
  const auto config = parse_config(
      minimal(
          "[labels]\npreset = \"DE\"\nrules = [{ layout = \"27IIIIPVVVVVC\", what = \"weight\", "
          "decimals = 3, unit = \"kg\" },\n  { layout = \"24IIIIIVVVVVC\", what = \"pieces\" }]\n"),
      "till.toml");
  if (!config) FAIL(config.error().message);
  CHECK(config->label_preset == "DE");
  REQUIRE(config->label_rules.size() == 2);
  CHECK(config->label_rules[0].what == retail::LabelValue::weight);
  CHECK(config->label_rules[0].decimals == 3);
  CHECK(config->label_rules[1].what == retail::LabelValue::pieces);
  const auto again = parse_config(
      minimal("[[labels.rules]]\nlayout = \"27IIIIPVVVVVC\"\nwhat = \"price\"\ndecimals = 2\n"),
      "till.toml");
  if (!again) FAIL(again.error().message);
  CHECK(again->label_rules.size() == 1);

  const auto refused = [](const std::string& rows, const std::string& part) {
    check_refused(minimal("[labels]\n" + rows + "\n"), "8", part);
  };
  refused("preset = \"XX\"", "there are CA, DE, EE");
  refused("rules = \"DE\"", "labels.rules must be a list of rows");
  refused("rules = [{ layout = \"27IIII\", what = \"price\", decimals = 2 }]", "row 1: the layout");
  refused("rules = [{ layout = \"27IIIIPVVVVVC\", what = \"money\", decimals = 2 }]",
          "what must be");
  refused("rules = [{ layout = \"27IIIIPVVVVVC\", what = \"price\" }]", "decimals is missing");
  refused("rules = [{ layout = \"27IIIIPVVVVVC\", whta = \"price\" }]", "unknown key whta");
  refused(
      "rules = [{ layout = \"27IIIIPVVVVVC\", what = \"weight\", decimals = 3, unit = \"Bund\" }]",
      "\"Bund\" is not known");
}

TEST_CASE("missing keys are named, and all complaints come at once") {
  const auto config = parse_config("[store]\ntenant = \"\"\ncurrency = \"pounds\"\n", "till.toml");
  REQUIRE(config.has_error());
  const std::string& all = config.error().message;
  INFO(all);
  for (const char* part : {"store.tenant must", "store.currency must", "store.store is missing",
                           "store.secret is missing", "terminal.data is missing"}) {
    CHECK(all.find(part) != std::string::npos);
  }
}

TEST_CASE("the description shows no secret") {
  auto config = parse_config(minimal(), "till.toml").value();
  config.cloud_access_key = "hush";
  config.store_database = "postgresql://user:password@host/db";
  const std::string text = describe_config(config);
  CHECK(text.find(secret) == std::string::npos);
  CHECK(text.find("hush") == std::string::npos);
  CHECK(text.find("password") == std::string::npos);
  CHECK(text.find("tenant = \"acme\"") != std::string::npos);
}

TEST_CASE("a missing file is named") {
  const auto config = load_config("/nowhere/till.toml");
  REQUIRE(config.has_error());
  CHECK(config.error().message.find("/nowhere/till.toml") != std::string::npos);
}

TEST_CASE("store secrets are 64 digits and never the same") {
  CHECK(make_store_secret().size() == 64);
  CHECK(make_store_secret() != make_store_secret());
}

TEST_CASE("secrets that anybody can guess are refused, with what to do") {
  const auto with_secret = [](const std::string& text) {
    return "[store]\ntenant = \"acme\"\nstore = \"s\"\nsecret = \"" + text +
           "\"\n[terminal]\ndata = \"/tmp/x\"\n";
  };
  std::string counting;
  for (unsigned i = 0; i < 32; ++i) {
    const char byte = static_cast<char>(i);
    counting += to_hex({&byte, 1});
  }
  std::string pairs;
  for (int i = 0; i < 4; ++i) pairs += "0123456789abcdef";
  for (const std::string& weak :
       {std::string(64, '0'), std::string(64, 'f'), std::string(64, 'A'), counting, pairs,
        std::string(62, '0') + "01", std::string(32, '1') + std::string(32, '2'),
        secret.substr(0, 32) + secret.substr(0, 32)}) {
    check_refused(with_secret(weak), "4", "store.secret is an example or a pattern");
    check_refused(with_secret(weak), "4", "titan-pos keygen");
  }
  for (int i = 0; i < 1000; ++i) CHECK_FALSE(weak_secret_complaint(make_store_secret()));
}

TEST_CASE("an API beyond loopback is warned of, with the address to use") {
  const auto warnings = [](const std::string& listen) {
    Config config;
    config.api_listen = listen;
    return config_warnings(config);
  };
  for (const char* open : {"0.0.0.0:8410", "[::]:8410", "192.168.1.20:8410", "till-1.shop:8410"}) {
    INFO(open);
    REQUIRE(warnings(open).size() == 1);
    CHECK(warnings(open).front().find("\"127.0.0.1:8410\"") != std::string::npos);
  }
  for (const char* closed : {"127.0.0.1:8410", "127.8.9.1:0", "[::1]:8410", "localhost:8410"}) {
    INFO(closed);
    CHECK(warnings(closed).empty());
  }
}

TEST_CASE("which coins exist: by country, by setting, not at all") {
  Config config;
  config.currency = "CHF";
  CHECK_FALSE(cash_rule_of(config).value());
  config.country = "CH";
  CHECK(cash_rule_of(config).value()->step_minor == 5);
  CHECK(config_warnings(config).empty());
  config.cash_rounding = "none";
  CHECK_FALSE(cash_rule_of(config).value());
  config.cash_rounding = "0.10";
  CHECK(cash_rule_of(config).value()->step_minor == 10);
  config.cash_rounding = "0.001";
  CHECK(cash_rule_of(config).error().field == "store.cash_rounding");
  config.cash_rounding = "country";
  config.country = "ZZ";
  CHECK(cash_rule_of(config).error().field == "store.country");
  config.country = "NL";  // a shop in the Netherlands that sells in francs
  REQUIRE(config_warnings(config).size() == 1);
  config.country = "";
  config.currency = "EUX";
  REQUIRE(config_warnings(config).size() == 1);
  CHECK(config_warnings(config).front().find("EUX") != std::string::npos);
}

namespace {

const std::string store_file = "[store]\ntenant = \"acme\"\nstore = \"london-1\"\nsecret = \"" +
                               secret + "\"\n[mesh]\nprofile = \"wired\"\n";
const std::string own_file = "[store]\nfile = \"store.toml\"\n[terminal]\ndata = \"/tmp/x\"\n";

std::string complaints_of(const std::string& own, const std::string& store) {
  const auto config = parse_config(own, "till.toml", store, "store.toml");
  return config ? "" : config.error().message;
}

std::size_t lines_of(const std::string& text) {
  return text.empty() ? 0
                      : 1 + static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

TEST_CASE("a store's file and a till's make one configuration") {
  const auto config = parse_config(own_file + "name = \"till-2\"\n[mesh]\nprofile = \"wireless\"\n",
                                   "till.toml", store_file, "store.toml");
  if (!config) FAIL(config.error().message);
  CHECK(config->tenant == "acme");
  CHECK(config->name == "till-2");
  CHECK(config->profile == "wireless");  // where a till may differ, its own word goes before
}

TEST_CASE("a key in the wrong file is told, with the file where it belongs") {
  const std::string in_own =
      complaints_of(own_file + "[tax]\nrounding = \"receipt\"\n", store_file);
  CHECK(in_own ==
        "till.toml:6: tax.rounding is the same on every terminal of the store; it belongs into "
        "store.toml alone");
  const std::string in_store = complaints_of(own_file, store_file + "[terminal]\nname = \"x\"\n");
  CHECK(in_store == "store.toml:8: terminal.name is one terminal's own; write it into till.toml");
  // What is missing is missed where it belongs.
  const std::string missing =
      complaints_of("[store]\nfile = \"store.toml\"\n", "[store]\ntenant = \"acme\"\n");
  INFO(missing);
  CHECK(missing.find("store.toml:1: store.secret is missing") != std::string::npos);
  CHECK(missing.find("till.toml: terminal.data is missing") != std::string::npos);
}

TEST_CASE("lines that are no TOML are told with everything else that is wrong, in order") {
  const auto config = parse_config(
      "[store]\ntenant = acme\nstore = \"london-1\"\nsecret = \"abc\"\n[terminal]\ndata = "
      "\"/tmp/x\n"
      "prioritty = 3\n",
      "till.toml");
  REQUIRE(config.has_error());
  INFO(config.error().message);
  std::vector<std::string> places;
  std::istringstream lines(config.error().message);
  for (std::string line; std::getline(lines, line);) places.push_back(line.substr(0, 11));
  CHECK(places ==
        std::vector<std::string>{"till.toml:2", "till.toml:4", "till.toml:6", "till.toml:7"});
}

TEST_CASE("a broken line is no reason to miss its key, nor a broken section those below it") {
  const auto message = [](const std::string& text) {
    const auto config = parse_config(text, "till.toml");
    return config ? std::string() : config.error().message;
  };
  CHECK(lines_of(message(minimal("name = till-1\n"))) == 1);
  const std::string section = message("[store\ntenant = \"acme\"\n[terminal]\ndata = \"/tmp/x\"\n");
  INFO(section);
  CHECK(section.find("is missing") == std::string::npos);
  CHECK(section.find("till.toml:1: column") != std::string::npos);
}

TEST_CASE("what a reload can change is told from what takes a restart") {
  const auto running = parse_config(minimal(), "till.toml").value();
  auto now = parse_config(minimal("name = \"till-9\"\n[mesh]\nseeds = [\"10.0.0.5:7411\"]\n"
                                  "[log]\nlevel = \"debug\"\n"),
                          "till.toml")
                 .value();
  const auto told = [](const std::vector<ConfigChange>& changes) {
    std::string text;
    for (const auto& change : changes) text += change.key + (change.needs_restart ? "! " : " ");
    return text;
  };
  CHECK(told(config_changes(running, now)) == "terminal.name! mesh.seeds log.level ");
  auto taken = running;
  take_reloadable(now, taken);
  CHECK(taken.log_level == "debug");
  CHECK(taken.seeds == now.seeds);
  CHECK(taken.name.empty());
  // Said again at the next reload, until the restart.
  CHECK(told(config_changes(taken, now)) == "terminal.name! ");
}

TEST_CASE("the store's file is found beside the till's, and named when it is not there") {
  const auto folder =
      std::filesystem::temp_directory_path() / ("titan-config-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "till.toml") << own_file;
  const auto missing = load_config(folder / "till.toml");
  REQUIRE(missing.has_error());
  CHECK(missing.error().message.find((folder / "store.toml").string()) != std::string::npos);
  std::ofstream(folder / "store.toml") << store_file;
  const auto config = load_config(folder / "till.toml");
  std::filesystem::remove_all(folder);
  if (!config) FAIL(config.error().message);
  CHECK(config->store == "london-1");
}
