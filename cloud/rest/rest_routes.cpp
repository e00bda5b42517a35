// Which address takes what: methods, parameters, and who may ask.
#include <algorithm>
#include <boost/json.hpp>

#include "base/crypto.h"
#include "base/http_target.h"
#include "cloud/rest/rest_call.h"

namespace titan::cloud {

namespace json = boost::json;

// A path element of a route that is "*" stands for any one.
struct Rest::Route {
  std::string_view method;
  std::vector<std::string_view> path;  // behind /v1/tenants/{tenant}
  std::vector<std::string_view> parameters;
  void (Rest::*handle)(const Call& call, const RestRequest& request, Reply reply);
};

// `route` null: the address does not take the method. `allowed` empty: there is no such address.
struct Rest::Match {
  const Route* route = nullptr;
  std::string allowed;  // "GET, HEAD, PUT, OPTIONS"
};

const std::vector<Rest::Route>& Rest::routes() {
  static const std::vector<Route> all = {
      {"GET", {"stores"}, {}, &Rest::list_stores},
      {"PUT", {"products"}, {"mode"}, &Rest::put_tenant_products},
      {"GET", {"stores", "*", "stock"}, {"limit", "after"}, &Rest::list_stock},
      {"GET", {"stores", "*", "stock", "*"}, {}, &Rest::one_stock},
      {"GET", {"stores", "*", "sales"}, {"limit", "from"}, &Rest::list_sales},
      {"GET", {"stores", "*", "vector"}, {}, &Rest::show_vector},
      {"GET", {"stores", "*", "alarms"}, {"limit"}, &Rest::list_alarms},
      {"GET", {"stores", "*", "quarantine"}, {"limit", "after"}, &Rest::list_quarantine},
      {"POST", {"stores", "*", "quarantine", "retry"}, {}, &Rest::retry_quarantine},
      {"POST", {"stores", "*", "lease", "reset"}, {}, &Rest::reset_lease},
      {"POST", {"stores", "*", "fold"}, {}, &Rest::fold},
      {"GET", {"stores", "*", "products"}, {"limit", "after"}, &Rest::list_products},
      {"PUT", {"stores", "*", "products"}, {"mode"}, &Rest::put_store_products},
  };
  return all;
}

namespace {

bool fits(const std::vector<std::string_view>& route, const std::vector<std::string>& path) {
  if (path.size() != route.size() + 3) return false;
  for (std::size_t i = 0; i < route.size(); ++i) {
    if (route[i] != "*" && route[i] != path[i + 3]) return false;
  }
  return path[0] == "v1" && path[1] == "tenants";
}

RestResponse unknown_address() {
  return error_response(make_error(ErrorCode::not_found, "there is nothing at this address"));
}

RestResponse allowed_methods(std::string allowed) {
  RestResponse response;
  response.status = 204;
  response.allow = std::move(allowed);
  return response;
}

RestResponse wrong_method(std::string allowed) {
  RestResponse response = error_response(
      405, make_error(ErrorCode::invalid, "this address takes " + allowed + " only", "method"));
  response.allow = std::move(allowed);
  return response;
}

}  // namespace

bool Rest::is_authorized(std::string_view authorization) const {
  constexpr std::string_view scheme = "bearer ";
  const std::string given = ascii_lower_case(authorization.substr(0, scheme.size()));
  return same_secret(given + std::string(authorization.substr(given.size())),
                     std::string(scheme) + gateway_.config.admin_key);
}

void Rest::handle(const RestRequest& request, Reply reply) {
  gateway_.metrics.rest_requests.Increment();
  auto target = parse_http_target(request.target);
  if (!target) return reply(error_response(target.error()));
  const auto& path = target->path;
  constexpr const char* for_reading = "GET, HEAD, OPTIONS";
  if (target->is_asterisk) {
    return reply(request.method == "OPTIONS" ? allowed_methods("GET, HEAD, PUT, POST, OPTIONS")
                                             : unknown_address());
  }
  const bool is_open = path == std::vector<std::string>{"healthz"} ||
                       path == std::vector<std::string>{"metrics"} ||
                       path == std::vector<std::string>{"v1", "key"};
  if (is_open && request.method == "OPTIONS") return reply(allowed_methods(for_reading));
  if (is_open && request.method != "GET") return reply(wrong_method(for_reading));
  if (is_open) return handle_open(path.back(), reply);
  handle_tenant(request, *target, reply);
}

// For anybody.
void Rest::handle_open(const std::string& name, Reply reply) {
  if (name == "healthz") {
    const bool up = gateway_.uplink_worker.reachable();
    gateway_.metrics.database_up.Set(up ? 1 : 0);
    return reply(
        up ? RestResponse{200, R"({"status":"ok"})"}
           : error_response(make_error(ErrorCode::unavailable, "the database does not answer")));
  }
  if (name == "metrics") {
    gateway_.metrics.projector_queue.Set(static_cast<double>(gateway_.projector.queued()));
    gateway_.metrics.database_up.Set(gateway_.uplink_worker.reachable() ? 1 : 0);
    return reply({200, gateway_.metrics.text(), "text/plain; version=0.0.4"});
  }
  reply({200, json::serialize(json::object{{"public_key", gateway_.cloud_key.public_key.hex()}})});
}

Status Rest::read_parameter(const std::vector<std::string_view>& known, const std::string& list,
                            const std::string& name, const std::string& text, Call& call) {
  if (std::find(known.begin(), known.end(), name) == known.end()) {
    return make_error(ErrorCode::invalid, "unknown parameter '" + name + "'", name);
  }
  const auto keep = [](auto read, auto& into) -> Status {
    if (!read) return read.error();
    into = std::move(*read);
    return {};
  };
  if (name == "limit") return keep(read_limit(text), call.limit);
  if (name == "mode") {
    call.replaces = text == "replace";
    if (call.replaces || text == "update") return {};
    return make_error(ErrorCode::invalid, "mode is \"update\" (the usual) or \"replace\"", "mode");
  }
  // As a form sends a field that nobody filled in.
  if (text.empty()) return {};
  if (name == "from") return keep(read_sales_place(text), call.from);
  if (list == "quarantine") return keep(read_entry_place(text), call.after_entry);
  return keep(read_sku_place(text), call.after);
}

Rest::Match Rest::find_route(const std::string& method, const std::vector<std::string>& path) {
  Match match;
  for (const Route& route : routes()) {
    if (!fits(route.path, path)) continue;
    if (route.method == method) match.route = &route;
    match.allowed += std::string(route.method) + (route.method == "GET" ? ", HEAD, " : ", ");
  }
  if (!match.allowed.empty()) match.allowed += "OPTIONS";
  return match;
}

Result<Rest::Call> Rest::read_call(const Route& route, const HttpTarget& target) const {
  Call call;
  call.key.tenant = target.path[2];
  if (!gateway_.config.find_tenant(call.key.tenant)) {
    return make_error(ErrorCode::not_found,
                      "no tenant '" + call.key.tenant + "' in the configuration");
  }
  if (target.path.size() > 4) call.key.store = target.path[4];
  if (target.path.size() > 6) call.sku = target.path[6];
  for (const auto& [name, text] : target.query) {
    const Status read = read_parameter(route.parameters, target.path.back(), name, text, call);
    if (!read) return read.error();
  }
  return call;
}

// Whether there is such an address is told to who has the key; what it takes, to anybody who asks.
void Rest::handle_tenant(const RestRequest& request, const HttpTarget& target, Reply reply) {
  Match match = find_route(request.method, target.path);
  if (!match.allowed.empty() && request.method == "OPTIONS") {
    return reply(allowed_methods(std::move(match.allowed)));
  }
  if (!is_authorized(request.authorization)) {
    return reply(error_response(make_error(
        ErrorCode::refused, "send the header Authorization: Bearer <gateway.admin_key>")));
  }
  if (match.allowed.empty()) return reply(unknown_address());
  if (!match.route) return reply(wrong_method(std::move(match.allowed)));
  const auto call = read_call(*match.route, target);
  if (!call) return reply(error_response(call.error()));
  (this->*match.route->handle)(*call, request, std::move(reply));
}

}  // namespace titan::cloud
