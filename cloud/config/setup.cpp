#include "cloud/config/setup.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <pqxx/pqxx>
#include <thread>

#include "base/host/private_file.h"
#include "base/host/systemd.h"
#include "base/toml/toml.h"
#include "cloud/config/cloud_key.h"
#include "uplink/postgres/schema.h"

namespace titan::cloud {

namespace {

namespace asio = boost::asio;

constexpr int done = 0;
constexpr int failed = 1;
constexpr int unusable = 2;
constexpr const char* service_user = "titan-cloud";
constexpr std::chrono::seconds started_within(20);
constexpr std::chrono::milliseconds look_every(200);
// A program that ends at once is started again a second later: one that runs through so many looks
// has its port.
constexpr int looks_in_a_row = 10;

// 128 bits: access keys are typed rarely and kept in files.
std::string make_access_key() {
  return random_seed().hex().substr(0, 32);
}

std::string quoted(const std::string& text) {
  std::ostringstream out;
  out << toml::toml_formatter(
      toml::value<std::string>(text),
      toml::toml_formatter::default_flags & ~toml::format_flags::allow_literal_strings);
  return out.str();
}

std::string machine_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

asio::ip::tcp::endpoint endpoint_of(const Config& config, boost::system::error_code& error) {
  return {asio::ip::make_address(config.listen_host, error), config.listen_port};
}

// Whether the service of this machine runs; one that fails and is started again does not.
bool service_runs() {
  return has_systemd() &&
         run_program({"systemctl", "is-active", "--quiet", "titan-cloud.service"}) == 0;
}

bool answers(const Config& config) {
  asio::io_context loop;
  asio::ip::tcp::socket socket(loop);
  boost::system::error_code error;
  auto endpoint = endpoint_of(config, error);
  if (endpoint.address().is_unspecified()) {
    endpoint.address(endpoint.protocol() == asio::ip::tcp::v6()
                         ? asio::ip::address(asio::ip::address_v6::loopback())
                         : asio::ip::address(asio::ip::address_v4::loopback()));
  }
  if (!error) socket.connect(endpoint, error);
  return !error;
}

Status check_port(const Config& config) {
  asio::io_context loop;
  boost::system::error_code error;
  const auto endpoint = endpoint_of(config, error);
  asio::ip::tcp::acceptor acceptor(loop);
  if (!error) acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) return {};
  const std::string port = std::to_string(config.listen_port);
  return make_error(ErrorCode::io, "gateway.listen " + config.listen_host + ":" + port + ": " +
                                       error.message() + "; `ss -ltnp sport = :" + port +
                                       "` shows who has the port");
}

Status check_database(const Config& config) {
  try {
    pqxx::connection connection(config.database_url);
    return {};
  } catch (const std::exception& error) {
    std::string why = error.what();
    while (!why.empty() && why.back() == '\n') why.pop_back();
    return make_error(ErrorCode::io,
                      "database.url " + uplink::without_password(config.database_url) + ": " + why +
                          "\n  To make the database on this machine:\n"
                          "  su postgres -c \"createuser titan-cloud && createdb --owner "
                          "titan-cloud titan\"");
  }
}

std::string config_text(const SetupWishes& wishes, const std::string& access_key) {
  std::string text =
      "# Head office. Every key is explained in\n"
      "# /usr/share/doc/titan-cloud/examples/titan-cloud.sample.toml; after a change:\n"
      "#   titan-cloud check && systemctl restart titan-cloud\n\n[gateway]\n";
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) text += std::string(key) + " = " + quoted(value) + "\n";
  };
  add("listen", wishes.listen);
  add("tls_certificate", wishes.tls_certificate);
  add("tls_key", wishes.tls_key);
  add("data", wishes.data);
  text += "# REST: Authorization: Bearer ...\n";
  add("admin_key", make_access_key());
  text += "\n[database]\n";
  add("url", wishes.database);
  text += "\n[[tenants]]\n";
  add("name", wishes.tenant);
  add("access_key", access_key);
  return text;
}

std::string store_text(const SetupWishes& wishes, const std::string& access_key,
                       const PublicKey& key) {
  return "# For the first till of each store of " + wishes.tenant +
         ": titan-pos setup --first-till --store-file FILE\n[store]\ntenant = " +
         quoted(wishes.tenant) + "\n\n[cloud]\nurl = " + quoted(wishes.url) +
         "\naccess_key = " + quoted(access_key) + "\npublic_key = \"" + key.hex() + "\"\n";
}

// The key belongs to whoever the folder belongs to: the service, not to the person who sets it up.
void give_to_owner_of_folder(const std::string& folder) {
  struct stat facts {};
  if (::geteuid() != 0 || ::stat(folder.c_str(), &facts) != 0) return;
  const std::string key = folder + "/cloud.key";
  if (::chown(key.c_str(), facts.st_uid, facts.st_gid) != 0) {
    std::cerr << "titan-cloud: warning: " << key << " cannot be given to the service's user\n";
  }
}

// As the service will find it: PostgreSQL knows it by its user.
bool check_as_service(const std::string& config_file, const Config& config) {
  if (::geteuid() == 0 && ::getpwnam(service_user)) {
    return run_program({"setpriv", "--reuid", service_user, "--regid", service_user,
                        "--clear-groups", "sh", "-c",
                        "exec titan-cloud check --config \"$0\" >/dev/null", config_file}) == 0;
  }
  const Status fits = check_machine(config);
  if (!fits) std::cerr << "titan-cloud: " << fits.error().message << "\n";
  return fits.has_value();
}

int start(const Config& config) {
  if (!has_systemd()) {
    std::cout << "no systemd runs here; start it with titan-cloud run\n";
    return done;
  }
  if (!start_service("titan-cloud.service")) {
    std::cerr << "titan-cloud: the service did not start: journalctl -u titan-cloud\n";
    return failed;
  }
  const auto limit = std::chrono::steady_clock::now() + started_within;
  for (int looks = 0; looks < looks_in_a_row;) {
    looks = service_runs() && answers(config) ? looks + 1 : 0;
    if (std::chrono::steady_clock::now() > limit) {
      std::cerr << "titan-cloud: it does not answer: journalctl -u titan-cloud says why\n";
      return failed;
    }
    std::this_thread::sleep_for(look_every);
  }
  std::cout << "titan-cloud runs\n";
  return done;
}

}  // namespace

Status check_machine(const Config& config) {
  std::string complaints;
  const auto note = [&](const Status& status) {
    if (!status) complaints += (complaints.empty() ? "" : "\n") + status.error().message;
  };
  if (!service_runs()) note(check_port(config));  // it has its own port
  note(check_database(config));
  for (const std::string& file : {config.tls_certificate, config.tls_key}) {
    if (!file.empty() && ::access(file.c_str(), R_OK) != 0) {
      note(make_error(ErrorCode::io, "gateway." + file + " cannot be read by this user"));
    }
  }
  if (complaints.empty()) return {};
  return make_error(ErrorCode::io, complaints);
}

int run_setup(SetupWishes wishes) {
  const std::string config_file = wishes.folder + "/titan-cloud.toml";
  const std::string store_file = wishes.folder + "/store-" + wishes.tenant + ".toml";
  const auto refuse = [](const std::string& why) {
    std::cerr << "titan-cloud: " << why << "\n";
    return unusable;
  };
  std::error_code unreadable;
  const bool is_set_up = std::filesystem::exists(config_file, unreadable);
  if (unreadable || (::geteuid() != 0 && wishes.folder == SetupWishes{}.folder)) {
    return refuse("head office is set up by root: sudo titan-cloud setup ...");
  }
  if (is_set_up) {
    return refuse("this head office is set up already: " + config_file +
                  ". Add further companies there ([[tenants]]) and restart titan-cloud.");
  }
  if (wishes.url.empty()) {
    wishes.url = (wishes.tls_key.empty() ? "ws://" : "wss://") + machine_name() + ":" +
                 wishes.listen.substr(wishes.listen.rfind(':') + 1) + "/v1/uplink";
  }
  const std::string access_key = make_access_key();
  const std::string text = config_text(wishes, access_key);
  const auto config = parse_config(text, config_file);
  if (!config) return refuse(config.error().message);
  const auto key = load_or_make_key(wishes.data);
  if (!key) return refuse(key.error().message);
  give_to_owner_of_folder(wishes.data);
  std::error_code cannot;
  std::filesystem::create_directories(wishes.folder, cannot);
  if (cannot) return refuse("cannot make " + wishes.folder + ": " + cannot.message());
  const std::string draft = config_file + ".draft";
  if (Status written = write_private_file(draft, text, service_user); !written) {
    return refuse(written.error().message);
  }
  const bool fits = check_as_service(draft, *config);
  if (!fits) {
    ::unlink(draft.c_str());
    return refuse("nothing was set up; mend that and call setup again");
  }
  // The gateway's own file last: with it the service may start.
  if (Status written = write_private_file(
          store_file, store_text(wishes, access_key, key->public_key), service_user);
      !written) {
    return refuse(written.error().message);
  }
  std::filesystem::rename(draft, config_file, cannot);
  if (cannot) return refuse("cannot write " + config_file + ": " + cannot.message());
  std::cout << "wrote " << config_file << "\n"
            << "wrote " << store_file << ": bring it to the first till of each store, there\n"
            << "  titan-pos setup --first-till --store-file /media/stick/store-" << wishes.tenant
            << ".toml\n";
  return wishes.start ? start(*config) : done;
}

}  // namespace titan::cloud
