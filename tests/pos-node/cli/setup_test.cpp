// `titan-pos setup` without a service to start: what is asked, refused and written.
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "pos-node/cli/commands.h"
#include "pos-node/cli/setup.h"

using namespace titan;
using namespace titan::pos;

namespace {

class Folder {
 public:
  Folder()
      : path_(std::filesystem::temp_directory_path() /
              ("titan-setup-" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return path_ / name; }
  std::string text(const std::string& name) const {
    std::ifstream file(path_ / name);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name) << text;
  }
  bool has(const std::string& name) const { return std::filesystem::exists(path_ / name); }

 private:
  std::filesystem::path path_;
};

struct Outcome {
  int code = 0;
  std::string said;
};

Outcome set_up(const Folder& folder, SetupWishes wishes, const std::string& answers = {},
               MachineReport machine = {}) {
  wishes.folder = folder.file("etc");
  wishes.start = false;
  wishes.asks = !answers.empty();
  wishes.values.emplace("terminal.data", folder.file("data"));
  std::stringstream out;
  std::istringstream in(answers);
  Console console(out, out, false);
  Setup setup(wishes, console, in, [&](const Config&) { return machine; });
  const int code = setup.run();
  return {code, out.str()};
}

SetupWishes first_till() {
  SetupWishes wishes;
  wishes.first_till = true;
  wishes.values = {{"store.tenant", "acme"},
                   {"store.store", "london-1"},
                   {"store.currency", "GBP"},
                   {"terminal.name", "till-1"}};
  return wishes;
}

Config written(const Folder& folder) {
  auto config = load_config(folder.file("etc/titan-pos.toml"));
  if (!config) FAIL(config.error().message);
  return *config;
}

}  // namespace

TEST_CASE("a first till makes the secret, and the next one takes the store's file as it is") {
  const Folder one;
  Outcome outcome = set_up(one, first_till());
  INFO(outcome.said);
  REQUIRE(outcome.code == exit_done);
  CHECK(outcome.said.find("setup --store-file") != std::string::npos);
  CHECK(written(one).currency == "GBP");
  struct stat facts {};
  REQUIRE(::stat(one.file("etc/store.toml").c_str(), &facts) == 0);
  CHECK((facts.st_mode & 07) == 0);  // it holds the secret

  std::filesystem::copy_file(one.file("etc/store.toml"), one.file("stick.toml"));
  const std::string stick =
      one.text("stick.toml") + "\n[mesh]  # by hand\nseeds = [\"10.0.0.5:7411\"]\n";
  one.write("stick.toml", stick);
  std::filesystem::remove_all(one.file("etc"));
  SetupWishes second;
  second.store_file = one.file("stick.toml");
  second.values = {{"terminal.name", "till-2"}};
  outcome = set_up(one, second);
  INFO(outcome.said);
  REQUIRE(outcome.code == exit_done);
  CHECK(one.text("etc/store.toml") == stick);  // comments, too
  CHECK(written(one).name == "till-2");
  CHECK(written(one).seeds.size() == 1);
}

TEST_CASE("what is not given is asked for until it fits") {
  const Folder folder;
  const Outcome outcome = set_up(folder, {},
                                 "acme\nlon don\nlondon-1\n\nGB\nMars\nEurope/London\n"
                                 "y\ntill-1\n");
  INFO(outcome.said);
  REQUIRE(outcome.code == exit_done);
  CHECK(outcome.said.find("That will not do: store must be 1 to 63") != std::string::npos);
  CHECK(outcome.said.find("That will not do: time_zone \"Mars\"") != std::string::npos);
  const Config config = written(folder);
  CHECK(config.store == "london-1");
  CHECK(config.currency == "EUR");  // as proposed
  CHECK(config.country == "GB");
  CHECK(config.secret.size() == 64);
}

TEST_CASE("a till that is not the first one needs the store's secret") {
  const Folder folder;
  SetupWishes wishes = first_till();
  wishes.first_till = false;
  Outcome outcome = set_up(folder, wishes);
  CHECK(outcome.code == exit_usage);
  CHECK(outcome.said.find("--store-file") != std::string::npos);
  wishes.first_till = true;
  wishes.values["store.secret"] = make_store_secret();
  outcome = set_up(folder, wishes);
  CHECK(outcome.code == exit_usage);
  CHECK(outcome.said.find("leave one of both out") != std::string::npos);
  CHECK_FALSE(folder.has("etc"));
}

TEST_CASE("what head office hands out is taken into the store's file") {
  const Folder folder;
  folder.write("cloud.toml",
               "[store]\ntenant = \"acme\"\n[cloud]\nurl = \"wss://c/v1/uplink\"\n"
               "access_key = \"hush hush\"\npublic_key = \"" +
                   make_store_secret() + "\"\n");
  SetupWishes wishes = first_till();
  wishes.values.erase("store.tenant");
  wishes.store_file = folder.file("cloud.toml");
  const Outcome outcome = set_up(folder, wishes);
  INFO(outcome.said);
  REQUIRE(outcome.code == exit_done);
  CHECK(written(folder).cloud_access_key == "hush hush");
  CHECK(written(folder).tenant == "acme");
}

TEST_CASE("nothing is written where something does not fit, and a till that is set up stays") {
  const Folder folder;
  SetupWishes wrong = first_till();
  wrong.values["store.currency"] = "pounds";
  CHECK(set_up(folder, wrong).code == exit_usage);
  const Outcome taken = set_up(folder, first_till(), {}, {{"port 8410 is taken"}, {}});
  CHECK(taken.code == exit_failed);
  CHECK(taken.said.find("port 8410 is taken") != std::string::npos);
  CHECK_FALSE(folder.has("etc"));

  REQUIRE(set_up(folder, first_till()).code == exit_done);
  const std::string before = folder.text("etc/store.toml");
  CHECK(set_up(folder, first_till()).code == exit_usage);
  CHECK(folder.text("etc/store.toml") == before);
  SetupWishes anew = first_till();
  anew.anew = true;
  anew.leads = "never";
  REQUIRE(set_up(folder, anew).code == exit_done);
  CHECK(folder.text("etc/store.toml") == before);  // the secret that the other tills know
  CHECK_FALSE(written(folder).may_lead);
  std::size_t kept = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder.file("etc"))) {
    kept += file.path().string().find(".before-") != std::string::npos ? 1 : 0;
  }
  CHECK(kept == 2);
}

TEST_CASE("a store's file that cannot be read or is none is named") {
  const Folder folder;
  SetupWishes wishes;
  wishes.store_file = folder.file("nowhere.toml");
  CHECK(set_up(folder, wishes).said.find("nowhere.toml: cannot be read") != std::string::npos);
  folder.write("empty.toml", "\n");
  wishes.store_file = folder.file("empty.toml");
  CHECK(set_up(folder, wishes).said.find("is empty") != std::string::npos);
  folder.write("utf16.toml", "\xff\xfe[");
  wishes.store_file = folder.file("utf16.toml");
  CHECK(set_up(folder, wishes).said.find("save it as UTF-8") != std::string::npos);
  wishes.store_file = folder.file("");
  CHECK(set_up(folder, wishes).said.find("cannot be read") != std::string::npos);
  folder.write("broken.toml", "[store\n");
  wishes.store_file = folder.file("broken.toml");
  CHECK(set_up(folder, wishes).said.find("broken.toml:1") != std::string::npos);
}

TEST_CASE("a flag that says something else than the store's file is the wrong stick, or a slip") {
  const Folder folder;
  folder.write("stick.toml", "[store]\ntenant = \"acme\"\nstore = \"london-1\"\nsecret = \"" +
                                 make_store_secret() + "\"\n");
  SetupWishes wishes;
  wishes.store_file = folder.file("stick.toml");
  wishes.values = {{"store.store", "london-2"}, {"terminal.name", "till-1"}};
  const Outcome outcome = set_up(folder, wishes);
  CHECK(outcome.code == exit_usage);
  CHECK(outcome.said.find("\"london-2\" as given, and \"london-1\" in") != std::string::npos);
  CHECK_FALSE(folder.has("etc"));
}
