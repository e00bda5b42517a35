#include "pos-node/cli/setup.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "base/host/private_file.h"
#include "base/host/systemd.h"
#include "base/toml/toml.h"
#include "pos-node/cli/client.h"
#include "pos-node/cli/commands.h"
#include "pos-node/config/config_keys.h"
#include "pos-node/domain/clock.h"

namespace titan::pos {
namespace {

constexpr const char* own_file = "titan-pos.toml";
constexpr const char* store_file_name = "store.toml";
constexpr const char* service_user = "titan-pos";
constexpr int attempts_max = 5;                     // at one question
constexpr std::chrono::seconds answers_within(20);  // the program, after its start
// A store whose tills are all there is joined in about a second; the others may be switched off.
constexpr std::chrono::seconds joined_within(15);
constexpr std::chrono::milliseconds look_every(250);

std::pair<std::string, std::string> parts(const std::string& key) {
  const std::size_t point = key.find('.');
  return {key.substr(0, point), key.substr(point + 1)};
}

// What is wrong with a text as the value of a key, if anything is.
Complaint fault_of(const std::string& key, const std::string& text) {
  const auto [section, name] = parts(key);
  Config scratch;
  toml::value<std::string> node(text);
  return find_key(section, name)->read(scratch, node);
}

std::string trimmed(std::string text) {
  const auto blank = [](unsigned char c) { return std::isspace(c) != 0; };
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), blank));
  text.erase(std::find_if_not(text.rbegin(), text.rend(), blank).base(), text.end());
  return text;
}

// As people write it: "text", not 'text'.
std::string as_toml(const toml::node& node) {
  std::ostringstream out;
  out << toml::toml_formatter(
      node, toml::toml_formatter::default_flags & ~toml::format_flags::allow_literal_strings);
  return out.str();
}

// Of a machine that was named for its place ("till-3"), not by its installer.
std::string machine_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return {};
  const std::string text = name.data();
  static const std::set<std::string> of_installers = {"debian",    "localhost", "raspberrypi",
                                                      "raspberry", "ubuntu",    "linux"};
  return of_installers.contains(text) || fault_of("terminal.name", text) ? std::string() : text;
}

std::string names_of(const json::value& status) {
  std::string names;
  const json::value& members = member_at(status, "members");
  for (const json::value& member : members.is_array() ? members.get_array() : json::array()) {
    const std::string name = text_at(member, "terminal");
    if (text_at(member, "state") != "alive" || text_at(member, "self") == "true") continue;
    names += (names.empty() ? "" : ", ") + name;
  }
  return names;
}

// Another till refuses this one: no waiting helps.
std::string refusal_in(const json::value& status) {
  const json::value& reasons = member_at(status, "health.reasons");
  for (const json::value& reason : reasons.is_array() ? reasons.get_array() : json::array()) {
    const std::string code = text_at(reason, "code");
    if (code == "wrong_secret" || code == "refused") return text_at(reason, "message");
  }
  return {};
}

}  // namespace

std::string machine_time_zone() {
  std::error_code none;
  const std::string zone = std::filesystem::read_symlink("/etc/localtime", none).string();
  const std::size_t at = zone.find("zoneinfo/");
  const std::string name = none || at == std::string::npos ? std::string() : zone.substr(at + 9);
  return name == "Etc/UTC" || name == "UTC" ? std::string() : name;
}

bool Setup::is_set(const std::string& key) const {
  const auto given = wishes_.values.find(key);
  return given != wishes_.values.end() && !given->second.empty();
}

// A value that was given is taken or refused; one that was not is asked for until it fits.
Result<std::string> Setup::value(const std::string& key, const std::string& question,
                                 const std::string& proposal) {
  if (const auto given = wishes_.values.find(key); given != wishes_.values.end()) {
    if (const auto fault = fault_of(key, given->second)) {
      return make_error(ErrorCode::invalid, key + " " + *fault);
    }
    return given->second;
  }
  const auto [section, name] = parts(key);
  if (!wishes_.asks) {
    if (!find_key(section, name)->required || !proposal.empty()) return proposal;
    return make_error(ErrorCode::invalid,
                      key + " is not given, and nobody is there to be asked for it");
  }
  for (int attempt = 0; attempt < attempts_max; ++attempt) {
    console_.out() << question << (proposal.empty() ? "" : " [" + proposal + "]") << ": "
                   << std::flush;
    std::string line;
    if (!std::getline(answers_, line)) break;
    line = trimmed(line);
    if (line.empty()) line = proposal;
    const auto fault = fault_of(key, line);
    if (!fault) return line;
    console_.line("  That will not do: " + name + " " + *fault + ".");
  }
  return make_error(ErrorCode::invalid, key + " was not answered; nothing was written");
}

Status Setup::read_store_file() {
  if (wishes_.store_file.empty()) return {};
  auto text = read_config_file(wishes_.store_file);
  if (!text) return text.error();
  store_text_ = std::move(*text);
  try {
    const toml::table root = toml::parse(store_text_, wishes_.store_file);
    for (const Key& key : all_keys()) {
      const toml::node* node = root[key.section][key.name].node();
      // Text alone: what is no text is the store's own affair and stays as it stands.
      const auto value = node ? node->value<std::string>() : std::nullopt;
      if (!value) continue;
      if (Status taken = take_from_store_file(key.full_name(), *value); !taken) return taken;
    }
  } catch (const toml::parse_error& error) {
    return make_error(ErrorCode::invalid, wishes_.store_file + ":" +
                                              std::to_string(error.source().begin.line) + ": " +
                                              std::string(error.description()));
  } catch (const MalformedToml&) {
    return make_error(ErrorCode::invalid, wishes_.store_file + " is no TOML");
  }
  return {};
}

// Two words for one thing are two shops, or a slip: nobody is to guess which one was meant.
Status Setup::take_from_store_file(const std::string& key, const std::string& value) {
  const auto [given, is_new] = wishes_.values.emplace(key, value);
  if (is_new || given->second == value) return {};
  if (key == "store.secret") {
    return make_error(ErrorCode::invalid,
                      "the secret that is given is not the one in " + wishes_.store_file);
  }
  return make_error(ErrorCode::invalid, key + " is \"" + given->second + "\" as given, and \"" +
                                            value + "\" in " + wishes_.store_file +
                                            "; is it the right stick? Leave one of both out.");
}

Status Setup::ask_store() {
  struct Question {
    const char* key;
    const char* text;
    std::string proposal;
  };
  const std::vector<Question> questions = {
      {"store.tenant", "The company, in letters, digits, '-', '_' or '.'", ""},
      {"store.store", "The store, the same on all of its tills (london-1)", ""},
      {"store.currency", "Currency of its prices (EUR, GBP, USD ...)", "EUR"},
      {"store.country", "Country, for the rounding of cash (CH, NL ...); empty: none", ""},
      {"store.time_zone", "Time zone (Europe/Berlin); empty: this machine's", machine_time_zone()},
  };
  for (const Question& question : questions) {
    auto answer = value(question.key, question.text, question.proposal);
    if (!answer) return answer.error();
    wishes_.values[question.key] = std::move(*answer);
  }
  return ask_secret();
}

// A second secret would make a second store of the same name, whose tills refuse the others.
Status Setup::ask_secret() {
  if (const std::string former = former_secret(); !former.empty() && !is_set("store.secret")) {
    console_.line("this till keeps the secret of " + wishes_.values["store.store"] +
                  " that it had: the other tills know that one");
    wishes_.values["store.secret"] = former;
    return {};
  }
  bool first = wishes_.first_till;
  if (!first && !is_set("store.secret") && wishes_.asks) {
    console_.out() << "Is this the first till of " << wishes_.values["store.store"]
                   << " that is set up? Then its secret is made here. [y/n]: " << std::flush;
    std::string line;
    std::getline(answers_, line);
    line = trimmed(line);
    first = line.starts_with("y") || line.starts_with("Y");
    if (!first) {
      console_.line(
          "  Another till of the store has its secret in /etc/titan-pos/store.toml. Bring that "
          "file\n  on a stick (titan-pos setup --store-file FILE), or type the secret.");
    }
  }
  if (first && is_set("store.secret")) {
    return make_error(ErrorCode::invalid,
                      "a first till makes the secret, and one is given: leave one of both out");
  }
  if (first) {
    wishes_.values["store.secret"] = make_store_secret();
    made_secret_ = true;
    return {};
  }
  if (!is_set("store.secret") && !wishes_.asks) {
    return make_error(ErrorCode::invalid,
                      "the store's secret is missing: give --store-file with the store.toml of "
                      "another till, or --secret, or --first-till to make one");
  }
  auto secret = value("store.secret", "The store's secret (64 digits)", "");
  if (!secret) return secret.error();
  wishes_.values["store.secret"] = *secret;
  return {};
}

std::string Setup::former_secret() const {
  std::error_code none;
  if (!std::filesystem::exists(path(own_file), none)) return {};
  const auto former = load_config(path(own_file));
  if (!former || former->tenant != wishes_.values.at("store.tenant") ||
      former->store != wishes_.values.at("store.store")) {
    return {};
  }
  return former->secret;
}

Status Setup::ask_till() {
  auto name =
      value("terminal.name", "Name of this till, for receipts and staff (till-1)", machine_name());
  if (!name) return name.error();
  wishes_.values["terminal.name"] = *name;
  wishes_.values.emplace("terminal.data", "/var/lib/titan-pos");
  return {};
}

SetupFiles Setup::compose() const {
  std::string own =
      "# This till. What is the same on every till of the store is in store.toml, beside this "
      "file.\n# Every key is explained in /usr/share/doc/titan-pos/examples/titan-pos.sample.toml; "
      "after a change:\n#   titan-pos check && systemctl reload titan-pos\n";
  std::string store =
      "# The store, the same on every till: bring a copy of this file to the next one\n"
      "# (titan-pos setup --store-file FILE). It holds the store's secret.\n";
  std::string own_section = "store";
  own += "\n[store]\nfile = \"" + std::string(store_file_name) + "\"\n";
  std::string store_section;
  toml::table given;
  if (!store_text_.empty()) given = toml::parse(store_text_);
  bool is_whole = !store_text_.empty();
  for (const Key& key : all_keys()) {
    const auto value = wishes_.values.find(key.full_name());
    if (value == wishes_.values.end() || key.full_name() == "store.file") continue;
    if (key.home != Home::till) {
      // As it stands in the file that was given, where it does.
      if (given[key.section][key.name]) continue;
      if (value->second.empty()) continue;
      is_whole = false;
      toml::table* table = given[key.section].as_table();
      if (!table)
        table = given.insert_or_assign(key.section, toml::table{}).first->second.as_table();
      table->insert_or_assign(key.name, value->second);
      continue;
    }
    if (own_section != key.section) own += "\n[" + std::string(key.section) + "]\n";
    own_section = key.section;
    own += std::string(key.name) + " = " + as_toml(toml::value<std::string>(value->second)) + "\n";
    if (key.full_name() != "terminal.data") continue;
    if (wishes_.leads == "never") own += "may_lead = false\n";
    if (wishes_.leads == "first") own += "priority = 100\n";
  }
  if (is_whole) return {own, store_text_};
  for (const auto& [section, node] : given) {
    store += "\n[" + std::string(section.str()) + "]\n";
    store += as_toml(node) + "\n";
  }
  return {own, store};
}

Status Setup::write(const SetupFiles& files) {
  std::error_code failed;
  std::filesystem::create_directories(wishes_.folder, failed);
  if (failed) {
    return make_error(ErrorCode::io, "cannot make " + wishes_.folder + ": " + failed.message() +
                                         "; run this as "
                                         "root (sudo)");
  }
  const std::string kept = ".before-" + file_time_stamp();
  for (const char* file : {own_file, store_file_name}) {
    if (!std::filesystem::exists(path(file), failed)) continue;
    std::filesystem::copy_file(path(file), path(file) + kept, failed);
    if (failed) return make_error(ErrorCode::io, "cannot keep " + path(file) + kept);
    ::chmod((path(file) + kept).c_str(), 0600);
    console_.line("kept the former " + path(file) + " as " + file + kept);
  }
  // The till's own file last: with it the service may start.
  if (Status written = write_private_file(path(store_file_name), files.store, service_user);
      !written)
    return written;
  return write_private_file(path(own_file), files.own, service_user);
}

int Setup::run() {
  std::error_code unreadable;
  const bool is_set_up = std::filesystem::exists(path(own_file), unreadable);
  if (unreadable == std::errc::permission_denied ||
      (::geteuid() != 0 && wishes_.folder == SetupWishes{}.folder)) {
    console_.fail("a till is set up by root: sudo titan-pos setup ...");
    return exit_usage;
  }
  if (is_set_up && !wishes_.anew) {
    console_.fail("this till is set up already: " + path(own_file) +
                  ". See what it says with `titan-pos check`, change it by hand, or set it up "
                  "anew with --anew (the former files are kept).");
    return exit_usage;
  }
  const auto refused = [&](const Error& error) {
    console_.fail(error.message);
    return exit_usage;
  };
  for (const auto step : {&Setup::read_store_file, &Setup::ask_store, &Setup::ask_till}) {
    if (Status done = (this->*step)(); !done) return refused(done.error());
  }
  const SetupFiles files = compose();
  const auto config = parse_config(files.own, path(own_file), files.store, path(store_file_name));
  if (!config) return refused(config.error());
  const MachineReport machine = check_machine_(*config);
  for (const std::string& warning : machine.warnings) console_.warn(warning);
  if (!machine.problems.empty()) {
    for (const std::string& problem : machine.problems) console_.fail(problem);
    console_.fail("nothing was written");
    return exit_failed;
  }
  if (Status done = write(files); !done) return refused(done.error());
  console_.line("wrote " + path(own_file) + " and " + path(store_file_name));
  const int code = wishes_.start ? start_service(*config) : exit_done;
  if (code == exit_done) tell_next_till();
  return code;
}

int Setup::start_service(const Config& config) {
  if (!has_systemd()) {
    console_.line("no systemd runs here; start the till with\n  titan-pos run --config " +
                  path(own_file));
    return exit_done;
  }
  console_.line("starting titan-pos.service");
  if (!titan::start_service("titan-pos.service")) {
    console_.fail("the service did not start: systemctl status titan-pos, journalctl -u titan-pos");
    return exit_failed;
  }
  return wait_until_joined(config);
}

int Setup::wait_until_joined(const Config& config) {
  const auto address = parse_host_port(config.api_listen);
  if (!address) return exit_usage;
  ApiClient client(*address, std::chrono::seconds(2));
  const auto started = std::chrono::steady_clock::now();
  std::optional<json::value> status;
  for (;;) {
    const auto waited = std::chrono::steady_clock::now() - started;
    const auto reply = client.get("/v1/status");
    json::error_code no_json;
    if (reply && reply->is_success()) status = json::parse(reply->body, no_json);
    if (!status && waited > answers_within) {
      console_.progress("");
      console_.fail("the till does not answer at " + config.api_listen +
                    "; the last that it said:");
      run_program({"journalctl", "--unit=titan-pos", "--lines=5", "--no-pager", "--output=cat"});
      return exit_failed;
    }
    if (status) {
      const std::string others = names_of(*status);
      const std::string leader = text_at(*status, "leader.terminal");
      const std::string refusal = refusal_in(*status);
      // A first till has nobody to wait for.
      const bool done = !leader.empty() && (!others.empty() || made_secret_);
      if (done || !refusal.empty() || waited > joined_within) {
        console_.progress("");
        const std::string self = text_at(*status, "terminal") + " of " + config.store;
        if (!others.empty()) {
          console_.line(self + " is joined with " + others +
                        "; leader: " + (leader.empty() ? "none yet" : leader));
          return exit_done;
        }
        if (!refusal.empty()) {
          console_.fail(refusal);
          return exit_failed;
        }
        console_.line(self +
                      " runs and is alone so far: it sells, and joins the others by itself as soon "
                      "as they are there.");
        return exit_done;
      }
    }
    console_.progress("waiting for the other tills of " + config.store + " ...");
    std::this_thread::sleep_for(look_every);
  }
}

void Setup::tell_next_till() const {
  if (!made_secret_) return;
  console_.line("The next till of the store: bring it " + path(store_file_name) +
                " on a stick (it holds the secret), then there\n  titan-pos setup --store-file "
                "/media/stick/store.toml");
}

}  // namespace titan::pos
